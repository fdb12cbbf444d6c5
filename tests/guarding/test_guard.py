"""The guard: what it closes, that it is exact outside and smooth inside, and what is refused."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk, fcc111
from ase.calculators.calculator import CalculatorSetupError, InputError
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones
from ase.io import write
from checking import check_up
from faulty_interface import Batched
from scipy.integrate import quad

from mlipcheck import (
    MorseCalculator,
    check_calculator,
    evaluate,
    get_calculator,
    scan_dimers,
)
from mlipcheck.analysis.structures import find_closest
from mlipcheck.calculators.guarded import Guard, GuardedCalculator, PairRepulsion
from mlipcheck.calculators.toy.toy import RBFRidgeCalculator, fit_toy
from mlipcheck.checks.compression.push import CompressedPair, find_neighbours, push_together
from mlipcheck.checks.crystals import build_supercell
from mlipcheck.guarding.build import DISTANCES, SWITCH, build_guard, zbl_force
from mlipcheck.guarding.shown import draw_pair, list_pairs
from mlipcheck.system import Settings

WELL = {"well_depth": 1.0, "a": 1.2, "r0": 2.5}


class Holed(MorseCalculator):
    """Morse pairs with a Gaussian hole in the wall: -depth exp(-((r - place) / 0.15)^2)."""

    cutoff = 7.0  # Å, where 9 meV are left

    def __init__(self, depth=200.0, place=0.35):
        super().__init__(**WELL)
        self.depth, self.place = depth, place

    def pair_energy(self, distances, first, second):
        phi, slope = super().pair_energy(distances, first, second)
        x = (distances - self.place) / 0.15
        hole = self.depth * np.exp(-(x**2))
        return phi - hole, slope + hole * 2 * x / 0.15


def copper():
    return bulk("Cu", a=3.6, cubic=True)


def build(calculator, elements=("Cu",), crystals=(copper,), closest=None):
    """Return a guard from scans in vacuum and in crystals, and its rows."""
    pushed = [
        push_together(calculator, n, CompressedPair("bulk: Cu-Cu", pair=n.pair, contact=n.contact))
        for make in crystals
        for n in find_neighbours(build_supercell(make()))
    ]
    scans = scan_dimers(calculator, elements, distances=DISTANCES)
    return build_guard(calculator, scans, pushed, closest)


@pytest.mark.slow
def test_elements_and_a_name_are_taken_as_scans_and_a_calculator_are():
    named, _ = build_guard("ase:emt", "Cu")
    scanned, _ = build_guard(EMT(), scan_dimers(EMT(), "Cu", distances=DISTANCES))
    assert [p.radius for p in named.pairs] == [p.radius for p in scanned.pairs]


@pytest.mark.parametrize(
    ("scans", "message"),
    [("Cuu", "'Cuu' is not an element"), ([3], r"\[3\] are no scans"), ([], "are no scans")],
)
def test_what_is_no_scan_is_one_line(scans, message):
    with pytest.raises(InputError, match=message):
        build_guard("ase:emt", scans)


@pytest.fixture(scope="module")
def holed():
    """A calculator with a hole, its guard, and what that does to the pair."""
    calculator = Holed()
    guard, (row,) = build(calculator)
    return calculator, guard, row


def crowded(distance=0.55, other=0.85):
    """Return a sheared cell with pairs deep inside and within the switching range."""
    cell = [[3.0, 0.2, 0.1], [0.3, 2.8, 0.0], [0.1, -0.2, 3.1]]
    places = [[0, 0, 0], [distance, 0.1, 0.05], [1.5, 1.4, 1.0], [1.5, 1.4, 1.0 + other]]
    return Atoms("Cu4", places, cell=cell, pbc=True)


# What it closes


def test_the_hole_is_found_and_the_radius_is_as_designed(holed):
    """The wall gives way where its force is half of what it was farther out."""
    calculator, _, row = holed
    assert row.attraction == row.collapse
    r = np.linspace(2.0, row.attraction, 20001)
    force = -calculator.pair_energy(r, None, None)[1]
    weak = r[force < np.maximum.accumulate(force) / 2].max()
    assert row.weak == pytest.approx(weak, abs=0.025)
    assert row.radius == pytest.approx(max(1.25 * row.weak, row.weak + 0.2))
    assert [c.where for c in row.curves] == ["vacuum", "bulk"]
    assert not any(c.left for c in row.curves)


@pytest.mark.slow
def test_every_curve_is_monotonic_inside_when_it_is_scanned_again(holed):
    """Asked of the guarded calculator itself, on the dimers and crystals it was built from."""
    calculator, guard, row = holed
    guarded = GuardedCalculator(calculator, guard)
    (scan,) = scan_dimers(guarded, ["Cu"], distances=DISTANCES)
    (neighbours,) = find_neighbours(build_supercell(copper()))
    pushed = push_together(guarded, neighbours, CompressedPair("again", contact=1.0))
    for again, curve in zip((scan, pushed), row.curves, strict=True):
        inside = again.distances < row.radius - SWITCH
        assert inside.sum() > 3
        assert (np.diff(again.energies[inside]) < 0).all()
        assert (again.forces[inside] > 0).all()
        assert again.collapse is None
        assert again.attraction is None
        shift = np.interp(curve.bond, again.distances, again.energies)
        assert again.energies - shift == pytest.approx(curve.after, rel=1e-9, abs=1e-9)
    finite = [e.energy for e in evaluate(guarded, [Atoms("Cu2", [[0] * 3, [0, 0, 0.1]])])]
    assert np.isfinite(finite).all()


class Crowded(Holed):
    """Two atoms alone repel each other as far as they are pushed; in a crystal they fall."""

    alone, dense = 0.0, 200.0  # eV, of the hole of two atoms, and in a cell of over 32

    def compute(self, atoms, properties):
        n = len(atoms)
        self.depth = self.alone if n == 2 else self.dense if n > 32 else 200.0
        return super().compute(atoms, properties)


class Deeper(Crowded):
    """A hole that is far deeper in one crystal than in what a guard was built from."""

    alone, dense = 200.0, 1e5


def test_a_hole_that_only_the_crystal_has_is_closed():
    _, (row,) = build(Crowded())
    vacuum, crystal = row.curves
    assert vacuum.collapse is None
    assert crystal.collapse is not None
    assert row.radius > crystal.collapse.distance + SWITCH - 1e-9
    inside = crystal.distances < row.radius - SWITCH
    assert (np.diff(crystal.after[inside]) < 0).all()


@pytest.mark.slow
def test_a_hole_that_it_was_not_built_from_is_found_by_the_check_on_the_guarded_model():
    calculator = Crowded()
    guard, _ = build(calculator, crystals=())
    (neighbours,) = find_neighbours(build_supercell(copper()))
    for model, falls in ((guard, True), (build(calculator)[0], False)):
        guarded = GuardedCalculator(calculator, model)
        row = push_together(guarded, neighbours, CompressedPair("x", contact=neighbours.contact))
        assert (row.attraction is not None) == falls


@pytest.mark.slow
def test_a_hole_that_is_deeper_than_what_was_scanned_is_found_on_the_guarded_model(tmp_path):
    calculator = Deeper(place=0.9)
    guarded = GuardedCalculator(calculator, build(calculator)[0])
    found = {}
    for name, crystal in (("fcc", copper()), ("bcc", bulk("Cu", "bcc", a=2.9, cubic=True))):
        write(tmp_path / f"{name}.cif", crystal)
        run = check_up(guarded, [str(tmp_path / f"{name}.cif")], Settings(only=("compression",)))
        (found[name],) = [f for f in run.findings if f.quantity == "attraction in the crystal"]
    assert found["fcc"].status == "ok"
    assert found["bcc"].status == "caution"
    assert "collapse from" in found["bcc"].value


@pytest.mark.slow
def test_random_cells_that_fall_in_do_not_with_the_guard(holed):
    from ase.optimize import FIRE

    calculator, guard, row = holed
    closest = {}
    for name, c in (("bare", calculator), ("guarded", GuardedCalculator(calculator, guard))):
        atoms = crowded()
        atoms.calc = c
        with FIRE(atoms, logfile=None) as run:
            run.run(fmax=0.1, steps=60)
        closest[name] = find_closest([("", atoms)])[("Cu", "Cu")][0]
    assert closest["bare"] < row.attraction
    assert closest["guarded"] > row.attraction


@pytest.mark.slow
def test_what_has_no_hole_is_left_alone():
    perfect = LennardJones(sigma=2.2, epsilon=0.1, rc=6.0)
    guard, (row,) = build(perfect)
    assert (row.attraction, row.radius) == (None, pytest.approx(0.6))
    atoms = crowded(distance=0.7, other=0.9)
    for name in ("energy", "forces", "stress", "energies"):
        own = perfect.get_property(name, atoms)
        assert np.array_equal(GuardedCalculator(perfect, guard).get_property(name, atoms), own)


def test_the_repulsion_is_that_of_ziegler_biersack_and_littmark():
    """Against its own energy, integrated, and the bare nuclei where they are very close."""
    coulomb = 29 * 8 * units.Hartree * units.Bohr

    def energy(r):
        x = r * (29**0.23 + 8**0.23) / (0.88534 * 0.529177210903)
        terms = ((0.18175, 3.19980), (0.50986, 0.94229), (0.28022, 0.40290), (0.02817, 0.20162))
        return coulomb / r * sum(c * np.exp(-d * x) for c, d in terms)

    work = quad(lambda r: zbl_force(("Cu", "O"), np.array(r)), 0.5, 1.5)[0]
    assert work == pytest.approx(energy(0.5) - energy(1.5), rel=1e-4)
    assert zbl_force(("Cu", "O"), np.array([1e-5])) == pytest.approx(coulomb * 1e10, rel=1e-3)


# Numbers


@pytest.mark.parametrize("make", [Holed, Batched], ids=["one by one", "batched"])
def test_outside_it_is_the_base_bit_for_bit(make):
    calculator = make()
    guard, (row,) = build(calculator)
    guarded = GuardedCalculator(calculator, guard)
    outside = Atoms("Cu2", [[0] * 3, [0, 0, row.radius + 1e-9]])
    images = [copper(), outside, Atoms("Cu"), bulk("Cu")]
    images[0].rattle(0.1, seed=1)
    names = [n for n in ("energy", "forces", "stress") if n in calculator.implemented_properties]
    found, expected = (evaluate(c, images, properties=names) for c in (guarded, calculator))
    for a, b in zip(found, expected, strict=True):
        assert a.error is None
        assert a.energy == b.energy
        assert np.array_equal(a.forces, b.forces)
        assert (a.stress is None) == (b.stress is None)
        assert a.stress is None or np.array_equal(a.stress, b.stress)
    assert hasattr(guarded, "evaluate_batch") == (make is Batched)


def test_forces_and_stress_are_derivatives_and_energies_add_up(holed):
    calculator, guard, row = holed
    guarded = GuardedCalculator(calculator, guard)
    atoms = crowded(other=row.radius - SWITCH / 2)
    d = atoms.get_all_distances(mic=True)[np.triu_indices(4, 1)]
    assert (d < row.radius - SWITCH).any()
    assert ((d > row.radius - SWITCH) & (d < row.radius)).any()
    h = 1e-5
    forces = guarded.get_property("forces", atoms)
    for atom in range(4):
        for axis in range(3):
            e = []
            for step in (-h, h):
                image = atoms.copy()
                image.positions[atom, axis] += step
                e.append(guarded.get_property("energy", image))
            slope = (e[1] - e[0]) / (2 * h)
            assert forces[atom, axis] == pytest.approx(-slope, rel=1e-5, abs=1e-3)
    stress = guarded.get_property("stress", atoms)
    for k, (a, b) in enumerate([(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)]):
        e = []
        for step in (-h, h):
            strain = np.eye(3)
            strain[a, b] += step / 2
            strain[b, a] += step / 2
            image = atoms.copy()
            image.set_cell(atoms.cell @ strain, scale_atoms=True)
            e.append(guarded.get_property("energy", image))
        slope = (e[1] - e[0]) / (2 * h) / atoms.get_volume()
        assert stress[k] == pytest.approx(slope, rel=1e-4, abs=1e-4)
    energy = guarded.get_property("energy", atoms)
    assert guarded.get_property("energies", atoms).sum() == pytest.approx(energy, rel=1e-12)
    assert guarded.get_property("free_energy", atoms) == energy


def test_the_stress_of_a_slab_in_a_cell_is_the_derivative_too():
    """EMT gives stresses of slabs, which filters for the cell use: the guard's part goes there."""
    wide = np.linspace(6, 0, 200) ** 3
    guard = Guard.of(EMT(), pairs=(PairRepulsion(("Cu", "Cu"), 3.2, wide),))
    guarded = GuardedCalculator(EMT(), guard)
    atoms = fcc111("Cu", (1, 1, 3), vacuum=5.0)
    assert atoms.pbc.tolist() == [True, True, False]
    energies = []
    for step in (-1e-4, 1e-4):
        image = atoms.copy()
        image.set_cell(atoms.cell[:] @ np.diag([1 + step, 1, 1]), scale_atoms=True)
        energies.append(guarded.get_property("energy", image))
    slope = (energies[1] - energies[0]) / 2e-4 / atoms.get_volume()
    assert abs(slope) > 0.3  # EMT alone: below 0.01
    assert guarded.get_property("stress", atoms)[0] == pytest.approx(slope, rel=1e-4)


