"""Records of vacancies and of hops into them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ...references.doubts import Doubt


@dataclass(frozen=True)
class Path:
    """The straight path from a site of a crystal to an equal one, and its barrier where known (eV).

    From atom ``start`` to atom ``end`` in the cell ``offset`` of the crystal.
    """

    name: str
    start: int
    end: int
    offset: tuple[int, int, int] = (0, 0, 0)
    reference: float | None = None


@dataclass(frozen=True, eq=False)
class Hop:
    """An atom moves into a vacancy beside it; energies in eV.

    Attributes
    ----------
    name : str
        Which of several, as ``basal``.
    distances, energies : ndarray of shape (n,)
        Along the straight path (Å), all other atoms at rest; relative to the start.
    mismatch : float
        The largest |ΔE - work of the forces| of a step, over the range of energies (at least 0.5).
    barrier, reference : float or None
        With relaxed ions, None where they did not converge.
    intermediate : bool
        Whether half way is lower than the start, so that the barrier is before it.
    """

    name: str
    distances: np.ndarray
    energies: np.ndarray
    mismatch: float
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
    atoms: int = 0
    formation: float | None = None
    formation_reference: float | None = None
    uncertainty: float = 0.0
    hops: tuple[Hop, ...] = ()
    unconverged: str | None = None
    error: str | None = None
