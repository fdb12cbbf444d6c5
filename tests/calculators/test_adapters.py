"""What holds for every adapter of a real model: the batch, its derivatives, and its interface.

SevenNet has its own weights; MACE and MatterSim are small and seeded (tests/seeded.py).
"""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from ase.calculators.calculator import InputError, PropertyNotImplementedError
from ase.calculators.fd import calculate_numerical_forces, calculate_numerical_stress
from ase.constraints import FixAtoms
from real_models import Model, mace, mattersim, their_sevennet
from structures import alone, boxed, copper, everything, left_handed, oxide, salt, slab, wire

from mlipcheck import evaluate, relax_against_reference, scan_dimers
from mlipcheck.calculators.registry import describe

ALL = ("energy", "forces", "stress", "energies")
ONE_BATCH = 10**9
# What symmetry, or having no neighbour, leaves without a force.
STILL = ("Si2", "FeO", "He", "Ar")


MODELS = {
    "sevennet": lambda fixture: Model(fixture("sevennet"), their_sevennet()),
    "mace-float32": lambda fixture: mace(fixture("mace_file"), "float32"),
    "mace-float64": lambda fixture: mace(fixture("mace_file"), "float64"),
    "mattersim-float32": lambda fixture: mattersim(fixture("mattersim_file"), "float32"),
    "mattersim-float64": lambda fixture: mattersim(fixture("mattersim_file"), "float64"),
}


@pytest.fixture(scope="module", params=MODELS)
def model(request):
    return MODELS[request.param](request.getfixturevalue)


@pytest.fixture(scope="module")
def batch(model):
    return model.ours.evaluate_batch(everything(), ALL)


# A batch, upstream, and one by one


def test_a_batch_equals_the_package_itself(model, batch):
    for atoms, found in zip(everything(), batch, strict=True):
        model.check(atoms, found, model.theirs(atoms))


def test_the_numbers_compared_are_not_all_small(batch):
    for atoms, found in zip(everything(), batch, strict=True):
        if atoms.get_chemical_formula() not in STILL:
            assert np.abs(found.forces).max() > 5e-3, atoms
    assert max(np.abs(found.forces).max() for found in batch) > 0.5
    assert np.abs(batch[0].stress).max() > 0.02


def test_a_batch_equals_one_by_one(model, batch):
    for atoms, found in zip(everything(), batch, strict=True):
        atoms = alone(model.ours, atoms)
        atoms.get_potential_energy()
        model.check(atoms, found, atoms.calc.results)
        assert atoms.get_potential_energy(force_consistent=True) == atoms.get_potential_energy()


def test_evaluate_is_the_batch(model, batch):
    found = evaluate(model.ours, everything(), properties=ALL)
    for atoms, one, expected in zip(everything(), found, batch, strict=True):
        model.check(atoms, one, expected)


@pytest.mark.parametrize("max_edges", [1, 800, ONE_BATCH])
def test_another_order_and_other_batches_change_nothing(model, batch, max_edges):
    order = np.random.default_rng(6).permutation(len(batch))
    images = [everything()[i] for i in order]
    shuffled = evaluate(model.ours, images, properties=ALL, max_edges=max_edges)
    for i, atoms, found in zip(order, images, shuffled, strict=True):
        model.check(atoms, found, batch[i])


def test_energies_and_forces_alone_are_the_same(model, batch):
    for atoms, found, full in zip(
        everything(), evaluate(model.ours, everything()), batch, strict=True
    ):
        assert model.close(found.energy, full.energy, floor=len(atoms))
        assert model.close(found.forces, full.forces)


def test_sums(model, batch):
    for atoms, found in zip(everything(), batch, strict=True):
        np.testing.assert_allclose(found.forces.sum(axis=0), 0, atol=1e-5)
        if found.energies is not None:
            assert model.close(found.energies.sum(), found.energy, floor=len(atoms))
    assert ("energies" in model.ours.implemented_properties) == (batch[0].energies is not None)


# Derivatives. An energy of 100 eV is 1e-5 eV fine in float32, so the step must be wide, and has
# an error of its own.


