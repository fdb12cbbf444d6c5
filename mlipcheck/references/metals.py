"""PBE results for metals that others published: hydrogen on (111) faces, slabs, and vacancies."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import InputError
from ase.data import atomic_numbers, reference_states

from . import datasets
from .sites import read_structure

# The data sets.
HYDROGEN, SLABS, VACANCIES = "kitchin-111", "metal-slabs", "angsten-vacancies"
COVERAGE, CLEAN = "0.25", "0.0"  # monolayers: one H in a 2 x 2 cell, and none
# Half of what it takes to part H2 in PBE (eV), since the set counts from the H atom. Twice that is
# the depth, 4.54 eV, of the H-H curve in the data set diatomics-pbe.
HALF_ATOMIZATION = 2.27
ELEMENTS = ("Mo", "Nb", "W")  # that have slabs and strained cells
# Of the slabs in Mo_Surface.json, which does not name them as the others do: by their cells.
MO_FACETS = ["210", "321", "311", "320", "211", "221", "110", "100", "322", "332", "111"]
# eV, of each energy of vacancies: what a cell of 36 atoms for 64 makes of SevenNet-0's hop in Mg.
UNCERTAINTY = 0.05
CHAINS = ("Se", "Te")  # which ASE lists as hcp
DISPERSION = 0.2  # eV an atom: what is held together by less is no metal
# The columns of the hops. That of e_vacmig_v is the basal one: elsewhere PBE has in and out of the
# plane 0.72 and 0.89 eV for Be, 0.51 and 0.67 for Zr, 0.47 and 0.61 for Ti; Zn and Cd, of large
# c/a, diffuse faster along c.
HOPS = {"fcc": {"": "e_vacmig"}, "hcp": {"basal": "e_vacmig_v", "out of plane": "e_vacmig"}}


@dataclass(frozen=True, eq=False)
class AdsorptionSite:
    """One H atom on a slab, and the slab alone, both at the reference's own geometry.

    ``reference_energy`` is E(slab + H) - E(slab) - 1/2 E(H2) in eV.
    """

    metal: str
    site: str
    slab: Atoms
    slab_with_adsorbate: Atoms
    reference_energy: float

    def __post_init__(self) -> None:
        if sorted([*self.slab.numbers, 1]) != sorted(self.slab_with_adsorbate.numbers):
            raise InputError(
                f"{self.name}: {self.slab_with_adsorbate.symbols} is not {self.slab.symbols} "
                "and one H; give the same slab with and without it"
            )

    @property
    def name(self) -> str:
        return f"{self.metal} {self.site}"


def hydrogen_sites() -> list[AdsorptionSite]:
    """Return H at a quarter monolayer on fcc, hcp, bridge and ontop sites of 7 fcc(111) metals.

    PBE (VASP) of Xu and Kitchin, J. Phys. Chem. C 118, 25597 (2014); four layers, the lower two
    fixed. Higher coverages are left out: there the H atoms see each other.
    """
    energies, structures = map(datasets.load_json, datasets.fetch(HYDROGEN))
    return [
        AdsorptionSite(
            metal=metal,
            site=site,
            slab=_atoms(coverages[CLEAN]),
            slab_with_adsorbate=_atoms(coverages[COVERAGE]),
            reference_energy=energies[metal]["H"][site][COVERAGE] + HALF_ATOMIZATION,
        )
        for metal, adsorbates in structures.items()
        for site, coverages in adsorbates["H"].items()
    ]


def _atoms(row: dict[str, Any]) -> Atoms:
    """Return a structure, periodic along z too as VASP had it: 22 Å of vacuum part the slabs."""
    return Atoms(row["symbols"], positions=row["pos"], cell=row["cell"], pbc=True)


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
    found = datasets.find(SLABS)
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


@dataclass(frozen=True, eq=False)
class KnownVacancy:
    """A metal in its own lattice, and what PBE says of its vacancy (eV).

    ``crystal`` is the cube of fcc or the primitive cell of hcp, at the reference's volume; the
    only one of the ``hops`` of fcc has no name.
    """

    element: str
    lattice: str
    crystal: Atoms
    formation: float
    hops: dict[str, float]


def known_vacancies(elements: Iterable[str]) -> list[KnownVacancy] | None:
    """Return what is known of these elements, where their own lattice is fcc or hcp.

    None where the data are not at hand: nothing is downloaded. Magnetic rows of the table replace
    those without magnetism (Co, Ni).

    Notes
    -----
    Angsten et al., New J. Phys. 16, 015018 (2014). Both lattices of each element are tabled; one
    that is not the element's own means nothing (fcc Be has a formation energy below zero).
    """
    paths = datasets.find(VACANCIES)
    if paths is None:
        return None
    tables = {}
    for lattice, path in zip(HOPS, paths, strict=True):
        with path.open(encoding="utf-8", newline="") as stream:
            tables[lattice] = {row["symbol"]: row for row in csv.DictReader(stream)}
    found = []
    for element in elements:
        own = reference_states[atomic_numbers[element]] or {}
        table = tables.get(own.get("symmetry", ""), {})
        row = table.get(f"{element}_mag") or table.get(element)
        if element in CHAINS or row is None:
            continue
        if float(row["cohesive_energy"]) > DISPERSION:
            found.append(_read_vacancy(element, own, row))
    return found


def _read_vacancy(element: str, own: dict[str, Any], row: dict[str, str]) -> KnownVacancy:
    lattice, volume = own["symmetry"], float(row["volume_per_atom"])
    if lattice == "fcc":
        crystal = bulk(element, "fcc", a=(4 * volume) ** (1 / 3), cubic=True)
    else:
        a = (4 * volume / (3**0.5 * own["c/a"])) ** (1 / 3)
        crystal = bulk(element, "hcp", a=a, covera=own["c/a"])
    hops = {name: float(row[key]) for name, key in HOPS[lattice].items() if row[key]}
    return KnownVacancy(element, lattice, crystal, float(row["e_vacform"]), hops)
