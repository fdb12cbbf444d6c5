"""MatterSim: where its own calculator errs, and its pretrained weights where they are."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import real_models
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.calculator import InputError, PropertyNotImplementedError
from structures import alone, boxed, copper, everything, left_handed, salt, wire

from mlipcheck import evaluate, get_calculator
from mlipcheck.calculators.backends import get_backend

ALL = ("energy", "forces", "stress")


@pytest.fixture(scope="module")
def precise(mattersim_file):
    return get_calculator(f"mattersim:{mattersim_file}", device="cpu", dtype="float64")


def pressure_by_volume(atoms, strain=1e-4):
    """Return dE/dV from two cells, a little larger and a little smaller."""
    images = [atoms.copy() for _ in range(2)]
    for image, sign in zip(images, (1, -1), strict=True):
        image.set_cell(image.cell * (1 + sign * strain), scale_atoms=True)
    large, small = evaluate(atoms.calc, images)
    return (large.energy - small.energy) / (images[0].get_volume() - images[1].get_volume())


def test_the_stress_of_a_left_handed_cell_has_the_sign_of_its_energy(precise):
    for atoms in (alone(precise, salt()), alone(precise, left_handed())):
        mean = atoms.get_stress()[:3].mean()
        assert abs(mean) > 0.02
        assert mean == pytest.approx(pressure_by_volume(atoms), rel=1e-4)


def test_a_batch_of_both_hands_mixes_up_no_sign(precise):
    images = [left_handed(), salt(), molecule("H2O"), left_handed(), copper()]
    left, right, _, again, other = evaluate(precise, images, properties=ALL)
    np.testing.assert_allclose(left.stress, right.stress, atol=1e-10)
    np.testing.assert_allclose(again.stress, right.stress, atol=1e-10)
    assert np.abs(other.stress - right.stress).max() > 0.01


def test_three_body_terms_stay_within_their_structure(precise):
    # MatterSim's default collate does not offset them: a batch of two is wrong by 0.07 eV
    single = evaluate(precise, everything(), max_edges=1)
    for one, many in zip(single, precise.evaluate_batch(everything(), ALL), strict=True):
        assert many.energy == pytest.approx(one.energy, abs=1e-9)
    water, bent = molecule("H2O"), molecule("H2O")
    bent.set_angle(1, 0, 2, 80, indices=[2])
    straight, turned = (e.energy for e in evaluate(precise, [water, bent]))
    assert abs(straight - turned) > 0.01  # the angle counts at all


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_every_direction_may_be_the_free_one(precise, axis):
    # MatterSim wants the same periodic directions in a whole batch, and a cell vector in each
    pbc = np.roll([False, True, True], axis)
    atoms = bulk("Cu", a=3.6, cubic=True) * (2, 2, 2)
    atoms.rattle(0.1, seed=9)
    vectors = atoms.cell.copy()
    vectors[axis] = 0
    atoms.set_cell(vectors)
    atoms.pbc = pbc
    padded = atoms.copy()
    padded.center(vacuum=10.0, axis=axis)
    padded.pbc = True
    found, expected, _ = evaluate(precise, [atoms, padded, wire()])
    assert np.abs(expected.forces).max() > 0.02
    assert found.energy == pytest.approx(expected.energy, abs=1e-9)
    np.testing.assert_allclose(found.forces, expected.forces, atol=1e-9)


def test_a_cell_along_a_direction_that_is_not_periodic_means_nothing(precise):
    free, tight = molecule("CH3CH2OH"), boxed(molecule("CH3CH2OH"))
    tight.set_cell([1.0, 1.0, 1.0])
    tight.pbc = False
    found, expected = evaluate(precise, [tight, free])
    assert found.energy == pytest.approx(expected.energy, abs=1e-9)


def test_no_energies_of_sites_are_offered(precise):
    assert "energies" not in precise.implemented_properties
    assert evaluate(precise, [salt()], properties=("energy", "energies"))[0].energies is None
    with pytest.raises(PropertyNotImplementedError):
        alone(precise, salt()).get_potential_energies()


def test_float32_is_the_default_and_float64_is_finer(mattersim_file, precise):
    coarse = get_calculator(f"mattersim:{mattersim_file}", device="cpu")
    (rough,), (fine,) = (evaluate(c, [salt()], properties=ALL) for c in (coarse, precise))
    assert (rough.forces.dtype, fine.forces.dtype) == ("float32", "float64")
    assert rough.energy != fine.energy
    assert rough.energy == pytest.approx(fine.energy, rel=1e-6)
    np.testing.assert_allclose(rough.forces, fine.forces, atol=1e-5)


IMPORTED_BEFORE = """
import sys, warnings
warnings.simplefilter("ignore")
import mattersim.forcefield
for stream in (sys.stdout, sys.stderr):
    print("imported", file=stream, flush=True)
import mlipcheck
mlipcheck.get_calculator(sys.argv[1], device="cpu")
"""


def test_nothing_is_logged_even_where_mattersim_was_imported_before(mattersim_file):
    command = [sys.executable, "-c", IMPORTED_BEFORE, f"mattersim:{mattersim_file}"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout.endswith("imported\n")
    assert run.stderr.endswith("imported\n")


def test_a_file_called_like_the_download_is_itself(mattersim_file, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    own = tmp_path / "mattersim-v1.0.0-1M.pth"
    own.write_bytes(mattersim_file.read_bytes())
    monkeypatch.setattr(
        "mattersim.forcefield.potential.download_checkpoint",
        lambda *_, **__: pytest.fail("fetched"),
    )
    assert get_calculator(f"mattersim:{own.name}", device="cpu").cutoff == 5.0


def test_options_are_refused():
    with pytest.raises(InputError, match="mattersim takes no options, got modal"):
        get_calculator("mattersim", modal="PBE")


# Pretrained weights, which are a download


@pytest.fixture(scope="module", params=["1M", "5M"])
def pretrained(request):
    pytest.importorskip(
        "mattersim", reason="mattersim is not installed: pip install '.[mattersim]', Python 3.12"
    )
    path = get_backend("mattersim").checkpoint(request.param).path
    if not path.is_file():
        pytest.skip(f"{path.name} is not in {path.parent}")
    ours = get_calculator(f"mattersim:{request.param}", device="cpu")
    return real_models.Model(ours, real_models.their_mattersim(path, "float32"), rounding=1e-4)


def test_pretrained_weights_equal_the_package_itself(pretrained):
    found = pretrained.ours.evaluate_batch(everything(), ALL)
    for atoms, one in zip(everything(), found, strict=True):
        pretrained.check(atoms, one, pretrained.theirs(atoms))
    assert max(np.abs(one.forces).max() for one in found) > 0.3


def test_pretrained_weights_know_silicon(pretrained):
    (found,) = evaluate(pretrained.ours, [bulk("Si", a=5.46)], properties=ALL)
    assert found.energy / 2 == pytest.approx(-5.4, abs=0.1)
    np.testing.assert_allclose(found.forces, 0, atol=1e-3)
    np.testing.assert_allclose(found.stress, 0, atol=1e-2)


def test_pretrained_weights_are_described(pretrained):
    info = pretrained.ours.mlipcheck_info
    assert info.checkpoint in ("1M", "5M")
    assert (info.level_of_theory, info.energy_convention) == (
        "PBE / PBE+U (MatterSim's own)",
        "raw",
    )
    (single,) = evaluate(pretrained.ours, [Atoms("Fe")])
    assert np.isfinite(single.energy)
