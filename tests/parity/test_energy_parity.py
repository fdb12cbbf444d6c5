"""Energies against energies: offsets, conventions, which one is wrong, and what is left out."""

from __future__ import annotations

import sys
from collections import Counter

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import Calculator, CalculatorSetupError, InputError
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from reduced_frames import compare_frames, reduced

from mlipcheck.analysis.statistics import fit_offsets
from mlipcheck.calculators.base import CalculatorInfo, Evaluation
from mlipcheck.checks.parity import pieces as reduction
from mlipcheck.checks.parity.compare import parity
from mlipcheck.checks.parity.energies import find_conventions
from mlipcheck.references.frame_sets import FrameSet
from mlipcheck.references.labels import LabelledFrame
from mlipcheck.references.vasp_settings import Settings
from mlipcheck.verdict import judge

OFFSETS = {"Na": 1.5, "Cl": -0.7, "O": 3.1, "Fe": -20.0}  # eV an atom
FORMULAS = ["NaCl", "Na2O", "Fe2O3", "FeCl2", "FeO", "NaFeO2", "FeCl3", "Na2FeO4", "NaClO3"]
SHIFTS = {"O": -0.687, "Fe": -2.256}  # what the planted scheme corrects


def shift(atoms, applied_u=None):
    """Stand in for the Materials Project's corrections."""
    if "F" in atoms.symbols:
        raise InputError("no correction for fluorides today")
    return sum(SHIFTS.get(symbol, 0.0) for symbol in atoms.symbols)


def summed(constants, atoms):
    return sum(constants.get(symbol, 0.0) for symbol in atoms.symbols)


def structures(formulas):
    """Return crystals: in vacuum a dimer only sets a zero of energy."""
    found = [Atoms(f, cell=4 * np.eye(3), pbc=True) for f in formulas]
    for atoms in found:
        atoms.positions = 0.3 * np.arange(len(atoms))[:, None]
    return found


def labelled(energies, formulas=tuple(FORMULAS), convention="raw", runs=None, **options):
    frames = tuple(
        LabelledFrame(f"{formula} {k}", atoms, float(energy), None, None, (runs or range(99))[k])
        for k, (formula, atoms, energy) in enumerate(
            zip(formulas, structures(formulas), energies, strict=True)
        )
    )
    return FrameSet("planted", "here", frames, energy_convention=convention, **options)


def evaluated(labels, model):
    return labels, [Evaluation(energy=float(e)) for e in model]


def compare(labels, model, checkpoint=None, asked=None):
    """Compare as `parity` does, for a checkpoint that predicts what is said."""
    calculator = Calculator()
    calculator.mlipcheck_info = CalculatorInfo("planted", energy_convention=checkpoint)
    return compare_frames(calculator, *evaluated(labels, model), energies=asked)


@pytest.fixture
def planted(monkeypatch):
    """Energies of one truth as DFT prints them and as corrected; any pymatgen is left out."""
    monkeypatch.setattr(reduction, "correction", shift)
    images = structures(FORMULAS)
    raw = np.array([-5.0 * len(a) - k for k, a in enumerate(images)])
    return raw, raw + [shift(a) for a in images]


# --- constants of elements ----------------------------------------------------------------------


def planted_offsets(formulas):
    counts = [Counter(a.get_chemical_symbols()) for a in structures(formulas)]
    exact = [sum(OFFSETS[x] * n for x, n in c.items()) / c.total() for c in counts]
    return counts, np.array(exact)


def test_offsets_are_taken_off_exactly():
    errors, offsets = fit_offsets(*planted_offsets(FORMULAS))
    assert errors == pytest.approx(np.zeros(len(FORMULAS)), abs=1e-10)
    assert offsets == pytest.approx(OFFSETS)


def test_offsets_that_are_not_fixed_are_of_no_matter():
    """Na and Cl only in NaCl: their sum is fixed, and enough."""
    errors, offsets = fit_offsets(*planted_offsets(["NaCl", "Na2Cl2", "NaClO", "NaClO2", "O2"]))
    assert errors == pytest.approx(np.zeros(5), abs=1e-10)
    assert offsets["Na"] + offsets["Cl"] == pytest.approx(0.8)


def test_an_outlier_keeps_its_whole_error():
    counts, difference = planted_offsets(FORMULAS)
    difference[3] += 0.4
    errors, _ = fit_offsets(counts, difference)
    assert errors[3] == pytest.approx(0.4, abs=1e-10)


