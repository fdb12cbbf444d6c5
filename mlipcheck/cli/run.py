"""The check-up: run."""

from __future__ import annotations

from typing import Annotated

import typer

from . import checkup, outputs
from .app import app
from .options import (
    BackendsOption,
    CellOption,
    DeviceOption,
    EnergiesOption,
    FiguresOption,
    FmaxOption,
    IndependentOption,
    JsonOption,
    MarkdownOption,
    OptimizerOption,
    OptionOption,
    OutOption,
    ReferenceOption,
    RescaleOption,
    ResolutionOption,
    SampleOption,
    SeedOption,
    StartOption,
    StepsOption,
    StrictOption,
    SystemArgument,
    TargetOption,
)
from .places import Destination


@app.command()
def run(
    what: SystemArgument = None,
    backend: BackendsOption = None,
    option: OptionOption = None,
    device: DeviceOption = "auto",
    only: Annotated[
        str | None, typer.Option(metavar="NAME,...", help="Checks to run; see mlipcheck checks.")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Under a minute: fewer pairs, structures, frames.")
    ] = False,
    learn: Annotated[
        bool, typer.Option("--learn", help="Also: how many frames of yours would improve it?")
    ] = False,
    target: TargetOption = None,
    energy_resolution: ResolutionOption = None,
    energies: EnergiesOption = None,
    sample: SampleOption = None,
    independent: IndependentOption = False,
    rescale: RescaleOption = False,
    reference: ReferenceOption = None,
    fmax: FmaxOption = 0.02,
    steps: StepsOption = 500,
    optimizer: OptimizerOption = "BFGS",
    cell: CellOption = None,
    start: StartOption = "relaxed",
    seed: SeedOption = 0,
    out: OutOption = None,
    markdown: MarkdownOption = False,
    json: JsonOption = None,
    figures: FiguresOption = None,
    strict: StrictOption = False,
) -> None:
    """Run the check-up of your system: every check that it allows, a verdict, a report.

    Files and folders are labelled frames, relaxed runs, or structures. What is interrupted goes on
    where it was when the same command is given again.

    Example: mlipcheck run -b chgnet my_run/ --out report
    """
    from ..system import Settings

    _, _, runs = checkup.run_checks(
        backend or ["toy"],
        what or [],
        Settings(
            only=tuple(only.split(",")) if only else (),
            quick=quick,
            reference=tuple(reference or ["auto"]),
            fmax=fmax,
            steps=steps,
            optimizer=optimizer,
            cell=cell,
            start=start,
            seed=seed,
            energies=energies,
            energy_resolution=energy_resolution,
            sample=sample,
            independent=independent,
            rescale=rescale,
            learn=learn,
            target=target,
        ),
        Destination(json, figures, out, markdown, strict),
        option=option,
        device=device,
    )
    outputs.exit_if_strict(strict, runs)
