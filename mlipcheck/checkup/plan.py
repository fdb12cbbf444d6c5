"""What a check-up is going to do, and about how long it takes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from ase import Atoms
from ase.calculators.calculator import BaseCalculator, CalculationFailed, InputError

from ..calculators.base import FAILURES
from ..calculators.evaluate import describe_error
from ..calculators.registry import describe
from ..check import Check, Skip, Task
from ..checks import broken_checks, list_checks
from ..drawing.tables import list_reasons, some
from ..references.reader import Run
from ..system import Settings, System
from .find import ENERGY_RESOLUTION, find_system
from .tasks import time_warm
from .workers import StandIn

ENOUGH = 32  # atoms in a batch: in a larger one they cost about as much each
PROPERTIES = ("energy", "forces", "stress")


@dataclass(frozen=True, eq=False)
class Job:
    """One check that is going to run: its tasks, and about how many seconds they take."""

    check: Check[Any]
    tasks: tuple[Task, ...]
    seconds: float

    @property
    def words(self) -> str:
        """Its tasks in words."""
        count = f"{len(self.tasks)}: " if len(self.tasks) > 1 else ""
        return count + some([t.name for t in self.tasks])

    @property
    def each(self) -> list[float]:
        """About how many seconds each task takes."""
        work = [len(task.atoms or ()) * task.evaluations for task in self.tasks]
        rest = self.seconds - sum(task.seconds for task in self.tasks)
        share = rest / (sum(work) or 1)
        return [t.seconds + share * w for t, w in zip(self.tasks, work, strict=True)]


@dataclass(frozen=True, eq=False)
class Plan:
    """What is going to be done with what was given: jobs in their order, and what is left out.

    ``what`` is what was typed, nothing where structures were given in Python. ``found`` says what
    was found in files, and what of it does not count.
    """

    what: tuple[str, ...]
    system: System
    settings: Settings
    jobs: tuple[Job, ...]
    not_run: dict[str, str]
    notes: tuple[str, ...] = ()
    found: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        return sum(job.seconds for job in self.jobs)


def plan_checkup(
    calculator: BaseCalculator, what: Sequence[str | Run] = (), settings: Settings | None = None
) -> Plan:
    """Find out what was given and what is to be done with it, and try how long that takes.

    Parameters
    ----------
    calculator : any ASE calculator
    what : sequence of str or Run
        Elements, pairs, data sets, files, folders; what was read; nothing is a demonstration.
    settings : Settings, optional

    Raises
    ------
    InputError
        For what cannot be read, settings that cannot be, and where no check has anything to do.
    """
    settings = settings or Settings()
    chosen = choose_checks(settings.only)
    if what or settings.paths or any(check.of_system for check in chosen):
        system = find_system(calculator, what, settings)
    else:  # nobody has to know which
        system = System(describe(calculator))
    if settings.sample is not None:
        frames = tuple(s.sample(settings.sample, settings.seed) for s in system.frames)
        system = replace(system, frames=frames)
    if system.demonstration and system.frames and settings.energy_resolution is None:
        settings = replace(settings, energy_resolution=ENERGY_RESOLUTION)
    jobs: list[Job] = []
    not_run: dict[str, str] = {} if settings.only else broken_checks()
    notes = [f"{name}: {why}" for name, why in not_run.items()]
    for check in chosen:
        try:
            found = check.tasks(system, settings)
        except InputError:
            raise
        except FAILURES as error:
            not_run[check.name] = own_fault(error)
            notes.append(f"{check.name}: {not_run[check.name]}")
            continue
        tasks = tuple(t for t in found if isinstance(t, Task))
        skips = [t.reason for t in found if isinstance(t, Skip)]
        missing = [need for need in check.needs if need not in {job.check.name for job in jobs}]
        if tasks and not missing:
            jobs.append(Job(check, tasks, _estimate(calculator, tasks)))
            notes += skips
        else:
            not_run[check.name] = "; ".join(skips) or not_run.get(missing[0], f"needs {missing[0]}")
    if not jobs:
        raise InputError("; ".join(f"{name}: {why}" for name, why in not_run.items()))
    # what cannot be read is a row of a check, or why one has none, or is said here
    rows = {task.name for job in jobs for task in job.tasks}
    said = "\n".join((*notes, *not_run.values()))
    unread = [(r.name, (r.error or "").removeprefix(f"{r.source}: ")) for r in system.references]
    lost = [(name, why) for name, why in unread if why and name not in rows and why not in said]
    notes += list_reasons(lost)
    found_words = [system.found] * bool(system.found) + list_reasons(system.left_out)
    typed = tuple(word for word in what if isinstance(word, str))
    return Plan(
        typed if len(typed) == len(what) else (),
        system,
        settings,
        tuple(jobs),
        not_run,
        tuple(notes),
        tuple(found_words),
    )


def choose_checks(only: Sequence[str]) -> tuple[Check[Any], ...]:
    """Return the checks of these names and what they need, in their order; all where none is named.

    Raises
    ------
    InputError
        For a name that no check has.
    """
    known = {check.name: check for check in list_checks()}
    for name in only:
        if name not in known:
            why = broken_checks().get(name)
            raise InputError(why or f"no check is called {name!r}; known: {', '.join(known)}")
    wanted = {*only, *(need for name in only for need in known[name].needs)}
    return tuple(check for name, check in known.items() if not only or name in wanted)


def own_fault(error: BaseException) -> str:
    """Say that a check did not get to its end by its own fault, which stops no other check."""
    return f"the check itself failed: {describe_error(error)}"


def _estimate(calculator: BaseCalculator, tasks: Sequence[Task]) -> float:
    """Time a task of middling size, and scale by what all evaluate; failures take no time."""
    seconds = sum(task.seconds for task in tasks)
    timed = [task for task in tasks if task.atoms and task.evaluations]  # with atoms at all
    if not timed:
        return seconds
    work = [len(task.atoms or ()) * task.evaluations for task in timed]
    middle = sorted(timed, key=lambda task: len(task.atoms or ()))[len(timed) // 2]
    assert middle.atoms is not None
    batch = max(1, min(middle.batch, ENOUGH // len(middle.atoms)))
    one = _time(calculator, [middle.atoms] * batch) / batch
    return seconds + one * sum(work) / len(middle.atoms)


def _time(calculator: BaseCalculator, images: Sequence[Atoms]) -> float:
    """Return how many seconds images take where they are computed; nothing where that is lost."""
    if not isinstance(calculator, StandIn):
        return time_warm(calculator, images, PROPERTIES)
    with suppress(CalculationFailed):
        return calculator.time(images, PROPERTIES)
    return 0.0
