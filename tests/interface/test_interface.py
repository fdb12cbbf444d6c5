"""The interface tests: tolerances, what they are tried on, known failures, and the command."""

from __future__ import annotations

import json
import re

import pytest
from ase.calculators.calculator import CalculationFailed, InputError, all_changes
from ase.calculators.emt import EMT
from ase.calculators.mixing import SumCalculator
from faulty import Faulty, ScaledForces
from faulty_interface import (
    Batched,
    Noisy,
    Rounded,
    SelfConsistent,
    Smeared,
    Spoilt,
    good,
    in_vasp_order,
    on_stress,
    reversed_above_eight,
)

from mlipcheck import MorseCalculator, check_calculator, get_calculator, iter_checks
from mlipcheck.checks.interface import suite
from mlipcheck.checks.interface.suite import ContractResult
from mlipcheck.storage import dumps, from_plain
from mlipcheck.verdict import judge

CHECKS = [check.name for check in iter_checks()]


def failed(results):
    return {r.check for r in results if r.status == "failed"}


def unspoilt(atoms, results):
    pass


def declares(name):
    return Spoilt(unspoilt, (name,))


def result_of(calculator, check, **options):
    (found,) = check_calculator(calculator, checks=[check], **options)
    return found


# Without a fault; the faults are in test_interface_faults.py


@pytest.mark.slow
@pytest.mark.parametrize("make", [good, Batched, Smeared, SelfConsistent])
def test_a_calculator_without_fault_fails_nothing(make):
    results = check_calculator(make())
    assert [r.check for r in results] == CHECKS
    assert failed(results) == set()
    assert {r.check for r in results if r.status != "passed"} <= {"batch", "energies"}


# Tolerances


def rounded(change=unspoilt):
    return Rounded(change, base=good())


def with_dispersion(calculator):
    """Add a pair potential in float64, so that the arrays are float64 too."""
    return SumCalculator([calculator, MorseCalculator(well_depth=0.01, a=1.0, r0=3.0)])


@pytest.mark.slow
def test_tolerances_follow_the_type():
    assert failed(check_calculator(rounded(), dtype="float32")) == set()
    assert "forces_are_gradient" in failed(check_calculator(rounded(), dtype="float64"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("calculator", "kind"),
    [
        (good(), "float64"),
        (EMT(), "float64"),
        (rounded(), "float32"),
        (with_dispersion(rounded()), "float32"),
        (with_dispersion(good()), "float64"),
        (Noisy(1e-12), "float64"),
        (Noisy(1e-8), "float32"),
        (Noisy(1e-4), "float64"),  # no rounding is as large
        (Noisy(1e-4, "float32"), "float32"),  # its own word
        (SelfConsistent(), "self-consistent"),
    ],
)
def test_the_type_is_the_calculator_s_own_word_or_that_of_its_noise(calculator, kind):
    assert result_of(calculator, "determinism").message.endswith(f"the second time, as {kind}")


@pytest.mark.slow
def test_a_float32_model_in_a_sum_is_judged_as_float32():
    assert failed(check_calculator(with_dispersion(rounded()))) == set()
    faulty = with_dispersion(rounded(reversed_above_eight))
    assert failed(check_calculator(faulty)) == {"size_extensivity"}


class WronglyConverged(SelfConsistent):
    def calculate(self, atoms=None, properties=None, system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        self.results["forces"] *= 1.2


def test_noise_excuses_no_wrong_forces():
    results = check_calculator(WronglyConverged())
    assert failed(results) == {"forces_are_gradient"}
    assert "as self-consistent" in next(r for r in results if r.check == "determinism").message


def test_a_shear_stress_is_seen_in_float32():
    """In a cell that is hardly sheared, a tenth of it would be within the tolerance."""
    faulty = rounded(on_stress(lambda stress, _: stress * [1, 1, 1, 0.9, 0.9, 0.9]))
    result = result_of(faulty, "stress_is_gradient")
    assert result.status == "failed"
    assert "in a sheared" in result.message


@pytest.mark.parametrize(("factor", "status"), [(1 + 5e-6, "passed"), (1 + 2e-5, "failed")])
def test_a_derivative_is_held_to_its_tolerance(factor, status):
    result = result_of(ScaledForces(good(), factor), "forces_are_gradient")
    assert result.status == status
    assert (result.value > result.tolerance) == (status == "failed")


def test_forces_that_are_lost_in_rounding_are_not_judged():
    far_off = Spoilt(lambda _, results: results.update(energy=results["energy"] + 1e9))
    result = result_of(far_off, "forces_are_gradient", dtype="float32")
    assert result.status == "not applicable"
    assert "rounding" in result.message


# What it is asked with


def test_elements_are_found_or_given():
    assert result_of(EMT(), "isolated_atom").status == "passed"
    assert result_of(EMT(), "isolated_atom", elements=["Cu"]).message == "force on a single Cu"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"elements": ["Xx"]}, "'Xx' is not an element"),
        ({"elements": ["Cu", "U"]}, "cannot be judged: .*U"),
        ({"dtype": "half"}, "dtype is 'half'; give float32 or float64"),
        ({"checks": ["forces"]}, "no test 'forces'; known: declared_properties, "),
        ({"expected_failures": {"batches": "?"}}, "no test 'batches'"),
    ],
)
def test_a_mistake_in_what_is_asked_is_one_line(options, message):
    with pytest.raises(InputError, match=message) as caught:
        check_calculator(EMT(), **options)
    assert "\n" not in str(caught.value)


