"""MP2020 corrections: the published numbers, what they depend on, and how they are refused.

Numbers: Wang et al., Sci. Rep. 11, 15496 (2021), in eV an atom of the element.
"""

from __future__ import annotations

import sys

import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.calculator import CalculatorSetupError, InputError
from ase.spacegroup import crystal

from mlipcheck.references.level_of_theory import correction, scheme_u

OXIDE, PEROXIDE, CHLORINE, FLUORINE, SULPHUR = -0.687, -0.465, -0.614, -0.462, -0.503
IRON, NICKEL = -2.256, -2.541  # in oxides, with their U


def haematite():
    sites = [(0, 0, 0.355), (0.306, 0, 0.25)]
    return crystal(["Fe", "O"], sites, spacegroup=167, cellpar=[5.035, 5.035, 13.747, 90, 90, 120])


def dilithium_dioxide(bond):
    """Return a box of Li2O2 whose oxygens are so far apart, in Å."""
    positions = [[0, 0, 0], [0, 0, 3.2], [1.5, 1.5, 1.0], [1.5, 1.5, 1.0 + bond]]
    return Atoms("Li2O2", positions, cell=[4, 4, 6.4], pbc=True)


@pytest.mark.parametrize(
    ("atoms", "expected"),
    [
        (bulk("NaCl", "rocksalt", a=5.64), CHLORINE),
        (bulk("NaCl", "rocksalt", a=5.64, cubic=True), 4 * CHLORINE),
        (bulk("MgO", "rocksalt", a=4.21), OXIDE),
        (bulk("LiF", "rocksalt", a=4.03), FLUORINE),
        (bulk("FeS", "zincblende", a=5.4), SULPHUR),  # no U, and so no correction of Fe
        (bulk("NiO", "rocksalt", a=4.18), NICKEL + OXIDE),
        (haematite(), 12 * IRON + 18 * OXIDE),
        (bulk("Cu"), 0.0),
    ],
    ids=lambda x: str(getattr(x, "symbols", "")),
)
def test_published_numbers(pymatgen, atoms, expected):
    assert correction(atoms) == pytest.approx(expected, abs=1e-9)


def test_the_oxygen_of_a_bond_is_a_peroxide(pymatgen):
    """Two states of one composition differ in it: the structure decides, not the formula."""
    assert correction(dilithium_dioxide(1.45)) == pytest.approx(2 * PEROXIDE)
    assert correction(dilithium_dioxide(3.2)) == pytest.approx(2 * OXIDE)


@pytest.mark.parametrize("u", [{"Fe": 5.3}, {"Fe": 5.3, "O": 0.0}, {"Fe": 5.3, "Ni": 6.2}])
def test_u_as_the_scheme_has_it(pymatgen, u):
    found = correction(bulk("FeO", "rocksalt", a=4.33), u)
    assert found == pytest.approx(IRON + OXIDE)


@pytest.mark.parametrize("u", [{}, {"Fe": 0.0}, {"Fe": 4.0}])
def test_another_u_has_no_correction(pymatgen, u):
    with pytest.raises(InputError, match=r"no correction for FeO: Invalid U value") as raised:
        correction(bulk("FeO", "rocksalt", a=4.33), u)
    assert len(str(raised.value)) < 100
    assert "{" not in str(raised.value)


def test_the_u_of_other_elements_does_not_matter(pymatgen):
    salt = bulk("NaCl", "rocksalt", a=5.64)
    assert correction(salt, {"Na": 0.0, "Cl": 0.0, "Fe": 4.0}) == pytest.approx(CHLORINE)


@pytest.mark.parametrize("atoms", [molecule("H2O"), Atoms("Na", cell=[9, 9, 9], pbc=[1, 1, 0])])
def test_what_is_no_crystal(pymatgen, atoms):
    with pytest.raises(InputError, match="not periodic in three directions"):
        correction(atoms)


def test_without_pymatgen_it_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "pymatgen", None)
    monkeypatch.setitem(sys.modules, "pymatgen.core", None)
    with pytest.raises(CalculatorSetupError, match=r"pip install pymatgen, or take fit-offsets"):
        correction(bulk("NaCl", "rocksalt", a=5.64))


def test_u_of_the_scheme():
    assert scheme_u({"Fe", "O"}) == {"Fe": 5.3}
    assert scheme_u({"Co", "Fe", "Li", "F"}) == {"Co": 3.32, "Fe": 5.3}
    assert scheme_u({"Fe", "S"}) == scheme_u({"Fe"}) == scheme_u({"Mg", "O"}) == {}
