"""The space group of a crystal."""

from __future__ import annotations

import warnings
from typing import Any

from ase import Atoms

SYMPREC = 0.01  # Å


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
