"""What a check is: what it works on, what it finds, and how that is judged, tabled and drawn.

A check is one folder or file of `mlipcheck.checks` and one row of its list, or one entry point of
the group ``mlipcheck.checks`` in another package. Plan, run, record, verdict, comparison and report
know checks by this interface alone.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from ase import Atoms
from ase.calculators.calculator import BaseCalculator

from .criterion import Criterion, Evidence
from .drawing.tables import Block, Column, Paragraph, capital, table_of_rows
from .record import Advice, Model, RunRecord
from .system import Settings, System

if TYPE_CHECKING:
    from .drawing.panel import Panel

Row = TypeVar("Row")
Item = TypeVar("Item")


@dataclass(frozen=True, eq=False)
class Task:
    """One piece of work of a check, and what it costs.

    Attributes
    ----------
    name : str
        What to call it.
    subject : object
        What the check works on; nobody else looks into it.
    key : object
        All that the rows depend on beside check, model, versions and the rows of the checks that
        it ``needs``: plain values, arrays and records. Kept rows are found by it.
    atoms : Atoms or None
        A structure like those that are evaluated, to find out how long one takes.
    evaluations : float
        How many of them.
    batch : int
        How many at a time.
    seconds : float
        What it takes besides.
    steps : int
        Of its progress.
    """

    name: str
    subject: Any = None
    key: Any = None
    atoms: Atoms | None = None
    evaluations: float = 1
    batch: int = 1
    seconds: float = 0.0
    steps: int = 1


@dataclass(frozen=True)
class Skip:
    """Something that a check leaves out, and why; alone, why the check does not run."""

    reason: str


@dataclass(frozen=True, eq=False)
class Context:
    """What a check is given beside its task.

    Attributes
    ----------
    settings : Settings
    earlier : mapping of str to sequence
        The rows of the checks that it ``needs``.
    keep : callable
        ``keep(type, key, compute)`` returns a part of a long task: computed, or read again where
        an interrupted run has kept it. What has an ``error`` is not kept.
    advance : callable
        Takes the number of steps done since the last call.
    """

    settings: Settings = field(default_factory=Settings)
    earlier: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    keep: Callable[[Any, Any, Callable[[], Any]], Any] = lambda kind, key, compute: compute()
    advance: Callable[[int], None] = lambda n: None


class Check(ABC, Generic[Row]):
    """One physical question, from what was given to its rows, their limits, tables and figures.

    Attributes
    ----------
    name : str
        Its key in results.json and of ``run --only``.
    title : str
        What it is about, as a heading.
    noun : str
        What one of its rows is, as the head of their names.
    asks : str
        What is not known where it did not run, to follow 'not tested:'.
    row : type
        The frozen dataclass of its rows; each has a ``name`` and an ``error`` that is None where
        all went well. Fields that two models must share to be compared have the metadata
        ``{"input": "its name in words"}``.
    criteria : sequence of Criterion
    columns : sequence of Column
        Of the table of its rows.
    methods : sequence of Column
        How rows came about, for the report's methods: rows that agree share a line.
    needs, wants : tuple of str
        Checks whose rows its tasks work on, and those whose rows, if they ran, ``finish`` adds.
    comparable : bool
        Whether two models must have run it alike to stand side by side.
    of_system : bool
        Whether its rows come of evaluating the user's own system.
    foundation : bool
        Whether all other checks suppose that it passes.
    decides, hints : tuple of str
        The uses (`mlipcheck.uses.USES`) that its criteria decide, and those of which they can only
        ask for care.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    noun: ClassVar[str] = ""
    asks: ClassVar[str]
    row: ClassVar[type]
    criteria: ClassVar[Sequence[Criterion]] = ()
    columns: ClassVar[Sequence[Column]] = ()
    methods: ClassVar[Sequence[Column]] = ()
    needs: ClassVar[tuple[str, ...]] = ()
    wants: ClassVar[tuple[str, ...]] = ()
    comparable: ClassVar[bool] = True
    of_system: ClassVar[bool] = True
    foundation: ClassVar[bool] = False
    decides: ClassVar[tuple[str, ...]] = ()
    hints: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def tasks(self, system: System, settings: Settings) -> list[Task | Skip]:
        """Return what it can work on; what it leaves out, and why, is a `Skip` among it.

        Raises
        ------
        InputError
            For settings that cannot be.
        """

    @abstractmethod
    def run(self, calculator: BaseCalculator, task: Task, context: Context) -> list[Row]:
        """Return the rows of one task; what fails is a row with its error, and never raises."""

    def finish(self, rows: Sequence[Row], earlier: Mapping[str, Sequence[Any]]) -> list[Row]:
        """Return the rows with what only all of them together say, or the rows of ``earlier``.

        Those are of the checks that it needs, and of those it wants that ran.
        """
        return list(rows)

    def evidence(self, row: Row) -> Evidence:
        """Return what a row rests on, and what speaks against its reference."""
        return Evidence()

    def remarks(self, rows: Sequence[Row]) -> list[Paragraph]:
        """Return what is to be said below the table of one model's rows."""
        failed: list[Any] = [row for row in rows if row.error]  # type: ignore[attr-defined]
        return [Paragraph(f"{row.name}: {row.error}", "fail") for row in failed]

    def tables(self, models: Sequence[Model]) -> list[Block]:
        """Return the numbers of one model, or of several side by side."""
        found = [[(m.letter, r) for r in m.run.rows(self.name)] for m in models]
        if not any(found):
            return []
        blocks: list[Block] = [
            table_of_rows(capital(self.title), self.noun, align(found), self.columns)
        ]
        for model in models:
            for remark in self.remarks(model.run.rows(self.name)):
                blocks.append(dataclasses.replace(remark, text=named(model, remark.text)))
        return blocks

    def figures(self, models: Sequence[Model]) -> list[Panel]:
        """Return the figures of one model, or of several together."""
        return []

    def mismatch(self, one: Row, other: Row) -> list[str]:
        """Return what two models were not given alike, in words; nothing where they compare."""
        found = []
        for f in dataclasses.fields(one):  # type: ignore[arg-type]
            what, (a, b) = f.metadata.get("input"), (getattr(x, f.name) for x in (one, other))
            if what and a != b:
                values = "" if f.name == "fingerprint" else f", {a} and {b}"
                found.append(f"{one.name}: another {what}{values}")  # type: ignore[attr-defined]
        return found

    def beside(self, models: Sequence[tuple[str, Sequence[Row]]]) -> list[list[Row]]:
        """Return each model's rows with what several show only together, of (label, rows) each."""
        return [list(rows) for _, rows in models]

    def advice(self, run: RunRecord) -> list[Advice]:
        """Return what would help next, by the rows and findings of a run."""
        return []


def align(found: Sequence[Sequence[Item]]) -> list[list[Item]]:
    """Put the rows of several models side by side: for each position, those of all models."""
    longest = max(len(rows) for rows in found)
    return [[rows[k] for rows in found if k < len(rows)] for k in range(longest)]


def named(model: Model, text: str) -> str:
    """Say which model a line is about, where there are several."""
    return f"{model.letter}: {text}" if model.letter else text
