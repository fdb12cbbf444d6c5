"""Seven sites of hydrogen with known energies, and a calculator with planted errors."""

from __future__ import annotations

import pytest
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes

from mlipcheck.references.metals import AdsorptionSite

# fcc is the most stable, ΔG is -0.3, -0.1 and 0.25 eV
REFERENCE = {
    "Pt fcc": -0.54,
    "Pt hcp": -0.50,
    "Pt ontop": -0.20,
    "Ir fcc": -0.34,
    "Ir hcp": -0.30,
    "Ag fcc": 0.01,
    "Ag ontop": 0.40,
}
HEIGHTS = {"fcc": 1.0, "hcp": 1.1, "ontop": 1.5}


def make_site(name, energy):
    metal, site = name.split()
    slab = Atoms(metal, positions=[[1, 1, 5]], cell=[3, 3, 20], pbc=True)
    return AdsorptionSite(metal, site, slab, slab + Atoms("H", [[1, 1, 5 + HEIGHTS[site]]]), energy)


def make_sites(names=tuple(REFERENCE)):
    return [make_site(name, REFERENCE[name]) for name in names]


class Planted(Calculator):
    """Has the reference's energies, and an error for each site that ``errors`` names.

    ``fails`` names structures that raise: a metal, a site or ``H2``.
    """

    implemented_properties = ("energy",)

    def __init__(self, errors=(), h2=-6.7, fails=()):
        super().__init__()
        self.errors, self.h2, self.fails = dict(errors), h2, fails
        self.seen = []

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        hydrogens = atoms.symbols == "H"
        if hydrogens.all():
            name, energy = "H2", self.h2
            assert atoms.pbc.all()  # some models cannot do without a cell
            assert atoms.get_distance(0, 1) == pytest.approx(0.7505)
        else:
            name, energy = atoms[0].symbol, -10.0 * atoms[0].number
        if hydrogens.sum() == 1:
            height = atoms.positions[-1, 2] - atoms.positions[0, 2]
            name += " " + min(HEIGHTS, key=lambda s: abs(HEIGHTS[s] - height))
            energy += self.h2 / 2 + REFERENCE[name] + self.errors.get(name, 0.0)
        self.seen.append(name)
        if name in self.fails:
            raise ValueError(f"no {name} today")
        self.results = {"energy": energy}
