"""Learning curves on labelled frames: what is split, fitted, kept and said."""

from __future__ import annotations

import dataclasses
import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.calculator import InputError
from ase.calculators.emt import EMT
from learning_frames import OFFSET, FakeTrainer, labelled

from mlipcheck.calculators.registry import describe
from mlipcheck.checks.learning import frames as frame_learning
from mlipcheck.checks.learning.check import Learning, make_tables
from mlipcheck.checks.learning.figures import draw_curve
from mlipcheck.checks.learning.frames import learn_from_frames
from mlipcheck.checks.learning.plan import Example, plan_fits, split_runs
from mlipcheck.checks.learning.record import FINE_TUNED, OFFSETS, RESCALED, SCRATCH
from mlipcheck.checks.learning.toy import toy_learning_curve
from mlipcheck.checks.parity.compare import parity
from mlipcheck.checks.relaxation.optimize import RelaxSettings
from mlipcheck.drawing.colours import OTHER
from mlipcheck.drawing.panel import new_axes
from mlipcheck.system import Settings, System


@pytest.fixture
def trainer(monkeypatch):
    fake = FakeTrainer()
    monkeypatch.setattr(frame_learning, "get_trainer", lambda calculator: fake)
    return fake


def point(curve, method, n):
    (found,) = [p for p in curve.points if (p.method, p.n) == (method, n)]
    return found


# --- what is learnt from -----------------------------------------------------------------------


