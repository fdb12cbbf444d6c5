"""Labelled frames: which labels are read, what is one run, and what a set says of itself."""

from __future__ import annotations

import itertools
import re
import shutil
from pathlib import Path

import ase.db
import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.calculator import InputError
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.constraints import FixAtoms
from hypothesis import given
from hypothesis import strategies as st
from vasp_files import write_outcar, write_vasprun

from mlipcheck.references.frame_sets import FrameSet, frames_from_atoms
from mlipcheck.references.inputs import load_frame_sets, load_references
from mlipcheck.references.level_of_theory import split_levels
from mlipcheck.references.reader import read_runs

NAN, INF = float("nan"), float("inf")


def labelled(atoms, energy=-1.0, forces=0.5, **others):
    """Attach labels; forces may be one number for all."""
    results = {"energy": energy, "forces": forces} | others
    if isinstance(results["forces"], float):
        results["forces"] = np.full((len(atoms), 3), results["forces"])
    results = {name: value for name, value in results.items() if value is not None}
    atoms.calc = SinglePointCalculator(atoms)
    atoms.calc.results = results  # also what its constructor would refuse
    return atoms


def crystals(*lattice_constants, energy=-1.0):
    return [labelled(bulk("Cu", a=a), energy) for a in lattice_constants]


# --- the labels of one structure ---------------------------------------------------------------


def test_labels_are_the_results_of_the_calculator():
    atoms = bulk("Cu", cubic=True)
    forces = np.arange(12.0).reshape(4, 3)
    found = frames_from_atoms([labelled(atoms, -3.5, forces, stress=np.arange(6.0))])
    (frame,) = found.frames
    assert (found.error, found.notes, frame.error, frame.notes) == (None, (), None, ())
    assert (frame.name, frame.run, frame.zero, frame.energy) == ("frames", "frames", "", -3.5)
    np.testing.assert_array_equal(frame.forces, forces)
    np.testing.assert_array_equal(frame.stress, np.arange(6.0))
    assert frame.atoms.calc is None
    assert frame.atoms is not atoms
    assert atoms.calc is not None


def test_frames_do_not_change_with_what_they_were_read_from():
    atoms = labelled(bulk("Cu"), forces=np.ones((1, 3)))
    (frame,) = frames_from_atoms([atoms]).frames
    atoms.positions += 1.0
    atoms.calc.results["forces"] *= 7.0
    np.testing.assert_array_equal(frame.forces, np.ones((1, 3)))
    np.testing.assert_array_equal(frame.atoms.positions, np.zeros((1, 3)))


def test_no_calculation_is_ever_started(monkeypatch):
    atoms = bulk("Cu", cubic=True).repeat((2, 1, 1))
    atoms.rattle(0.05, seed=0)
    atoms.calc = EMT()
    monkeypatch.setattr(EMT, "calculate", lambda *a, **k: pytest.fail("calculated"))
    found = frames_from_atoms([atoms, labelled(bulk("Cu"))])
    assert [f.error for f in found.frames] == ["no labels", None]


def test_results_of_a_live_calculator_are_labels():
    atoms = bulk("Cu", cubic=True)
    atoms.rattle(0.05, seed=0)
    atoms.calc = EMT()
    energy, forces = atoms.get_potential_energy(), atoms.get_forces()
    (frame,) = frames_from_atoms([atoms]).frames
    assert frame.energy == energy
    np.testing.assert_array_equal(frame.forces, forces)


def test_one_calculator_of_many_images_labels_only_the_last():
    images = [bulk("Cu", a=a, cubic=True) for a in (3.5, 3.6)]
    calc = EMT()
    for atoms in images:
        atoms.calc = calc
        atoms.get_forces()
    found = frames_from_atoms(images)
    assert found.frames[0].error == "the calculator's results are of other cell and positions"
    assert found.frames[0].energy is None
    assert found.frames[1].energy == images[1].get_potential_energy()
    assert "1 of 2 frames cannot be used: the calculator's results are of" in found.notes[-1]


def with_names(prefix, **values):
    atoms = bulk("Cu", cubic=True)
    for name, value in values.items():
        (atoms.arrays if name == "forces" else atoms.info)[prefix + name] = value
    return atoms


