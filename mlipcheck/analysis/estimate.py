"""A number with its interval."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval; no interval where fewer than two groups are independent."""

    value: float
    low: float | None = None
    high: float | None = None
