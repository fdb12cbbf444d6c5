"""The low-index planes of a crystal, and where each can be cut."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import InputError
from ase.geometry.minkowski_reduction import minkowski_reduce

from ...analysis.structures import NONMETALS, find_symmetry
from ..relaxation.geometry import find_bonds, find_covalent

SYMPREC = 0.05  # Å
LOW = np.array([x for x in itertools.product((1, 0, -1), repeat=3) if any(x)])  # indices
STEPS = np.array(sorted(itertools.product(range(-3, 4), repeat=3), key=np.linalg.norm))
THICKNESS = 12.0  # Å of crystal: SevenNet-0's W(110) costs 2 % more with 10
LAYER = 0.3  # Å; atoms whose heights differ by less are one layer
MOST_CUTS = 3  # of a plane


@dataclass(frozen=True, eq=False)
class Plane:
    """A plane of a crystal, and where it can be cut.

    ``crystal`` has two vectors in the plane, and the third leads one period of ``spacing`` Å up.
    ``cuts`` are heights in periods: through the fewest bonds first, then the widest room. The first
    one breaks so many ``bonds``: none between layers, nor between molecules.
    """

    name: str
    crystal: Atoms
    spacing: float
    cuts: tuple[float, ...]
    bonds: int = 1

    @property
    def area(self) -> float:
        return float(self.crystal.get_volume() / self.spacing)

    def filled(self, crystal: Atoms) -> Plane:
        """Return the plane of the same crystal, its atoms and cell relaxed."""
        area = np.linalg.norm(np.cross(*crystal.cell[:2]))
        return replace(self, crystal=crystal, spacing=float(crystal.get_volume() / area))

    def opened(self, cut: float, gap: float) -> Atoms:
        """Return at least 12 Å of crystal, periodic, with a gap of ``gap`` Å at the cut."""
        atoms = self.crystal.copy()
        scaled = atoms.get_scaled_positions(wrap=False)
        scaled[:, 2] -= np.floor(scaled[:, 2] - cut)
        atoms.set_scaled_positions(scaled)
        atoms = atoms.repeat((1, 1, math.ceil(THICKNESS / self.spacing)))
        up = np.cross(*atoms.cell[:2])
        atoms.cell[2] += gap * up / np.linalg.norm(up)
        return atoms


def find_planes(atoms: Atoms, most: int, most_atoms: int) -> tuple[list[Plane], dict[str, str]]:
    """Return at most so many planes of a crystal that can be cut, the widest spaced first.

    Also those that cannot, and why. A plane can be cut where its two sides are alike by symmetry
    (in an element or alloy anywhere), and no molecule, chain, layer or covalent unit is broken.
    """
    atoms, symmetry = _find_primitive(atoms)
    planes: list[Plane] = []
    refused: dict[str, str] = {}
    for name, index in _families(atoms, symmetry):
        spacing = float(1 / np.linalg.norm(index @ np.linalg.inv(atoms.cell[:]).T))
        cuts, bonds, why = _find_cuts(atoms, symmetry, index, spacing)
        needed = math.ceil(THICKNESS / spacing) * len(atoms)
        if why or needed > most_atoms:
            refused[name] = why or f"more than {most_atoms} atoms"
        elif len(planes) < most:
            planes.append(Plane(name, _turn(atoms, index), spacing, cuts, bonds))
    return planes, refused


def _find_primitive(atoms: Atoms) -> tuple[Atoms, Any]:
    """Return a compact primitive cell, and its symmetry."""
    if symmetry := find_symmetry(atoms, SYMPREC):
        first = np.unique(symmetry.mapping_to_primitive, return_index=True)[1]
        cell = minkowski_reduce(symmetry.primitive_lattice)[0]
        atoms = Atoms(atoms.numbers[first], atoms.positions[first], cell=cell, pbc=True)
        atoms.wrap()
        symmetry = find_symmetry(atoms, SYMPREC)
    if symmetry is None:
        raise InputError("no symmetry is found; are two atoms on one spot?")
    return atoms, symmetry


def _families(atoms: Atoms, symmetry: Any) -> Iterator[tuple[str, np.ndarray]]:
    """Yield each kind of plane, the widest spaced first: its usual name, and primitive index."""
    indices = np.rint(12 * LOW @ symmetry.transformation_matrix).astype(int)
    indices //= np.gcd.reduce(indices, axis=1)[:, None]
    spacings = 1 / np.linalg.norm(indices @ np.linalg.inv(atoms.cell[:]).T, axis=1)
    seen: set[tuple[int, ...]] = set()
    for k in np.lexsort(((LOW < 0).sum(axis=1), -spacings.round(2))):
        if tuple(indices[k].tolist()) not in seen:
            same = indices[k] @ symmetry.rotations
            seen.update(map(tuple, np.vstack([same, -same]).tolist()))
            yield f"({''.join(map(str, LOW[k]))})", indices[k]


def _find_cuts(
    atoms: Atoms, symmetry: Any, index: np.ndarray, spacing: float
) -> tuple[tuple[float, ...], int, str]:
    """Return the heights at which a plane can be cut, the best first, or why there is none.

    Between them how many bonds the best breaks.
    """
    scaled = atoms.get_scaled_positions()
    heights = np.sort((scaled @ index).round(9) % 1.0)
    room = np.diff([*heights, heights[0] + 1.0])
    cuts = heights + room / 2
    allowed = room * spacing > LAYER
    why = "no room between its layers"
    nonmetal = np.isin(list(atoms.symbols), list(NONMETALS))
    if allowed.any() and nonmetal.any() and len(set(atoms.symbols)) > 1:
        over = (index @ symmetry.rotations == -index).all(axis=1)  # what turns the plane over
        off = (symmetry.translations[over] @ index)[:, None] - 2 * cuts
        off = abs((off + 0.5) % 1.0 - 0.5).min(axis=0, initial=1.0)
        allowed &= off * spacing < LAYER
        why = "polar, its two sides differ"
    if allowed.any():
        table = find_bonds(atoms)
        i, j = table.indices.T
        ends = scaled[i] @ index, (scaled[j] + table.images) @ index
        through = np.floor(ends[0] - cuts[:, None]) != np.floor(ends[1] - cuts[:, None])
        kinds = find_covalent(table, atoms)
        whole = np.any([among & (units[i] < 3) for among, units in kinds], axis=0)
        allowed &= ~(through & whole).any(axis=1)
        why = "would cut molecules, layers or covalent units"
    if not allowed.any():
        return (), 0, why
    best = np.lexsort((-room.round(3), through.sum(axis=1)))
    best = best[allowed[best]][:MOST_CUTS]
    return tuple(cuts[best].tolist()), int(through[best[0]].sum()), ""


def _turn(atoms: Atoms, index: np.ndarray) -> Atoms:
    """Return the crystal in a cell with two vectors in the plane, and the third one period up."""
    steps = STEPS[np.argsort(np.linalg.norm(STEPS @ atoms.cell[:], axis=1), kind="stable")]
    flat, up = steps[steps @ index == 0][1:], steps[steps @ index == 1][0]
    second = next(v for v in flat if np.linalg.det([flat[0], v, up]) > 0.5)
    cell = np.array([flat[0], second, up]) @ atoms.cell[:]
    return Atoms(atoms.numbers, atoms.positions, cell=cell, pbc=True)