@pytest.mark.parametrize("prefix", ["REF_", "dft_"])
def test_labels_have_other_names_too(tmp_path, prefix):
    forces, stress = np.arange(12.0).reshape(4, 3), np.diag([1.0, 2.0, 3.0])
    path = tmp_path / "cu.extxyz"
    ase.io.write(path, with_names(prefix, energy=-2.0, forces=forces, stress=stress))
    (found,) = load_frame_sets(path)
    (frame,) = found.frames
    assert frame.energy == -2.0
    np.testing.assert_array_equal(frame.forces, forces)
    np.testing.assert_array_equal(frame.stress, [1, 2, 3, 0, 0, 0])
    names = ", ".join(prefix + name for name in ("energy", "forces", "stress"))
    assert found.notes == (f"labels read from {names}",)


@pytest.mark.parametrize("bad", [NAN, INF, -INF])
@pytest.mark.parametrize("label", ["energy", "forces", "stress"])
def test_what_is_not_finite_is_left_out_and_noted(label, bad):
    labels = {"energy": -1.0, "forces": np.ones((4, 3)), "stress": np.ones(6)}
    labels[label] = np.array(labels[label], dtype=float)
    labels[label].flat[-1] = bad
    (frame,) = frames_from_atoms([labelled(bulk("Cu", cubic=True), **labels)]).frames
    assert getattr(frame, label) is None
    assert frame.notes == (f"{'NaN' if np.isnan(bad) else 'infinite'} {label} left out",)
    assert frame.error is None
    kept = {"energy", "forces", "stress"} - {label}
    assert all(getattr(frame, name) is not None for name in kept)


@pytest.mark.parametrize(
    ("label", "value", "why"),
    [
        ("forces", np.ones((3, 3)), r"forces of shape \(3, 3\), where \(4, 3\) is expected"),
        ("forces", np.ones(12), r"forces of shape \(12,\)"),
        ("forces", "many", "forces that cannot be read as numbers"),
        ("forces", [[1.0], [1.0, 2.0]], "forces that cannot be read as numbers"),
        ("energy", np.ones(4), r"energy of shape \(4,\), where \(\) is expected"),
        ("energy", "low", "energy that cannot be read as numbers"),
        ("stress", np.ones(5), r"stress of shape \(5,\)"),
    ],
)
def test_what_has_a_wrong_shape_is_left_out_and_noted(label, value, why):
    labels = {"energy": -1.0, "forces": np.ones((4, 3)), "stress": np.ones(6), label: value}
    (frame,) = frames_from_atoms([labelled(bulk("Cu", cubic=True), **labels)]).frames
    assert getattr(frame, label) is None
    assert re.search(f"{why}.* left out", frame.notes[0])
    assert frame.error is None


def test_a_frame_all_of_whose_labels_are_bad_has_an_error():
    bad = labelled(bulk("Cu"), NAN, np.full((1, 3), INF))
    found = frames_from_atoms([bad, labelled(bulk("Cu", a=3.7))])
    assert found.error is None
    assert found.frames[0].error == "NaN energy left out; infinite forces left out"
    assert (found.frames[0].energy, found.frames[0].forces) == (None, None)
    assert any(note.startswith("1 of 2 frames cannot be used: NaN energy") for note in found.notes)


@pytest.mark.parametrize("shape", [(6,), (9,), (3, 3)])
def test_stress_is_in_voigt_order(shape):
    full = np.array([[1.0, 6.0, 5.0], [6.0, 2.0, 4.0], [5.0, 4.0, 3.0]])
    stress = np.arange(1.0, 7.0) if shape == (6,) else full.reshape(shape)
    (frame,) = frames_from_atoms([labelled(bulk("Cu"), stress=stress)]).frames
    np.testing.assert_array_equal(frame.stress, np.arange(1.0, 7.0))


def test_only_what_is_periodic_in_three_directions_has_a_stress():
    atoms = bulk("Cu")
    atoms.pbc = [True, True, False]
    (frame,) = frames_from_atoms([labelled(atoms, stress=np.ones(6))]).frames
    assert frame.stress is None
    assert "not periodic in three directions" in frame.notes[0]
    assert frame.energy == -1.0


def test_an_energy_in_an_array_of_one_is_a_number():
    (frame,) = frames_from_atoms([labelled(bulk("Cu"), np.array([-2.0]))]).frames
    assert frame.energy == -2.0
    assert isinstance(frame.energy, float)


# --- constraints -------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", ["slab.extxyz", "slab.traj", "slab.db"])
def test_constraints_do_not_mask_the_labels(tmp_path, name):
    slab = bulk("Cu", cubic=True)
    slab.set_constraint(FixAtoms([0, 2]))
    path = tmp_path / name
    ase.io.write(path, labelled(slab))
    read = ase.io.read(path)
    assert [c.index.tolist() for c in read.constraints] == [[0, 2]]  # they are in the file
    (found,) = load_frame_sets(path)
    np.testing.assert_array_equal(found.frames[0].forces, np.full((4, 3), 0.5))
    assert found.frames[0].atoms.constraints == []


