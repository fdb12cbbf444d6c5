"""Relaxed references: exact clusters, and files good and bad."""

from __future__ import annotations

import gzip
import itertools
import os
import pickle
import re
import shutil
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import InputError
from ase.calculators.singlepoint import SinglePointCalculator
from ase.constraints import FixAtoms

from mlipcheck.references import vasp
from mlipcheck.references.images import read_images
from mlipcheck.references.inputs import as_inputs, load_frame_sets, load_references
from mlipcheck.references.phonons import find_phonons
from mlipcheck.references.structures import morse_clusters

UNFINISHED_XML = b"<?xml version='1.0'?>\n<modeling>\n <generator>\n  <i name='program'>vasp</i>\n"


def labelled(atoms, energy, forces=None):
    """Attach labels, as a file of a real calculation has them."""
    forces = np.zeros((len(atoms), 3)) if forces is None else forces
    atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=forces)
    return atoms


# --- what comes with the package ---------------------------------------------------------------


def morse_sum(positions):
    """Sum V - D_e over pairs, coded anew: D_e = 1 eV, a = 1.7 1/Å, r0 = 1.1 Å."""
    pairs = itertools.combinations(positions, 2)
    return sum((1 - np.exp(-1.7 * (np.linalg.norm(p - q) - 1.1))) ** 2 - 1 for p, q in pairs)


def test_morse_clusters_are_minima_of_the_pair_sum():
    references = morse_clusters()
    assert [len(r.relaxed) for r in references] == [2, 3, 4, 6, 13]
    energies = [r.energy for r in references]
    assert all(e < 0 for e in energies)
    assert energies == sorted(energies, reverse=True)
    for r in references:
        assert r.energy == pytest.approx(morse_sum(r.relaxed.positions), abs=1e-9)
        assert r.fmax < 1e-6
        h = 1e-4
        for axis in range(3):  # the derivative of the independent sum vanishes too
            up, down = r.relaxed.positions.copy(), r.relaxed.positions.copy()
            up[0, axis] += h
            down[0, axis] -= h
            assert abs(morse_sum(up) - morse_sum(down)) / (2 * h) < 1e-5
        assert r.first is not None


def nearest(atoms):
    distances = atoms.get_all_distances()
    return distances[distances > 0].min()


def test_morse_clusters_have_known_bond_lengths():
    by_size = {len(r.relaxed): r.relaxed for r in morse_clusters()}
    for size in (2, 3, 4):  # all pairs at r0
        np.testing.assert_allclose(nearest(by_size[size]), 1.1, atol=1e-6)
    assert nearest(by_size[13]) == pytest.approx(0.925, abs=1e-3)


def test_there_is_no_cluster_of_five():
    with pytest.raises(InputError, match="no cluster of 5 atoms; there are 2, 3, 4, 6, 13"):
        morse_clusters([5])


def test_load_references_takes_what_a_user_names(tmp_path):
    path = tmp_path / "cu.xyz"
    ase.io.write(path, bulk("Cu"))
    (cluster,) = morse_clusters([2])
    found = load_references(
        [cluster, Atoms("N2", [[0, 0, 0], [1.1, 0, 0]]), path, "dcdft", str(path)]
    )
    assert found[0] is cluster
    assert [r.name for r in (*found[1:3], found[-1])] == ["N2", "cu", "cu"]
    assert len(load_references([path, str(path)])) == 1  # copies count once
    assert len(load_references("dcdft")) == 71
    assert len(load_references("morse-clusters")) == 5
    assert len(load_references(bulk("Cu"))) == 1


@pytest.mark.parametrize("nothing", [[], [3], [None]])
def test_load_references_refuses_what_is_none(nothing):
    with pytest.raises(InputError, match="reference"):
        load_references(nothing)


# --- real VASP runs ----------------------------------------------------------------------------