def test_it_is_twice_differentiable_everywhere(holed):
    """The jump of E'' across any interval goes to zero with it."""
    (repulsion,) = holed[1].pairs
    r = np.linspace(0.11, repulsion.radius + 0.05, 4001)
    force = repulsion.evaluate(r)[1]
    curvature = -np.gradient(force, r)
    between = np.abs(np.diff(curvature)).max()
    finer = np.linspace(r[0], r[-1], 32001)
    fine = np.abs(np.diff(-np.gradient(repulsion.evaluate(finer)[1], finer))).max()
    assert fine < 0.3 * between
    edge = repulsion.radius - np.array([0.0, 1e-4, 1e-3])
    energy, force = repulsion.evaluate(edge)
    assert energy[0] == force[0] == 0
    assert energy[1:] == pytest.approx([0, 0], abs=1e-4)


# Interface


@pytest.mark.slow
def test_it_passes_the_interface_tests_where_its_base_does():
    failing = {"emt": {"declared_properties"}, "batched": set()}
    for name, make in (("emt", EMT), ("batched", Batched)):
        guard, _ = build(make(), ["Cu", "Al"], crystals=())
        found = check_calculator(GuardedCalculator(make(), guard), elements=["Cu", "Al"])
        assert {r.check for r in found if r.status == "failed"} == failing[name]


