"""Units and signs of labels: planted ones are named, and a model's own errors are not."""

from __future__ import annotations

import numpy as np
import pytest
from ase import units

from mlipcheck.checks.parity.label_warnings import (
    FACTORS,
    doubt_energies,
    doubt_stresses,
    doubt_unit,
)

HARTREE, BOHR, GPA = 27.211386, 0.529177, 160.21766  # eV, Å, GPa an eV/Å^3


def drawn(n=60, scale=0.5, seed=0):
    return np.random.default_rng(seed).normal(0, scale, n)


def near(truth, factor=0.9, noise=0.1):
    """Return what a decent model says: somewhat soft, somewhat wrong."""
    return factor * truth + drawn(len(truth), noise * np.std(truth), seed=1)


def pressures(gpa, n=12):
    """Return the stresses of n frames under these pressures, with some shear, in eV/Å^3."""
    shear = drawn((n, 6), 0.02 * np.max(np.abs(gpa)), seed=2)
    full = -np.outer(np.broadcast_to(gpa, n), [1, 1, 1, 0, 0, 0]) + shear
    return full.ravel() / GPA


# --- forces and stresses ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("per_label", "says"),
    [
        (HARTREE / BOHR, "51"),
        (HARTREE, "27"),
        (HARTREE / BOHR / 2, "25"),
        (1 / BOHR, "1.9"),
        (1 / 23.0605, "23"),
        (1 / 96.4853, "96"),
    ],
)
def test_forces_in_another_unit(per_label, says):
    truth = drawn()
    found = doubt_unit("forces", truth / per_label, near(truth, 1.0, 0.01))
    assert (found.about, found.kind) == (("forces",), "unit")
    assert found.text.startswith(f"forces look {says}")
    assert ("small" if per_label > 1 else "large") in found.text
    assert found.text.endswith("eV/Å expected")
    assert "sign" not in found.text


@pytest.mark.parametrize("unit", FACTORS["forces"])
def test_each_unit_of_force_is_named(unit):
    truth = drawn()
    assert unit in doubt_unit("forces", truth / FACTORS["forces"][unit], near(truth)).text


def test_the_units_are_those_of_nature():
    assert FACTORS["energies"]["Hartree"] == pytest.approx(HARTREE)
    assert FACTORS["energies"]["kcal/mol"] == pytest.approx(0.0433641)
    assert FACTORS["forces"]["Hartree/Bohr"] == pytest.approx(51.42207)
    assert FACTORS["stresses"]["GPa"] == pytest.approx(1 / GPA)
    assert FACTORS["stresses"]["kbar"] == pytest.approx(0.1 / GPA)
    assert FACTORS["stresses"]["Hartree/Bohr^3"] == pytest.approx(29421.03 / GPA, rel=1e-5)


def test_forces_reversed():
    """Gradients in place of forces."""
    truth = drawn()
    found = doubt_unit("forces", -truth, near(truth))
    assert (found.about, found.kind) == (("forces",), "sign")
    assert "sign were reversed" in found.text
    found = doubt_unit("forces", -truth * BOHR / HARTREE, near(truth))
    assert found.kind == "unit"
    assert "Hartree/Bohr" in found.text
    assert "with the other sign" in found.text


def test_stress_in_gpa():
    truth = pressures(np.linspace(-2, 5, 12))
    found = doubt_unit("stresses", truth * GPA, near(truth))
    assert (found.about, found.kind) == (("stresses",), "unit")
    assert "too large: are they in GPa?" in found.text
    assert "eV/Å^3 expected" in found.text


def test_stress_as_vasp_prints_it():
    truth = pressures(np.linspace(-2, 5, 12))
    found = doubt_unit("stresses", -truth * 10 * GPA, near(truth))
    assert "are they in kbar with the other sign?" in found.text


def test_stress_reversed():
    truth = pressures(np.linspace(5, 20, 12))
    assert "sign were reversed" in doubt_unit("stresses", -truth, near(truth)).text


@pytest.mark.parametrize("kind", ["forces", "stresses", "energies"])
@pytest.mark.parametrize("factor", [0.4, 0.55, 1.0, 1.4])
def test_a_soft_or_stiff_model_is_no_wrong_unit(kind, factor):
    truth = drawn()
    assert doubt_unit(kind, truth, near(truth, factor)) is None


def test_a_small_pressure_of_the_wrong_sign_is_the_models():
    truth = pressures(0.1)
    assert doubt_unit("stresses", truth, near(-truth)) is None


