"""Compression in the crystal: analytic pair sums, planted holes, and what is left out."""

from __future__ import annotations

import math

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111, molecule
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones
from ase.io import write
from checking import check_up

from mlipcheck.calculators.neighbours import half_neighbour_list
from mlipcheck.calculators.registry import describe
from mlipcheck.checks.compression.check import Compression, read_attraction, read_margin
from mlipcheck.checks.compression.push import CompressedPair, find_neighbours, push_together
from mlipcheck.checks.contacts import Contacts, find_contacts
from mlipcheck.checks.crystals import build_supercell
from mlipcheck.checkup.plan import plan_checkup
from mlipcheck.record import Model, RunRecord
from mlipcheck.system import Settings

ONLY = Settings(only=("compression",))


class PairSum(Calculator):
    """E = sum of A exp(-r / 0.4 Å) over pairs below 6 Å; atoms with ``many`` neighbours fall.

    A hole, -depth exp(-((r - 1.2) / 0.1)^2), opens between two atoms that have six others within
    4 Å: a dimer has none of it.
    """

    implemented_properties = ("energy", "forces")

    def __init__(self, depth=0.0):
        super().__init__()
        self.depth = depth

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        i, j, d, v = half_neighbour_list(atoms, 6.0)
        energy, slope = 500 * np.exp(-d / 0.4), -500 / 0.4 * np.exp(-d / 0.4)
        near = np.append(i[d < 4.0], j[d < 4.0])
        crowded = np.bincount(near, minlength=len(atoms)) >= 7
        hole = np.where(crowded[i] & crowded[j], self.depth * np.exp(-(((d - 1.2) / 0.1) ** 2)), 0)
        energy, slope = energy - hole, slope + hole * 2 * (d - 1.2) / 0.1**2
        forces = np.zeros((len(atoms), 3))
        pull = slope[:, None] * v / d[:, None]
        np.add.at(forces, i, pull)
        np.add.at(forces, j, -pull)
        self.results = {"energy": energy.sum(), "forces": forces}


@pytest.fixture
def copper(tmp_path):
    path = tmp_path / "copper.cif"
    write(path, bulk("Cu", cubic=True))
    return str(path)


def push(calculator, atoms, **fields):
    cell = build_supercell(atoms)
    (neighbours,) = find_neighbours(cell)
    return push_together(calculator, neighbours, CompressedPair("it", **fields))


@pytest.mark.parametrize("atoms", [bulk("Cu"), bulk("Cu", cubic=True), bulk("Si"), bulk("Na")])
def test_the_supercell_is_high_enough_and_no_higher(atoms):
    heights = 1 / np.linalg.norm(np.linalg.inv(build_supercell(atoms).cell[:]), axis=0)
    own = 1 / np.linalg.norm(np.linalg.inv(atoms.cell[:]), axis=0)
    assert (heights >= 7.0 - 1e-6).all()
    assert (heights - own < 7.0).all()


def test_a_path_is_symmetric_and_ends_at_the_innermost_distance():
    (neighbours,) = find_neighbours(build_supercell(bulk("Cu", cubic=True)))
    distances, images, met = neighbours.path()
    i, j = neighbours.indices
    assert met is None
    assert distances[0] == pytest.approx(neighbours.contact) == pytest.approx(3.61 / 2**0.5)
    assert distances[-1] == pytest.approx(0.4)
    assert [a.get_distance(i, j, mic=True) for a in images] == pytest.approx(list(distances))
    for image in images:
        moved = image.positions - neighbours.supercell.positions
        assert moved.sum(axis=0) == pytest.approx(np.zeros(3), abs=1e-9)
        assert np.count_nonzero(np.linalg.norm(moved, axis=1)) in (0, 2)


def test_energies_and_forces_are_those_of_the_calculator_on_the_same_cells():
    """Against a plain loop over the pair sum, and forces against the derivative of energies."""
    row = push(PairSum(), bulk("Cu", cubic=True))
    r, e, f = row.distances, row.energies, row.forces
    assert e[-1] == 0
    assert (np.diff(e) < 0).all()
    middle = -(e[4:-2] - e[2:-4]) / (r[4:-2] - r[2:-4])
    assert f[3:-3] == pytest.approx(middle, rel=0.01, abs=0.02)
    assert row.attraction is None
    assert row.collapse is None