def test_each_frame_is_judged_by_the_others_alone():
    counts, difference = planted_offsets(FORMULAS)
    difference += np.random.default_rng(1).normal(0, 0.1, len(difference))
    errors, _ = fit_offsets(counts, difference)
    design = np.array([[c[x] / c.total() for x in OFFSETS] for c in counts])
    for k, error in enumerate(errors):
        others = np.delete(np.arange(len(counts)), k)
        constants = np.linalg.lstsq(design[others], difference[others], rcond=None)[0]
        assert error == pytest.approx(difference[k] - design[k] @ constants, abs=1e-10)


def test_an_element_of_one_frame_alone_is_left_out():
    errors, _ = fit_offsets(*planted_offsets(["NaCl", "Na2Cl", "NaCl3", "NaClFe"]))
    assert errors[:3] == pytest.approx(np.zeros(3), abs=1e-10)
    assert np.isnan(errors[3])
    labels = labelled([-1.0, -2.0, -3.0, -9.0], ["NaCl", "Na2Cl", "NaCl3", "NaClFe"])
    found = compare(labels, [-1.0, -2.0, -3.0, -99.0]).energy
    assert (found.convention, found.frames, found.mae.value) == ("fit-offsets", 3, pytest.approx(0))
    assert found.left_out == (
        ("NaClFe 3", "the other frames do not determine its elements' constants"),
    )


# --- conventions --------------------------------------------------------------------------------


def test_errors_and_their_sums():
    formulas = ["NaCl", "Na2O", "FeO"]
    labels = labelled([-8.0, -12.0, -11.0], formulas)
    found = compare(labels, [-7.8, -12.3, -11.6], "raw").energy
    errors = np.array([0.1, -0.1, -0.3])
    assert found.names == ("NaCl 0", "Na2O 1", "FeO 2")
    assert found.errors == pytest.approx(errors)
    assert found.mae.value == pytest.approx(0.5 / 3)
    assert found.bias == pytest.approx(-0.1)
    assert found.mae.low < found.mae.value < found.mae.high
    of_one_run = labelled([-8.0, -12.0, -11.0], formulas, runs=["a"] * 3)
    assert compare(of_one_run, [-7.8, -12.3, -11.6], "raw").energy.mae.low is None


@pytest.mark.parametrize("labels_are", ["raw", "mp2020"])
@pytest.mark.parametrize("model_is", ["raw", "mp2020"])
def test_each_convention_is_brought_to_the_other(planted, labels_are, model_is):
    energies = dict(zip(("raw", "mp2020"), planted, strict=True))
    labels = labelled(energies[labels_are], convention=labels_are)
    found = compare(labels, energies[model_is], model_is).energy
    assert (found.convention, found.frames) == (model_is, len(FORMULAS))
    assert found.why == "what the checkpoint predicts"
    assert found.errors == pytest.approx(np.zeros(len(FORMULAS)), abs=1e-12)


@pytest.mark.parametrize("labels_are", ["raw", "mp2020"])
@pytest.mark.parametrize(("model_is", "asked"), [("raw", "mp2020"), ("mp2020", "raw")])
def test_the_wrong_convention_is_named(planted, labels_are, model_is, asked):
    energies = dict(zip(("raw", "mp2020"), planted, strict=True))
    labels = labelled(energies[labels_are], convention=labels_are)
    # another machine's numbers: to the digit they would be this model's own labels
    model = energies[model_is] + np.random.default_rng(0).normal(0, 1e-3, len(FORMULAS))
    row = compare(labels, model, model_is, asked)
    found, doubt = row.energy, row.doubts[0]
    mae = np.mean([abs(shift(a)) / len(a) for a in structures(FORMULAS)])
    assert (found.convention, found.why) == (asked, "as asked")
    assert found.mae.value == pytest.approx(mae, abs=1e-3)
    assert found.alternatives[model_is] == (pytest.approx(0, abs=1e-3), len(FORMULAS))
    assert doubt.kind == "zero of energy"
    assert doubt.text.startswith(f"{asked} seems the wrong convention: 70")
    assert doubt.text.endswith(f" by --energies {model_is}")
    (energy,) = findings(row, "energy")
    assert (energy.status, energy.doubts) == ("not assessed", (doubt,))


def test_a_frame_without_a_correction_is_left_out_and_says_why(planted):
    formulas = ["NaCl", "Na2O", "NaF"]
    found = compare(labelled([-8, -12.0, -9], formulas), [-8, -12.687, -9], "mp2020")
    assert found.energy.errors == pytest.approx([0, 0], abs=1e-12)
    assert found.energy.left_out == (("NaF 2", "no correction for fluorides today"),)