def test_silicon_folder_is_one_reference_from_its_vasprun(data_dir):
    (r,) = load_references([data_dir / "vasp" / "Si_relax_atomate"])
    assert r.error is None
    assert r.notes == ()
    assert r.source.endswith("vasprun.xml")
    assert r.name == "Si_relax_atomate"
    assert r.relaxed.get_chemical_formula() == "Si2"
    assert r.relaxed.get_volume() == pytest.approx(40.90, abs=0.005)
    assert r.cell_free is True  # ISIF = 3
    assert r.level_of_theory == "PBE, VASP"
    assert r.energy == pytest.approx(-10.8467, abs=1e-4)
    assert r.first.get_volume() == pytest.approx(40.04, abs=0.01)
    assert r.relaxed.calc is None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("folder", "frames", "atoms", "volume", "level"),
    [
        ("Li_relax_pymatgen", None, 1, 20.345, "PBE, VASP"),
        # LHFCALC = T, HFSCREEN = 0.207
        ("LiFePO4_relax_pymatgen", 29, 25, 282.777, "HSE06, VASP"),
    ],
)
def test_a_relaxation_is_one_reference_with_its_start(
    data_dir, folder, frames, atoms, volume, level
):
    folder = data_dir / "vasp" / folder
    (r,) = load_references([folder])
    assert r.error is None
    assert len(r.relaxed) == len(r.first) == atoms
    assert r.relaxed.get_volume() == pytest.approx(volume, abs=1e-3)
    assert (r.cell_free, r.level_of_theory) == (True, level)
    assert not np.allclose(r.first.cell[:], r.relaxed.cell[:])
    read = read_images(folder / "vasprun.xml.gz")[0]
    assert frames is None or len(read) == frames
    np.testing.assert_array_equal(r.first.positions, read[0].positions)
    np.testing.assert_array_equal(r.relaxed.positions, read[-1].positions)


def test_phonopy_folder_holds_two_single_points(data_dir):
    found = load_references([data_dir / "vasp" / "phonopy"])
    assert [r.error for r in found] == [None, None]
    assert [r.name for r in found] == [f"NaCl64_displaced_00{k}_vasprun" for k in (1, 2)]
    assert all(r.cell_free is None and r.first is None for r in found)
    assert all(0.01 < r.fmax < 0.03 for r in found)


@pytest.mark.slow
def test_folder_of_folders_gives_every_run_in_it(data_dir):
    found = load_references([data_dir / "vasp"])
    assert len(found) == 5
    assert all(r.error is None for r in found)


def test_outcar_alone_says_the_same_as_the_vasprun(data_dir):
    folder = data_dir / "vasp" / "Si_relax_atomate"
    (outcar,) = load_references([folder / "OUTCAR"])
    (vasprun,) = load_references([folder / "vasprun.xml"])
    assert outcar.error is None
    assert (outcar.cell_free, outcar.level_of_theory) == (True, "PBE, VASP")
    assert outcar.energy == pytest.approx(vasprun.energy, abs=1e-6)
    assert outcar.relaxed.get_volume() == pytest.approx(vasprun.relaxed.get_volume(), abs=1e-4)
    assert (
        len(read_images(folder / "OUTCAR")[0]) == len(read_images(folder / "vasprun.xml")[0]) == 3
    )


def test_contcar_alone_is_a_structure_without_labels(data_dir):
    (r,) = load_references([data_dir / "vasp" / "Si_relax_atomate" / "CONTCAR"])
    assert r.error is None
    assert r.relaxed.get_volume() == pytest.approx(40.90, abs=0.005)
    assert (r.energy, r.cell_free, r.level_of_theory, r.first) == (None,) * 4


@pytest.mark.slow
@pytest.mark.parametrize(
    ("isif", "gga", "ldau", "free", "level"),
    [
        (2, "--", "F", False, "PBE, VASP"),
        (3, "PS", "F", True, "PBEsol, VASP"),
        (6, "PE", "T", True, "PBE+U, VASP"),
        (4, "RP", "F", False, "RPBE, VASP"),
    ],
)
def test_settings_follow_the_tags(data_dir, tmp_path, isif, gga, ldau, free, level):
    text = (data_dir / "vasp" / "Si_relax_atomate" / "vasprun.xml").read_text()
    text = re.sub(r'(name="ISIF">\s*)3', rf"\g<1>{isif}", text)
    text = text.replace('name="GGA">--<', f'name="GGA">{gga}<')
    tag = f'<i type="logical" name="LDAU"> {ldau}  </i>'
    text = text.replace(" <parameters>", f" <parameters>{tag}", 1)
    path = tmp_path / "vasprun.xml"
    path.write_text(text)
    (r,) = load_references([path])
    assert (r.error, r.cell_free, r.level_of_theory) == (None, free, level)


