"""Tasks of a check-up by workers: processes of our own, or beside each worker of an executor."""

from __future__ import annotations

import heapq
import itertools
import math
import pickle
import queue
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from numbers import Integral, Real
from typing import Any, TypeAlias

from ase import Atoms
from ase.calculators.calculator import (
    BaseCalculator,
    CalculationFailed,
    Calculator,
    CalculatorSetupError,
    InputError,
    all_changes,
)

from ..calculators.base import FAILURES, CalculatorInfo, Evaluation, brief
from ..calculators.registry import describe
from .processes import Host, TaskTimeoutError, WorkerLostError, call_apart
from .tasks import Call, Lost, Model, Outcome, evaluate_task, load, prepare, run_task, time_task

TRIES = 2  # of a task whose worker is lost
FAILED_ROWS = 60.0  # s at least to make the rows of a failure, of which the model takes nothing
_Entry: TypeAlias = "tuple[Any, Call, int]"  # place, call, the number of this try


class StandIn(Lost):
    """A calculator in a process of ours, so that what kills or hangs it costs a row, no run."""

    def __init__(self, model: Model, recipe: dict[str, Any], workers: Workers) -> None:
        super().__init__(model, "")
        self.model, self.mlipcheck_recipe, self.workers = model, recipe, workers
        self.cutoff = model.cutoff

    def evaluate_batch(
        self, images: Sequence[Atoms], properties: Sequence[str]
    ) -> list[Evaluation]:
        found: list[Evaluation] = self._ask(evaluate_task, images, properties)
        return found

    def time(self, images: Sequence[Atoms], properties: Sequence[str]) -> float:
        """Return what `time_warm` finds in one process: a second one may not be warm."""
        seconds: float = self._ask(time_task, images, properties)
        return seconds

    def _ask(self, function: Callable[..., Any], *args: Any) -> Any:
        if self.why:  # one death is enough to know; a plan is not worth more
            raise CalculationFailed(self.why)
        try:
            return self.workers.ask(function, self.model, *args)
        except (WorkerLostError, TaskTimeoutError) as error:
            self.why = str(error)
            raise CalculationFailed(self.why) from error

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        Calculator.calculate(self, atoms, properties, system_changes)
        (found,) = self.evaluate_batch([self.atoms], properties)
        if found.error is not None:
            raise CalculationFailed(found.error)
        self.results = {name: x for name, x in vars(found).items() if x is not None}


@contextmanager
def open_stand_in(
    what: BaseCalculator | Mapping[str, Any],
    executor: Executor | int,
    timeout: float | None = None,
    *,
    early: bool = True,
) -> Iterator[StandIn]:
    """Yield a calculator that plans and runs are given instead; its workers end with it.

    Parameters
    ----------
    what : calculator of `get_calculator`, or what that is given
        Where it is not loaded here, it is loaded by workers alone.
    executor : concurrent.futures.Executor or int
        Whose workers do the tasks; a number is of processes on this machine.
    timeout : float, optional
        Seconds that a task may take.
    early : bool
        Whether all processes load the model now, and not only that which is asked for the plan.

    Raises
    ------
    InputError
        For a calculator that has no name, no workers, or no time.
    CalculatorSetupError
        Where it cannot be loaded.
    """
    check_workers(executor, timeout)
    recipe, pickled = find_recipe(what)
    spec = recipe["spec"]
    workers = Workers(executor, timeout)
    try:
        model = Model(pickled, tuple(sys.path), CalculatorInfo(spec))
        try:
            model = workers.start(model, early)
        except (CalculationFailed, WorkerLostError, TaskTimeoutError) as error:
            text = str(error).removeprefix("CalculatorSetupError: ")
            lost = not isinstance(error, CalculationFailed)
            raise CalculatorSetupError(f"{spec}: {text}" if lost else text) from error
        yield StandIn(model, recipe, workers)
    finally:
        workers.end(close=True)


def find_recipe(what: BaseCalculator | Mapping[str, Any]) -> tuple[dict[str, Any], bytes]:
    """Return what `get_calculator` is given, also pickled; `InputError` where workers have none."""
    recipe = what if isinstance(what, Mapping) else getattr(what, "mlipcheck_recipe", None)
    if recipe is None:
        assert not isinstance(what, Mapping)
        raise InputError(
            f"{describe(what).spec} is an object, which workers cannot be sent; give its name, as "
            "in get_calculator('package.module:factory')"
        )
    try:
        return dict(recipe), pickle.dumps(dict(recipe))
    except FAILURES as error:
        raise InputError(
            f"{recipe['spec']} has options that workers cannot be sent ({brief(error)}); give "
            "package.module:factory, which sets them"
        ) from error


