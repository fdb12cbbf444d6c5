"""Relaxed slabs with their surface energies, and the crystals that they are cut from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms

from . import datasets
from .sites import read_structure

DATASET = "metal-slabs"
ELEMENTS = ("Mo", "Nb", "W")
# Of the slabs in Mo_Surface.json, which does not name them as the others do: by their cells.
MO_FACETS = ["210", "321", "311", "320", "211", "221", "110", "100", "322", "332", "111"]


@dataclass(frozen=True, eq=False)
class Slab:
    """A relaxed slab, named as W(110), and its surface energy in eV/Å^2."""

    name: str
    atoms: Atoms
    surface_energy: float


@dataclass(frozen=True, eq=False)
class Slabs:
    """The slabs of an element, and its crystal."""

    element: str
    crystal: Atoms
    slabs: tuple[Slab, ...]


def area(atoms: Atoms) -> float:
    """Return the area (Å^2) of the cell of a slab, between its first two vectors."""
    return float(np.linalg.norm(np.cross(*atoms.cell[:2])))


def slabs_of(elements: Iterable[str]) -> list[Slabs] | None:
    """Return the slabs of those elements that have any; None where the data are not at hand.

    PBE (Li et al., npj Comput. Mater. 6, 70 (2020)), bcc metals, forces below 0.1 eV/Å. The energy
    of the crystal is the lowest per atom of the strained cells of the same set.
    """
    found = datasets.find(DATASET)
    if found is None:
        return None
    paths = {path.stem: path for path in found}
    known = [x for x in elements if x in ELEMENTS]
    return [_read_slabs(x, paths[f"{x}_Surface"], paths[f"{x}_Elastic"]) for x in known]


def _read_slabs(element: str, surfaces: Path, strained: Path) -> Slabs:
    rows, cells = map(datasets.load_json, (surfaces, strained))
    lowest = min(cells, key=lambda row: row["outputs"]["energy"] / row["num_atoms"])
    crystal = read_structure(lowest["structure"])
    per_atom = lowest["outputs"]["energy"] / len(crystal)
    slabs = []
    for k, row in enumerate(rows):
        atoms = read_structure(row["structure"])
        excess = row["outputs"]["energy"] - len(atoms) * per_atom
        facet = row["notes"]["Sur"] if "notes" in row else MO_FACETS[k]
        slabs.append(Slab(f"{element}({facet})", atoms, excess / (2 * area(atoms))))
    return Slabs(element, crystal, tuple(sorted(slabs, key=lambda s: s.name)))
