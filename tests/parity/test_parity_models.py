"""Parity of models whose numbers are known: the toy by sums over pairs, and published ones."""

from __future__ import annotations

import dataclasses

import ase.io
import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator
from real_models import tolerated
from reduced_frames import compare_frames, reduced

from mlipcheck import evaluate, get_calculator
from mlipcheck.calculators.registry import describe
from mlipcheck.calculators.toy.toy import Morse, fit_toy
from mlipcheck.checks.parity.compare import parity
from mlipcheck.checks.parity.forces import compare_forces
from mlipcheck.checks.parity.pieces import PROPERTIES
from mlipcheck.checks.parity.record import Parity
from mlipcheck.record import RunRecord
from mlipcheck.references.inputs import load_frame_sets, morse_frames
from mlipcheck.verdict import conclude, judge

# --- the toy ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["morse-near", "morse-far"])
def test_the_toy_by_sums_over_pairs(name):
    frames = morse_frames(name)
    found = parity(get_calculator("toy"), frames)
    first, second = np.triu_indices(4, 1)
    truth, model = np.zeros(60), np.zeros(60)
    F, f = np.zeros((60, 4, 3)), np.zeros((60, 4, 3))
    curve, ridge = Morse(), fit_toy()
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
    # its own labels, and still judged: this demonstration is what it is for
    assert found.doubts == ()
    findings = judge({"parity": [found]})
    assert {f.status for f in findings if f.quantity != "pressure"} == {"ok"}
    assert {f.tested_on for f in findings} == {"a demonstration"}


# --- real models --------------------------------------------------------------------------------


def evaluated(calculator, frames):
    images = [f.atoms for f in frames.frames]
    return frames, evaluate(calculator, images, properties=PROPERTIES)


def findings_of(row):
    return {f.quantity: f for f in judge({"parity": [row]})}


@pytest.mark.parametrize("file", [f"NaCl64_displaced_00{k}_vasprun.xml" for k in (1, 2)])
def test_displaced_cells_are_too_near_to_rest_for_a_slope(chgnet, data_dir, file):
    """Their rms force is 0.002 eV/Å, and what any model is off at rest is more."""
    found = parity(chgnet, data_dir / "vasp" / "phonopy" / file)
    assert 0.001 < found.forces.reference_rms < 0.002
    assert found.forces.slope is found.rescaling is None
    assert found.energy.convention == "mp2020"
    assert found.energy.alternatives["raw"][0] > 5 * found.energy.mae.value
    findings = findings_of(found)
    assert findings["forces"].status == "not assessed"
    assert findings["force error at rest"].status == "ok"
    assert "softening" not in findings


def test_no_finding_of_lifepo4_that_rests_on_its_labels_is_a_fail(chgnet, data_dir):
    (frames,) = load_frame_sets(data_dir / "vasp" / "LiFePO4_relax_pymatgen")
    frames, found = evaluated(chgnet, frames)
    row = compare_frames(chgnet, frames, found, energy_resolution=0.1)
    assert (row.frames, row.runs) == (29, 1)
    assert row.forces.largest_share == pytest.approx(0.93, abs=5e-3)
    assert row.forces.largest_frame == "LiFePO4_relax_pymatgen[1]"
    (doubt,) = row.doubts
    assert doubt.kind == "level of theory"
    assert doubt.text == "the reference is HSE06, the model PBE"
    # without +U there is no correction to compare in, and one run does not determine constants
    assert "Invalid U value of 0.0 on Fe" in row.energy.why
    findings = findings_of(row)
    assert {f.status for f in findings.values()} <= {"ok", "caution", "not assessed"}
    assert all(f.doubts == (doubt,) for f in findings.values())
    assert findings["energy"].status == "not assessed"
    # the one frame decides nothing: without it the verdict is the same
    assert "median of 8 frames" in findings["forces"].value
    without = dataclasses.replace(frames, frames=frames.frames[:1] + frames.frames[2:])
    rest = compare_frames(chgnet, without, found[:1] + found[2:])
    assert rest.forces.s_lo.value == pytest.approx(0.423, abs=5e-4)
    for quantity in ("forces", "softening"):
        assert findings_of(rest)[quantity].status == findings[quantity].status
    assert row.rescaling.refused == (doubt.text,)
    run = RunRecord("", describe(chgnet), {}, {}, checks={"parity": (row,)})
    assert not [a for a in conclude(run).advice if "rescale" in a.kind]


