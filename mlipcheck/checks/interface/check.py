"""The check of the interface: one row for each test."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ase import Atoms
from ase.calculators.calculator import BaseCalculator, InputError

from ...check import Check, Context, Skip, Task
from ...criterion import OWN_CONVENTION, Criterion, Reading
from ...drawing.tables import Column, Paragraph, number
from ...system import Settings, System
from .suite import ContractResult, check_calculator, iter_checks

SECONDS, EVALUATIONS = 2.0, 400  # measured, of something small


def read_status(result: ContractResult) -> Reading | None:
    if result.error is not None:
        return Reading(None, result.error)
    crossed = {"failed": 2.0, "expected failure": 1.0, "passed": 0.0}.get(result.status)
    if crossed is None:
        return None
    return Reading(crossed, f"{result.question}: {result.message}" if crossed else "passed")


def _measured(result: ContractResult, value: float | None) -> str:
    return number(value if result.value is not None and result.unit else None, ".1e")


class Interface(Check[ContractResult]):
    """Test a calculator for what every ASE calculator does."""

    name = "interface"
    title = "ASE interface tests"
    noun = "test"
    asks = "whether it behaves as an ASE calculator"
    row = ContractResult
    of_system = False
    foundation = True
    criteria = (
        Criterion(
            "interface tests",
            read_status,
            caution=0,
            fail=1,
            words="caution: a known failure; fail: any other",
            source=f"{OWN_CONVENTION}: what every ASE calculator does",
            good="it behaves as an ASE calculator does",
            bad="it does not do what scripts and checks rely on",
            why="ASE's optimizers, filters and dynamics suppose all this, and do not check it",
        ),
    )
    columns = (
        Column("", lambda r: r.status, left=True),
        Column("found", lambda r: r.message, left=True),
        Column("deviation", lambda r: _measured(r, r.value)),
        Column("tolerance", lambda r: _measured(r, r.tolerance)),
    )

    def tasks(self, system: System, settings: Settings) -> list[Task | Skip]:
        n = len(list(iter_checks()))
        # a user's own elements only where they are named for these tests alone
        elements = list(system.named) if settings.only == (self.name,) else []
        small = Atoms("N2", [[0, 0, 0], [0, 0, 2.5]])
        task = Task(f"{n} tests", elements, elements, small, EVALUATIONS, seconds=SECONDS, steps=n)
        return [task]

    def run(self, calculator: BaseCalculator, task: Task, context: Context) -> list[ContractResult]:
        try:
            asked = task.subject or None
            return check_calculator(calculator, elements=asked, progress=context.advance)
        except InputError as error:  # it answers for nothing that is tried
            return [ContractResult("all", "", "not applicable", str(error), error=str(error))]

    def remarks(self, rows: Sequence[ContractResult]) -> list[Paragraph]:
        counts = Counter(r.status for r in rows)
        return [Paragraph(", ".join(f"{n} {status}" for status, n in counts.items()) + ".")]

    def mismatch(self, one: ContractResult, other: ContractResult) -> list[str]:
        if one.name == other.name or one.error or other.error:
            return []
        return [f"one has the test {one.name}, the other {other.name}"]