@pytest.mark.parametrize("kind", ["forces", "stresses", "energies"])
def test_random_numbers_are_no_wrong_unit(kind):
    for seed in range(20):
        for factor in (-1.0, 1.0, *FACTORS[kind].values()):
            assert doubt_unit(kind, drawn(seed=seed), factor * drawn(seed=100 + seed)) is None


@pytest.mark.parametrize("kind", ["forces", "stresses", "energies"])
def test_nothing_is_said_of_nothing(kind):
    truth = drawn()
    for reference, model in (
        (np.zeros(60), truth),
        (truth, np.zeros(60)),
        (truth[:2], -truth[:2]),
        (np.array([]), np.array([])),
    ):
        assert doubt_unit(kind, reference, model) is None


def stresses(n=12, gpa=5.0):
    """Return stresses of shape (n, 6) in eV/Å^3, with shear, and what a decent model says."""
    truth = drawn((n, 6), gpa / GPA, seed=5)
    return truth, truth + drawn((n, 6), 0.05 * gpa / GPA, seed=6)


VOLUMES = np.linspace(40.0, 400.0, 12)


@pytest.mark.parametrize("unit", FACTORS["stresses"])
@pytest.mark.parametrize("sign", [1, -1])
def test_each_unit_of_stress_is_named(unit, sign):
    truth, model = stresses()
    found, order = doubt_stresses(sign * truth / FACTORS["stresses"][unit], model, VOLUMES)
    assert (found.kind, found.about, order) == ("unit", ("stresses",), None)
    assert f"in {unit}" in found.text
    assert ("with the other sign" in found.text) == (sign < 0)


@pytest.mark.parametrize(("sign", "says"), [(-1, " -stress times"), (1, " stress times")])
@pytest.mark.parametrize("volumes", [VOLUMES, np.full(12, 70.0)])
def test_virials_in_place_of_stresses(sign, says, volumes):
    """Volumes that differ make a factor that no unit has."""
    truth, model = stresses()
    found, order = doubt_stresses(sign * truth * volumes[:, None], model, volumes)
    assert (found.kind, found.about, order) == ("unit", ("stresses",), None)
    assert f"look like{says} volume in eV" in found.text


def test_virials_of_a_volume_that_is_as_a_unit_are_either():
    """160 Å^3 and GPa an eV/Å^3 are the same number."""
    truth, model = stresses()
    found, _ = doubt_stresses(truth * GPA, model, np.full(12, 160.0))
    assert "in GPa?" in found.text
    assert "or virials in eV" in found.text


def test_shear_in_the_order_of_vasp():
    truth, model = stresses()
    vasp = truth[:, [0, 1, 2, 5, 3, 4]]
    unit, order = doubt_stresses(vasp, model, VOLUMES)
    assert unit is None
    assert (order.kind, order.about) == ("component order", ("shear",))
    assert order.text.endswith("in the order xy yz xz; yz xz xy expected")
    # of a monoclinic crystal one component is all there is
    one = [1, 1, 1, 0, 1, 0]
    assert doubt_stresses(one * truth, one * model, VOLUMES) == (None, None)
    _, order = doubt_stresses((one * truth)[:, [0, 1, 2, 5, 3, 4]], one * model, VOLUMES)
    assert order.kind == "component order"


def test_a_models_own_errors_of_stress_are_no_fault_of_the_labels():
    truth, model = stresses()
    for poor in (model, 0.6 * model, 1.4 * model, drawn((12, 6), 0.03, seed=9), 0 * model):
        assert doubt_stresses(truth, poor, VOLUMES) == (None, None)
    # shear of another sign, or too small to have an order
    assert doubt_stresses(truth, model * [1, 1, 1, -1, -1, -1], VOLUMES) == (None, None)
    assert doubt_stresses(1e-3 * truth[:, [0, 1, 2, 5, 3, 4]], 1e-3 * model, VOLUMES)[1] is None


@pytest.mark.parametrize("slope", [0.45, 0.5, 0.53, 0.56, 1.5, 1.6, 2.2])
def test_a_soft_or_stiff_model_is_no_force_an_inverse_bohr(slope):
    truth = drawn()
    assert doubt_unit("forces", truth, near(truth, slope, 0.01)) is None


# --- energies -----------------------------------------------------------------------------------


