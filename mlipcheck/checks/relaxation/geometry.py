"""Two structures with the same atoms, before and after: cell, bonds, displacement, symmetry."""

from __future__ import annotations

import warnings

import numpy as np
from ase import Atoms
from ase.build import minimize_rotation_and_translation
from ase.data import covalent_radii

from ...calculators.neighbours import half_neighbour_list
from .record import BondChange, BondTable

BOND = 1.25  # of the sum of covalent radii
NEAREST = 1.1  # of the shortest distance, where a structure has no bonds
# A bond that crosses the limit by a hair is neither broken nor new.
MARGIN = 1.1
SYMPREC = 0.01  # Å


def compare_cells(
    before: Atoms, after: Atoms
) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Return the changes of a, b, c in percent and of the angles in degrees, None without cell."""
    if not before.pbc.any() or before.cell.rank < 3:
        return None
    old, new = before.cell.cellpar(), after.cell.cellpar()
    lengths = 100 * (new[:3] / old[:3] - 1)
    return tuple(lengths.tolist()), tuple((new[3:] - old[3:]).tolist())


def find_bonds(atoms: Atoms) -> tuple[BondTable, str]:
    """Return the bonds of a structure, ``lengths`` being its own, and how they were told.

    Pairs within 1.25 of the sum of their covalent radii, each once; where there are none, the
    neighbours within 1.1 of the shortest distance.
    """
    radii = covalent_radii[atoms.numbers]
    i, j, d, images = half_neighbour_list(atoms, 2 * BOND * radii.max(), "ijdS")
    bonded = d <= BOND * (radii[i] + radii[j])
    definition = f"within {BOND} of the covalent radii"
    if not bonded.any() and len(atoms) > 1:
        definition = f"within {NEAREST} of the shortest distance"
        reach = 2 * BOND * radii.max()
        while not len(d) and reach < 50:
            reach *= 1.5
            i, j, d, images = half_neighbour_list(atoms, reach, "ijdS")
        if len(d) and NEAREST * d.min() > reach:
            i, j, d, images = half_neighbour_list(atoms, NEAREST * d.min(), "ijdS")
        bonded = d <= NEAREST * d.min() if len(d) else bonded
    table = BondTable(
        np.stack([i[bonded], j[bonded]], axis=1), images[bonded], d[bonded], d[bonded]
    )
    return table, definition


def follow_bonds(table: BondTable, after: Atoms) -> BondTable:
    """Return the same bonds, atom pair and image, with the lengths of ``after``."""
    i, j = table.indices.T
    vectors = after.positions[j] - after.positions[i] + table.images @ after.cell[:]
    lengths = np.linalg.norm(vectors, axis=1)
    return BondTable(table.indices, table.images, table.reference_lengths, lengths)


def summarise_bonds(table: BondTable, before: Atoms) -> tuple[BondChange, ...]:
    """Return mean and largest change for each pair of species."""
    symbols = np.array(before.get_chemical_symbols())
    names = np.sort(symbols[table.indices], axis=1)
    changes = table.lengths - table.reference_lengths
    relative = 100 * changes / table.reference_lengths
    rows = []
    for pair in sorted({(str(a), str(b)) for a, b in names}):
        chosen = (names == pair).all(axis=1)
        worst = np.abs(changes[chosen]).argmax()
        furthest = np.abs(relative[chosen]).argmax()
        rows.append(
            BondChange(
                pair=pair,
                count=int(chosen.sum()),
                mean_length=float(table.reference_lengths[chosen].mean()),
                mean_change=float(changes[chosen].mean()),
                largest_change=float(changes[chosen][worst]),
                largest_change_percent=float(relative[chosen][furthest]),
            )
        )
    return tuple(rows)


def count_broken_and_new(table: BondTable, before: Atoms, after: Atoms) -> tuple[int, int]:
    """Return how many bonds went beyond 1.1 of the limit, and how many came from beyond it.

    Counts covalent bonds only: between neighbours that are not bonded nothing breaks.
    """
    radii = covalent_radii[before.numbers]

    def limit(indices: np.ndarray) -> np.ndarray:
        total: np.ndarray = BOND * radii[indices].sum(axis=1)
        return total

    covalent = table.reference_lengths <= limit(table.indices)
    broken = int((covalent & (table.lengths > MARGIN * limit(table.indices))).sum())
    now, definition = find_bonds(after)
    if "covalent" not in definition:
        return broken, 0
    earlier = follow_bonds(now, before).lengths
    return broken, int((earlier > MARGIN * limit(now.indices)).sum())


def shortest_distance(atoms: Atoms) -> float | None:
    """Return the shortest distance between two atoms, images included, in Å."""
    reach = 2.0
    while reach < 50:
        (d,) = half_neighbour_list(atoms, reach, "d")
        if len(d):
            return float(d.min())
        reach *= 1.5
    return None


def displacement_rmsd(before: Atoms, after: Atoms) -> float:
    """Return the rms displacement in Å, without drift, strain, or a molecule's rotation."""
    if not before.pbc.any():
        target, moved = before.copy(), after.copy()
        target.set_constraint()
        moved.set_constraint()
        minimize_rotation_and_translation(target, moved)
        moves = moved.positions - target.positions
    else:
        # in scaled coordinates the strain of the cell drops out
        old = before.cell.complete()
        moves = (
            after.cell.complete().scaled_positions(after.positions)
            - old.scaled_positions(before.positions)
        ) @ old[:]
        moves -= moves.mean(axis=0)
    return float(np.sqrt((moves**2).sum(axis=1).mean()))


def space_group(atoms: Atoms) -> str | None:
    """Return symbol and number at 0.01 Å, None for what is not periodic in three directions."""
    if not atoms.pbc.all():
        return None
    import spglib

    crystal = (atoms.cell[:], atoms.get_scaled_positions(), atoms.numbers)
    with warnings.catch_warnings():
        # spglib 2.7 warns of its coming error handling; until then a failure is None
        warnings.filterwarnings("ignore", message="Set OLD_ERROR_HANDLING")
        dataset = spglib.get_symmetry_dataset(crystal, symprec=SYMPREC)
    return None if dataset is None else f"{dataset.international} ({dataset.number})"
