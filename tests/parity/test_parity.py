"""Parity from end to end: planted factors come out, and what cannot be judged says why."""

from __future__ import annotations

import dataclasses

import ase.io
import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.calculator import InputError
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.stress import voigt_6_to_full_3x3_stress
from faulty import Failing, Faulty, ScaledForces
from same import assert_same, there_and_back

from mlipcheck.calculators.base import CalculatorInfo
from mlipcheck.checks.parity.compare import parity
from mlipcheck.checks.parity.criteria import FORCE_QUESTIONS
from mlipcheck.checks.parity.forces import FLOOR
from mlipcheck.record import RunRecord
from mlipcheck.references.frame_sets import frames_from_atoms
from mlipcheck.storage import dumps
from mlipcheck.uses import answer_uses
from mlipcheck.verdict import conclude, judge

OFFSETS = {"Cu": 2.0, "Ni": -1.5}  # eV an atom


def crystals():
    """Return twelve rattled crystals of Cu and Ni, of four compositions, under pressure."""
    found = []
    for k in range(12):
        atoms = bulk("Cu", a=3.55, cubic=True)
        atoms.symbols[: k % 4] = "Ni"
        atoms.rattle(0.1, seed=k)
        atoms.info["internal_id"] = f"draw {k}"
        found.append(atoms)
    return found


def labelled(images=None, *, keep=("energy", "forces", "stress"), forces=1.0, stress=1.0, **info):
    """Label structures with EMT's energies, plus constants, and so many times its forces."""
    found = []
    for atoms in crystals() if images is None else images:
        atoms = atoms.copy()
        atoms.info.update(info)
        atoms.calc = EMT()
        results = {
            "energy": atoms.get_potential_energy() - sum(OFFSETS.get(x, 0) for x in atoms.symbols),
            "forces": forces * atoms.get_forces(),
            "stress": stress * atoms.get_stress(),
        }
        atoms.calc = SinglePointCalculator(atoms, **{name: results[name] for name in keep})
        found.append(atoms)
    return found


class Only(Faulty):
    """Gives nothing but these properties."""

    def __init__(self, base, *properties):
        super().__init__(base)
        self.implemented_properties = list(properties)

    def spoil(self, atoms):
        self.results = {name: self.results[name] for name in self.implemented_properties}


def noisy(images, energy=1e-3, force=2e-3, seed=0):
    """Return labels that another converged calculation would have."""
    rng = np.random.default_rng(seed)
    for atoms in images:
        results = atoms.calc.results
        results["energy"] += len(atoms) * rng.normal(0, energy)
        if "forces" in results:
            results["forces"] = results["forces"] + rng.normal(0, force, (len(atoms), 3))
    return images


def von_mises(stresses):
    """Return von Mises' stress of each (n, 6), from its tensor."""
    found = []
    for s in stresses:
        tensor = voigt_6_to_full_3x3_stress(s)
        deviator = tensor - np.trace(tensor) / 3 * np.eye(3)
        found.append(np.sqrt(1.5 * np.sum(deviator**2)))
    return found


# --- planted factors ----------------------------------------------------------------------------


@pytest.mark.slow
def test_planted_factors_come_out():
    found = parity(EMT(), labelled(forces=1 / 0.7, stress=1 / 0.9), energy_resolution=0.1)
    assert (found.frames, found.runs, found.error) == (12, 12, None)
    assert found.failures == found.unlabelled == ()
    assert found.not_assessed == {}
    assert found.doubts == ()
    assert found.energy.convention == "fit-offsets"
    assert found.energy.errors == pytest.approx(np.zeros(12), abs=1e-10)
    assert found.energy.offsets == pytest.approx(OFFSETS)
    assert found.forces.s_lo.value == pytest.approx(0.7)
    assert found.forces.s_hi.value == pytest.approx(0.7)
    assert found.forces.slope.word == "soft"
    assert found.rescaling.factor == pytest.approx(1 / 0.7)
    assert found.rescaling.accepted
    assert found.rescaling.rescaled_mae == pytest.approx(0, abs=1e-12)
    stresses = [EMT().get_property("stress", atoms) for atoms in crystals()]
    assert found.stress.frames == 12
    factor = 1 / 0.9 - 1
    means = np.mean([abs(s[:3].mean()) for s in stresses])
    assert found.stress.pressure.value == pytest.approx(factor * means)
    assert found.stress.deviatoric.value == pytest.approx(factor * np.mean(von_mises(stresses)))
    assert found.ranking.sigma.value == pytest.approx(0, abs=1e-10)
    assert (found.ranking.pairs, found.ranking.chance) == (4 * 3, 1)


