"""Paths: a hop of known barrier, planted faults, images as people have them, real data."""

from __future__ import annotations

import dataclasses

import ase.io
import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk
from ase.calculators.calculator import InputError
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.mep import NEB
from ase.optimize import BFGS
from faulty import Faulty, ScaledForces
from vasp_files import IMAGES, STATIC, write_neb, write_outcar, write_vasprun

from mlipcheck.checks.paths.check import Paths, compare_path
from mlipcheck.checkup.find import find_system
from mlipcheck.checkup.plan import plan_checkup
from mlipcheck.checkup.run import run_checkup
from mlipcheck.comparison import compare_runs
from mlipcheck.references.paths import RANDOM, find_paths
from mlipcheck.references.reader import read_runs, run_of_atoms
from mlipcheck.system import Settings
from mlipcheck.verdict import judge


class Scaled(Faulty):
    """Energies and forces times a factor."""

    def __init__(self, base, factor):
        super().__init__(base)
        self.factor = factor

    def spoil(self, atoms):
        for name in ("energy", "forces"):
            if name in self.results:
                self.results[name] *= self.factor


class WithWell(Faulty):
    """A well about where the hopping atom is at (x, y, z)."""

    def __init__(self, base, place, depth):
        super().__init__(base)
        self.place, self.depth = place, depth

    def spoil(self, atoms):
        off = np.linalg.norm(atoms.positions - self.place, axis=1).min()
        self.results["energy"] -= self.depth * np.exp(-((off / 0.2) ** 2))


@pytest.fixture(scope="module")
def hop():
    """Five images of a vacancy's hop in copper by EMT's own NEB, with EMT's labels."""
    perfect = bulk("Cu", a=3.59, cubic=True) * (2, 2, 2)
    mover = 1 + int(np.argmin(perfect.get_distances(0, range(1, 32), mic=True)))
    first, last = perfect.copy(), perfect.copy()
    last.positions[mover] = perfect.positions[0]
    ends = []
    for atoms in (first, last):
        del atoms[0]
        atoms.calc = EMT()
        BFGS(atoms, logfile=None).run(fmax=0.01)
        ends.append(atoms)
    images = [ends[0], *(ends[0].copy() for _ in range(3)), ends[1]]
    for atoms in images[1:-1]:
        atoms.calc = EMT()
    chain = NEB(images, climb=True, method="improvedtangent")
    chain.interpolate(mic=True)
    BFGS(chain, logfile=None).run(fmax=0.03, steps=100)
    return [label(atoms) for atoms in images]


def label(atoms, energy=None, shift=0.0):
    """Return a copy with EMT's energy and forces."""
    found = atoms.copy()
    found.calc = EMT()
    energy = found.get_potential_energy() + shift if energy is None else energy
    forces, stress = found.get_forces(), found.get_stress()
    found.calc = SinglePointCalculator(found, energy=energy, forces=forces, stress=stress)
    return found


def energies(images):
    return np.array([a.get_potential_energy() for a in images])


def path_of(*what, named=()):
    """Return the one path that is found."""
    (found,) = find_paths(read_runs(what or named), [str(n) for n in named])
    return found


def path_in(images, **more):
    run = run_of_atoms(images, "hop", "hop.xyz")
    (found,) = find_paths([dataclasses.replace(run, **more)], ["hop.xyz"])
    return found


def row_of(calculator, path):
    return dataclasses.replace(compare_path(calculator, path), doubts=())


def statuses(row):
    return {f.quantity: f.status for f in judge({"paths": [row]}) if f.check == "paths"}


# --- the numbers -------------------------------------------------------------------------------


def test_a_perfect_model_has_no_error(hop):
    row = row_of(EMT(), path_in(hop))
    barrier = energies(hop).max() - energies(hop)[0]
    assert barrier == pytest.approx(0.79, abs=0.02)
    assert set(row.heights) == {"forward", "backward"}
    for reference, model in row.heights.values():
        assert reference == pytest.approx(barrier, abs=1e-6)
        assert model == pytest.approx(reference, abs=1e-9)
    assert row.slope == pytest.approx(1)
    assert row.top(row.model) == row.top(row.reference) == pytest.approx(0.5, abs=1e-3)
    assert row.rest[0] == pytest.approx(0, abs=1e-9)
    assert statuses(row) == {"barrier": "ok", "shape of a path": "ok"}


def test_labels_of_the_model_itself_judge_nothing(hop):
    row = compare_path(EMT(), path_in(hop))
    assert [d.kind for d in row.doubts] == ["own labels"]
    assert set(statuses(row).values()) == {"not assessed"}