@pytest.mark.parametrize(("n", "gap"), [(4, 1), (13, 1), (29, 2), (40, 4)])
def test_one_run_is_split_in_time_with_a_gap_between_the_halves(n, gap):
    split = split_runs("mine", ["a run"] * n, seed=0)
    assert split.pool == tuple(range(n // 2 - gap))
    assert split.test == tuple(range(n // 2, n))
    assert split.how.endswith(f", {gap} between them left out")


def test_of_one_run_the_first_frames_are_learnt_from():
    split = split_runs("mine", ["a run"] * 13, seed=0)
    fits = plan_fits(split, (1, 3), ["a"], repeats=4, seed=0)
    assert [f.train for f in fits] == [(0,), (0, 1, 2)]  # in order, and nothing to draw


@pytest.mark.slow
def test_duplicates_are_left_out_and_counted():
    """The same structure and labels twice, in another run: in the test as well as learnt from."""
    frames = labelled(16, runs=4).frames
    again = [dataclasses.replace(f, name=f"again {k}", run="b") for k, f in enumerate(frames[:5])]
    labels = dataclasses.replace(labelled(16, runs=4), frames=(*frames, *again))
    found = learn_from_frames(EMT(), labels, (1, 4))
    alone = learn_from_frames(EMT(), labelled(16, runs=4), (1, 4))
    assert [curve.points for curve in found] == [curve.points for curve in alone]
    assert found[0].notes == (
        "5 frames left out (again 0, again 1, again 2, again 3 and 1 more): the structure and "
        "labels of another",
    )


def make_example(frame, **changes):
    values = {"energy": frame.energy, "forces": frame.forces, **changes}
    atoms = values.pop("atoms", frame.atoms)
    return Example(atoms, "a run", **values, model_energy=0.0, model_forces=frame.forces)


@pytest.mark.parametrize("change", ["positions", "energy", "forces", "numbers", "cell"])
def test_what_differs_in_one_thing_is_no_duplicate(change):
    (frame,) = labelled(1).frames
    atoms, values = frame.atoms.copy(), {}
    if change in ("energy", "forces"):
        values = {change: getattr(frame, change) + 0.001}
    elif change == "numbers":
        atoms.numbers[0] = 47
    else:
        getattr(atoms, change)[0, 0] += 0.001
    assert make_example(frame, atoms=atoms, **values).key != make_example(frame).key


def test_another_run_and_the_rounding_of_a_file_make_no_other_frame():
    (frame,) = labelled(1).frames
    atoms = frame.atoms.copy()
    atoms.positions += 1e-9
    rounded = make_example(frame, atoms=atoms, energy=frame.energy + 1e-9)
    assert dataclasses.replace(rounded, run="b").key == make_example(frame).key


@pytest.mark.parametrize(
    ("labels", "sizes", "message"),
    [
        (labelled(3), None, "3 frames with energy and forces, at least 4 needed"),
        (labelled(1), None, "1 frames with energy and forces, at least 4 needed"),
        (labelled(8, forces=True), None, "no frame to learn from: no forces"),
        (labelled(8, energy=True), None, "no frame to learn from: no energy"),
        (labelled(8), (1, 4), "N = 4; there are 3 frames to learn from"),
        (labelled(8), (0,), "N = 0; there are 3 frames"),
        (labelled(8), (), "N = nothing"),
    ],
)
def test_what_cannot_be_learnt_from_is_one_line(labels, sizes, message):
    with pytest.raises(InputError, match=message) as caught:
        learn_from_frames(EMT(), labels, sizes)
    assert "\n" not in str(caught.value)


def test_frames_that_the_model_cannot_evaluate_are_left_out_with_a_note():
    labels = labelled(12)
    labels.frames[2].atoms.numbers[0] = 26
    forces, _ = learn_from_frames(EMT(), labels, (1,))
    assert any("1 frame left out (copper[2]): NotImplementedError" in note for note in forces.notes)


# --- what comes out ----------------------------------------------------------------------------


def test_every_method_against_its_own_formula(trainer):
    labels = labelled(10)
    forces, energies = learn_from_frames(EMT(), labels, (3,))
    test = labels.frames[5:]
    F = np.concatenate([f.forces for f in test])
    assert forces.zero_shot == pytest.approx(np.abs(F / 2).mean())
    assert energies.zero_shot == pytest.approx(OFFSET)
    assert point(forces, FINE_TUNED, 3).errors == pytest.approx([np.abs(F / 2).mean()])
    assert point(forces, RESCALED, 3).errors == pytest.approx([0], abs=1e-12)
    assert point(energies, OFFSETS, 3).errors == pytest.approx([0], abs=1e-10)
    assert RESCALED not in energies.methods
    assert OFFSETS not in forces.methods
    assert point(forces, SCRATCH, 3).errors[0] > 0
    assert trainer.learnt == [[f.energy for f in labels.frames[:3]]]


@pytest.mark.slow
def test_a_pair_potential_is_learnt_from_scratch():
    """Copper's own pair forces: with many frames the baseline beats doing nothing by far."""
    labels = labelled(80)
    forces, _ = learn_from_frames(EMT(), labels, (3, 32))
    assert point(forces, SCRATCH, 32).errors[0] < 0.2 * forces.zero_shot
    assert point(forces, SCRATCH, 32).errors[0] < point(forces, SCRATCH, 3).errors[0]


def test_a_model_of_the_very_system_gains_nothing(trainer):
    labels = labelled(10, factor=1.0, offset=0.0, noise=0.01)
    for curve in learn_from_frames(EMT(), labels, (1, 4)):
        assert 0 < curve.zero_shot < 0.02
        against = curve.sentence.split("Compared with zero-shot")[1].split(";")[0]
        assert against.endswith("fine-tuned is no different at every N")


def test_the_baseline_is_the_error_of_predicting_zero_forces(trainer):
    labels = labelled(10)
    forces, energies = learn_from_frames(EMT(), labels, (1, 3))
    F = np.concatenate([f.forces for f in labels.frames[5:]])
    assert forces.baseline == pytest.approx(np.abs(F).mean())
    assert forces.mean_force == pytest.approx(np.sqrt((F**2).sum(axis=1)).mean())
    assert energies.baseline is None
    assert "Compared with zero forces" in forces.sentence
    assert "Compared with zero forces" not in energies.sentence
    # one factor on the right forces is better than no forces
    assert "near rest" not in forces.sentence


def test_where_zero_forces_are_better_than_every_fit_it_is_said_first(trainer):
    """The test half is at rest, the model is not right there: learning shows nothing."""
    labels = labelled(12, factor=1.0, noise=0.0)
    still = [dataclasses.replace(f, forces=1e-3 * f.forces) for f in labels.frames[6:]]
    labels = dataclasses.replace(labels, frames=(*labels.frames[:6], *still))
    forces, energies = learn_from_frames(EMT(), labels, (1, 3))
    best = min(p.mean for p in forces.points)
    assert forces.baseline < 0.01 * best
    first = f"Predicting zero forces is better than every fit: {forces.baseline:.2g} eV/Å against "
    assert forces.sentence.startswith(first)
    assert "The test frames are near rest (mean |F| " in forces.sentence
    assert not energies.sentence.startswith("Predicting")


def test_baseline_and_zero_shot_stand_above_the_fits(trainer):
    forces, _ = learn_from_frames(EMT(), labelled(10, noise=0.05), (1, 3))
    table = make_tables(forces, forces.name)[0]
    assert table.columns == ("N", FINE_TUNED, RESCALED, SCRATCH)
    baseline, zero_shot, one, three = table.rows
    assert baseline == ("zero forces", *[f"{forces.baseline:.3f}"] * 3)
    assert zero_shot == ("zero-shot", *[f"{forces.zero_shot:.3f}"] * 2, "-")
    assert (one[0], three[0]) == ("1", "3")
    _, axis = new_axes(4.2)
    draw_curve(axis, forces, OTHER)
    levels = {line.get_label(): line.get_ydata()[0] for line in axis.lines}
    assert levels["zero forces"] == forces.baseline


@pytest.mark.slow
def test_the_number_needed(trainer):
    labels = labelled(12)
    enough, _ = learn_from_frames(EMT(), labels, (1, 3), target=1e9)
    assert {n.method: n.text for n in enough.needed} == {
        FINE_TUNED: "already zero-shot",
        RESCALED: "already zero-shot",
        SCRATCH: "at most 1",  # it does not start from there
    }
    beyond, _ = learn_from_frames(EMT(), labels, (1, 3), target=1e-6)
    assert {n.method: n.text for n in beyond.needed} == {
        FINE_TUNED: "more than 3",
        RESCALED: "at most 1",
        SCRATCH: "more than 3",
    }


@pytest.mark.slow
def test_a_fit_that_fails_is_a_result_and_is_tried_again(trainer, tmp_path):
    def fail(*args, **kwargs):
        raise RuntimeError("diverged")

    works, trainer.fine_tune = trainer.fine_tune, fail
    forces, _ = learn_from_frames(EMT(), labelled(8), (1,), store=tmp_path)
    assert point(forces, FINE_TUNED, 1).failures == ("RuntimeError: diverged",)
    assert point(forces, RESCALED, 1).errors
    trainer.fine_tune = works
    forces, _ = learn_from_frames(EMT(), labelled(8), (1,), store=tmp_path)
    assert point(forces, FINE_TUNED, 1).errors


@pytest.mark.parametrize("repeats", [0, -1, 10**20])
def test_repeats_are_bounded_before_any_work(trainer, repeats):
    with pytest.raises(InputError, match=f"repeats is {repeats}; give 1 to 1000"):
        learn_from_frames(None, labelled(8), (1,), repeats=repeats)


@pytest.mark.parametrize(
    "asked",
    [
        lambda: learn_from_frames(None, labelled(8), (1,), seed=-1),
        lambda: labelled(8).sample(3, -1),
        lambda: parity(None, labelled(8), seed=-1),
        lambda: toy_learning_curve(seed=-1),
        lambda: RelaxSettings(seed=-1),
        lambda: Settings(seed=-1),
    ],
)
def test_negative_seeds_are_refused_alike(asked):
    with pytest.raises(InputError, match="seed is -1; give zero or a positive number"):
        asked()


# --- what is kept ------------------------------------------------------------------------------


@pytest.mark.slow
def test_finished_fits_are_not_repeated(trainer, tmp_path):
    labels = labelled(16, runs=4)
    first = learn_from_frames(EMT(), labels, (2, 4), store=tmp_path)
    assert len(trainer.learnt) == 6
    again = learn_from_frames(EMT(), labels, (2, 4), store=tmp_path)
    assert len(trainer.learnt) == 6
    assert again == first
    assert len(list(tmp_path.glob("*.pth"))) == 1  # that of the largest N
    kept = sorted(tmp_path.glob("*.json"))
    kept[0].write_text("half a fi")  # not of ours: it is fitted again
    assert learn_from_frames(EMT(), labels, (2, 4), store=tmp_path) == first
    json.loads(kept[0].read_text())


@pytest.mark.slow
@pytest.mark.parametrize("change", ["labels", "settings"])
def test_other_labels_or_settings_are_other_fits(trainer, tmp_path, change):
    learn_from_frames(EMT(), labelled(8), (1,), store=tmp_path)
    if change == "settings":
        trainer.SETTINGS["epochs"] = "more"
    labels = labelled(8, factor=2.1 if change == "labels" else 2.0)
    learn_from_frames(EMT(), labels, (1,), store=tmp_path)
    assert len(trainer.learnt) == 2


@pytest.mark.slow
def test_another_seed_tests_on_other_runs_and_is_another_fit(trainer, tmp_path):
    """The same frames may be learnt from where the test is another."""
    labels = labelled(16, runs=4, noise=0.05)
    for seed in range(6):
        kept = learn_from_frames(EMT(), labels, (1, 2), seed=seed, store=tmp_path)
        anew = learn_from_frames(EMT(), labels, (1, 2), seed=seed)
        assert [curve.points for curve in kept] == [curve.points for curve in anew]


@pytest.mark.parametrize("other", [{"sizes": (1,)}, {"repeats": 2}, {"seed": 1}, {"target": 0.1}])
def test_a_run_goes_on_with_the_curve_of_its_own_settings_only(other):
    def key(**settings):
        system = System(describe(EMT()), frames=(labelled(8),))
        (task,) = Learning().tasks(system, Settings(learn=True, **settings))
        return task.key

    assert key() == key()
    assert key(**other) != key()


KILLED = """
import os, signal, sys
sys.path[:0] = {path!r}
from pathlib import Path
from ase.calculators.emt import EMT
from mlipcheck.checks.learning import frames as frame_learning
from mlipcheck.storage import dumps
from learning_frames import FakeTrainer, labelled

log, store, die = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])

class Trainer(FakeTrainer):
    def fine_tune(self, calculator, frames, **more):
        if len(self.learnt) == die:
            os.kill(os.getpid(), signal.SIGKILL)
        made = super().fine_tune(calculator, frames, **more)
        log.write_text(log.read_text() + "fit\\n" if log.exists() else "fit\\n")
        return made

trainer = Trainer()
frame_learning.get_trainer = lambda calculator: trainer
curves = frame_learning.learn_from_frames(EMT(), labelled(16, runs=4), (2, 4), store=store)
print(dumps([curve.points for curve in curves]))
"""


@pytest.mark.slow
def test_killed_in_the_middle_it_goes_on_where_it_was(tmp_path):
    here = str(Path(__file__).parents[1] / "helpers")
    script = tmp_path / "learn.py"
    script.write_text(KILLED.format(path=[here]))

    def run(log, store, die):
        return subprocess.run(
            [sys.executable, script, tmp_path / log, tmp_path / store, str(die)],
            capture_output=True,
            text=True,
            check=False,
        )

    killed = run("log", "store", 2)
    assert killed.returncode == -signal.SIGKILL
    resumed = run("log", "store", 99)
    assert resumed.returncode == 0, resumed.stderr
    assert (tmp_path / "log").read_text().count("fit") == 6  # two before, four after, none twice
    assert run("other log", "other store", 99).stdout == resumed.stdout


# --- a real model ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def relaxation(data_dir):
    from mlipcheck.references.inputs import load_frame_sets

    (labels,) = load_frame_sets([data_dir / "vasp" / "LiFePO4_relax_pymatgen"])
    return labels


def test_chgnet_learns_from_one_frame_of_a_run(chgnet, relaxation, tmp_path):
    """Also that the model given is not changed, and that the one kept is the one fine-tuned."""
    from mlipcheck import evaluate, get_calculator

    before = evaluate(chgnet, [relaxation.frames[20].atoms])[0].energy
    forces, energies = learn_from_frames(chgnet, relaxation, (1,), store=tmp_path)
    assert forces.test_size == 15
    assert forces.baseline == pytest.approx(0.0396, abs=1e-4)  # seven times better than zero-shot
    assert forces.mean_force == pytest.approx(0.0833, abs=1e-4)
    assert forces.sentence.startswith("Predicting zero forces is better than every fit: 0.04 eV/Å")
    assert forces.zero_shot == pytest.approx(0.287, abs=0.001)
    assert point(forces, FINE_TUNED, 1).errors == pytest.approx([0.497], abs=0.02)
    assert energies.zero_shot > 2.5  # another zero of energy, which constants take off
    assert point(energies, FINE_TUNED, 1).errors[0] < 0.03
    assert point(energies, OFFSETS, 1).errors[0] < 0.03
    assert evaluate(chgnet, [relaxation.frames[20].atoms])[0].energy == before
    (model,) = tmp_path.glob("*.pth")
    kept = get_calculator(f"chgnet:{model}", device="cpu")
    test = relaxation.frames[14:]
    off = [
        np.abs(e.forces - f.forces)
        for f, e in zip(test, evaluate(kept, [f.atoms for f in test]), strict=True)
    ]
    assert np.concatenate(off).mean() == pytest.approx(
        point(forces, FINE_TUNED, 1).errors[0], abs=1e-5
    )


def test_chgnet_refuses_frames_without_labels(chgnet):
    from mlipcheck.calculators.chgnet import fine_tune

    with pytest.raises(InputError, match="no frames to learn from"):
        fine_tune(chgnet, [])
    with pytest.raises(InputError, match="frame 0 has no energy and forces"):
        fine_tune(chgnet, [bulk("Cu")])