class AnswersNothing(Faulty):
    def calculate(self, atoms=None, properties=None, system_changes=None):
        raise CalculationFailed("the licence server is asleep")


def test_for_a_calculator_that_answers_nothing_it_says_why():
    with pytest.raises(InputError, match="cannot be judged: the licence server is asleep; name"):
        check_calculator(AnswersNothing(good()))


class MoleculesOnly(Faulty):
    def calculate(self, atoms=None, properties=None, system_changes=None):
        if atoms.pbc.any():
            raise ValueError("no periodic structures")
        super().calculate(atoms, properties, system_changes)


def test_a_calculator_of_molecules_is_judged_without_cells():
    results = check_calculator(MoleculesOnly(good()))
    assert failed(results) == set()
    spared = {r.check for r in results if r.status == "not applicable"}
    assert spared == {
        "stress_is_gradient",
        "stress_of_slabs",
        "lattice_vectors",
        "size_extensivity",
        "batch",
    }


class RaisesOnceStrained(Faulty):
    def spoil(self, atoms):
        if atoms.pbc.any() and len(atoms) > 4:
            raise RuntimeError("too many atoms")


@pytest.mark.slow
def test_what_a_calculator_raises_is_that_check_s_failure():
    results = {r.check: r for r in check_calculator(RaisesOnceStrained(good()))}
    assert failed(results.values()) == {"size_extensivity"}
    assert results["size_extensivity"].message == "RuntimeError: too many atoms"


def crash(subject):
    """Nothing can be divided by zero."""
    return 1 / 0


def test_what_mlipcheck_raises_is_not_the_calculator_s_failure(monkeypatch):
    monkeypatch.setattr(suite, "_CHECKS", [suite.ContractCheck("crash", "May it?", crash)])
    for expected in ({}, {"crash": "who knows"}):
        (result,) = check_calculator(good(), expected_failures=expected)
        assert result.status == "not applicable"
        assert result.error == result.message
        assert result.error.startswith("error of mlipcheck, please report it: ZeroDivisionError")
    assert {f.status for f in judge({"interface": [result]})} == {"not assessed"}


@pytest.mark.slow
def test_the_calculator_is_left_as_it_was():
    calculator = good()
    before = dict(calculator.parameters)
    check_calculator(calculator)
    assert dict(calculator.parameters) == before


# Failures that are known


def test_a_known_failure_is_shown_with_its_reason():
    result = result_of(
        declares("dipole"),
        "declared_properties",
        expected_failures={"declared_properties": "issue 17 upstream"},
    )
    assert result.status == "expected failure"
    assert result.message.startswith("issue 17 upstream (dipole is declared")


def test_a_known_failure_that_passes_is_a_failure():
    result = result_of(good(), "silence", expected_failures={"silence": "issue 18 upstream"})
    assert result.status == "failed"
    assert "take it off the row" in result.message


def test_rows_know_the_failures_of_their_checkpoints():
    emt = result_of(get_calculator("ase:emt"), "declared_properties")
    lj = result_of(get_calculator("ase:lj"), "declared_properties")
    assert (emt.status, lj.status) == ("expected failure", "passed")


# What is made of the results


def test_results_go_to_json_and_back():
    results = check_calculator(declares("dipole"))
    back = from_plain(tuple[ContractResult, ...], json.loads(dumps(results)))
    assert list(back) == results


def test_the_verdict_takes_them():
    faulty = Spoilt(on_stress(in_vasp_order))
    results = check_calculator(faulty, expected_failures={"rotation": "as is"})
    found = {f.status: f for f in judge({"interface": results})}
    assert found["fail"].subjects == ("stress_is_gradient",)
    assert found["caution"].subjects == ("rotation",)
    # slabs do not apply where crystals fail, nor does the batch
    assert len(found["ok"].subjects) == len(CHECKS) - 4
    assert "not assessed" not in found


# The command


@pytest.mark.slow
def test_the_command_prints_every_check(run_cli, tmp_path):
    path = tmp_path / "contract.json"
    status, out, err = run_cli("contract", "-b", "toy:exact", "--verbose", "--json", path)
    assert status == 0
    about = r"[\d.]+ (s|min|h)"
    assert re.fullmatch(rf"plan, about {about}:\n  interface +{about}  21 tests\n", err)
    assert all(check in out for check in CHECKS)
    assert "20 passed, 1 not applicable." in out
    assert [r["check"] for r in json.loads(path.read_text())["checks"]["interface"]] == CHECKS


@pytest.mark.slow
def test_the_command_takes_elements(run_cli):
    status, out, _ = run_cli("contract", "Al", "-b", "ase:emt", "--verbose")
    assert status == 0
    assert "force on a single Al" in out
    status, _, err = run_cli("contract", "Xx", "-b", "ase:emt")
    assert status == 2
    assert err.startswith("mlipcheck: 'Xx' is not an element, ")
    assert err.count("\n") == 1


@pytest.mark.slow
def test_strict_fails_for_what_is_not_known(run_cli):
    # a fault that cannot even be set up is a mistake
    status, out, _ = run_cli(
        "contract", "-b", "faulty_interface:Noisy", "-o", "base=None", "--strict"
    )
    assert (status, out) == (2, "")
    status, out, _ = run_cli("contract", "-b", "faulty_interface:Noisy", "--strict")
    assert status == 1
    assert "1 failed" in out
    status, _, _ = run_cli("contract", "-b", "ase:emt", "--strict")
    assert status == 0  # what is known is a caution