@pytest.mark.slow
def test_it_passes_the_interface_tests_where_it_acts():
    """A guard that reaches the neighbours of the sample, so that every test meets it."""
    calculator = MorseCalculator(**WELL)
    wide = np.linspace(6, 0, 200) ** 3
    guard, _ = build(calculator, crystals=())
    wide = Guard(
        **{name: getattr(guard, name) for name in ("base", "options", "dtype")},
        checkpoint_sha256=None,
        pairs=(PairRepulsion(("Cu", "Cu"), 3.2, wide),),
    )
    found = check_calculator(GuardedCalculator(calculator, wide), elements=["Cu"])
    assert {r.check for r in found if r.status == "failed"} == set()


@pytest.mark.slow
def test_a_report_says_where_it_acts_in_the_structures(holed, tmp_path):
    calculator, guard, row = holed
    settings = Settings(only=("dimers", "contacts"), reference=("none",))
    for distance, acts in ((0.9 * row.radius, True), (2.5, False)):
        write(tmp_path / "x.xyz", Atoms("Cu2", [[0] * 3, [0, 0, distance]]))
        run = check_up(GuardedCalculator(calculator, guard), [str(tmp_path / "x.xyz")], settings)
        (found,) = [f for f in run.findings if f.quantity == "contacts beside the guard"]
        assert found.status == ("caution" if acts else "ok")
        assert f"{distance:.2f} Å in x, the guard acts inside {row.radius:.2f} Å" in found.value