def test_selective_dynamics_do_not_mask_the_labels(tmp_path):
    atoms = labelled(bulk("Cu", cubic=True))
    path = write_vasprun(tmp_path / "vasprun.xml", [atoms], fixed=[1, 3])
    read = ase.io.read(path)
    assert read.get_forces()[1].tolist() == [0, 0, 0]  # ASE masks them
    (found,) = load_frame_sets(path)
    np.testing.assert_array_equal(found.frames[0].forces, np.full((4, 3), 0.5))
    assert found.frames[0].atoms.constraints == []


# --- runs --------------------------------------------------------------------------------------


def test_frames_that_follow_each_other_with_the_same_atoms_are_one_run():
    images = [*crystals(3.5, 3.6), labelled(bulk("Al")), *crystals(3.7)]
    found = frames_from_atoms(images, "mixed")
    assert [f.name for f in found.frames] == [f"mixed[{k}]" for k in range(4)]
    assert [f.run for f in found.frames] == [*["mixed[0:2]"] * 2, "mixed[2:3]", "mixed[3:4]"]
    assert found.notes == ("4 frames of 3 runs",)
    assert {f.zero for f in found.frames} == {""}


@pytest.mark.parametrize(
    "other",
    [
        Atoms("OH", [[0, 0, 0], [0, 0, 1]]),
        Atoms("HO", [[0, 0, 0], [0, 0, 1]], pbc=True, cell=[9] * 3),
    ],
    ids=["order", "pbc"],
)
def test_another_order_or_pbc_is_another_run(other):
    images = [labelled(a) for a in (Atoms("HO", [[0, 0, 0], [0, 0, 1]]), other)]
    assert len({f.run for f in frames_from_atoms(images).frames}) == 2


def test_ids_tell_runs_apart_and_join_them():
    images = crystals(3.5, 3.6, 3.7, 3.8)
    for atoms, run in zip(images, "abba", strict=True):
        atoms.info["mptrj_traj_id"] = run
    assert [f.run for f in frames_from_atoms(images).frames] == list("abba")
    for k, atoms in enumerate(images):
        atoms.info = {"internal_id": f"id-{k}"}
    assert len({f.run for f in frames_from_atoms(images).frames}) == 4
    for k, atoms in enumerate(images):
        atoms.info = {"mptrj_snapshot_id": f"mp-{k // 2}-0-{k}"}
    assert [f.run for f in frames_from_atoms(images).frames] == ["mp-0", "mp-0", "mp-1", "mp-1"]


def test_rows_of_a_database_stand_for_themselves(tmp_path):
    for atoms in crystals(3.5, 3.6, 3.7):
        ase.io.write(tmp_path / "rows.db", atoms, append=(tmp_path / "rows.db").exists())
    (found,) = load_frame_sets(tmp_path / "rows.db")
    assert [f.run for f in found.frames] == ["rows[0]", "rows[1]", "rows[2]"]
    ase.io.write(tmp_path / "rows.traj", crystals(3.5, 3.6, 3.7))
    (found,) = load_frame_sets(tmp_path / "rows.traj")
    assert {f.run for f in found.frames} == {"rows"}


def test_rows_of_a_database_may_name_their_run(tmp_path):
    path = tmp_path / "rows.db"
    with ase.db.connect(path) as rows:
        for atoms, run in zip(crystals(3.5, 3.6, 3.7), "aab", strict=True):
            rows.write(atoms, mptrj_traj_id=f"mp-{run}")
    (found,) = load_frame_sets(path)
    assert [f.run for f in found.frames] == ["mp-a", "mp-a", "mp-b"]


@pytest.mark.slow
@given(st.lists(st.sampled_from(["Cu", "Al", "Ag"]), min_size=1, max_size=12))
def test_runs_are_the_stretches_of_equal_frames(symbols):
    images = [labelled(bulk(s), -1.0 - k) for k, s in enumerate(symbols)]
    frames = frames_from_atoms(images).frames
    for k in range(1, len(frames)):
        assert (frames[k].run == frames[k - 1].run) == (symbols[k] == symbols[k - 1])
    stretches = 1 + sum(a != b for a, b in itertools.pairwise(symbols))
    assert len({f.run for f in frames}) == stretches


# --- what a set says of itself -----------------------------------------------------------------


