"""Neighbours, and what a structure must be like before any are looked for."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.calculators.calculator import InputError
from ase.geometry import complete_cell

MOST_PAIRS = 5e7
# Å: a crystal as long as this has more atoms than memory holds, and an empty box more space than a
# package that parts it by its cutoff.
LONGEST = 2e3
# Å: along directions that are not periodic, SevenNet and MACE take memory for a box as wide as ten
# times the farthest atom, 0.1 GB for one at 50 Å.
FAR = 50.0
THINNEST = 0.1  # Å: no atom comes so near to its own image
FARTHEST = 1e8  # Å: farther out a float64 does not place an atom precisely
MOST_CELLS = 1e5  # vesin parts a box into so many at most; see `_refuse_flat`


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
    box, pbc = atoms.cell[:], atoms.pbc
    if pbc.any():
        volume = abs(np.linalg.det(closed_box(atoms, cutoff)))
        expected = len(atoms) ** 2 * 4 / 3 * np.pi * cutoff**3 / volume / 2
        if expected > MOST_PAIRS:
            raise InputError(
                f"about {expected:.0e} pairs within {cutoff:.1f} Å in a cell of "
                f"{volume:.2g} Å^3; is its unit right?"
            )
    if max(np.abs(box).max(), np.abs(atoms.positions).max(initial=0.0)) > 10 * cutoff:
        # smaller ones have fewer parts than vesin allows, and it never scales their number down
        box, pbc = closed_box(atoms, 1.01 * cutoff), True
        _refuse_flat(box, cutoff)
    found = NeighborList(cutoff=cutoff, full_list=False).compute(
        atoms.positions, box, pbc, quantities=quantities
    )
    # vesin counts atoms in an unsigned type, which numpy does not take for bincount
    return tuple(x.astype(np.intp) if x.dtype.kind == "u" else x for x in found)


def check_geometry(atoms: Atoms) -> None:
    """Raise `InputError` for NaN, a periodic direction without a vector, or impossible sizes.

    Models answer NaN positions with finite energies, vesin ends the process for a cell without a
    volume or a needle, and where a cell is too thin or an atom too far out memory ends it.
    """
    if not (np.isfinite(atoms.positions).all() and np.isfinite(atoms.cell[:]).all()):
        raise InputError("NaN or infinite positions or cell; fix the structure")
    vectors = atoms.cell[:][atoms.pbc]
    # of the vectors together: the longest, and at least the thickness, within a factor of √3
    sizes = np.linalg.svd(vectors, compute_uv=False) if len(vectors) else np.ones(1)
    if sizes[-1] < 1e-8:
        raise InputError(
            f"periodic along {len(vectors)} directions but the cell is "
            f"{atoms.cell.cellpar().round(3).tolist()}; give every periodic direction a vector"
        )
    if sizes[-1] < THINNEST or sizes[0] > LONGEST:
        raise InputError(
            f"the cell is {atoms.cell.cellpar().round(3).tolist()}, thinner than {THINNEST:g} Å "
            f"or longer than {LONGEST:g} Å; is its unit right?"
        )
    farthest = np.abs(atoms.positions).max(initial=0.0)
    if farthest > LONGEST and not atoms.pbc.all():
        free = full_cell(atoms)[~atoms.pbc]
        farthest = np.abs(atoms.positions @ free.T).max()
        if farthest > LONGEST:
            raise InputError(
                f"an atom is {farthest:.1e} Å from the origin along a direction that is not "
                f"periodic, more than {LONGEST:g} Å; is its unit right?"
            )
    elif farthest > FARTHEST:
        raise InputError(
            f"an atom is {farthest:.1e} Å from the origin, more than {FARTHEST:g} Å; wrap it "
            "into the cell"
        )


def near_home(atoms: Atoms, cutoff: float) -> Atoms:
    """Return the same structure where no package needs memory for the space between its atoms.

    No atom is more than one cell outside along periodic directions; what reaches far along others
    gets a box, across which nothing within ``cutoff`` (Å) sees anything. All else stays as it was.
    """
    cell = full_cell(atoms)
    free = ~atoms.pbc
    if free.any() and np.abs(atoms.positions @ cell[free].T).max() > FAR:
        cell = closed_box(atoms, 2 * cutoff)
        atoms = Atoms(atoms.numbers, atoms.positions, cell=cell, pbc=True)
    away = np.trunc(np.linalg.solve(cell.T, atoms.positions.T).T)
    away[:, ~atoms.pbc] = 0
    if away.any():
        atoms = atoms.copy()
        atoms.positions -= away @ cell
    return atoms


def closed_box(atoms: Atoms, vacuum: float) -> np.ndarray:
    """Return a cell (3, 3) that is periodic in all directions, ``vacuum`` (Å) in the added ones."""
    cell = full_cell(atoms)
    free = np.flatnonzero(~atoms.pbc)
    if len(free):
        cell[free] *= (np.ptp(atoms.positions @ cell[free].T, axis=0) + vacuum)[:, None]
    return cell


def full_cell(atoms: Atoms) -> np.ndarray:
    """Return the cell with unit vectors, at right angles, along what is not periodic."""
    return complete_cell(np.where(atoms.pbc[:, None], atoms.cell[:], 0.0))


def _refuse_flat(box: np.ndarray, cutoff: float) -> None:
    """Raise `InputError` for a box that vesin would part into no cells in its thin direction.

    It scales the three counts down alike where their product is too large; zero ends the process.
    """
    thickness = 1 / np.linalg.norm(np.linalg.inv(box), axis=0)
    counts = np.maximum(thickness // cutoff, 1)
    scale = np.cbrt(MOST_CELLS / counts.prod())
    if scale < 1 and scale * counts.min() < 3:  # below 3, truncated twice, it may be none
        sizes = " x ".join(f"{x:.3g}" for x in thickness)
        raise InputError(
            f"a box of {sizes} Å is too flat for neighbours within {cutoff:.1f} Å to be "
            "looked for; give a smaller one"
        )
