"""SevenNet: what its own weights say, its modalities, and the hole inside its walls."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import InputError
from real_models import Model, their_sevennet
from structures import copper, everything, salt, slab

from mlipcheck import evaluate, get_calculator, relax_against_reference, scan_dimers

ALL = ("energy", "forces", "stress", "energies")

pytestmark = pytest.mark.usefixtures("sevennet")


def test_sevennet_0_is_described(sevennet):
    info = sevennet.mlipcheck_info
    assert (info.spec, info.backend, info.checkpoint) == ("sevennet", "sevennet", "7net-0")
    assert (info.dtype, info.device, info.cutoff) == ("float32", "cpu", 5.0)
    assert (info.level_of_theory, info.energy_convention) == ("PBE / PBE+U (MPtrj)", "raw")
    assert info.options == {}


def test_silicon_is_where_pbe_has_it(sevennet):
    (found,) = evaluate(sevennet, [bulk("Si", a=5.469)], properties=ALL)
    assert found.energy / 2 == pytest.approx(-5.42, abs=0.02)
    np.testing.assert_allclose(found.forces, 0, atol=1e-4)
    np.testing.assert_allclose(found.stress, 0, atol=5e-3)


def test_a_crystal_stays_where_it_is(sevennet):
    (row,) = relax_against_reference(sevennet, bulk("Cu", a=3.6))
    assert row.converged
    assert row.space_group == "Fm-3m (225)"
    assert abs(row.volume_change_percent) < 3


def test_a_batch_of_single_atoms_has_no_edges(sevennet):
    cold, *warm = evaluate(sevennet, [Atoms("He"), Atoms("Fe"), Atoms("O")], properties=ALL)
    assert (cold.error, cold.stress) == (None, None)
    assert len({e.energy for e in (cold, *warm)}) == 3


# The hole inside the wall of Si-Si, 3.8 keV deep


def test_the_wall_of_silicon_collapses(sevennet):
    (scan,) = scan_dimers(sevennet, ["Si"])
    assert scan.failed_points == ()
    assert 1.13 < scan.collapse.distance < 1.18
    assert 1.8 < scan.equilibrium_distance < 2.0  # and not the deepest point of all
    assert scan.energies.min() < -3000
    assert scan.conservation_error < 0.01


def test_the_hole_is_as_deep_as_measured(sevennet):
    pair = Atoms("Si2", positions=[[0, 0, 0], [0.5, 0, 0]])
    (found,) = evaluate(sevennet, [pair])
    assert found.energy == pytest.approx(-3809, rel=1e-3)


# Modalities


@functools.cache
def load_modality(modal):
    return get_calculator("sevennet:7net-mf-0", device="cpu", modal=modal)


@pytest.fixture(scope="module", params=["PBE", "R2SCAN"])
def multi(request, sevennet):
    """Return the multi-fidelity model with one of its modalities."""
    return Model(load_modality(request.param), their_sevennet("7net-mf-0", request.param))


def test_a_modality_equals_the_package_itself(multi):
    images = [salt(), Atoms("Ar"), slab(), copper()]
    for atoms, found in zip(images, evaluate(multi.ours, images, properties=ALL), strict=True):
        multi.check(atoms, found, multi.theirs(atoms))
        assert len(atoms) == 1 or np.abs(found.forces).max() > 0.3


def test_a_modality_is_described(multi):
    info = multi.ours.mlipcheck_info
    assert info.options == {"modal": multi.ours.modal}
    level = {"PBE": "PBE / PBE+U (MPtrj)", "R2SCAN": "r2SCAN"}[multi.ours.modal]
    assert info.level_of_theory == level
    assert (info.spec, info.checkpoint) == ("sevennet:7net-mf-0", "7net-mf-0")


def test_modalities_differ():
    pbe, r2scan = (evaluate(load_modality(m), [salt()])[0] for m in ("PBE", "R2SCAN"))
    assert abs(pbe.energy - r2scan.energy) > 1


@pytest.mark.parametrize("options", [{}, {"modal": "pbe"}, {"modal": "SCAN"}])
def test_a_wrong_modality_lists_the_right_ones(options):
    with pytest.raises(InputError, match="; give one of modal=PBE, modal=R2SCAN"):
        get_calculator("sevennet:7net-mf-0", device="cpu", **options)


def test_a_modality_for_a_model_without_any_is_refused():
    with pytest.raises(InputError, match="7net-0: modal is 'PBE'; it has none"):
        get_calculator("sevennet", device="cpu", modal="PBE")


def test_float64_is_not_offered():
    with pytest.raises(InputError, match="dtype is 'float64'; sevennet computes in float32"):
        get_calculator("sevennet", dtype="float64")


@pytest.mark.usefixtures("sevennet")
def test_a_misspelt_option_is_named():
    with pytest.raises(InputError, match="no option 'modle'; did you mean 'modal'"):
        get_calculator("sevennet:7net-mf-0", device="cpu", modle="PBE")


# The other checkpoint of the wheel


def test_l3i5_gives_numbers():
    calculator = get_calculator("sevennet:7net-l3i5", device="cpu")
    found = evaluate(calculator, everything()[:6], properties=ALL)
    assert [e.error for e in found] == [None] * 6
    silicon = found[5]
    assert silicon.energy / 2 == pytest.approx(-5.42, abs=0.05)
    np.testing.assert_allclose(silicon.forces, 0, atol=1e-3)
