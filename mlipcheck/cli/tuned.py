"""A model before and after learning: what it gained, and what it may have lost elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from . import checkup, places

if TYPE_CHECKING:
    from ase.calculators.calculator import BaseCalculator

    from ..checkup.plan import Plan
    from ..record import RunRecord


def check(calculator: BaseCalculator, plan: Plan, save: Path | None, read: Sequence[str]) -> None:
    """Refuse what cannot come out in the end, before any work is done."""
    from ase.calculators.calculator import InputError

    from ..calculators.registry import describe, get_trainer

    if save is None:
        return
    places.check_writable(str(save), option="--save", inputs=read)
    if plan.system.demonstration:
        raise InputError("--save is of learning from frames; name a file of them")
    if get_trainer(calculator) is None:
        spec = describe(calculator).spec
        raise InputError(f"--save: {spec} has no trainer, and nothing will be fine-tuned")


def finish(
    calculator: BaseCalculator, plan: Plan, run: RunRecord, save: Path | None, *, quiet: bool
) -> None:
    """Check pairs and relaxations of the same system with the model before and after.

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
            places.say(f"{info.spec}: nothing fine-tuned, {why}")
        return
    model = Path(curves[0].tuned_model)
    if save is not None:
        with places.as_mistake(f"--save {save}"):
            write_atomically(save, model.read_bytes())
        places.say(f"saved: {save}")
    after = get_calculator(f"{info.backend}:{model}", device=info.device or "auto")
    settings = Settings(only=("dimers", "relaxation"), reference=("none",), quick=True)
    try:
        plans = [(c, plan_checkup(c, plan.what, settings)) for c in (calculator, after)]
    except InputError as error:  # nothing to look at, as of a public data set
        places.say(f"before and after are not compared: {error}")
        return
    runs = [run_checkup(c, plan, progress=checkup.progress_bar) for c, plan in plans]
    path = model.with_suffix(".before-after.json")
    write_atomically(path, dump_runs(runs))
    if not quiet:
        out = terminal.console()
        n = max(point.n for point in curves[0].points_of(FINE_TUNED))
        out.print(f"\nBefore (A) and after (B) learning from {count(n, 'frame')}")
        terminal.print_report(out, compare_runs(runs))
    places.say(f"again: mlipcheck report {path}")
