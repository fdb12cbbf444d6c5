"""RBF-ridge pair potential: a sum of Gaussians of the pair distance, fitted by ridge regression."""

from __future__ import annotations

import io
import itertools
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import CalculatorSetupError, InputError
from ase.data import atomic_numbers, chemical_symbols

from ...storage import write_atomically
from ..neighbours import half_neighbour_list

# A Gaussian exp(-(x/width)^2) is below 1e-16 beyond this many widths.
REACH = 6.07


class RBFRidge:
    """E = Σ_pairs Σ_k w_k exp(-((r - c_k) / width)^2) + w_0 n_atoms / 2.

    Parameters
    ----------
    centers : array_like of shape (n_centers,)
        Å.
    width : float
        Å.
    species : sequence of str, optional
        One curve for every pair of these elements, and an offset for each of them. By default one
        curve and one offset serve every element.
    offset : bool
        Whether the offset feature n_atoms / 2 (1 for a dimer) is there.

    Attributes
    ----------
    weights : ndarray of shape (n_features,)
        The curves of `pairs` one after the other, then the offsets; in eV. Zero before `fit`.
    """

    def __init__(
        self,
        centers: Sequence[float] | np.ndarray,
        width: float,
        *,
        species: Sequence[str] | None = None,
        offset: bool = True,
    ) -> None:
        self.centers = np.array(centers, dtype=float)
        self.width = float(width)
        self.species = None if species is None else tuple(sorted(set(species)))
        self.offset = bool(offset)
        if self.species == () or not set(self.species or ()) <= set(chemical_symbols[1:]):
            raise InputError(f"species is {species}; give chemical symbols")
        if self.centers.ndim != 1 or not len(self.centers) or not np.isfinite(self.centers).all():
            raise InputError(
                f"centers has shape {self.centers.shape}; give a list of distances in Å"
            )
        if not 0 < self.width < np.inf:
            raise InputError(f"width is {width}; give a positive length in Å")
        n_species = 1 if self.species is None else len(self.species)
        self.n_pairs = n_species * (n_species + 1) // 2
        self.n_offsets = n_species if self.offset else 0
        self.weights = np.zeros(self.n_pairs * len(self.centers) + self.n_offsets)

    @property
    def pairs(self) -> list[tuple[str, str]] | None:
        """The pairs of species that have a curve of their own, None where one serves all."""
        if self.species is None:
            return None
        return list(itertools.combinations_with_replacement(self.species, 2))

    @property
    def cutoff(self) -> float:
        """Å; every Gaussian is below 1e-16 there."""
        return float(self.centers.max() + REACH * self.width)

    def fit(
        self,
        data: Sequence[Atoms] | np.ndarray,
        energies: Sequence[float] | np.ndarray,
        forces: Sequence[np.ndarray] | np.ndarray | None = None,
        *,
        ridge: float,
        prior: np.ndarray | RBFRidge | None = None,
    ) -> RBFRidge:
        """Minimise ||A w - y||^2 + ridge ||w - w_prior||^2 and return self.

        Parameters
        ----------
        data : list of Atoms, or array of shape (n,) with the distances of dimers in Å
        energies : array of shape (n,), eV
        forces : optional; for images a list of (n_atoms, 3) arrays, for distances an array of
            shape (n,), positive when repulsive; eV/Å
        ridge : λ; 0 gives least squares (nearest to the prior where that is not unique)
        prior : weights, or a fitted model of the same features; zero by default

        Raises
        ------
        InputError
            For data, labels, ridge or prior that do not fit together.
        """
        energies = np.asarray(energies, dtype=float)
        if energies.shape != (len(data),) or not len(data):
            raise InputError(f"{len(data)} structures but energies of shape {energies.shape}")
        if not 0 <= ridge < np.inf:
            raise InputError(f"ridge is {ridge}; give zero or a positive number")
        a, slopes = self._design(data, forces is not None)
        y = energies
        if forces is not None:
            labels = np.concatenate([np.ravel(f) for f in forces]).astype(float)
            if labels.shape != (len(slopes),):
                raise InputError(f"{len(labels)} force components, {len(slopes)} expected")
            a, y = np.concatenate([a, slopes]), np.concatenate([y, labels])
        if not np.isfinite(y).all():
            raise InputError("a label is NaN or infinite; leave that structure out")
        if isinstance(prior, RBFRidge):
            if prior.features() != self.features():
                raise InputError("prior is a model of other features; give one of the same")
            prior = prior.weights
        anchor = np.zeros(a.shape[1]) if prior is None else np.asarray(prior, dtype=float)
        if anchor.shape != self.weights.shape or not np.isfinite(anchor).all():
            raise InputError(f"prior is NaN or of shape {anchor.shape}, not {self.weights.shape}")
        self.weights = self.solve(a, y, ridge, anchor)
        return self

    @staticmethod
    def solve(A: np.ndarray, y: np.ndarray, ridge: float, prior: np.ndarray) -> np.ndarray:
        """Return the w that minimises ||A w - y||^2 + ridge ||w - prior||^2."""
        # as more rows of least squares: normal equations would square the condition number of A
        rows = np.concatenate([A, np.sqrt(ridge) * np.eye(A.shape[1])])
        right = np.concatenate([y - A @ prior, np.zeros(A.shape[1])])
        return prior + np.linalg.lstsq(rows, right, rcond=None)[0]

    def predict(
        self, data: Sequence[Atoms] | np.ndarray, *, forces: bool = False
    ) -> np.ndarray | tuple[np.ndarray, list[np.ndarray] | np.ndarray]:
        """Return energies (eV) of shape (n,), and forces (eV/Å) shaped as `fit` takes them."""
        a, slopes = self._design(data, forces)
        energies, flat = a @ self.weights, slopes @ self.weights
        if not forces:
            return energies
        if _are_distances(data):
            return energies, flat
        ends = np.cumsum([len(atoms) for atoms in data])[:-1]
        return energies, np.split(flat.reshape(-1, 3), ends)

    def curves(self) -> np.ndarray:
        """Return the weights of the pair curves, shape (n_pairs, n_centers), in eV."""
        return self.weights[: self.n_pairs * len(self.centers)].reshape(self.n_pairs, -1)

    def offsets(self) -> np.ndarray:
        """Return the offset weights, shape (n_offsets,), in eV per two atoms."""
        return self.weights[self.n_pairs * len(self.centers) :]

    def pair_index(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Return which curve serves pairs of these atomic numbers; InputError for unknown ones."""
        a, b = self.species_index(first), self.species_index(second)
        low, high = np.minimum(a, b), np.maximum(a, b)
        return low * len(self.species or "1") - low * (low - 1) // 2 + high - low

    def species_index(self, numbers: np.ndarray) -> np.ndarray:
        """Return the place of each atomic number among the species (zeros where one serves all)."""
        if self.species is None:
            return np.zeros(len(numbers), dtype=int)
        lookup = np.full(len(chemical_symbols), -1)
        lookup[[atomic_numbers[s] for s in self.species]] = np.arange(len(self.species))
        index: np.ndarray = lookup[numbers]
        if (index < 0).any():
            unknown = chemical_symbols[int(np.asarray(numbers)[index < 0][0])]
            raise InputError(f"fitted for {', '.join(self.species)} only, not for {unknown}")
        return index

    def gaussians(self, r: np.ndarray) -> np.ndarray:
        """Return the Gaussians of ``r`` (n,), shape (n, n_centers)."""
        return np.exp(-(((r[:, None] - self.centers) / self.width) ** 2))

    def _basis(self, r: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the Gaussians of ``r`` (n,) and their derivatives, both (n, n_centers)."""
        values = self.gaussians(r)
        return values, -2.0 / self.width**2 * (r[:, None] - self.centers) * values

    def _design(
        self, data: Sequence[Atoms] | np.ndarray, forces: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """Rows of features for the energies, and for the force components where asked for."""
        if not _are_distances(data):
            rows = [self._image_features(atoms, forces) for atoms in data]
            return np.stack([e for e, _ in rows]), np.concatenate([f for _, f in rows])
        if self.species is not None:
            raise InputError("distances have no species; give Atoms to a model with species")
        r = np.asarray(data, dtype=float)
        if r.ndim != 1 or not np.isfinite(r).all():
            raise InputError(f"distances have shape {r.shape} or NaN; give a list in Å")
        values, slopes = self._basis(r)
        ones = np.ones((len(r), self.n_offsets))
        return np.hstack([values, ones]), np.hstack([-slopes, 0 * ones])

    def _image_features(self, atoms: Atoms, forces: bool) -> tuple[np.ndarray, np.ndarray]:
        i, j, d, vectors = half_neighbour_list(atoms, self.cutoff)
        kind = self.pair_index(atoms.numbers[i], atoms.numbers[j])
        values, slopes = self._basis(d)
        n, m = len(self.centers), len(self.weights)
        energy, gradient = np.zeros(m), np.zeros((len(atoms) if forces else 0, 3, m))
        for k in range(self.n_pairs):
            chosen, block = kind == k, slice(k * n, (k + 1) * n)
            energy[block] = values[chosen].sum(axis=0)
            if forces:
                pull = (vectors / d[:, None])[chosen][:, :, None] * slopes[chosen][:, None, :]
                np.add.at(gradient[:, :, block], i[chosen], pull)
                np.subtract.at(gradient[:, :, block], j[chosen], pull)
        if self.offset:
            counts = np.bincount(self.species_index(atoms.numbers), minlength=self.n_offsets)
            energy[self.n_pairs * n :] = counts / 2
        return energy, gradient.reshape(-1, m)

    def features(self) -> dict[str, Any]:
        """Return what the weights are weights of, in plain lists and numbers."""
        return {
            "centers": self.centers.tolist(),
            "width": self.width,
            "species": None if self.species is None else list(self.species),
            "offset": self.offset,
        }

    def todict(self) -> dict[str, Any]:
        """Return the model as plain data, as ASE's databases store calculators' parameters."""
        return self.features() | {"weights": self.weights.tolist()}

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model to ``path`` as a numpy archive without pickle."""
        buffer = io.BytesIO()
        np.savez(buffer, **(self.todict() | {"species": np.array(self.species or (), "U2")}))
        write_atomically(path, buffer.getvalue())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> RBFRidge:
        """Read what `save` wrote; `CalculatorSetupError` for any other file."""
        try:
            with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as data:
                model = cls(
                    data["centers"],
                    float(data["width"]),
                    species=[str(s) for s in data["species"]] or None,
                    offset=bool(data["offset"]),
                )
                weights = np.array(data["weights"], dtype=float)
            if weights.shape != model.weights.shape:
                raise ValueError(f"{weights.shape} weights, {model.weights.shape} expected")
        except FileNotFoundError:
            raise
        except Exception as error:
            raise CalculatorSetupError(
                f"{path} is not a saved RBFRidge model ({error}); write it with RBFRidge.save"
            ) from error
        model.weights = weights
        return model


def _are_distances(data: Sequence[Atoms] | np.ndarray) -> bool:
    return not (len(data) and isinstance(data[0], Atoms))
