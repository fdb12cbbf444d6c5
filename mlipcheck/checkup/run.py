"""The check-up: every check that what was given allows, one record, one verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager, nullcontext, suppress
from copy import deepcopy
from dataclasses import replace
from typing import Any

from ase.calculators.calculator import BaseCalculator, CalculationFailed, InputError

from ..calculators.backends import find_backend
from ..calculators.base import FAILURES, stays_here
from ..calculators.registry import describe
from ..check import Context, Task
from ..checks.kept import same_numbers
from ..record import RunRecord
from ..results_file import make_run
from ..verdict import conclude
from .find import name_subject
from .plan import Job, Plan, own_fault
from .store import PartStore, probe_of
from .tasks import Call, Model, Outcome
from .workers import StandIn, TaskQueue, Workers, check_workers, open_stand_in

INTERRUPTED = "interrupted"

# What shows how far a check is: entered with its name and its number of steps.
Progress = Callable[[str, int | None], AbstractContextManager[Callable[[int], None]]]


def run_checkup(
    calculator: BaseCalculator,
    plan: Plan,
    *,
    store: PartStore | None = None,
    progress: Progress | None = None,
    command: str = "run_checks",
    executor: Executor | int | None = None,
    timeout: float | None = None,
) -> RunRecord:
    """Do what is planned; an interruption ends it early, and what is finished counts.

    Parameters
    ----------
    calculator : any ASE calculator
        With an executor, one of `get_calculator`: its name is what travels.
    plan : Plan
    store : PartStore, optional
        Where finished parts are kept: the same plan goes on from there. Who gives it clears it.
    progress : callable, optional
        Called with the name of each check and its number of steps; returns a context manager of a
        function that takes the steps done.
    command : str
        For the record.
    executor : concurrent.futures.Executor or int, optional
        Whose workers do the tasks; a number is of processes that end with this call. The record is
        that of a run without, but for ``workers``. `open_stand_in` keeps them for several plans.
    timeout : float, optional
        Seconds that a task may take; its process is then ended.

    Raises
    ------
    InputError
        For a calculator without a name, or changed since, no workers, or an impossible timeout.
    """
    check_workers(executor, timeout)
    if executor is not None and not isinstance(calculator, StandIn):
        with open_stand_in(calculator, executor, timeout) as there:
            here, away = (probe_of(x, plan.system) for x in (calculator, there))
            if not (same_numbers(here, away) or there.why):
                wrong = f"{describe(calculator).spec} was changed here, and a worker loads its own"
                raise InputError(f"{wrong}; give package.module:factory, which changes it")
            return run_checkup(there, plan, store=store, progress=progress, command=command)
    run = _Run(plan, store or PartStore(None, None), progress or _silent)
    if isinstance(calculator, StandIn):
        run.elsewhere(calculator.model, calculator.workers)
    for job in plan.jobs:
        if job.check.name not in run.rows:
            run.here(calculator, job)
    not_run = {name: run.not_run[name] for name in run.names if name in run.not_run}
    notes = [f"{name}: {why}." for name, why in not_run.items() if why != INTERRUPTED]
    notes += [f"{n}: {why}." for n, each in run.lost.items() if n not in not_run for why in each]
    record = make_run(
        command,
        describe(calculator),
        {"elements": plan.system.elements, **vars(plan.settings)},
        {name: run.rows[name] for name in run.names},
        not_run={**plan.not_run, **not_run},
        notes=(*notes, *_notes(plan, run.interrupted)),
        interrupted=run.interrupted,
        subject=replace(name_subject(plan.system), words=plan.what),
        unfinished={name: tuple(sorted(rows)) for name, rows in sorted(run.late.items())},
        workers=calculator.workers.size if isinstance(calculator, StandIn) else 1,
    )
    return conclude(record)


def find_kept(plan: Plan, store: PartStore) -> dict[str, list[bool]]:
    """Return which tasks of each check an interrupted run has kept, as far as that is known.

    It is not where a task works on rows that are still to be computed, nor of pieces of a task.
    """
    run = _Run(plan, deepcopy(store), _silent)  # what is only looked at was not used
    kept = {}
    for job in plan.jobs:
        kept[job.check.name] = [False] * len(job.tasks)
        with suppress(*FAILURES):  # rows that it needs are not there, or it is the check's fault
            parts = run.find(job)
            kept[job.check.name] = [part is not None for part in parts]
            if None not in parts:
                run.close(job, parts)
    return kept


class _Run:
    """The rows of a check-up as they come, from here or from elsewhere."""

    def __init__(self, plan: Plan, store: PartStore, progress: Progress) -> None:
        self.plan, self.store, self.progress = plan, store, progress
        self.names = [job.check.name for job in plan.jobs]
        self.rows: dict[str, list[Any]] = {}  # of checks that are finished
        self.not_run: dict[str, str] = {}
        self.lost: dict[str, list[str]] = {}  # tasks without rows, and why
        self.late: dict[str, list[str]] = {}  # rows that a timeout left no time for
        self.interrupted = False

    def here(self, calculator: BaseCalculator, job: Job) -> None:
        """Do the tasks of a check in turn."""
        if self.interrupted and not any(self.rows.get(need) for need in job.check.needs):
            self.rows[job.check.name] = []
            self.not_run[job.check.name] = INTERRUPTED
        else:
            self.close(job, self._compute(calculator, job))

    def elsewhere(self, model: Model, workers: Workers) -> None:
        """Do the tasks of all checks by workers, each when those that it needs are finished."""
        steps = sum(task.steps for job in self.plan.jobs for task in job.tasks)
        parts: dict[str, list[Any]] = {}  # rows of each task, None while it is not done
        tasks = TaskQueue(workers)
        try:
            with self.progress("tasks", steps) as advance:
                self._go_on(parts, tasks, model)
                for (job, k), outcome in tasks:
                    parts[job.check.name][k] = self._take(job, job.tasks[k], outcome)
                    advance(job.tasks[k].steps)
                    self._go_on(parts, tasks, model)
        except KeyboardInterrupt:
            workers.end()
            for job in self.plan.jobs:
                if job.check.name in parts and job.check.name not in self.rows:
                    self.close(job, _rows_of(parts[job.check.name]))
            self._interrupt()
        finally:
            tasks.cancel()
            workers.end()

    def _go_on(self, parts: dict[str, list[Any]], tasks: TaskQueue, model: Model) -> None:
        """Begin the checks that can begin, and close those that are done."""
        for job in self.plan.jobs:
            name = job.check.name
            if name not in parts and all(need in self.rows for need in job.check.needs):
                parts[name] = self._begin(job, tasks, model)
            whole = name in parts and None not in parts[name]
            if whole and name not in self.rows and all(x in self.rows for x in self._before(job)):
                self.close(job, _rows_of(parts[name]))
        if self.interrupted:
            raise KeyboardInterrupt

    def _begin(self, job: Job, tasks: TaskQueue, model: Model) -> list[Any]:
        """Return the rows of tasks that are kept, and hand out the others, the longest first."""
        name, context = job.check.name, self._context(job)
        try:
            kept = self.find(job)
        except FAILURES as error:
            return [error]
        alone = all(name not in other.check.needs for other in self.plan.jobs)
        for k, (task, seconds) in enumerate(zip(job.tasks, job.each, strict=True)):
            if kept[k] is None:
                call = Call(model, name, task, context.settings, context.earlier)
                tasks.add((alone, -seconds), (job, k), call)
        return kept

    def find(self, job: Job) -> list[Any]:
        """Return the rows of each task, None where they are not kept."""
        context = self._context(job)
        return [self.store.find(*self._key(job, task, context)) for task in job.tasks]

    def _take(self, job: Job, task: Task, outcome: Outcome) -> Any:
        """Return the rows of an outcome, which are kept, or the check's own fault."""
        if outcome.lost is not None:
            self.lost.setdefault(job.check.name, []).append(f"{task.name}: {outcome.lost}")
        if outcome.late:
            self.late.setdefault(job.check.name, []).extend(row.name for row in outcome.rows)
        if outcome.fault is not None:
            return CalculationFailed(outcome.fault)
        try:
            return self.store.put(*self._key(job, task, self._context(job)), outcome.rows)
        except FAILURES as error:
            return error

    def _compute(self, calculator: BaseCalculator, job: Job) -> Iterator[list[Any]]:
        """Yield the rows of each task of a check."""
        check, context = job.check, self._context(job)
        with self.progress(check.name, sum(task.steps for task in job.tasks)) as advance:
            for task in job.tasks:
                done = _Steps(task.steps, advance)
                given = replace(context, keep=self.store.within(check.name), advance=done.advance)

                @stays_here()
                def compute(task: Task = task, given: Context = given) -> list[Any]:
                    return check.run(calculator, task, given)

                yield self.store.keep(*self._key(job, task, context), compute)
                done.advance(done.left)

    def close(self, job: Job, parts: Iterable[list[Any]]) -> None:
        """Put the rows of a check together; what it raises is its own fault."""
        rows = self.rows[job.check.name] = []
        try:
            try:
                for part in parts:
                    rows += part
            except KeyboardInterrupt:
                self.not_run[job.check.name] = INTERRUPTED
                self._interrupt()
            earlier = {name: self.rows[name] for name in self._before(job) if name in self.rows}
            self.rows[job.check.name] = job.check.finish(rows, earlier)
            if job.check.name in self.lost and not rows:
                self.not_run[job.check.name] = "; ".join(self.lost[job.check.name])
        except FAILURES as error:
            self.not_run[job.check.name] = own_fault(error)

    def _interrupt(self) -> None:
        self.interrupted = True
        self.store = PartStore(None, None)  # what follows has rows of half of a check

    def _before(self, job: Job) -> list[str]:
        """Return the checks that must be finished before it can be."""
        before = self.names[: self.names.index(job.check.name)]
        return [name for name in (*job.check.needs, *job.check.wants) if name in before]

    def _context(self, job: Job) -> Context:
        return Context(self.plan.settings, {name: self.rows[name] for name in job.check.needs})

    def _key(self, job: Job, task: Task, context: Context) -> tuple[Any, Any]:
        """Return the type of a task's rows, and all that they depend on."""
        # a generic alias of a class that is known at run time only
        kind: Any = list[job.check.row]  # type: ignore[name-defined]
        return kind, (job.check.name, task.name, task.key, context.earlier)


def _rows_of(parts: Sequence[Any]) -> Iterator[list[Any]]:
    """Yield the rows of tasks that are done, in the order of a serial run."""
    for part in parts:
        if isinstance(part, BaseException):
            raise part
        yield part or []
    if None in parts:
        raise KeyboardInterrupt


class _Steps:
    """The steps of one task: what it does not report itself is done when it ends."""

    def __init__(self, total: int, advance: Callable[[int], None]) -> None:
        self.left = total
        self._advance = advance

    def advance(self, n: int) -> None:
        n = min(n, self.left)
        self.left -= n
        self._advance(n)


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
