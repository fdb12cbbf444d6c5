"""Which neighbours are bonds, and what decides about them."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.spacegroup import crystal

from mlipcheck.analysis.structures import find_anions
from mlipcheck.checks.relaxation import geometry
from mlipcheck.checks.relaxation.record import BondChange, Relaxation
from mlipcheck.verdict import judge


def bonds_of(atoms):
    names, counts = np.unique(geometry.find_bonds(atoms).names, return_counts=True)
    return dict(zip(names.tolist(), counts.tolist(), strict=True))


@pytest.mark.parametrize(
    ("formula", "anions"),
    [
        ("LiFePO4", {"O"}),
        ("NaCl", {"Cl"}),
        ("BaTiO3", {"O"}),
        ("CuAu", set()),
        ("FeS", set()),
        ("KH", {"H"}),
        ("CaCO3", {"C", "O"}),
        ("ArO", set()),
    ],
)
def test_anions_are_above_a_gap_in_electronegativity(formula, anions):
    assert find_anions(Atoms(formula).symbols) == anions


def test_ions_of_one_sign_have_no_bonds():
    rocksalt = bulk("NaCl", "rocksalt", 5.64, cubic=True)
    # Na-Na at 3.99 Å is within 1.25 of the radii of sodium
    assert bonds_of(rocksalt) == {"Cl-Na": 24}
    assert bonds_of(bulk("MgO", "rocksalt", 4.21, cubic=True)) == {"Mg-O": 24}


def test_units_of_nonmetals_keep_theirs():
    calcite = crystal(
        ["Ca", "C", "O"],
        [[0, 0, 0], [0, 0, 0.25], [0.2568, 0, 0.25]],
        spacegroup=167,
        cellpar=[4.99, 4.99, 17.06, 90, 90, 120],
    )
    assert bonds_of(calcite) == {"C-O": 18, "Ca-O": 36}
    assert bonds_of(molecule("H2O")) == {"H-O": 2}
    assert bonds_of(molecule("H2O2")) == {"H-O": 2, "O-O": 1}
    assert bonds_of(molecule("C2F4")) == {"C-C": 1, "C-F": 4}


def test_bonds_are_the_first_shell_of_each_pair():
    # bcc: 8 neighbours and 6 that are 1.15 times as far
    assert len(geometry.find_bonds(bulk("W", cubic=True)).lengths) == 2 * 14 / 2
    stretched = bulk("Cu", "fcc", a=3.6, cubic=True)
    stretched.set_cell(stretched.cell[:] * np.array([[1], [1], [1.45]]), scale_atoms=True)
    assert bonds_of(stretched) == {"Cu-Cu": 4 * 4 / 2}


def row_with(mean, largest):
    change = BondChange(("Cu", "O"), 10, 2.0, 0.02 * mean, 0.02 * largest, largest)
    return Relaxation("x", n_atoms=2, converged=True, bond_changes=(change,))


@pytest.mark.parametrize(
    ("mean", "largest", "status"),
    [(0.5, 8.0, "ok"), (-1.5, -2.0, "caution"), (3.5, 3.6, "fail")],
)
def test_the_mean_of_a_pair_decides_and_the_largest_is_shown(mean, largest, status):
    findings = judge({"relaxation": [row_with(mean, largest)]})
    (finding,) = [f for f in findings if f.quantity == "bond lengths"]
    assert finding.status == status
    assert finding.value == f"Cu-O {mean:+.2f} % (largest {largest:+.2f})"
