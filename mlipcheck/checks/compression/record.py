"""Records of compression: two neighbours pushed together, all other atoms where they are."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ...analysis.lengths import check_lengths
from ..dimers.record import Attraction


@dataclass(frozen=True, eq=False)
class CompressedPair:
    """The energy and the axial force of two neighbours in a crystal against their distance.

    Attributes
    ----------
    name : str
        Of the crystal and the pair.
    pair : tuple of two str
        Chemical symbols, in alphabetical order.
    formula, source : str
        Of the crystal, and where it comes from.
    n_atoms : int
        Of the supercell.
    contact : float
        The distance of the pair in the crystal, Å.
    distances, energies, forces : ndarray of shape (n,)
        Å, ascending up to ``contact``; eV above the crystal's energy; eV/Å along the axis,
        positive when repulsive. NaN at points that failed, with the reason in ``failed``.
    stopped_by : str or None
        The element of the third atom that ended the path before 0.4 Å.
    attraction, collapse : Attraction or None
        As of a dimer scan; energies relative to the crystal's.
    """

    name: str
    pair: tuple[str, str] = ("", "")
    formula: str = ""
    source: str = ""
    fingerprint: str = field(default="", metadata={"input": "structure"})
    n_atoms: int = 0
    contact: float | None = None
    distances: np.ndarray = field(default_factory=lambda: np.array([]))
    energies: np.ndarray = field(default_factory=lambda: np.array([]))
    forces: np.ndarray = field(default_factory=lambda: np.array([]))
    stopped_by: str | None = None
    attraction: Attraction | None = None
    collapse: Attraction | None = None
    failed: str | None = None
    error: str | None = None

    def __post_init__(self) -> None:
        check_lengths(self, "distances", "energies", "forces")

    @property
    def innermost(self) -> float | None:
        """How far inward there is an energy, Å."""
        known = self.distances[np.isfinite(self.energies)]
        return float(known.min()) if len(known) else None
