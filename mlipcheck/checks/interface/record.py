"""The record of an interface test."""

from __future__ import annotations

from dataclasses import dataclass

from ...storage import Record


@dataclass(frozen=True)
class ContractResult(Record):
    """One test of what every ASE calculator does.

    ``status`` is ``passed``, ``failed``, ``expected failure`` or ``not applicable``; ``message``
    says what was found. ``value`` is the largest deviation and ``tolerance`` what it may be, both
    in ``unit``; None where there is nothing to measure. ``error`` is set where nothing could be
    tested, or mlipcheck itself failed.
    """

    check: str
    question: str
    status: str
    message: str
    value: float | None = None
    tolerance: float | None = None
    unit: str = ""
    error: str | None = None

    @property
    def name(self) -> str:
        return self.check
