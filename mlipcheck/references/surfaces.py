"""Relaxed slabs with their surface energies, and the crystals that they are cut from."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms

from . import datasets
from .pymatgen_json import read_structure

DATASET = "metal-slabs"
ELEMENTS = ("Mo", "Nb", "W")


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
    return [
        _read_slabs(x, paths[f"{x}_Surface"], paths[f"{x}_Elastic"])
        for x in elements
        if x in ELEMENTS
    ]


def _read_slabs(element: str, surfaces: Path, strained: Path) -> Slabs:
    rows, cells = (json.loads(p.read_text(encoding="utf-8")) for p in (surfaces, strained))
    lowest = min(cells, key=lambda row: row["outputs"]["energy"] / row["num_atoms"])
    crystal = read_structure(lowest["structure"])
    per_atom = lowest["outputs"]["energy"] / len(crystal)
    slabs = []
    for row in rows:
        atoms = read_structure(row["structure"])
        excess = row["outputs"]["energy"] - len(atoms) * per_atom
        name = element + _facet(atoms, crystal)
        slabs.append(Slab(name, atoms, excess / (2 * area(atoms))))
    return Slabs(element, crystal, tuple(sorted(slabs, key=lambda s: s.name)))


def _facet(slab: Atoms, crystal: Atoms) -> str:
    """Name the facet of a bcc slab by the lattice vectors that are as long as its own.

    Not all files name it.
    """
    half = (crystal.get_volume() * 2 / len(crystal)) ** (1 / 3) / 2
    every = [x for x in itertools.product(range(-8, 9), repeat=3) if len({n % 2 for n in x}) == 1]
    lattice = half * np.array(every)
    lengths = np.linalg.norm(lattice, axis=1)
    u, v = slab.cell[:2]
    first, second = (lattice[abs(lengths - np.linalg.norm(x)) < 0.1] for x in (u, v))
    alike = np.nonzero(abs(first @ second.T - u @ v) < 0.5)
    normals = np.rint(np.cross(first[alike[0]], second[alike[1]]) / half**2).astype(int)
    # of planes with cells alike, as (221) and three of (100), the one that needs fewer cells
    normal = min(normals, key=np.gcd.reduce)
    index = sorted(abs(normal // np.gcd.reduce(normal)).tolist(), reverse=True)
    return f"({''.join(map(str, index))})"