@pytest.mark.parametrize(
    ("factor", "status"), [(1.1, "ok"), (0.7, "caution"), (0.6, "caution"), (0.4, "fail")]
)
def test_a_soft_model_is_soft_by_just_that(hop, factor, status):
    row = compare_path(Scaled(EMT(), factor), path_in(hop))
    assert row.doubts == ()
    assert row.slope == pytest.approx(factor)
    for reference, model in row.heights.values():
        assert model / reference == pytest.approx(factor)
    assert statuses(row) == {"barrier": status, "shape of a path": "ok"}


def test_wrong_forces_change_nothing(hop):
    row = row_of(ScaledForces(EMT(), 0.5), path_in(hop))
    assert set(statuses(row).values()) == {"ok"}


def test_a_well_of_its_own_changes_the_shape(hop):
    far = max(range(31), key=lambda k: np.linalg.norm(hop[4].positions[k] - hop[0].positions[k]))
    row = row_of(WithWell(EMT(), hop[1].positions[far], 0.3), path_in(hop))
    assert statuses(row) == {"barrier": "ok", "shape of a path": "caution"}
    assert row.rest[1] == "hop[1]"


def test_a_constant_on_all_labels_does_not_matter(hop):
    moved = [label(a, shift=-123.4) for a in hop]
    one, two = (row_of(Scaled(EMT(), 0.7), path_in(images)) for images in (hop, moved))
    np.testing.assert_allclose(one.reference, two.reference, atol=1e-9)
    assert one.slope == pytest.approx(two.slope)


def test_a_reversed_path_has_its_barriers_exchanged(hop):
    uneven = [label(a, energy=e) for a, e in zip(hop, energies(hop) + np.arange(5) / 20, strict=1)]
    one, two = (row_of(EMT(), path_in(x)) for x in (uneven, uneven[::-1]))
    assert one.heights["forward"] == pytest.approx(two.heights["backward"])
    assert one.heights["forward"][0] == pytest.approx(one.heights["backward"][0] + 0.2)
    assert statuses(one) == statuses(two)


def test_unequal_ends_of_the_model_show_in_one_direction(hop):
    labels = [label(a, energy=e) for a, e in zip(hop, energies(hop) - np.arange(5) / 10, strict=1)]
    row = row_of(EMT(), path_in(labels))
    forward, backward = (m - r for r, m in row.heights.values())
    assert forward == pytest.approx(0.2)
    assert backward == pytest.approx(-0.2)
    assert statuses(row)["barrier"] == "caution"


@pytest.mark.parametrize("shape", ["rise", "well"])
def test_a_path_without_a_top_has_a_height(shape):
    images = []
    for gap in np.linspace(0, 4, 9):
        a = Atoms("Cu2", [[0, 0, 0], [2.3 + gap, 0, 0]])
        a.calc = SinglePointCalculator(a, energy=2 * (1 - np.exp(-gap)), forces=np.zeros((2, 3)))
        images.append(a)
    if shape == "well":
        a = Atoms("Cu2", [[0, 0, 0], [2.0, 0, 0]])
        a.calc = SinglePointCalculator(a, energy=0.5, forces=np.zeros((2, 3)))
        images.insert(0, a)
    path = path_in(images)
    assert path.coordinate[-1] == pytest.approx((4.3 if shape == "well" else 4) / 2**0.5)
    row = row_of(EMT(), path)
    assert row.shape == shape
    assert next(reversed(row.heights.values()))[0] == pytest.approx(2 * (1 - np.exp(-4)))
    found = judge({"paths": [row]})
    assert "height of a molecule's path" in {f.quantity for f in found}
    assert {f.decides for f in found} == {("molecules",)}
    assert row.area is None


def test_strains_of_a_crystal_bear_on_vibrations_alone():
    images = []
    for a in np.linspace(3.4, 3.8, 9):
        images.append(label(bulk("Cu", a=a, cubic=True)))
    path = path_in(images)
    assert path.kind == "strain"
    assert path.area is None
    row = row_of(Scaled(EMT(), 0.3), path)
    (finding,) = [f for f in judge({"paths": [row]}) if f.status != "ok"]
    assert (finding.quantity, finding.status) == ("energy of strain", "fail")
    assert finding.decides == ("vibrations",)