def test_corrections_get_the_u_of_the_users_runs_and_else_the_schemes(monkeypatch):
    seen = []
    monkeypatch.setattr(reduction, "correction", lambda atoms, u: seen.append(u) or 0.0)
    given = {"Fe": 4.0, "O": 0.0}
    for settings in (None, Settings(hubbard_u=None), Settings(hubbard_u=given), Settings()):
        compare(labelled([-1.0], ["FeO"], settings=settings), [-1.0], "mp2020")
    assert seen == [None, None, given, None]


@pytest.mark.usefixtures("pymatgen")
def test_several_compositions_of_which_some_have_another_u():
    formulas = ["NaCl", "FeO", "Na2O"]
    labels = labelled([-8, -11, -12.0], formulas, settings=Settings(hubbard_u={"Fe": 4.0}))
    for frame in labels.frames:
        frame.atoms.positions = 2.1 * np.eye(3)[: len(frame.atoms)]
    found = compare(labels, [-8 - 0.614, -11, -12.0 - 0.687], "mp2020").energy
    assert found.errors == pytest.approx([0, 0], abs=1e-9)
    ((name, why),) = found.left_out
    assert (name, "Invalid U value of 4.0 on Fe" in why) == ("FeO 1", True)


# --- without pymatgen ---------------------------------------------------------------------------


@pytest.fixture
def _no_pymatgen(monkeypatch):
    monkeypatch.setitem(sys.modules, "pymatgen", None)
    monkeypatch.setitem(sys.modules, "pymatgen.core", None)


def offset_energies():
    images = structures(FORMULAS)
    labels = labelled([-5.0 * len(a) for a in images])
    return labels, [-5.0 * len(a) + summed(OFFSETS, a) for a in images]


@pytest.mark.usefixtures("_no_pymatgen")
def test_offsets_are_fitted_where_pymatgen_is_missing():
    labels, model = offset_energies()
    found = compare(labels, model, "mp2020").energy
    assert found.convention == "fit-offsets"
    assert "need pymatgen, which is not installed" in found.why
    assert found.mae.value == pytest.approx(0, abs=1e-10)
    assert set(found.alternatives) == {"raw", "fit-offsets"}


@pytest.mark.usefixtures("_no_pymatgen")
def test_what_was_asked_for_is_not_replaced():
    found = compare(labelled([-1, -2.0], ["NaCl", "NaCl"]), [-1, -2.0], "mp2020", "mp2020")
    assert found.energy is found.ranking is None
    assert "pymatgen" in found.not_assessed["energy"]
    assert "pymatgen" in found.not_assessed["ranking"]


def test_setup_errors_are_reasons(monkeypatch):
    def refuse(atoms, u):
        raise CalculatorSetupError("no scheme here")

    monkeypatch.setattr(reduction, "correction", refuse)
    labels = labelled([-1.0], ["NaCl"])
    frames = reduced(labels.frames, [Evaluation(energy=-1.0)], corrected=True)
    conventions = find_conventions(labels, frames)
    assert conventions.reason("mp2020", 0) == "no scheme here"
    assert conventions.compare("mp2020", "") is None


# --- zeros of energy ----------------------------------------------------------------------------


def findings(row, quantity):
    return [f for f in judge({"parity": [row]}) if f.quantity == quantity]


def doubts(labels, model, *how):
    return [d.text for d in compare(labels, model, *how).doubts]


def relaxation_run(offset):
    """Return 20 frames of one run, falling, and a model that is off by a constant an atom."""
    energies = -60.0 + np.exp(-np.arange(20.0))
    labels = labelled(energies, ["Na4Cl4"] * 20, runs=["run"] * 20)
    noise = np.random.default_rng(1).normal(0, 0.002, 20)
    return labels, energies + 8 * (offset + noise)


def test_a_constant_error_of_one_run_is_the_models_own():
    row = compare(*relaxation_run(0.1), "raw")
    assert row.doubts == ()
    assert row.energy.bias == pytest.approx(0.1, abs=0.01)
    assert [f.status for f in findings(row, "energy")] == ["caution"]


@pytest.mark.parametrize("offset", [3.0, -30.0, 1030.0])
def test_another_zero_of_energy_is_doubted(offset):
    row = compare(*relaxation_run(offset), "raw")
    assert [d.text for d in row.doubts] == [
        f"its zero of energy seems to be {offset:.3g} eV/atom off"
    ]
    assert [f.status for f in findings(row, "energy")] == ["not assessed"]
    # one constant cancels in what is ranked
    ranking = compare_frames(Calculator(), *evaluated(*relaxation_run(offset)), None, 0.1)
    assert [f.status for f in findings(ranking, "ranking accuracy")] == ["ok"]


