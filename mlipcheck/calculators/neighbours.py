"""Neighbours, and what a structure must be before any are looked for."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.calculators.calculator import InputError

MOST_PAIRS = 5e7


def half_neighbour_list(
    atoms: Atoms, cutoff: float, quantities: str = "ijdD"
) -> tuple[np.ndarray, ...]:
    """Every pair within ``cutoff`` (Å) once, self-images included.

    Returns
    -------
    tuple of ndarray
        What ``quantities`` names, in ASE's letters: i and j the atoms, d the distance and D the
        vector from i to j in Å, S the periodic image of j.

    Raises
    ------
    InputError
        As `check_geometry`, and for a cell so small that memory would not hold its pairs.
    """
    from vesin import NeighborList  # imports torch where torch is installed

    check_geometry(atoms)
    if atoms.pbc.all():
        expected = len(atoms) ** 2 * 4 / 3 * np.pi * cutoff**3 / atoms.get_volume() / 2
        if expected > MOST_PAIRS:
            raise InputError(
                f"about {expected:.0e} pairs within {cutoff:.1f} Å in a cell of "
                f"{atoms.get_volume():.2g} Å^3; is its unit right?"
            )
    found = NeighborList(cutoff=cutoff, full_list=False).compute(
        atoms.positions, atoms.cell[:], atoms.pbc, quantities=quantities
    )
    # vesin counts atoms in an unsigned type, which numpy does not take for bincount
    return tuple(x.astype(np.intp) if x.dtype.kind == "u" else x for x in found)


def check_geometry(atoms: Atoms) -> None:
    """Raise `InputError` for NaN, or where a periodic direction has no cell vector.

    Models answer NaN positions with finite energies, and vesin ends the process for a cell
    without a volume.
    """
    if not (np.isfinite(atoms.positions).all() and np.isfinite(atoms.cell[:]).all()):
        raise InputError("NaN or infinite positions or cell; mend the structure")
    vectors = atoms.cell[:][atoms.pbc]
    if len(vectors) and np.linalg.matrix_rank(vectors, tol=1e-8) < len(vectors):
        raise InputError(
            f"periodic along {int(atoms.pbc.sum())} directions but the cell is "
            f"{atoms.cell.cellpar().round(3).tolist()}; give every periodic direction a vector"
        )
