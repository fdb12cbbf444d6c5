"""Reading of how close atoms come."""

from __future__ import annotations

import math

from ...check import Reading
from .record import ClosestApproach


def read_room(row: ClosestApproach) -> Reading | None:
    if row.distance is None:
        return None
    seen = f"{row.distance:.2f} Å in {row.structure}"
    if row.innermost is None:
        return Reading(None, f"{seen}; the pair was not scanned")
    if row.collapse is not None:
        ratio = row.distance / row.collapse
        return Reading(ratio, f"{seen}, {ratio:.2f} times the {row.collapse:.2f} Å of the collapse")
    if row.distance < row.innermost:
        return Reading(None, f"{seen}, closer than was scanned ({row.innermost:.2f} Å)")
    return Reading(math.inf, f"{seen}; the wall holds down to {row.innermost:.2f} Å")
