"""What a criterion is: a question, its limits, and where they come from."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..readings import Reading

HERE = "mlipcheck's convention"


@dataclass(frozen=True)
class Criterion:
    """One row of the table: a question, its limits, and where they come from.

    ``read`` takes a record to a `Reading`, or to None where the question does not arise. Values
    above a limit cross it, or below where ``below`` is set; a limit of None is never crossed.
    ``good`` and ``bad`` say what a value means, ``why`` what it matters for, ``careful`` and
    ``avoid`` what a reader should do where the limit of caution, or that of fail, is crossed.
    """

    check: str
    quantity: str
    read: Callable[[Any], Reading | None]
    caution: float | None
    fail: float | None
    limits: str
    source: str
    good: str
    bad: str
    why: str
    careful: str = ""
    avoid: str = ""
    below: bool = False

    def plain(self, status: str) -> str:
        """Return what a status means for who wants to use the model, as a sentence."""
        unknown = f"Not known: {self.quantity}."
        holds = f"{self.good[:1].upper()}{self.good[1:]}."
        words = {"fail": self.avoid, "caution": self.careful, "ok": holds, "not assessed": unknown}
        return words[status]

    def status(self, value: float) -> str:
        if math.isnan(value):
            return "fail"
        for status, limit in (("fail", self.fail), ("caution", self.caution)):
            if limit is not None and (value < limit if self.below else value > limit):
                return status
        return "ok"
