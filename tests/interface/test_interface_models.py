"""The interface tests on real calculators: ASE's own, ours, and pretrained or seeded models.

What fails is written down with its reason, strictly: a fault that is fixed upstream fails here.
"""

from __future__ import annotations

import warnings

import pytest
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones
from ase.calculators.mixing import SumCalculator
from ase.calculators.morse import MorsePotential

from mlipcheck import MorseCalculator, check_calculator, get_calculator, iter_checks
from mlipcheck.testing import parametrize_with_checks

CHECKS = [check.name for check in iter_checks()]


@parametrize_with_checks(
    [EMT()], expected_failures={"declared_properties": "declares magmoms, and delivers none"}
)
def test_emt(calculator, check):
    check(calculator)


@parametrize_with_checks(
    [LennardJones()], expected_failures={"cache": "returns the old energy after set()"}
)
def test_lennard_jones(calculator, check):
    check(calculator)


@pytest.mark.slow
@parametrize_with_checks(
    [MorsePotential()],
    expected_failures={
        "cache": "returns the old energy after set()",
        "nan_input": "finds no neighbours at NaN, and sums the others",
    },
)
def test_morse(calculator, check):
    check(calculator)


@pytest.mark.slow
@parametrize_with_checks(
    ["toy", "toy:wide", "toy:exact", "ase:emt", "ase:lj", "ase:morse", "chgnet", "sevennet"]
)
def test_by_name(calculator, check):
    check(calculator)


@pytest.fixture(scope="module", params=["mace", "mattersim"])
def seeded_file(request):
    return f"{request.param}:{request.getfixturevalue(f'{request.param}_file')}"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_seeded_models(seeded_file, dtype):
    calculator = get_calculator(seeded_file, device="cpu", dtype=dtype)
    results = check_calculator(calculator)
    assert [r.check for r in results] == CHECKS
    # MatterSim has no energies of single atoms
    missing = {"energies"} - set(calculator.implemented_properties)
    found = [(r.check, r.status) for r in results if r.status != "passed"]
    assert found == [(name, "not applicable") for name in missing]


@pytest.mark.slow
def test_chgnet_with_a_dispersion_passes(chgnet):
    attraction = MorseCalculator(well_depth=0.005, a=1.0, r0=3.5)
    results = check_calculator(SumCalculator([chgnet, attraction]))
    assert {r.check for r in results if r.status != "passed"} == {"batch"}
    assert [r.status for r in results if r.check == "batch"] == ["not applicable"]


# The packages' own calculators, for what ours fixes


def failures(calculator, *checks):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = check_calculator(calculator, checks=checks)
    return {r.check for r in results if r.status == "failed"}


def test_the_stress_of_chgnet_s_own_calculator_turns_with_the_hand_of_the_cell(chgnet):
    from chgnet.model.dynamics import CHGNetCalculator

    # on_isolated_atoms="ignore" and a Voigt stress, so that this is the only difference left
    class Own(CHGNetCalculator):
        def calculate(self, *args, **kwargs):
            super().calculate(*args, **kwargs)
            from ase.stress import full_3x3_to_voigt_6_stress

            self.results["stress"] = full_3x3_to_voigt_6_stress(self.results["stress"])

    own = Own(chgnet.model, use_device="cpu", on_isolated_atoms="ignore")
    assert failures(own, "stress_is_gradient") == {"stress_is_gradient"}
    assert failures(chgnet, "stress_is_gradient") == set()


@pytest.mark.filterwarnings("ignore")
def test_the_stress_of_mattersim_s_own_calculator_turns_too(mattersim_file):
    ours = get_calculator(f"mattersim:{mattersim_file}", device="cpu", dtype="float64")
    from mattersim.forcefield import MatterSimCalculator

    own = MatterSimCalculator(potential=ours.model, device="cpu", dtype="float64")
    assert failures(own, "stress_is_gradient") == {"stress_is_gradient"}
    assert failures(ours, "stress_is_gradient") == set()


def test_sevennet_s_own_calculator_takes_nan(sevennet):
    from sevenn.calculator import SevenNetCalculator

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a faster tensor product that is not installed
        own = SevenNetCalculator("7net-0", device="cpu")
    assert failures(own, "nan_input") == {"nan_input"}
    assert failures(sevennet, "nan_input") == set()