def test_a_hole_that_only_a_crystal_has_is_found():
    lone = Atoms("Cu2", [[0, 0, 0], [0, 0, 1.2]])
    lone.calc = PairSum(depth=30)
    assert lone.get_potential_energy() == pytest.approx(500 * math.exp(-3))
    row = push(PairSum(depth=30), bulk("Cu", cubic=True))
    assert row.attraction.distance == pytest.approx(1.35, abs=0.1)
    assert row.attraction.fall > 5
    assert push(PairSum(depth=0), bulk("Cu", cubic=True)).attraction is None


def test_the_hole_is_judged_and_nothing_else_is(copper):
    good = check_up(PairSum(), [copper], ONLY)
    assert {f.status for f in good.findings} == {"ok"}
    assert {a.use: a.answer for a in good.uses}["hot"] == "no fault found"
    (bad,) = check_up(PairSum(depth=60), [copper], ONLY).rows("compression")
    assert read_attraction(bad).value < 30
    assert read_margin(bad).value == pytest.approx(bad.contact / bad.attraction.distance)


def test_contacts_take_the_farther_collapse(copper):
    (row,) = check_up(PairSum(depth=60), [copper], ONLY).rows("compression")
    structures = [("copper", bulk("Cu", cubic=True))]
    from mlipcheck.checks.dimers.scan import scan_dimers

    scans = scan_dimers(PairSum(depth=60), ["Cu"], reference="none")
    (contact,) = find_contacts(structures, scans)
    assert contact.collapse is None
    if row.collapse is not None:
        (contact,) = Contacts().finish([contact], {"dimers": scans, "compression": [row]})
        assert contact.collapse == row.collapse.distance


def test_a_third_atom_ends_the_path():
    """Along the diagonal of a flat cell the moving atoms meet one that sits between them."""
    chain = Atoms("Cu3", [[0, 0, 0], [2.5, 0, 0], [1.25, 0.9, 0]], cell=[12, 9, 9], pbc=True)
    from mlipcheck.checks.compression.push import Neighbours

    path = Neighbours(("Cu", "Cu"), chain, (0, 1), np.array([1.0, 0, 0]), 2.5).path()
    distances, images, met = path
    assert met == "Cu"
    assert len(images) == len(distances)
    assert all(a.get_distance(0, 2) >= 0.6 * 2 * 1.32 - 1e-9 for a in images)


def test_species_of_a_compound_are_paired_by_their_bonds():
    salt = build_supercell(bulk("NaCl", "rocksalt", a=5.64))
    assert [n.pair for n in find_neighbours(salt)] == [("Cl", "Na")]
    alloy = bulk("Cu", cubic=True)
    alloy.symbols[0] = "Au"
    assert {n.pair for n in find_neighbours(build_supercell(alloy))} == {("Cu", "Cu"), ("Au", "Cu")}


def test_what_is_no_crystal_is_left_out_with_the_reason(tmp_path):
    for name, atoms in (("slab", fcc111("Cu", (1, 1, 3), vacuum=8)), ("water", molecule("H2O"))):
        atoms.info.clear()
        write(tmp_path / f"{name}.traj", atoms)
    given = [str(tmp_path / "slab.traj"), str(tmp_path / "water.traj")]
    plan = plan_checkup(EMT(), given, Settings(only=("compression", "dimers")))
    assert plan.not_run["compression"] == "no crystals in three dimensions: slab, water"


def test_a_structure_far_from_rest_is_relaxed_first(tmp_path):
    atoms = bulk("Cu", cubic=True)
    atoms.rattle(0.15, seed=1)
    write(tmp_path / "hot.xyz", atoms)
    (row,) = check_up(EMT(), [str(tmp_path / "hot.xyz")], ONLY).rows("compression")
    assert row.error is None
    assert row.contact == pytest.approx(3.61 / 2**0.5, abs=0.03)


def test_quick_takes_fewer_and_says_so(tmp_path):
    paths = []
    for symbol in ("Cu", "Al", "Ni", "Pd"):
        write(tmp_path / f"{symbol}.cif", bulk(symbol))
        paths.append(str(tmp_path / f"{symbol}.cif"))
    for quick, most in ((False, 3), (True, 1)):
        settings = Settings(only=("compression",), quick=quick)
        plan = plan_checkup(EMT(), paths, settings)
        assert len(plan.jobs[0].tasks) == most
        assert f"{most} crystals at most" in " ".join(plan.notes)


