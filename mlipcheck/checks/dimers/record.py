"""Records of the dimer scan."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ...analysis.slope import Slope
from ...storage import Record, check_lengths


@dataclass(frozen=True)
class Extremum(Record):
    """A maximum or minimum of a dimer curve that should not be there (Å, eV)."""

    kind: str
    distance: float
    prominence: float


@dataclass(frozen=True)
class Attraction(Record):
    """A maximum inside the bond, from which atoms are drawn together.

    ``distance`` is in Å; ``barrier`` is its energy, and ``lowest`` the lowest inside before the
    curve is back at that height, both in eV above the bond's.
    """

    distance: float
    barrier: float
    lowest: float

    @property
    def fall(self) -> float:
        return self.barrier - self.lowest


@dataclass(frozen=True, eq=False)
class CurveComparison(Record):
    """A dimer curve beside a reference; errors are the model's number less the reference's.

    Attributes
    ----------
    reference, level_of_theory, difference : str
        Its name and level of theory, and how that differs from the checkpoint's.
    distances, reference_energies, reference_forces : ndarray of shape (n,)
        The reference: Å, eV above its minimum (above its end where unbound), eV/Å.
    reference_equilibrium_distance, reference_well_depth : float or None, float
        r_e in Å and E(end) - E(r_e) in eV; None and 0 where unbound.
    wall : Slope or None
        Of forces over r < r_e of the reference, below 10 eV, both curves put on one r_e.
    wall_displacements : dict of str to float or None
        r_model - r_reference (Å) at each height above the minimum (eV); None where the reference
        is that high and the model is not.
    """

    reference: str
    level_of_theory: str | None
    distances: np.ndarray
    reference_energies: np.ndarray
    reference_forces: np.ndarray
    reference_equilibrium_distance: float | None = None
    reference_well_depth: float = 0.0
    equilibrium_distance_error: float | None = None
    well_depth_error: float = 0.0
    wall: Slope | None = None
    wall_displacements: dict[str, float | None] = field(default_factory=dict)
    difference: str | None = None

    def __post_init__(self) -> None:
        check_lengths(self, "distances", "reference_energies", "reference_forces")


@dataclass(frozen=True, eq=False)
class DimerScan(Record):
    """The energy and the axial force of one pair of atoms against their distance.

    Attributes
    ----------
    pair : tuple of two str
        Chemical symbols.
    distances, energies, forces : ndarray of shape (n,)
        Å, eV, and eV/Å along the axis, positive when repulsive; NaN at failed points.
    failed_points : tuple of (distance, message)
        The points that raised or returned NaN.
    environment : str
        ``vacuum`` or ``periodic box``, where the model cannot do without a cell.
    equilibrium_distance, force_constant : float or None
        r_e in Å and E''(r_e) in eV/Å^2; None where unbound.
    attraction, collapse : Attraction or None
        What `find_attractions` finds. The first attraction is a dip where it is not the collapse.
    spurious_extrema : tuple of Extremum
        Within 10 eV of the bond and not the reference's; prominence of 5 meV or more.
    roughness : float or None
        rms of f less its own smoothing over 0.1 Å, over the rms of f; as what follows, within 10 eV
        of the bond and outside of the first attraction.
    largest_jump, largest_jump_distance : float or None
        Largest discontinuity of E in eV, and where in Å.
    conservation_error : float or None
        rms of f + dE/dr over rms of f; 0 for forces that are the derivative of the energy.
    comparison, error : CurveComparison or None, str or None
        With the reference, where there is one; why the pair could not be judged at all.
    """

    pair: tuple[str, str]
    distances: np.ndarray
    energies: np.ndarray
    forces: np.ndarray
    failed_points: tuple[tuple[float, str], ...] = ()
    environment: str = "vacuum"
    equilibrium_distance: float | None = None
    force_constant: float | None = None
    attraction: Attraction | None = None
    collapse: Attraction | None = None
    spurious_extrema: tuple[Extremum, ...] = ()
    roughness: float | None = None
    largest_jump: float | None = None
    largest_jump_distance: float | None = None
    conservation_error: float | None = None
    comparison: CurveComparison | None = None
    error: str | None = None

    def __post_init__(self) -> None:
        check_lengths(self, "distances", "energies", "forces")

    @property
    def name(self) -> str:
        return "-".join(self.pair)

    @property
    def dip(self) -> Attraction | None:
        return None if self.attraction == self.collapse else self.attraction