def test_forces_are_the_derivative_of_the_energy(model):
    step, allowed = (3e-2, 5e-3) if model.single else (1e-4, 1e-7)
    atoms = alone(model.ours, salt())
    expected = calculate_numerical_forces(atoms, eps=step, iatoms=[0, 1])
    assert np.abs(expected).max() > 0.05
    np.testing.assert_allclose(atoms.get_forces()[:2], expected, atol=allowed)


@pytest.mark.parametrize("make", [salt, left_handed])
def test_stress_is_the_derivative_of_the_energy_in_voigt_order(model, make):
    step, allowed = (5e-3, 8e-5) if model.single else (1e-4, 1e-8)
    atoms = alone(model.ours, make())
    expected = calculate_numerical_stress(atoms, eps=step)
    apart = np.abs(np.subtract.outer(expected, expected))[~np.eye(6, dtype=bool)]
    assert np.abs(expected).max() > 0.02
    assert apart.min() > 1.5 * allowed  # no two components could be taken for one another
    np.testing.assert_allclose(atoms.get_stress(), expected, atol=allowed)


def test_a_left_handed_cell_is_the_same_crystal(model):
    right, left = evaluate(model.ours, [salt(), left_handed()], properties=ALL)
    model.check(salt(), left, right)


def test_atoms_outside_their_cell_are_the_same_crystal(model, batch):
    atoms = salt()
    atoms.positions[::2] += atoms.cell[0] - 2 * atoms.cell[2]
    atoms.positions += 300 * atoms.cell[1]
    (found,) = evaluate(model.ours, [atoms], properties=ALL)
    model.check(atoms, found, batch[0])


# Without a full cell


@pytest.mark.parametrize("make", [slab, wire, lambda: molecule("H2O"), lambda: Atoms("Ar")])
def test_no_stress_without_three_periodic_directions(model, make):
    atoms = alone(model.ours, make())
    atoms.get_potential_energy()
    assert "stress" not in atoms.calc.results
    with pytest.raises(PropertyNotImplementedError):
        atoms.get_stress()
    assert evaluate(model.ours, [make()], properties=ALL)[0].stress is None


def test_a_molecule_needs_no_box(model):
    free = molecule("CH3CH2OH")
    found, expected = evaluate(model.ours, [free, boxed(free)])
    assert found.energy == pytest.approx(expected.energy, abs=1e-4)
    np.testing.assert_allclose(found.forces, expected.forces, atol=1e-4)


def test_a_slab_needs_no_vacuum(model):
    thin, thick = slab(), slab(vacuum=10.0)
    assert not thin.cell[2].any()
    thick.pbc = True
    found, expected = evaluate(model.ours, [thin, thick])
    assert found.energy == pytest.approx(expected.energy, abs=1e-4)
    np.testing.assert_allclose(found.forces, expected.forces, atol=1e-4)


def test_a_molecule_may_be_anywhere(model):
    images = [molecule("CH3CH2OH") for _ in range(4)]
    for atoms, shift in zip(images, (0, 0.4, -7.3, 60), strict=True):
        atoms.translate([shift, -shift, shift / 3])
    first, *others = evaluate(model.ours, images)
    for found in others:
        assert found.energy == pytest.approx(first.energy, abs=1e-3)
        np.testing.assert_allclose(found.forces, first.forces, atol=1e-3)


def test_atoms_out_of_reach_are_isolated(model):
    apart = Atoms("OFe", positions=[[0, 0, 0], [0, 0, 50]])
    pair, *single = evaluate(model.ours, [apart, Atoms("O"), Atoms("Fe")])
    assert model.close(pair.energy, single[0].energy + single[1].energy)
    np.testing.assert_array_equal(pair.forces, np.zeros((2, 3)))
    np.testing.assert_array_equal(single[0].forces, np.zeros((1, 3)))
    assert single[0].energy != single[1].energy


# As an ASE calculator


def test_what_is_delivered(model):
    atoms = alone(model.ours, oxide())
    n = len(atoms)
    assert type(atoms.get_potential_energy()) is float
    assert set(model.ours.results) == set(model.ours.implemented_properties)
    expected = {"energy": (), "free_energy": (), "forces": (n, 3), "stress": (6,), "energies": (n,)}
    for name, value in model.ours.results.items():
        assert np.shape(value) == expected[name]
    assert model.ours.results["forces"].dtype == model.ours.dtype