def test_what_is_missing_in_some_frames_is_counted():
    images = crystals(3.5, 3.6, 3.7, 3.8)
    del images[1].calc.results["forces"]
    del images[2].calc.results["energy"]
    images[3].calc.results["forces"] = np.full((1, 3), NAN)
    images[0].calc.results["stress"] = np.ones(6)
    found = frames_from_atoms(images)
    assert found.notes == (
        "4 frames of 1 run",
        "1 of 4 frames have no energy",
        "2 of 4 frames have no forces",
        "3 of 4 frames have no stress",
        "NaN forces left out (1 of 4 frames: frames[3])",
    )
    assert found.error is None
    assert all(f.error is None for f in found.frames)


def test_a_set_without_any_label_says_what_was_looked_for():
    found = frames_from_atoms([bulk("Cu"), bulk("Cu", a=3.7)], "cu", "cu.xyz")
    assert found.error.startswith("cu.xyz: no labels; looked for ")
    assert "energy, forces, stress, virial, also after REF_ or dft_" in found.error
    assert "--label-keys" not in found.error
    assert found.frames == ()


def test_labels_of_other_names_are_named_with_the_fix(tmp_path):
    atoms = with_names("my", energy=-1.0, forces=np.ones((4, 3)))
    atoms.info |= {"energy_unit": "eV", "temperature": 300.0}
    path = tmp_path / "cu.xyz"
    ase.io.write(path, atoms, format="extxyz")
    (found,) = load_frame_sets(path)
    assert f"{path}: no labels" in found.error
    assert "--label-keys energy=myenergy,forces=myforces" in found.error
    assert "unit" not in found.error
    assert "\n" not in found.error


def test_a_set_whose_labels_are_all_bad_says_so():
    found = frames_from_atoms([labelled(bulk("Cu"), NAN, None), bulk("Cu", a=3.7)])
    assert found.error.startswith("Atoms: no frame has a label that can be used: ")
    assert "NaN energy left out (1 of 2 frames)" in found.error


def test_no_frames_at_all_is_an_error():
    assert "no frames" in frames_from_atoms([]).error


# --- samples -----------------------------------------------------------------------------------


@given(st.integers(1, 12), st.integers(1, 15), st.integers(0, 99))
def test_a_sample_is_drawn_once_each_and_in_order(total, n, seed):
    found = FrameSet("x", "x", tuple(range(total)))  # frames are not looked at
    drawn = found.sample(n, seed)
    assert len(drawn.frames) == len(set(drawn.frames)) == min(n, total)
    assert list(drawn.frames) == sorted(drawn.frames)
    assert drawn.frames == found.sample(n, seed).frames
    if n >= total:
        assert drawn is found
    else:
        assert drawn.notes[-1] == f"{n} of {total} frames, seed {seed}"


def test_samples_depend_on_their_seed():
    found = FrameSet("x", "x", tuple(range(50)))
    assert found.sample(10, 0).frames != found.sample(10, 1).frames
    assert found.sample(10, 0).frames != tuple(range(10))


@pytest.mark.parametrize("n", [0, -3])
def test_an_empty_sample_is_refused(n):
    with pytest.raises(InputError, match=f"a sample of {n} frames is empty; give 1 or more"):
        FrameSet("x", "x").sample(n, 0)


# --- what can be named -------------------------------------------------------------------------


def test_items_of_every_kind(tmp_path):
    path = tmp_path / "cu.xyz"
    ase.io.write(path, crystals(3.5, 3.6), format="extxyz")
    ready = frames_from_atoms(crystals(3.5), "ready")
    found = load_frame_sets([path, str(path), ready, crystals(3.6, 3.7), crystals(3.8)])
    assert [len(s.frames) for s in found] == [2, 1, 2, 1]
    assert [s.name for s in found] == ["cu", "ready", "frames", "frames #2"]
    assert found[1].frames is ready.frames
    (together,) = load_frame_sets(crystals(3.5, 3.6, 3.7))
    assert len(together.frames) == 3


def test_equal_names_get_their_folders(tmp_path):
    for name, a in {"a": 3.6, "b": 3.7}.items():
        (tmp_path / name).mkdir()
        ase.io.write(tmp_path / name / "cu.xyz", crystals(a), format="extxyz")
    found = load_frame_sets([tmp_path / "a" / "cu.xyz", tmp_path / "b" / "cu.xyz"])
    assert [s.name for s in found] == ["a/cu", "b/cu"]
    two = load_frame_sets([crystals(3.5), crystals(3.6)])
    assert [s.name for s in two] == ["frames", "frames #2"]


@pytest.mark.parametrize("nothing", [[], 3, [3], [[1, 2]], [None]])
def test_what_holds_no_frames_is_refused(nothing):
    with pytest.raises(InputError, match="no frames"):
        load_frame_sets(nothing)