@pytest.mark.slow
def test_raw_energies_keep_their_constants():
    found = parity(EMT(), labelled(), energies="raw").energy
    mean = [np.mean([OFFSETS[x] for x in atoms.symbols]) for atoms in crystals()]
    assert found.errors == pytest.approx(mean)
    assert found.mae.value == pytest.approx(np.abs(mean).mean())
    assert found.alternatives["fit-offsets"] == (pytest.approx(0, abs=1e-10), 12)


@pytest.mark.slow
def test_an_error_of_one_frame_is_in_its_own_row():
    images = labelled()
    images[5].calc.results["energy"] -= 4 * 0.3
    found = parity(EMT(), images)
    assert found.energy.names[5] == "frames[5]"
    assert found.energy.errors[5] == pytest.approx(0.3)
    off = 4 * 0.3  # total, and in two of the twelve pairs
    assert found.ranking.sigma.value == pytest.approx(np.sqrt(2 * off**2 / 12))


@pytest.mark.slow
def test_a_model_on_its_own_labels_is_not_judged(tmp_path):
    """As its own trajectory has them, also in a file with few digits."""
    images = [atoms.copy() for atoms in crystals()]
    for atoms in images:
        atoms.calc = EMT()
        labels = {name: atoms.calc.get_property(name, atoms) for name in ("energy", "forces")}
        atoms.calc = SinglePointCalculator(atoms, energy=labels["energy"], forces=labels["forces"])
    ase.io.write(tmp_path / "own.xyz", images, format="extxyz")
    rounded = [atoms.copy() for atoms in images]
    for atoms, one in zip(images, rounded, strict=True):
        energy, forces = np.round(atoms.calc.results["energy"], 4), atoms.calc.results["forces"]
        one.calc = SinglePointCalculator(one, energy=energy, forces=np.round(forces, 3))
    for given in (images, rounded, tmp_path / "own.xyz"):
        found = parity(EMT(), given, energy_resolution=0.1)
        assert [(d.kind, d.text) for d in found.doubts] == [
            ("own labels", "these labels are this model's own")
        ]
        assert found.rescaling.refused == ("these labels are this model's own",)
        findings = judge({"parity": [found]})
        assert {f.status for f in findings} == {"not assessed"}
        uses = answer_uses(findings)
        assert {a.answer for a in uses} == {"not tested"}
    # one frame that somebody else has written, and they are not
    rounded[7].calc.results["forces"] = rounded[7].calc.results["forces"] + 2e-3
    assert parity(EMT(), rounded).doubts == ()


def dynamics(n=12):
    """Return frames of one crystal, as a run of the model itself has them."""
    images = []
    for k in range(n):
        atoms = bulk("Cu", cubic=True)
        atoms.rattle(0.1, seed=k)
        images.append(atoms)
    return images


@pytest.mark.parametrize("keep", [("energy",), ("energy", "forces"), ("forces",)])
@pytest.mark.parametrize("shift", [0.0, 31.7])
def test_a_run_of_the_model_is_its_own_also_with_another_zero(keep, shift):
    images = labelled(dynamics(), keep=keep)
    for atoms in images:
        if "energy" in keep:
            atoms.calc.results["energy"] += 8.0 + shift  # OFFSETS taken back
    found = parity(EMT(), images, energies="raw", energy_resolution=0.1)
    assert [d.kind for d in found.doubts] == ["own labels"]
    assert {f.status for f in judge({"parity": [found]})} == {"not assessed"}


@pytest.mark.parametrize(("energy", "force"), [(5e-4, 0.0), (0.0, 2e-3), (5e-4, 2e-3)])
def test_a_run_of_another_calculation_is_not(energy, force):
    keep = ("energy", "forces") if force else ("energy",)
    found = parity(EMT(), noisy(labelled(dynamics(), keep=keep), energy, force))
    assert found.doubts == ()


@pytest.mark.slow
def test_an_independent_perfect_model_gets_nothing_worse_than_ok():
    """Labels as a converged calculation has them: within 1 meV an atom and 2 meV/Å of the truth."""
    found = judge({"parity": [parity(EMT(), noisy(labelled()), energy_resolution=0.3)]})
    assert {f.quantity for f in found} >= {"energy", "forces", "softening", "ranking accuracy"}
    assert {f.status for f in found} == {"ok"}
    assert all(f.doubts == () for f in found)
    assert {f.tested_on for f in found} == {"your structures"}