def test_chgnet_where_it_was_trained(chgnet, data_dir):
    (frames,) = load_frame_sets("mptrj-random-1k")
    frames, found = evaluated(chgnet, frames.sample(60, seed=0))
    usual = compare_frames(chgnet, frames, found)
    assert (usual.distribution, usual.frames) == ("in", 60)
    assert (usual.energy.convention, usual.energy.frames) == ("mp2020", 60)
    assert usual.energy.mae.value < 0.06
    assert usual.energy.alternatives["raw"][0] > 0.2
    assert usual.doubts == ()
    assert findings_of(usual)["energy"].tested_on == "public data"
    raw = compare_frames(chgnet, frames, found, energies="raw")
    assert raw.energy.mae.value > 0.2
    assert raw.energy.alternatives == usual.energy.alternatives
    assert "raw seems the wrong convention" in raw.doubts[0].text
    assert findings_of(raw)["energy"].status == "not assessed"


@pytest.mark.slow
def test_no_element_of_mptrj_fails_by_chance(chgnet, data_dir):
    """Of 85 elements many are 30 % off in a draw, each in a few frames."""
    (frames,) = load_frame_sets("mptrj-random-1k")
    frames = frames.sample(500, seed=0)  # all thousand take minutes, and say the same
    pairs = list(zip(frames.frames, evaluated(chgnet, frames)[1], strict=True))
    off, statuses = 0, []
    for seed in range(20):
        drawn = [pairs[k] for k in np.random.default_rng(seed).choice(500, 300, replace=False)]
        forces = compare_forces(reduced(*map(list, zip(*drawn, strict=True))))
        off += sum(abs(g.s_lo.value - 1) > 0.3 for g in forces.by_element if g.s_lo)
        row = Parity("drawn", forces=forces)
        statuses.append(findings_of(row)["softening of one element"].status)
    assert off > 100
    assert "fail" not in statuses
    assert statuses.count("ok") >= 18


def test_chgnet_where_it_was_not_trained(chgnet, data_dir):
    """Its error is its own and grows with pressure, and a factor would not correct it."""
    (frames,) = load_frame_sets("random-TP")
    frames, found = evaluated(chgnet, frames.sample(100, seed=0))
    out = compare_frames(chgnet, frames, found)
    assert out.distribution == "out"
    assert out.doubts == ()
    assert out.energy.convention == "mp2020"
    assert out.energy.bias == pytest.approx(-out.energy.mae.value, rel=0.1)
    pressures = {f.name: -f.stress[:3].mean() for f in frames.frames}
    dense = np.argsort([pressures[name] for name in out.energy.names])
    sixth = len(dense) // 6
    assert np.mean(out.energy.errors[dense[-sixth:]]) < -1.5
    assert np.mean(out.energy.errors[dense[:-sixth]]) > -0.6
    findings = findings_of(out)
    assert findings["energy"].status == "fail"
    assert "convention" not in findings["energy"].value
    assert {findings[q].status for q in ("forces", "pressure", "deviatoric stress")} <= {
        "caution",
        "fail",
    }
    assert findings["softening"].status == "not assessed"
    assert out.forces.error_type == "uncorrelated"
    assert not out.rescaling.accepted


def test_a_trajectory_of_chgnet_is_its_own(chgnet, data_dir, tmp_path):
    """Written by ASE with the package's own calculator, and read again through ours."""
    from chgnet.model.dynamics import CHGNetCalculator

    images = []
    with tolerated():
        theirs = CHGNetCalculator(use_device="cpu", verbose=False)
        for k in range(4):
            atoms = bulk("NaCl", "rocksalt", a=5.6, cubic=True)
            atoms.rattle(0.05, seed=k)
            atoms.calc = theirs
            energy, forces = atoms.get_potential_energy(), atoms.get_forces()
            atoms.calc = SinglePointCalculator(atoms, energy=float(energy), forces=forces)
            images.append(atoms)
    ase.io.write(tmp_path / "md.xyz", images)
    found = parity(chgnet, tmp_path / "md.xyz", energy_resolution=0.1)
    assert [d.text for d in found.doubts] == ["these labels are this model's own"]
    assert {f.status for f in findings_of(found).values()} == {"not assessed"}
