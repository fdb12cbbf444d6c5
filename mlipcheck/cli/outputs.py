"""Where the results of a command go: JSON, folder, figures, screen, exit status."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from . import places
from .places import Destination, as_mistake, write_json_text

if TYPE_CHECKING:
    from ..record import RunRecord


def finish(
    runs: Sequence[RunRecord], where: Destination, names: Sequence[str] | None = None
) -> None:
    """Write and print one model or several side by side; files first.

    Whoever reads the screen may stop reading, as head does.
    """
    from ..comparison import compare_runs
    from ..report import terminal
    from ..report.folder import draw_panels, write_figures, write_text
    from ..results_file import dump_runs

    comparison = compare_runs(runs, names)
    if where.json:
        write_json_text(where.json, dump_runs(comparison.runs))
    if where.out is not None:
        _write_folder(where.out, comparison.runs, where.markdown)
    if where.figures:
        with as_mistake(f"--figures {where.figures}"):
            paths = write_figures(where.figures, draw_panels(comparison))
        for path in paths:
            places.say(f"figure: {path}")
    if where.markdown and where.out is None and where.json != "-":
        typer.echo(write_text(comparison.runs), nl=False)
    elif where.json != "-":
        out = terminal.console()
        terminal.print_report(out, comparison, verbose=where.verbose, folder=where.out)


def _write_folder(out: Path, runs: Sequence[RunRecord], markdown: bool) -> None:
    """Write the report of one model or several, and say where it is."""
    from ..report.folder import write_report

    with as_mistake(f"--out {out}"):
        paths = write_report(out, runs, markdown=markdown)
    for path in paths:
        if path.suffix != ".svg":
            places.say(f"report: {path}")


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
            places.say(f"--use {use}: not tested")
    failed = any(f.status == "fail" and f.check in basis for run in runs for f in run.findings)
    if failed or not forbidden.isdisjoint(where.uses or ALL_USES):
        raise typer.Exit(1)
