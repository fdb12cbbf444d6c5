"""Records of elasticity: the energy of a crystal against its volume, and its elastic constants."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ...analysis.eos import BirchMurnaghan
from ...references.doubts import Doubt


@dataclass(frozen=True, eq=False)
class ElasticTensor:
    """Elastic constants (k, 6, 6) in eV/Å^3, Voigt's order xx yy zz yz xz xy, at zero pressure.

    ``fits`` are from all strains, from the smaller and from the larger ones, or from all alone.
    ``clamped`` are those with ions that follow the cell, None where that is the same, and
    ``reference`` those of the reference's stresses in the same ``cells``, with its ions. ``why``
    says why there are no fits.
    """

    fits: np.ndarray | None = None
    clamped: np.ndarray | None = None
    reference: np.ndarray | None = None
    cells: int = 0
    why: str = ""


@dataclass(frozen=True, eq=False)
class EquationOfState:
    """The energy of one crystal against its volume, shape and fractional positions kept.

    Volumes in Å^3 and energies in eV, both per atom; pressures and moduli in eV/Å^3. ``fit`` and
    ``reference`` are equations of state about the minimum; ``epsilon`` and ``delta`` compare them
    as `mlipcheck.analysis.eos.compare_curves`.

    Attributes
    ----------
    start_only : bool
        Whether nothing says that the structure was at rest.
    volumes, energies : ndarray of shape (n,)
        From half of the equilibrium volume to 1.3 times it; NaN where the model has no answer.
    start_volume, bulk_modulus_at_start : float or None
        The structure's own volume, and V d²E/dV² there: negative at a maximum.
    bulk_modulus_spread : float
        Half of the range of B0 over windows of ±3, ±6 and ±10 %, over B0: its uncertainty.
    pressure_error : float or None
        |p + dE/dV| over dE/dV at either end of the fit, the larger one.
    minima : tuple of float
        Where the energy has a minimum, over V0.
    turnover, barrier : float or None
        V / V0 below which the energy falls again when pressed, and how high it is before, eV.
    bound : bool
        Whether the energy depends on the volume at all: False where the model sees no bond.
    of_frames : bool
        Whether the row is of labelled strained cells, of which there is a tensor and no curve.
    """

    name: str
    formula: str = ""
    source: str = ""
    fingerprint: str = field(default="", metadata={"input": "structure"})
    level_of_theory: str | None = None
    start_only: bool = False
    doubts: tuple[Doubt, ...] = ()
    volumes: np.ndarray = field(default_factory=lambda: np.array([]))
    energies: np.ndarray = field(default_factory=lambda: np.array([]))
    start_volume: float | None = None
    fit: BirchMurnaghan | None = None
    bulk_modulus_spread: float = 0.0
    bulk_modulus_at_start: float | None = None
    pressure_error: float | None = None
    minima: tuple[float, ...] = ()
    turnover: float | None = None
    barrier: float | None = None
    reference: BirchMurnaghan | None = None
    epsilon: float | None = None
    delta: float | None = None
    bound: bool = True
    tensor: ElasticTensor | None = None
    of_frames: bool = False
    error: str | None = None
