"""What the numbers of a dimer mean: dips and collapses, references, floors, perfect subjects."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from ase.data import chemical_symbols
from diatomics import Diatomics
from faulty import ExtraPairEnergy, gaussian

from mlipcheck import get_calculator, scan_dimers
from mlipcheck.calculators.toy.toy import Morse
from mlipcheck.checks.dimers.criteria import describe_wall, energy_text
from mlipcheck.checks.dimers.curve import find_attractions, find_extrema, find_roughness
from mlipcheck.checks.dimers.record import Extremum
from mlipcheck.references.curves import ReferenceCurve, morse_curve, pbe_curve
from mlipcheck.uses import CONSISTENCY, PAIRS, TOY
from mlipcheck.verdict import judge

FILE = "diatomics-dft.json.gz"
GRID = np.linspace(0.4, 6, 225)


def exact(curve=None):
    calculator = get_calculator("toy:exact")
    return calculator if curve is None else ExtraPairEnergy(calculator, curve)


def scan(calculator, reference="morse"):
    (found,) = scan_dimers(calculator, ["N"], reference=reference)
    return found


def findings(found):
    return {f.quantity: f for f in judge({"dimers": [found]})}


def statuses(found):
    return {quantity: f.status for quantity, f in findings(found).items()}


def changed(found, before):
    after = statuses(found)
    return {q: status for q, status in after.items() if status != before[q]}


@pytest.fixture(scope="module")
def perfect():
    return statuses(scan(exact()))


# ---- dips and collapses ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("energies", "first", "collapse"),
    [
        ([50, 30, 20, 10, 5, 2, 1, 0], None, None),  # a wall
        ([0, 5, 9, 10, 5, 2, 1, 0], 3, 3),  # never comes back
        ([12, 10, 9.8, 10, 5, 2, 1, 0], 3, None),  # comes back: a dip
        ([12, 8, 9.96, 10, 5, 2, 1, 0], 3, None),  # of 2 eV, and a dip all the same
        ([12, -1, 9, 10, 5, 2, 1, 0], 3, 3),  # comes back, but deeper than the bond
        ([9.7, 10, 9.8, 9.9, 5, 2, 1, 0], 3, None),  # falls by 0.1 and 0.3 eV
        ([0, 40, 20, 10, 9.9, 10, 5, 0], 5, 1),  # a dip outside of a collapse
        ([1.4, 1.45, 1.5, 1.2, 0.5, 0.2, 0.1, 0], 2, 2),  # behind less than 2 eV
        ([10.96, 11, 10, 9, 5, 2, 1, 0], None, None),  # by less than 0.05 eV
        ([-7, -6, -5, -4, -3, -2, -1, 0], None, None),  # no maximum, and no wall
    ],
)
def test_what_is_a_dip_and_what_a_collapse(energies, first, collapse):
    r = np.linspace(0.5, 2.25, 8)
    energies = np.array(energies, dtype=float)
    found = find_attractions(r, energies, np.zeros(8), r[-1], 0.0)
    for attraction, k in zip(found, (first, collapse), strict=True):
        assert (attraction is None) == (k is None)
        if k is not None:
            assert abs(attraction.distance - r[k]) < 0.25
            assert attraction.barrier >= energies[k]
    if collapse is not None:
        assert found[1].lowest == min(energies[: collapse + 1])


@pytest.mark.slow
def test_a_dip_is_shown_and_asks_for_care_where_chemistry_comes(perfect):
    found = scan(exact(gaussian(-0.6, 0.75, 0.05)))
    assert found.collapse is None
    assert found.dip.distance == pytest.approx(0.83, abs=0.02)
    assert 0.05 < found.dip.fall < 0.6
    assert describe_wall(found).startswith(f"dip of {found.dip.fall:.2f} eV at 0.8")
    assert changed(found, perfect) == {"repulsive wall": "caution", "spurious extrema": "fail"}


@pytest.mark.slow
def test_a_hole_behind_a_high_barrier_is_shown_alone(perfect):
    deep = Morse(well_depth=8.0)  # 41 eV at 0.4 Å
    reference = dataclasses.replace(
        morse_curve(("N", "N"), np.linspace(0.7, 6, 90), deep), level_of_theory="PBE"
    )

    def hole(r):
        dip, force = gaussian(-100, 0.45, 0.06)(r)
        return 7 * Morse().energy(r) + dip, 7 * Morse().force(r) + force

    found = scan(exact(hole), reference)
    assert found.collapse.barrier > 10
    assert found.collapse.lowest < -50
    after = findings(found)
    assert {f.status for f in after.values()} == {"ok"}
    assert f"barrier {found.collapse.barrier:.2f} eV" in after["repulsive wall"].value
    # a reference that goes on to where the model has its hole stands higher
    whole = morse_curve(("N", "N"), GRID, deep)
    (higher,) = [f for f in judge({"dimers": [scan(exact(hole), whole)]}) if f.status != "ok"]
    assert (higher.quantity, higher.status) == ("height of the wall", "caution")
    assert (higher.decides, higher.hints) == ((), ("hot",))


def test_how_deep_beyond_100_ev_depends_on_the_grid():
    assert energy_text(-5785.8) == "< -100 eV"
    assert energy_text(-12.345) in ("-12.35 eV", "-12.34 eV")


# ---- references --------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("shift", [0.02, 0.05, 0.2])
def test_a_moved_curve_is_displaced_and_not_soft(shift, data_dir):
    moved = Diatomics(data_dir / FILE, shift=shift)
    (found,) = scan_dimers(moved, ["Cu-Cu"], reference="pbe")
    comparison = found.comparison
    assert comparison.wall.s_lo == pytest.approx(1, abs=2e-3)
    assert comparison.wall.remark is None
    assert comparison.wall_displacements == {
        height: pytest.approx(shift, abs=1e-3) for height in ("1", "5", "10")
    }
    expected = "ok" if shift < 0.03 else "caution" if shift < 0.1 else "fail"
    assert statuses(found)["wall displacement"] == expected
    assert statuses(found)["well depth"] == "ok"


def test_a_wall_is_judged_as_far_as_it_goes():
    """A collapse behind 7 eV is no displacement; the height of the wall is another finding."""
    found = scan(exact())

    def status(**walls):
        compared = dataclasses.replace(found.comparison, wall_displacements=walls)
        return statuses(dataclasses.replace(found, comparison=compared))["wall displacement"]

    assert status(one=0.01, five=0.02, ten=None) == "ok"
    assert status(one=0.2, five=None) == "fail"
    assert status(one=None, five=None) == "fail"


def worse_than_ok(calculator, elements):
    found = scan_dimers(calculator, [(x, x) for x in elements], reference="pbe")
    judged = judge({"dimers": found})
    return [(f.quantity, f.subjects, f.value) for f in judged if f.status != "ok"]


@pytest.mark.slow
def test_pbe_itself_is_ok_for_all_its_elements(data_dir):
    path = data_dir / FILE
    elements = [x for x in chemical_symbols[1:93] if pbe_curve((x, x), path)]
    assert len(elements) == 80
    assert worse_than_ok(Diatomics(path), elements) == []


@pytest.mark.slow
def test_pbe_by_its_forces_too_is_ok_where_its_states_cross(data_dir):
    assert worse_than_ok(Diatomics(data_dir / FILE, forces=True), ["B", "Fe", "Zr", "Ra"]) == []


@pytest.mark.slow
def test_extrema_of_the_reference_are_not_the_model_s(perfect):
    bump = gaussian(0.2, 3.5, 0.15)
    energies = Morse().energy(GRID) - 1 + bump(GRID)[0]
    reference = ReferenceCurve(("N", "N"), "bumpy", "PBE", GRID, energies, None)
    assert scan(exact(bump), reference).spurious_extrema == ()
    assert changed(scan(exact(bump)), perfect) == {"spurious extrema": "fail"}
    higher = scan(exact(gaussian(0.25, 3.5, 0.15)), reference)
    (more,) = higher.spurious_extrema
    assert more.distance == pytest.approx(3.5, abs=0.03)
    assert more.prominence == pytest.approx(0.05, abs=0.01)
    elsewhere = find_extrema(GRID, energies, None, [Extremum("maximum", 2.0, 1.0)])
    assert ("maximum", pytest.approx(3.5, abs=0.03)) in [(e.kind, e.distance) for e in elsewhere]


@pytest.mark.slow
def test_a_faint_bond_has_no_length_to_judge():
    faint = morse_curve(("N", "N"), GRID, Morse(well_depth=0.05, r0=2.0))
    found = scan(exact(), faint)
    assert "bond length" not in statuses(found)
    assert statuses(found)["well depth"] == "caution"


@pytest.mark.slow
def test_what_a_finding_rests_on():
    toy, alone = scan(exact()), scan(exact(), reference=None)
    pbe = dataclasses.replace(toy.comparison, level_of_theory="PBE")
    r2scan = "the reference is PBE, the model was trained on r2SCAN"
    for found, tested_on, doubts in (
        (toy, TOY, []),
        (alone, CONSISTENCY, []),
        (dataclasses.replace(toy, comparison=pbe), PAIRS, []),
        (
            dataclasses.replace(
                toy,
                comparison=dataclasses.replace(pbe, difference=r2scan, well_depth_error=5.0),
            ),
            PAIRS,
            [r2scan],
        ),
    ):
        after = findings(found)
        assert after["wall displacement"].tested_on == tested_on
        assert [d.text for d in after["wall displacement"].doubts] == doubts
        assert after["conservation"].tested_on == CONSISTENCY
    assert after["well depth"].status == "caution"  # 5 eV, but of another level of theory


def test_the_level_of_theory_of_a_curve_is_compared_with_the_checkpoint_s(chgnet, data_dir):
    curve = morse_curve(("N", "N"), GRID)
    for level, differs in (("PBE, VASP 6", False), ("r2SCAN", True), (None, False)):
        reference = dataclasses.replace(curve, level_of_theory=level)
        comparison = scan(chgnet, reference).comparison
        assert (comparison.difference is not None) == differs


# ---- roughness and jumps -----------------------------------------------------------------------


def test_roughness_of_a_force_that_alternates():
    """The parabola through five points of ±a is 13/35 of it, with the other sign, in the middle."""
    r = np.arange(0.4, 40, 0.025)
    a, f = 0.2, np.full(len(r), 3.0)
    noise = a * (-1.0) ** np.arange(len(r))
    expected = (1 + 13 / 35) * a / np.sqrt(9 + a**2)
    assert find_roughness(r, f + noise) == pytest.approx(expected, rel=2e-3)
    assert find_roughness(r, f + r**2) == pytest.approx(0, abs=1e-9)
    assert find_roughness(r[::2], f[::2]) is None  # nothing is within 0.1 Å
    assert find_roughness(r**1.1, f) is None


@pytest.mark.slow
@pytest.mark.parametrize(("size", "status"), [(2, "caution"), (6, "fail")])
def test_a_rough_wall_changes_its_own_finding(size, status, perfect):
    def ripple(r):
        within = float(0.5 < r < 0.7)
        wave = 2 * np.pi / 0.05 * (r - 0.5)
        scale = 0.05 / (2 * np.pi) * size
        return within * scale * np.sin(wave), -within * size * np.cos(wave)

    assert changed(scan(exact(ripple)), perfect) == {"roughness": status}


@pytest.mark.slow
def test_small_jumps_are_reported_as_small():
    assert findings(scan(exact()))["energy jumps"].value == "below 0.005 eV"


# ---- a real model ------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_wall_of_chgnet_tells_pairs_apart(chgnet):
    dips = {"C-Fe": 0.07, "O-W": 0.15, "K-Ti": 0.26, "Ca-Ca": 0.23}
    others = ("H-H", "Fe-H", "O-O", "Cu-O", "H-N", "Fe-Fe")
    found = {s.name: s for s in scan_dimers(chgnet, [*dips, *others])}
    for name, fall in dips.items():
        assert found[name].dip.fall == pytest.approx(fall, abs=0.01)
        assert found[name].collapse.barrier > 15
    for name in ("H-H", "Fe-H", "O-O", "Cu-O", "Fe-Fe"):
        assert found[name].dip is None
        assert found[name].collapse.barrier > 7
    assert found["H-N"].collapse is None
    walls = {
        f.status: set(f.subjects)
        for f in judge({"dimers": list(found.values())})
        if f.quantity == "repulsive wall"
    }
    assert walls["caution"] == {"C-Fe", "O-W", "K-Ti"}
    assert "fail" not in walls
