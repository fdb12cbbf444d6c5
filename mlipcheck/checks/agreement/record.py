"""Records of agreement: what one model says of some structures, and how far another is from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...analysis.estimate import Estimate
from ...analysis.lengths import check_lengths
from ...references.doubts import Doubt


# eV/Å: two good models differ by 0.08 on MPtrj's frames, however small the forces are
FLOOR = 0.5


@dataclass(frozen=True, eq=False)
class Predicted:
    """What a model says of one structure.

    ``formula`` has the atoms in their order, ``energy`` is in eV, ``forces`` of shape (n_atoms, 3)
    in eV/Å. ``run`` is shared by frames that are not independent, and ``off`` is the mean over
    atoms of the size of the error of the force in eV/Å; None without a label.
    """

    name: str
    fingerprint: str
    formula: str
    run: str = ""
    energy: float | None = None
    forces: np.ndarray | None = None
    off: float | None = None
    error: str | None = None


@dataclass(frozen=True, eq=False)
class Difference:
    """How far another model is from this one, on the structures that both have.

    Attributes
    ----------
    model : str
        The other.
    names : tuple of str
        The structures.
    energies : ndarray of shape (n,)
        This model's minus the other's in eV/atom, less a constant for each element that is fitted
        without the structure; NaN where the others do not determine it.
    forces, sizes, errors : ndarray of shape (n,)
        Means over the atoms of a structure in eV/Å: the size of the difference of two forces, of
        the forces (both models' mean), and of this model's error; NaN without labels.
    elements : dict of str to float
        The mean size of the difference of forces on an element's atoms, eV/Å, the largest first.
    rank, size_rank : Estimate or None
        Spearman's correlation of this model's errors with ``forces``, and with the mere size of
        its forces; ``why_not`` says why there is none.
    """

    model: str
    names: tuple[str, ...]
    energies: np.ndarray
    forces: np.ndarray
    sizes: np.ndarray
    errors: np.ndarray
    elements: dict[str, float]
    rank: Estimate | None = None
    size_rank: Estimate | None = None
    why_not: str = ""

    def __post_init__(self) -> None:
        check_lengths(self, "names", "energies", "forces", "sizes", "errors")

    @property
    def energy(self) -> float | None:
        """The median size of the differences of energy, eV/atom."""
        return _known(np.abs(self.energies), np.median)

    @property
    def force(self) -> float | None:
        return _known(self.forces, np.mean)

    @property
    def size(self) -> float | None:
        return _known(self.sizes, np.mean)

    @property
    def share(self) -> float | None:
        """The difference over the size of the forces: the median, which no one structure decides.

        Forces below `FLOOR` count as that much.
        """
        return _known(self.forces / np.maximum(self.sizes, FLOOR), np.median)

    @property
    def warns(self) -> bool | None:
        """Whether this model is more wrong where the other differs more; None if not known."""
        return None if self.rank is None else (self.rank.low or 0.0) > 0


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a model says of the structures of one set, ``given`` of which were given.

    ``doubts`` are about its labels; ``others`` are the models beside it, empty where it is alone.
    """

    name: str
    source: str = ""
    given: int = 0
    structures: tuple[Predicted, ...] = ()
    doubts: tuple[Doubt, ...] = ()
    others: tuple[Difference, ...] = ()
    error: str | None = None


def _known(values: np.ndarray, middle: Callable[[np.ndarray], Any]) -> float | None:
    """Return a mean or median of the numbers that there are."""
    known = values[np.isfinite(values)]
    return float(middle(known)) if len(known) else None
