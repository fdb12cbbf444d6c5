"""Straight paths between equal sites of a crystal that no third atom stands in."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.neighborlist import neighbor_list

from ...analysis.symmetry import find_symmetry
from .record import Path

LONGEST, AROUND = 5.0, 4.0  # Å of a way, and more for what stands beside it
CLEAR = 0.8  # of the bond to a third atom


def find_paths(atoms: Atoms) -> tuple[dict[str, Path], list[str]]:
    """Return the shortest clear path of each species, and why others have none.

    ``atoms`` are periodic in three directions. The sites of a path are equal by the crystal's
    symmetry; a path is clear where every third atom is farther from it than 0.8 of the shortest
    distance of that pair of elements in the crystal.
    """
    symmetry = find_symmetry(atoms)
    if symmetry is None:
        return {}, ["its symmetry is not known"]
    kinds, symbols = np.asarray(symmetry.equivalent_atoms), np.array(atoms.get_chemical_symbols())
    i, j, d, v, s = neighbor_list("ijdDS", atoms, LONGEST + AROUND)
    order = np.lexsort((j, i, d.round(3)))
    i, j, d, v, s = (x[order] for x in (i, j, d, v, s))
    found: dict[str, Path] = {}
    why = []
    for symbol in dict.fromkeys(symbols.tolist()):
        reason = f"no equal site within {LONGEST:g} Å"
        own = symbols[i] == symbol
        bonds = {x: d[own & (symbols[j] == x)].min(initial=np.inf) for x in set(symbols)}
        ways = np.flatnonzero(own & (kinds[i] == i) & (kinds[j] == i) & (d < LONGEST))
        for k in ways:
            third = (i == i[k]) & (np.abs(v - v[k]).max(axis=1) > 1e-6)
            shares = np.clip(v[third] @ v[k] / d[k] ** 2, 0, 1)
            away = np.linalg.norm(v[third] - shares[:, None] * v[k], axis=1)
            away /= [bonds[x] for x in symbols[j[third]]]
            if away.min() >= CLEAR:
                found[symbol] = Path("", int(i[k]), int(j[k]), tuple(s[k].tolist()))
                break
            if k == ways[0]:
                other = symbols[j[third]][np.argmin(away)]
                reason = f"{other} is {away.min():.2f} bond lengths from the straight path"
        if symbol not in found:
            why.append(f"{symbol}: {reason}")
    return found, why


def supercell(atoms: Atoms, least: float) -> tuple[int, int, int]:
    """Return how often to repeat a crystal so that it is nowhere thinner than ``least`` Å."""
    a, b, c = np.ceil(least * np.linalg.norm(np.linalg.inv(atoms.cell[:]), axis=0)).astype(int)
    return int(a), int(b), int(c)