@pytest.mark.slow
def test_a_file_says_the_same_as_its_atoms(tmp_path):
    images = labelled(forces=1.2)
    ase.io.write(tmp_path / "mine.xyz", images, format="extxyz")
    from_file, from_atoms = parity(EMT(), tmp_path / "mine.xyz"), parity(EMT(), images)
    assert from_file.name == "mine"
    assert from_file.energy.errors == pytest.approx(from_atoms.energy.errors, abs=1e-6)
    assert from_file.forces.s_lo.value == pytest.approx(from_atoms.forces.s_lo.value, abs=1e-6)
    assert from_file.forces.s_lo.low == pytest.approx(from_atoms.forces.s_lo.low, abs=1e-6)


@pytest.mark.slow
def test_frames_stay_as_they_are_and_progress_is_reported():
    images, finished = labelled(), []
    before = [atoms.positions.copy() for atoms in images]
    parity(EMT(), images, progress=finished.append)
    assert sum(finished) == 12
    assert all(isinstance(atoms.calc, SinglePointCalculator) for atoms in images)
    np.testing.assert_array_equal(before, [atoms.positions for atoms in images])


@pytest.mark.slow
def test_the_record_survives_its_file():
    images = [*labelled(forces=1 / 0.7), bulk("Cu")]
    found = parity(EMT(), images, energy_resolution=0.2)
    again = there_and_back(found)
    assert_same(again, found)
    assert dumps(again) == dumps(found)
    broken = parity(EMT(), frames_from_atoms([bulk("Cu")]))
    assert_same(there_and_back(broken), broken)


# --- labels that are missing --------------------------------------------------------------------


@pytest.mark.slow
def test_nan_labels_leave_the_others():
    images = labelled(forces=1 / 0.7)
    images[2].calc.results["energy"] = np.nan
    images[4].calc.results["forces"][1, 1] = np.nan
    images[7].calc.results = dict.fromkeys(("energy", "forces"), np.nan)
    found = parity(EMT(), images)
    assert found.frames == 12
    assert found.energy.frames == found.forces.frames == 10
    assert found.stress.frames == 11
    assert [name for name, _ in found.unlabelled] == ["frames[7]"]
    assert "NaN energy" in found.unlabelled[0][1]
    assert found.forces.s_lo.value == pytest.approx(0.7)
    assert {"frames[2]", "frames[7]"}.isdisjoint(found.energy.names)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("keep", "missing"),
    [
        (["energy"], {"forces": "no frame has forces", "stress": "no frame has a stress"}),
        (["forces"], {"energy": "no frame has an energy", "ranking": "no frame has an energy"}),
        (["stress"], {"energy": "no frame has an energy", "forces": "no frame has forces"}),
    ],
)
def test_some_kinds_of_labels_only(keep, missing):
    found = parity(EMT(), labelled(keep=keep))
    assert found.error is None
    for name, why in missing.items():
        assert getattr(found, name) is None
        assert found.not_assessed[name] == why
    for name in keep:
        assert getattr(found, name).frames == 12


@pytest.mark.parametrize("images", [[], bulk("Cu"), [bulk("Cu")] * 3])
def test_no_labels_at_all(images):
    with pytest.raises(InputError, match=r"no labels|no frames"):
        parity(EMT(), images)


def test_a_sample_without_labels():
    frames = frames_from_atoms([*labelled(), bulk("Cu")])
    found = parity(EMT(), dataclasses.replace(frames, frames=frames.frames[-1:]))
    assert found.error == "no labels"
    assert len(found.unlabelled) == 1


@pytest.mark.slow
def test_forces_of_zero_were_not_computed():
    found = parity(EMT(), labelled(forces=0.0))
    assert found.forces is found.rescaling is None
    assert found.not_assessed["forces"] == "no frame has forces"
    assert "forces left out: exactly zero, not computed" in found.notes
    small = parity(EMT(), labelled(forces=1e-5))
    assert f"under {FLOOR:g}" in small.not_assessed["slope"]


def test_one_frame():
    found = parity(EMT(), labelled()[3], energy_resolution=0.1)
    assert (found.frames, found.runs) == (1, 1)
    assert found.energy is None
    assert "do not determine" in found.not_assessed["energy"]
    assert found.not_assessed["ranking"] == "no two states of one composition"
    assert "one run" in found.not_assessed["intervals"]
    assert found.forces.s_lo.low is found.stress.pressure.low is None
    raw = parity(EMT(), labelled()[3], energies="raw")
    values = {f.quantity: f.value for f in judge({"parity": [raw]})}
    assert values["energy"] == "3 energies needed, 1 given"
    assert values["pressure"].endswith("(1 frame)")
    raw = raw.energy
    assert (raw.frames, raw.mae.value) == (1, pytest.approx(abs(-1.5 * 3 + 2.0) / 4))