# What is refused


def test_elements_that_it_was_not_built_for_are_refused_with_the_command():
    calculator = get_calculator("ase:emt")
    guard, _ = build(calculator, ["Cu", "Al"], crystals=())
    guarded = GuardedCalculator(calculator, guard)
    command = "mlipcheck guard -b ase:emt Al Cu Ni Pd --save guard.json"
    with pytest.raises(InputError, match=f"not built for Ni, Pd; type: {command}"):
        guarded.get_property("energy", Atoms("CuPdNi", [[0, 0, 0], [2.5, 0, 0], [0, 2.5, 0]]))


def test_a_collapse_that_the_users_structures_reach_is_refused_with_both_distances():
    calculator = Holed()
    _, (row,) = build(calculator)
    place = row.collapse
    near = 1.1 * place
    words = rf"collapses from {place:.2f} Å inward, too near to {near:.2f} Å \(mine.xyz\)"
    with pytest.raises(InputError, match=words):
        build(calculator, closest={("Cu", "Cu"): (near, "mine.xyz")})


@pytest.mark.slow
def test_a_dip_that_the_cap_leaves_is_listed():
    """A shallow hole high up the wall, just inside of what the structures have."""
    shallow = Holed(depth=8.0, place=1.3)
    near = {("Cu", "Cu"): (1.75, "mine.xyz")}
    _, (free,) = build(shallow)
    assert not any(c.left for c in free.curves)
    _, (row,) = build(shallow, closest=near)
    assert row.radius == pytest.approx(0.85 * 1.75)
    left = max((c.left for c in row.curves if c.left), key=lambda a: a.fall)
    words = " ".join(b.text for b in list_pairs([row], []) if hasattr(b, "text"))
    assert f"Cu-Cu {left.fall:.2f} eV at {left.distance:.2f} Å" in words
    assert "nowhere in your structures" in words


