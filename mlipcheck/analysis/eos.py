"""Equations of state: the energy of a crystal against its volume, and how alike two are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

WINDOW = 0.06  # of the mean volume, on either side: where two curves are compared


@dataclass(frozen=True)
class BirchMurnaghan:
    """The third-order equation of state of Birch, Phys. Rev. 71, 809 (1947), per atom.

    ``v0`` in Å^3, ``b0`` in eV/Å^3, ``b1`` = dB/dp, ``e0`` in eV.
    """

    v0: float
    b0: float
    b1: float
    e0: float = 0.0

    def energy(self, volumes: np.ndarray) -> np.ndarray:
        """Return energies in eV at volumes in Å^3."""
        strain = (self.v0 / volumes) ** (2 / 3) - 1
        cubic = strain**3 * self.b1 + strain**2 * (2 - 4 * strain)
        return np.asarray(self.e0 + 9 * self.v0 * self.b0 / 16 * cubic)


def fit_birch_murnaghan(volumes: np.ndarray, energies: np.ndarray) -> BirchMurnaghan | None:
    """Return the equation of state by least squares; None where it has no minimum near by.

    ``volumes`` (Å^3) and ``energies`` (eV) of shape (n,) are per atom, at least four. E is a cubic
    in x = V^(-2/3), so that the fit is linear and needs no start.
    """
    scale = float(np.mean(volumes)) ** (-2 / 3)
    cubic = np.polyfit(volumes ** (-2 / 3) / scale, energies, 3)
    slope, bend, third = (np.polyder(cubic, k) for k in (1, 2, 3))
    roots = [float(x.real) for x in np.roots(slope) if abs(x.imag) < 1e-9]
    minima = [x for x in roots if np.polyval(bend, x) > 0 and 0.5 < x < 2]
    if not minima:
        return None
    x = min(minima, key=lambda root: abs(root - 1))
    v0 = (x * scale) ** (-3 / 2)
    # d²E/dV² and d³E/dV³ at the minimum, by the chain rule; dE/dx is zero there
    first, second = -2 / 3 * x / v0, 10 / 9 * x / v0**2
    curvature = float(np.polyval(bend, x)) * first**2
    skewness = float(third[0]) * first**3 + 3 * float(np.polyval(bend, x)) * first * second
    b1 = -1 - v0 * skewness / curvature
    return BirchMurnaghan(v0, v0 * curvature, b1, float(np.polyval(cubic, x)))


def compare_curves(one: BirchMurnaghan, other: BirchMurnaghan) -> tuple[float, float]:
    """Return ε (dimensionless) and Δ (eV per atom) of two curves.

    Notes
    -----
    Over ±6 % about the mean of the two volumes. ε² is the mean square difference, each curve less
    its own mean, over the product of their standard deviations (Bosoni et al., Nat. Rev. Phys. 6,
    45 (2024)); Δ is the rms difference with the minima at zero (Lejaeghere et al., Crit. Rev. Solid
    State Mater. Sci. 39, 1 (2014)).
    """
    middle = (one.v0 + other.v0) / 2
    points, weights = np.polynomial.legendre.leggauss(16)
    volumes = middle * (1 + WINDOW * points)
    weights = weights / weights.sum()
    a, b = one.energy(volumes) - one.e0, other.energy(volumes) - other.e0
    delta = np.sqrt(weights @ (a - b) ** 2)
    a, b = a - weights @ a, b - weights @ b
    epsilon = np.sqrt(weights @ (a - b) ** 2 / np.sqrt((weights @ a**2) * (weights @ b**2)))
    return float(epsilon), float(delta)
