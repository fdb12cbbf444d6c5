"""Files as people have them: each is parsed once, and the plan says what became of it."""

from __future__ import annotations

import gzip
import re
from collections import Counter
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from commands import typed
from vasp_files import write_outcar, write_vasprun

from mlipcheck.checkup.find import find_system
from mlipcheck.references import reader
from mlipcheck.results_file import load_runs

LIMIT = 10  # lines of a plan about what was found and what was left out


def labelled(seed, rattle=0.1, symbol="Cu"):
    atoms = bulk(symbol, cubic=True)
    atoms.rattle(rattle, seed=seed)
    atoms.calc = EMT()
    energy, forces, stress = (
        atoms.get_potential_energy(),
        atoms.get_forces(),
        atoms.get_stress(),
    )
    atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=forces, stress=stress)
    return atoms


def renamed(atoms, prefix):
    """Put the labels where training sets have them."""
    atoms.info[f"{prefix}energy"] = atoms.calc.results["energy"]
    atoms.arrays[f"{prefix}forces"] = atoms.calc.results["forces"]
    atoms.calc = None
    return atoms


@pytest.fixture
def parsed(monkeypatch):
    """Count how often each real file is parsed."""
    counts = Counter()
    read = reader.read_images

    def counting(path, options):
        counts[Path(path).resolve()] += 1
        return read(path, options)

    monkeypatch.setattr(reader, "read_images", counting)
    return counts


@pytest.fixture
def hundred(tmp_path):
    """A hundred files: good, bad, without labels, copies, packed copies, links."""
    folder = tmp_path / "hundred"
    folder.mkdir()
    for k in range(30):
        ase.io.write(folder / f"moving{k:02}.xyz", [labelled(2 * k), labelled(2 * k + 1)])
    for k in range(8):
        write_vasprun(folder / f"run{k}" / "vasprun.xml", [labelled(100 + k), labelled(0, 1e-9)])
        write_outcar(folder / f"run{k}" / "OUTCAR", [labelled(100 + k), labelled(0, 1e-9)])
    for k in range(14):
        (folder / f"words{k:02}.xyz").write_text("these are\nonly\nwords\n")
    (folder / "empty.xyz").write_text("")
    (folder / "nowhere.xyz").symlink_to("gone")
    for k in range(12):
        ase.io.write(folder / f"bare{k:02}.cif", bulk("Cu", cubic=True, a=3.5 + 0.01 * k))
    for k in range(8):
        packed = gzip.compress((folder / f"moving{k:02}.xyz").read_bytes(), mtime=0)
        (folder / f"saved{k}.extxyz.gz").write_bytes(packed)
    for k in range(4):
        packed = gzip.compress((folder / f"run{k}" / "vasprun.xml").read_bytes(), mtime=0)
        (folder / f"again{k}").mkdir()
        (folder / f"again{k}" / "vasprun.xml.gz").write_bytes(packed)
    for k in range(14):
        (folder / f"link{k:02}.xyz").symlink_to(f"moving{k:02}.xyz")
    files = [path for path in folder.rglob("*") if not path.is_dir()]
    assert len(files) == 100
    return folder


@pytest.mark.slow
def test_a_hundred_mixed_files_are_read_once_and_summed_up_in_ten_lines(hundred, parsed, tmp_path):
    arguments = ("run", "-b", "ase:emt", hundred, "--only", "parity,relaxation", "--steps", "1")
    status, _, err = typed(tmp_path, *arguments)
    assert status == 0
    assert set(parsed.values()) == {1}
    assert len(parsed) == 30 + 8 + 8 + 16 + 12 + 8 + 4  # no link
    lines = [line.strip() for line in err.splitlines() if line.startswith("  ")]
    plan = [line for line in lines if not line.startswith(("parity ", "relaxation "))]
    assert len(plan) <= LIMIT
    assert plan[0] == "read 76 of 92 files: 69 labelled frames of 38 runs, 20 structures to relax"
    assert plan[1].startswith("a copy, counted once: run0/vasprun.xml, ")
    assert plan[1].endswith(" and 23 more")
    text = "\n".join(plan)
    assert re.search(
        r"not relaxed again, forces above 0.1 eV/Å: .*moving00\[0\].* and 57 more", text
    )
    assert re.search(r"not readable as .*: words00.xyz, .* and 11 more", text)
    assert re.search(r"no labels; .*: bare00, .* and 9 more", text)
    assert "for 2 other reasons: empty.xyz, nowhere.xyz" in text
    _, _, err = typed(tmp_path, *arguments, "--verbose")
    assert "words13.xyz: not readable" in err
    assert "saved7.extxyz.gz: a copy, counted once" in err


# --- two readers of one file -------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["REF_", "dft_"])
def test_frames_of_a_training_set_are_not_relaxed_again(tmp_path, prefix):
    """Case 02: the check of labels and the one of relaxations have the same labels."""
    path = tmp_path / "set.xyz"
    ase.io.write(path, [renamed(labelled(k), prefix) for k in range(4)])
    status, out, err = typed(tmp_path, "run", "-b", "ase:emt", path, "--only", "parity,relaxation")
    assert status == 0
    assert "relaxed again, forces above 0.1 eV/Å: set[0], set[1], set[2] and 1 more" in err
    assert "bond" not in out


