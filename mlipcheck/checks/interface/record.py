"""Records of the contract."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ContractResult:
    """One check of the contract that an ASE calculator keeps, or does not.

    ``status`` is ``passed``, ``failed``, ``expected failure`` or ``not applicable``. ``value`` is
    the largest deviation found and ``tolerance`` what it was held against, both in ``unit``; None
    where there is nothing to measure. ``message`` says what was found. ``error`` is set where no
    test could be run.
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
