"""Records of surfaces, slabs or a plane of a crystal that is cut open, and their questions."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from ase import units

from ...analysis.statistics import Estimate
from ...criterion import OWN_CONVENTION, Criterion, Reading
from ...references.metals import SLABS
from ...storage import Record
from ..crystals import CrystalRow

GAPS = np.arange(0.0, 6.01, 0.25)  # Å, how wide a crystal is opened
J_PER_M2 = units.J / units.m**2  # in eV/Å^2
HOLDS = 1e-3  # J/m²; layers that dispersion holds cost a hundred times as much
UNBOUND = HOLDS * J_PER_M2


@dataclass(frozen=True)
class Facet(Record):
    """The surface energy (eV/Å^2) of a relaxed slab, by the reference and by the model."""

    name: str
    atoms: int
    reference: float
    model: float

    @property
    def ratio(self) -> float:
        return self.model / self.reference


@dataclass(frozen=True, eq=False)
class Surface(CrystalRow):
    """The slabs of one element, which have ``facets``, or one plane, which has ``energies``.

    ``ratio`` is the slope through the origin of the model's surface energies over the reference's,
    with its jackknife interval over facets. ``energies``, shape (25,), are what it takes to open
    the crystal by 0 to 6 Å (`GAPS`), over twice the area, eV/Å^2; ``relaxed`` says that it is the
    model's own, at rest, and not in the geometry that was given, and ``bonds`` how many are cut.
    """

    facets: tuple[Facet, ...] = ()
    ratio: Estimate | None = None
    energies: np.ndarray = field(default_factory=lambda: np.array([]))
    relaxed: bool = False
    bonds: int | None = None
    error: str | None = None

    @property
    def work(self) -> float | None:
        """Half the work of separation, eV/Å^2."""
        return float(self.energies[-1]) if len(self.energies) else None

    @property
    def traction(self) -> np.ndarray:
        """The pull (eV/Å^3) between one gap and the next, shape (24,)."""
        return np.asarray(2 * np.diff(self.energies) / np.diff(GAPS))

    @property
    def fall(self) -> tuple[float, float]:
        """By how much the energy (eV/Å^2) falls at most while it should rise, and to which gap."""
        start = int(np.argmax(self.traction > 0))  # a pressed crystal opens a little by itself
        curve = self.energies[start:]
        fall = np.maximum.accumulate(curve) - curve
        at = int(np.argmax(fall))
        return float(fall[at]), float(GAPS[start + at])


def read_ratio(row: Surface) -> Reading | None:
    if row.source != SLABS:
        return None
    if row.ratio is None:
        return Reading(math.nan, row.error or "no surface energies")
    value, low, high = row.ratio.value, row.ratio.low, row.ratio.high
    least, most = (f(row.facets, key=lambda f: f.ratio) for f in (min, max))
    text = f"{value:.3f}, {least.name} {least.ratio:.2f} to {most.name} {most.ratio:.2f}"
    sure = None if low is None or high is None else 100 * max(0.0, low - 1, 1 - high)
    return Reading(100 * abs(value - 1), text, sure)


def _work(row: Surface) -> str:
    about = "" if row.relaxed else ", in the geometry given"
    return f"{(row.work or 0.0) / J_PER_M2:z.2f} J/m²{about}"


def read_binding(row: Surface) -> Reading | None:
    """Return the work of a crystal that nothing holds together; `read_cleavage` has all others."""
    if row.source == SLABS or row.work is None or row.work >= UNBOUND:
        return None
    flat = np.ptp(row.energies) < UNBOUND
    what = "no force across the plane" if flat else "the halves apart are as low as the crystal"
    what += "; dispersion holds it, which functionals like PBE lack" if row.bonds == 0 else ""
    work = row.work / J_PER_M2
    # without bonds or at another geometry than the model's own, it may not be the model's fault
    sure = HOLDS if row.bonds == 0 or not row.relaxed else work
    return Reading(work, f"{_work(row)}: {what}", sure)


def read_cleavage(row: Surface) -> Reading | None:
    """Return how far, in % of the halves apart, the energy does anything else but rise."""
    if row.source == SLABS:
        return None
    if row.work is None:
        return Reading(math.nan, row.error or "no energies")
    if row.work < UNBOUND:
        return None  # said by its binding: there is nothing to take a share of
    fall, gap = row.fall
    percent = 100 * fall / row.work
    falls = f", falls by {percent:.0f} % to {gap:.2f} Å" * (percent >= 0.5)
    return Reading(percent, _work(row) + falls)


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
        "binding across a plane",
        read_binding,
        fail=HOLDS,
        below=True,
        source=f"{OWN_CONVENTION}: layers that dispersion holds cost a hundred times as much",
        good="the crystal holds together",
        bad="nothing holds the crystal together across the plane",
        why="a crystal must be lower in energy than its halves",
        unit="J/m²",
        words=f"fail: < {HOLDS:g} J/m²; caution where no bond is cut, or in the geometry given",
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