# --- constraints -------------------------------------------------------------------------------


def test_vasprun_keeps_fixed_atoms_and_does_not_mask_labels(data_dir, tmp_path):
    source = data_dir / "vasp" / "phonopy" / "NaCl64_displaced_001_vasprun.xml"
    labels = read_images(source)[0][-1].get_forces()
    worst = int(np.linalg.norm(labels, axis=1).argmax())
    flags = "".join(
        f"<v type='logical'> {' '.join('F' * 3 if k == worst else 'T' * 3)} </v>"
        for k in range(len(labels))
    )
    text = source.read_text()
    at = text.index("</varray>", text.index('name="positions"', text.index('"initialpos"')))
    at += len("</varray>")
    path = tmp_path / "vasprun.xml"
    path.write_text(f"{text[:at]}<varray name='selective'>{flags}</varray>{text[at:]}")
    (frame,) = read_images(path)[0]
    np.testing.assert_array_equal(frame.get_forces(apply_constraint=False), labels)
    (r,) = load_references([path])
    assert [c.index.tolist() for c in r.relaxed.constraints] == [[worst]]
    others = np.linalg.norm(np.delete(labels, worst, axis=0), axis=1).max()
    assert r.fmax == pytest.approx(others)  # what the relaxation had to bring down
    assert others < np.linalg.norm(labels[worst])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["slab.traj", "slab.db", "CONTCAR"])
def test_files_keep_fixed_atoms(tmp_path, name):
    slab = bulk("Cu", cubic=True)
    slab.set_constraint(FixAtoms([0, 2]))
    path = tmp_path / name
    ase.io.write(path, labelled(slab, -1.0, np.full((4, 3), 0.5)))
    (r,) = load_references([path])
    assert r.error is None
    assert [c.index.tolist() for c in r.relaxed.constraints] == [[0, 2]]
    if name != "CONTCAR":
        labels = read_images(path)[0][0].get_forces(apply_constraint=False)
        np.testing.assert_array_equal(labels, np.full((4, 3), 0.5))


# --- damaged files -----------------------------------------------------------------------------

