"""MACE: its heads, its elements, and its pretrained weights where they have been downloaded."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import InputError
from real_models import Model, their_mace
from structures import copper, salt, slab

from mlipcheck import evaluate, get_calculator
from mlipcheck.calculators.backends import get_backend

ALL = ("energy", "forces", "stress", "energies")


@pytest.fixture(scope="module")
def two_heads(mace_file):
    """Return the file of a model with two heads, neither of them a default."""
    from seeded import save_mace

    path = mace_file.with_name("two heads.model")
    save_mace(path, heads=("low", "high"))
    return path


@pytest.fixture
def load(mace_file):
    def load(path=mace_file, **options):
        return get_calculator(f"mace:{path}", **{"device": "cpu", **options})

    return load


# Elements


def test_an_element_that_the_model_has_not_seen_is_an_error(load):
    images = [salt(), Atoms("Kr"), Atoms("OKr", positions=[[0, 0, 0], [0, 0, 1.5]]), copper()]
    first, *strange, last = evaluate(load(), images, properties=ALL)
    assert {e.error for e in strange} == {"MACECalculator does not know Kr; it knows 11 elements"}
    alone = [evaluate(load(), [atoms], properties=ALL)[0] for atoms in (salt(), copper())]
    assert first.energy == pytest.approx(alone[0].energy, abs=1e-5)
    assert last.energy == pytest.approx(alone[1].energy, abs=1e-5)


# Precision


def test_float32_is_the_default_and_float64_is_finer(load):
    (coarse,), (fine,) = (
        evaluate(load(**options), [salt()], properties=ALL)
        for options in ({}, {"dtype": "float64"})
    )
    assert (coarse.forces.dtype, fine.forces.dtype) == ("float32", "float64")
    assert coarse.energy != fine.energy
    assert coarse.energy == pytest.approx(fine.energy, abs=1e-5)
    np.testing.assert_allclose(coarse.forces, fine.forces, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_default_dtype_of_torch_is_neither_changed_nor_used(load, dtype):
    import torch

    (expected,) = evaluate(load(dtype=dtype), [salt()], properties=ALL)
    before = torch.get_default_dtype()
    try:
        torch.set_default_dtype(torch.float64)
        (found,) = evaluate(load(dtype=dtype), [salt()], properties=ALL)
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(before)
    assert found.energy == expected.energy
    np.testing.assert_array_equal(found.forces, expected.forces)


def test_a_model_that_fails_leaves_the_default_dtype_of_torch(load, monkeypatch):
    import torch

    def fail(*args, **kwargs):
        raise RuntimeError("out of memory")

    calculator = load(dtype="float64")
    monkeypatch.setattr(calculator, "model", fail)
    before = torch.get_default_dtype()
    (found,) = evaluate(calculator, [salt()])
    assert found.error == "RuntimeError: out of memory"
    assert torch.get_default_dtype() == before == torch.float32


# Heads


@pytest.mark.parametrize("head", ["low", "high"])
def test_a_head_equals_the_package_itself(load, two_heads, head):
    ours = load(two_heads, dtype="float64", head=head)
    model = Model(ours, their_mace(two_heads, "float64", head=head))
    images = [salt(), Atoms("Ar"), slab(), copper()]
    for atoms, found in zip(images, evaluate(ours, images, properties=ALL), strict=True):
        model.check(atoms, found, model.theirs(atoms))
    assert ours.mlipcheck_info.options == {"head": head}


def test_heads_differ(load, two_heads):
    low, high = (evaluate(load(two_heads, head=h), [salt()])[0] for h in ("low", "high"))
    assert abs(low.energy - high.energy) > 1


@pytest.mark.parametrize("options", [{}, {"head": "Low"}, {"head": "Default"}])
def test_a_wrong_head_lists_the_right_ones(load, two_heads, options):
    with pytest.raises(InputError, match=r"head is .*; give one of low, high"):
        load(two_heads, **options)


def test_the_only_head_needs_no_name(load):
    assert load().head == load(head="Default").head == "Default"
    with pytest.raises(InputError, match="head is 'low'; give one of Default"):
        load(head="low")


def test_the_head_called_default_is_the_default(load, mace_file):
    from seeded import save_mace

    path = mace_file.with_name("with a default.model")
    save_mace(path, heads=("low", "default"))
    assert load(path).head == "default"
    assert load(path, head="low").head == "low"


def test_a_misspelt_option_is_named(load):
    with pytest.raises(InputError, match="no option 'haed'; did you mean 'head'"):
        load(haed="low")


# Pretrained weights, which are a download


@pytest.mark.model
def test_medium_mpa_0_knows_silicon():
    pytest.importorskip("mace", reason="mace-torch is not installed: pip install '.[mace]'")
    checkpoint = get_backend("mace").checkpoint("medium-mpa-0")
    if not checkpoint.found:
        pytest.skip(f"{checkpoint.path.name} is not in {checkpoint.path.parent}")
    calculator = get_calculator("mace:medium-mpa-0", device="cpu")
    model = Model(calculator, their_mace(checkpoint.path, "float32"), rounding=1e-4)
    silicon, *others = images = [bulk("Si", a=5.46), salt(), copper(), slab()]
    found = evaluate(calculator, images, properties=ALL)
    assert found[0].energy / len(silicon) == pytest.approx(-5.4, abs=0.1)
    np.testing.assert_allclose(found[0].forces, 0, atol=1e-3)
    for atoms, one in zip(others, found[1:], strict=True):
        model.check(atoms, one, model.theirs(atoms))
    assert calculator.mlipcheck_info.energy_convention == "raw"
