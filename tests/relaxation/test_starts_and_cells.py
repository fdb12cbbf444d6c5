"""What users give that is no reference: nothing fails, and cells stay where there is vacuum."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import add_adsorbate, bulk, fcc111, graphene, molecule
from ase.calculators.emt import EMT
from ase.constraints import FixAtoms
from ase.io import read, write

from mlipcheck import relax_against_reference
from mlipcheck.references.structures import RelaxedReference
from mlipcheck.verdict import judge


def statuses(row):
    return {f.quantity: f.status for f in judge({"relaxation": [row]})}


def slab(*, vacuum=8.0):
    return fcc111("Cu", (1, 1, 3), vacuum=vacuum, periodic=True)


def hydrogen_on_copper():
    atoms = slab()
    add_adsorbate(atoms, "H", 1.3, "ontop")
    return atoms, "fixed"


def slab_on_fixed_layers():
    atoms = slab()
    atoms.set_constraint(FixAtoms([0, 1]))
    return atoms, "fixed"


def random_alloy():
    atoms = bulk("Cu", a=4.0, cubic=True)
    atoms.symbols = ["Cu", "Au", "Au", "Cu"]
    atoms.rattle(0.1, seed=1)
    return atoms, "free"


def molecule_in_a_box():
    atoms = molecule("CO", vacuum=5.0)
    atoms.pbc = True
    return atoms, "fixed"


def vacancy():
    atoms = bulk("Cu", a=3.7, cubic=True) * (2, 1, 1)
    del atoms[0]
    return atoms, "free"


ALLOY = pytest.param(random_alloy, marks=pytest.mark.slow)


@pytest.mark.parametrize(
    "case", [hydrogen_on_copper, slab_on_fixed_layers, ALLOY, molecule_in_a_box, vacancy]
)
def test_a_structure_built_by_hand_fails_nothing(case, tmp_path):
    atoms, cell = case()
    write(tmp_path / "CONTCAR", atoms, format="vasp", direct=True)
    (row,) = relax_against_reference(EMT(), tmp_path / "CONTCAR", fmax=0.05)
    assert row.start_only
    assert row.cell == cell
    found = statuses(row)
    assert "fail" not in found.values()
    # what goes far asks for care: the input may be why, or the model
    volume = row.volume_change_percent
    bond = max(abs(b.mean_change_percent) for b in row.bond_changes)
    far = {"volume": cell == "free" and abs(volume) > 10, "bond lengths": bond > 5}
    cautions = {quantity for quantity, status in found.items() if status == "caution"}
    assert cautions == {quantity for quantity, is_far in far.items() if is_far}
    assert ("volume" in found) == (cell == "free")


@pytest.mark.slow
def test_an_ideal_perovskite_with_a_vacancy_fails_nothing(chgnet):
    at = [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]
    atoms = Atoms("BaTiO3", scaled_positions=at, cell=[4.0] * 3, pbc=True) * (2, 1, 1)
    del atoms[2]
    (row,) = relax_against_reference(chgnet, atoms)
    assert row.converged
    assert not {"fail", "caution"} & set(statuses(row).values())
    # cations and anions alone have bonds
    assert {b.pair for b in row.bond_changes} == {("Ba", "O"), ("O", "Ti")}


def test_a_slab_in_a_periodic_box_keeps_its_vacuum():
    moved = RelaxedReference("run", "test", slab(vacuum=6.0), cell_free=True)
    (row,) = relax_against_reference(EMT(), moved)
    assert row.cell == "free"
    assert row.length_changes_percent[2] == pytest.approx(0, abs=1e-9)
    assert abs(row.length_changes_percent[0]) > 1e-3
    # the volume is the box's
    assert row.volume_change_percent is None
    assert "volume" not in statuses(row)
    assert "vacuum along c" in row.notes[0]
    (bare,) = relax_against_reference(EMT(), slab(vacuum=6.0))
    assert bare.cell == "fixed"


def test_a_sheet_whose_axes_are_none_of_space_keeps_its_cell_unless_it_is_asked_to_move():
    atoms = graphene("C2", vacuum=6.0)
    atoms.pbc = True
    atoms.rotate(20, "x", rotate_cell=True)
    run = RelaxedReference("run", "test", atoms, cell_free=True)
    (row,) = relax_against_reference(EMT(), run, steps=1)
    assert (row.cell, row.error) == ("fixed", None)
    assert "rotate the structure" in row.notes[-1]
    (asked,) = relax_against_reference(EMT(), run, steps=1, cell="free")
    assert "rotate the structure" in asked.error


def test_fixed_atoms_fix_the_cell(tmp_path):
    atoms = bulk("Cu", a=3.7, cubic=True)
    atoms.set_constraint(FixAtoms([0, 1]))
    write(tmp_path / "CONTCAR", atoms, format="vasp", direct=True)
    assert read(tmp_path / "CONTCAR").constraints
    (row,) = relax_against_reference(EMT(), tmp_path / "CONTCAR")
    assert row.cell == "fixed"
    assert row.rmsd == pytest.approx(0, abs=1e-6)
    (asked,) = relax_against_reference(EMT(), tmp_path / "CONTCAR", cell="free")
    assert asked.cell == "free"


def test_what_rests_on_a_reference_with_forces_says_so():
    atoms = bulk("Cu", a=4.0, cubic=True)
    (row,) = relax_against_reference(EMT(), with_forces(atoms, 0.4))
    assert [d.kind for d in row.doubts] == ["not at rest"]
    finding = next(f for f in judge({"relaxation": [row]}) if f.quantity == "volume")
    assert finding.status == "caution"  # by 28 %, which is a fail where the reference is at rest
    assert "0.4 eV/Å" in finding.doubts[0].text


def with_forces(atoms, force):
    from ase.calculators.singlepoint import SinglePointCalculator

    atoms = atoms.copy()
    forces = np.zeros((len(atoms), 3))
    forces[0, 0] = force
    atoms.calc = SinglePointCalculator(atoms, energy=0.0, forces=forces, stress=np.zeros(6))
    return atoms
