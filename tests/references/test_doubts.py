"""What a run says against itself: what is no label, no minimum, or another level of theory."""

from __future__ import annotations

import re

import ase.io
import numpy as np
import pytest
from ase import units
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator
from ase.constraints import FixAtoms
from vasp_files import write_outcar, write_vasprun

from mlipcheck.references.doubts import KINDS, Doubt
from mlipcheck.references.inputs import load_frame_sets, load_references
from mlipcheck.references.level_of_theory import level_doubt
from mlipcheck.references.structures import from_atoms
from mlipcheck.references.vasp import read_vasp
from mlipcheck.references.vasp_settings import Settings

GPA = units.GPa


def crystal(a=3.6, energy=-3.0, force=0.01, pressure=0.0):
    """Return copper with labels: one force on each of two atoms, opposite, and a pressure."""
    atoms = bulk("Cu", cubic=True, a=a)
    forces = np.zeros((4, 3))
    forces[:2, 2] = force, -force
    stress = np.array([-pressure * GPA] * 3 + [0.0] * 3)
    atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=forces, stress=stress)
    return atoms


def run(*forces, **others):
    return [crystal(3.6 + 0.01 * k, -float(k), f, **others) for k, f in enumerate(forces)]


def reference(path):
    (found,) = load_references([path])
    assert found.error is None
    return found


def kinds(found):
    return [doubt.kind for doubt in found.doubts]


# --- what counts as relaxed --------------------------------------------------------------------


def test_a_relaxation_that_finished_is_relaxed(tmp_path):
    r = reference(write_vasprun(tmp_path / "vasprun.xml", run(0.5, 0.01)))
    assert (r.doubts, r.not_relaxed, r.start_only, r.fixed_cell) == ((), None, False, False)
    assert r.first is not None


def test_one_that_finished_with_loose_criteria_is_in_doubt(tmp_path):
    r = reference(write_vasprun(tmp_path / "vasprun.xml", run(0.5, 0.2, pressure=2.5)))
    assert r.not_relaxed is None
    assert kinds(r) == ["not at rest", "pressed"]
    assert r.doubts[0].text == "the reference has forces of 0.2 eV/Å"
    assert r.doubts[1].text == "the reference has a stress of 2.5 GPa"


@pytest.mark.parametrize(
    ("tags", "force", "pressure", "why"),
    [
        ({"NSW": "2"}, 0.2, 0.0, "forces above 0.1 eV/Å"),  # all its steps, and not there yet
        ({"NSW": "2"}, 0.01, 2.0, "stress above 1 GPa"),
        ({"NSW": "2"}, 0.01, 0.5, None),  # there in its last step
        ({"NSW": "0"}, 0.01, 0.5, None),  # a single point at rest
        ({"NSW": "0"}, 0.2, 0.5, "forces above 0.1 eV/Å"),
        ({"IBRION": "0"}, 0.01, 0.0, "molecular dynamics"),
        ({"IBRION": "6"}, 0.01, 0.0, "finite differences"),
        ({"IMAGES": "5", "IBRION": "3"}, 0.01, 0.0, "image of a path"),
        ({"IBRION": "1"}, 0.2, 0.0, None),
    ],
)
def test_only_a_finished_relaxation_or_what_is_at_rest_is_relaxed(
    tmp_path, tags, force, pressure, why
):
    images = run(0.5, force, pressure=pressure)
    r = reference(write_vasprun(tmp_path / "vasprun.xml", images, tags))
    assert r.not_relaxed == why
    assert bool(r.doubts) == (why is not None or force > 0.1)


def test_frames_of_another_code_are_relaxed_only_at_rest(tmp_path):
    path = tmp_path / "run.xyz"
    ase.io.write(path, run(0.5, 0.3))
    found = load_references([path])
    assert [r.not_relaxed for r in found] == ["forces above 0.1 eV/Å"] * 2
    ase.io.write(path, run(0.5, 0.03, pressure=0.1))
    assert (reference(path).not_relaxed, reference(path).doubts) == (None, ())


@pytest.mark.parametrize("prefix", ["REF_", "dft_"])
def test_forces_of_other_names_count_too(tmp_path, prefix):
    atoms = crystal(force=2.0)
    atoms.info[f"{prefix}energy"] = -3.0
    atoms.arrays[f"{prefix}forces"] = atoms.calc.results["forces"]
    atoms.calc = None
    ase.io.write(tmp_path / "set.xyz", atoms)
    r = reference(tmp_path / "set.xyz")
    assert (r.fmax, r.not_relaxed) == (2.0, "forces above 0.1 eV/Å")


