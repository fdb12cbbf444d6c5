"""Each check alone, ``run --only NAME`` for short: contract, dimer, relax, parity, learn."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import checkup, factor, inputs, outputs, tuned
from .app import app
from .options import (
    BackendOption,
    CellOption,
    DeviceOption,
    EnergiesOption,
    FiguresOption,
    FmaxOption,
    IndependentOption,
    JsonOption,
    OptimizerOption,
    OptionOption,
    ReferenceOption,
    RescaleOption,
    SampleOption,
    SeedOption,
    SignalOption,
    StartOption,
    StepsOption,
    StrictOption,
    SystemArgument,
    TargetOption,
    path,
)
from .places import Destination


@app.command()
def contract(
    what: SystemArgument = None,
    backend: BackendOption = "toy",
    option: OptionOption = None,
    device: DeviceOption = "auto",
    json: JsonOption = None,
    strict: StrictOption = False,
) -> None:
    """Test whether the calculator behaves as an ASE calculator: run --only interface.

    Example: mlipcheck contract -b ase:emt Cu Al
    """
    from ..system import Settings

    _, _, runs = checkup.run_checks(
        [backend],
        what or [],
        Settings(only=("interface",)),
        Destination(json, strict=strict),
        option=option,
        device=device,
    )
    outputs.exit_if_strict(strict, runs)


@app.command()
def dimer(
    what: SystemArgument = None,
    backend: BackendOption = "toy",
    option: OptionOption = None,
    device: DeviceOption = "auto",
    reference: ReferenceOption = None,
    json: JsonOption = None,
    figures: FiguresOption = None,
    strict: StrictOption = False,
) -> None:
    """Pull pairs of atoms apart and push them together: run --only dimers.

    Example: mlipcheck dimer -b chgnet Cu O Cu-Si
    """
    from ..system import Settings

    _, _, runs = checkup.run_checks(
        [backend],
        what or [],
        Settings(only=("dimers",), reference=tuple(reference or ["auto"])),
        Destination(json, figures, strict=strict),
        option=option,
        device=device,
    )
    outputs.exit_if_strict(strict, runs)


@app.command()
def relax(
    what: SystemArgument = None,
    backend: BackendOption = "toy",
    option: OptionOption = None,
    device: DeviceOption = "auto",
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
    """Relax what a reference has relaxed, and compare: run --only relaxation.

    Collections: dcdft, morse-clusters, acwf-unaries, wbm-equilibrium.

    Example: mlipcheck relax -b chgnet vasprun.xml; mlipcheck relax -b chgnet dcdft
    """
    from ..system import Settings

    _, _, runs = checkup.run_checks(
        [backend],
        what or [],
        Settings(
            only=("relaxation",),
            fmax=fmax,
            steps=steps,
            optimizer=optimizer,
            cell=cell,
            start=start,
            seed=seed,
        ),
        Destination(json, figures, strict=strict),
        option=option,
        device=device,
    )
    outputs.exit_if_strict(strict, runs)


@app.command()
def parity(
    what: SystemArgument = None,
    backend: BackendOption = "toy",
    option: OptionOption = None,
    device: DeviceOption = "auto",
    energies: EnergiesOption = None,
    signal: SignalOption = None,
    sample: SampleOption = None,
    seed: SeedOption = 0,
    independent: IndependentOption = False,
    rescale: RescaleOption = False,
    save: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", parser=path, help="With --rescale: write a backend, rescaled:FILE."
        ),
    ] = None,
    json: JsonOption = None,
    figures: FiguresOption = None,
    strict: StrictOption = False,
) -> None:
    """Compare energies, forces and stresses with labelled frames: run --only parity.

    Example: mlipcheck parity -b chgnet my_run/ my_frames.xyz --signal 0.1
    """
    from ..system import Settings

    read = [backend, *(option or []), *(what or [])]
    calculators, plans, runs = checkup.run_checks(
        [backend],
        what or [],
        Settings(
            only=("parity",),
            energies=energies,
            signal=signal,
            sample=sample,
            seed=seed,
            independent=independent,
            rescale=rescale,
        ),
        Destination(json, figures, strict=strict),
        option=option,
        device=device,
        before=None if save is None else lambda c, p: factor.check(c, p, save, rescale, read),
    )
    if save is not None:
        factor.save(calculators[0], plans[0], runs[0], save)
    outputs.exit_if_strict(strict, runs)


@app.command()
def learn(
    what: SystemArgument = None,
    backend: BackendOption = "toy",
    option: OptionOption = None,
    device: DeviceOption = "auto",
    sizes: Annotated[
        str | None, typer.Option(metavar="N,N,...", help="Frames to learn from, as 1,3,10.")
    ] = None,
    repeats: Annotated[int, typer.Option(help="Draws of each N, where there is a choice.")] = 3,
    seed: SeedOption = 0,
    independent: IndependentOption = False,
    target: TargetOption = None,
    save: Annotated[
        Path | None,
        typer.Option(metavar="FILE", parser=path, help="Keep the model fine-tuned on most frames."),
    ] = None,
    store: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            parser=path,
            help="Where finished fits are kept; by default in the cache.",
        ),
    ] = None,
    json: JsonOption = None,
    figures: FiguresOption = None,
) -> None:
    """Zero-shot, fine-tuned, from scratch, by the number of frames: run --only learning.

    Example: mlipcheck learn -b chgnet my_run/ --sizes 1,3,10 --save tuned.pth
    """
    from ..system import Settings

    read = [backend, *(option or []), *(what or [])]
    calculators, _, runs = checkup.run_checks(
        [backend],
        what or [],
        Settings(
            only=("learning",),
            learn=True,
            sizes=inputs.parse_sizes(sizes),
            repeats=repeats,
            seed=seed,
            independent=independent,
            target=target,
            fits=store,
        ),
        Destination(json, figures),
        option=option,
        device=device,
        before=lambda calculator, plan: tuned.check(calculator, plan, save, read),
    )
    tuned.compare(calculators[0], runs[0], what or [], save, quiet=json == "-")
