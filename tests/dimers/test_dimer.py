"""Dimer scan: exact curves score exactly, and every planted fault is found where it is."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.calculator import InputError
from ase.calculators.emt import EMT
from ase.data import atomic_numbers, covalent_radii
from faulty import ExtraPairEnergy, Failing, NeedsCell, ScaledForces, gaussian, step

from mlipcheck import MorseCalculator, evaluate, get_calculator, scan_dimers
from mlipcheck.calculators.toy.toy import Morse
from mlipcheck.references.curves import ReferenceCurve, morse_curve
from mlipcheck.verdict import judge


def scan(calculator, **options):
    (found,) = scan_dimers(calculator, ["N"], reference="morse", **options)
    return found


def status(found, quantity):
    return {f.status for f in judge({"dimers": [found]}) if f.quantity == quantity}


@pytest.mark.slow
def test_a_perfect_model_scores_perfectly():
    found = scan(get_calculator("toy:exact"))
    assert found.error is None
    assert found.comparison.equilibrium_distance_error == pytest.approx(0, abs=1e-12)
    assert found.comparison.well_depth_error == pytest.approx(0, abs=1e-12)
    assert found.comparison.wall.s_lo == pytest.approx(1, abs=1e-6)
    assert found.comparison.wall.r_squared == pytest.approx(1, abs=1e-6)
    assert found.comparison.wall_displacements == {"1": pytest.approx(0), "5": pytest.approx(0)}
    assert found.spurious_extrema == ()
    assert found.attraction is found.collapse is found.dip is None
    assert found.roughness < 1e-3
    assert found.conservation_error < 1e-8
    assert found.largest_jump < 1e-5
    assert {f.status for f in judge({"dimers": [found]})} == {"ok"}


@pytest.mark.slow
def test_well_of_the_morse_curve():
    morse = Morse(well_depth=2.0, a=1.9, r0=1.3)
    found = scan(MorseCalculator(well_depth=2.0, a=1.9, r0=1.3))
    assert found.equilibrium_distance == pytest.approx(morse.r0, abs=1e-4)
    assert found.force_constant == pytest.approx(2 * morse.well_depth * morse.a**2, rel=2e-3)
    assert found.comparison.reference_well_depth == pytest.approx(1.0, abs=1e-3)
    assert found.comparison.well_depth_error == pytest.approx(1.0, abs=1e-3)
    assert status(found, "well depth") == {"caution"}  # just below 1 eV


@pytest.mark.slow
@pytest.mark.parametrize("factor", [0.8, 1.25])
def test_scaled_forces_are_that_soft(factor):
    found = scan(ScaledForces(get_calculator("toy:exact"), factor))
    wall = found.comparison.wall
    assert wall.s_lo == pytest.approx(factor, abs=1e-6)
    assert wall.s_hi == pytest.approx(factor, abs=1e-6)
    assert wall.word == ("soft" if factor < 1 else "stiff")
    assert found.conservation_error == pytest.approx(abs(1 / factor - 1), rel=1e-3)
    assert status(found, "conservation") == {"fail"}


@pytest.mark.slow
def test_uncorrelated_is_not_called_soft():
    # an error as large as the force, and with no relation to it
    wave = {"N": lambda r: (0.0, 6 * np.sin(40 * r))}["N"]
    wall = scan(ExtraPairEnergy(get_calculator("toy:exact"), wave)).comparison.wall
    assert wall.s_lo < 1.2
    assert wall.r_squared < 0.9
    assert wall.word != "soft"


@pytest.mark.slow
@pytest.mark.parametrize("center", [0.45, 0.6, 0.75])
def test_planted_collapse(center):
    """A hole in the wall, deeper than the bond: the collapse is its outer rim on a finer grid."""
    hole = gaussian(-60, center, 0.07)
    found = scan(ExtraPairEnergy(get_calculator("toy:exact"), hole))
    r = np.linspace(center, 1.1, 100_001)
    energy = Morse().energy(r) + hole(r)[0]
    inward = energy[::-1]
    top = int(np.argmax(inward[: np.argmax(np.diff(inward) < 0) + 1]))
    assert found.collapse.distance == pytest.approx(r[::-1][top], abs=0.01)
    assert found.collapse.barrier == pytest.approx(inward[top], abs=0.02)
    assert found.collapse.lowest == pytest.approx(energy.min(), abs=0.5)
    assert found.dip is None
    # the bond is not taken for the hole, which is far deeper
    assert found.equilibrium_distance == pytest.approx(1.1, abs=1e-3)
    assert status(found, "repulsive wall") == {"fail"}


@pytest.mark.slow
def test_a_dip_of_less_than_50_mev_is_an_extremum_and_no_collapse():
    found = scan(ExtraPairEnergy(get_calculator("toy:exact"), gaussian(-0.12, 0.9, 0.03)))
    assert found.attraction is None
    assert {e.kind for e in found.spurious_extrema} == {"maximum", "minimum"}
    assert all(abs(e.distance - 0.9) < 0.1 for e in found.spurious_extrema)


@pytest.mark.slow
@pytest.mark.parametrize(("height", "at"), [(0.05, 0.711), (0.02, 1.4131), (-0.3, 3.007)])
def test_planted_jump(height, at):
    found = scan(ExtraPairEnergy(get_calculator("toy:exact"), step(height, at)))
    assert found.largest_jump == pytest.approx(abs(height), rel=0.1)
    assert found.largest_jump_distance == pytest.approx(at, abs=0.025)
    assert status(found, "energy jumps") == {"fail" if abs(height) > 0.1 else "caution"}


@pytest.mark.slow
@pytest.mark.parametrize("step_size", [0.01, 0.025, 0.05])
def test_a_smooth_curve_has_no_jump_on_any_grid(step_size):
    found = scan(get_calculator("toy:exact"), distances=np.arange(0.5, 6, step_size))
    assert found.largest_jump < 0.005


@pytest.mark.slow
@pytest.mark.parametrize("height", [0.05, 0.2])
def test_planted_ripple(height):
    found = scan(ExtraPairEnergy(get_calculator("toy:exact"), gaussian(height, 3.6, 0.1)))
    tops = [e for e in found.spurious_extrema if e.kind == "maximum"]
    assert len(tops) == 1
    assert tops[0].distance == pytest.approx(3.6, abs=0.03)
    assert tops[0].prominence == pytest.approx(height, rel=0.2)
    assert status(found, "spurious extrema") == {"fail" if height > 0.1 else "caution"}
    assert status(found, "energy jumps") == {"ok"}
    assert found.conservation_error < 1e-6


@pytest.mark.slow
def test_planted_non_conservative_force():
    found = scan(ExtraPairEnergy(get_calculator("toy:exact"), lambda r: (0.0, 0.5)))
    assert found.conservation_error > 0.05
    assert status(found, "conservation") == {"fail"}
    assert scan(get_calculator("toy:exact")).conservation_error < 1e-8


@pytest.mark.slow
@pytest.mark.parametrize("how", ["raise", "nan"])
def test_failed_points_are_marked_and_the_others_kept(how):
    near = Failing(
        get_calculator("toy:exact"), lambda a: len(a) == 2 and a.get_distance(0, 1) < 0.55, how
    )
    found = scan(near)
    assert found.error is None
    assert len(found.failed_points) == np.isnan(found.energies).sum() == 6
    assert all(d < 0.55 for d, _ in found.failed_points)
    assert ("planted" if how == "raise" else "NaN") in found.failed_points[0][1]
    assert found.equilibrium_distance == pytest.approx(1.1, abs=1e-3)
    assert found.comparison.wall.s_lo == pytest.approx(1, abs=1e-6)
    assert status(found, "points") == {"fail"}
    (wall,) = [f for f in judge({"dimers": [found]}) if f.quantity == "repulsive wall"]
    assert wall.value == "no collapse down to 0.55 Å"  # and not to where it was not answered


@pytest.mark.slow
def test_a_calculator_that_always_fails_is_a_result():
    found = scan(Failing(get_calculator("toy:exact"), lambda a: True))
    assert "planted failure" in found.error
    assert len(found.failed_points) == len(found.distances)
    # of a pair that it does not take, as of another element, nothing is known
    assert status(found, "points") == {"not assessed"}


@pytest.mark.slow
def test_a_calculator_that_answers_no_number_at_any_distance_fails():
    found = scan(Failing(get_calculator("toy:exact"), lambda a: True, "nan"))
    assert "NaN" in found.error
    assert status(found, "points") == {"fail"}


def test_points_without_forces_are_not_left():
    calculator = MorseCalculator()
    calculator.implemented_properties = ["energy"]
    (found,) = scan_dimers(calculator, ["N"], distances=np.linspace(0.8, 3, 12))
    assert found.error == "0 of 12 points left; first: no finite energy with forces"


@pytest.mark.slow
def test_a_model_that_needs_a_cell_gets_a_box():
    boxed, free = scan(NeedsCell(get_calculator("toy:wide"))), scan(get_calculator("toy:wide"))
    assert (boxed.environment, free.environment) == ("periodic box", "vacuum")
    np.testing.assert_allclose(boxed.energies, free.energies, atol=1e-9)
    assert boxed.conservation_error == pytest.approx(free.conservation_error, abs=1e-8)


@pytest.mark.slow
def test_unbound_pair():
    def repulsion(r):
        return 3 * np.exp(-r), 3 * np.exp(-r)

    base = MorseCalculator(well_depth=1e-9)
    found = scan(ExtraPairEnergy(base, repulsion))
    assert found.equilibrium_distance is None
    assert found.attraction is None
    assert status(found, "bond length") == {"fail"}


@pytest.mark.slow
def test_soft_toy_fails_and_wide_toy_does_not():
    soft = scan(get_calculator("toy"))
    assert soft.collapse.distance == pytest.approx(0.83, abs=0.01)
    assert soft.collapse.barrier == pytest.approx(0.14, abs=0.01)
    assert {status(soft, q).pop() for q in ("repulsive wall", "wall displacement")} == {"fail"}
    assert {f.status for f in judge({"dimers": [scan(get_calculator("toy:wide"))]})} == {"ok"}


@pytest.mark.slow
def test_pairs_grid_and_order():
    found = scan_dimers(EMT(), ["Cu", "Al", "Cu"], distances=np.linspace(1, 5, 40))
    assert [s.pair for s in found] == [("Cu", "Cu"), ("Al", "Cu"), ("Al", "Al")]
    (only,) = scan_dimers(EMT(), ["Cu-Al"], distances=np.linspace(1, 5, 40))
    np.testing.assert_allclose(only.energies, found[1].energies, rtol=1e-9)
    (default,) = scan_dimers(EMT(), [("Cu", "Cu")])
    s = 2 * covalent_radii[atomic_numbers["Cu"]]
    assert default.distances[0] == pytest.approx(min(0.3 * s, 0.4))
    assert default.distances[-1] == 6
    assert np.diff(default.distances).max() <= 0.025 + 1e-12
    assert default.comparison is None
    assert status(default, "wall displacement") == {"not assessed"}
    hydrogen = scan_dimers(EMT(), ["H"])[0]
    assert hydrogen.distances[0] == pytest.approx(0.3 * 2 * covalent_radii[1])


def test_a_users_own_curve(tmp_path):
    """A CSV without forces: both curves are differentiated alike, so truth still scores 1.

    What is left is the spline between the scan's own points.
    """
    r = np.linspace(0.7, 4, 60)
    path = tmp_path / "N-N.csv"
    rows = [f"{x},{e}" for x, e in zip(r, Morse().energy(r), strict=True)]
    path.write_text("distance,energy\n" + "\n".join(rows))
    (found,) = scan_dimers(get_calculator("toy:exact"), ["N"], reference=str(path))
    assert found.comparison.wall.s_lo == pytest.approx(1, abs=1e-5)
    assert found.comparison.equilibrium_distance_error == pytest.approx(0, abs=1e-6)


@pytest.mark.slow
def test_a_reference_that_is_stronger_and_elsewhere():
    truth = Morse(well_depth=2.0, r0=1.2)
    grid = np.geomspace(0.3, 6, 80)
    curve = morse_curve(("N", "N"), grid, truth)
    (found,) = scan_dimers(get_calculator("toy:exact"), ["N"], reference=curve)
    wall = grid < 1.2
    weights = np.gradient(grid)
    weights[0] = (grid[1] - grid[0]) / 2
    f, F = Morse().force(grid - 0.1)[wall], truth.force(grid)[wall]  # both bonds in one place
    keep = (truth.energy(grid) < 10)[wall] & (grid[wall] > found.distances[0] + 0.1)
    expected = np.sum((weights[wall] * f * F)[keep]) / np.sum((weights[wall] * F * F)[keep])
    assert expected == pytest.approx(0.5, rel=1e-9)
    assert found.comparison.wall.s_lo == pytest.approx(expected, rel=5e-3)
    assert found.comparison.equilibrium_distance_error == pytest.approx(-0.1, abs=2e-3)
    assert found.comparison.well_depth_error == pytest.approx(-1.0, abs=2e-3)

    def radius(morse, level):
        return morse.r0 - np.log(1 + np.sqrt(level / morse.well_depth)) / morse.a

    shifts = found.comparison.wall_displacements
    # the model's wall is 8.4 eV high at 0.3 Å, the reference's 26 eV
    assert shifts.pop("10") is None
    assert list(shifts) == ["1", "5"]
    for level, shift in shifts.items():
        truly = radius(Morse(), float(level)) - radius(truth, float(level))
        assert shift == pytest.approx(truly, abs=2e-3)


def test_a_bond_shorter_than_the_reference_begins_is_that_of_the_scan():
    """Case 23: a reference from 1.15 Å on, and a model whose bond of 1.1 Å lies inside of that."""
    truth = Morse(well_depth=2.0, r0=1.3)
    curve = morse_curve(("N", "N"), np.linspace(1.15, 6, 60), truth)
    (found,) = scan_dimers(get_calculator("toy:exact"), ["N"], reference=curve)
    assert found.equilibrium_distance == pytest.approx(1.1, abs=1e-3)
    assert found.comparison.equilibrium_distance_error == pytest.approx(-0.2, abs=2e-3)
    assert found.comparison.well_depth_error == pytest.approx(-1.0, abs=2e-3)
    (bond,) = (f for f in judge({"dimers": [found]}) if f.quantity == "bond length")
    assert bond.number == pytest.approx(100 * 0.2 / 1.3, rel=0.01)


def test_an_unbound_reference_is_not_judged():
    r = np.linspace(1, 6, 40)
    flat = ReferenceCurve(("N", "N"), "flat", None, r, np.exp(-r), np.exp(-r))
    (found,) = scan_dimers(get_calculator("toy:exact"), ["N"], reference=flat)
    assert status(found, "wall displacement") == {"not assessed"}  # a wall of 0.4 eV
    assert status(found, "bond length") == set()
    assert status(found, "well depth") == {"caution"}


@pytest.mark.parametrize(
    ("elements", "options", "says"),
    [
        (["Xx"], {}, "'Xx' is not an element"),
        (["X"], {}, "'X' is not an element"),
        ([("Cu", "Xx")], {}, "'Xx' is not an element"),
        ([], {}, "no elements"),
        (["N"], {"distances": [1, 2]}, "8 or more"),
        (["N"], {"distances": np.linspace(2, 1, 20)}, "not ascending"),
        (["N"], {"distances": np.linspace(-1, 1, 20)}, "positive"),
        (["N"], {"reference": "nowhere.csv"}, "no such file"),
    ],
)
def test_bad_input(elements, options, says):
    with pytest.raises(InputError, match=says):
        scan_dimers(get_calculator("toy"), elements, **options)


def test_chgnet_collapses_where_it_is_known_to(chgnet, data_dir):
    found = {s.name: s for s in scan_dimers(chgnet, ["Cu", "Si", "N", "O"], reference="auto")}
    assert len(found) == 10
    measured = {"Cu-Cu": 0.99, "Si-Si": 1.11, "N-N": 0.73, "O-O": 0.68}
    for name, distance in measured.items():
        assert found[name].attraction.distance == pytest.approx(distance, abs=0.03)
        assert found[name].comparison.reference == "PBE diatomics"
    for one in found.values():
        assert 18 < one.attraction.barrier < 29
        assert one.conservation_error < 0.01
        assert one.largest_jump < 0.01


def test_chgnet_in_one_batch_equals_one_by_one(chgnet):
    r = np.linspace(0.9, 5, 12)
    batched = scan_dimers(chgnet, ["Cu", "O"], distances=r)
    for s, pair in zip(
        batched, itertools.combinations_with_replacement(["Cu", "O"], 2), strict=True
    ):
        assert s.pair == tuple(sorted(pair))
        for d, e, f in zip(s.distances, s.energies, s.forces, strict=True):
            atoms = Atoms(s.pair, [[0, 0, 0], [d, 0, 0]])
            atoms.calc = chgnet
            assert atoms.get_potential_energy() == pytest.approx(e, abs=2e-5)
            assert atoms.get_forces()[1, 0] == pytest.approx(f, abs=1e-4, rel=1e-4)


@pytest.mark.slow
def test_no_repulsion_is_no_wall():
    flat = ExtraPairEnergy(MorseCalculator(well_depth=1e-9), lambda r: (0.0, 0.0))
    found = scan(flat)
    assert found.attraction is None
    (wall,) = [f for f in judge({"dimers": [found]}) if f.quantity == "repulsive wall"]
    assert wall.status == "fail"
    assert wall.value.startswith("no wall")


@pytest.mark.slow
def test_a_suspected_jump_stands_where_the_second_look_fails():
    jump = ExtraPairEnergy(get_calculator("toy:exact"), step(0.3, 3.007))
    grid = scan(jump).distances

    def between_grid_points(atoms):
        return len(atoms) == 2 and np.abs(grid - atoms.get_distance(0, 1)).min() > 1e-4

    found = scan(Failing(jump, between_grid_points))
    assert found.failed_points == ()
    assert found.largest_jump == pytest.approx(0.3, rel=0.1)


def test_the_top_of_a_rough_wall_is_where_a_finer_grid_has_it(chgnet):
    (found,) = scan_dimers(chgnet, ["O"])
    at = found.collapse.distance
    images = [Atoms("O2", [[0, 0, 0], [0, 0, r]]) for r in np.arange(at - 0.04, at + 0.04, 0.001)]
    bond = Atoms("O2", [[0, 0, 0], [0, 0, found.equilibrium_distance]])
    *inside, low = (e.energy for e in evaluate(chgnet, [*images, bond]))
    # 0.10 eV too high where forces are not looked at
    assert found.collapse.barrier == pytest.approx(max(inside) - low, abs=0.05)