def energies(zero=-8.0, spread=0.5):
    """Return 20 states each of two compositions, in total eV, and the numbers of their atoms."""
    compositions = ["Na4Cl4"] * 20 + ["Mg2O2"] * 20
    n_atoms = np.array([8] * 20 + [4] * 20)
    zeros = np.array([zero] * 20 + [1.2 * zero] * 20)
    return compositions, n_atoms, n_atoms * (zeros + drawn(40, spread))


@pytest.mark.parametrize(
    ("unit", "factor"), [("Hartree", HARTREE), ("Rydberg", HARTREE / 2), ("kcal/mol", 1 / 23.0605)]
)
@pytest.mark.parametrize("moved", [0.0, 40.0])
def test_energies_in_another_unit(unit, factor, moved):
    """Told from differences, and so whatever the model's zero is."""
    compositions, n_atoms, truth = energies()
    model = near(truth) + moved * n_atoms
    found = doubt_energies(compositions, n_atoms, truth / factor, model)
    assert (found.about, found.kind) == (("energies",), "unit")
    assert f"are they in {unit}?" in found.text
    assert found.text.endswith("eV expected")


def test_energies_reversed():
    compositions, n_atoms, truth = energies()
    found = doubt_energies(compositions, n_atoms, -truth, near(truth, noise=0.01))
    assert found.kind == "sign"
    assert "sign were reversed" in found.text


def test_one_state_a_composition_shows_a_unit_by_its_sum():
    compositions, n_atoms = ["Na", "NaCl", "MgO", "Cu"], np.array([1, 2, 2, 1])
    truth = np.array([-1.3, -6.8, -12.0, -3.7])
    found = doubt_energies(compositions, n_atoms, truth / HARTREE, truth)
    assert "are they in Hartree?" in found.text
    assert doubt_energies(compositions, n_atoms, truth, truth) is None
    # another zero of energy, not another sign
    assert doubt_energies(compositions, n_atoms, -truth / HARTREE, truth) is None
    assert doubt_energies(compositions, n_atoms, -truth, truth) is None


@pytest.mark.parametrize("zero", [-8.0, 5.0, -1030.0, -27.2 * 8])
def test_another_zero_of_energy_is_no_other_unit(zero):
    """With all electrons, carbon has -1030 eV an atom: about what -8 eV are in kJ/mol."""
    n_atoms = np.full(30, 8)
    truth = 8 * (-9 + drawn(30, 0.1))
    labels = truth + 8 * (9 + zero)
    assert doubt_energies(["C8"] * 30, n_atoms, labels, near(truth, 1.0, 0.01)) is None


@pytest.mark.parametrize("formulas", [["C8"] * 3, ["C8", "Si8", "Ge8"], ["C8", "C8", "Si8"]])
@pytest.mark.parametrize("times", [20.0, 23.06, 25.0, 27.2])
def test_three_frames_of_another_zero_are_in_no_other_unit(formulas, times):
    """-200 eV an atom is what another code says, and 23 times -9."""
    for seed in range(20):
        model = 8 * (-9 + drawn(3, 0.1, seed))
        labels = 8 * (-9 * times + drawn(3, 0.1, 50 + seed))
        assert doubt_energies(formulas, np.full(3, 8), labels, model) is None


def test_elements_with_all_electrons_are_in_no_other_unit():
    """Their energies differ as their zeros do, and not as the model's times a factor."""
    labels = 2 * np.array([-1030.0, -1485.0, -2041.0, -7875.0, -16500.0])
    model = 2 * np.array([-9.2, -8.3, -4.9, -5.4, -8.9])
    formulas = ["C2", "N2", "O2", "Si2", "Ca2"]
    assert doubt_energies(formulas, np.full(5, 2), labels, model) is None


def test_a_relaxation_that_the_model_sees_as_flat_is_no_other_unit():
    n_atoms = np.full(10, 8)
    truth = 8 * (-9 + np.exp(-np.arange(10.0)))
    assert doubt_energies(["C8"] * 10, n_atoms, truth, np.full(10, -72.0)) is None


@pytest.mark.parametrize("softness", [1.0, 0.9])
def test_a_conversion_done_twice_is_not_another_unit(softness):
    """27.2 times too large is nearer to Hartree taken twice than to kcal/mol, 23.1."""
    rng = np.random.default_rng(4)
    forces = rng.normal(size=300)
    text = doubt_unit("forces", forces * units.Hartree, softness * forces).text
    assert "converted from Hartree/Å twice" in text
    assert "kcal" not in text
    text = doubt_unit("stresses", forces / 160.2, softness * forces).text
    assert "160.2 times too small" in text or "144.2 times too small" in text
    assert "converted from GPa twice" in text
