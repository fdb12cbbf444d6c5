"""The exact Morse pair potential: the truth that the toy is compared with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase.calculators.calculator import InputError

from .pair_potential import PairPotential


@dataclass(frozen=True)
class Morse:
    """V(r) = D_e (1 - exp(-a (r - r0)))^2, zero at r0 (Morse, Phys. Rev. 34, 57 (1929)).

    ``well_depth`` D_e in eV, ``a`` in 1/Å, ``r0`` in Å.
    """

    well_depth: float = 1.0
    a: float = 1.7
    r0: float = 1.1

    def energy(self, r: np.ndarray) -> np.ndarray:
        """V in eV, zero at r0 and D_e at infinity."""
        return self.well_depth * (1.0 - np.exp(-self.a * (np.asarray(r) - self.r0))) ** 2

    def force(self, r: np.ndarray) -> np.ndarray:
        """-dV/dr in eV/Å, positive when repulsive."""
        e = np.exp(-self.a * (np.asarray(r) - self.r0))
        return -2.0 * self.well_depth * self.a * (1.0 - e) * e


class MorseCalculator(PairPotential):
    """Pairs summed over V - D_e, which is zero at infinity; parameters as those of `Morse`.

    With the defaults (a r0 = 1.87) crystals collapse: it is for clusters. Cut off where |V - D_e|
    is 1e-12 D_e, so that a crystal with a small cell has many neighbours.
    """

    default_parameters = {"well_depth": 1.0, "a": 1.7, "r0": 1.1}

    def set(self, **kwargs: float) -> dict[str, float]:
        for name, value in kwargs.items():
            if name in self.default_parameters and not 0 < value < np.inf:
                raise InputError(f"{name} is {value}; give a positive number")
        return super().set(**kwargs)

    @property
    def curve(self) -> Morse:
        return Morse(**self.parameters)

    @property
    def cutoff(self) -> float:  # type: ignore[override]
        curve = self.curve
        return curve.r0 + float(np.log(2e12)) / curve.a

    def pair_energy(
        self, distances: np.ndarray, first: np.ndarray, second: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        curve = self.curve
        # expanded, so that nothing cancels far out: V - D_e = D_e e (e - 2)
        e = np.exp(-curve.a * (distances - curve.r0))
        return curve.well_depth * e * (e - 2.0), -curve.force(distances)
