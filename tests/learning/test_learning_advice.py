"""What a learning curve advises, or that one is worth measuring: only what can help, and runs."""

from __future__ import annotations

import dataclasses
import shlex

import numpy as np
import pytest
from ase.calculators.emt import EMT
from learning_frames import labelled

from mlipcheck.calculators.base import CalculatorInfo
from mlipcheck.checks.learning.check import Learning
from mlipcheck.checks.learning.record import (
    FINE_TUNED,
    SCRATCH,
    LearningCurve,
    LearningPoint,
    NeededFrames,
)
from mlipcheck.checks.parity.compare import parity
from mlipcheck.record import Finding, RunRecord
from mlipcheck.references.doubts import Doubt

CHGNET = CalculatorInfo("chgnet", backend="chgnet")  # has a trainer
EMT_INFO = CalculatorInfo("ase:emt", backend="ase")
SOFT = Finding("fail", "parity", "forces", ("copper",), "0.5")


def make_curve(errors=(0.3, 0.1), baseline=0.5, **changes):
    points = [
        LearningPoint(m, n, (e,))
        for m in (FINE_TUNED, SCRATCH)
        for n, e in zip((1, 3), errors, strict=True)
    ]
    curve = LearningCurve(
        "my run, forces",
        "MAE of force components",
        "eV/Å",
        (FINE_TUNED, SCRATCH),
        tuple(points),
        zero_shot=0.2,
        baseline=baseline,
        typed="my run/vasprun.xml",
    )
    return dataclasses.replace(curve, **changes)


def advise(calculator=CHGNET, findings=(SOFT,), **checks):
    run = RunRecord("run", calculator, {}, {}, checks=checks, findings=tuple(findings))
    return Learning().advice(run)


def set_of(n=12, factor=2.0, noise=0.0, typed="copper.xyz"):
    row = parity(EMT(), labelled(n, factor=factor, noise=noise), energies="fit-offsets")
    return dataclasses.replace(row, typed=typed)


def test_a_curve_that_falls_advises_to_keep_the_model():
    (advice,) = advise(learning=(make_curve(),))
    assert advice.kind == "fine-tune"
    assert "falls from 0.2 to 0.1 eV/Å" in advice.text
    words = shlex.split(advice.command)
    assert words[:5] == ["mlipcheck", "learn", "-b", "chgnet", "my run/vasprun.xml"]
    assert words[5:] == ["--sizes", "1,3", "--save", "tuned.pth"]  # those fits are there already


def test_a_curve_that_rises_advises_against_it():
    (advice,) = advise(learning=(make_curve((0.3, 0.4)),))
    assert (advice.kind, advice.command) == ("do not fine-tune", None)
    assert "does not fall: it goes from 0.2 to 0.4" in advice.text


def test_no_model_is_kept_that_zero_forces_beat():
    """Fine-tuned it is better than zero-shot, and yet worse than nothing at all."""
    (advice,) = advise(learning=(make_curve(baseline=0.09),))
    assert (advice.kind, advice.command) == ("do not fine-tune", None)
    assert "predicting zero forces (0.09 eV/Å) is better" in advice.text
    assert "0.1 at best" in advice.text


def test_the_frames_needed_are_said_with_it():
    needed = (NeededFrames(FINE_TUNED, 0.15, 2.1, None, None, "3"),)
    (advice,) = advise(learning=(make_curve(target=0.15, needed=needed),))
    assert "Frames needed for 0.15 eV/Å: 3." in advice.text


def test_errors_of_energies_advise_nothing():
    assert advise(learning=(make_curve(unit="eV/atom"),)) == []


@pytest.mark.parametrize("calculator", [EMT_INFO, CalculatorInfo("toy:soft", backend="toy")])
def test_who_has_no_trainer_is_not_advised_to_fine_tune(calculator):
    assert advise(calculator, parity=(set_of(),)) == []
    assert advise(calculator, learning=(make_curve(),)) == []


def test_a_curve_is_proposed_with_a_number_for_a_target():
    row = set_of()
    (advice,) = advise(parity=(row,))
    words = shlex.split(advice.command)
    assert words[:-1] == ["mlipcheck", "learn", "-b", "chgnet", "copper.xyz", "--target"]
    assert float(words[-1]) == pytest.approx(row.forces.component_mae / 2, rel=0.05)


@pytest.mark.slow
def test_nothing_is_proposed_where_nothing_is_wrong():
    assert advise(parity=(set_of(),), findings=()) == []
    assert advise(parity=(set_of(),), findings=(dataclasses.replace(SOFT, status="ok"),)) == []


@pytest.mark.slow
def test_nothing_is_proposed_where_the_reference_is_in_doubt():
    doubt = Doubt("level of theory", "the labels are HSE06")
    doubtful = dataclasses.replace(SOFT, doubts=(doubt,))
    assert advise(parity=(set_of(),), findings=(doubtful,)) == []
    relaxed = dataclasses.replace(SOFT, check="relaxation", subjects=("another",))
    assert advise(parity=(set_of(),), findings=(doubtful, relaxed)) == []
    assert len(advise(parity=(set_of(),), findings=(relaxed,))) == 1


def test_nothing_is_proposed_for_too_few_frames():
    assert advise(parity=(set_of(9),)) == []
    assert len(advise(parity=(set_of(10),))) == 1


def test_nothing_is_proposed_where_zero_forces_are_better():
    """Labels near rest, and a model that is off there."""
    row = set_of(factor=0.01)
    assert row.forces.component_mae > np.abs(row.forces.reference_sample).mean()
    assert advise(parity=(row,)) == []


def test_one_command_learns_from_one_set():
    """A file of two levels of theory is two sets, which no command can tell apart."""
    row = set_of()
    assert advise(parity=(row, row)) == []
    other = dataclasses.replace(row, typed="other.xyz")
    (advice,) = advise(parity=(row, row, other))
    assert "other.xyz" in advice.command
