"""From names to calculators: what loads, and what every mistake says."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.calculator import Calculator, CalculatorSetupError, InputError
from ase.calculators.lj import LennardJones

from mlipcheck import MorseCalculator, RBFRidgeCalculator, get_calculator, list_backends
from mlipcheck.calculators.backends import get_backend
from mlipcheck.calculators.base import CalculatorInfo, read_literal
from mlipcheck.calculators.registry import describe


def energy_at(r, calculator):
    atoms = Atoms("Ar2", positions=[[0, 0, 0], [r, 0, 0]])
    atoms.calc = calculator
    return atoms.get_potential_energy()


@pytest.fixture
def without(monkeypatch):
    """Make a package look as if it were not installed."""
    found = importlib.util.find_spec

    def hide(package):
        monkeypatch.setattr(
            importlib.util, "find_spec", lambda n, *a: None if n == package else found(n, *a)
        )

    return hide


# What loads


@pytest.mark.parametrize(
    ("spec", "cls"),
    [
        ("toy", RBFRidgeCalculator),
        ("toy:soft", RBFRidgeCalculator),
        ("toy:wide", RBFRidgeCalculator),
        ("toy:exact", MorseCalculator),
        ("ase:lj", LennardJones),
    ],
)
def test_names_of_calculators(spec, cls):
    assert isinstance(get_calculator(spec), cls)


def test_the_first_checkpoint_is_the_default():
    assert energy_at(0.9, get_calculator("toy")) == energy_at(0.9, get_calculator("toy:soft"))
    assert energy_at(0.9, get_calculator("toy")) != energy_at(0.9, get_calculator("toy:wide"))


def test_two_calls_give_two_calculators():
    first, second = get_calculator("toy:exact"), get_calculator("toy:exact")
    first.set(well_depth=3.0)
    assert energy_at(1.1, second) == pytest.approx(-1.0)


def test_rows_are_complete():
    rows = list_backends()
    assert [row.name for row in rows][:7] == [
        "toy",
        "chgnet",
        "mattersim",
        "sevennet",
        "mace",
        "ase",
        "rescaled",
    ]
    for row in rows:
        assert row.summary
        assert row.citation
        assert get_backend(row.name) is row
        assert row.error is None
        assert len({c.name for c in row.checkpoints}) == len(row.checkpoints)
        for checkpoint in row.checkpoints:
            assert checkpoint.level_of_theory
            assert checkpoint.licence
            assert checkpoint.energy_convention in {"raw", "mp2020", "own"}


def test_versions_of_backends():
    assert get_backend("toy").version == importlib.metadata.version("mlipcheck")
    assert get_backend("ase").version == importlib.metadata.version("ase")


def test_lennard_jones_with_options():
    epsilon, sigma, r, rc = 0.3, 1.5, 1.9, 6.0

    def lj(x):
        return 4 * epsilon * ((sigma / x) ** 12 - (sigma / x) ** 6)

    found = energy_at(r, get_calculator("ase:lj", sigma=sigma, epsilon=epsilon, rc=rc))
    assert found == pytest.approx(lj(r) - lj(rc), abs=1e-12)


@pytest.mark.parametrize(
    ("spec", "change"), [("ase:lj", {"epsilon": 2.0}), ("ase:morse", {"epsilon": 2.0})]
)
def test_calculators_of_ase_forget_their_results_on_set(spec, change):
    calculator = get_calculator(spec)
    energy = energy_at(1.2, calculator)
    calculator.set(**change)
    assert abs(energy) > 1e-3
    assert energy_at(1.2, calculator) == pytest.approx(2 * energy)


# What every mistake says


@pytest.mark.parametrize("spec", ["chgnett", "", "Toy", ":toy"])
def test_an_unknown_backend_lists_the_known_ones(spec):
    with pytest.raises(
        InputError, match=r"no backend is called '.*'; known: toy, chgnet, mattersim"
    ):
        get_calculator(spec)


def test_an_unknown_checkpoint_lists_the_known_ones():
    with pytest.raises(
        InputError, match=r"toy has no checkpoint 'hard'; known: soft, wide, exact$"
    ):
        get_calculator("toy:hard")


def test_an_unknown_checkpoint_may_be_a_path():
    expected = "no checkpoint 'nothing.pth'; known: 0.3.0, 0.2.0, r2scan, or the path of a file"
    with pytest.raises(InputError, match=re.escape(expected)):
        get_calculator("chgnet:nothing.pth")


def test_a_folder_is_not_a_checkpoint(tmp_path):
    with pytest.raises(InputError, match="no checkpoint"):
        get_calculator(f"chgnet:{tmp_path}")


@pytest.mark.parametrize("spec", ["chgnet", "chgnet:r2scan"])
def test_a_missing_package_names_the_line_to_type(without, spec):
    without("chgnet")
    assert not get_backend("chgnet").installed
    assert get_backend("chgnet").version is None
    line = 'needs the package chgnet, .*type: python -m pip install "mlipcheck\\[chgnet\\]"$'
    with pytest.raises(CalculatorSetupError, match=line):
        get_calculator(spec)


def test_a_missing_package_of_one_backend_is_none_of_the_others(without):
    without("chgnet")
    assert energy_at(1.1, get_calculator("toy:exact")) == pytest.approx(-1.0)


@pytest.mark.parametrize("spec", ["toy", "toy:exact", "chgnet"])
def test_options_are_refused_where_there_are_none(spec):
    name = spec.partition(":")[0]
    with pytest.raises(InputError, match=f"{name} takes no options, got epsilon, sigma"):
        get_calculator(spec, sigma=1.0, epsilon=2.0)


@pytest.mark.parametrize("spec", ["ase", "ase:"])
def test_ase_needs_a_name(spec):
    with pytest.raises(InputError, match="names no calculator; give ase:NAME, as in ase:emt"):
        get_calculator(spec)


def test_an_unknown_calculator_of_ase_lists_the_known_ones():
    with pytest.raises(InputError, match=r"ASE has no calculator 'ljj'; it has: .*emt.*lj"):
        get_calculator("ase:ljj")


@pytest.mark.parametrize(
    ("spec", "option", "hint"),
    [
        ("ase:lj", "sigm", "did you mean 'sigma'"),
        ("ase:emt", "asap_cutof", "did you mean 'asap_cutoff'"),
        ("ase:lj", "well", "known: .*epsilon"),
    ],
)
def test_a_misspelt_option_of_ase_is_refused(spec, option, hint):
    with pytest.raises(InputError, match=f"{spec} has no option '{option}'; {hint}"):
        get_calculator(spec, **{option: 1.0})


@pytest.mark.parametrize("text", ["cpu", "{[]: 1}", "(" * 999, "-" * 99999 + "1", "\x00", "1e"])
def test_an_option_that_is_not_a_literal_stays_text(text):
    assert read_literal(text) == text


@pytest.mark.parametrize("name", ["orca", "tersoff", "kim"])
def test_a_calculator_of_ase_that_cannot_be_set_up_says_so(name):
    # Not configured, or in need of arguments.
    with pytest.raises((CalculatorSetupError, InputError), match=name):
        get_calculator(f"ase:{name}")


@pytest.mark.model
@pytest.mark.parametrize("spec", ["toy", "toy:exact", "ase:emt", "chgnet"])
def test_a_type_of_numbers_that_the_model_does_not_have_is_refused(spec):
    if spec == "chgnet":
        pytest.importorskip("chgnet", reason="chgnet is not installed")
    other = "float64" if spec == "chgnet" else "float32"
    with pytest.raises(InputError, match=f"dtype is '{other}'"):
        get_calculator(spec, dtype=other)


@pytest.mark.model
@pytest.mark.parametrize("device", ["gpuu", "cuda:99"])
def test_a_device_that_is_not_there_is_refused(device):
    pytest.importorskip("chgnet", reason="chgnet is not installed")
    with pytest.raises((InputError, CalculatorSetupError), match=device):
        get_calculator("chgnet", device=device)


# Where a calculator comes from


def test_the_toy_is_described():
    info = describe(get_calculator("toy:wide"))
    assert (info.spec, info.backend, info.checkpoint) == ("toy:wide", "toy", "wide")
    assert info.version == importlib.metadata.version("mlipcheck")
    assert (info.dtype, info.bond_scale, info.energy_convention) == ("float64", 1.42, "own")
    assert "Morse" in info.level_of_theory
    assert info.checkpoint_sha256 is None
    assert info.cutoff == pytest.approx(get_calculator("toy:wide").cutoff)


def test_ase_is_described():
    info = describe(get_calculator("ase:lj"))
    assert (info.spec, info.backend, info.checkpoint) == ("ase:lj", "ase", "lj")
    assert info.version == importlib.metadata.version("ase")


class ThirdParty(Calculator):
    implemented_properties = ["energy"]


def test_a_third_party_calculator_is_described_by_its_class():
    assert describe(ThirdParty()) == CalculatorInfo(spec=f"{__name__}.ThirdParty")


def test_a_third_party_calculator_with_numerics():
    calculator = ThirdParty()
    calculator.device, calculator.dtype = "cuda:0", np.dtype("float32")
    info = describe(calculator)
    assert info == CalculatorInfo(spec=f"{__name__}.ThirdParty", device="cuda:0", dtype="float32")
    assert isinstance(info.dtype, str)
