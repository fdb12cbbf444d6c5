"""Where outputs go: refused before any work where they cannot, written whole or told in a line."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer


@dataclass(frozen=True)
class Destination:
    """Where the results of a command go."""

    json: str | None = None
    figures: Path | None = None
    out: Path | None = None
    markdown: bool = False
    strict: bool = False

    def check(self) -> None:
        """Refuse outputs that cannot be written, before any work is done."""
        check_writable(self.json, self.figures, out=self.out)


def check_writable(
    json: str | None,
    figures: Path | None = None,
    *,
    out: Path | None = None,
    option: str = "--json",
) -> None:
    """Refuse outputs that cannot be written, before any work is done."""
    from ase.calculators.calculator import InputError

    if json and json != "-":
        folder = Path(json).parent
        if Path(json).is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
            raise InputError(f"{option} {json}: not writable; give a file in a folder that exists")
    if out is not None:
        _refuse_others_files(out)
    for name, place in (("--figures", figures), ("--out", out)):
        if place is not None:
            present = next(p for p in (place, *place.absolute().parents) if p.exists())
            if not present.is_dir() or not os.access(present, os.W_OK):
                raise InputError(f"{name} {place}: not writable; give a folder")


def _refuse_others_files(out: Path) -> None:
    """Refuse a folder whose report.html or results.json is not of mlipcheck."""
    from ase.calculators.calculator import InputError

    from ..results_file import RESULTS, load_runs

    if not any((out / name).exists() for name in (RESULTS, "report.html")):
        return
    try:
        load_runs(out)
    except (OSError, ValueError) as error:
        raise InputError(
            f"--out {out}: what is in it is not of a report ({error}); give another folder"
        ) from error


def write_json(path: str, record: Any) -> None:
    """Write a record whole or not at all; ``-`` is stdout."""
    from ..storage import dumps

    write_json_text(path, dumps(record))


def write_json_text(path: str, text: str) -> None:
    """Write JSON whole or not at all; ``-`` is stdout."""
    from ..storage import write_atomically

    if path == "-":
        typer.echo(text, nl=False)
        return
    with as_mistake(f"--json {path}"):
        write_atomically(path, text)


@contextmanager
def as_mistake(option: str) -> Iterator[None]:
    """Turn what the system says of an output into one line."""
    from ase.calculators.calculator import InputError

    try:
        yield
    except OSError as error:
        raise InputError(f"{option}: not written, {error.strerror}; give another place") from error
