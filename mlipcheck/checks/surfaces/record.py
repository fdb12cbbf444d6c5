"""Records of surfaces: the slabs of an element, or one plane of a crystal that is cut open."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from ase import units

from ...analysis.estimate import Estimate
from ...references.doubts import Doubt
from ...storage import Record

GAPS = np.arange(0.0, 6.01, 0.25)  # Å, how wide a crystal is opened
J_PER_M2 = units.J / units.m**2  # in eV/Å^2


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
class Surface(Record):
    """The slabs of one element, which have ``facets``, or one plane, which has ``energies``.

    ``ratio`` is the slope through the origin of the model's surface energies over the reference's,
    with its jackknife interval over facets. ``energies``, shape (25,), are what it takes to open
    the crystal by 0 to 6 Å (`GAPS`), over twice the area, eV/Å^2.
    """

    name: str
    formula: str = ""
    source: str = ""
    fingerprint: str = field(default="", metadata={"input": "structure"})
    level_of_theory: str | None = None
    doubts: tuple[Doubt, ...] = ()
    facets: tuple[Facet, ...] = ()
    ratio: Estimate | None = None
    energies: np.ndarray = field(default_factory=lambda: np.array([]))
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
