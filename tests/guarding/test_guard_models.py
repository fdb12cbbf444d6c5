"""The guard around real models: nothing falls into their holes, and nothing else changes."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk, molecule, surface
from ase.io import read, write
from checking import check_up

from mlipcheck import check_calculator, evaluate, make_guard, scan_dimers
from mlipcheck.analysis.structures import find_closest
from mlipcheck.calculators.guarded import GuardedCalculator
from mlipcheck.checks.compression.push import CompressedPair, find_neighbours, push_together
from mlipcheck.checks.crystals import build_supercell
from mlipcheck.guarding.build import DISTANCES, SWITCH, build_guard
from mlipcheck.storage import dumps
from mlipcheck.system import Settings

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def random_structures():
    """The benchmark's module."""
    script = Path(__file__).parents[2] / "benchmarks" / "random_structures.py"
    if not script.is_file():
        pytest.skip("the benchmarks are not installed")
    sys.path.append(str(script.parent))  # of what all scripts share
    spec = importlib.util.spec_from_file_location(script.stem, script)
    module = importlib.util.module_from_spec(spec)
    sys.modules[script.stem] = module  # where its dataclass looks for itself
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def copper(chgnet):
    return GuardedCalculator(chgnet, make_guard(chgnet, ["Cu"])[0])


@pytest.fixture(scope="module")
def salt(chgnet, tmp_path_factory):
    """A guard that was built from rock salt, and the file that it was built from."""
    place = tmp_path_factory.mktemp("salt") / "NaCl.cif"
    write(place, bulk("NaCl", "rocksalt", a=5.64, cubic=True))
    return GuardedCalculator(chgnet, make_guard(chgnet, [str(place)])[0])


def scaled(atoms, volume):
    atoms.set_cell(atoms.cell * volume ** (1 / 3), scale_atoms=True)
    return atoms


def rattled(atoms, by):
    atoms = atoms.repeat(2)
    atoms.rattle(by, seed=1)
    return atoms


def test_random_cells_of_copper_with_chgnet(random_structures, copper):
    """Seeds that fall in with the bare model: 0.28 Å between atoms, at no minimum."""
    crystal = bulk("Cu", a=3.61, cubic=True)
    starts = [random_structures.random_cell(crystal, 8, seed) for seed in (0, 5, 6, 7)]
    bare = random_structures.relax(copper.base, copper.guard_radii, starts)
    assert sum(r.fell and not r.converged for r in bare) >= 2
    rows = random_structures.relax(copper, copper.guard_radii, starts)
    assert [(r.converged, r.fell, r.error) for r in rows] == [(True, False, None)] * 4
    assert [r.energy for r in rows] == pytest.approx([-4.0] * 4, abs=0.04)


def test_random_cells_of_salt_with_sevennet(random_structures, sevennet):
    """Bare, seed 7 ends at -9e8 eV an atom; 22 falls in where two Cl have four Na around them."""
    scans = scan_dimers(sevennet, ["Na", "Cl"], distances=DISTANCES)
    guard, _ = build_guard(sevennet, scans)
    crystal = bulk("NaCl", "rocksalt", a=5.64)
    starts = [random_structures.random_cell(crystal, 8, seed) for seed in (7, 22)]
    guarded = GuardedCalculator(sevennet, guard)
    rows = random_structures.relax(guarded, guarded.guard_radii, starts)
    assert [(r.converged, r.fell, r.error) for r in rows] == [(True, False, None)] * 2
    assert [r.energy for r in rows] == pytest.approx([-3.3] * 2, abs=0.2)


def test_checks_find_no_collapse_in_guarded_copper(copper):
    checks = ("dimers", "compression")
    run = check_up(copper, ["Cu"], Settings(only=checks, reference=("none",)))
    rows = [row for name in checks for row in run.rows(name)]
    assert len(rows) == 2
    for row in rows:
        assert (row.error, row.attraction, row.collapse) == (None, None, None)


