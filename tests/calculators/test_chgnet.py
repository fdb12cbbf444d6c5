"""CHGNet for real: against itself one by one, against upstream, and against its own energy."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from ase.calculators.calculator import CalculatorSetupError, InputError, PropertyNotImplementedError
from ase.calculators.fd import calculate_numerical_forces, calculate_numerical_stress
from ase.stress import voigt_6_to_full_3x3_stress
from structures import alone, boxed, copper, everything, oxide, salt, slab

from mlipcheck import evaluate, get_calculator

ALL = ("energy", "forces", "stress", "energies", "magmoms")


@pytest.fixture(scope="module")
def batch(chgnet):
    return evaluate(chgnet, everything(), properties=ALL)


# A batch, one by one, and upstream


@pytest.mark.parametrize("index", range(len(everything())))
def test_a_batch_equals_one_by_one(chgnet, batch, index):
    atoms, found = alone(chgnet, everything()[index]), batch[index]
    assert found.error is None
    assert found.energy == pytest.approx(atoms.get_potential_energy(), abs=1e-5 * len(atoms))
    np.testing.assert_allclose(found.forces, atoms.get_forces(), atol=1e-4)
    np.testing.assert_allclose(found.energies, atoms.get_potential_energies(), atol=1e-5)
    np.testing.assert_allclose(found.magmoms, atoms.get_magnetic_moments(), atol=1e-4)
    if atoms.pbc.all():
        np.testing.assert_allclose(found.stress, atoms.get_stress(), atol=1e-5)
    else:
        assert found.stress is None


def test_another_order_and_other_batches_change_nothing(chgnet, batch):
    order = np.random.default_rng(6).permutation(len(batch))
    images = everything()
    shuffled = evaluate(chgnet, [images[i] for i in order], properties=ALL, max_edges=800)
    for i, found in zip(order, shuffled, strict=True):
        assert found.energy == pytest.approx(batch[i].energy, abs=1e-5 * len(images[i]))
        np.testing.assert_allclose(found.forces, batch[i].forces, atol=1e-4)


def test_energies_and_forces_alone_are_the_same(chgnet, batch):
    for atoms, found, full in zip(everything(), evaluate(chgnet, everything()), batch, strict=True):
        assert found.energy == pytest.approx(full.energy, abs=1e-5 * len(atoms))
        np.testing.assert_allclose(found.forces, full.forces, atol=1e-4)
        assert found.magmoms is None


def test_sums(batch):
    for atoms, found in zip(everything(), batch, strict=True):
        assert found.energies.sum() == pytest.approx(found.energy, abs=1e-5 * len(atoms))
        np.testing.assert_allclose(found.forces.sum(axis=0), 0, atol=1e-4)


@pytest.mark.filterwarnings("ignore:Converting a tensor with requires_grad=True")
@pytest.mark.parametrize("make", [salt, copper, oxide])
def test_upstream_agrees(chgnet, make):
    from chgnet.model import CHGNet
    from chgnet.model.dynamics import CHGNetCalculator as Upstream

    atoms = alone(chgnet, make())
    upstream = Upstream(CHGNet.load(use_device="cpu", verbose=False), use_device="cpu")
    upstream.calculate(make())
    expected = upstream.results
    assert abs(expected["forces"]).max() > 0.1
    assert atoms.get_potential_energy() == pytest.approx(expected["energy"], abs=1e-5 * len(atoms))
    np.testing.assert_allclose(atoms.get_forces(), expected["forces"], atol=1e-4)
    stress = np.asarray(expected["stress"])
    full = stress if stress.shape == (3, 3) else voigt_6_to_full_3x3_stress(stress)
    np.testing.assert_allclose(atoms.get_stress(voigt=False), full, atol=1e-5)
    np.testing.assert_allclose(atoms.get_magnetic_moments(), expected["magmoms"], atol=1e-4)


# Without a cell


@pytest.mark.parametrize("name", ["H2O", "CH3CH2OH", "C6H6", "NaCl"])
def test_a_molecule_needs_no_box(chgnet, name):
    free, box = alone(chgnet, molecule(name)), alone(chgnet, boxed(molecule(name)))
    energy = free.get_potential_energy()
    assert energy == pytest.approx(box.get_potential_energy(), abs=1e-5 * len(free))
    np.testing.assert_allclose(free.get_forces(), box.get_forces(), atol=1e-4)
    with pytest.raises(PropertyNotImplementedError):
        free.get_stress()


def test_a_molecule_may_be_anywhere(chgnet):
    images = [molecule("CH3CH2OH") for _ in range(4)]
    for atoms, shift in zip(images, (0, 0.4, -7.3, 60), strict=True):
        atoms.translate([shift, -shift, shift / 3])
    first, *others = evaluate(chgnet, images)
    for found in others:
        assert found.energy == pytest.approx(first.energy, abs=1e-4)
        np.testing.assert_allclose(found.forces, first.forces, atol=1e-3)


def test_a_slab_needs_no_vacuum(chgnet):
    thin, thick = slab(), slab(vacuum=10.0)
    assert not thin.cell[2].any()
    assert list(thin.pbc) == [True, True, False]
    thick.pbc = True
    found, expected = evaluate(chgnet, [thin, thick])
    assert found.energy == pytest.approx(expected.energy, abs=1e-5 * len(thin))
    np.testing.assert_allclose(found.forces, expected.forces, atol=1e-4)


def test_atoms_out_of_reach_are_isolated(chgnet):
    pair, *single = evaluate(
        chgnet, [Atoms("OFe", positions=[[0, 0, 0], [0, 0, 50]]), Atoms("O"), Atoms("Fe")]
    )
    assert pair.energy == pytest.approx(sum(e.energy for e in single), abs=1e-5)
    np.testing.assert_array_equal(pair.forces, np.zeros((2, 3)))
    np.testing.assert_array_equal(single[0].forces, np.zeros((1, 3)))
    assert single[0].energy != single[1].energy


# Derivatives: the energy is float32, so the steps are far above ASE's default of 1e-6.


@pytest.mark.parametrize("make", [salt, copper])
def test_forces_are_the_derivative_of_the_energy(chgnet, make):
    atoms = alone(chgnet, make())
    expected = calculate_numerical_forces(atoms, eps=3e-3, iatoms=[0, 1])
    assert abs(expected).max() > 0.3
    np.testing.assert_allclose(atoms.get_forces()[:2], expected, atol=2e-3)


@pytest.mark.parametrize("make", [salt, copper])
def test_stress_is_the_derivative_of_the_energy_in_voigt_order(chgnet, make):
    atoms = alone(chgnet, make())
    expected = calculate_numerical_stress(atoms, eps=2e-3)
    assert abs(expected).max() > 0.05
    assert len(set(np.round(expected, 3))) > 3  # components that differ
    np.testing.assert_allclose(atoms.get_stress(), expected, atol=2e-4)


# As an ASE calculator


def test_what_is_delivered(chgnet):
    atoms = alone(chgnet, oxide())
    n = len(atoms)
    assert "free_energy" in chgnet.implemented_properties
    assert atoms.get_potential_energy(force_consistent=True) == atoms.get_potential_energy()
    assert type(atoms.get_potential_energy()) is float
    assert set(chgnet.results) == set(chgnet.implemented_properties)
    shapes = {name: np.shape(chgnet.results[name]) for name in ALL}
    assert shapes == dict(zip(ALL, [(), (n, 3), (6,), (n,), (n,)], strict=True))
    assert atoms.get_magnetic_moments()[atoms.symbols == "Fe"].min() > 2
    assert atoms.get_magnetic_moments()[atoms.symbols == "O"].max() < 1


def test_no_old_result_for_other_atoms(chgnet):
    atoms = alone(chgnet, copper())
    energy, forces = atoms.get_potential_energy(), atoms.get_forces()
    atoms.positions[0] += 0.1
    assert atoms.get_potential_energy() != energy
    assert not np.allclose(atoms.get_forces(), forces, atol=1e-2)
    atoms.pbc = False
    assert "stress" not in atoms.calc.results or atoms.get_potential_energy() > energy
    with pytest.raises(PropertyNotImplementedError):
        atoms.get_stress()


def test_the_same_twice_is_bit_by_bit_the_same(chgnet):
    first, second = evaluate(chgnet, [salt()])[0], evaluate(chgnet, [salt()])[0]
    assert first.energy == second.energy
    np.testing.assert_array_equal(first.forces, second.forces)


@pytest.mark.parametrize("symbols", ["X", "Am", "H2X"])
def test_an_element_that_chgnet_does_not_know_is_an_error(chgnet, batch, symbols):
    strange = Atoms(symbols, positions=np.eye(3)[: len(Atoms(symbols))])
    images = [salt(), strange, molecule("H2O")]
    first, found, last = evaluate(chgnet, images, properties=ALL)
    assert found.error
    assert "\n" not in found.error
    assert (found.energy, found.forces, found.magmoms) == (None, None, None)
    assert first.energy == pytest.approx(batch[0].energy, abs=1e-4)
    assert last.energy == pytest.approx(batch[1].energy, abs=1e-4)


def test_a_periodic_direction_without_a_vector_is_refused(chgnet):
    with pytest.raises(InputError, match="give every periodic direction a vector"):
        alone(chgnet, Atoms("H", pbc=True)).get_potential_energy()


def test_misspelt_keywords_are_refused(chgnet):
    with pytest.raises(InputError, match="on_isolated"):
        chgnet.set(on_isolated="warn")
    with pytest.raises(InputError, match="chgnet takes no options, got modle"):
        get_calculator("chgnet", modle="0.3.0")


@pytest.mark.usefixtures("chgnet")
@pytest.mark.parametrize("spec", ["chgnet", "chgnet:r2scan"])
def test_nothing_is_printed(capfd, spec):
    atoms = alone(get_calculator(spec, device="cpu"), salt())
    atoms.get_potential_energy()
    atoms.get_stress()
    evaluate(atoms.calc, everything(), properties=ALL)
    assert capfd.readouterr() == ("", "")


# Checkpoints


def test_chgnet_is_described(chgnet):
    info = chgnet.mlipcheck_info
    assert (info.spec, info.backend, info.checkpoint) == ("chgnet", "chgnet", "0.3.0")
    assert (info.dtype, info.device) == ("float32", "cpu")
    assert (info.level_of_theory, info.energy_convention) == ("PBE / PBE+U (MPtrj)", "mp2020")
    assert info.version
    weights = chgnet.checkpoint_path.read_bytes()
    assert info.checkpoint_sha256 == hashlib.sha256(weights).hexdigest()
    assert next(chgnet.model.parameters()).dtype.is_floating_point
    assert str(next(chgnet.model.parameters()).dtype) == f"torch.{info.dtype}"
    assert evaluate(chgnet, [copper()])[0].forces.dtype == info.dtype


@pytest.mark.usefixtures("chgnet")
def test_checkpoints_differ():
    found = {}
    for name in ("0.3.0", "0.2.0", "r2scan"):
        calculator = get_calculator(f"chgnet:{name}", device="cpu")
        info = calculator.mlipcheck_info
        (result,) = evaluate(calculator, [salt()], properties=ALL)
        assert (info.checkpoint, result.error) == (name, None)
        found[name] = info.checkpoint_sha256, info.level_of_theory, round(result.energy, 2)
    hashes, levels, energies = zip(*found.values(), strict=True)
    assert len(set(hashes)) == len(set(energies)) == 3
    assert levels[0] == levels[1] != levels[2]


@pytest.mark.usefixtures("chgnet")
@pytest.mark.parametrize("name", ["0.3.0", "0.2.0", "r2scan"])
def test_the_stated_cutoff_is_the_cutoff_of_the_model(name):
    calculator = get_calculator(f"chgnet:{name}", device="cpu")
    cutoff = calculator.mlipcheck_info.cutoff
    assert cutoff == calculator.cutoff
    gaps = np.array([cutoff - 1.0, cutoff + 0.05, cutoff + 1.0])
    found = evaluate(calculator, [Atoms("O2", [[0, 0, 0], [g, 0, 0]]) for g in gaps])
    inside, outside, far = (e.energy for e in found)
    assert outside == pytest.approx(far, abs=1e-5)
    assert abs(inside - far) > 1e-3


def test_a_file_is_a_checkpoint(chgnet, tmp_path):
    path = tmp_path / "my weights.pth.tar"
    path.write_bytes(chgnet.checkpoint_path.read_bytes())
    calculator = get_calculator(f"chgnet:{path}", device="cpu")
    ours, theirs = evaluate(calculator, [salt()])[0], evaluate(chgnet, [salt()])[0]
    assert ours.energy == pytest.approx(theirs.energy, abs=1e-6)
    info = calculator.mlipcheck_info
    assert info.checkpoint == str(path)
    assert info.checkpoint_sha256 == chgnet.mlipcheck_info.checkpoint_sha256
    assert (info.level_of_theory, info.energy_convention) == (None, None)


@pytest.mark.usefixtures("chgnet")
@pytest.mark.parametrize("content", [b"", b"not a model\n", b"PK\x03\x04 cut off", b"\x80\x02}."])
def test_another_file_is_no_checkpoint(tmp_path, content):
    path = tmp_path / "garbage.pth.tar"
    path.write_bytes(content)
    with pytest.raises(CalculatorSetupError, match=r"garbage\.pth\.tar is not a CHGNet checkpoint"):
        get_calculator(f"chgnet:{path}", device="cpu")


@pytest.mark.usefixtures("chgnet")
def test_the_weights_of_something_else_are_no_checkpoint(tmp_path):
    import torch

    path = tmp_path / "other.pth.tar"
    torch.save({"epoch": 3, "weights": torch.zeros(3)}, path)
    with pytest.raises(CalculatorSetupError, match="not a CHGNet checkpoint"):
        get_calculator(f"chgnet:{path}", device="cpu")
