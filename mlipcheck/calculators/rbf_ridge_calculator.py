"""A fitted `RBFRidge` as an ASE calculator."""

from __future__ import annotations

from typing import Any

import numpy as np
from ase.calculators.calculator import InputError

from .pair_potential import PairPotential
from .rbf_ridge import RBFRidge

# Pairs are expanded in blocks, which bounds memory at block x centres numbers.
BLOCK = 8192


class RBFRidgeCalculator(PairPotential):
    """A fitted `RBFRidge` as an ASE calculator: energy, energies, forces and stress, all analytic.

    Parameters
    ----------
    model : RBFRidge
    """

    default_parameters = {"model": None}

    def __init__(self, model: RBFRidge, **kwargs: Any) -> None:
        super().__init__(model=model, **kwargs)

    def set(self, **kwargs: Any) -> dict[str, Any]:
        model = kwargs.get("model", self.parameters.get("model"))
        if not isinstance(model, RBFRidge):
            raise InputError(f"model is {model!r}; give a fitted RBFRidge")
        return super().set(**kwargs)

    @property
    def model(self) -> RBFRidge:
        model = self.parameters["model"]
        assert isinstance(model, RBFRidge)
        return model

    @property
    def cutoff(self) -> float:  # type: ignore[override]
        return self.model.cutoff

    def atom_energies(self, numbers: np.ndarray) -> np.ndarray:
        if not self.model.offset:
            self.model.species_index(numbers)  # refuses elements it was not fitted for
            return np.zeros(len(numbers))
        energies: np.ndarray = self.model.offsets()[self.model.species_index(numbers)] / 2
        return energies

    def pair_energy(
        self, distances: np.ndarray, first: np.ndarray, second: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        model = self.model
        curves, kind = model.curves(), model.pair_index(first, second)
        phi, slope = np.empty(len(distances)), np.empty(len(distances))
        for start in range(0, len(distances), BLOCK):
            part = slice(start, start + BLOCK)
            values, slopes = model.basis(distances[part])
            if len(curves) == 1:
                phi[part], slope[part] = values @ curves[0], slopes @ curves[0]
            else:
                phi[part] = np.einsum("pk,pk->p", values, curves[kind[part]])
                slope[part] = np.einsum("pk,pk->p", slopes, curves[kind[part]])
        return phi, slope
