"""Records of vacancies and of hops into them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ...references.doubts import Doubt


@dataclass(frozen=True)
class Path:
    """The straight way of an atom of a crystal to a site of its own kind.

    From atom ``start`` to atom ``end`` in the cell ``offset`` of the crystal.
    """

    name: str
    start: int
    end: int
    offset: tuple[int, int, int] = (0, 0, 0)


@dataclass(frozen=True)
class Relaxed:
    """The energy (eV) of a supercell with a vacancy, its ions relaxed."""

    energy: float
    converged: bool


@dataclass(frozen=True, eq=False)
class Hop:
    """An atom moves into a vacancy beside it; energies in eV.

    Attributes
    ----------
    name : str
        Which of several, as ``basal``.
    length : float
        Å.
    distances, energies : ndarray of shape (n,)
        Along the straight way, all other atoms where the crystal has them; relative to the start.
    mismatch : float or None
        The largest |ΔE - work of the forces| of a step, over the range of the energies (of 0.5 eV
        at least).
    barrier : float or None
        Of relaxed ions, None where they did not converge.
    reference : float or None
    intermediate : bool
        Whether the middle of the way is lower than the start, so that the barrier is before it.
    """

    name: str
    length: float
    distances: np.ndarray
    energies: np.ndarray
    mismatch: float | None
    barrier: float | None
    reference: float | None = None
    intermediate: bool = False


@dataclass(frozen=True, eq=False)
class Vacancy:
    """A vacancy of one species of one crystal, and the hops into it; energies in eV.

    Attributes
    ----------
    atoms : int
        Of the supercell without a vacancy.
    formation, formation_reference : float or None
        E_v - (N - 1) / N E, of elements only.
    uncertainty : float
        Of the reference.
    unconverged : str or None
        Which relaxation did not come to its end.
    """

    name: str
    formula: str = ""
    source: str = ""
    fingerprint: str = field(default="", metadata={"input": "structure"})
    level_of_theory: str | None = None
    doubts: tuple[Doubt, ...] = ()
    atoms: int = field(default=0, metadata={"input": "number of atoms"})
    formation: float | None = None
    formation_reference: float | None = None
    uncertainty: float = 0.0
    hops: tuple[Hop, ...] = ()
    unconverged: str | None = None
    error: str | None = None
