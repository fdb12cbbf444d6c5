"""A task as plain data, and what is done with it in a process of its own."""

from __future__ import annotations

import pickle
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ase import Atoms
from ase.calculators.calculator import BaseCalculator, CalculationFailed, Calculator

from ..calculators.base import FAILURES, CalculatorInfo, Evaluation, stays_here
from ..calculators.evaluate import describe_error, evaluate
from ..calculators.registry import describe, get_calculator
from ..check import Context, Task
from ..checks import list_checks
from ..system import Settings
from .store import PartStore


@dataclass(frozen=True, eq=False)
class Model:
    """What a worker needs to load a calculator, and to know that it is the same.

    ``recipe`` is what `get_calculator` is given, pickled, and ``path`` where modules are;
    ``offers`` are its properties, ``cutoff`` its range (Å).
    """

    recipe: bytes
    path: tuple[str, ...]
    info: CalculatorInfo
    offers: tuple[str, ...] = ()
    cutoff: float = 5.0


@dataclass(frozen=True, eq=False)
class Call:
    """One task as plain data; with ``lost``, why it cannot be done, its rows say that."""

    model: Model
    check: str
    task: Task
    settings: Settings
    earlier: Mapping[str, Sequence[Any]]
    lost: str | None = None


@dataclass(frozen=True, eq=False)
class Outcome:
    """The rows of a task; a ``fault`` is the check's own, ``lost`` what left no row at all.

    ``late`` says that a timeout ended it.
    """

    rows: list[Any]
    fault: str | None = None
    lost: str | None = None
    late: bool = False


_loaded: dict[bytes, BaseCalculator] = {}


def load(model: Model) -> Model:
    """Load a calculator, once in each process, and return what it is here.

    Raises
    ------
    CalculationFailed
        Where it is another than the model says, as of another version.
    """
    if model.recipe not in _loaded:
        _loaded.clear()  # the one before is not asked again
        sys.path.extend(place for place in model.path if place not in sys.path)
        _loaded[model.recipe] = get_calculator(**pickle.loads(model.recipe))
    calculator = _loaded[model.recipe]
    info = describe(calculator)
    for name, value in vars(info).items():
        expected = getattr(model.info, name)
        if name != "device" and model.offers and value != expected:
            raise CalculationFailed(
                f"a worker has another {model.info.spec}: its {name} is {value}, not {expected}; "
                "install the same there"
            )
    cutoff = float(getattr(calculator, "cutoff", None) or model.cutoff)
    return replace(model, info=info, offers=tuple(calculator.implemented_properties), cutoff=cutoff)


def _calculator(model: Model) -> BaseCalculator:
    load(model)
    return _loaded[model.recipe]


def prepare(model: Model | None) -> None:
    """Load a model, if any; who can read this call has imported everything else."""
    if model is not None:
        load(model)


@stays_here()
def run_task(call: Call) -> Outcome:
    """Do one task; what is raised here is the worker's fault, and not that of a check."""
    check = next((c for c in list_checks() if c.name == call.check), None)
    if check is None:
        raise CalculationFailed(f"a worker has no check {call.check!r}; install it there")
    calculator: BaseCalculator = Lost(call.model, call.lost or "")
    if call.lost is None:
        calculator = _calculator(call.model)
    # parts are read back as those that are kept, or float32 would stay float32
    context = Context(call.settings, call.earlier, PartStore(None, None).within(check.name))
    try:
        return Outcome(check.run(calculator, call.task, context))
    except FAILURES as error:
        return Outcome([], fault=describe_error(error))


def evaluate_task(
    model: Model, images: Sequence[Atoms], properties: Sequence[str]
) -> list[Evaluation]:
    """Evaluate structures with a model."""
    return evaluate(_calculator(model), images, properties=properties)


def time_task(model: Model, images: Sequence[Atoms], properties: Sequence[str]) -> float:
    """Time a model on structures, here where it computes."""
    return time_warm(_calculator(model), images, properties)


def time_warm(
    calculator: BaseCalculator, images: Sequence[Atoms], properties: Sequence[str]
) -> float:
    """Return the seconds of a second look, without what a calculator prepares for new atoms."""
    taken = 0.0
    for first, few in ((0, images[:1]), (1, images)):
        moved = [atoms.copy() for atoms in few]
        for k, atoms in enumerate(moved):  # each another one, or a cache would answer
            atoms.positions[0] += 1e-3 * (k + first)
        start = time.perf_counter()
        evaluate(calculator, moved, properties=properties)
        taken = time.perf_counter() - start
    return taken


class Lost(Calculator):
    """Stands for a calculator whose process was lost: each check makes its failed rows of it."""

    def __init__(self, model: Model, why: str) -> None:
        super().__init__()
        self.implemented_properties = list(model.offers)
        self.mlipcheck_info = model.info
        self.dtype, self.device = model.info.dtype, model.info.device
        self.why = why

    def calculate(self, *args: Any, **kwargs: Any) -> None:
        raise CalculationFailed(self.why)
