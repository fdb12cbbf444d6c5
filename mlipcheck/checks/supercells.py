"""Supercells that several checks build."""

from __future__ import annotations

import math

import numpy as np
from ase import Atoms
from ase.build import make_supercell

from ..analysis.closest import empty_directions

HEIGHT = 7.0  # Å between a crystal's planes, at least, for an atom not to see its own images
MOST_ATOMS = 150


def count_repeats(atoms: Atoms) -> tuple[int, ...]:
    """Return how often to repeat a crystal for periodic heights of 7 Å or more; vacuum is not."""
    heights = 1 / np.linalg.norm(np.linalg.inv(atoms.cell.complete()[:]), axis=0)
    counts = np.where(empty_directions(atoms), 1, np.ceil(HEIGHT / heights - 1e-9)).astype(int)
    return tuple(counts.tolist())


def build_supercell(atoms: Atoms, most: int | None = None) -> Atoms:
    """Repeat a crystal until its periodic heights are 7 Å or more; vacuum is not repeated.

    Where that takes more than ``most`` atoms, it stays as it is.
    """
    repeats = count_repeats(atoms)
    if most is not None and math.prod(repeats) * len(atoms) > most:
        return atoms.copy()
    return make_supercell(atoms, np.diag(repeats), wrap=False)