def test_an_empty_list_of_atoms_is_a_set_with_its_error():
    (found,) = load_frame_sets([[]])
    assert found.error == "Atoms: no frames in it; give structures with energies or forces"


@pytest.mark.parametrize(
    ("name", "use"),
    [
        ("diatomics-pbe", "mlipcheck dimer --reference pbe"),
        ("acwf-unaries", "mlipcheck relax acwf-unaries"),
        ("dcdft", "mlipcheck relax dcdft"),
        ("kitchin-111", "mlipcheck run Cu Pt"),
    ],
)
def test_data_without_labelled_frames_name_their_use(name, use):
    with pytest.raises(InputError, match=f"{name} has no labelled frames, it is for {use}"):
        load_frame_sets(name)


def test_a_misspelt_data_set_names_the_known_ones():
    (found,) = load_frame_sets("random-tp")
    assert found.error.startswith("random-tp: no such file; data sets: mptrj-random-1k, random-TP")


@pytest.mark.slow
def test_the_name_of_a_data_set_wins_unless_there_is_a_separator(tmp_path, monkeypatch, data_dir):
    monkeypatch.chdir(tmp_path)
    Path("random-TP").mkdir()
    ase.io.write("random-TP/cu.xyz", crystals(3.6), format="extxyz")
    (folder,) = load_frame_sets("./random-TP")
    assert len(folder.frames) == 1
    (dataset,) = load_frame_sets("random-TP")
    assert len(dataset.frames) == 693


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "frames", "runs", "distribution"),
    [("mptrj-random-1k", 1000, 998, "in"), ("random-TP", 693, 693, "out")],
)
def test_data_sets_of_labelled_frames(data_dir, name, frames, runs, distribution):
    (found,) = load_frame_sets(name)
    assert (found.name, found.error, len(found.frames)) == (name, None, frames)
    assert len({f.run for f in found.frames}) == runs
    assert all(f.error is None and f.notes == () for f in found.frames)
    assert all(f.stress is not None and f.forces.shape == (len(f.atoms), 3) for f in found.frames)
    assert (found.energy_convention, found.distribution) == ("raw", distribution)
    assert "PBE+U" in found.level_of_theory
    assert str(data_dir) not in found.source


def test_relaxed_crystals_are_frames_with_energies_only(data_dir):
    (found,) = load_frame_sets("wbm-equilibrium")
    assert (len(found.frames), found.error) == (972, None)
    assert all(f.energy < 0 and f.forces is None for f in found.frames)
    assert len({f.run for f in found.frames}) == 972
    assert "972 of 972 frames have no forces" in found.notes


# --- VASP runs ---------------------------------------------------------------------------------


@pytest.mark.slow
def test_real_runs(data_dir):
    (phosphate,) = load_frame_sets(data_dir / "vasp" / "LiFePO4_relax_pymatgen")
    assert (phosphate.name, len(phosphate.frames)) == ("LiFePO4_relax_pymatgen", 29)
    assert phosphate.frames[3].name == "LiFePO4_relax_pymatgen[3]"
    assert {f.run for f in phosphate.frames} == {"LiFePO4_relax_pymatgen"}
    assert {f.zero for f in phosphate.frames} == {""}
    assert all(f.stress.shape == (6,) for f in phosphate.frames)
    # its INCAR has LHFCALC = T and HFSCREEN = 0.207: -10.8 eV/atom, where PBE has about -7
    assert phosphate.level_of_theory == "HSE06, VASP"
    (silicon,) = load_frame_sets(data_dir / "vasp" / "Si_relax_atomate")
    assert (len(silicon.frames), silicon.level_of_theory) == (3, "PBE, VASP")
    assert silicon.frames[-1].energy == pytest.approx(-10.8467, abs=1e-4)
    assert silicon.settings.hubbard_u == {}


def test_two_displaced_cells_are_two_runs_of_one_zero(data_dir):
    (found,) = load_frame_sets(data_dir / "vasp" / "phonopy")
    assert (found.name, found.level_of_theory) == ("phonopy", "PBE, VASP")
    names = [f"NaCl64_displaced_00{k}_vasprun" for k in (1, 2)]
    assert [f.name for f in found.frames] == names
    assert [f.run for f in found.frames] == names
    assert [f.zero for f in found.frames] == ["", ""]


