"""Records of agreement: what one model says of some structures, and how far others are from it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ...analysis.estimate import Estimate
from ...analysis.lengths import check_lengths
from ...references.doubts import Doubt
from ...storage import Record


@dataclass(frozen=True, eq=False)
class Predicted(Record):
    """What a model says of one structure.

    ``formula`` has the atoms in their order; ``energy`` is in eV, ``forces`` of shape (n_atoms, 3)
    in eV/Å, ``off`` the mean over atoms of the size of the force's error; each is NaN where there
    is none. Frames with the same ``run`` are not independent.
    """

    name: str
    fingerprint: str
    formula: str
    forces: np.ndarray
    energy: float = math.nan
    off: float = math.nan
    run: str = ""
    error: str | None = None


@dataclass(frozen=True, eq=False)
class Difference(Record):
    """How far another ``model`` is from this one, on the structures (``names``) that both have.

    ``forces`` and ``errors`` (n,) are the mean size of the difference of forces and of this model's
    errors, eV/Å; NaN without forces or without labels that can be used. ``energy`` is the median
    size of the differences of energy in eV/atom, less a constant for each element that is fitted
    without the structure, over the ``energies`` structures that allow it. ``force`` and ``size``
    are means of ``forces`` and of the size of forces, eV/Å, ``share`` and ``part`` the medians of
    difference over size, and of error over difference, ``elements`` the mean difference on each
    element's atoms, the largest first. ``rank`` and ``size_rank`` are Spearman's correlation of
    this model's errors with ``forces``, and with the mere size of its forces; ``why_not`` says why
    there is none.
    """

    model: str
    names: tuple[str, ...]
    forces: np.ndarray
    errors: np.ndarray
    energy: float | None
    energies: int
    force: float | None
    size: float | None
    share: float | None
    part: float | None
    elements: dict[str, float]
    rank: Estimate | None = None
    size_rank: Estimate | None = None
    why_not: str = ""

    def __post_init__(self) -> None:
        check_lengths(self, "names", "forces", "errors")

    @property
    def warns(self) -> bool:
        """Whether this model is known to be more wrong where the other differs more."""
        return self.rank is not None and (self.rank.low or 0.0) > 0


@dataclass(frozen=True, eq=False)
class Predictions(Record):
    """What a model says of structures of one set, of which ``given`` were given.

    ``doubts`` are about its labels; ``others`` are the models beside it, none where it is alone.
    """

    name: str
    given: int = 0
    structures: tuple[Predicted, ...] = ()
    doubts: tuple[Doubt, ...] = ()
    others: tuple[Difference, ...] = ()
    error: str | None = None
