"""A question about one row: its number, its limits, and what they rest on and bear on."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .references.doubts import Doubt
from .uses import OWN, TESTED_ON

OWN_CONVENTION = "mlipcheck's convention"


@dataclass(frozen=True)
class Reading:
    """One number of one row, which is judged; without one, ``text`` says why there is none.

    ``sure`` is the end of its interval that is nearer to the limits, where it has one: only what
    is beyond a limit with its whole interval fails.
    """

    value: float | None
    text: str
    sure: float | None = None


@dataclass(frozen=True)
class Evidence:
    """What a row rests on.

    ``tested_on`` is one of `mlipcheck.uses.TESTED_ON`, ``doubts`` speak against its reference. The
    row decides no use where somebody asked about a system without one of the ``elements``.
    """

    tested_on: str = OWN
    doubts: tuple[Doubt, ...] = ()
    elements: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.tested_on not in TESTED_ON:
            known = ", ".join(TESTED_ON)
            raise ValueError(f"tested on {self.tested_on!r}, expected one of {known}")


@dataclass(frozen=True)
class Criterion:
    """A question about a row: one number, its limits, and what each side of them means.

    Attributes
    ----------
    quantity : str
        What is judged.
    read : callable
        Takes a row to a `Reading`, or to None where the question does not arise.
    source : str
        Where the limits come from.
    good, bad, why : str
        What a value on either side means, and what it matters for.
    caution, fail : float or None
        Limits: values above cross them, or below where ``below`` is set; None is never crossed.
        Their text is made of the numbers, but for ``words``, where numbers only stand for cases.
    unit : str
    rests_on : tuple of str
        What of a reference it compares with: energies, forces, stresses, structure, curve. Nothing
        where it is a test of consistency alone.
    decides, hints : tuple of str or None
        The uses that it decides, and those of which it can only ask for care; by default those of
        its check.
    """

    quantity: str
    read: Callable[[Any], Reading | None]
    source: str
    good: str
    bad: str
    why: str
    caution: float | None = None
    fail: float | None = None
    unit: str = ""
    below: bool = False
    words: str = ""
    rests_on: tuple[str, ...] = ()
    decides: tuple[str, ...] | None = None
    hints: tuple[str, ...] | None = None

    @property
    def limits(self) -> str:
        """The limits as text, as ``caution: > 3 %; fail: > 10 %``."""
        if self.words:
            return self.words
        named = (("caution", self.caution), ("fail", self.fail))
        return "; ".join(f"{status}: {self._limit(x)}" for status, x in named if x is not None)

    def _limit(self, limit: float) -> str:
        if limit == (math.inf if self.below else 0):
            return "any"
        return f"{'<' if self.below else '>'} {limit:g} {self.unit}".rstrip()

    def status(self, reading: Reading) -> str:
        """Return what a reading is: ok, caution, fail or not assessed."""
        value = reading.value
        if value is None:
            return "not assessed"
        if math.isnan(value):
            return "fail"
        sure = value if reading.sure is None else reading.sure
        if self._crossed(sure, self.fail):
            return "fail"
        mildest = self.fail if self.caution is None else self.caution
        return "caution" if self._crossed(value, mildest) else "ok"

    def _crossed(self, value: float, limit: float | None) -> bool:
        return limit is not None and (value < limit if self.below else value > limit)