def test_pairs_that_were_not_scanned_are_refused():
    calculator = Holed()
    with pytest.raises(InputError, match="no pair Al-Cu; build it of its elements"):
        build(calculator, ["Al-Al", "Cu-Cu"], crystals=())
    with pytest.raises(InputError, match="Xe-Xe could not be scanned"):
        build(EMT(), ["Xe"], crystals=())


def test_a_guard_of_another_calculator_is_refused(holed):
    _, guard, _ = holed
    with pytest.raises(InputError, match=r"the guard is of .*Holed.*; build one for it"):
        GuardedCalculator(EMT(), guard)
    guarded = GuardedCalculator(Holed(), guard)
    with pytest.raises(InputError, match="guarded already"):
        GuardedCalculator(guarded, guard)


@pytest.mark.parametrize("radius", [np.nan, 0.05])
def test_what_is_no_repulsion_is_refused(radius):
    with pytest.raises(ValueError, match="radius of Cu-Cu"):
        PairRepulsion(("Cu", "Cu"), radius, np.array([2.0, 1.0, 0.0]))
    for forces in ([1.0, 0.0], [-1.0, 1.0, 0.0], [2.0, 1.0, 0.5]):
        with pytest.raises(ValueError, match="no repulsion that ends"):
            PairRepulsion(("Cu", "Cu"), 1.0, np.array(forces))


# The file


@pytest.fixture(scope="module")
def soft():
    return build(get_calculator("toy:soft"), ["N"], crystals=())[0]


@pytest.fixture
def saved(tmp_path, soft):
    soft.save(tmp_path / "guard.json")
    return tmp_path / "guard.json"