def test_without_a_stress_the_cell_is_in_doubt():
    atoms = crystal()
    del atoms.calc.results["stress"]
    assert from_atoms(atoms).not_relaxed is None
    assert from_atoms(atoms).doubts == (
        Doubt("pressed", "nothing says that the reference's cell is at rest"),
    )
    atoms.pbc = False  # it has no cell
    assert from_atoms(atoms).doubts == ()


@pytest.mark.parametrize("name", ["CONTCAR", "POSCAR", "cu.cif", "cu.xyz"])
def test_a_bare_structure_is_a_start(tmp_path, name):
    vasp = {"format": "vasp"} if name.isupper() else {}
    ase.io.write(tmp_path / name, bulk("Cu", cubic=True), **vasp)
    r = reference(tmp_path / name)
    assert (r.start_only, r.fixed_cell, r.not_relaxed, r.doubts) == (True, False, None, ())


def test_a_relaxation_with_forces_or_a_collection_is_no_start(tmp_path):
    assert not reference(write_vasprun(tmp_path / "vasprun.xml", run(0.5, 0.01))).start_only
    assert not any(r.start_only for r in load_references("dcdft"))


@pytest.mark.parametrize(
    ("tags", "fixed", "expected"),
    [
        ({"ISIF": "3"}, [], False),
        ({"ISIF": "2"}, [], True),
        ({"ISIF": "3"}, [2, 3], True),
        ({"ISIF": "2", "NSW": "0"}, [], False),  # it moved nothing, and is at rest
    ],
)
def test_the_cell_is_fixed_where_the_run_did_not_move_it(tmp_path, tags, fixed, expected):
    r = reference(write_vasprun(tmp_path / "vasprun.xml", run(0.5, 0.01), tags, fixed))
    assert r.fixed_cell is expected


def test_a_pressure_is_no_doubt_where_the_cell_did_not_move(tmp_path):
    images = run(0.5, 0.01, pressure=3.0)
    assert kinds(reference(write_vasprun(tmp_path / "vasprun.xml", images))) == ["pressed"]
    fixed = reference(write_vasprun(tmp_path / "vasprun.xml", images, {"ISIF": "2"}))
    assert fixed.doubts == ()


def test_selective_dynamics_fix_the_cell_of_a_start(tmp_path):
    slab = bulk("Cu", cubic=True)
    slab.set_constraint(FixAtoms([0, 1]))
    ase.io.write(tmp_path / "CONTCAR", slab, format="vasp")
    r = reference(tmp_path / "CONTCAR")
    assert (r.start_only, r.fixed_cell) == (True, True)


# --- what is no label --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "converged"),
    [
        ([-1.0, -3.0003, -3.0], True),  # before NELM: by VASP's own criterion
        ([-1.0, -2.9, -3.0], False),  # stopped
        ([-1.0, -2.0, -4.0, -3.0], False),
        ([-1.0, -2.9, -3.0, -3.00001], True),  # at the last one
    ],
)
def test_electronic_steps_that_end_at_nelm(tmp_path, steps, converged):
    tags = {"NELM": "4", "EDIFF": "1E-4"}
    path = write_vasprun(tmp_path / "vasprun.xml", run(0.5, 0.01), tags, electronic=steps)
    (found,) = load_frame_sets(path)
    r = reference(path)
    if converged:
        assert (len(found.frames), r.not_relaxed, r.doubts) == (2, None, ())
        return
    assert found.frames == ()
    assert "its SCF did not converge (2 of 2 frames)" in found.error
    assert kinds(r) == ["scf"]
    assert "did not converge" in r.not_relaxed


def test_only_the_frames_that_did_not_converge_are_left_out(tmp_path):
    """Here the first: of two runs in one file, each with its own electronic steps."""
    tags = {"NELM": "3", "EDIFF": "1E-4"}
    bad = write_vasprun(tmp_path / "bad.xml", run(0.5, 0.01), tags, electronic=[-1.0, -2.0, -3.0])
    good = write_vasprun(tmp_path / "good.xml", run(0.5, 0.01), tags, electronic=[-3.0, -3.0])
    first = bad.read_text().split("<calculation>")[:2]
    last = good.read_text().split("<calculation>")[-1]
    path = tmp_path / "vasprun.xml"
    path.write_text("<calculation>".join([*first, last]))
    (found,) = load_frame_sets(path)
    assert [f.error is None for f in found.frames] == [False, True]
    assert found.frames[0].forces is None
    assert any(note.startswith("1 of 2 frames cannot be used: its SCF") for note in found.notes)
    assert reference(path).not_relaxed is None  # it ended converged


