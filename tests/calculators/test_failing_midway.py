"""A calculator that begins to fail on the way, or that would end the process."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.calculator import CalculatorSetupError, all_changes

from mlipcheck.calculators.evaluate import evaluate
from mlipcheck.calculators.registry import get_calculator
from mlipcheck.calculators.toy.toy import MorseCalculator
from mlipcheck.checks.dimers.record import DimerScan
from mlipcheck.checks.dimers.scan import scan_dimers
from mlipcheck.checks.interface.suite import check_calculator
from mlipcheck.checks.relaxation.relax import relax_against_reference
from mlipcheck.references.curves import morse_curve
from mlipcheck.storage import from_plain, to_plain

RADII = np.linspace(1.2, 6.0, 20)
ENDS = {
    "raises": RuntimeError("CUDA error: device lost"),
    "no memory": MemoryError(),
    "exits": SystemExit(0),
    "NaN": None,
}


class Failing(MorseCalculator):
    """The exact potential until ``after`` calculations are done."""

    def __init__(self, after, how="raises"):
        super().__init__()
        self.after, self.how, self.done = after, how, 0

    def calculate(self, atoms=None, properties=None, system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        self.done += 1
        if self.done > self.after:
            if ENDS[self.how] is not None:
                raise ENDS[self.how]
            self.results["energy"] = np.nan
            self.results["forces"] = self.results["forces"] * np.nan


@pytest.mark.parametrize("how", ENDS)
def test_a_structure_that_fails_does_not_lose_the_others(how):
    images = [Atoms("H2", [[0, 0, 0], [d, 0, 0]]) for d in RADII]
    found = evaluate(Failing(15, how), images)
    assert [e.error is None for e in found] == [True] * 15 + [False] * 5
    assert "Traceback" not in found[-1].error


@pytest.mark.slow
@pytest.mark.parametrize("how", ENDS)
def test_a_scan_keeps_what_came_before(how):
    """Wherever it fails."""
    pair = ("H", "H")
    calculator = Failing(10**9)
    scan_dimers(calculator, ["H"], distances=RADII, reference=morse_curve(pair, RADII))
    whole = calculator.done
    # two points of the curve, most of them, the second look
    for after in (0, 2, 20, 21, 23, 27, 28, 39, 40, 41, 50, whole - 1, whole):
        calculator = Failing(after, how)
        (scan,) = scan_dimers(
            calculator, ["H"], distances=RADII, reference=morse_curve(pair, RADII)
        )
        assert len(scan.failed_points) == max(len(RADII) - after, 0)
        assert from_plain(DimerScan, to_plain(scan)).pair == pair
    assert scan.failed_points == ()
    assert scan.comparison is not None


@pytest.mark.parametrize("how", ENDS)
def test_a_relaxation_that_fails_is_a_row(how):
    references = [Atoms("H2", [[0, 0, 0], [d, 0, 0]]) for d in (1.5, 1.6, 1.7)]
    calculator = Failing(10**9)
    relax_against_reference(calculator, references)
    rows = relax_against_reference(Failing(calculator.done // 2, how), references)
    assert rows[0].error is None
    assert rows[-1].error is not None


@pytest.mark.slow
def test_an_exit_in_the_interface_tests_is_its_failure():
    calculator = Failing(10**9, "exits")
    check_calculator(calculator)
    results = check_calculator(Failing(calculator.done // 2, "exits"))
    assert results[0].status == "passed"
    assert "SystemExit" in next(r for r in results if r.status == "failed").message


def test_to_exit_on_nan_is_not_a_refusal():
    class Exits(MorseCalculator):
        def calculate(self, atoms=None, properties=None, system_changes=all_changes):
            if not np.isfinite(atoms.positions).all():
                raise SystemExit(0)
            super().calculate(atoms, properties, system_changes)

    (result,) = check_calculator(Exits(), checks=["nan_input"])
    assert result.status == "failed"


def test_a_factory_or_module_that_exits_is_one_line(tmp_path, monkeypatch):
    (tmp_path / "exiting_factory.py").write_text("def make():\n    raise SystemExit(0)\n")
    (tmp_path / "exiting_module.py").write_text("raise SystemExit(0)\n")
    monkeypatch.syspath_prepend(tmp_path)
    for spec in ("exiting_factory:make", "exiting_module:make"):
        with pytest.raises(CalculatorSetupError, match="SystemExit"):
            get_calculator(spec)


# ---------------------------------------------------------------- cells that run away


class Pulled(MorseCalculator):
    """The exact potential under a uniaxial stress of 16 GPa that lasts."""

    def calculate(self, atoms=None, properties=None, system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        self.results["stress"] = self.results["stress"] + np.array([0, 0, -0.1, 0, 0, 0])


# scipy says so of the logarithm of a stretched cell, and is off by 1e-13
@pytest.mark.filterwarnings("ignore:logm result may be inaccurate")
@pytest.mark.parametrize("optimizer", ["BFGS", "FIRE"])
def test_a_cell_that_runs_away_is_a_failed_row(optimizer):
    chain = Atoms("H", cell=[20, 20, 2.2], pbc=True)
    (row,) = relax_against_reference(Pulled(), [chain], optimizer=optimizer, cell="free")
    assert "the cell runs away: from [20.0, 20.0, 2.2" in row.error
    assert row.converged is not True
    assert 0 < row.force_calls < 500


def test_a_cell_that_triples_is_not_a_runaway():
    """Layers that a model does not hold together move apart until nothing is left of their pull."""
    layers = Atoms("H", cell=[20, 20, 2.2], pbc=True)

    class Apart(MorseCalculator):
        def pair_energy(self, distances, first, second):
            # a soft push that ends at 6 Å
            x = np.clip(6.0 - distances, 0, None)
            return 0.01 * x**3, -0.03 * x**2

    (row,) = relax_against_reference(Apart(), [layers], steps=500, fmax=0.001, cell="free")
    assert row.error is None
    assert row.length_changes_percent[2] > 50
