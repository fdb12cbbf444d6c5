"""The check-up: every check that what was given allows, one record, one verdict."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from ase.calculators.calculator import BaseCalculator

from ..calculators.backends import find_backend
from ..calculators.base import FAILURES, stays_here
from ..calculators.registry import describe
from ..check import Context, Task
from ..checks.kept import probe
from ..record import RunRecord, Subject
from ..results_file import make_run
from ..storage import collect_versions
from ..system import System
from ..verdict import conclude
from .plan import Job, Plan, own_fault
from .store import PartStore

MAX_FORMULAS = 3  # that a report names

# What shows how far a check is: entered with its name and its number of steps.
Progress = Callable[[str, int | None], AbstractContextManager[Callable[[int], None]]]


def run_checkup(
    calculator: BaseCalculator,
    plan: Plan,
    *,
    store: PartStore | None = None,
    progress: Progress | None = None,
    command: str = "run_checks",
) -> RunRecord:
    """Do what is planned; an interruption ends it early, and what is finished counts.

    Parameters
    ----------
    calculator : any ASE calculator
    plan : Plan
    store : PartStore, optional
        Where finished parts are kept: the same plan goes on from there. Who gives it clears it.
    progress : callable, optional
        Called with the name of each check and its number of steps; returns a context manager of a
        function that takes the steps done.
    command : str
        For the record.
    """
    store = store or PartStore(None, None)
    rows: dict[str, list[Any]] = {}
    not_run = dict(plan.not_run)
    notes: list[str] = []
    interrupted = False
    for job in plan.jobs:
        name = job.check.name
        rows[name] = []
        if interrupted and not any(rows.get(need) for need in job.check.needs):
            not_run[name] = "interrupted"
            continue
        try:
            known = [x for x in (*job.check.needs, *job.check.wants) if x in rows]
            context = Context(plan.settings, {name: rows[name] for name in known})
            try:
                _run(calculator, job, context, rows[name], store, progress or _silent)
            except KeyboardInterrupt:
                interrupted = True
                not_run[name] = "interrupted"
                store = PartStore(None, None)  # what follows has rows of half of this check
            rows[name] = job.check.finish(rows[name])
        except FAILURES as error:
            not_run[name] = own_fault(error)
            notes.append(f"{name}: {not_run[name]}.")
    run = make_run(
        command,
        describe(calculator),
        {"elements": plan.system.elements, **vars(plan.settings)},
        rows,
        not_run=not_run,
        notes=(*notes, *_notes(plan, interrupted)),
        interrupted=interrupted,
        subject=replace(_subject(plan.system), words=plan.what),
    )
    return conclude(run)


def _subject(system: System) -> Subject:
    kinds = {f"{atoms.symbols.formula.reduce()[0]:hill}": atoms for _, atoms in system.structures}
    formulas = [f"{atoms.symbols.formula.reduce()[0]:reduce}" for atoms in kinds.values()]
    return Subject(
        formulas=tuple(formulas[:MAX_FORMULAS]),
        compound=any(len(set(atoms.numbers)) > 1 for atoms in kinds.values()),
        elements=system.named,
        frames=sum(len(s.every) for s in system.frames),
        runs=sum(s.runs for s in system.frames),
        levels=tuple(dict.fromkeys(s.level_of_theory or "" for s in system.frames)),
        demonstration=system.demonstration,
    )


def _run(
    calculator: BaseCalculator,
    job: Job,
    context: Context,
    rows: list[Any],
    store: PartStore,
    progress: Progress,
) -> None:
    """Run the tasks of one check; rows are added as they come."""
    check = job.check
    with progress(check.name, sum(task.steps for task in job.tasks)) as advance:
        for task in job.tasks:
            done = _Steps(task.steps, advance)
            given = replace(context, keep=store.within(check.name), advance=done.advance)

            @stays_here
            def compute(task: Task = task, given: Context = given) -> list[Any]:
                return check.run(calculator, task, given)

            # a generic alias of a class that is known at run time only
            kind: Any = list[check.row]  # type: ignore[name-defined]
            key = (check.name, task.name, task.key, context.earlier)
            rows += store.keep(kind, key, compute)
            done.finish()


class _Steps:
    """The steps of one task: what it does not report itself is done when it ends."""

    def __init__(self, total: int, advance: Callable[[int], None]) -> None:
        self.left = total
        self._advance = advance

    def advance(self, n: int) -> None:
        n = min(n, self.left)
        self.left -= n
        self._advance(n)

    def finish(self) -> None:
        self.advance(self.left)


def _notes(plan: Plan, interrupted: bool) -> tuple[str, ...]:
    notes = [note if note.endswith("?") else f"{note}." for note in plan.notes]
    info = plan.system.calculator
    backend = find_backend(info.backend)
    if backend and backend.checkpoints and info.checkpoint == backend.checkpoints[0].name:
        notes[:0] = [backend.demonstration.remark] if backend.demonstration.remark else []
    if plan.system.demonstration:
        elements = ", ".join(plan.system.elements)
        notes.insert(0, f"No system named: a demonstration on {elements}.")
    if interrupted:
        notes.insert(0, "Interrupted: what was not finished is not assessed.")
    return tuple(notes)


def _silent(name: str, total: int | None) -> AbstractContextManager[Callable[[int], None]]:
    return nullcontext(lambda n: None)


def make_store(calculator: BaseCalculator, folder: Path, plan: Plan | None = None) -> PartStore:
    """Return where the parts of check-ups with this model are kept; of ``plan``, if it is known."""
    info = describe(calculator)
    words = plan.system.elements if plan is not None else ()  # elements and pairs
    numbers = probe(calculator, (x for word in words for x in word.split("-")))
    return PartStore(folder, [info, collect_versions(info.backend)], numbers)
