"""Two neighbours of a crystal moved together along their axis, symmetrically, all else fixed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator
from ase.data import covalent_radii

from ...calculators.evaluate import evaluate
from ...references.curves import sorted_pair
from ...storage import Record, check_lengths
from ..dimers.curve import find_attractions
from ..dimers.record import Attraction
from ..relaxation.geometry import find_bonds

INNERMOST, STEP = 0.4, 0.05  # Å
THIRD = 0.6  # of the sum of covalent radii: nearer than that a third atom is pushed, too


@dataclass(frozen=True, eq=False)
class CompressedPair(Record):
    """The energy and the axial force of two neighbours in a crystal against their distance.

    ``pair`` are their symbols in alphabetical order, ``n_atoms`` those of the supercell, and
    ``contact`` their distance in the crystal, Å. ``distances`` (n,) ascend up to it, Å;
    ``energies`` are eV above the crystal's and ``forces`` eV/Å along the axis, positive when
    repulsive; NaN at points that failed, with the reason in ``failed``. ``stopped_by`` is the
    element of a third atom that ended the path before 0.4 Å. ``attraction`` and ``collapse`` are
    as of a dimer scan.
    """

    name: str
    pair: tuple[str, str] = ("", "")
    formula: str = ""
    source: str = ""
    fingerprint: str = field(default="", metadata={"input": "structure"})
    n_atoms: int = 0
    contact: float | None = None
    distances: np.ndarray = field(default_factory=lambda: np.array([]))
    energies: np.ndarray = field(default_factory=lambda: np.array([]))
    forces: np.ndarray = field(default_factory=lambda: np.array([]))
    stopped_by: str | None = None
    attraction: Attraction | None = None
    collapse: Attraction | None = None
    failed: str | None = None
    error: str | None = None

    def __post_init__(self) -> None:
        check_lengths(self, "distances", "energies", "forces")

    @property
    def innermost(self) -> float | None:
        """How far inward there is an energy, Å."""
        known = self.distances[np.isfinite(self.energies)]
        return float(known.min()) if len(known) else None


def farthest_collapses(rows: Mapping[str, Sequence[Any]]) -> dict[str, float]:
    """Return where pairs collapse (Å), in vacuum or in a crystal, whichever is farther out.

    ``rows`` are those of the checks ``dimers`` and ``compression``, as far as they ran.
    """
    found: dict[str, float] = {}
    for row in (*rows.get("dimers", ()), *rows.get("compression", ())):
        if row.collapse is not None:
            pair = "-".join(row.pair)
            found[pair] = max(row.collapse.distance, found.get(pair, 0.0))
    return found


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The closest two neighbours of one pair of species in a supercell, and the path between."""

    pair: tuple[str, str]
    supercell: Atoms
    indices: tuple[int, int]
    axis: np.ndarray
    contact: float

    def path(self) -> tuple[np.ndarray, list[Atoms], str | None]:
        """Return distances (Å, descending), the structures, and the element that ended it."""
        distances = np.append(np.arange(self.contact, INNERMOST + 1e-9, -STEP), INNERMOST)
        images: list[Atoms] = []
        for r in distances:
            image = self.supercell.copy()
            shift = (self.contact - r) / 2 * self.axis
            image.positions[list(self.indices)] += shift, -shift
            if met := _third_atom(image, self.indices):
                return distances[: len(images)], images, met
            images.append(image)
        return distances, images, None


def find_neighbours(supercell: Atoms) -> list[Neighbours]:
    """Return the closest two first-shell neighbours of each pair of species, the closest first."""
    bonds = find_bonds(supercell)
    found: dict[tuple[str, str], Neighbours] = {}
    for k in np.argsort(bonds.lengths, kind="stable"):
        i, j = (int(x) for x in bonds.indices[k])
        one, other = bonds.names[k].split("-")
        if i != j and (pair := sorted_pair(one, other)) not in found:
            vector = supercell.positions[j] - supercell.positions[i]
            vector = vector + bonds.images[k] @ supercell.cell[:]
            length = float(np.linalg.norm(vector))
            found[pair] = Neighbours(pair, supercell, (i, j), vector / length, length)
    return list(found.values())


def push_together(
    calculator: BaseCalculator, neighbours: Neighbours, row: CompressedPair
) -> CompressedPair:
    """Return the row of a pair, completed with the energies along its path."""
    distances, images, stopped_by = neighbours.path()
    found = evaluate(calculator, images)
    errors = [e.error for e in found if e.error]
    energies = np.array([np.nan if e.energy is None else e.energy for e in found])
    forces = np.array([np.nan if e.forces is None else _axial(e.forces, neighbours) for e in found])
    row = replace(row, stopped_by=stopped_by, failed=errors[0] if errors else None)
    if not len(energies) or not np.isfinite(energies[0]):
        return replace(row, error=errors[0] if errors else "the crystal itself has no energy")
    r, energies, forces = distances[::-1], (energies - energies[0])[::-1], forces[::-1]
    row = replace(row, distances=r, energies=energies, forces=forces)
    good = np.isfinite(energies) & np.isfinite(forces)
    first, collapse = find_attractions(r[good], energies[good], forces[good], r[-1], 0.0)
    return replace(row, attraction=first, collapse=collapse)


def _axial(forces: np.ndarray, neighbours: Neighbours) -> float:
    i, j = neighbours.indices
    return float((forces[j] - forces[i]) @ neighbours.axis / 2)


def _third_atom(image: Atoms, indices: tuple[int, int]) -> str | None:
    """Return the element of an atom that one of the two has come too near to."""
    others = np.delete(np.arange(len(image)), indices)
    for k in indices:
        sums = covalent_radii[image.numbers[k]] + covalent_radii[image.numbers[others]]
        near = others[image.get_distances(k, others, mic=True) < THIRD * sums]
        if len(near):
            return str(image.symbols[near[0]])
    return None
