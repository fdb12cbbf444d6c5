"""Vacancies and their hops in fcc and hcp metals, by PBE."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ase import Atoms
from ase.build import bulk
from ase.data import atomic_numbers, reference_states

from . import datasets

DATASET = "angsten-vacancies"
# eV, of each energy: what a cell of 36 atoms in place of 64 makes of SevenNet-0's hop in Mg.
UNCERTAINTY = 0.05
CHAINS = ("Se", "Te")  # which ASE lists as hcp
DISPERSION = 0.2  # eV an atom: what is held together by less is no metal
# The columns of the hops. That of e_vacmig_v is the basal one: elsewhere PBE has in and out of the
# plane 0.72 and 0.89 eV for Be, 0.51 and 0.67 for Zr, 0.47 and 0.61 for Ti; Zn and Cd, of large
# c/a, diffuse faster along c.
HOPS = {"fcc": {"": "e_vacmig"}, "hcp": {"basal": "e_vacmig_v", "out of plane": "e_vacmig"}}


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
    paths = datasets.find(DATASET)
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
            found.append(_read(element, own, row))
    return found


def _read(element: str, own: dict[str, Any], row: dict[str, str]) -> KnownVacancy:
    lattice, volume = own["symmetry"], float(row["volume_per_atom"])
    if lattice == "fcc":
        crystal = bulk(element, "fcc", a=(4 * volume) ** (1 / 3), cubic=True)
    else:
        a = (4 * volume / (3**0.5 * own["c/a"])) ** (1 / 3)
        crystal = bulk(element, "hcp", a=a, covera=own["c/a"])
    hops = {name: float(row[key]) for name, key in HOPS[lattice].items() if row[key]}
    return KnownVacancy(element, lattice, crystal, float(row["e_vacform"]), hops)
