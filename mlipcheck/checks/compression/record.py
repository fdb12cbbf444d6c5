"""Records of compression: two neighbours pushed together, all other atoms where they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...analysis.lengths import check_lengths
from ...storage import Record
from ..dimers.record import Attraction


@dataclass(frozen=True, eq=False)
class CompressedPair(Record):
    """The energy and the axial force of two neighbours in a crystal against their distance.

    ``pair`` are their symbols in alphabetical order, ``n_atoms`` those of the supercell, and
    ``contact`` their distance in the crystal, Å. ``distances`` (n,) ascend up to it, Å;
    ``energies`` are eV above the crystal's and ``forces`` eV/Å along the axis, positive when
    repulsive; NaN at points that failed, with the reason in ``failed``. ``stopped_by`` is the
    element of a third atom that ended the path before 0.4 Å. ``attraction`` and ``collapse`` are
    as of a dimer scan.
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


def farthest_collapses(rows: Mapping[str, Sequence[Any]]) -> dict[str, float]:
    """Return where pairs collapse (Å), in vacuum or in a crystal, whichever is farther out.

    ``rows`` are those of the checks ``dimers`` and ``compression``, as far as they ran.
    """
    found: dict[str, float] = {}
    for row in (*rows.get("dimers", ()), *rows.get("compression", ())):
        if row.collapse is not None:
            pair = "-".join(row.pair)
            found[pair] = max(row.collapse.distance, found.get(pair, 0.0))
    return found
