"""How close the atoms of each pair come in structures of one's own."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

import numpy as np
from ase import Atoms
from ase.calculators.calculator import InputError

from ..calculators.neighbours import half_neighbour_list
from ..references.curves import Pair, sorted_pair
from ..results import ClosestApproach, DimerScan

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


def closest_approaches(
    structures: Sequence[tuple[str, Atoms]], scans: Sequence[DimerScan]
) -> list[ClosestApproach]:
    """Hold the shortest distance of each pair against where the wall of that pair turns over.

    Parameters
    ----------
    structures : sequence of (str, Atoms)
        What to call each, and the structure.
    scans : sequence of DimerScan

    Returns
    -------
    list of ClosestApproach
        One for every pair of elements that some structure has, also those that were not scanned
        or never come near each other.
    """
    found = find_closest(structures)
    met = {
        sorted_pair(*pair)
        for _, atoms in structures
        for pair in itertools.combinations_with_replacement(sorted(set(atoms.symbols)), 2)
    }
    scanned = {sorted_pair(*s.pair): s for s in scans if s.error is None}
    rows = []
    for pair in sorted(met):
        distance, name = found.get(pair, (None, ""))
        scan = scanned.get(pair)
        good = scan.distances[np.isfinite(scan.energies)] if scan is not None else np.array([])
        rows.append(
            ClosestApproach(
                pair=pair,
                distance=distance,
                structure=name,
                structures=len(structures),
                collapse=scan.wall_collapse_distance if scan is not None else None,
                innermost=float(good.min()) if len(good) else None,
            )
        )
    return rows