def test_a_cleavage_has_a_work_and_a_traction():
    slab = bulk("Cu", a=3.6, cubic=True) * (1, 1, 3)
    images = []
    for gap in np.linspace(0, 4, 9):
        pulled = slab.copy()
        pulled.cell[2, 2] += gap
        images.append(label(pulled))
    path = path_in(images)
    assert path.area == pytest.approx(3.6**2)
    assert path.coordinate[-1] == pytest.approx(4)
    row = row_of(EMT(), path)
    work = np.ptp(energies(images)) / 3.6**2
    assert row.heights[""][0] / row.area == pytest.approx(work)
    steepest = np.abs(np.diff(energies(images))).max() / 0.5 / 3.6**2
    assert row.traction(row.reference) == pytest.approx(steepest)
    assert 1 < steepest / units.GPa < 50


# --- images as people have them ----------------------------------------------------------------


@pytest.mark.parametrize("write", [write_outcar, write_vasprun])
def test_folders_of_images_are_a_path_by_themselves(tmp_path, hop, write):
    path = path_of(write_neb(tmp_path / "neb", hop, write=write))
    assert path.error is None
    assert path.name == "neb"
    assert [f.name for f in path.frames] == ["00", "01", "02", "03", "04"]
    assert [f.energy for f in path.frames] == pytest.approx(energies(hop).tolist(), abs=1e-6)
    # the springs' forces are none
    assert all(f.forces is None for f in path.frames[1:-1])
    assert path.notes == ()
    row = compare_path(Scaled(EMT(), 0.7), path)
    assert row.slope == pytest.approx(0.7, abs=1e-4)
    assert row.doubts == ()


@pytest.mark.parametrize("ends", ["POSCAR", "CONTCAR"])
def test_end_points_without_energies_are_told(tmp_path, hop, ends):
    path = path_of(write_neb(tmp_path / "neb", hop, ends=ends))
    assert len(path.frames) == 5
    assert path.notes == ("2 of 5 images do not count: no labels (00, 04)",)
    row = compare_path(EMT(), path)
    assert row.heights == {}
    assert np.isfinite(row.model).all()
    (finding,) = [f for f in judge({"paths": [row]}) if f.quantity == "barrier"]
    assert finding.status == "not assessed"
    assert "end points without energies" in finding.value


def test_the_energy_of_an_end_point_is_that_of_its_own_run(tmp_path, hop):
    neb = write_neb(tmp_path / "neb", hop, ends="POSCAR")
    for name, atoms in (("initial", hop[0]), ("final", hop[-1])):
        write_outcar(tmp_path / name / "OUTCAR", [atoms], STATIC)
    path = path_of(neb, tmp_path / "initial", tmp_path / "final")
    assert [f.energy for f in path.frames] == pytest.approx(energies(hop).tolist(), abs=1e-6)


def test_an_end_point_without_files_is_missed(tmp_path, hop):
    path = path_of(write_neb(tmp_path / "neb", hop, ends=""))
    assert [f.name for f in path.frames] == ["01", "02", "03"]
    row = compare_path(EMT(), path)
    assert "end points without energies" in read_barrier(row)


def read_barrier(row):
    (finding,) = [f for f in judge({"paths": [row]}) if f.quantity == "barrier"]
    assert finding.status == "not assessed"
    return finding.value


def test_an_older_output_beside_an_image_is_not_the_image(tmp_path, hop):
    neb = write_neb(tmp_path / "neb", hop)
    older = hop[2].copy()
    older.calc = SinglePointCalculator(older, **hop[2].calc.results | {"energy": 99.0})
    write_outcar(neb / "02" / "OUTCAR_old", [older], IMAGES)
    path = path_of(neb)
    assert [f.energy for f in path.frames] == pytest.approx(
        [atoms.calc.results["energy"] for atoms in hop], abs=1e-6
    )


def test_an_image_that_failed_is_told_and_left_out(tmp_path, hop):
    neb = write_neb(tmp_path / "neb", hop, write=write_vasprun)
    steps = [float(energies(hop)[1])] * 60
    (neb / "01" / "vasprun.xml").unlink()
    write_vasprun(neb / "01" / "vasprun.xml", [hop[1]], IMAGES | {"NELM": "60"}, electronic=steps)
    path = path_of(neb)
    assert path.notes == ("1 of 5 images do not count: its SCF did not converge (01)",)
    row = compare_path(Scaled(EMT(), 0.7), path)
    assert row.slope == pytest.approx(0.7, abs=1e-4)
    assert row.heights["forward"][1] / row.heights["forward"][0] == pytest.approx(0.7, abs=1e-4)


def test_a_missing_folder_is_told(tmp_path, hop):
    neb = write_neb(tmp_path / "neb", hop)
    (neb / "01" / "OUTCAR").unlink()
    assert "no image between 00 and 02" in path_of(neb).notes


