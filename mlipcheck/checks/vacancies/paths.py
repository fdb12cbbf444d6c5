"""Straight ways between equal sites of a crystal that no third atom stands in."""

from __future__ import annotations


import numpy as np
from ase import Atoms
from ase.neighborlist import neighbor_list

from ..relaxation.geometry import find_symmetry
from .record import Path

LONGEST = 5.0  # Å of a way
AROUND = 4.0  # Å more, for what stands beside it
CLEAR = 0.8  # of the bond to a third atom


def find_paths(atoms: Atoms) -> tuple[dict[str, Path], list[str]]:
    """Return the shortest clear way of each species, and why others have none.

    ``atoms`` are periodic in three directions. The sites of a way are equal by the crystal's
    symmetry; a way is clear where every third atom is farther from it than 0.8 of the shortest
    distance of that pair of elements in the crystal.
    """
    symmetry = find_symmetry(atoms)
    if symmetry is None:
        return {}, ["its symmetry is not known"]
    kinds, symbols = symmetry.equivalent_atoms, np.array(atoms.get_chemical_symbols())
    i, j, d, v, s = neighbor_list("ijdDS", atoms, LONGEST + AROUND)
    bonds: dict[tuple[str, str], float] = {}
    for k in np.argsort(-d):  # the shortest last
        bonds[symbols[i[k]], symbols[j[k]]] = float(d[k])
    found: dict[str, Path] = {}
    why = []
    for symbol in dict.fromkeys(symbols.tolist()):
        ways = (symbols[i] == symbol) & (kinds[i] == i) & (kinds[j] == i) & (d < LONGEST)
        reason = f"no equal site within {LONGEST:g} Å"
        order = np.flatnonzero(ways)
        for n, k in enumerate(order[np.lexsort((j[order], i[order], d[order].round(3)))]):
            third = (i == i[k]) & (np.abs(v - v[k]).max(axis=1) > 1e-6)
            shares = np.clip(v[third] @ v[k] / d[k] ** 2, 0, 1)
            away = np.linalg.norm(v[third] - shares[:, None] * v[k], axis=1)
            away /= [bonds[symbol, x] for x in symbols[j[third]]]
            nearest = int(np.argmin(away))
            if away[nearest] >= CLEAR:
                found[symbol] = Path("", int(i[k]), int(j[k]), tuple(s[k].tolist()))
                break
            if n == 0:
                other = symbols[j[third]][nearest]
                reason = f"{other} stands {away[nearest]:.2f} of a bond from its straight way"
        if symbol not in found:
            why.append(f"{symbol}: {reason}")
    return found, why


def supercell(atoms: Atoms, least: float) -> tuple[int, int, int]:
    """Return how often to repeat a crystal so that it is nowhere thinner than ``least`` Å."""
    heights = 1 / np.linalg.norm(np.linalg.inv(atoms.cell[:]), axis=0)
    a, b, c = (int(n) for n in np.ceil(least / heights))
    return a, b, c
