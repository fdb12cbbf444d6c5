"""Records of a whole run: the rows of every check, the findings, and how they came about."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .calculators.base import CalculatorInfo
from .references.doubts import Doubt
from .storage import Record

SCHEMA = "mlipcheck/2"
STATUSES = ("fail", "caution", "not assessed", "ok")  # worst first
CROSSED = ("fail", "caution")
NOT_RUN = ("not run",)  # the subject of a finding about a check that did not run
ANSWERS = ("yes", "no fault found", "with care", "no", "not tested")
# Of the settings, what reports read, and as what.
SETTINGS: dict[str, Any] = {"energy_resolution": float | None, "rescale": bool | None}


@dataclass(frozen=True)
class Finding(Record):
    """One question, and every row that got one status by the same kind of evidence.

    Attributes
    ----------
    status : str
        fail, caution, not assessed or ok.
    check, quantity : str
        The question.
    subjects : tuple of str
        The rows, the worst first.
    value : str
        What was found for the first of them; ``number`` is the same in ``unit``.
    caution, fail : float or None
        The limits, crossed from above, or from below where ``below`` is set; ``limits`` is the
        same as text, and ``source`` where they come from.
    reason, why : str
        What the status means, and the reason to ask.
    decides, hints : tuple of str
        The uses that it decides, and those of which it can only ask for care.
    tested_on : str
        What kind of evidence it rests on.
    doubts : tuple of Doubt
        What speaks against the reference; ``capped`` where only that keeps it from failing.
    of_elements : bool
        Whether all of its rows are about elements or pairs, and none about a structure.
    """

    status: str
    check: str
    quantity: str
    subjects: tuple[str, ...]
    value: str
    number: float | None = None
    unit: str = ""
    caution: float | None = None
    fail: float | None = None
    below: bool = False
    limits: str = ""
    reason: str = ""
    why: str = ""
    source: str = ""
    decides: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()
    tested_on: str = ""
    doubts: tuple[Doubt, ...] = ()
    capped: bool = False
    of_elements: bool = False

    def __post_init__(self) -> None:
        if self.status not in STATUSES:
            raise ValueError(f"status is {self.status!r}, expected one of {', '.join(STATUSES)}")
        if not self.subjects:
            raise ValueError("no subject; a finding is about one or more")

    @property
    def question(self) -> tuple[str, str]:
        return self.check, self.quantity


@dataclass(frozen=True)
class UseAnswer(Record):
    """Whether a model may be used for something.

    ``decided_by`` is the position of the finding that decided, or that says why nothing could be
    tested; ``tested_on`` what that rests on, and ``give`` what a user could give so that it is
    tested, where nothing that decides was.
    """

    use: str
    answer: str
    decided_by: int | None
    tested_on: str = ""
    give: str = ""


@dataclass(frozen=True)
class Subject(Record):
    """What a run was about.

    ``formulas`` are those of the user's own structures, ``elements`` the elements and pairs that
    were named; ``frames`` labelled frames of ``runs`` runs, at these ``levels`` of theory.
    ``words`` are what was typed, if that is all.
    """

    formulas: tuple[str, ...] = ()
    compound: bool = False
    elements: tuple[str, ...] = ()
    frames: int = 0
    runs: int = 0
    levels: tuple[str, ...] = ()
    demonstration: bool = False
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Advice(Record):
    """One thing that would help next, why, and what to type where there is a command for it."""

    kind: str
    text: str
    command: str | None = None


@dataclass(frozen=True, eq=False)
class RunRecord(Record):
    """Everything that one command found, and how.

    ``checks`` has the rows of every check that ran, by its name; ``not_run`` says of each check
    that was left out why. ``notes`` are about what was given, ``uses`` is the verdict, ``created``
    the day (UTC), ``workers`` how many there were, None where an executor does not say.
    ``unfinished`` names the rows of each check that a timeout left no time for.
    """

    command: str
    calculator: CalculatorInfo
    versions: Mapping[str, str]
    settings: Mapping[str, Any]
    checks: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    not_run: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    interrupted: bool = False
    subject: Subject = Subject()
    findings: tuple[Finding, ...] = ()
    uses: tuple[UseAnswer, ...] = ()
    advice: tuple[Advice, ...] = ()
    created: str = ""
    workers: int | None = 1
    unfinished: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    schema: str = SCHEMA

    def rows(self, check: str) -> tuple[Any, ...]:
        """Return the rows of a check, none where it did not run."""
        return tuple(self.checks.get(check, ()))

    def command_about(self, command: str, what: str | None, *more: str) -> str | None:
        """Return what to type about one input with this model, None where nobody can type it."""
        if what is None or self.calculator.backend is None:
            return None
        options = [f"{key}={value}" for key, value in self.calculator.options.items()]
        given = [word for option in options for word in ("-o", option)]
        words = ["mlipcheck", command, "-b", self.calculator.spec, *given, what, *more]
        return shlex.join(words)


@dataclass(frozen=True, eq=False)
class Model(Record):
    """One model of a report: its run, its label, and how it is drawn.

    ``letter`` is its short name in tables of several models, empty where it is the only one.
    """

    run: RunRecord
    label: str
    colour: str
    marker: str
    letter: str = ""

    @property
    def look(self) -> tuple[str, str, str]:
        return self.label, self.colour, self.marker

    @property
    def prefix(self) -> str:
        """What the names of its own figures start with."""
        return f"{self.letter.lower()}-" if self.letter else ""
