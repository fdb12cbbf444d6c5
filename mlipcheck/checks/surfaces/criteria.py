"""Questions about surfaces, their numbers and limits."""

from __future__ import annotations

import math

import numpy as np

from ...criterion import OWN_CONVENTION, Criterion, Reading
from ...references.surfaces import DATASET
from .record import J_PER_M2, Surface

UNBOUND = 1e-3 * J_PER_M2  # layers that dispersion holds cost a hundred times as much


def read_ratio(row: Surface) -> Reading | None:
    if row.source != DATASET:
        return None
    if row.ratio is None:
        return Reading(math.nan, row.error or "no surface energies")
    value, low, high = row.ratio.value, row.ratio.low, row.ratio.high
    least, most = (f(row.facets, key=lambda f: f.ratio) for f in (min, max))
    text = f"{value:.3f}, {least.name} {least.ratio:.2f} to {most.name} {most.ratio:.2f}"
    sure = None if low is None or high is None else 100 * max(0.0, low - 1, 1 - high)
    return Reading(100 * abs(value - 1), text, sure)


def read_cleavage(row: Surface) -> Reading | None:
    """Return how far, in % of the halves apart, the energy does anything else but rise."""
    if row.source == DATASET:
        return None
    if row.work is None:
        return Reading(math.nan, row.error or "no energies")
    if np.ptp(row.energies) < UNBOUND:
        return Reading(math.inf, "the model sees no bond across the plane")
    text = f"{row.work / J_PER_M2:.2f} J/m²"
    if row.work <= 0:
        return Reading(math.inf, f"{text}: the halves apart are lower than the crystal")
    fall, gap = row.fall
    percent = 100 * fall / row.work
    return Reading(percent, text + f", falls by {percent:.0f} % to {gap:.2f} Å" * (percent >= 0.5))


CRITERIA = (
    Criterion(
        "γ ratio",
        read_ratio,
        caution=10.0,
        fail=25.0,
        source=f"{OWN_CONVENTION}; barriers of nucleation go as γ³, 25 % is a factor of two",
        good="surfaces cost what they cost the reference",
        bad="surfaces are cheaper or dearer than the reference's",
        why="bonds are broken on the way to a surface, as at defects and in barriers",
        unit="% off",
        rests_on=("energies",),
    ),
    Criterion(
        "cleavage",
        read_cleavage,
        caution=5.0,
        fail=20.0,
        source=f"{OWN_CONVENTION}: the energy of a crystal that is opened should only rise",
        good="the energy rises while the crystal is opened, and then stays",
        bad="the energy falls while the crystal is opened, where nothing should pull or push",
        why="cracks, voids and slabs stick where the energy has a well",
        unit="% of γ",
    ),
)
