"""One file from the network into a folder: checked, whole or not at all, with a progress bar."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace


def download(url: str, folder: Path, name: str, *, sha256: str, size: int) -> Path:
    """Bring a file into a folder; what is cut off or another file never gets its name there.

    Raises
    ------
    OSError, ValueError
        As pooch does: the network or the folder fails, or what came has another checksum.
    """
    import logging

    import pooch

    pooch.get_logger().setLevel(logging.WARNING)  # what fails is told once, by us
    with _progress_bar(name, size) as bar:
        return Path(
            pooch.retrieve(url, f"sha256:{sha256}", fname=name, path=folder, progressbar=bar)
        )


@contextmanager
def _progress_bar(name: str, size: int) -> Iterator[SimpleNamespace]:
    """Yield what pooch takes for a bar: on stderr, and nothing unless it is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn(name), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    screen = Console(stderr=True)
    with Progress(
        *columns, console=screen, transient=True, disable=not screen.is_terminal
    ) as progress:
        task = progress.add_task(name, total=size)
        yield SimpleNamespace(
            total=size,
            update=lambda n: progress.advance(task, n),
            reset=lambda: progress.reset(task),
            close=progress.stop,
        )