@pytest.mark.parametrize(
    ("tags", "why"),
    [
        ({"IBRION": "0"}, "molecular dynamics"),
        ({"IBRION": "6"}, "finite differences"),
        ({"IMAGES": "3"}, "image of a path"),
    ],
)
def test_a_run_that_relaxed_nothing_is_not_relaxed_again(tmp_path, tags, why):
    """Case 04: several frames in a VASP file are not a relaxation."""
    write_vasprun(tmp_path / "md" / "vasprun.xml", [labelled(0), labelled(1, 1e-9)], tags)
    status, _, err = typed(tmp_path, "relax", "-b", "ase:emt", "md")
    assert status == 2
    assert f"not relaxed again, {why}: md" in err


def test_a_relaxation_of_another_code_that_was_cut_is_none(tmp_path):
    """Case 04: its energies fall, and its last frame is not at rest."""
    frames = [labelled(0, 0.2), labelled(0, 0.1)]
    energies = [a.calc.results["energy"] for a in frames]
    assert energies[1] < energies[0]
    ase.io.write(tmp_path / "cut.xyz", frames)
    status, _, err = typed(tmp_path, "relax", "-b", "ase:emt", "cut.xyz")
    assert status == 2
    assert "forces above 0.1 eV/Å: cut[0], cut[1]" in err
    assert "taken as one relaxation" not in err


@pytest.mark.slow
@pytest.mark.parametrize("prefix", ["REF_", "dft_"])
def test_a_reference_curve_has_the_labels_that_parity_reads(tmp_path, prefix):
    """Case 23."""
    frames = []
    for r in np.linspace(1.8, 4.0, 12):
        atoms = Atoms("Cu2", [[0, 0, 0], [0, 0, r]])
        atoms.calc = EMT()
        results = {"energy": atoms.get_potential_energy(), "forces": atoms.get_forces()}
        atoms.calc = SinglePointCalculator(atoms, **results)
        frames.append(renamed(atoms, prefix))
    ase.io.write(tmp_path / "Cu-Cu.xyz", frames)
    arguments = ("dimer", "-b", "ase:emt", "Cu", "--reference", "Cu-Cu.xyz", "--json", "r.json")
    status, out, _ = typed(tmp_path, *arguments)
    assert status == 0
    assert "Cu-Cu.xyz" in out
    (record,) = load_runs(tmp_path / "r.json")
    (row,) = record.rows("dimers")
    assert (row.comparison.reference, len(row.comparison.distances)) == ("Cu-Cu.xyz", 12)
    assert row.comparison.reference_forces is not None


# --- copies ------------------------------------------------------------------------------------


def test_copies_count_once_and_are_named(tmp_path):
    frames = [labelled(0), labelled(0, 1e-9)]
    write_vasprun(tmp_path / "all" / "b" / "vasprun.xml", frames)
    ase.io.write(tmp_path / "all" / "a.traj", ase.io.read(tmp_path / "all/b/vasprun.xml", ":"))
    (tmp_path / "all" / "c.traj").symlink_to("a.traj")
    system = find_system(EMT(), [str(tmp_path / "all")])
    once = "a copy, counted once (of b)"
    assert system.left_out == (("a.traj", once), ("c.traj", once))
    (one,), (again,) = system.frames, system.references
    assert one.level_of_theory == again.level_of_theory == "PBE, VASP"  # the one that says more
    for notes in (one.notes, again.notes):
        assert any(note.startswith("counted once, with the same in") for note in notes)
        assert any("a.traj" in note for note in notes)


def test_other_levels_of_theory_are_no_copies(tmp_path):
    frames = [labelled(0)]
    write_vasprun(tmp_path / "all" / "a" / "vasprun.xml", frames, {"NSW": "0"})
    write_vasprun(tmp_path / "all" / "b" / "vasprun.xml", frames, {"NSW": "0", "GGA": "PS"})
    system = find_system(EMT(), [str(tmp_path / "all")])
    assert [s.level_of_theory for s in system.frames] == ["PBE, VASP", "PBEsol, VASP"]
    assert system.left_out == ()


# --- what a user says of their files -----------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--label-keys", "energy"), "--label-keys is 'energy'; write energy=my_E,forces=my_F"),
        (("--label-keys", "dipole=mu"), "label is 'dipole'; give keys of energy, forces, stress"),
        (("--species", "Na,Q"), "species is 'Q', which is not an element"),
    ],
)
@pytest.mark.parametrize("command", ["run", "relax", "parity", "learn", "dimer"])
def test_options_of_reading_are_checked(tmp_path, command, options, why):
    status, out, err = typed(tmp_path, command, "-b", "ase:emt", "Cu", *options)
    assert (status, out) == (2, "")
    assert why in err
