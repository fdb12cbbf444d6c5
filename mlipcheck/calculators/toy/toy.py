"""The toy: a Morse curve, exact or fitted, as the energy of pairs in any ASE calculator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, InputError
from ase.stress import full_3x3_to_voigt_6_stress

from ..base import StrictCalculator
from ..neighbours import half_neighbour_list
from .rbf_ridge import RBFRidge

SEED = 20260611
# Pairs are expanded in blocks, which bounds memory at block x centres numbers.
BLOCK = 8192


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


class PairPotential(StrictCalculator):
    """E = Σ_i e_i + Σ_{i<j} φ(r_ij), for any cell and any mix of periodic directions.

    Subclasses give `pair_energy` and ``cutoff``, and `atom_energies` where atoms carry energy of
    their own. Forces and stress are analytic: F_i = Σ_j φ'(r_ij) r_ij / r_ij with r_ij from i to
    j, and σ = 1/V Σ_pairs φ'(r) r ⊗ r / r (Thompson, Plimpton and Mattson, J. Chem. Phys. 131,
    154107 (2009), eq. 24, with ASE's sign).
    """

    implemented_properties = ["energy", "free_energy", "energies", "forces", "stress"]
    dtype = "float64"
    cutoff: float

    def pair_energy(
        self, distances: np.ndarray, first: np.ndarray, second: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return φ (eV) and dφ/dr (eV/Å) of pairs with atomic numbers ``first``, ``second``."""
        raise NotImplementedError  # abstract: every subclass has its own curve

    def atom_energies(self, numbers: np.ndarray) -> np.ndarray:
        """Return the energy of each isolated atom in eV."""
        return np.zeros(len(numbers))

    def compute(self, atoms: Atoms, properties: Sequence[str]) -> dict[str, Any]:
        numbers, n = atoms.numbers, len(atoms)
        i, j, d, vectors = half_neighbour_list(atoms, self.cutoff)
        phi, slope = self.pair_energy(d, numbers[i], numbers[j])
        pulls = (slope / d)[:, None] * vectors
        energies = self.atom_energies(numbers)
        energies += 0.5 * (np.bincount(i, phi, n) + np.bincount(j, phi, n))
        pushes = [np.bincount(i, p, n) - np.bincount(j, p, n) for p in pulls.T]
        total = float(energies.sum())
        results = {"energies": energies, "energy": total, "free_energy": total}
        # counts are integers where there is no pair
        results["forces"] = np.stack(pushes, axis=1).astype(float)
        if atoms.pbc.all():
            stress = vectors.T @ pulls / atoms.get_volume()
            results["stress"] = full_3x3_to_voigt_6_stress(stress)
        return results


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


class RBFRidgeCalculator(PairPotential):
    """A fitted `RBFRidge` as an ASE calculator; energies, forces and stress are analytic."""

    default_parameters = {"model": None}
    _weights: np.ndarray | None = None

    def __init__(self, model: RBFRidge, **kwargs: Any) -> None:
        super().__init__(model=model, **kwargs)

    def set(self, **kwargs: Any) -> dict[str, Any]:
        model = kwargs.get("model", self.parameters.get("model"))
        if not isinstance(model, RBFRidge):
            raise InputError(f"model is {model!r}; give a fitted RBFRidge")
        return super().set(**kwargs)

    @property
    def model(self) -> RBFRidge:
        return self.parameters["model"]

    @property
    def cutoff(self) -> float:  # type: ignore[override]
        return self.model.cutoff

    def check_state(self, atoms: Atoms, tol: float = 1e-15) -> list[str]:
        """Find changes, a refit of the model included, since the last calculation."""
        if self._weights is not self.model.weights:
            self._weights = self.model.weights
            self.reset()
        return super().check_state(atoms, tol)

    def atom_energies(self, numbers: np.ndarray) -> np.ndarray:
        index = self.model.species_index(numbers)  # refuses elements it was not fitted for
        return self.model.offsets()[index] / 2 if self.model.offset else np.zeros(len(numbers))

    def pair_energy(
        self, distances: np.ndarray, first: np.ndarray, second: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        model = self.model
        curves, kind = model.curves(), model.pair_index(first, second)
        sums = np.empty((2, len(distances)))
        for start in range(0, len(distances), BLOCK):
            part = slice(start, start + BLOCK)
            values = model.gaussians(distances[part])
            if len(curves) == 1:
                sums[:, part] = (values @ np.stack([curves[0], curves[0] * model.centers]).T).T
            else:
                values *= curves[kind[part]]
                sums[:, part] = values.sum(axis=1), values @ model.centers
        # Σ w_k φ_k' = -2 / width^2 (r Σ w_k φ_k - Σ w_k c_k φ_k): one exponential serves both
        phi, moment = sums
        return phi, -2.0 / model.width**2 * (distances * phi - moment)


def fit_toy() -> RBFRidge:
    """`toy`: sampled only near equilibrium, and therefore soft by construction."""
    morse = Morse()  # D_e = 1 eV, a = 1.7 1/Å, r0 = 1.1 Å
    model = RBFRidge(np.linspace(0.7, 2.6, 24), 0.12)  # features: 24 Gaussians and an offset
    r = np.random.default_rng(SEED).uniform(0.95 * morse.r0, 1.30 * morse.r0, 60)
    # the ridge acts as on V, zero at r0, and the energy is V - D_e, zero at infinity
    anchor = np.zeros_like(model.weights)
    anchor[-1] = -morse.well_depth
    return model.fit(r, morse.energy(r) - morse.well_depth, ridge=1e-6, prior=anchor)


def wide_model() -> RBFRidge:
    """`toy:wide`: energies and forces from 0.3 to 8 Å, no constant; not soft."""
    morse = Morse()
    model = RBFRidge(np.arange(0.05, 8.25, 0.0826), 0.12, offset=False)
    r = np.linspace(0.3, 8.0, 800)
    return model.fit(r, morse.energy(r) - morse.well_depth, morse.force(r), ridge=1e-6)


CHECKPOINTS = {
    "soft": lambda: RBFRidgeCalculator(fit_toy()),
    "wide": lambda: RBFRidgeCalculator(wide_model()),
    "exact": MorseCalculator,
}


def load(checkpoint: str, *, device: str, dtype: str) -> Calculator:
    """Return the calculator of one of `CHECKPOINTS`; it always runs on the CPU in float64."""
    return CHECKPOINTS[checkpoint]()
