"""What a reading is: one number of one record, or why there is none."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Reading:
    """One number of one pair or structure.

    ``value`` is held against the limits; None: could not be judged, for the reason in ``text``.
    """

    value: float | None
    text: str
