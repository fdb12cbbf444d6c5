"""Hydrogen on the (111) faces of seven metals: PBE structures and adsorption energies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ase import Atoms
from ase.calculators.calculator import InputError

from . import datasets

DATASET = "kitchin-111"
COVERAGE, CLEAN = "0.25", "0.0"  # monolayers: one H in a 2 x 2 cell, and none
# Half of what it takes to part H2 in PBE (eV), since the set counts from the H atom. Twice that is
# the depth, 4.54 eV, of the H-H curve in the data set diatomics-pbe.
HALF_ATOMIZATION = 2.27


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
    energies, structures = map(datasets.load_json, datasets.fetch(DATASET))
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
