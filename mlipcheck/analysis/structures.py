"""What a structure is by itself: how close its atoms come, its gaps, symmetry, and anions."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import InputError

from ..calculators.neighbours import half_neighbour_list
from ..references.curves import Pair, sorted_pair

WITHIN = 4.0  # Å; no pair collapses farther out
VACUUM = 7.0  # Å without atoms
SYMPREC = 0.01  # Å
# Pauling's scale (Allred, J. Inorg. Nucl. Chem. 17, 215 (1961), and later additions).
_WORDS = (
    "H 2.20 Li 0.98 Be 1.57 B 2.04 C 2.55 N 3.04 O 3.44 F 3.98 Na 0.93 Mg 1.31 Al 1.61 Si 1.90 "
    "P 2.19 S 2.58 Cl 3.16 K 0.82 Ca 1.00 Sc 1.36 Ti 1.54 V 1.63 Cr 1.66 Mn 1.55 Fe 1.83 Co 1.88 "
    "Ni 1.91 Cu 1.90 Zn 1.65 Ga 1.81 Ge 2.01 As 2.18 Se 2.55 Br 2.96 Kr 3.00 Rb 0.82 Sr 0.95 "
    "Y 1.22 Zr 1.33 Nb 1.60 Mo 2.16 Tc 1.90 Ru 2.20 Rh 2.28 Pd 2.20 Ag 1.93 Cd 1.69 In 1.78 "
    "Sn 1.96 Sb 2.05 Te 2.10 I 2.66 Xe 2.60 Cs 0.79 Ba 0.89 La 1.10 Ce 1.12 Pr 1.13 Nd 1.14 "
    "Pm 1.13 Sm 1.17 Eu 1.20 Gd 1.20 Tb 1.20 Dy 1.22 Ho 1.23 Er 1.24 Tm 1.25 Yb 1.10 Lu 1.27 "
    "Hf 1.30 Ta 1.50 W 2.36 Re 1.90 Os 2.20 Ir 2.20 Pt 2.28 Au 2.54 Hg 2.00 Tl 1.62 Pb 2.33 "
    "Bi 2.02 Po 2.00 At 2.20 Fr 0.70 Ra 0.90 Ac 1.10 Th 1.30 Pa 1.50 U 1.38 Np 1.36 Pu 1.28"
)
ELECTRONEGATIVITY = dict(zip(_WORDS.split()[::2], map(float, _WORDS.split()[1::2]), strict=True))
GAP = 1.0  # of electronegativities, between anions and the rest
# What bonds covalently to its own side too, as in SO4, O2 and C2F6.
NONMETALS = frozenset(
    ["H", "B", "C", "N", "O", "F", "Si", "P", "S", "Cl", "As", "Se", "Br", "Te", "I"]
)


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


def find_symmetry(atoms: Atoms, symprec: float = SYMPREC) -> Any:
    """Return spglib's data set; None for what is not periodic in three directions."""
    if not atoms.pbc.all():
        return None
    import spglib

    crystal = (atoms.cell[:], atoms.get_scaled_positions(), atoms.numbers)
    with warnings.catch_warnings():
        # spglib 2.7 warns of its coming error handling; until then a failure is None
        warnings.filterwarnings("ignore", message="Set OLD_ERROR_HANDLING")
        return spglib.get_symmetry_dataset(crystal, symprec=symprec)


def find_anions(symbols: Iterable[str]) -> set[str]:
    """Return the elements above the highest gap of 1 in electronegativity, none without a gap."""
    values = {x: ELECTRONEGATIVITY[x] for x in symbols if x in ELECTRONEGATIVITY}
    ranked = sorted(values, key=values.__getitem__)
    gaps = [k for k, (a, b) in enumerate(pairwise(ranked), 1) if values[b] - values[a] > GAP]
    return set(ranked[gaps[-1] :]) if gaps else set()
