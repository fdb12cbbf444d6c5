"""A report again from its results, or one of several models: report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from . import inputs, outputs, places
from .app import app
from .options import options, path
from .places import Destination


@app.command()
@options("out", "markdown", "json", "figures", "verbose", "strict", "uses")
def report(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN.json|FOLDER",
            parser=path,
            help="What --json or --out has written; several models.",
        ),
    ],
    *,
    out: Path | None,
    uses: list[str] | None,
    **given: Any,
) -> None:
    """Print and draw runs again from their results, several models side by side.

    A single FOLDER is drawn again in its place; --out makes a new one.

    Example: mlipcheck report chgnet/ sevennet/ --out both
    """
    from ..results_file import RESULTS

    if out is None and len(runs) == 1 and runs[0].is_dir():
        out = runs[0]
    where = Destination(out=out, uses=tuple(uses or ()), **given)
    read = [run / RESULTS if run.is_dir() else run for run in runs]
    where.check(read if len(runs) > 1 else ())  # a single one is drawn again in its place
    places.check_writable(where.json, where.figures, inputs=read)
    records, names = inputs.load_runs(runs)
    outputs.finish(records, where, names)
    outputs.exit_if_strict(where, records)
