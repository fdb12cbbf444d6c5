"""Any sum of pair energies as a full ASE calculator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from ase import Atoms
from ase.stress import full_3x3_to_voigt_6_stress

from ..base import StrictCalculator
from ..neighbours import half_neighbour_list


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
        forces = np.stack([np.bincount(i, p, n) - np.bincount(j, p, n) for p in pulls.T], axis=1)
        forces = forces.astype(float)  # counts are integers where there is no pair
        results: dict[str, Any] = {"energies": energies, "forces": forces}
        results["energy"] = results["free_energy"] = float(energies.sum())
        if atoms.pbc.all():
            stress = vectors.T @ pulls / atoms.get_volume()
            results["stress"] = full_3x3_to_voigt_6_stress(stress)
        return results