def test_wrapped_images_are_unwrapped(tmp_path, hop):
    wrapped = []
    for k, atoms in enumerate(hop):
        moved = label(atoms)
        moved.positions += moved.cell[0] * (k % 2)
        moved.calc = atoms.calc
        moved.wrap()
        wrapped.append(label(moved))
    one, two = path_in(hop), path_in(wrapped)
    np.testing.assert_allclose(one.coordinate, two.coordinate, atol=1e-6)
    assert two.notes == ()


def test_shuffled_images_are_put_in_order_and_told(hop):
    path = path_in([hop[k] for k in (0, 3, 1, 4, 2)])
    assert "images were not in order; put into that of their distances from one end" in path.notes
    assert [f.energy for f in path.frames] == pytest.approx(energies(hop).tolist())
    np.testing.assert_allclose(path.coordinate, path_in(hop).coordinate, atol=1e-6)


def test_images_without_any_order_are_refused():
    places = np.random.default_rng(1).uniform(0, 2, (12, 3))
    images = []
    for place in places:
        atoms = Atoms("Cu2", [[0, 0, 0], [4, 4, 4]], cell=[9, 9, 9], pbc=True)
        atoms.positions[1] += place
        images.append(label(atoms))
    assert path_in(images).error == RANDOM


@pytest.mark.parametrize(("rattle", "error"), [(0.0, None), (0.002, None), (0.1, RANDOM)])
def test_displaced_at_random_along_a_path_is_none(rattle, error):
    images = []
    for k, gap in enumerate(np.linspace(0, 4, 9)):
        pulled = bulk("Cu", a=3.6, cubic=True) * (1, 1, 3)
        pulled.cell[2, 2] += gap
        pulled.rattle(rattle, seed=k)
        images.append(label(pulled))
    assert path_in(images).error == error


@pytest.mark.parametrize("n", [3, 5, 9])
def test_a_turn_in_few_images_is_a_path(n):
    """Half a turn of an atom about another: curved, and not random."""
    images = []
    for angle in np.linspace(0, 180, n):
        pair = Atoms("Cu2", [[0, 0, 0], [2.3, 0, 0]], cell=[12, 12, 12], pbc=True)
        pair.rotate(angle, "z")
        images.append(label(pair))
    assert path_in(images).error is None


def test_what_is_not_the_same_atoms_is_no_path(tmp_path, hop):
    other = hop[2].copy()
    other.symbols[3] = "Au"
    other = label(other[[3, *range(3), *range(4, 31)]])
    path = path_of(write_neb(tmp_path / "neb", [*hop[:2], other, *hop[3:]]))
    assert path.error == "02 has other atoms than 00, or in another order"


def test_two_images_are_too_few(hop):
    assert "2 of 2 images with an energy, 3 needed" in path_in(hop[:2]).error


def test_images_of_two_levels_of_theory_are_refused(tmp_path, hop):
    neb = write_neb(tmp_path / "neb", hop)
    write_outcar(neb / "02" / "OUTCAR", [hop[2]], IMAGES | {"GGA": "PS"})
    assert "levels of theory: PBE, PBEsol" in path_of(neb).error


def test_numbered_calculations_are_no_path(tmp_path):
    for k in range(5):
        atoms = bulk("Cu", a=3.6, cubic=True) * (2, 2, 2)
        atoms.rattle(0.1, seed=k)
        write_outcar(tmp_path / f"{k:02d}" / "OUTCAR", [label(atoms)], STATIC)
    assert find_paths(read_runs([tmp_path])) == []


def test_static_images_in_numbered_folders_are_a_path(tmp_path, hop):
    for k, atoms in enumerate(hop):
        write_outcar(tmp_path / "images" / f"{k:02d}" / "OUTCAR", [atoms], STATIC)
    assert path_of(tmp_path / "images").error is None


def test_folders_named_as_a_path_are_one(tmp_path):
    for a in (3.4, 3.5, 3.6, 3.7):
        write_vasprun(tmp_path / "ev" / f"a{a}" / "vasprun.xml", [label(bulk("Cu", a=a))], STATIC)
    assert find_paths(read_runs([tmp_path / "ev"])) == []
    path = path_of(named=[tmp_path / "ev"])
    assert path.error is None
    assert path.kind == "strain"
    assert len(path.frames) == 4


