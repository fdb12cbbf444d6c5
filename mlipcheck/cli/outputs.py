"""Where outputs go: refused before any work where they cannot, written whole or not at all."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from .inputs import mistake

if TYPE_CHECKING:
    from ..drawing.panel import Panel
    from ..record import RunRecord


@dataclass(frozen=True)
class Destination:
    """Where the results of a command go."""

    json: str | None = None
    figures: Path | None = None
    out: Path | None = None
    markdown: bool = False
    verbose: bool = False
    strict: bool = False
    uses: tuple[str, ...] = ()

    def check(self, inputs: Iterable[str | Path]) -> None:
        """Refuse outputs that cannot be written, or would replace an input, before any work."""
        from ..uses import ALL_USES

        if self.uses and not self.strict:
            raise mistake(f"--use {self.uses[0]} says what --strict is about; give --strict too")
        for use in self.uses:
            if use not in ALL_USES:
                raise mistake(f"--use {use} is not known; give one of {', '.join(ALL_USES)}")
        check_writable(self.json, self.figures, out=self.out, inputs=inputs)


def check_writable(
    json: str | None,
    figures: Path | None = None,
    *,
    out: Path | None = None,
    option: str = "--json",
    inputs: Iterable[str | Path] = (),
) -> None:
    """Refuse outputs that cannot be written, before any work is done.

    Nor do they replace one of the ``inputs``: files, folders that are searched, words in which a
    file may stand (``mace:FILE``, ``KEY=FILE``), or any other.
    """
    from ..results_file import RESULTS

    given = list(inputs)
    if json and json != "-":
        if not _takes_a_file(Path(json)):
            raise mistake(f"{option} {json}: not writable; give a file in a folder that exists")
        _refuse_inputs(option, Path(json), given)
    if out is not None:
        _refuse_others_files(out)
        for name in (RESULTS, "report.html", "report.md"):
            _refuse_inputs("--out", out / name, given)
    for name, place in (("--figures", figures), ("--out", out)):
        if place is not None:
            present = next(p for p in (place, *place.absolute().parents) if p.exists())
            if not present.is_dir() or not os.access(present, os.W_OK):
                raise mistake(f"{name} {place}: not writable; give a folder")


def _takes_a_file(place: Path) -> bool:
    """Tell whether a file can be put there, or written to where it is a device or a pipe."""
    if place.exists() and not place.is_file():
        return not place.is_dir() and not place.is_block_device() and os.access(place, os.W_OK)
    return place.parent.is_dir() and os.access(place.parent, os.W_OK)


def _refuse_inputs(option: str, place: Path, inputs: Iterable[str | Path]) -> None:
    from ..references.reader import SUFFIXES
    from ..references.vasp import file_kind

    if not place.is_file():
        return
    read = place.suffix.lower() in SUFFIXES or file_kind(place) is not None
    for word in map(str, inputs):
        for name in (word, *re.split("[:=]", word, maxsplit=1)[1:]):
            given = Path(name)
            inside = given.is_dir() and place.resolve().is_relative_to(given.resolve())
            if (inside and read) or (given.is_file() and given.samefile(place)):
                raise mistake(f"{option} {place}: it is read, as {name}; give another place")


def _refuse_others_files(out: Path) -> None:
    """Refuse a folder whose report.html or results.json is not of mlipcheck."""
    from ..results_file import RESULTS, load_runs

    if not any((out / name).exists() for name in (RESULTS, "report.html")):
        return
    try:
        load_runs(out)
    except (OSError, ValueError) as error:
        raise mistake(
            f"--out {out}: what is in it is not of a report ({error}); give another folder"
        ) from error


def say(text: str) -> None:
    """Print a line on stderr."""
    from ..drawing.tables import clean

    typer.echo(clean(text).replace("\n", " "), err=True)


def write_json(path: str, text: str) -> None:
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
    try:
        yield
    except OSError as error:
        raise mistake(f"{option}: not written, {error.strerror}; give another place") from error


def finish(
    runs: Sequence[RunRecord], where: Destination, names: Sequence[str] | None = None
) -> None:
    """Write and print one model or several side by side; files first.

    Whoever reads the screen may stop reading, as head does.
    """
    from ..comparison import compare_runs
    from ..report import terminal
    from ..report.folder import draw_panels, write_report, write_text
    from ..results_file import dump_runs

    comparison = compare_runs(runs, names)
    if where.json:
        write_json(where.json, dump_runs(comparison.runs))
    if where.out is not None:
        with as_mistake(f"--out {where.out}"):
            paths = write_report(where.out, comparison.runs, markdown=where.markdown)
        for path in paths:
            if path.suffix != ".svg":
                say(f"report: {path}")
    if where.figures:
        write_figures(where.figures, draw_panels(comparison))
    if where.markdown and where.out is None and where.json != "-":
        typer.echo(write_text(comparison.runs), nl=False)
    elif where.json != "-":
        terminal.print_report(
            terminal.console(), comparison, verbose=where.verbose, folder=where.out
        )


def write_figures(folder: Path, panels: Sequence[Panel]) -> None:
    """Write figures into a folder, and say where they are."""
    from ..drawing.panel import write_panels

    with as_mistake(f"--figures {folder}"):
        paths = write_panels(folder, panels)
    for path in paths:
        say(f"figure: {path}")


def exit_if_strict(where: Destination, runs: Sequence[RunRecord]) -> None:
    """End with status 1 where a use that was asked about is answered with 'no'.

    So it does where an interface test failed, since every use rests on those.
    """
    from ..checks import list_checks
    from ..uses import ALL_USES

    if not where.strict:
        return
    basis = {check.name for check in list_checks() if check.foundation}
    forbidden = {a.use for run in runs for a in run.uses if a.answer == "no"}
    untested = {a.use for run in runs for a in run.uses if a.answer == "not tested"}
    for use in where.uses:
        if use in untested:
            say(f"--use {use}: not tested")
    failed = any(f.status == "fail" and f.check in basis for run in runs for f in run.findings)
    if failed or not forbidden.isdisjoint(where.uses or ALL_USES):
        raise typer.Exit(1)