BAD_FILES = {
    "vasprun.xml": UNFINISHED_XML,
    "vasprun.xml.gz": gzip.compress(UNFINISHED_XML * 50, mtime=0)[:-12],
    "OUTCAR": b" vasp.5.3.5\n POTLOK:  cpu time\n",
    "closed_vasprun.xml": b"<modeling><atominfo/><calculation></modeling>",
    "empty.xyz": b"",
    "empty_vasprun.xml": b"",
    "CONTCAR": b"Si2\n 1.0\n 3.8 0.0 0.0\n",
    "binary.dat": bytes(range(256)) * 8,
    "binary.xyz": bytes(range(256)) * 8,
    "OUTCAR.binary": bytes(range(256)) * 8,
    "cut.xyz": b"3\n\nCu 0 0 0\nCu 0 0 2\n",
    "words.xyz": b"these are\nonly\nwords\n",
    "no_atoms.xyz": b"0\n\n",
    "not_a.db": b"SQLite format 3\0" + bytes(100),
    "not_gzip_vasprun.xml.gz": UNFINISHED_XML,
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_a_reference_with_its_error(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(BAD_FILES[name])
    (r,) = load_references([path])
    assert r.relaxed is None
    assert str(path) in r.error
    assert "\n" not in r.error
    with pytest.raises(InputError, match=re.escape(str(path))):
        read_images(path)[0]


def test_a_missing_file_is_a_reference_with_its_error(tmp_path):
    (r,) = load_references([tmp_path / "vasprun.xml"])
    assert r.relaxed is None
    assert r.error == f"{tmp_path / 'vasprun.xml'}: no such file"


MAGIC = {"gz": b"\x1f\x8b\x08\0\0\0\0\0\0\x03", "xz": b"\xfd7zXZ\0", "bz2": b"BZh9"}


@pytest.mark.parametrize("suffix", MAGIC)
def test_a_damaged_yaml_in_a_folder_is_passed_over_unless_it_is_of_phonopy(tmp_path, suffix):
    for name in ("settings", "phonopy_disp"):
        (tmp_path / f"{name}.yaml.{suffix}").write_bytes(MAGIC[suffix] + b"damaged" * 9)
    (phonons,), others = find_phonons([str(tmp_path)])
    assert others == [str(tmp_path)]
    assert phonons.error.startswith(str(tmp_path / f"phonopy_disp.yaml.{suffix}"))


@pytest.mark.parametrize("name", ["vasprun.xml.gz", "OUTCAR.gz"])
def test_a_gzip_file_with_flipped_bytes_is_a_reference_with_its_error(tmp_path, name):
    noise = np.random.default_rng(0).integers(0, 256, 20_000, dtype=np.uint8).tobytes()
    data = bytearray(gzip.compress(UNFINISHED_XML + noise.hex().encode(), mtime=0))
    data[200:400] = b"\xff" * 200
    path = tmp_path / name
    path.write_bytes(data)
    (r,) = load_references([path])
    assert r.relaxed is None
    assert str(path) in r.error


@pytest.mark.parametrize(
    ("source", "keep"),
    [
        ("Si_relax_atomate/vasprun.xml", 0.2),
        ("Si_relax_atomate/vasprun.xml", 0.6),
        ("Si_relax_atomate/vasprun.xml", 0.999),
        ("Li_relax_pymatgen/vasprun.xml.gz", 0.1),
        ("Li_relax_pymatgen/vasprun.xml.gz", 0.9),
        ("Si_relax_atomate/OUTCAR", 0.2),
        ("Si_relax_atomate/OUTCAR", 0.6),
        ("Si_relax_atomate/OUTCAR", 0.98),
    ],
)
def test_a_run_that_was_cut_off_is_no_reference(data_dir, tmp_path, source, keep):
    """Its complete steps are labels; none, or a damaged stream, is refused."""
    source = data_dir / "vasp" / source
    data = source.read_bytes()
    path = tmp_path / source.name
    path.write_bytes(data[: int(keep * len(data))])
    (r,) = load_references([path])
    if r.error is not None:
        assert str(path) in r.error
        assert "truncated" in r.error
        assert r.relaxed is None
        return
    assert r.not_relaxed == "a run that did not finish"
    assert any("truncated" in note for note in r.notes)
    (labels,) = load_frame_sets([path])
    assert 1 <= len(labels.frames) <= 3
    assert any("truncated" in note for note in labels.notes)


def silicon_copy(data_dir, folder, *, cut=("vasprun.xml",)):
    folder.mkdir()
    for source in (data_dir / "vasp" / "Si_relax_atomate").iterdir():
        data = source.read_bytes()
        (folder / source.name).write_bytes(data[: len(data) // 2] if source.name in cut else data)
    return folder


def test_a_folder_falls_back_to_its_outcar_and_says_so(data_dir, tmp_path):
    (r,) = load_references([silicon_copy(data_dir, tmp_path / "Si")])
    assert r.error is None
    assert r.name == "Si"
    assert r.source.endswith("OUTCAR")
    assert r.relaxed.get_volume() == pytest.approx(40.90, abs=0.005)
    (note,) = r.notes
    assert "vasprun.xml: truncated" in note
    assert note.endswith("read OUTCAR instead")


def test_a_folder_whose_runs_are_all_cut_has_no_relaxed_reference(data_dir, tmp_path):
    folder = silicon_copy(data_dir, tmp_path / "Si", cut=("vasprun.xml", "OUTCAR"))
    (r,) = load_references([folder])
    assert r.error is None
    assert r.not_relaxed == "a run that did not finish"
    for name in ("vasprun.xml", "OUTCAR"):
        (folder / name).write_bytes((folder / name).read_bytes()[:2000])
    (r,) = load_references([folder])
    assert r.source.endswith("CONTCAR")
    assert r.energy is None
    assert len(r.notes) == 2


def test_one_bad_file_does_not_take_the_good_ones_along(tmp_path):
    good = tmp_path / "cu.xyz"
    ase.io.write(good, bulk("Cu"))
    bad = tmp_path / "bad.xyz"
    bad.write_bytes(BAD_FILES["binary.xyz"])
    found = load_references([good, bad, tmp_path / "missing"])
    assert [r.error is None for r in found] == [True, False, False]
    assert [r.name for r in found] == ["cu", "bad.xyz", "missing"]


# --- several structures, and folders -----------------------------------------------------------


def test_compositions_in_one_file_are_references_of_their_own(tmp_path):
    path = tmp_path / "mixed.xyz"
    frames = [bulk("Cu", a=a) for a in (3.5, 3.6)] + [bulk("Al")] + [bulk("Cu", a=3.7)]
    frames = [labelled(a, -float(k)) for k, a in enumerate(frames, 1)]
    ase.io.write(path, frames)
    found = load_references([path])
    assert [r.name for r in found] == ["mixed[1]", "mixed[2]", "mixed[3]"]
    assert [r.energy for r in found] == [-2.0, -3.0, -4.0]
    assert found[0].first.get_volume() == pytest.approx(3.5**3 / 4)
    assert found[0].relaxed.get_volume() == pytest.approx(3.6**3 / 4)
    assert [r.first is None for r in found] == [False, True, True]


def test_frames_of_one_composition_are_one_relaxation(tmp_path):
    path = tmp_path / "run.xyz"
    forces = [[[0.0, 0.0, x]] for x in (0.5, 0.1, 0.03)]
    ase.io.write(
        path,
        [labelled(bulk("Cu", a=a), -a, f) for a, f in zip((3.4, 3.5, 3.6), forces, strict=True)],
    )
    (r,) = load_references([path])
    assert (r.name, r.energy) == ("run", pytest.approx(-3.6))
    assert r.fmax == pytest.approx(0.03)
    assert r.first.get_volume() == pytest.approx(3.4**3 / 4)
    assert (r.cell_free, r.level_of_theory) == (None, None)


def test_polymorphs_in_one_file_stand_for_themselves(tmp_path):
    path = tmp_path / "polymorphs.xyz"
    frames = [bulk("Cu"), bulk("Cu", "bcc", a=2.87), bulk("Cu", "sc", a=2.4)]
    ase.io.write(path, frames)
    assert len(load_references([path])) == 3
    ase.io.write(path, [labelled(a, e) for a, e in zip(frames, (-3.7, -3.6, -3.2), strict=True)])
    assert len(load_references([path])) == 3


def test_a_structure_without_a_name_is_called_by_its_formula_as_it_was_written():
    atoms = bulk("NaCl", "rocksalt", a=5.64, cubic=True)
    (reference,) = load_references(atoms)
    assert reference.name == "Na4Cl4"
    (run,) = as_inputs(atoms)
    assert run.name == "Na4Cl4"
    (run,) = as_inputs([[atoms, atoms[::-1]]])
    assert run.name == "Na4Cl4"
    (run,) = as_inputs([[atoms, bulk("Na")]])
    assert run.name == "frames"


def test_equal_names_get_their_folders(tmp_path):
    for name, a in {"a": 3.6, "b": 3.7}.items():
        (tmp_path / name).mkdir()
        ase.io.write(tmp_path / name / "cu.xyz", bulk("Cu", a=a))
    found = load_references([tmp_path / "a" / "cu.xyz", tmp_path / "b" / "cu.xyz"])
    assert [r.name for r in found] == ["a/cu", "b/cu"]


def test_a_run_does_not_hide_what_else_is_in_its_folder(tmp_path):
    ase.io.write(tmp_path / "CONTCAR", bulk("Al"), format="vasp")
    ase.io.write(tmp_path / "other.xyz", bulk("Ag"))
    (tmp_path / "run").mkdir()
    ase.io.write(tmp_path / "run" / "CONTCAR", bulk("Cu"), format="vasp")
    found = load_references([tmp_path])
    assert {r.relaxed.get_chemical_formula() for r in found} == {"Al", "Ag", "Cu"}


def test_molecule_and_crystal_of_one_composition_are_not_one_run(tmp_path):
    path = tmp_path / "both.xyz"
    ase.io.write(path, [bulk("Cu"), Atoms("Cu")])
    assert [r.relaxed.pbc.all() for r in load_references([path])] == [True, False]


@pytest.mark.slow
def test_database_rows_stand_for_themselves(tmp_path):
    path = tmp_path / "rows.db"
    for k in range(3):
        ase.io.write(path, labelled(bulk("Cu", a=3.5 + 0.1 * k), -1.0 - k), append=k > 0)
    found = load_references([path])
    assert [r.energy for r in found] == [-1.0, -2.0, -3.0]
    assert all(r.first is None for r in found)


def write_run(path, symbol, n=3):
    """Write a relaxation of ``n`` frames, whose energy falls."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ase.io.write(path, [labelled(bulk(symbol, cubic=True), -float(k)) for k in range(n)])


def test_each_real_file_of_a_folder_counts_once(tmp_path):
    write_run(tmp_path / "d/one/frames.xyz", "Cu")
    write_run(tmp_path / "d/two/frames.xyz", "Al")
    write_run(tmp_path / "elsewhere/frames.xyz", "Ag")
    write_run(tmp_path / "d/.hidden/frames.xyz", "Au")
    alone = [r.source for r in load_references([tmp_path / "d"])]
    assert len(alone) == 2
    links = {
        "a-file": "one/frames.xyz",
        "a-file.xyz": "one/frames.xyz",
        "b-folder": "one",
        "two/again.xyz": "../one/frames.xyz",
        "two/loop": "..",
        "itself": "itself",
    }
    for link, target in links.items():
        (tmp_path / "d" / link).symlink_to(target)
    (tmp_path / "d/one/hard.xyz").hardlink_to(tmp_path / "d/one/frames.xyz")
    assert [r.source for r in load_references([tmp_path / "d"])] == alone
    assert [s.source for s in load_frame_sets(tmp_path / "d")] == [str(tmp_path / "d")]
    (frames,) = load_frame_sets(tmp_path / "d")
    assert len(frames.frames) == 6
    # what only links lead to counts, under the first of them, but once
    for link, target in {
        "out-1": "../elsewhere",
        "out-2": "../elsewhere",
        "out.xyz": "../elsewhere/frames.xyz",
        "tucked.xyz": ".hidden/frames.xyz",
    }.items():
        (tmp_path / "d" / link).symlink_to(target)
    found = load_references([tmp_path / "d"])
    assert [r.relaxed.get_chemical_formula() for r in found] == ["Cu4", "Ag4", "Au4", "Al4"]


def test_an_at_sign_belongs_to_the_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, symbol in {"a.xyz": "Cu", "a@1.xyz": "Al", "b@c.xyz": "Ag", "-": "Pt"}.items():
        ase.io.write(tmp_path / "written.xyz", labelled(bulk(symbol), -1.0))
        (tmp_path / "written.xyz").rename(name)
        (atoms,) = read_images(Path(name))[0]
        assert atoms.get_chemical_formula() == symbol
    (tmp_path / "b").write_text((tmp_path / "a.xyz").read_text())
    (atoms,) = read_images(Path("b@c.xyz"))[0]
    assert atoms.get_chemical_formula() == "Ag"


OUTCAR = """ TITEL  = PAW_PBE Cu 22Jun2005
   ions per type =  {n}
 General timing and accounting informations for this job:
"""
POSCAR = "x\n1.0\n4 0 0\n0 4 0\n0 0 4\n{names}{n} {n}\nDirect\n0 0 0\n"


@pytest.mark.parametrize(
    ("name", "text"),
    {
        "xyz": ("a.xyz", "{n}\n\nCu 0 0 0\n"),
        "second frame": ("a.xyz", "1\n\nCu 0 0 0\n{n}\n\nCu 0 0 0\n"),
        "extended": ("a.extxyz", "{n}\nProperties=species:S:1:pos:R:3\nCu 0 0 0\n"),
        "no suffix": ("frames", "{n}\n\nCu 0 0 0\n"),
        "CONTCAR": ("CONTCAR", POSCAR.replace("{names}", "Cu O\n")),
        "VASP 4": ("POSCAR", POSCAR.replace("{names}", "").replace("x", "Cu O", 1)),
        "XDATCAR": ("XDATCAR", POSCAR.replace("{names}", "Cu O\n")),
        "OUTCAR": ("OUTCAR", OUTCAR),
    }.values(),
)
@pytest.mark.parametrize("n", [999_999_999, 10**30])
@pytest.mark.parametrize("packed", [False, True])
def test_more_atoms_than_there_are_lines_are_refused_at_once(tmp_path, name, text, n, packed):
    path = tmp_path / (f"{name}.gz" if packed else name)
    content = text.replace("{n}", str(n)).encode()
    path.write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(InputError, match=r"it announces \d+ atoms and has \d+ (lines|bytes)"):
        read_images(path)[0]


def test_an_empty_folder_says_what_was_looked_for(tmp_path):
    (r,) = load_references([tmp_path])
    assert r.relaxed is None
    assert "nothing to read in it; looked for vasprun.xml" in r.error


def test_a_folder_is_searched(tmp_path):
    for k, name in enumerate(("a", "b/deep", ".hidden")):
        (tmp_path / name).mkdir(parents=True)
        ase.io.write(tmp_path / name / "cu.xyz", bulk("Cu", a=3.6 + 0.1 * k))
    (tmp_path / "c").mkdir()  # empty, and no reason to complain
    (tmp_path / "notes.txt").write_text("nothing to see")
    found = load_references([tmp_path])
    assert len(found) == 2
    assert all(r.error is None for r in found)


def test_restarts_that_were_kept_have_names_of_their_own(data_dir, tmp_path):
    for k, run in enumerate(("Si_relax_atomate/vasprun.xml", "Li_relax_pymatgen/vasprun.xml.gz")):
        with vasp.opened(data_dir / "vasp" / run) as stream:
            (tmp_path / f"vasprun.xml.relax{k + 1}").write_bytes(stream.read())
    found = load_references([tmp_path])
    assert len(found) == 2
    assert all(r.error is None for r in found)
    assert len({r.name for r in found}) == 2


def test_outcars_of_restarts_are_not_dropped(data_dir, tmp_path):
    for k, run in enumerate(("Si_relax_atomate", "Li_relax_pymatgen"), start=1):
        shutil.copy(data_dir / "vasp" / run / "OUTCAR", tmp_path / f"OUTCAR.relax{k}")
    found = load_references([tmp_path])
    assert {r.relaxed.get_chemical_formula() for r in found} == {"Si2", "Li"}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("vasprun.xml", "vasp-xml"),
        ("vasprun.xml.relax2.gz", "vasp-xml"),
        ("NaCl_vasprun.xml", "vasp-xml"),
        ("OUTCAR.gz", "vasp-out"),
        ("CONTCAR", "vasp"),
        ("POSCAR.vasp", "vasp"),
        ("cu.xyz", None),
    ],
)
def test_file_kind(tmp_path, name, kind):
    assert vasp.file_kind(tmp_path / name) == kind


class Running:
    """What makes a folder when it is unpickled."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("name", ["old.traj", "run.db", "run.json", "run.pckl", "run.xyz", "run"])
@pytest.mark.parametrize("start", [b"", b"PickleTrajectory", b"- of UlmASE-Trajectory"])
def test_a_pickle_is_never_read(tmp_path, name, start):
    """ASE's trajectories were pickles once; anything else that it reads runs nothing either."""
    path, folder = tmp_path / name, tmp_path / "has run"
    path.write_bytes(start + pickle.dumps({"positions": Running(folder)}))
    (reference,) = load_references([path])
    assert reference.error is not None
    assert not folder.exists()


def test_an_input_file_brings_no_program_along(tmp_path):
    path = tmp_path / "water.com"
    path.write_text("%command=touch run\n# PBE\n\ntitle\n\n0 1\nH 0.0 0.0 0.0\nH 0.0 0.0 0.74\n\n")
    (atoms,) = read_images(path)[0]
    assert atoms.calc is None


def test_a_first_frame_that_is_no_structure_is_left_out(tmp_path):
    frames = [labelled(bulk("Cu", a=3.6 + 0.01 * k), -k) for k in range(3)]
    frames[0].positions[0] = 1e305
    frames[0].calc.atoms = frames[0].copy()
    ase.io.write(tmp_path / "run.traj", frames)
    (found,) = load_references([tmp_path / "run.traj"])
    assert (found.first, found.error) == (None, None)
    assert "its first frame is left out" in found.notes[-1]
    assert found.fingerprint