@pytest.mark.slow
def test_a_tree_is_one_set_for_each_level(data_dir):
    found = load_frame_sets(data_dir / "vasp")
    assert [s.name for s in found] == ["vasp (HSE06)", "vasp (PBE)"]
    assert [len(s.frames) for s in found] == [29, 8]
    assert len({f.run for f in found[1].frames}) == 4
    assert all("mixed levels of theory: split" in s.notes for s in found)


def run_of(*lattice_constants, symbols="Cu"):
    return [labelled(bulk(symbols, a=a), -a) for a in lattice_constants]


@pytest.mark.parametrize(
    ("names", "zeros"),
    [
        (["vasprun.xml.relax1", "vasprun.xml.relax2"], ["relax1", "relax2"]),
        (["vasprun.relax1.xml", "vasprun.relax2.xml"], ["relax1", "relax2"]),
        (["vasprun.xml", "vasprun.xml.1"], ["", "1"]),
        (["vasprun.xml.relax2"], [""]),
        (["disp-001_vasprun.xml", "disp-002_vasprun.xml"], ["", ""]),
    ],
)
def test_restarts_in_one_folder_are_runs_with_zeros_of_their_own(tmp_path, names, zeros):
    for k, name in enumerate(names):
        write_vasprun(tmp_path / "cu" / name, run_of(3.5 + k, 3.6 + k))
    (found,) = load_frame_sets(tmp_path / "cu")
    assert found.name == "cu"
    assert [f.zero for f in found.frames] == [z for z in zeros for _ in range(2)]
    assert len({f.run for f in found.frames}) == len(names)
    assert len({f.name for f in found.frames}) == 2 * len(names)


U_TAGS = {"LDAU": "T", "LDAUTYPE": "2", "LDAUL": "2 -1", "LDAUU": "5.3 0", "LDAUJ": "0 0"}


def oxide(metal="Fe"):
    atoms = bulk(f"{metal}O", "rocksalt", a=4.3)
    return [labelled(atoms, -10.0)]


def test_mixed_levels_in_a_folder_are_split(tmp_path):
    write_vasprun(tmp_path / "mix" / "a" / "vasprun.xml", oxide())
    write_vasprun(tmp_path / "mix" / "b" / "vasprun.xml", oxide(), U_TAGS)
    found = load_frame_sets(tmp_path / "mix")
    assert [s.name for s in found] == ["mix (PBE)", "mix (PBE+U)"]
    assert [s.level_of_theory for s in found] == ["PBE, VASP", "PBE+U, VASP"]
    assert [[f.name for f in s.frames] for s in found] == [["a"], ["b"]]
    assert all("mixed levels of theory: split" in s.notes for s in found)
    assert found[1].settings.hubbard_u == {"Fe": 5.3, "O": 0.0}


def test_other_values_of_u_are_another_level_but_other_elements_are_not(tmp_path):
    write_vasprun(tmp_path / "u" / "a" / "vasprun.xml", oxide(), U_TAGS)
    cobalt = U_TAGS | {"LDAUU": "3.32 0"}
    write_vasprun(tmp_path / "u" / "b" / "vasprun.xml", oxide("Co"), cobalt)
    (found,) = load_frame_sets(tmp_path / "u")
    assert found.settings.hubbard_u == {"Fe": 5.3, "Co": 3.32, "O": 0.0}
    write_vasprun(tmp_path / "u" / "c" / "vasprun.xml", oxide(), U_TAGS | {"LDAUU": "4 0"})
    found = load_frame_sets(tmp_path / "u")
    assert [s.name for s in found] == ["u (PBE+U, U Fe 5.3 Co 3.32)", "u (PBE+U, U Fe 4)"]
    assert [len(s.frames) for s in found] == [2, 1]


@pytest.mark.parametrize(
    ("metals", "spins", "expected"),
    [
        ("Fe Co", "2 1", "not spin-polarized"),  # Co without spin is doubted, whichever is first
        ("Co Fe", "1 2", "not spin-polarized"),
        ("Mg Fe", "1 2", "spin-polarized"),  # Mg without spin is not
        ("Fe Mg", "2 1", "spin-polarized"),
    ],
)
def test_spin_of_several_runs_is_that_of_their_magnets(tmp_path, metals, spins, expected):
    for metal, spin in zip(metals.split(), spins.split(), strict=True):
        write_vasprun(tmp_path / "s" / metal / "vasprun.xml", oxide(metal), {"ISPIN": spin})
    names = sorted(tmp_path.glob("s/*/*"), key=lambda p: metals.index(p.parent.name))
    settings = join_all([read_runs([name])[0].settings for name in names])
    assert settings.spin == expected
    (found,) = load_frame_sets(tmp_path / "s")
    assert found.settings.spin == expected


