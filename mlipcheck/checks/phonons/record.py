"""Records of phonons: forces on displaced cells, and the frequencies that follow from them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ...analysis.slope import Slope
from ...references.doubts import Doubt
from ...storage import Record

STEPS = (0.01, 0.03)  # Å that atoms of a crystal without a file are displaced by
HEIGHT = 7.0  # Å between the supercell's faces: forces reach about as far


@dataclass(frozen=True, eq=False)
class Spectrum(Record):
    """Frequencies on a mesh of 11 x 11 x 11 wave vectors, in THz; imaginary ones are negative.

    In ``mean`` these are zero. ``density`` of shape (200,): modes a THz, ``lowest`` to ``highest``.
    """

    lowest: float
    highest: float
    mean: float
    density: np.ndarray = field(default_factory=lambda: np.array([]))


@dataclass(frozen=True, eq=False)
class CrystalPhonons(Record):
    """The phonons of one crystal, of a file's displaced cells or of the model's own.

    Attributes
    ----------
    n_atoms, cells : int
        Of the supercell; how many displaced ones.
    height : float or None
        The smallest distance between the supercell's faces, Å.
    model, small, reference : Spectrum or None
        With the file's or the larger displacements; with the smaller ones; of the file's forces.
    slope : Slope or None
        Of the model's forces on displaced cells over the file's, undisplaced ones taken off.
    signal, noise : float or None
        rms forces that displacements make, and that moving the whole cell makes, eV/Å.
    floor : float or None
        |frequency| (THz) that such noise alone would make: less is no imaginary mode.
    roughness : float or None
        Difference of the force constants between both steps, over their size (root mean squares).
    sum_rule : float or None
        Net force on displaced cells over the length of all forces on them.
    """

    name: str
    source: str = ""
    fingerprint: str = field(default="", metadata={"input": "displaced cells"})
    doubts: tuple[Doubt, ...] = ()
    n_atoms: int = 0
    cells: int = 0
    height: float | None = None
    model: Spectrum | None = None
    small: Spectrum | None = None
    reference: Spectrum | None = None
    slope: Slope | None = None
    signal: float | None = None
    noise: float | None = None
    floor: float | None = None
    roughness: float | None = None
    sum_rule: float | None = None
    error: str | None = None

    def ratio(self, what: str) -> float | None:
        """Return the ``highest`` or ``mean`` frequency over the reference's."""
        if self.model is None or self.reference is None:
            return None
        return float(getattr(self.model, what) / getattr(self.reference, what))