def test_one_composition_and_run_does_not_determine_its_own_constant():
    labels, model = relaxation_run(3.0)
    row = compare(labels, model)
    assert (row.energy.convention, row.doubts) == ("fit-offsets", ())
    assert row.energy.mae.value < 0.01  # of differences, which is shown and not judged
    (finding,) = findings(row, "energy")
    assert finding.status == "not assessed"
    assert finding.value == "one composition does not fix the zero of energy"
    (ranking,) = findings(row, "ranking accuracy")  # which is what can be asked of it
    assert ranking.status == "not assessed"
    assert ranking.value.endswith("say which difference matters: --energy-resolution")


def test_elements_without_their_compounds_do_not_determine_each_other_s_constants():
    formulas = [x for x in ("Cu4", "Al4", "Ni4") for _ in range(6)]
    labels = labelled(np.arange(18.0), formulas, runs=range(18))
    (finding,) = findings(compare(labels, np.arange(18.0) + 1), "energy")
    assert finding.status == "not assessed"
    assert finding.value == "the zero of energy of no composition follows from the others"


@pytest.mark.parametrize("elements", ["Na Cl", "Na Cl O", "Na Cl O Fe S Mg"])
def test_an_error_of_each_composition_is_never_ok(elements):
    """Six compositions of eight frames; constants of elements must not be fitted to the error."""
    names = elements.split()
    pairs = [(a, b, n) for n in range(1, 7) for a in names for b in names if a < b]
    formulas = [f"{a}{n}{b}" for a, b, n in pairs[:: max(1, len(pairs) // 6)]][:6]
    rng = np.random.default_rng(0)
    planted = np.repeat(0.32 * np.array([1, -1, 1, -1, 1, -1]), 8)
    formulas = [f for f in formulas for _ in range(8)]
    sizes = np.array([len(a) for a in structures(formulas)])
    energies = sizes * (-5 + rng.normal(0, 0.1, 48))
    model = energies + sizes * (planted + rng.normal(0, 1e-3, 48))
    labels = labelled(energies, formulas)
    for checkpoint in (None, "raw"):
        row = compare(labels, model, checkpoint)
        (finding,) = findings(row, "energy")
        assert finding.status in ("caution", "fail", "not assessed")
        assert row.doubts == ()
        if row.energy.relative == "":
            assert row.energy.mae.value > 0.1


def test_constants_of_elements_are_doubted_where_many_compositions_have_them():
    small = {"Na": 0.2, "Cl": -0.2, "O": 0.15, "Fe": -0.3}
    images = structures(FORMULAS)
    energies = np.array([-5.0 * len(a) for a in images])
    model = energies + [summed(small, a) for a in images]
    assert "fit-offsets" in doubts(labelled(energies), model, "raw")[0]
    few = slice(0, 6)  # four elements: three compositions more are needed
    assert doubts(labelled(energies[few], FORMULAS[few]), model[few], "raw") == []
    # too small to wonder at
    assert doubts(labelled(energies), energies + (model - energies) / 50, "raw") == []


def test_constants_of_several_ev_are_a_convention_only_where_they_explain_all():
    images = structures(FORMULAS)
    sizes = np.array([len(a) for a in images])
    energies = -5.0 * sizes
    exact = energies + [summed(OFFSETS, a) for a in images]
    assert len(doubts(labelled(energies), exact, "raw")) == 1
    noise = np.random.default_rng(3).normal(0, 1.0, len(images))
    row = compare(labelled(energies), exact + noise * sizes, "raw")
    before, after = row.energy.alternatives["raw"][0], row.energy.alternatives["fit-offsets"][0]
    assert 0.05 < after / before < 0.5
    assert row.doubts == ()
    assert [f.status for f in findings(row, "energy")] == ["fail"]


def test_an_ordinary_error_is_not_doubted(planted):
    raw, _ = planted
    errors = np.random.default_rng(2).normal(0, 0.03, len(raw))
    model = raw + errors * [len(a) for a in structures(FORMULAS)]
    assert doubts(labelled(raw), model, "raw") == []


def shifted(turn):
    """Return frames of three compositions, EMT's energies 2.7 eV/atom lower, with other forces."""
    images = []
    for k, symbol in enumerate(("Cu", "Ag", "Au")):
        atoms = bulk(symbol, cubic=True)
        atoms.rattle(0.1, seed=k)
        atoms.calc = EMT()
        energy = atoms.get_potential_energy() - 2.7 * len(atoms)
        atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=turn(atoms.get_forces()))
        images.append(atoms)
    return images


def test_a_large_error_of_one_sign_is_another_zero_of_energy_where_forces_follow():
    found = parity(EMT(), shifted(lambda f: 1.001 * f), energies="raw")
    assert [d.kind for d in found.doubts] == ["zero of energy"]
    assert "2.7 eV/atom off" in found.doubts[0].text


def test_it_is_the_model_s_own_where_forces_do_not_follow():
    found = parity(EMT(), shifted(lambda f: f[:, [1, 2, 0]]), energies="raw")
    assert found.doubts == ()
    (energy,) = [f for f in judge({"parity": [found]}) if f.quantity == "energy"]
    assert energy.status == "fail"


# --- frames of another zero of energy -----------------------------------------------------------


def cells(n=10):
    """Return rattled crystals with labels near EMT's: within 1 meV/atom and 2 % of the forces."""
    rng = np.random.default_rng(0)
    images = []
    for k in range(n):
        atoms = bulk(("Cu", "Ag", "Au")[k % 3], cubic=True)
        atoms.rattle(0.1, seed=k)
        atoms.info["internal_id"] = k
        atoms.calc = EMT()
        labels = atoms.get_potential_energy() + 4 * rng.normal(0, 1e-3), 1.02 * atoms.get_forces()
        atoms.calc = SinglePointCalculator(atoms, energy=labels[0], forces=labels[1])
        images.append(atoms)
    return images


@pytest.mark.slow
@pytest.mark.parametrize("convention", ["raw", "fit-offsets"])
@pytest.mark.parametrize("off", [70.0, -8.0])
def test_one_frame_of_another_zero_is_left_out_of_the_energies_alone(convention, off):
    images = cells()
    sound = parity(EMT(), cells(), energies=convention)
    images[4].calc.results["energy"] -= 4 * off
    found = parity(EMT(), images, energies=convention, energy_resolution=0.1)
    ((name, why),) = found.energy.left_out
    assert name == "frames[4]"
    assert float(why.split()[4]) == pytest.approx(off, abs=0.05)
    assert found.energy.mae.value == pytest.approx(sound.energy.mae.value, rel=0.5)
    assert found.forces.frames == 10
    assert found.doubts == ()
    assert {f.status for f in judge({"parity": [found]})} == {"ok", "not assessed"}


@pytest.mark.parametrize("convention", ["raw", "fit-offsets"])
def test_a_hole_of_the_model_is_no_zero_of_energy(convention):
    """Where its forces are astray too, a large error is the model's own."""
    images = cells()
    images[4].calc.results["energy"] -= 4 * 70.0
    images[4].calc.results["forces"] = images[4].calc.results["forces"][:, [1, 2, 0]] * 5
    found = parity(EMT(), images, energies=convention)
    assert found.energy.left_out == ()
    assert found.energy.mae.value > 5


def test_all_frames_of_one_composition_may_have_another_zero():
    images = cells()
    for atoms in images[1::3]:
        atoms.calc.results["energy"] -= 4 * 30.0
    found = parity(EMT(), images, energies="raw")
    assert [name for name, _ in found.energy.left_out] == [f"frames[{k}]" for k in (1, 4, 7)]
    assert found.energy.mae.value < 0.01


@pytest.mark.parametrize("n", [1, 2, 3])
def test_where_every_frame_is_off_no_energy_is_judged(n):
    images = cells(n)
    for atoms in images:
        atoms.calc.results["energy"] -= 4 * 70.0
    found = parity(EMT(), images, energies="raw")
    assert [d.kind for d in found.doubts] == ["zero of energy"]
    statuses = {f.quantity: f.status for f in judge({"parity": [found]})}
    assert statuses["energy"] == "not assessed"


def test_conventions_are_compared_on_the_same_frames(planted):
    """One frame has no correction, and by far the largest error."""
    raw, _ = planted
    formulas = [*FORMULAS, "NaF"]
    model = np.append(raw + 0.01 * np.arange(len(raw)), -3.0)
    found = compare(labelled([*raw, -1.0], formulas), model, asked="raw")
    labels = labelled([*raw, -1.0], formulas)
    found = [Evaluation(energy=x) for x in model]
    conventions = find_conventions(labels, reduced(labels.frames, found, corrected=True))
    found = conventions.compare("raw", "as asked")
    assert found.frames == len(formulas)
    counts = {n for _, n in found.alternatives.values()}
    assert counts == {len(FORMULAS)}
    kept = np.abs(found.errors[:-1]).mean()
    assert found.alternatives["raw"][0] == pytest.approx(kept)
    assert found.mae.value > 5 * kept
