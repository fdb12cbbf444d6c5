"""Parity of models whose numbers are known: the toy by sums over pairs, and published ones."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from mlipcheck import evaluate, get_calculator
from mlipcheck.calculators.toy.morse import Morse
from mlipcheck.calculators.toy.toy import soft_model
from mlipcheck.checks.parity.compare import PROPERTIES, compare_frames, parity
from mlipcheck.references.frames import load_frame_sets
from mlipcheck.references.morse_frames import morse_frames

SALTS = [f"NaCl64_displaced_00{k}_vasprun.xml" for k in (1, 2)]


# --- the toy ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["morse-near", "morse-far"])
def test_the_toy_by_sums_over_pairs(name):
    frames = morse_frames(name)
    found = parity(get_calculator("toy"), frames)
    first, second = np.triu_indices(4, 1)
    truth, model = np.zeros(60), np.zeros(60)
    F, f = np.zeros((60, 4, 3)), np.zeros((60, 4, 3))
    curve, ridge = Morse(), soft_model()
    for k, frame in enumerate(frames.frames):
        apart = frame.atoms.positions[first] - frame.atoms.positions[second]
        r = np.linalg.norm(apart, axis=1)
        energies, slopes = ridge.predict(r, forces=True)
        truth[k] = np.sum((1 - np.exp(-1.7 * (r - 1.1))) ** 2 - 1)
        # a dimer's constant is w n / 2, of a tetrahedron it is counted twice and not six times
        model[k] = energies.sum() - 4 * ridge.weights[-1]
        for total, along in ((F, curve.force(r)), (f, slopes)):
            pulls = (along / r)[:, None] * apart
            np.add.at(total[k], first, pulls)
            np.subtract.at(total[k], second, pulls)
    off = (model - truth) / 4
    errors = np.array([off[k] - np.delete(off, k).mean() for k in range(60)])
    assert found.energy.errors == pytest.approx(errors, abs=1e-9)
    assert found.forces.mae.value == pytest.approx(np.linalg.norm(f - F, axis=2).mean(), abs=1e-9)
    assert found.forces.s_lo.value == pytest.approx(np.sum(f * F) / np.sum(F**2))
    assert (found.runs, found.level_of_theory) == (60, "analytic")
    if name == "morse-near":
        assert found.distribution == "in"
        assert found.energy.mae.value < 1e-4
        assert found.forces.s_lo.value == pytest.approx(1, abs=1e-3)
    else:
        assert found.distribution == "out"
        assert found.energy.mae.value > 0.1
        assert found.forces.r_squared.value < 0.5


def test_exact_toy_is_exact_everywhere():
    found = parity(get_calculator("toy:exact"), morse_frames("morse-far"), energies="raw")
    assert found.energy.mae.value == pytest.approx(0, abs=1e-12)
    assert found.forces.mae.value == pytest.approx(0, abs=1e-12)


# --- displaced salt: two models, one truly soft -------------------------------------------------


@pytest.mark.parametrize(
    ("file", "s_lo", "s_hi", "r_squared"),
    [(SALTS[0], 0.373, 0.434, 0.86), (SALTS[1], 0.453, 0.516, 0.88)],
)
def test_chgnet_is_soft_for_displaced_salt(chgnet, data_dir, file, s_lo, s_hi, r_squared):
    found = parity(chgnet, data_dir / "vasp" / "phonopy" / file)
    assert found.forces.s_lo.value == pytest.approx(s_lo, abs=5e-4)
    assert found.forces.s_hi.value == pytest.approx(s_hi, abs=5e-4)
    assert found.forces.r_squared.value == pytest.approx(r_squared, abs=5e-3)
    assert found.forces.slope.word == "soft"
    assert 0.001 < found.forces.reference_rms < 0.002
    assert found.forces.s_lo.low is None
    assert not found.rescaling.accepted
    assert found.energy.convention == "mp2020"
    assert found.energy.alternatives["raw"][0] > 5 * found.energy.mae.value


@pytest.mark.parametrize(
    ("file", "s_lo", "r_squared"), [(SALTS[0], 0.937, 0.995), (SALTS[1], 0.922, 0.999)]
)
def test_sevennet_is_nearly_right_for_displaced_salt(sevennet, data_dir, file, s_lo, r_squared):
    found = parity(sevennet, data_dir / "vasp" / "phonopy" / file)
    assert found.forces.s_lo.value == pytest.approx(s_lo, abs=5e-4)
    assert found.forces.r_squared.value == pytest.approx(r_squared, abs=5e-4)
    assert found.energy.convention == "raw"


# --- sets ---------------------------------------------------------------------------------------


def evaluated(calculator, frames):
    images = [f.atoms for f in frames.frames]
    return frames, evaluate(calculator, images, properties=PROPERTIES)


def test_one_frame_of_a_relaxation_makes_its_slope(chgnet, data_dir):
    (frames,) = load_frame_sets(data_dir / "vasp" / "LiFePO4_relax_pymatgen")
    frames, found = evaluated(chgnet, frames)
    whole = compare_frames(chgnet, frames, found)
    assert (whole.frames, whole.runs) == (29, 1)
    assert whole.forces.s_lo.value == pytest.approx(0.870, abs=5e-4)
    assert whole.forces.largest_share == pytest.approx(0.93, abs=5e-3)
    assert whole.forces.largest_frame == "LiFePO4_relax_pymatgen[1]"
    assert whole.forces.slope.word == "uncorrelated"
    assert "one run" in whole.rescaling.refused[0]
    (doubt,) = whole.suspicions
    assert (doubt.about, doubt.kind) == ("level of theory", "functional")
    assert "HSE06, where the checkpoint was trained on PBE" in doubt.text
    # without +U there is no correction to compare in
    assert whole.energy.convention == "fit-offsets"
    assert "Invalid U value of 0.0 on Fe" in whole.energy.why
    without = dataclasses.replace(frames, frames=frames.frames[:1] + frames.frames[2:])
    rest = compare_frames(chgnet, without, found[:1] + found[2:])
    assert rest.forces.s_lo.value == pytest.approx(0.423, abs=5e-4)


def test_chgnet_where_it_was_trained(chgnet, data_dir):
    (frames,) = load_frame_sets("mptrj-random-1k")
    frames, found = evaluated(chgnet, frames.sample(60, seed=0))
    usual = compare_frames(chgnet, frames, found)
    assert (usual.distribution, usual.frames) == ("in", 60)
    assert (usual.energy.convention, usual.energy.frames) == ("mp2020", 60)
    assert usual.energy.mae.value < 0.06
    assert usual.energy.alternatives["raw"][0] > 0.2
    assert usual.energy.suspicion is None
    raw = compare_frames(chgnet, frames, found, energies="raw")
    assert raw.energy.mae.value == usual.energy.alternatives["raw"][0]
    assert "raw is the wrong convention" in raw.energy.suspicion
    assert "the model's energies are mp2020 ones" in raw.energy.suspicion


def test_chgnet_where_it_was_not_trained(chgnet, data_dir):
    """Decorrelated and not soft: a factor would not mend it."""
    (frames,) = load_frame_sets("random-TP")
    frames, found = evaluated(chgnet, frames.sample(60, seed=0))
    out = compare_frames(chgnet, frames, found)
    assert out.distribution == "out"
    assert out.forces.slope.word == "uncorrelated"
    assert out.forces.s_lo.high < 1 < out.forces.s_hi.value
    assert not out.rescaling.accepted
    assert "what is wrong is not a factor" in out.rescaling.refused[-1]
