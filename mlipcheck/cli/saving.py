"""What --save writes: one factor on all forces, as a backend, or a model that has learnt."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from . import checkup, outputs
from .inputs import mistake

if TYPE_CHECKING:
    from ase.calculators.calculator import BaseCalculator

    from ..checkup.plan import Plan
    from ..record import RunRecord

MAX_LISTED = 5  # formulas


class Saver(NamedTuple):
    """What --save does: ``check`` refuses, before any work, what ``finish`` could not save."""

    check: Callable[[BaseCalculator, Plan], None]
    finish: Callable[[BaseCalculator, Plan, RunRecord, Path | None, bool], None]


def check_factor(calculator: BaseCalculator, plan: Plan) -> None:
    """Refuse what could not be saved as a factor in the end."""
    from ..calculators.registry import check_safe, describe

    sets = plan.system.frames
    if not plan.settings.rescale:
        raise mistake("--save is of a factor; give --rescale too")
    if len(sets) != 1:
        raise mistake(f"--save is of one set of frames, {len(sets)} given; name one")
    check_safe(describe(calculator).spec, describe(calculator).options)


def save_factor(
    calculator: BaseCalculator, plan: Plan, run: RunRecord, path: Path | None, quiet: bool
) -> None:
    """Write the factor with the energies that it is about, where it was accepted."""
    from ..calculators.rescaled import RescaledCalculator
    from ..checks.parity.forces import relaxed_energies
    from ..drawing.tables import some

    if path is None:
        return
    (row,) = run.rows("parity")
    found = row.rescaling
    if found is None or not found.accepted:
        why = f": {'; '.join(found.refused)}" if found else ""
        outputs.say(f"{path} not written: the factor is refused{why}")
        return
    labels = plan.system.frames[0]
    with checkup.progress_bar("relaxing", None) as advance:
        energies, failed = relaxed_energies(calculator, labels, advance)
    for formula, why in failed:
        outputs.say(f"{formula} left out of {path}: {why}")
    if not energies:
        outputs.say(f"{path} not written: no composition could be relaxed")
        return
    fit = {"frames": labels.name, "fingerprint": row.fingerprint, **dataclasses.asdict(found)}
    with outputs.as_mistake(f"--save {path}"):
        RescaledCalculator(calculator, found.factor, energies).save(path, fit)
    formulas = some(list(energies), MAX_LISTED)
    outputs.say(f"saved: {path}, for {formulas}; use it as -b rescaled:{path}")


def check_tuned(calculator: BaseCalculator, plan: Plan) -> None:
    """Refuse what could not be fine-tuned in the end."""
    from ..calculators.registry import describe, get_trainer

    if plan.system.demonstration:
        raise mistake("--save is of learning from frames; name a file of them")
    if get_trainer(calculator) is None:
        spec = describe(calculator).spec
        raise mistake(f"--save: {spec} has no trainer, and nothing will be fine-tuned")


def save_tuned(
    calculator: BaseCalculator, plan: Plan, run: RunRecord, path: Path | None, quiet: bool
) -> None:
    """Check pairs and relaxations of the same system with the model before and after learning.

    Their report lies beside the model; where stdout is for JSON (``quiet``) nothing is printed.
    """
    from ase.calculators.calculator import InputError

    from ..calculators.registry import describe, get_calculator, get_trainer
    from ..checks.learning.record import FINE_TUNED
    from ..checkup.plan import plan_checkup
    from ..checkup.run import run_checkup
    from ..comparison import compare_runs
    from ..drawing.tables import count
    from ..report import terminal
    from ..results_file import dump_runs
    from ..storage import write_atomically
    from ..system import Settings

    curves = [curve for curve in run.rows("learning") if curve.tuned_model]
    info = describe(calculator)
    if not curves:
        if not plan.system.demonstration:
            trains = get_trainer(calculator) is not None
            why = "no fit to look at" if trains else "it has no trainer here"
            outputs.say(f"{info.spec}: nothing fine-tuned, {why}")
        return
    model = Path(curves[0].tuned_model)
    if path is not None:
        with outputs.as_mistake(f"--save {path}"):
            write_atomically(path, model.read_bytes())
        outputs.say(f"saved: {path}")
    after = get_calculator(f"{info.backend}:{model}", device=info.device or "auto")
    # with the references that a run has by default, or it would find no fault where that says no
    settings = Settings(only=("dimers", "relaxation"), quick=True)
    try:
        plans = [(c, plan_checkup(c, plan.what, settings)) for c in (calculator, after)]
    except InputError as error:  # nothing to look at, as of a public data set
        outputs.say(f"before and after are not compared: {error}")
        return
    runs = [run_checkup(c, plan, progress=checkup.progress_bar) for c, plan in plans]
    beside = model.with_suffix(".before-after.json")
    write_atomically(beside, dump_runs(runs))
    if not quiet:
        out = terminal.console()
        n = max(point.n for point in curves[0].points_of(FINE_TUNED))
        learnt = f"learning from {count(n, 'frame')}"
        out.print(f"\nBefore (A) and after (B) {learnt}, by pairs and relaxations alone")
        terminal.print_report(out, compare_runs(runs))
    outputs.say(f"again: mlipcheck report {beside}")


FACTOR = Saver(check_factor, save_factor)
TUNED = Saver(check_tuned, save_tuned)
