"""How close atoms come in structures, and how far apart they leave them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from ase import Atoms
from ase.calculators.calculator import InputError

from ..calculators.neighbours import half_neighbour_list
from ..references.curves import Pair, sorted_pair

WITHIN = 4.0  # Å; no pair collapses farther out
VACUUM = 7.0  # Å without atoms


def find_closest(structures: Iterable[tuple[str, Atoms]]) -> dict[Pair, tuple[float, str]]:
    """Return the shortest distance (Å) of each pair within 4 Å, and the structure that has it.

    A structure that has no neighbour list (NaN, a periodic direction without a vector) is left to
    the checks that evaluate it, which say so.
    """
    found: dict[Pair, tuple[float, str]] = {}
    for name, atoms in structures:
        try:
            i, j, d = half_neighbour_list(atoms, WITHIN, "ijd")
        except InputError:
            continue
        numbers, symbols = atoms.numbers, atoms.symbols
        low, high = np.minimum(numbers[i], numbers[j]), np.maximum(numbers[i], numbers[j])
        order = np.argsort(d, kind="stable")
        _, first = np.unique(low[order] * 1000 + high[order], return_index=True)
        for k in order[first]:
            pair = sorted_pair(symbols[int(i[k])], symbols[int(j[k])])
            if pair not in found or d[k] < found[pair][0]:
                found[pair] = (float(d[k]), name)
    return found


def find_gaps(atoms: Atoms) -> tuple[np.ndarray, np.ndarray]:
    """Return the widest gap without atoms (Å) along each lattice direction, and the unit normals.

    Along what is not periodic it is infinite.
    """
    normals = np.linalg.inv(atoms.cell.complete()[:]).T
    heights = 1 / np.linalg.norm(normals, axis=1)
    scaled = np.sort(atoms.cell.complete().scaled_positions(atoms.positions) % 1.0, axis=0)
    gaps = heights * np.diff(np.vstack([scaled, scaled[:1] + 1.0]), axis=0).max(axis=0)
    return np.where(atoms.pbc, gaps, np.inf), normals * heights[:, None]


def empty_directions(atoms: Atoms) -> np.ndarray:
    """Tell along which lattice directions there are 7 Å or more without atoms, or no period."""
    return find_gaps(atoms)[0] >= VACUUM