def join_all(settings):
    frame = frames_from_atoms(oxide()).frames[0]
    (level,) = split_levels([(frame, one) for one in settings])
    return level.settings


def test_files_of_any_run_that_disagree_cast_doubt_on_the_set(tmp_path):
    write_vasprun(tmp_path / "d" / "a" / "vasprun.xml", oxide(), {"GGA": "PE"})
    write_vasprun(tmp_path / "d" / "b" / "vasprun.xml", oxide("Mg"), {"GGA": "PE"})
    write_outcar(tmp_path / "d" / "b" / "OUTCAR", oxide("Mg"), {"GGA": "PS"})
    (found,) = load_frame_sets(tmp_path / "d")
    (doubt,) = found.doubts
    assert doubt.text == "the files of the reference disagree: GGA = PE and PS"


@pytest.mark.parametrize("key", ["functional", "level_of_theory", "xc"])
def test_levels_that_the_frames_name_are_split(tmp_path, key):
    images = crystals(3.5, 3.6, 3.7)
    for atoms, level in zip(images, ("PBE", "r2SCAN", "PBE"), strict=True):
        atoms.info[key] = level
    path = tmp_path / "cu.xyz"
    ase.io.write(path, images, format="extxyz")
    found = load_frame_sets(path)
    assert [(s.name, s.level_of_theory, len(s.frames)) for s in found] == [
        ("cu (PBE)", "PBE", 2),
        ("cu (r2SCAN)", "r2SCAN", 1),
    ]
    assert [f.name for f in found[0].frames] == ["cu[0]", "cu[2]"]
    one = frames_from_atoms(images[::2])
    assert one.level_of_theory == "PBE"


@pytest.mark.parametrize("key", ["charge", "total_charge"])
def test_a_charge_that_the_file_states_is_a_doubt(tmp_path, key):
    ions = crystals(3.5, 3.6, 3.7)
    ions[1].info[key] = 1.0
    ions[2].info[key] = 0
    path = tmp_path / "cu.xyz"
    ase.io.write(path, ions, format="extxyz")
    neutral, charged = load_frame_sets(path)
    assert (len(neutral.frames), neutral.doubts) == (2, ())
    assert [d.kind for d in charged.doubts] == ["charged"]
    assert charged.name == "cu (level of theory unknown, charge +1)"
    ase.io.write(path, ions[1], format="extxyz")
    (reference,) = load_references(path)
    assert "charged" in [d.kind for d in reference.doubts]


def test_a_relaxed_structure_has_the_level_that_its_file_states(tmp_path):
    (atoms,) = crystals(3.6)
    atoms.info["functional"] = "HSE06"
    ase.io.write(tmp_path / "cu.xyz", atoms, format="extxyz")
    for item in (tmp_path / "cu.xyz", atoms):
        assert load_references(item)[0].level_of_theory == "HSE06"


# --- what cannot be read -----------------------------------------------------------------------


def cut(path: Path, keep: float = 0.5) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: int(keep * len(data))])


def test_a_run_that_was_cut_off_gives_its_complete_steps(tmp_path):
    path = write_vasprun(tmp_path / "vasprun.xml", run_of(3.5, 3.6))
    cut(path, 0.9)
    (found,) = load_frame_sets(path)
    assert (found.error, len(found.frames)) == (None, 1)
    assert "truncated, its run did not finish: 1 complete step read" in found.notes
    cut(path, 0.3)
    (found,) = load_frame_sets(path)
    assert found.error.startswith(f"{path}: truncated")
    assert found.frames == ()


@pytest.mark.parametrize("broken", ["vasprun.xml", "OUTCAR"])
def test_a_folder_falls_back_to_the_file_that_reads(data_dir, tmp_path, broken):
    shutil.copytree(data_dir / "vasp" / "Si_relax_atomate", tmp_path / "Si")
    cut(tmp_path / "Si" / broken)
    (found,) = load_frame_sets(tmp_path / "Si")
    assert (found.error, len(found.frames)) == (None, 3)
    assert all(f.forces is not None for f in found.frames)
    notes = [note for note in found.notes if "truncated" in note]
    if broken == "vasprun.xml":
        assert notes[0].endswith("read OUTCAR instead")
    else:
        assert notes == []  # it was not needed


def test_a_run_all_of_whose_files_are_cut_names_them(data_dir, tmp_path):
    shutil.copytree(data_dir / "vasp" / "Si_relax_atomate", tmp_path / "Si")
    for name in ("vasprun.xml", "OUTCAR"):
        (tmp_path / "Si" / name).write_bytes((tmp_path / "Si" / name).read_bytes()[:2000])
    (found,) = load_frame_sets(tmp_path / "Si")
    assert all(name in found.error for name in ("vasprun.xml: truncated", "OUTCAR: truncated"))
    assert "\n" not in found.error


