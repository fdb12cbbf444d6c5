"""Records of a guard: each pair's curves before and after, and where it acts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..checks.dimers.record import Attraction


@dataclass(frozen=True, eq=False)
class GuardedCurve:
    """One scan of a pair, in vacuum or in a crystal, without the guard and with it.

    Attributes
    ----------
    where : str
        ``vacuum``, or the crystal's name.
    bond : float
        Å: where the energies are zero; r_e, or the distance in the crystal.
    distances, before, after : ndarray of shape (n,)
        Å, eV, eV.
    collapse, left : Attraction or None
        The collapse without the guard, and what attraction inside 0.8 of the bond is left with it.
    """

    where: str
    bond: float
    distances: np.ndarray
    before: np.ndarray
    after: np.ndarray
    collapse: Attraction | None = None
    left: Attraction | None = None


@dataclass(frozen=True, eq=False)
class GuardedPair:
    """What a guard does to one pair.

    Attributes
    ----------
    radius : float
        Å; the guard acts inside of it.
    attraction : float or None
        The outermost first attraction of all curves, Å; None where none attracts.
    shortest : float or None
        The shortest distance of the pair in the user's structures, Å, and ``structure`` its name.
    """

    pair: tuple[str, str]
    radius: float
    attraction: float | None
    shortest: float | None
    structure: str
    curves: tuple[GuardedCurve, ...]

    @property
    def name(self) -> str:
        return "-".join(self.pair)

    @property
    def left(self) -> GuardedCurve | None:
        """The curve with the deepest attraction that the guard leaves."""
        open_ = [c for c in self.curves if c.left is not None]
        return max(open_, key=lambda c: c.left.fall if c.left else 0.0, default=None)
