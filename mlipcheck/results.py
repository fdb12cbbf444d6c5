"""What the checks return: frozen records of plain numbers and arrays.

Units throughout: eV, Å, eV/Å, eV/Å^3 (stress in Voigt order xx yy zz yz xz xy, ASE's sign).
Arrays hold NaN where a point could not be evaluated; `mlipcheck.storage` writes it as ``null``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

SCHEMA = "mlipcheck/1"


@dataclass(frozen=True)
class CalculatorInfo:
    """Where a calculator comes from, as far as it is known.

    ``bond_scale`` (Å) replaces the sum of covalent radii where a calculator draws one curve for
    every element; ``cutoff`` (Å) is the range of the model.
    """

    spec: str
    backend: str | None = None
    version: str | None = None
    checkpoint: str | None = None
    checkpoint_sha256: str | None = None
    options: dict[str, str] = field(default_factory=dict)
    level_of_theory: str | None = None
    energy_convention: str | None = None
    dtype: str | None = None
    device: str | None = None
    cutoff: float | None = None
    bond_scale: float | None = None


@dataclass(frozen=True, eq=False)
class Evaluation:
    """One structure through one calculator.

    Attributes
    ----------
    energy : float or None
        Potential energy in eV.
    forces : ndarray of shape (n_atoms, 3) or None
        eV/Å, constraints not applied, in the calculator's own floating-point type.
    stress : ndarray of shape (6,) or None
        eV/Å^3, Voigt order, ASE's sign; None without a cell that is periodic in three directions.
    energies, magmoms : ndarray of shape (n_atoms,) or None
        eV; Bohr magnetons.
    error : str or None
        Why the structure could not be evaluated; everything else is then None.
    """

    energy: float | None = None
    forces: np.ndarray | None = None
    stress: np.ndarray | None = None
    energies: np.ndarray | None = None
    magmoms: np.ndarray | None = None
    error: str | None = None


@dataclass(frozen=True)
class Slope:
    """How strong a model's forces are beside the reference's, over one stretch of points.

    With F the reference and f the model, weights w: ``s_lo`` = Σw f·F / Σw F² is the slope through
    the origin of Deng et al., npj Comput. Mater. 11, 9 (2025); ``s_hi`` = Σw f² / Σw f·F;
    ``r_squared`` = s_lo / s_hi; ``magnitude`` = √(Σw f² / Σw F²). All are dimensionless.
    """

    s_lo: float
    s_hi: float | None
    r_squared: float | None
    magnitude: float
    points: int

    @property
    def word(self) -> str:
        """'soft' only where s_hi < 1; 'uncorrelated' where s_lo < 1 < s_hi; else 'stiff'."""
        if self.s_hi is None or not self.s_lo > 0:
            return "uncorrelated"
        if self.s_hi < 1:
            return "soft"
        return "uncorrelated" if self.s_lo < 1 else "stiff"


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

    @property
    def name(self) -> str:
        return "-".join(self.pair)


@dataclass(frozen=True, eq=False)
class BondTable:
    """The bonds of the reference, each followed by its atoms and periodic image.

    ``indices`` (n, 2), ``images`` (n, 3), ``reference_lengths`` and ``lengths`` (n,) in Å.
    """

    indices: np.ndarray
    images: np.ndarray
    reference_lengths: np.ndarray
    lengths: np.ndarray

    def __post_init__(self) -> None:
        # an empty table comes back from JSON without its width
        for name, width in (("indices", 2), ("images", 3)):
            value = np.asarray(getattr(self, name)).reshape(-1, width)
            object.__setattr__(self, name, value.astype(int))


@dataclass(frozen=True)
class BondChange:
    """The bonds between one pair of species: how they changed, in Å.

    ``largest_change`` keeps its sign; ``largest_change_percent`` is the largest relative one.
    """

    pair: tuple[str, str]
    count: int
    mean_length: float
    mean_change: float
    largest_change: float
    largest_change_percent: float


@dataclass(frozen=True, eq=False)
class Relaxation:
    """One structure relaxed with the calculator, beside its reference.

    Lengths in Å, angles in degrees, energies in eV, changes are model minus reference.
    ``rmsd`` is free of drift, and of rotation for a molecule. ``force_calls`` counts the distinct
    geometries whose forces were asked for. ``reference_fmax`` is the largest force that the
    reference itself left, where it is known; ``single_point`` where its run did not relax.
    ``stress_error`` is how far the stress is from the derivative of the energy, relative to it,
    where the cell is free.
    """

    name: str
    formula: str = ""
    n_atoms: int = 0
    source: str = ""
    level_of_theory: str | None = None
    converged: bool = False
    error: str | None = None
    notes: tuple[str, ...] = ()
    optimizer: str = ""
    steps: int = 0
    force_calls: int = 0
    fmax: float | None = None
    cell: str = "fixed"
    start: str = "relaxed"
    reference_fmax: float | None = None
    single_point: bool = False
    reference_volume: float | None = None
    volume: float | None = None
    volume_change_percent: float | None = None
    length_changes_percent: tuple[float, ...] | None = None
    angle_changes: tuple[float, ...] | None = None
    bond_changes: tuple[BondChange, ...] = ()
    bonds: BondTable | None = None
    bond_definition: str = ""
    broken_bonds: int = 0
    new_bonds: int = 0
    shortest_distance: float | None = None
    reference_shortest_distance: float | None = None
    rmsd: float | None = None
    space_group: str | None = None
    reference_space_group: str | None = None
    energy: float | None = None
    reference_energy: float | None = None
    energy_error_per_atom: float | None = None
    stress_error: float | None = None

    @property
    def largest_bond_change_percent(self) -> float | None:
        changes = [abs(b.largest_change_percent) for b in self.bond_changes]
        return max(changes) if changes else None


@dataclass(frozen=True)
class Finding:
    """One line of the verdict.

    ``status`` is ok, caution, fail or not assessed. ``value`` belongs to the first of
    ``subjects``, which is the worst of them; ``threshold`` says what it was held against.
    """

    status: str
    check: str
    quantity: str
    subjects: tuple[str, ...]
    value: str
    threshold: str
    reason: str


@dataclass(frozen=True, eq=False)
class RunRecord:
    """Everything that one command found, and how."""

    command: str
    calculator: CalculatorInfo
    versions: dict[str, str]
    settings: dict[str, Any]
    dimers: tuple[DimerScan, ...] = ()
    relaxations: tuple[Relaxation, ...] = ()
    findings: tuple[Finding, ...] = ()
    schema: str = SCHEMA
