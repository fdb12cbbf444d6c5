"""How close atoms come in structures, and how far apart they leave them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from ase import Atoms
from ase.calculators.calculator import InputError

from ..calculators.neighbours import half_neighbour_list
from ..references.curves import Pair, sorted_pair

WITHIN = 4.0  # Å; no wall turns over farther out


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


def has_vacuum(atoms: Atoms, width: float = 7.0) -> bool:
    """Tell whether a periodic cell is empty along ``width`` Å or more of one of its directions."""
    heights = atoms.get_volume() / np.linalg.norm(
        np.cross(np.roll(atoms.cell[:], -1, axis=0), np.roll(atoms.cell[:], -2, axis=0)), axis=1
    )
    scaled = np.sort(atoms.get_scaled_positions() % 1.0, axis=0)
    gaps = np.diff(np.vstack([scaled, scaled[:1] + 1.0]), axis=0).max(axis=0)
    return bool((gaps * heights >= width).any())
