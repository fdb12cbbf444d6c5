"""One check a command: contract, dimer, relax."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import inputs, outputs, places
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
    path,
)


@app.command()
def contract(
    elements: Annotated[
        list[str] | None, typer.Argument(metavar="[ELEMENT ...]", help="One or two it knows.")
    ] = None,
    backend: BackendOption = "toy",
    option: OptionOption = None,
    device: DeviceOption = "auto",
    json: JsonOption = None,
    strict: StrictOption = False,
) -> None:
    """Hold the calculator to what every ASE calculator promises."""
    places.check_writable(json, inputs=[backend, *(option or [])])
    calculator = inputs.load_calculator(backend, device, option)
    results = outputs.hold_to_contract(calculator, elements)
    record = outputs.make_record(calculator, {"elements": elements}, contract=results)
    outputs.finish(record, json, None, strict=strict)


@app.command()
def dimer(
    elements: Annotated[
        list[str] | None, typer.Argument(metavar="[ELEMENT ...]", help="Cu O, or pairs: Cu-O.")
    ] = None,
    backend: BackendOption = "toy",
    option: OptionOption = None,
    device: DeviceOption = "auto",
    reference: ReferenceOption = None,
    json: JsonOption = None,
    figures: FiguresOption = None,
    strict: StrictOption = False,
) -> None:
    """Scan the distance of all pairs of the elements: wall, well, smoothness, softening."""
    from ..checkup.system import default_elements

    read = [backend, *(option or []), *(reference or [])]
    places.check_writable(json, figures, inputs=read)
    calculator = inputs.load_calculator(backend, device, option)
    chosen = elements or default_elements(calculator)
    scans = outputs.scan(calculator, chosen, reference or ["auto"])
    settings = {"elements": chosen, "reference": reference or ["auto"]}
    record = outputs.make_record(calculator, settings, dimers=scans)
    outputs.finish(record, json, figures, strict=strict)


@app.command()
def relax(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FILES ...]", parser=path, help="vasprun.xml, OUTCAR, xyz, db, folders ..."
        ),
    ] = None,
    backend: BackendOption = "toy",
    option: OptionOption = None,
    device: DeviceOption = "auto",
    reference: Annotated[
        str | None,
        typer.Option("--reference", metavar="dcdft|morse-clusters|acwf-unaries|wbm-equilibrium"),
    ] = None,
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
    """Relax reference structures with the model and compare where they end."""
    from ..checks.relaxation.relax import RelaxSettings

    read: list[str | Path] = [backend, *(option or []), *(files or [])]
    places.check_writable(json, figures, inputs=read)
    how = RelaxSettings(fmax, steps, optimizer, cell, start, seed)
    calculator = inputs.load_calculator(backend, device, option)
    references = inputs.load_structures(calculator, files or [], reference)
    rows, stopped = outputs.relax(calculator, references, how)
    named = [str(f) for f in files or []] + ([reference] if reference else [])
    settings = {"references": named, "relax": how, "interrupted": stopped}
    record = outputs.make_record(calculator, settings, relaxations=rows)
    outputs.finish(record, json, figures, strict=strict, stopped=stopped)