def test_outcar_and_vasprun_carry_the_same_labels(data_dir):
    (outcar,) = load_frame_sets(data_dir / "vasp" / "Li_relax_pymatgen" / "OUTCAR")
    (vasprun,) = load_frame_sets(data_dir / "vasp" / "Li_relax_pymatgen" / "vasprun.xml.gz")
    assert outcar.name == vasprun.name == "Li_relax_pymatgen"
    assert outcar.level_of_theory == vasprun.level_of_theory == "PBE, VASP"
    for a, b in zip(outcar.frames, vasprun.frames, strict=True):
        assert a.energy == pytest.approx(b.energy, abs=1e-6)
        np.testing.assert_allclose(a.forces, b.forces, atol=1e-5)
        np.testing.assert_allclose(a.stress, b.stress, atol=1e-5)


def test_one_bad_file_does_not_take_the_good_ones_along(tmp_path):
    good = tmp_path / "all" / "good"
    write_vasprun(good / "vasprun.xml", run_of(3.5, 3.6))
    cut(write_vasprun(tmp_path / "all" / "bad" / "vasprun.xml", run_of(3.5, 3.6)), 0.3)
    ase.io.write(tmp_path / "all" / "bare.xyz", bulk("Cu"), format="extxyz")
    found = load_frame_sets([tmp_path / "all", tmp_path / "missing.xyz"])
    assert [s.name for s in found] == ["all", "bad/vasprun.xml", "bare", "missing.xyz"]
    assert [len(s.frames) for s in found] == [2, 0, 0, 0]
    assert "truncated" in found[1].error
    assert "no labels" in found[2].error
    assert found[3].error == f"{tmp_path / 'missing.xyz'}: no such file"


@pytest.mark.parametrize("name", ["CONTCAR", "POSCAR"])
def test_a_structure_alone_holds_no_labels(tmp_path, name):
    ase.io.write(tmp_path / name, bulk("Cu"), format="vasp")
    (found,) = load_frame_sets(tmp_path / name)
    assert found.error == (
        f"{tmp_path / name}: a structure without labels; give its vasprun.xml or OUTCAR"
    )


def test_a_folder_without_labels_says_what_was_looked_for(tmp_path):
    (found,) = load_frame_sets(tmp_path)
    assert found.error.startswith(f"{tmp_path}: nothing to read in it; looked for vasprun.xml")
    ase.io.write(tmp_path / "CONTCAR", bulk("Cu"), format="vasp")
    (found,) = load_frame_sets(tmp_path)
    assert "a structure without labels" in found.error


def test_a_tree_is_searched_but_for_what_is_hidden(tmp_path):
    for k, name in enumerate(("a", "b/deep", ".hidden")):
        write_vasprun(tmp_path / "tree" / name / "vasprun.xml", run_of(3.6 + 0.1 * k))
    (found,) = load_frame_sets(tmp_path / "tree")
    assert [f.name for f in found.frames] == ["a", "deep"]


def test_files_of_one_name_have_frames_and_runs_of_their_own(tmp_path):
    ase.io.write(tmp_path / "cu.xyz", crystals(3.5, 3.6), format="extxyz")
    ase.io.write(tmp_path / "cu.traj", crystals(3.7, 3.8))
    (found,) = load_frame_sets(tmp_path)
    assert len({f.name for f in found.frames}) == 4
    assert len({f.run for f in found.frames}) == 2


def test_a_molecule_is_a_frame_too(tmp_path):
    path = tmp_path / "water.xyz"
    ase.io.write(path, labelled(molecule("H2O"), -14.0), format="extxyz")
    (found,) = load_frame_sets(path)
    assert (found.frames[0].energy, found.frames[0].stress) == (-14.0, None)
    assert found.compositions == {frozenset(["H", "O"])}


def test_a_damaged_second_file_of_a_run_is_told(data_dir, tmp_path):
    """It may have said what vasprun.xml leaves out, as IVDW."""
    shutil.copytree(data_dir / "vasp" / "Si_relax_atomate", tmp_path / "Si")
    (tmp_path / "Si" / "OUTCAR").write_bytes((tmp_path / "Si" / "OUTCAR").read_bytes()[:2000])
    (found,) = load_frame_sets(tmp_path / "Si")
    assert len(found.frames) == 3
    assert [n for n in found.notes if "what it says of the run is not known" in n]
