"""A report again from its results, or one of several models: report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import inputs, outputs, places
from .app import app
from .options import (
    FiguresOption,
    JsonOption,
    MarkdownOption,
    OutOption,
    StrictOption,
    path,
)


@app.command()
def report(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN.json|FOLDER ...",
            parser=path,
            help="What --json or --out has written; several models.",
        ),
    ],
    out: OutOption = None,
    markdown: MarkdownOption = False,
    json: JsonOption = None,
    figures: FiguresOption = None,
    strict: StrictOption = False,
) -> None:
    """Print and draw runs again from their results: one as it was, several models side by side.

    A single FOLDER is drawn again in its place; --out makes a new one.
    """
    from ..storage import RESULTS

    if out is None and len(runs) == 1 and runs[0].is_dir():
        out = runs[0]
    read = [run / RESULTS if run.is_dir() else run for run in runs]
    places.check_writable(json, figures, inputs=read)
    # what is drawn again stays what it was
    places.check_writable(None, out=out, inputs=read if len(runs) > 1 else ())
    records, names = inputs.load_runs(runs)
    outputs.finish_comparison(records, names, json, figures, out, strict=strict, markdown=markdown)
