"""The check-up of a system: run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import inputs, outputs, places
from .app import app
from .options import (
    CellOption,
    DeviceOption,
    FiguresOption,
    FmaxOption,
    IndependentOption,
    JsonOption,
    MarkdownOption,
    OptimizerOption,
    OptionOption,
    OutOption,
    ReferenceOption,
    SeedOption,
    StartOption,
    StepsOption,
    StrictOption,
    word,
)

if TYPE_CHECKING:
    from ..checks.dimers.record import DimerScan
    from ..checks.parity.record import Parity
    from ..checks.relaxation.record import Relaxation
    from ..checkup.plan import Plan
    from ..checkup.store import PartStore
    from ..record import RunRecord


@app.command()
def run(
    what: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FILES, DATA SETS or ELEMENTS ...]", parser=word, help="Your system."
        ),
    ] = None,
    backend: Annotated[
        list[str] | None,
        typer.Option(
            "-b", "--backend", metavar="NAME", help="toy, chgnet, mace:FILE, ...; one or several."
        ),
    ] = None,
    option: OptionOption = None,
    device: DeviceOption = "auto",
    out: OutOption = None,
    markdown: MarkdownOption = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="Under a minute: fewer pairs, structures, frames.")
    ] = False,
    learn: Annotated[
        bool, typer.Option("--learn", help="Also: how many frames of yours would mend it?")
    ] = False,
    target: Annotated[
        float | None, typer.Option(help="With --learn: error to reach, eV/Å (eV for the toy).")
    ] = None,
    signal: Annotated[
        float | None, typer.Option(help="Energy difference of two states that matters, eV.")
    ] = None,
    energies: Annotated[
        str | None, typer.Option(help="raw, mp2020 or fit-offsets; by default the checkpoint's.")
    ] = None,
    independent: IndependentOption = False,
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
    """Run the check-up of your system: every check that it allows, a verdict, a report.

    Files and folders are labelled frames, relaxed runs, or structures. What is interrupted goes on
    where it was when the same command is given again.
    """
    from ..checks.relaxation.relax import RelaxSettings
    from ..checkup.plan import Options, plan_checkup
    from ..checkup.run import make_store, run_checkup

    read = [*(backend or []), *(option or []), *(what or []), *(reference or [])]
    places.check_writable(json, figures, out=out, inputs=read)
    options = Options(
        reference=tuple(reference or ["auto"]),
        relax=RelaxSettings(fmax, steps, optimizer, cell, start, seed),
        energies=energies,
        signal=signal,
        seed=seed,
        independent=independent,
        learn=learn,
        target=target,
        quick=quick,
    )
    specs = backend or ["toy"]
    _refuse_mixed(specs, what or [])
    # a mistake in any of them is told before any work is done
    calculators = [inputs.load_calculator(spec, device, option) for spec in specs]
    plans = [plan_checkup(c, what or [], options) for c in calculators]
    for spec, plan in zip(specs, plans, strict=True):
        _tell(spec, plan, alone=len(specs) == 1)
    if out is not None:
        with places.told_as_a_mistake(f"--out {out}"):
            out.mkdir(parents=True, exist_ok=True)
    folder = _parts_folder(out)
    stores = [make_store(c, folder, plan) for c, plan in zip(calculators, plans, strict=True)]
    records: list[RunRecord] = []
    for calculator, plan, store in zip(calculators, plans, stores, strict=True):
        record = run_checkup(
            calculator,
            plan,
            store=store,
            progress=outputs.progress_bar,
            command=outputs.command_line(),
        )
        if store.used:
            places.tell(f"{store.used} parts of an interrupted run taken from {folder}")
        records.append(record)
        if record.settings["interrupted"]:
            break
        _refuse_nothing(record, store)
    stopped = bool(records[-1].settings["interrupted"])
    if stopped and len(records) > 1:
        # half a model is not to be compared with a whole one; its parts are kept
        places.tell(f"{specs[len(records) - 1]} is not finished, and not in the report")
        records.pop()
    names = [record.calculator.spec for record in records]
    outputs.finish_comparison(records, names, json, figures, out, strict=False, markdown=markdown)
    if stopped:
        places.tell("interrupted; the same command goes on from here")
        raise typer.Exit(130)
    for store in stores:  # the report is written: they are not needed any more
        store.clear()
    outputs.exit_if_strict(strict, records)


def _refuse_mixed(specs: Sequence[str], what: Sequence[str]) -> None:
    """Refuse models that nobody can compare, for want of a system that all know."""
    from ase.calculators.calculator import InputError

    twice = next((spec for k, spec in enumerate(specs) if spec in specs[:k]), None)
    if twice is not None:
        raise InputError(f"-b {twice}: given twice; name each model once")
    kinds = {spec.partition(":")[0] in ("toy", "ase") for spec in specs}
    if len(specs) > 1 and not what and len(kinds) > 1:
        raise InputError(
            f"{' and '.join(specs)} have no demonstration in common; name a system, as in Cu O"
        )


def _refuse_nothing(record: RunRecord, store: PartStore) -> None:
    """Raise where no pair, structure or frame of the system could be evaluated."""
    from ase.calculators.calculator import InputError

    rows: list[DimerScan | Relaxation | Parity]
    rows = [*record.dimers, *record.relaxations, *record.parities]
    errors = [f"{row.name}: {row.error}" for row in rows if row.error]
    if rows and len(errors) == len(rows):
        store.clear()  # there is nothing to go on from
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise InputError(f"nothing could be judged; {errors[0]}{more}")


def _parts_folder(out: Path | None) -> Path:
    from ..references.datasets import cache_folder

    return (out if out is not None else cache_folder()) / "unfinished"


def _tell(spec: str, plan: Plan, alone: bool) -> None:
    """Say what is going to be done, and about how long it takes."""
    whose = "" if alone else f" for {spec}"
    places.tell(f"plan{whose}, about {_duration(plan.total)}:")
    for check, what in plan.work.items():
        places.tell(f"  {check:9} {_duration(plan.seconds[check]):>7}  {what}")
    for check, why in plan.not_run.items():
        places.tell(f"  {check:9} {'-':>7}  {why}")
    for note in plan.system.notes:
        places.tell(f"  {note}")


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