def test_a_file_gives_the_same_numbers(saved, soft):
    read, kept = get_calculator(f"guarded:{saved}"), get_calculator("toy:soft")
    kept = GuardedCalculator(kept, soft)
    for r in (0.3, 0.7, 1.1):
        atoms = Atoms("N2", [[0] * 3, [0, 0, r]])
        assert read.get_property("energy", atoms) == kept.get_property("energy", atoms)
    (scan,) = scan_dimers(read, ["N"])
    assert scan.collapse is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d["pairs"][0].update(radius=0.9), "it was edited; build it anew: mlipcheck"),
        (lambda d: d.update(base="toy:wide"), "it was edited"),
        (lambda d: d.update(schema="mlipcheck-rescaled/1"), "expected 'mlipcheck-guard/1'"),
        (lambda d: d.pop("pairs"), "has no 'pairs'"),
        (lambda d: d["pairs"].clear(), "edited"),
    ],
)  # fmt: skip
def test_a_file_that_was_changed_is_refused(saved, change, message):
    content = json.loads(saved.read_text())
    change(content)
    saved.write_text(json.dumps(content))
    with pytest.raises(CalculatorSetupError, match=message):
        get_calculator(f"guarded:{saved}")


def test_options_belong_to_its_file(saved):
    with pytest.raises(InputError, match="no options, got a; give them to the command that makes"):
        get_calculator(f"guarded:{saved}", a=3)


def test_a_file_of_another_checkpoint_is_refused(saved, monkeypatch):
    monkeypatch.setattr("mlipcheck.calculators.around.check_safe", lambda *_: saved)
    with pytest.raises(CalculatorSetupError, match="the guard is that of no file; find that"):
        get_calculator(f"guarded:{saved}")


def test_a_file_names_no_code(tmp_path, holed):
    _, guard, _ = holed
    with pytest.raises(InputError, match=r"a file may not name 'test_guard\.Holed'"):
        guard.save(tmp_path / "guard.json")


# The command, and advice


@pytest.mark.slow
def test_the_command_writes_a_file_that_is_a_backend(run_cli, tmp_path):
    write(tmp_path / "crystal.xyz", copper())
    place = tmp_path / "guard.json"
    given = ("guard", "-b", "ase:emt", tmp_path / "crystal.xyz", "Al", "--save", place)
    status, out, err = run_cli(*given, "--figures", tmp_path / "figures")
    assert status == 0, err
    assert "It acts from" in out
    assert "nowhere in your structures" in out
    assert f"use it as -b guarded:{place}" in err
    names = sorted(p.name for p in (tmp_path / "figures").iterdir())
    assert names == ["guard-Al-Al.svg", "guard-Al-Cu.svg", "guard-Cu-Cu.svg"]
    guarded = get_calculator(f"guarded:{place}")
    assert guarded.guard.built_from == (str(tmp_path / "crystal.xyz"), "Al")
    status, out, err = run_cli("predict", "-b", f"guarded:{place}", tmp_path / "crystal.xyz")
    assert status == 0, err
    status, _, err = run_cli("guard", "-b", "ase:emt", "Cu", "--save", tmp_path / "no" / "x.json")
    assert (status, "not writable" in err) == (2, True)


@pytest.mark.slow
def test_the_toy_on_its_own_structures_is_refused(run_cli, tmp_path):
    status, _, err = run_cli("guard", "-b", "toy:soft", "--save", tmp_path / "guard.json")
    assert status == 2
    assert "N-N collapses from 0.83 Å inward" in err
    assert not (tmp_path / "guard.json").exists()


def test_figures_say_where_it_acts(holed):
    _, _, row = holed
    panel = draw_pair(row, "#0072B2")
    assert f"Guard inside {row.radius:.2f} Å" in panel.alt
    assert "Shortest" not in panel.alt
    shown = draw_pair(dataclasses.replace(row, shortest=2.5), "#0072B2").alt
    assert shown.endswith("Shortest in your structures: 2.50 Å.")


@pytest.mark.slow
def test_a_report_advises_it_as_typed_where_a_hole_is_in_reach():
    run = check_up(get_calculator("toy:soft"), ["N"], Settings(only=("dimers",), reference="none"))
    (advice,) = [a for a in run.advice if a.kind == "keep atoms apart"]
    assert advice.command == "mlipcheck guard -b toy:soft N --save guard.json"
    # a calculator that no file may name gets no command
    third = RBFRidgeCalculator(fit_toy())
    run = check_up(third, ["N"], Settings(only=("dimers",), reference=("none",)))
    assert [a.command for a in run.advice if a.kind == "keep atoms apart"] == [None]