# --- models that fail, or give little -----------------------------------------------------------


def test_an_element_that_the_model_does_not_know():
    iron = bulk("Fe", cubic=True)
    iron.calc = SinglePointCalculator(iron, energy=-1.0, forces=np.ones((2, 3)))
    found = parity(EMT(), [*labelled(), iron])
    ((name, why),) = found.failures
    assert name == "frames[12]"
    assert "Fe" in why
    assert found.energy.frames == found.forces.frames == 12
    assert found.forces.s_lo.value == pytest.approx(1)
    alone = parity(EMT(), iron)
    assert alone.error.startswith("the model fails on every frame: ")
    assert alone.energy is None


def test_a_model_that_gives_nan():
    found = parity(Failing(EMT(), lambda a: a.symbols[0] == "Ni", "nan"), labelled())
    assert len(found.failures) == 9
    assert found.energy.frames == 3


@pytest.mark.parametrize(
    ("gives", "missing"),
    [(["energy"], ["forces", "slope", "rescaling", "stress"]), (["energy", "forces"], ["stress"])],
)
def test_a_model_without_forces_or_stress(gives, missing):
    found = parity(Only(EMT(), *gives), labelled())
    assert found.energy.frames == 12
    assert {name: found.not_assessed[name] for name in missing} == dict.fromkeys(
        missing, "the model gives none"
    )
    assert set(found.not_assessed) == set(missing)


def test_a_model_whose_forces_are_zero():
    found = parity(ScaledForces(EMT(), 0.0), labelled())
    assert found.forces.slope.word == "uncorrelated"
    assert found.rescaling is None
    assert found.not_assessed == {"rescaling": "all forces of the model are zero"}


@pytest.mark.parametrize(
    ("factor", "unit"),
    [(0.529177 / 27.2114, "Hartree/Bohr"), (0.529177, "eV/Bohr"), (-1.0, "sign were reversed")],
)
def test_no_factor_is_advised_for_labels_in_another_unit(factor, unit):
    found = parity(EMT(), labelled(forces=factor), energy_resolution=0.1)
    (doubt,) = found.doubts
    assert (doubt.kind, doubt.about) == ("sign" if factor < 0 else "unit", ("forces",))
    assert unit in doubt.text
    # in Hartree/Bohr they are below the floor, and nothing is fitted
    if found.rescaling is not None:
        assert found.rescaling.refused == (doubt.text,)
    run = conclude(RunRecord("", CalculatorInfo("ase:emt"), {}, {}, checks={"parity": (found,)}))
    assert [a.kind for a in run.advice] == ["matching reference"]
    of_forces = [f for f in run.findings if f.quantity in FORCE_QUESTIONS]
    assert {f.status for f in of_forces} == {"not assessed"}
    assert all(doubt in f.doubts for f in of_forces)
    # and what does not rest on forces is judged as ever
    (energy,) = [f for f in run.findings if f.quantity == "energy"]
    assert (energy.status, energy.doubts) == ("ok", ())


def test_stress_in_kbar_of_the_other_sign():
    found = parity(EMT(), labelled(forces=1.2, stress=-1602.2))
    (doubt,) = found.doubts
    assert (doubt.kind, doubt.about) == ("unit", ("stresses",))
    assert "kbar with the other sign" in doubt.text
    assert found.rescaling.accepted
    status = {f.quantity: f.status for f in judge({"parity": [found]})}
    assert (status["pressure"], status["deviatoric stress"]) == ("not assessed", "not assessed")
    assert status["softening"] == "caution"


# --- a user's mistakes --------------------------------------------------------------------------


def test_levels_of_theory_are_not_mixed():
    mixed = [*labelled(functional="PBE"), *labelled(functional="SCAN")]
    with pytest.raises(InputError, match=r"2 sets of frames \(.*PBE.*SCAN.*\); compare one"):
        parity(EMT(), mixed)


@pytest.mark.parametrize("energy_resolution", [0.0, -0.1, float("nan"), float("inf")])
def test_an_energy_resolution_is_a_positive_energy(energy_resolution):
    with pytest.raises(InputError, match=f"resolution is {energy_resolution}; give a positive"):
        parity(
            Failing(EMT(), lambda a: pytest.fail("work was done")),
            labelled(),
            energy_resolution=energy_resolution,
        )


def test_an_unknown_convention():
    with pytest.raises(InputError, match="'corrected'; give one of raw, mp2020, fit-offsets"):
        parity(EMT(), labelled(), energies="corrected")
