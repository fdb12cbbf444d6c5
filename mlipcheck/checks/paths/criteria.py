"""Questions about paths, their numbers and limits."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

from ...criterion import OWN_CONVENTION, Criterion, Reading
from .record import BARRIER, PathProfile

LEAST = 0.5  # eV that a height is taken for at least: 20 % of it are 0.1 eV
UNCERTAINTY = 0.01  # eV, of a reference's energy difference along a path
NO_ENDS = "end points without energies: give their OUTCAR"
COMPARED: dict[str, Any] = {
    "caution": 20.0,
    "fail": 50.0,
    "unit": "%",
    "rests_on": ("energies",),
    "source": f"{OWN_CONVENTION}: of the reference, or of {LEAST:g} eV where it is less",
}


def read_height(row: PathProfile, *, barrier: bool, strained: bool = False) -> Reading | None:
    if row.error or row.failures:
        name, why = row.failures[0] if row.failures else ("", row.error)
        return Reading(math.nan, f"{name}: {why}" if name else f"{why}") if barrier else None
    if (row.shape == BARRIER) != barrier or (not barrier and row.strained != strained):
        return None
    found = []
    for name, (reference, model) in row.heights.items():
        off, share = abs(model - reference), 100 / max(reference, LEAST)
        relative = f" ({100 * (model / reference - 1):+.0f} %)" if reference > UNCERTAINTY else ""
        text = f"{name} {model:.2f} eV, reference {reference:.2f}{relative}".lstrip()
        found.append(Reading(share * off, text, max(0.0, share * (off - UNCERTAINTY))))
    return max(found, key=lambda r: r.value or 0.0, default=Reading(None, NO_ENDS))


def read_profile(row: PathProfile) -> Reading | None:
    if row.error or row.rest is None or row.strained:
        return None
    off, where = row.rest
    heights = [reference for reference, _ in row.heights.values()]
    text = f"{off:.2f} eV at {where} that no factor explains"
    return Reading(100 * off / max([LEAST, *heights]), text)


CRITERIA = (
    Criterion(
        "barrier",
        partial(read_height, barrier=True),
        good="the barrier is the reference's",
        bad="the barrier differs from the reference's",
        why="rates are exponential in a barrier",
        **COMPARED,
    ),
    Criterion(
        "height of a path",
        partial(read_height, barrier=False),
        good="the energy to go along the path is the reference's",
        bad="the energy to go along the path differs from the reference's",
        why="works of separation and binding energies are such heights",
        **COMPARED,
    ),
    Criterion(
        "energy of strain",
        partial(read_height, barrier=False, strained=True),
        good="strain takes as much energy as in the reference",
        bad="strain takes another energy than in the reference",
        why="elastic constants are the curvature of this energy",
        **COMPARED | {"decides": ("vibrations",), "hints": ("relax",)},
    ),
    Criterion(
        "shape of a path",
        read_profile,
        good="the profile has the reference's shape",
        bad="the profile has another shape than the reference's: wells or tops of its own",
        why="a well or top that is not there traps atoms, or moves the transition state",
        **COMPARED,
    ),
)