def test_no_old_result_for_other_atoms(model):
    atoms = alone(model.ours, copper())
    energy, forces = atoms.get_potential_energy(), atoms.get_forces()
    atoms.positions[0] += 0.3
    assert atoms.get_potential_energy() != energy
    assert not np.allclose(atoms.get_forces(), forces, atol=1e-3)


def test_the_atoms_given_are_not_changed(model):
    images = everything()
    evaluate(model.ours, images, properties=ALL)
    for atoms, expected in zip(images, everything(), strict=True):
        assert atoms == expected
        assert atoms.calc is None
        assert set(atoms.arrays) == set(expected.arrays)


def test_labels_and_constraints_change_nothing(model, batch):
    atoms = salt()
    atoms.info = {"config_type": "x", "config_weight": "high", "charge": 2, "head": "y", "spin": 1}
    atoms.set_initial_charges(np.ones(len(atoms)))
    atoms.set_initial_magnetic_moments(np.ones(len(atoms)))
    atoms.set_constraint(FixAtoms([0]))
    (found,) = evaluate(model.ours, [atoms], properties=ALL)
    model.check(atoms, found, batch[0])


@pytest.mark.parametrize("symbols", ["X", "Am", "H2Am"])
def test_one_broken_structure_is_an_error_and_the_others_stay(model, batch, symbols):
    strange = Atoms(symbols, positions=np.eye(3)[: len(Atoms(symbols))])
    nowhere = molecule("H2O")
    nowhere.positions[1] = np.nan
    found = evaluate(model.ours, [salt(), strange, nowhere, molecule("H2O")], properties=ALL)
    for one, expected in zip((found[0], found[3]), (batch[0], batch[1]), strict=True):
        assert model.close(one.energy, expected.energy)
        assert model.close(one.forces, expected.forces)
    for one, word in zip(found[1:3], (f"not know {symbols[-2:].strip('2')}", "NaN"), strict=True):
        assert word in one.error
        assert "\n" not in one.error
        assert (one.energy, one.forces, one.stress, one.energies) == (None,) * 4


def test_a_periodic_direction_without_a_vector_is_refused(model):
    with pytest.raises(InputError, match="give every periodic direction a vector"):
        alone(model.ours, Atoms("H", pbc=True)).get_potential_energy()


def test_nothing_is_printed_and_torch_is_left_as_it_was(model, capfd):
    import torch

    before = torch.get_default_dtype()
    evaluate(model.ours, everything(), properties=ALL)
    alone(model.ours, salt()).get_stress()
    assert torch.get_default_dtype() == before
    assert capfd.readouterr() == ("", "")


def test_it_is_described(model):
    info = describe(model.ours)
    assert info == model.ours.mlipcheck_info
    assert (info.dtype, info.device) == (model.ours.dtype, "cpu")
    assert info.cutoff == model.ours.cutoff
    assert info.version
    weights = model.ours.checkpoint_path.read_bytes()
    assert info.checkpoint_sha256 == hashlib.sha256(weights).hexdigest()
    assert str(next(model.ours.model.parameters()).dtype) == f"torch.{info.dtype}"


def test_the_stated_cutoff_is_the_cutoff_of_the_model(model):
    gaps = model.ours.cutoff + np.array([-1.0, 0.01, 1.0])
    images = [Atoms("O2", [[0, 0, 0], [gap, 0, 0]]) for gap in gaps]
    inside, outside, far = (e.energy for e in evaluate(model.ours, images))
    assert model.close(outside, far)
    assert abs(inside - far) > 1e-4


# In the checks


def test_a_dimer_is_scanned(model):
    (scan,) = scan_dimers(model.ours, ["Cu"], distances=np.linspace(1.8, 4.5, 28))
    assert (scan.error, scan.failed_points, scan.environment) == (None, (), "vacuum")
    assert np.isfinite(scan.energies).all()
    # float32 leaves a seeded model's small forces 3 % of noise
    assert scan.conservation_error < (0.1 if model.single else 1e-4)


def test_a_crystal_is_relaxed_for_a_few_steps(model):
    (row,) = relax_against_reference(model.ours, copper(), steps=3)
    assert row.error is None
    assert row.steps <= 3
    assert np.isfinite([row.energy, row.volume_change_percent]).all()