def test_a_kept_charge_density_gives_no_label(tmp_path):
    write_vasprun(tmp_path / "both" / "static" / "vasprun.xml", run(0.01), {"ICHARG": "2"})
    bands = write_vasprun(tmp_path / "both" / "bands" / "vasprun.xml", run(0.01), {"ICHARG": "11"})
    good, bad = load_frame_sets(tmp_path / "both")
    assert [f.name for f in good.frames] == ["static"]
    assert "ICHARG" in bad.error
    assert kinds(reference(bands)) == ["not self-consistent"]
    assert reference(bands).doubts[0].void
    assert "ICHARG" in reference(bands).not_relaxed


@pytest.mark.parametrize(
    ("electrons", "charge"), [("4.0", 0.0), ("3.0", 1.0), ("5.0", -1.0), (None, 0.0)]
)
def test_a_charged_cell_is_a_set_of_its_own(tmp_path, electrons, charge):
    """The potential of the helper has one valence electron: four atoms, four electrons."""
    tags = {} if electrons is None else {"NELECT": electrons}
    path = write_vasprun(tmp_path / "all" / "a" / "vasprun.xml", run(0.5, 0.01), tags)
    write_vasprun(tmp_path / "all" / "b" / "vasprun.xml", run(0.5, 0.01), {"NELECT": "4.0"})
    assert read_vasp(path, "vasp-xml")[1].charge == charge
    found = load_frame_sets(tmp_path / "all")
    assert len(found) == (2 if charge else 1)
    if charge:
        assert [s.name for s in found] == [f"all (PBE, charge {charge:+g})", "all (PBE)"]
        assert kinds(found[0]) == kinds(reference(path)) == ["charged"]
        assert found[0].doubts[0].void
    assert found[-1].doubts == ()


def test_an_outcar_says_the_same(tmp_path):
    """Here an SCF that is at NELM without an end, and one that VASP calls unconverged."""
    tags = {"NELM": "2;   NELMIN=  2", "ICHARG": "12", "NELECT": "7.0"}
    path = write_outcar(tmp_path / "OUTCAR", run(0.5, 0.01, 0.01), tags)
    valence = "   POMASS =   63.546; ZVAL   =    2.000    mass and valenz\n"
    text = path.read_text().replace("   TITEL", valence + "   TITEL", 1)
    first, second, third, last = re.split(r"(?m)^(?=-+ Iteration)", text)
    again = "---- Iteration    2(   2)  ----\n"
    reached, failed = (
        f"---- aborting loop {why}\n"
        for why in ("because EDIFF is reached", "EDIFF was not reached")
    )
    path.write_text(
        first
        + second.replace("  FORCE", reached + "  FORCE")
        + again
        + third
        + last.replace("  FORCE", failed + "  FORCE")
    )
    found = read_vasp(path, "vasp-out")[1]
    assert (found.motion, found.steps) == ("relaxation", 99)
    assert (found.unconverged, found.charge) == ((1, 2), 1.0)
    assert "ICHARG = 12" in found.no_energy


@pytest.mark.slow
def test_real_runs_have_no_doubt_but_that_of_the_phosphate(data_dir):
    found = {r.name: r for r in load_references([data_dir / "vasp"])}
    assert all(r.not_relaxed is None and not r.start_only for r in found.values())
    phosphate = found.pop("LiFePO4_relax_pymatgen")
    assert kinds(phosphate) == ["not at rest"]  # 0.105 eV/Å
    assert all(r.doubts == () for r in found.values())
    assert all(s.doubts == () for s in load_frame_sets(data_dir / "vasp"))


# --- the level of theory -----------------------------------------------------------------------


def test_another_level_of_theory_is_a_doubt():
    found = level_doubt("HSE06, VASP", "PBE / PBE+U (MPtrj)", [{"Fe", "O"}])
    text = "the reference is HSE06, the model PBE"
    assert found == Doubt("level of theory", text)
    assert not found.void
    settings = Settings(functional="PBE", hubbard_u={})
    found = level_doubt("PBE, VASP", "PBE / PBE+U (MPtrj)", [{"Fe", "O"}], settings)
    assert "without +U for Fe" in found.text
    assert level_doubt("PBE, VASP", "PBE / PBE+U (MPtrj)", [{"Cu"}], settings) is None
    assert level_doubt(None, "PBE", []) is None


def test_a_doubt_has_a_known_kind():
    with pytest.raises(ValueError, match="doubt is 'age', expected one of zero of energy"):
        Doubt("age", "it is old")
    assert {kind for kind in KINDS if Doubt(kind, "").void} >= {"charged", "unit", "own labels"}
