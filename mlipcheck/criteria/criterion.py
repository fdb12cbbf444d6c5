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
    below: bool = False

    def status(self, value: float) -> str:
        if math.isnan(value):
            return "fail"
        for status, limit in (("fail", self.fail), ("caution", self.caution)):
            if limit is not None and (value < limit if self.below else value > limit):
                return status
        return "ok"
