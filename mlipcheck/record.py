"""Records of a whole command: the findings, and everything that they rest on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .calculators.records import CalculatorInfo
from .checks.contacts.record import ClosestApproach
from .checks.dimers.record import DimerScan
from .checks.interface.record import ContractResult
from .checks.learning.record import LearningCurve
from .checks.parity.record import Parity
from .checks.relaxation.record import Relaxation

SCHEMA = "mlipcheck/1"
STATUSES = ("fail", "caution", "not assessed", "ok")  # of a finding, worst first
# Of the settings, what reports read, and as what.
SETTINGS: dict[str, Any] = {
    "elements": tuple[str, ...] | None,
    "notes": tuple[str, ...] | None,
    "relax": dict[str, Any] | None,
    "signal": float | None,
}


@dataclass(frozen=True)
class Finding:
    """One line of the verdict.

    ``status`` is ok, caution, fail or not assessed. ``value`` belongs to the first of
    ``subjects``, which is the worst of them; ``threshold`` says what it was held against, and
    ``source`` where that comes from. ``reason`` is what the status means, ``plain`` what to do
    about it, and ``why`` the reason to ask at all.
    """

    status: str
    check: str
    quantity: str
    subjects: tuple[str, ...]
    value: str
    threshold: str
    reason: str
    plain: str = ""
    why: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        if self.status not in STATUSES:
            raise ValueError(f"status is {self.status!r}, expected one of {', '.join(STATUSES)}")


@dataclass(frozen=True)
class Advice:
    """One thing that would help next, why, and what to type where there is a command for it."""

    kind: str
    text: str
    command: str | None = None


@dataclass(frozen=True, eq=False)
class RunRecord:
    """Everything that one command found, and how.

    ``not_run`` says of each check that was left out of a check-up why; ``summary`` is the verdict
    in one sentence, ``created`` the day (UTC).
    """

    command: str
    calculator: CalculatorInfo
    versions: dict[str, str]
    settings: dict[str, Any]
    dimers: tuple[DimerScan, ...] = ()
    approaches: tuple[ClosestApproach, ...] = ()
    relaxations: tuple[Relaxation, ...] = ()
    parities: tuple[Parity, ...] = ()
    learning: tuple[LearningCurve, ...] = ()
    contract: tuple[ContractResult, ...] = ()
    not_run: dict[str, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    summary: str = ""
    advice: tuple[Advice, ...] = ()
    created: str = ""
    schema: str = SCHEMA
