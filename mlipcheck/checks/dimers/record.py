"""Records of the dimer scan."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ...analysis.lengths import check_lengths
from ...analysis.slope import Slope


@dataclass(frozen=True)
class Extremum:
    """A maximum or minimum of a dimer curve that should not be there (Å, eV)."""

    kind: str
    distance: float
    prominence: float


@dataclass(frozen=True, eq=False)
class CurveComparison:
    """A dimer curve against a reference, both at the reference's own radii.

    ``energies`` and ``reference_energies`` (eV) are each relative to their own minimum;
    ``wall_displacements`` maps a height above the minimum (eV) to r_model - r_reference (Å), None
    where the reference reaches it and the model does not.
    """

    reference: str
    level_of_theory: str | None
    distances: np.ndarray
    energies: np.ndarray
    forces: np.ndarray
    reference_energies: np.ndarray
    reference_forces: np.ndarray
    reference_equilibrium_distance: float | None
    equilibrium_distance_error: float | None
    force_constant_ratio: float | None
    wall: Slope | None
    well: Slope | None
    tail: Slope | None
    wall_displacements: dict[str, float | None] = field(default_factory=dict)
    note: str | None = None

    def __post_init__(self) -> None:
        check_lengths(self, "distances", "energies", "forces")
        check_lengths(self, "distances", "reference_energies", "reference_forces")


@dataclass(frozen=True, eq=False)
class DimerScan:
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
    equilibrium_distance : float or None
        r_e in Å; None where unbound.
    force_constant, wavenumber : float or None
        k_e = E''(r_e) in eV/Å^2; the harmonic wavenumber in 1/cm.
    wall_collapse_distance, wall_collapse_barrier : float or None
        r_c in Å where the repulsive wall turns over, None if it holds; the barrier
        E(r_c) - E(r_e) in eV that protects from it (above E(r_max) where unbound).
    spurious_extrema : tuple of Extremum
        Outside the collapse, with a prominence of 5 meV or more.
    largest_jump, largest_jump_distance : float or None
        Largest discontinuity of E in eV, and where in Å.
    conservation_error : float or None
        rms of f + dE/dr over rms of f; 0 for forces that are the derivative of the energy.
    dissociation_error : float or None
        E(r_max) - ΣE_atom in eV.
    softening_scale : float or None
        s_lo of the wall against the reference; None without one.
    comparison : CurveComparison or None
        Everything else about the reference.
    error : str or None
        Set where the pair could not be judged at all.
    """

    pair: tuple[str, str]
    distances: np.ndarray
    energies: np.ndarray
    forces: np.ndarray
    failed_points: tuple[tuple[float, str], ...] = ()
    environment: str = "vacuum"
    equilibrium_distance: float | None = None
    force_constant: float | None = None
    wavenumber: float | None = None
    wall_collapse_distance: float | None = None
    wall_collapse_barrier: float | None = None
    spurious_extrema: tuple[Extremum, ...] = ()
    largest_jump: float | None = None
    largest_jump_distance: float | None = None
    conservation_error: float | None = None
    dissociation_error: float | None = None
    softening_scale: float | None = None
    comparison: CurveComparison | None = None
    not_judged: tuple[str, ...] = ()
    error: str | None = None

    def __post_init__(self) -> None:
        check_lengths(self, "distances", "energies", "forces")

    @property
    def name(self) -> str:
        return "-".join(self.pair)
