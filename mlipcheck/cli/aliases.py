"""Each check alone, ``run --only NAME`` for short: contract, dimer, relax, parity, learn."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from . import checkup, factor, inputs, outputs, tuned
from .app import app
from .options import (
    BackendOption,
    DeviceOption,
    EnergiesOption,
    FiguresOption,
    IndependentOption,
    JsonOption,
    OptionOption,
    RescaleOption,
    ResolutionOption,
    SampleOption,
    SeedOption,
    StrictOption,
    SystemArgument,
    TargetOption,
    path,
)
from .places import Destination
from .run import run

# what every one of them has of `run`
SHARED = ("what", "backend", "option", "device", "json", "figures", "strict")


@dataclass(frozen=True)
class Alias:
    """A command that is `run` with one check, and the options of `run` that bear on it."""

    name: str
    check: str
    help: str
    example: str
    options: tuple[str, ...] = ()

    def add(self) -> None:
        """Add the command to the application."""

        def command(**given: Any) -> None:
            run(only=self.check, **given)

        known = inspect.signature(run, eval_str=True).parameters
        chosen = [known[name] for name in (*SHARED, *self.options)]
        command.__signature__ = inspect.Signature(chosen)  # type: ignore[attr-defined]
        command.__annotations__ = {p.name: p.annotation for p in chosen}
        command.__doc__ = f"{self.help}: run --only {self.check}.\n\nExample: {self.example}"
        app.command(self.name)(command)


for alias in (
    Alias(
        "contract",
        "interface",
        "Test whether the calculator behaves as an ASE calculator",
        "mlipcheck contract -b ase:emt Cu Al",
    ),
    Alias(
        "dimer",
        "dimers",
        "Pull pairs of atoms apart and push them together",
        "mlipcheck dimer -b chgnet Cu O Cu-Si",
        ("reference",),
    ),
    Alias(
        "relax",
        "relaxation",
        "Relax what a reference has relaxed (a run, or dcdft, acwf-unaries, wbm-equilibrium, "
        "morse-clusters), and compare",
        "mlipcheck relax -b chgnet vasprun.xml",
        ("fmax", "steps", "optimizer", "cell", "start", "seed"),
    ),
):
    alias.add()


@app.command()
def parity(
    what: SystemArgument = None,
    backend: BackendOption = "toy",
    option: OptionOption = None,
    device: DeviceOption = "auto",
    energies: EnergiesOption = None,
    energy_resolution: ResolutionOption = None,
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

    Example: mlipcheck parity -b chgnet my_run/ my_frames.xyz --energy-resolution 0.1
    """
    from ..system import Settings

    read = [backend, *(option or []), *(what or [])]
    calculators, plans, runs = checkup.run_checks(
        [backend],
        what or [],
        Settings(
            only=("parity",),
            energies=energies,
            energy_resolution=energy_resolution,
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
