"""Two neighbours of a crystal moved together along their axis, symmetrically, all else fixed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator
from ase.data import covalent_radii

from ...calculators.evaluate import evaluate
from ...references.curves import sorted_pair
from ..dimers.curve import find_attractions
from ..relaxation.geometry import find_bonds
from .record import CompressedPair

INNERMOST, STEP = 0.4, 0.05  # Å
THIRD = 0.6  # of the sum of covalent radii: nearer than that a third atom is pushed, too


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The closest two neighbours of one pair of species in a supercell, and the path between."""

    pair: tuple[str, str]
    supercell: Atoms
    indices: tuple[int, int]
    axis: np.ndarray
    contact: float

    def path(self) -> tuple[np.ndarray, list[Atoms], str | None]:
        """Return distances (Å, descending), the structures, and the element that ended it."""
        distances = np.append(np.arange(self.contact, INNERMOST + 1e-9, -STEP), INNERMOST)
        images: list[Atoms] = []
        for r in distances:
            image = self.supercell.copy()
            shift = (self.contact - r) / 2 * self.axis
            i, j = self.indices
            image.positions[i] += shift
            image.positions[j] -= shift
            if met := _third_atom(image, self.indices):
                return distances[: len(images)], images, met
            images.append(image)
        return distances, images, None


def find_neighbours(supercell: Atoms) -> list[Neighbours]:
    """Return the closest two first-shell neighbours of each pair of species, the closest first."""
    bonds = find_bonds(supercell)
    found: dict[tuple[str, str], Neighbours] = {}
    for k in np.argsort(bonds.lengths, kind="stable"):
        i, j = (int(x) for x in bonds.indices[k])
        one, other = bonds.names[k].split("-")
        if i != j and (pair := sorted_pair(one, other)) not in found:
            vector = supercell.positions[j] - supercell.positions[i]
            vector = vector + bonds.images[k] @ supercell.cell[:]
            length = float(np.linalg.norm(vector))
            found[pair] = Neighbours(pair, supercell, (i, j), vector / length, length)
    return list(found.values())


def push_together(
    calculator: BaseCalculator, neighbours: Neighbours, row: CompressedPair
) -> CompressedPair:
    """Return the row of a pair, completed with the energies along its path."""
    distances, images, stopped_by = neighbours.path()
    found = evaluate(calculator, images)
    errors = [e.error for e in found if e.error]
    energies = np.array([np.nan if e.energy is None else e.energy for e in found])
    forces = np.array([np.nan if e.forces is None else _axial(e.forces, neighbours) for e in found])
    row = replace(row, stopped_by=stopped_by, failed=errors[0] if errors else None)
    if not len(energies) or not np.isfinite(energies[0]):
        return replace(row, error=errors[0] if errors else "the crystal itself has no energy")
    r, energies, forces = distances[::-1], (energies - energies[0])[::-1], forces[::-1]
    row = replace(row, distances=r, energies=energies, forces=forces)
    good = np.isfinite(energies) & np.isfinite(forces)
    first, collapse = find_attractions(r[good], energies[good], forces[good], r[-1], 0.0)
    return replace(row, attraction=first, collapse=collapse)


def _axial(forces: np.ndarray, neighbours: Neighbours) -> float:
    i, j = neighbours.indices
    return float((forces[j] - forces[i]) @ neighbours.axis / 2)


def _third_atom(image: Atoms, indices: tuple[int, int]) -> str | None:
    """Return the element of an atom that one of the two has come too near to."""
    others = np.delete(np.arange(len(image)), indices)
    for k in indices:
        sums = covalent_radii[image.numbers[k]] + covalent_radii[image.numbers[others]]
        near = others[image.get_distances(k, others, mic=True) < THIRD * sums]
        if len(near):
            return str(image.symbols[near[0]])
    return None