@pytest.mark.parametrize("check", ["relaxation", "elasticity", "phonons"])
def test_checks_of_crystals_have_the_same_numbers(copper, tmp_path, check):
    """Bonds, volumes, curves of energy, elastic constants and phonons, to the last digit."""
    write(tmp_path / "Cu.cif", bulk("Cu", a=3.61, cubic=True))
    settings = Settings(only=(check,), reference=("none",), quick=True)
    own, guarded = (
        check_up(c, [str(tmp_path / "Cu.cif")], settings) for c in (copper.base, copper)
    )
    assert own.rows(check)
    assert dumps(guarded.rows(check)) == dumps(own.rows(check))


def test_frames_have_the_same_numbers_where_no_pair_is_inside(chgnet, data_dir):
    """60 frames of MPtrj; those with a pair inside are none."""
    elements = {"Co", "F", "Fe", "Li", "Mn", "O", "P", "Si", "Ti", "V"}
    frames = [a for a in read(data_dir / "mptrj-random-1k.xyz", ":") if {*a.symbols} <= elements]
    frames = frames[:60]
    assert len(frames) == 60
    scans = scan_dimers(chgnet, sorted(elements), distances=DISTANCES[::4])
    guard, _ = build_guard(chgnet, scans)
    guarded = GuardedCalculator(chgnet, guard)
    radii = guarded.guard_radii
    inside = [
        (k, pair)
        for k, atoms in enumerate(frames)
        for pair, (distance, _) in find_closest([("", atoms)]).items()
        if distance < radii[pair]
    ]
    assert inside == []
    names = ("energy", "forces", "stress")
    found, own = (evaluate(c, frames, properties=names) for c in (guarded, chgnet))
    for a, b in zip(found, own, strict=True):
        assert a.error is None
        assert a.energy == b.energy
        assert np.array_equal(a.forces, b.forces)
        assert np.array_equal(a.stress, b.stress)


@pytest.mark.parametrize(
    "make",
    [
        lambda salt: bulk("NaCl", "cesiumchloride", a=3.46),
        lambda salt: scaled(salt, 0.8),
        lambda salt: rattled(salt, 0.2),
        lambda salt: surface(salt, (1, 0, 0), 2, vacuum=6, periodic=True),
    ],
    ids=["CsCl", "pressed to 0.8", "rattled", "slab"],
)
def test_what_was_built_from_one_crystal_holds_in_others(salt, make):
    (n,) = find_neighbours(build_supercell(make(bulk("NaCl", "rocksalt", a=5.64, cubic=True))))[:1]
    row = push_together(salt, n, CompressedPair("other", pair=n.pair, contact=n.contact))
    assert (row.error, row.failed, row.stopped_by) == (None, None, None)
    inside = row.distances < salt.guard_radii[n.pair] - SWITCH
    assert inside.sum() > 10
    assert (np.diff(row.energies[inside]) < 0).all()
    assert (row.attraction, row.collapse) == (None, None)


def test_hot_and_pressed_copper_does_not_collapse(copper, tmp_path):
    """At 3000 K and 0.8 of its volume."""
    write(tmp_path / "Cu.cif", scaled(bulk("Cu", a=3.61, cubic=True), 0.8))
    settings = Settings(only=("dynamics",), temperature=3000.0, quick=True)
    run = check_up(copper, [str(tmp_path / "Cu.cif")], settings)
    (row,) = run.rows("dynamics")
    assert (row.error, row.fallen, row.lost) == (None, None, 0)
    assert row.closest["Cu-Cu"] > copper.guard_radii["Cu", "Cu"]


def test_molecules_keep_their_bonds_to_the_last_digit(chgnet):
    guard, rows, _ = make_guard(chgnet, ["H", "O", "Cl"])
    guarded = GuardedCalculator(chgnet, guard)
    assert not any(c.left for r in rows for c in r.curves)
    hydroxide = molecule("OH")
    images = [molecule(x) for x in ("Cl2", "H2", "O2", "H2O")] + [hydroxide]
    for a, b in zip(evaluate(guarded, images), evaluate(chgnet, images), strict=True):
        assert a.energy == b.energy
        assert np.array_equal(a.forces, b.forces)
    for one in scan_dimers(guarded, ["H", "O", "Cl"]):
        assert one.collapse is None


def test_the_interface_tests_around_chgnet(copper):
    found = check_calculator(copper, elements=["Cu"])
    assert {r.check for r in found if r.status == "failed"} == set()
