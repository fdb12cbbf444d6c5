"""The check-up: plan, run, report; every command that runs checks comes here."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import typer

from . import inputs, outputs

if TYPE_CHECKING:
    from ase.calculators.calculator import BaseCalculator

    from ..checkup.plan import Plan
    from ..checkup.store import PartStore
    from ..record import RunRecord
    from ..system import Settings


def run_checks(
    specs: Sequence[str],
    what: Sequence[str],
    chosen: Settings,
    destination: outputs.Destination,
    *,
    option: list[str] | None,
    device: str,
    before: Callable[[BaseCalculator, Plan], None],
    workers: int | None = None,
    executor: str | None = None,
    timeout: float | None = None,
) -> tuple[list[BaseCalculator], list[Plan], list[RunRecord]]:
    """Plan and run checks with one model or several, and write and print what was found.

    ``before`` is called once everything is planned. An interruption ends with status 130.
    """
    from ..checkup.plan import plan_checkup
    from ..checkup.run import find_kept, run_checkup
    from ..checkup.store import make_store
    from ..checkup.workers import open_stand_in
    from ..drawing.tables import count
    from ..references.datasets import cache_folder

    destination.check([*specs, *(option or []), *what, *map(str, chosen.reference)])
    _refuse_mixed(specs, what)
    opener = inputs.find_executor(workers, executor, timeout)
    folder = (destination.out or cache_folder()) / "unfinished"
    typed = shlex.join(["mlipcheck", *sys.argv[1:]])
    runs: list[RunRecord] = []
    with ExitStack() as stack:
        opened, alone = stack.enter_context(opener()), len(specs) == 1

        def load(spec: str) -> BaseCalculator:
            if opened is None:
                return inputs.load_calculator(spec, device, option)
            recipe = inputs.read_recipe(spec, device, option)
            return stack.enter_context(open_stand_in(recipe, opened, timeout, early=alone))

        # a mistake in any of them is reported before any work is done
        calculators = [load(spec) for spec in specs]
        plans = [plan_checkup(c, what, chosen) for c in calculators]
        for calculator, plan in zip(calculators, plans, strict=True):
            before(calculator, plan)
        pairs = zip(calculators, plans, strict=True)
        stores = [make_store(c, folder, plan.system) for c, plan in pairs]
        for spec, plan, store in zip(specs, plans, stores, strict=True):
            whose = "" if alone else f" for {spec}"
            _print_plan(whose, plan, find_kept(plan, store), destination.verbose, workers or 1)
        for calculator, plan, store in zip(calculators, plans, stores, strict=True):
            run = run_checkup(calculator, plan, store=store, progress=progress_bar, command=typed)
            if store.used:
                outputs.say(
                    f"{count(store.used, 'part')} of an interrupted run taken from {folder}"
                )
            runs.append(run)
            if run.interrupted:
                break
            _refuse_nothing(run, plan, store)
    stopped = runs[-1].interrupted
    if stopped and len(runs) > 1:
        # half a model is not to be compared with a whole one; its parts are kept
        outputs.say(f"{specs[len(runs) - 1]} is not finished, and not in the report")
        runs.pop()
    outputs.finish(runs, destination)
    if stopped:
        more = "; the same command goes on from here" * any(store.kept for store in stores)
        outputs.say(f"interrupted{more}")
        raise typer.Exit(130)
    for store in stores:  # the report is written: they are not needed any more
        store.clear()
    return calculators, plans, runs


@contextmanager
def progress_bar(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """Yield a function that advances a bar on stderr; there is none unless it is a terminal."""
    from rich import progress
    from rich.console import Console

    screen = Console(stderr=True)
    with progress.Progress(
        what,
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeElapsedColumn(),
        "left:",
        progress.TimeRemainingColumn(),
        console=screen,
        transient=True,
        disable=not screen.is_terminal,
    ) as bar:
        task = bar.add_task(what, total=total)
        yield lambda n: bar.advance(task, n)


def _refuse_mixed(specs: Sequence[str], what: Sequence[str]) -> None:
    """Refuse models that nobody can compare, for want of a system that all know."""
    from ..calculators.backends import get_demonstration

    twice = next((spec for k, spec in enumerate(specs) if spec in specs[:k]), None)
    if twice is not None:
        raise inputs.mistake(f"-b {twice}: given twice; name each model once")
    if not what and len({get_demonstration(spec.partition(":")[0]) for spec in specs}) > 1:
        raise inputs.mistake(
            f"{' and '.join(specs)} have no demonstration in common; name a system, as in Cu O"
        )


def _refuse_nothing(run: RunRecord, plan: Plan, store: PartStore) -> None:
    """Raise where no pair, structure or frame of the system could be evaluated."""
    checks = {job.check.name for job in plan.jobs if job.check.of_system} or set(run.checks)
    rows = [row for name, found in run.checks.items() if name in checks for row in found]
    errors = [f"{row.name}: {row.error}" for row in rows if row.error]
    if errors and len(errors) == len(rows):
        store.clear()  # there is nothing to go on from
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise inputs.mistake(f"nothing could be judged; {errors[0]}{more}")


def _print_plan(
    whose: str, plan: Plan, kept: Mapping[str, Sequence[bool]], verbose: bool, workers: int
) -> None:
    """Say what is going to be done, and about how long what is not kept takes."""
    left = {
        job.check.name: [s for s, k in zip(job.each, kept[job.check.name], strict=True) if not k]
        for job in plan.jobs
    }
    seconds = [s for each in left.values() for s in each]
    about = max(sum(seconds) / workers, max(seconds, default=0.0))
    outputs.say(f"plan{whose}, about {_duration(about)}:")
    for line in plan.found:
        outputs.say(f"  {line}")
    for job in plan.jobs:
        name, n = job.check.name, sum(kept[job.check.name])
        done = f" (kept: {n} of {len(job.tasks)})" if n else ""
        takes = _duration(sum(left[name])) if left[name] else "-"
        outputs.say(f"  {name:10} {takes:>7}  {job.words}{done}")
    for name, why in plan.not_run.items():
        outputs.say(f"  {name:10} {'-':>7}  {why}")
    for note in plan.notes:
        outputs.say(f"  {note}")
    system = plan.system
    for name, why in (*system.left_out, *system.not_relaxed, *system.unlabelled) * verbose:
        outputs.say(f"  {name}: {why}")


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
