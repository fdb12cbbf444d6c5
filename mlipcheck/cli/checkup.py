"""The check-up of a system, and its record again: run, report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import inputs, outputs
from .app import app
from .options import (
    BackendOption,
    CellOption,
    DeviceOption,
    FiguresOption,
    FmaxOption,
    JsonOption,
    OptimizerOption,
    OptionOption,
    ReferenceOption,
    SeedOption,
    StartOption,
    StepsOption,
    StrictOption,
)


@app.command()
def run(
    what: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FILES or ELEMENTS ...]", help="Your system."),
    ] = None,
    backend: BackendOption = "toy",
    option: OptionOption = None,
    device: DeviceOption = "auto",
    reference: ReferenceOption = None,
    fmax: FmaxOption = 0.02,
    steps: StepsOption = 500,
    optimizer: OptimizerOption = "BFGS",
    cell: CellOption = None,
    start: StartOption = "relaxed",
    seed: SeedOption = 0,
    json: JsonOption = None,
    figures: FiguresOption = None,
    strict: StrictOption = False,
) -> None:
    """Run the check-up: dimer scan and relaxation of your system, and a verdict."""
    from ..checks.relax import RelaxSettings

    outputs.check_writable(json, figures)
    how = RelaxSettings(fmax, steps, optimizer, cell, start, seed)
    elements, files = inputs.sort_arguments(what or [])
    calculator = inputs.load_calculator(backend, device, option)
    elements, references = inputs.choose_system(calculator, elements, files)
    scans = outputs.scan(calculator, elements, reference or ["auto"])
    rows, stopped = outputs.relax(calculator, references, how) if references else ([], False)
    settings = {
        "system": what or "none named: a demonstration",
        "elements": elements,
        "reference": reference or ["auto"],
        "relax": how,
        "interrupted": stopped,
    }
    record = outputs.make_record(calculator, settings, dimers=scans, relaxations=rows)
    outputs.finish(
        record,
        json,
        figures,
        strict=strict,
        stopped=stopped,
        verdict=True,
        note=None if what else f"No system named: a demonstration on {', '.join(elements)}.",
    )


@app.command()
def report(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN.json ...", help="What --json has written.")
    ],
    json: JsonOption = None,
    figures: FiguresOption = None,
    strict: StrictOption = False,
) -> None:
    """Print runs again from their JSON: one as it was, several models side by side."""
    outputs.check_writable(json, figures)
    records = inputs.load_runs(runs)
    outputs.finish_comparison(records, runs, json, figures, strict=strict)