class Failing(EMT):
    """Has no answer where two atoms are nearer than 1 Å, or ever."""

    def __init__(self, below=1.0):
        super().__init__()
        self.below = below

    def calculate(self, atoms=None, *args, **kwargs):
        distances = atoms.get_all_distances(mic=True) + 9 * np.eye(len(atoms))
        if distances.min() < self.below:
            raise RuntimeError("too near")
        super().calculate(atoms, *args, **kwargs)


def test_points_that_fail_are_told_and_the_others_are_judged():
    row = push(Failing(), bulk("Cu", cubic=True))
    assert row.failed == "RuntimeError: too near"
    assert row.innermost == pytest.approx(1.0, abs=0.06)
    assert "no attraction down to 1.0" in read_attraction(row).text


def test_a_crystal_that_fails_is_a_row_with_its_error(copper):
    (row,) = check_up(Failing(below=9.0), [copper], ONLY).rows("compression")
    assert row.error == "too near" or "too near" in row.error
    assert read_attraction(row).value is None


def test_one_figure_a_pair(copper):
    from mlipcheck.drawing.colours import PALETTE
    from mlipcheck.record import Model

    run = check_up(PairSum(depth=60), [copper], ONLY)
    (panel,) = Compression().figures([Model(run, "planted", PALETTE[0], "o")])
    assert panel.name == "compression-copper-Cu-Cu"
    assert "Å inward, behind" in panel.alt


def test_lennard_jones_is_a_perfect_wall():
    atoms = bulk("Ar", a=5.3, cubic=True)
    row = push(LennardJones(sigma=3.4, epsilon=0.0104, rc=8.0), atoms)
    assert read_attraction(row).value == math.inf


@pytest.mark.slow
def test_chgnet_as_published(chgnet):
    salt = push(chgnet, bulk("NaCl", "rocksalt", a=5.69, cubic=True))
    assert salt.n_atoms == 0  # is set by the check
    assert salt.attraction.distance == pytest.approx(1.15, abs=0.05)
    assert salt.attraction.barrier == pytest.approx(28.7, rel=0.05)
    assert salt.collapse.distance == pytest.approx(0.80, abs=0.05)
    assert salt.collapse.barrier == pytest.approx(52.5, rel=0.05)
    silicon = push(chgnet, bulk("Si", cubic=True))
    assert silicon.collapse.distance == pytest.approx(0.85, abs=0.05)
    assert silicon.collapse.barrier == pytest.approx(57.4, rel=0.05)


@pytest.mark.slow
def test_sevennet_as_published(sevennet):
    copper = push(sevennet, bulk("Cu", cubic=True))
    assert copper.attraction.distance == pytest.approx(1.00, abs=0.05)
    assert copper.attraction.barrier == pytest.approx(9.0, rel=0.05)
    assert copper.collapse.distance == pytest.approx(0.50, abs=0.05)
    assert copper.collapse.lowest < -100


def test_a_second_crystal_of_one_composition_is_named(tmp_path):
    for name, atoms in (("fcc", bulk("Cu")), ("bcc", bulk("Cu", "bcc", a=2.87))):
        write(tmp_path / f"{name}.cif", atoms)
    given = [str(tmp_path / "fcc.cif"), str(tmp_path / "bcc.cif")]
    plan = plan_checkup(EMT(), given, ONLY)
    assert len(plan.jobs[0].tasks) == 1
    assert "one crystal of each composition; left out: bcc" in plan.notes


@pytest.mark.parametrize(("distances", "energies"), [([2.0], [0.0]), ([1.5, 2.0], [-2.0, 0.0])])
def test_a_pair_that_nothing_repels_stays_inside_its_figure(distances, energies):
    arrays = {"distances": distances, "energies": energies, "forces": np.zeros(len(distances))}
    arrays = {name: np.array(values) for name, values in arrays.items()}
    row = CompressedPair("H: H-H", ("H", "H"), contact=2.0, **arrays)
    run = RunRecord("run", describe(EMT()), {}, {}, {"compression": (row,)})
    (panel,) = Compression().figures([Model(run, "emt", "#000000", "o")])
    low, high = panel.figure.axes[0].get_ylim()
    assert low < min(energies)
    assert high > max(energies)
