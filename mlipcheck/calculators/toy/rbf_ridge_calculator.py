"""A fitted `RBFRidge` as an ASE calculator."""

from __future__ import annotations

from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import InputError

from .pair_potential import PairPotential
from .rbf_ridge import RBFRidge

# Pairs are expanded in blocks, which bounds memory at block x centres numbers.
BLOCK = 8192


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
        model: RBFRidge = self.parameters["model"]
        return model

    @property
    def cutoff(self) -> float:  # type: ignore[override]
        return self.model.cutoff

    def check_state(self, atoms: Atoms, tol: float = 1e-15) -> list[str]:
        """Find changes, a refit of the model included, since the last calculation."""
        if self._weights is not self.model.weights:
            self._weights = self.model.weights
            self.reset()
        changes: list[str] = super().check_state(atoms, tol)
        return changes

    def atom_energies(self, numbers: np.ndarray) -> np.ndarray:
        index = self.model.species_index(numbers)  # refuses elements it was not fitted for
        if not self.model.offset:
            return np.zeros(len(numbers))
        energies: np.ndarray = self.model.offsets()[index] / 2
        return energies

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