def test_one_file_may_hold_several_paths(tmp_path, hop):
    named = []
    for kind, images in (("one", hop), ("two", hop[::-1])):
        for atoms in images:
            atoms = label(atoms)
            atoms.info["config_type"] = kind
            named.append(atoms)
    ase.io.write(tmp_path / "both.xyz", named)
    found = find_paths(read_runs([tmp_path / "both.xyz"]), [str(tmp_path / "both.xyz")])
    assert [p.name for p in found] == ["one", "two"]
    # the same frames again are still a path of their own
    assert [len(p.frames) for p in found] == [5, 5]


# --- in a check-up -----------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path, hop):
    ase.io.write(tmp_path / "hop.xyz", hop)
    return str(tmp_path / "hop.xyz")


def test_a_file_named_as_a_path_is_read_once_and_not_relaxed(file):
    system = find_system(EMT(), [], Settings(paths=(file,)))
    assert [p.name for p in system.paths] == ["hop"]
    assert system.references == ()
    assert [len(s.frames) for s in system.frames] == [5]
    both = find_system(EMT(), [file], Settings(paths=(file,)))
    assert [len(s.frames) for s in both.frames] == [5]
    assert both.references


def test_a_missing_path_is_a_mistake():
    with pytest.raises(InputError, match=r"--path nowhere: no such file"):
        find_system(EMT(), [], Settings(paths=("nowhere",)))


@pytest.mark.slow
def test_the_verdict_is_about_barriers(file):
    settings = Settings(only=("paths",), paths=(file,))
    calculator = Scaled(EMT(), 0.4)
    run = run_checkup(calculator, plan_checkup(calculator, [], settings))
    answers = {a.use: a.answer for a in run.uses}
    assert answers["defects"] == "no"
    assert answers["energies"] == "with care"
    assert answers["relax"] == "not tested"
    (panel,) = Paths().figures(compare_runs([run]).models)
    assert panel.subjects == ("hop",)
    assert "-60 %" in panel.alt.replace("−", "-")
    (table, *_) = Paths().tables(compare_runs([run]).models)
    (line,) = table.rows
    assert "0.317 / 0.792" in " ".join(line)


@pytest.mark.slow
def test_without_a_path_it_says_what_to_give(tmp_path):
    ase.io.write(tmp_path / "cu.xyz", label(bulk("Cu", a=3.6)))
    plan = plan_checkup(EMT(), [str(tmp_path / "cu.xyz")])
    assert plan.not_run["paths"] == "no path: give NEB images, or --path FILE"


def test_a_model_that_fails_at_an_image_fails(hop):
    class Breaks(Faulty):
        def spoil(self, atoms):
            if abs(self.results["energy"] - energies(hop).max()) < 1e-6:
                raise RuntimeError("out of order")

    row = row_of(Breaks(EMT()), path_in(hop))
    assert statuses(row)["barrier"] == "fail"
    assert row.failures[0][0] == "hop[2]"


@pytest.mark.slow
def test_command_line_takes_paths(run_cli, file):
    status, out, err = run_cli("run", "-b", "ase:emt", "--path", file, "--only", "paths")
    assert status == 0
    assert "hop (5 images)" in err
    assert "this model's own" in out


# --- real models -------------------------------------------------------------------------------


@pytest.mark.slow
def test_chgnet_is_soft_along_the_hop(chgnet, hop):
    row = compare_path(chgnet, path_in(hop))
    assert row.failures == ()
    reference, model = row.heights["forward"]
    assert 0.4 < model / reference < 1.0
    assert row.top(row.model) == pytest.approx(0.5, abs=0.01)
    assert statuses(row)["shape of a path"] == "ok"


@pytest.mark.slow
def test_chgnet_pulls_iron_apart_too_easily(chgnet, data_dir):
    source = data_dir / "surfaces" / "fe-gap22-DB11.xyz"
    found = find_paths(read_runs([source]), [str(source)])
    assert len(found) == 19
    # beside the rigid ones copies whose atoms are displaced at random
    assert [p.error is None for p in found] == [True] * 4 + [False] * 15
    assert {p.error for p in found[4:]} == {RANDOM}
    # works of separation of model and reference, eV per cell
    known = {"100": (1.53, 2.56), "110": (0.82, 1.76), "111": (3.15, 4.93), "112": (1.95, 3.28)}
    for path, (facet, heights) in zip(found[:4], known.items(), strict=True):
        assert path.name == f"surface_sep_{facet}"
        assert path.coordinate[-1] == pytest.approx(4, abs=1e-3)
        row = compare_path(chgnet, path)
        assert row.shape == "rise"
        reference, model = row.heights[""]
        assert (model, reference) == pytest.approx(heights, abs=0.02)