def check_workers(executor: Any, timeout: Any) -> None:
    """Raise `InputError` for no workers, and for a timeout that nobody can keep."""
    if isinstance(executor, Integral) and executor < 1:
        raise InputError(f"workers is {executor}; give 1 or more")
    if not (executor is None or isinstance(executor, Integral) or hasattr(executor, "submit")):
        raise InputError(f"workers is {executor!r}; give a whole number, or an executor")
    if timeout is not None and not (isinstance(timeout, Real) and float(timeout) > 0):
        raise InputError(f"timeout is {timeout} s; give a positive number")
    if timeout is not None and executor is None:
        raise InputError(
            f"timeout is {timeout:g} s, but only workers can be ended; give some, as --workers 1"
        )


class Workers:
    """Where tasks are done: in processes on this machine, or beside each worker of an executor."""

    def __init__(self, executor: Executor | int, timeout: float | None = None) -> None:
        self.size = int(executor) if isinstance(executor, (int, Integral)) else None
        self._executor = None if isinstance(executor, (int, Integral)) else executor
        self._timeout = timeout
        self._host = Host()
        self._threads = ThreadPoolExecutor(self.size or 1)
        self._spare = ThreadPoolExecutor(1)

    def submit(self, call: Call) -> Future[Outcome]:
        """Do a task; starting a process and loading the model do not count for its time."""
        steps = (self._timeout, call)
        if self._executor is not None:
            return self._executor.submit(_do, call_apart, *steps)
        return self._threads.submit(_do, self._host.call, *steps)

    def start(self, model: Model, early: bool) -> Model:
        """Load a model, in one process or all, and return what it is."""
        count = self.size if self.size and early else 1
        all_ = [self._threads.submit(self._host.call, None, load, model) for _ in range(count)]
        # one that still loads would take its share of what the plan is timed on
        first, *_ = [loaded.result() for loaded in all_]
        return first

    def ask(self, function: Callable[..., Any], *args: Any) -> Any:
        """Return what a function returns in a process of this machine."""
        return self._threads.submit(self._host.call, self._timeout, function, *args).result()

    def give_up(self, call: Call, why: str) -> Outcome:
        """Let the check make its rows of a failure, in a process that nothing else waits for."""
        # the time that a user gives is the model's, and a busy machine needs more for the check's
        least = None if self._timeout is None else max(self._timeout, FAILED_ROWS)
        steps = (least, replace(call, lost=why))
        try:
            outcome: Outcome = self._spare.submit(_do, self._host.call, *steps).result()
        except FAILURES:  # it was not the calculator
            return Outcome([], lost=why)
        return outcome

    def end(self, *, close: bool = False) -> None:
        """End our own processes, whatever they do."""
        for threads in (self._threads, self._spare) if close else ():
            threads.shutdown(wait=False, cancel_futures=True)
        self._host.end(close=close)


def _do(call: Callable[..., Any], timeout: float | None, task: Call) -> Any:
    """Load what a task needs, in a process that may have to start; then do it in its time."""
    call(None, prepare, task.model if task.lost is None else None)
    return call(timeout, run_task, task)


class TaskQueue:
    """Calls to workers, and what becomes of them; one whose worker is lost is tried again."""

    def __init__(self, workers: Workers) -> None:
        self._workers = workers
        # our own get one each, so that what is urgent overtakes; executors keep a queue themselves
        self._room = workers.size or math.inf
        self._waiting: list[tuple[Any, int, _Entry]] = []
        self._count = itertools.count()
        self._running: dict[Future[Outcome], tuple[Any, _Entry]] = {}
        self._done: queue.SimpleQueue[Future[Outcome]] = queue.SimpleQueue()

    def add(self, order: Any, place: Any, call: Call, tries: int = 1) -> None:
        """Add a call; the smallest ``order`` goes first, its outcome comes with its ``place``."""
        heapq.heappush(self._waiting, (order, next(self._count), (place, call, tries)))

    def __iter__(self) -> Iterator[tuple[Any, Outcome]]:
        """Yield (place, outcome) as they come; calls may be added meanwhile."""
        while self._waiting or self._running:
            while self._waiting and len(self._running) < self._room:
                self._submit()
            future = self._done.get()
            order, (place, call, tries) = self._running.pop(future)
            try:
                outcome = future.result()
            except FAILURES as error:
                if tries < TRIES and not isinstance(error, TaskTimeoutError):
                    self.add(order, place, call, tries + 1)
                    continue
                ours = isinstance(error, (TaskTimeoutError, WorkerLostError, CalculationFailed))
                why = str(error) if ours else brief(error)
                late = isinstance(error, TaskTimeoutError)
                outcome = replace(self._workers.give_up(call, why), late=late)
            yield place, outcome

    def cancel(self) -> None:
        """Take back what has not begun."""
        self._waiting.clear()
        for future in self._running:
            future.cancel()

    def _submit(self) -> None:
        order, _, entry = heapq.heappop(self._waiting)
        try:
            future = self._workers.submit(entry[1])
        except FAILURES as error:  # it is broken, or shut down
            future = Future()
            future.set_exception(error)
        self._running[future] = order, entry
        future.add_done_callback(self._done.put)
