"""Record of paths, energies of a model and of a reference along the same images; the questions."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from ...criterion import Criterion, Reading
from ...references.doubts import Doubt
from ...references.paths import CRYSTAL, MOLECULE, STRAIN
from ...storage import Record
from ..barriers import ENERGY_LIMITS, MIN_REFERENCE, compare_energy

BARRIER, WELL, RISE = "barrier", "well", "rise"
NOISE = (0.01, 0.03)  # eV, and of the range of energies: what makes no top
UNCERTAINTY = 0.01  # eV, of a reference's energy difference along a path
NO_ENDS = "end points without energies: give their OUTCAR"


@dataclass(frozen=True, eq=False)
class PathProfile(Record):
    """Energies along one path; energies in eV relative to the first image that both have.

    Attributes
    ----------
    images : tuple of str
    coordinate, reference, model : ndarray of shape (n,)
        Å along the path, and energies; NaN where there is none.
    kind, ends, area
        As those of `ReferencePath`.
    failures : tuple of (str, str)
        The images that the model fails on, and why.
    """

    name: str
    source: str = ""
    fingerprint: str = field(default="", metadata={"input": "path"})
    level_of_theory: str | None = None
    images: tuple[str, ...] = ()
    coordinate: np.ndarray = field(default_factory=lambda: np.array([]))
    reference: np.ndarray = field(default_factory=lambda: np.array([]))
    model: np.ndarray = field(default_factory=lambda: np.array([]))
    kind: str = CRYSTAL
    ends: tuple[bool, bool] = (True, True)
    area: float | None = None
    failures: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    doubts: tuple[Doubt, ...] = ()
    error: str | None = None

    @property
    def both(self) -> np.ndarray:
        """The images that have both energies."""
        return np.flatnonzero(np.isfinite(self.reference) & np.isfinite(self.model))

    @property
    def shape(self) -> str:
        """What the reference's profile has: a barrier, a well, or a rise from end to end."""
        r = self.reference[np.isfinite(self.reference)]
        if len(r) < 3:
            return RISE
        noise = max(NOISE[0], NOISE[1] * float(np.ptp(r)))
        if r.max() > max(r[0], r[-1]) + noise:
            return BARRIER
        return WELL if r.min() < min(r[0], r[-1]) - noise else RISE

    @property
    def heights(self) -> dict[str, tuple[float, float]]:
        """Each height of the profile: that of the reference, and the model's own.

        A barrier is measured from both ends, forward and backward; a well up to both ends; a rise
        is between the images where the reference is lowest and highest. An end without an energy
        has none.
        """
        r, m = (x[self.both] for x in (self.reference, self.model))
        if not len(r):
            return {}
        shape = self.shape
        if shape == RISE:
            low, high = np.argmin(r), np.argmax(r)
            return {"": (float(r[high] - r[low]), float(m[high] - m[low]))}
        names = ("forward", "backward") if shape == BARRIER else ("to the first", "to the last")
        extreme = np.max if shape == BARRIER else np.min
        return {
            name: (abs(float(extreme(r) - r[end])), abs(float(extreme(m) - m[end])))
            for name, end in zip(names, (0, -1), strict=True)
            if self.ends[end]
        }

    @property
    def slope(self) -> float | None:
        """Model over reference, energies relative to the first, through the origin."""
        r, m = (x[self.both] for x in (self.reference, self.model))
        return float(np.sum(r * m) / np.sum(r * r)) if r.any() else None

    @property
    def rest(self) -> tuple[float, str] | None:
        """What a factor and a constant leave of the model's profile, at most (eV), and where."""
        r, m = (x[self.both] for x in (self.reference, self.model))
        if len(r) < 4 or not np.ptp(r):
            return None
        off = np.abs(m - np.polyval(np.polyfit(r, m, 1), r))
        return float(off.max()), self.images[int(self.both[np.argmax(off)])]

    def top(self, energies: np.ndarray) -> float | None:
        """Return where along the path energies are highest, from 0 to 1."""
        if not len(self.both) or not self.coordinate[-1]:
            return None
        highest = self.both[np.argmax(energies[self.both])]
        return float(self.coordinate[highest] / self.coordinate[-1])

    def traction(self, energies: np.ndarray) -> float | None:
        """Return the largest work per volume that pulling apart takes, eV/Å^3."""
        if self.area is None or len(self.both) < 2:
            return None
        steps = np.diff(energies[self.both]) / np.diff(self.coordinate[self.both])
        return float(np.abs(steps).max() / self.area)


def read_height(row: PathProfile, kind: str, barrier: bool | None = None) -> Reading | None:
    if row.kind != kind or barrier not in (None, row.shape == BARRIER):
        return None
    if row.error or row.failures:
        return Reading(math.nan, row.error or ": ".join(row.failures[0]))
    found = [
        compare_energy(name, model, reference, "reference", UNCERTAINTY)
        for name, (reference, model) in row.heights.items()
    ]
    return max(found, key=lambda r: r.value or 0.0, default=Reading(None, NO_ENDS))


def read_profile(row: PathProfile, kind: str) -> Reading | None:
    if row.error or row.rest is None or row.kind != kind:
        return None
    off, where = row.rest
    heights = [reference for reference, _ in row.heights.values()]
    text = f"{off:.2f} eV at {where} that no factor explains"
    return Reading(100 * off / max([MIN_REFERENCE, *heights]), text)


def _criterion(quantity: str, read: Any, what: str, why: str, **uses: Any) -> Criterion:
    return Criterion(
        quantity,
        read,
        good=f"{what} is the reference's",
        bad=f"{what} differs from the reference's",
        why=why,
        **ENERGY_LIMITS,
        **uses,
    )


OF_MOLECULES: dict[str, Any] = {"decides": ("molecules",), "hints": ()}
_SHAPE = "the profile's shape", "a well or top that is not there traps atoms, or moves the barrier"

CRITERIA = (
    _criterion(
        "barrier",
        partial(read_height, kind=CRYSTAL, barrier=True),
        "the barrier",
        "rates are exponential in a barrier",
    ),
    _criterion(
        "height of a path",
        partial(read_height, kind=CRYSTAL, barrier=False),
        "the energy to go along the path",
        "works of separation and binding energies are such heights",
    ),
    _criterion(
        "energy of strain",
        partial(read_height, kind=STRAIN),
        "the energy of strain",
        "elastic constants are the curvature of this energy",
        decides=("vibrations",),
        hints=("relax",),
    ),
    _criterion(
        "height of a molecule's path",
        partial(read_height, kind=MOLECULE),
        "the energy to go along a molecule's path",
        "binding energies and barriers of reactions are such heights",
        **OF_MOLECULES,
    ),
    _criterion("shape of a path", partial(read_profile, kind=CRYSTAL), *_SHAPE),
    _criterion(
        "shape of a molecule's path", partial(read_profile, kind=MOLECULE), *_SHAPE, **OF_MOLECULES
    ),
)
