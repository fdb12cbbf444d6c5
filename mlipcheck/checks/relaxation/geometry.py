"""Two structures with the same atoms, before and after: cell, bonds, displacement, symmetry."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
from ase import Atoms
from ase.build import minimize_rotation_and_translation
from ase.data import covalent_radii
from ase.geometry.dimensionality.rank_determination import RDA

from ...analysis.structures import NONMETALS, find_anions, find_symmetry
from ...calculators.neighbours import half_neighbour_list
from .record import BondChange, BondTable

BOND = 1.25  # of the sum of covalent radii
COVALENT = 1.15  # the same of a bond between two nonmetals of one side
SHELL = 1.2  # of an atom's shortest distance to the other species
# A bond that crosses the limit by a hair is neither broken nor new.
MARGIN = 1.1
FARTHEST_NEIGHBOUR = 6.0  # Å; nothing in a crystal is farther from its nearest neighbour


def compare_cells(before: Atoms, after: Atoms) -> dict[str, Any]:
    """Return the changes of a, b, c in percent and of the angles in degrees, none without cell."""
    if not before.pbc.any() or before.cell.rank < 3:
        return {}
    old, new = before.cell.cellpar(), after.cell.cellpar()
    lengths = 100 * (new[:3] / old[:3] - 1)
    return {
        "length_changes_percent": tuple(lengths.tolist()),
        "angle_changes": tuple((new[3:] - old[3:]).tolist()),
    }


def find_bonds(atoms: Atoms) -> BondTable:
    """Return the bonds of a structure, each once, ``lengths`` being its own.

    Neighbours within 1.25 of the sum of their covalent radii, or within 1.2 of the shortest
    distance where there are none, and within 1.2 of the nearest that one of them has of the
    other's species. Beside anions, two cations or two anions are none, but nonmetals within 1.15
    of their radii.
    """
    radii, numbers = covalent_radii[atoms.numbers], atoms.numbers
    i, j, d, images = half_neighbour_list(atoms, 2 * BOND * radii.max(), "ijdS")
    near = d <= BOND * (radii[i] + radii[j])
    if not near.any():
        i, j, d, images = half_neighbour_list(atoms, FARTHEST_NEIGHBOUR, "ijdS")
        near = d <= SHELL * d.min(initial=np.inf)
    nearest = np.full((len(atoms), numbers.max() + 1), np.inf)
    for one, other in ((i, j), (j, i)):
        np.minimum.at(nearest, (one, numbers[other]), d)
    near &= d <= SHELL * np.maximum(nearest[i, numbers[j]], nearest[j, numbers[i]])
    if anions := find_anions(atoms.symbols):
        anion, nonmetal = (np.isin(list(atoms.symbols), list(x)) for x in (anions, NONMETALS))
        covalent = nonmetal[i] & nonmetal[j] & (d <= COVALENT * (radii[i] + radii[j]))
        near &= covalent | (anion[i] != anion[j])
    indices = np.stack([i[near], j[near]], axis=1)
    pairs = np.sort(np.array(atoms.get_chemical_symbols())[indices], axis=1)
    names = tuple("-".join(pair) for pair in pairs)
    return BondTable(indices, images[near], d[near], d[near], names)


def follow_bonds(table: BondTable, after: Atoms) -> BondTable:
    """Return the same bonds, atom pair and image, with the lengths of ``after``."""
    i, j = table.indices.T
    vectors = after.positions[j] - after.positions[i] + table.images @ after.cell[:]
    return dataclasses.replace(table, lengths=np.linalg.norm(vectors, axis=1))


def find_units(table: BondTable, atoms: int, among: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the unit that bonds, of those ``among``, make each atom a part of; its dimension.

    Both of shape (atoms,). A molecule, or an atom without a bond, has dimension 0, a chain 1, a
    layer 2, a network 3.
    """
    bonds = RDA(atoms)
    pairs = table.indices[among].tolist(), table.images[among].tolist()
    for (i, j), image in zip(*pairs, strict=True):
        bonds.insert_bond(i, j, tuple(image))
    bonds.check()
    member, dimensions = bonds.get_components()
    return np.asarray(member), np.array([dimensions[m] for m in member])


def find_covalent(table: BondTable, atoms: Atoms) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield bonds that may hold a unit together, all and nonmetals' alone; dimensions by them."""
    nonmetal = np.isin(list(atoms.symbols), list(NONMETALS))[table.indices].all(axis=1)
    for among in (np.ones_like(nonmetal), nonmetal):
        yield among, find_units(table, len(atoms), among)[1]


def summarise_bonds(table: BondTable) -> tuple[BondChange, ...]:
    """Return mean and largest change for each pair of species."""
    names = np.array(table.names)
    changes = table.lengths - table.reference_lengths
    relative = 100 * changes / table.reference_lengths
    rows = []
    for name in np.unique(names).tolist():
        at = names == name
        one, other = name.split("-")
        mean, change = table.reference_lengths[at].mean(), changes[at].mean()
        largest = [float(max(x[at], key=abs)) for x in (changes, relative)]
        rows.append(BondChange((one, other), int(at.sum()), float(mean), float(change), *largest))
    return tuple(rows)


def count_broken_and_new(table: BondTable, before: Atoms, after: Atoms) -> tuple[int, int]:
    """Return how many bonds went beyond 1.1 of the covalent limit, and how many came from there."""
    seen_backwards = follow_bonds(find_bonds(after), before)
    radii = covalent_radii[before.numbers]

    def count_broken(bonds: BondTable) -> int:
        limit = BOND * radii[bonds.indices].sum(axis=1)
        broken = (bonds.reference_lengths <= limit) & (bonds.lengths > MARGIN * limit)
        return int(broken.sum())

    return count_broken(table), count_broken(seen_backwards)


def has_neighbours(atoms: Atoms) -> bool:
    """Tell whether any two atoms, or images, are within 6 Å; a lone atom has nothing to be near."""
    lone = len(atoms) == 1 and not atoms.pbc.any()
    return lone or bool(len(half_neighbour_list(atoms, FARTHEST_NEIGHBOUR, "d")[0]))


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
        old, new = before.cell.complete(), after.cell.complete()
        scaled = new.scaled_positions(after.positions) - old.scaled_positions(before.positions)
        moves = scaled @ old[:]
        moves -= moves.mean(axis=0)
    return float(np.sqrt((moves**2).sum(axis=1).mean()))


def space_group(atoms: Atoms) -> str | None:
    """Return symbol and number at 0.01 Å, None for what is not periodic in three directions."""
    found = find_symmetry(atoms)
    return None if found is None else f"{found.international} ({found.number})"
