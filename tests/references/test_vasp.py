"""VASP's files as people have them: under other names, truncated, with stars, in pairs."""

from __future__ import annotations

import gzip
import lzma
import re
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import units
from ase.build import bulk
from ase.calculators.calculator import InputError
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.constraints import FixAtoms
from commands import typed
from vasp_files import write_outcar, write_vasprun

from mlipcheck.references.level_of_theory import level_doubt
from mlipcheck.references.vasp import file_kind, list_runs, read_vasp
from mlipcheck.references.vasp_settings import Settings, join_settings

KINDS = {"vasprun.xml": "vasp-xml", "OUTCAR": "vasp-out"}
WRITERS = {"vasprun.xml": write_vasprun, "OUTCAR": write_outcar}


def run(steps=3):
    """Return steps of copper and gold with EMT's own labels, each nearer to rest."""
    images = []
    for k in range(steps):
        atoms = bulk("Cu", cubic=True) * (1, 1, 2)
        atoms.symbols[5:] = "Au"
        atoms.rattle(0.1 / (k + 1), seed=1)
        atoms.set_cell(atoms.cell * (1.04 + 0.01 * k), scale_atoms=True)
        atoms.wrap()
        atoms.calc = EMT()
        labels = {name: atoms.calc.get_property(name, atoms) for name in ("energy", "forces")}
        stress = np.arange(1.0, 7.0) * (k + 1) * units.GPa  # all components differ
        atoms.calc = SinglePointCalculator(atoms, **labels, stress=stress)
        images.append(atoms)
    return images


def check_same(found, expected):
    """Compare frames as they were written, to the digits of their files."""
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        assert a.get_chemical_symbols() == b.get_chemical_symbols()
        assert a.positions == pytest.approx(b.positions, abs=1e-5)
        assert a.cell[:] == pytest.approx(b.cell[:], abs=1e-6)
        for name, tolerance in (("energy", 1e-6), ("forces", 1e-6), ("stress", 1e-6)):
            expect = pytest.approx(b.calc.results[name], abs=tolerance)
            assert a.calc.results[name] == expect, name


# --- what is read is what was written, and what ASE reads ----------------------------------------


@pytest.mark.parametrize("name", KINDS)
def test_both_files_give_the_frames_that_were_written(tmp_path, name):
    path = WRITERS[name](tmp_path / name, run())
    found, settings = read_vasp(path, KINDS[name])
    check_same(found, run())
    assert (settings.motion, settings.finished, settings.notes) == ("relaxation", True, ())
    by_ase = ase.io.read(path, index=":", format=KINDS[name])
    check_same(found, by_ase)


@pytest.mark.parametrize(
    "file",
    [
        "Li_relax_pymatgen/OUTCAR",
        "Li_relax_pymatgen/vasprun.xml.gz",
        "Si_relax_atomate/OUTCAR",
        "Si_relax_atomate/vasprun.xml",
        pytest.param("LiFePO4_relax_pymatgen/vasprun.xml.gz", marks=pytest.mark.slow),
        "phonopy/NaCl64_displaced_001_vasprun.xml",
    ],
)
def test_real_files_give_what_ase_reads(data_dir, file):
    """VASP 5.2.2, 5.2.12 and 6; no real step is called unconverged."""
    path = data_dir / "vasp" / file
    found, settings = read_vasp(path, file_kind(path))
    check_same(found, ase.io.read(path, index=":"))
    assert (settings.finished, settings.unconverged, settings.charge) == (True, (), 0.0)
    assert settings.notes == ()


def test_ases_own_test_files_too():
    """A response's electronic steps come after the ground state's; POTCAR alone names species."""
    folder = Path(ase.__file__).parent / "test" / "testdata" / "vasp"
    if not folder.is_dir():
        pytest.skip("this ASE has no test data")
    for name in ("vasprun_dfpt.xml", "vasprun_pstress.xml", "OUTCAR_example_1"):
        found, settings = read_vasp(folder / name, file_kind(folder / name))
        check_same(found, ase.io.read(folder / name, index=":", format=file_kind(folder / name)))
        assert settings.unconverged == ()


# --- recognised by content -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "like", "kind"),
    [
        ("run7.xml", "vasprun.xml", "vasp-xml"),
        ("out.txt", "OUTCAR", "vasp-out"),
        ("result.gz", "vasprun.xml", "vasp-xml"),
        ("vasprun.xml", "OUTCAR", "vasp-out"),  # named wrongly
        ("OUTCAR.xz", "OUTCAR", "vasp-out"),
    ],
)
def test_a_file_is_recognised_by_what_is_in_it(tmp_path, name, like, kind):
    path = WRITERS[like](tmp_path / name, run())
    packers = {".gz": gzip.compress, ".xz": lzma.compress}
    path.write_bytes(packers.get(path.suffix, bytes)(path.read_bytes()))
    assert file_kind(path) == kind
    check_same(read_vasp(path, kind)[0], run())


def test_what_is_packed_is_read_whatever_it_is_called(tmp_path):
    path = write_vasprun(tmp_path / "vasprun.xml", run())
    path.write_bytes(gzip.compress(path.read_bytes()))
    check_same(read_vasp(path, "vasp-xml")[0], run())


def test_other_files_are_not_taken_for_vasps(tmp_path):
    ase.io.write(tmp_path / "a.xyz", run())
    ase.io.write(tmp_path / "poscar.xyz", run(), format="extxyz")
    (tmp_path / "notes.txt").write_text("vasp is a program\n")
    (tmp_path / "page.xml").write_text("<html></html>\n")
    assert [file_kind(p) for p in tmp_path.iterdir()] == [None] * 4
    assert file_kind(tmp_path / "OUTCAR.gz") == "vasp-out"  # that is not there
    assert file_kind(tmp_path / "POSCAR_NH3") == "vasp"


def test_each_restart_has_its_own_files(tmp_path):
    names = ["OUTCAR.relax1", "OUTCAR.relax2", "vasprun.xml.relax1", "vasprun.xml.relax2"]
    for name in names:
        (tmp_path / name).write_text("")
    runs = [[p.name for p in paths] for paths in list_runs(sorted(tmp_path.iterdir()))]
    assert runs == [names[2::-2], names[3::-2]]
    (tmp_path / "vasprun.xml.relax1").unlink()
    runs = [[p.name for p in paths] for paths in list_runs(sorted(tmp_path.iterdir()))]
    assert runs == [["vasprun.xml.relax2", "OUTCAR.relax2"], ["OUTCAR.relax1"]]


def test_the_last_of_several_runs_has_its_own_outcar_too(tmp_path):
    """Its OUTCAR alone may say IVDW."""
    for name in ("OUTCAR", "OUTCAR.relax1", "vasprun.xml", "vasprun.xml.relax1"):
        (tmp_path / name).write_text("")
    runs = [[p.name for p in paths] for paths in list_runs(sorted(tmp_path.iterdir()))]
    assert runs == [["vasprun.xml", "OUTCAR"], ["vasprun.xml.relax1", "OUTCAR.relax1"]]
    (tmp_path / "vasprun_old.xml").write_text("")
    assert [tmp_path / "vasprun.xml", tmp_path / "OUTCAR"] in list_runs(sorted(tmp_path.iterdir()))


def test_no_output_of_a_flat_folder_is_lost(tmp_path):
    """One vasprun.xml took all OUTCARs of other systems for files of its own run."""
    names = ["Au_OUTCAR", "Cu_OUTCAR.gz", "OUTCAR-Pd", "vasprun_Cu.xml"]
    for name in names:
        (tmp_path / name).write_text(" vasp.6.3.2\n" if "OUTCAR" in name else "")
    runs = [[p.name for p in paths] for paths in list_runs(sorted(tmp_path.iterdir()))]
    assert runs == [["vasprun_Cu.xml", "Cu_OUTCAR.gz"], ["Au_OUTCAR"], ["OUTCAR-Pd"]]
    for name in names[1:3]:
        (tmp_path / name).unlink()
    assert len(list_runs(sorted(tmp_path.iterdir()))) == 2
    (tmp_path / "Au_OUTCAR").rename(tmp_path / "OUTCAR")  # the only two are one run
    assert len(list_runs(sorted(tmp_path.iterdir()))) == 1


# --- truncated and damaged -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "mark"), [("vasprun.xml", '<varray name="forces">'), ("OUTCAR", "FREE ENERGIE")]
)
def test_complete_steps_of_a_truncated_file_are_read(tmp_path, name, mark):
    path = WRITERS[name](tmp_path / name, run())
    text = path.read_text()
    places = [m.end() + 20 for m in re.finditer(mark, text)]
    path.write_text(text[: places[2]])  # in the third step
    found, settings = read_vasp(path, KINDS[name])
    check_same(found, run()[:2])
    assert not settings.finished
    path.write_text(text[: places[0]])
    with pytest.raises(InputError, match="truncated before its first ionic step was complete"):
        read_vasp(path, KINDS[name])


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress])
def test_a_damaged_stream_is_refused_in_one_line(tmp_path, name, pack):
    path = WRITERS[name](tmp_path / name, run())
    packed = pack(path.read_bytes())
    path.write_bytes(packed[: len(packed) // 2])
    with pytest.raises(InputError, match=rf"{name}: damaged or truncated \(EOFError") as error:
        read_vasp(path, KINDS[name])
    assert "\n" not in str(error.value)


def test_a_run_that_was_stopped_did_not_finish(tmp_path):
    path = write_outcar(tmp_path / "OUTCAR", run())
    path.write_text(path.read_text() + " soft stop encountered!  aborting job ...\n")
    assert not read_vasp(path, "vasp-out")[1].finished


def test_broken_xml_says_where(tmp_path):
    path = write_vasprun(tmp_path / "vasprun.xml", run())
    path.write_text(path.read_text().replace("<parameters>", "<parameters> a < b", 1))
    with pytest.raises(InputError, match=r"damaged or truncated \(ParseError: .*line \d+") as error:
        read_vasp(path, "vasp-xml")
    assert "complete" not in str(error.value)


# --- stars, glued numbers, species ----------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_stars_cost_one_label_and_say_their_line(tmp_path, name):
    path = WRITERS[name](tmp_path / name, run())
    lines = path.read_text().splitlines()
    starts = [k for k, line in enumerate(lines) if "TOTAL-FORCE" in line or '"forces"' in line]
    place = starts[1] + 3
    number = re.findall(r"-?\d+\.\d+", lines[place])[-1]
    lines[place] = lines[place].replace(number, "*" * len(number))
    path.write_text("\n".join(lines))
    found, settings = read_vasp(path, KINDS[name])
    assert settings.notes == (f"line {place + 1} has '****' where a number should stand",)
    assert np.isnan(found[1].calc.results["forces"]).sum() == 1
    check_same(found[::2], run()[::2])
    code, out, _ = typed(tmp_path, "parity", "-b", "ase:emt", name, "--verbose")
    assert code == 0
    assert "NaN forces left out" in out


def test_stars_may_touch_the_number_before_them(tmp_path):
    path = write_vasprun(tmp_path / "vasprun.xml", run())
    head, forces, rest = path.read_text().rpartition('<varray name="forces">')
    path.write_text(head + forces + re.sub(r"(\d) \S+ </v>", r"\1****** </v>", rest, count=1))
    found, settings = read_vasp(path, "vasp-xml")
    assert np.argwhere(np.isnan(found[-1].calc.results["forces"])).tolist() == [[0, 2]]
    assert "'****'" in settings.notes[0]


def test_stars_in_an_electronic_step_cost_nothing(tmp_path):
    path = write_vasprun(tmp_path / "vasprun.xml", run(), electronic=[-1.0, -2.0, -3.0])
    path.write_text(path.read_text().replace("> -1.0 <", "> ************** <"))
    found, settings = read_vasp(path, "vasp-xml")
    check_same(found, run())
    assert "'****'" in settings.notes[0]


def test_numbers_without_a_space_before_a_minus(tmp_path):
    """Fortran's columns touch where a number has all its digits."""
    outcar = write_outcar(tmp_path / "OUTCAR", run())
    outcar.write_text(re.sub(r" +-(\d+\.\d{6})(?= |\n)", r"-\1", outcar.read_text()))
    check_same(read_vasp(outcar, "vasp-out")[0], run())
    xml = write_vasprun(tmp_path / "vasprun.xml", run())
    xml.write_text(re.sub(r"(\d) -", r"\1-", xml.read_text()))
    check_same(read_vasp(xml, "vasp-xml")[0], run())


def test_x_is_xenon_and_other_species_are_refused(tmp_path):
    images = run(1)
    images[0].symbols[:] = "Xe"
    path = write_vasprun(tmp_path / "vasprun.xml", images)
    text = path.read_text()
    path.write_text(text.replace("<c>Xe</c>", "<c>X </c>"))
    check_same(read_vasp(path, "vasp-xml")[0], images)
    path.write_text(text.replace("<c>Xe</c>", "<c>Qq</c>").replace("PAW_PBE Xe", "PAW_PBE Qq"))
    with pytest.raises(InputError, match="species 'Qq' is not an element"):
        read_vasp(path, "vasp-xml")


def test_a_name_that_is_no_element_does_not_shift_those_of_the_others(tmp_path):
    """VRHFIN of old potentials is r for Zr; the next species' was taken for it."""
    path = write_outcar(tmp_path / "OUTCAR", run(1))
    names = "   VRHFIN =r : 4s4p5s4d\n   VRHFIN =Au: s1d10\n"
    path.write_text(path.read_text().replace("   ions per type", f"{names}   ions per type"))
    check_same(read_vasp(path, "vasp-out")[0], run(1))


def test_more_than_ten_species_go_on_in_the_next_line(tmp_path):
    atoms = bulk("Cu", cubic=True) * (3, 1, 1)
    symbols = ["Cu", "Ag", "Au", "Ni", "Pd", "Pt", "Al", "Fe", "Co", "Mn", "Cr", "V"]
    atoms.set_chemical_symbols(symbols)
    atoms.calc = SinglePointCalculator(atoms, energy=1.0, forces=np.zeros((12, 3)))
    path = write_outcar(tmp_path / "OUTCAR", [atoms])
    ten = "  ".join("1" * 10)
    path.write_text(path.read_text().replace(ten, ten + "\n                 "))
    assert read_vasp(path, "vasp-out")[0][0].get_chemical_symbols() == symbols


# --- case 25: columns of vdW corrections, force fields learned on the fly -------------------------


@pytest.mark.slow
def test_the_columns_of_a_vdw_correction_are_no_obstacle(tmp_path):
    path = write_outcar(tmp_path / "OUTCAR", run(), vdw=True)
    found, settings = read_vasp(path, "vasp-out")
    check_same(found, run())
    assert settings.dispersion == "vdW"
    write_outcar(path, run(), {"IVDW": "12"}, vdw=True)
    assert read_vasp(path, "vasp-out")[1].dispersion == "D3(BJ)"
    code, out, _ = typed(tmp_path, "parity", "-b", "ase:emt", "OUTCAR")
    assert code == 0
    assert "3 reference frames of 1 run, PBE + D3(BJ), VASP" in out


def test_of_a_force_field_that_is_learned_only_steps_of_dft_count(tmp_path):
    tags = {"ML_LMLFF": ".TRUE.", "IBRION": "0", "ML_MODE": "train"}
    path = write_outcar(tmp_path / "OUTCAR", run(), tags, learned=True)
    found, settings = read_vasp(path, "vasp-out")
    check_same(found, run())
    assert settings.motion == "steps of a machine-learned force field"
    assert "machine-learned force field" in settings.notes[0]
    xml = write_vasprun(tmp_path / "vasprun.xml", run(), tags)
    field = "<structure><crystal></crystal></structure><energy></energy>\n"
    xml.write_text(xml.read_text().replace("</calculation>\n", "</calculation>\n" + field * 4))
    found, settings = read_vasp(xml, "vasp-xml")
    check_same(found, run())
    assert settings.notes == ("12 steps of its machine-learned force field left out",)


@pytest.mark.parametrize("name", KINDS)
def test_a_run_of_a_force_field_alone_has_no_labels(tmp_path, name):
    tags = {"ML_LMLFF": "T", "IBRION": "0", "ML_ISTART": "2"}
    path = WRITERS[name](tmp_path / name, run(), tags)
    text = re.sub(r"(?s)<scstep>.*?</scstep>", "", path.read_text())
    path.write_text(re.sub("(FREE ENERGIE|energy  without)", r"ML \1", text))
    code, _, err = typed(tmp_path, "parity", "-b", "ase:emt", name)
    assert code == 2
    assert "all its steps are of a machine-learned force field, none of DFT" in err
    assert "is it complete" not in err


def test_an_outcar_without_positions_asks_for_the_xml(tmp_path):
    path = write_outcar(tmp_path / "OUTCAR", run(2), {"NWRITE": "0"})
    first, second = path.read_text().split("POSITION", 1)
    path.write_text(first + "POSITION" + second.replace("POSITION", ""))
    found, settings = read_vasp(path, "vasp-out")
    check_same(found, run(2)[:1])
    assert settings.notes == ("1 of 2 ionic steps have no lattice or positions in it",)
    path.write_text(first + second.replace("POSITION", ""))
    with pytest.raises(InputError, match="no lattice or positions in it; give the vasprun"):
        read_vasp(path, "vasp-out")


# --- what both files say (case 14) ----------------------------------------------------------------


def both(tmp_path, xml, outcar):
    one = read_vasp(write_vasprun(tmp_path / "vasprun.xml", run(), xml), "vasp-xml")[1]
    two = read_vasp(write_outcar(tmp_path / "OUTCAR", run(), outcar), "vasp-out")[1]
    return join_settings(one, two)


@pytest.mark.parametrize(
    ("xml", "outcar", "level"),
    [
        ({"GGA": "PE"}, {"IVDW": "12"}, "PBE + D3(BJ), VASP"),
        ({}, {"METAGGA": "R2SCAN"}, "r2SCAN, VASP"),
        ({}, {"GGA": "PS ! for solids"}, "PBEsol, VASP"),
        ({"GGA": "PS"}, {}, "PBEsol, VASP"),
        ({"METAGGA": "R2SCA", "LUSE_VDW": "T"}, {"METAGGA": "F"}, "r2SCAN + rVV10, VASP"),
        ({"LHFCALC": "T", "HFSCREEN": "0.2"}, {}, "HSE06, VASP"),
    ],
)
def test_what_one_file_leaves_out_the_other_says(tmp_path, xml, outcar, level):
    found = both(tmp_path, xml, outcar)
    assert (found.level_of_theory, found.disagree) == (level, ())
    assert found.doubts == ()


def test_a_correction_that_only_one_file_names_is_no_contradiction():
    """OUTCAR may show the correction's energy, and not which it is."""
    named, shown = (Settings(tags={"GGA": "PE", "IVDW": value}) for value in ("12", "?"))
    for one, two in ((named, shown), (shown, named)):
        found = join_settings(one, two)
        assert (found.dispersion, found.disagree) == ("D3(BJ)", ())
    assert join_settings(Settings(tags={"IVDW": "0"}), shown).disagree == ("IVDW = 0 and ?",)


def test_dispersion_in_outcar_alone_is_a_doubt(tmp_path):
    found = both(tmp_path, {}, {"IVDW": "12"})
    doubt = level_doubt(found.level_of_theory, "PBE / PBE+U (MPtrj)", [{"Cu", "Au"}], found)
    assert doubt.text == "the reference is PBE with D3(BJ) dispersion, the model without"


def test_files_that_contradict_each_other_are_a_doubt(tmp_path):
    found = both(tmp_path, {"GGA": "PS", "NELECT": "8.0"}, {"GGA": "RP", "NELECT": "8.00"})
    assert (found.functional, found.disagree) == ("PBEsol", ("GGA = PS and RP",))
    assert [d.text for d in found.doubts] == [
        "the files of the reference disagree: GGA = PS and RP"
    ]
    assert not found.doubts[0].void


def test_steps_are_those_of_the_best_file():
    best = Settings(unconverged=(1,), finished=False, tags={"IBRION": "2"})
    found = join_settings(best, Settings(tags={"IBRION": "2", "ISPIN": "2"}))
    assert (found.unconverged, found.finished, found.spin) == ((1,), False, "spin-polarized")


# --- the kind of run ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize(
    ("tags", "motion"),
    [
        ({"IBRION": "2"}, "relaxation"),
        ({"IBRION": "0"}, "molecular dynamics"),
        ({"IBRION": "6", "NSW": "1"}, "finite differences"),
        ({"IBRION": "8", "NSW": "1"}, "linear response"),
        ({"IBRION": "2", "NSW": "1"}, "single point"),
        ({"IBRION": "-1", "NSW": "0"}, "single point"),
        ({"IBRION": "44"}, "a search for a saddle point"),
        ({"ICHAIN": "2"}, "a search for a saddle point"),
        ({"IMAGES": "5", "LCLIMB": "T"}, "image of a path"),
    ],
)
def test_what_the_atoms_did(tmp_path, name, tags, motion):
    path = WRITERS[name](tmp_path / name, run(1), tags)
    assert read_vasp(path, KINDS[name])[1].motion == motion


@pytest.mark.parametrize(
    ("tags", "why"),
    [
        ({"ICHARG": "12"}, "its charge density was fixed (ICHARG = 12)"),
        ({"ALGO": "EVGW0"}, "it has no total energy (ALGO = EVGW0)"),
        ({"ALGO": "BSE"}, "it has no total energy (ALGO = BSE)"),
        ({"METAGGA": "MBJ"}, "METAGGA = MBJ is a potential without an energy"),
    ],
)
def test_runs_without_a_total_energy_of_their_own_density(tmp_path, tags, why):
    path = write_vasprun(tmp_path / "vasprun.xml", run(1), {"NSW": "0", **tags})
    doubt = read_vasp(path, "vasp-xml")[1].label_doubt(0)
    assert (doubt.kind, doubt.text) == ("not self-consistent", why)
    code, _, err = typed(tmp_path, "parity", "-b", "ase:emt", "vasprun.xml")
    assert code == 2
    assert why in err


def test_a_run_of_molecular_dynamics_is_not_relaxed_again(tmp_path):
    """Case 04."""
    write_vasprun(tmp_path / "md" / "vasprun.xml", run(), {"IBRION": "0"})
    code, _, err = typed(tmp_path, "run", "-b", "ase:emt", "md", "--only", "relaxation")
    assert code == 2
    assert "not relaxed again, molecular dynamics: md" in err


@pytest.mark.slow
def test_of_a_workflow_only_converged_runs_give_labels(tmp_path):
    """Cases 06 and 08: what the model is compared with is the static run alone."""
    tags = {"NELM": "3", "EDIFF": "1E-4"}
    top = tmp_path / "w"
    write_vasprun(top / "bad" / "vasprun.xml", run(), tags, electronic=[-1.0, -2.0, -3.0])
    write_vasprun(top / "bands" / "vasprun.xml", run(1), {"ICHARG": "11"})
    write_vasprun(top / "static" / "vasprun.xml", run(5), {"ICHARG": "2"})
    code, out, _ = typed(tmp_path, "parity", "-b", "ase:emt", "w")
    assert code == 0
    assert "5 reference frames of 1 run, PBE, VASP" in out
    said = " ".join(out.split())
    assert "its SCF did not converge (3 of 3 frames)" in said
    assert "its charge density was fixed (ICHARG = 11) (1 of 1 frames)" in said


def test_forces_of_a_nudged_elastic_band_are_no_labels(tmp_path):
    path = write_outcar(tmp_path / "03" / "OUTCAR", run(1))
    text = path.read_text()
    path.write_text(text.replace(" INCAR:", " each image running on    4 cores\n INCAR:"))
    found, settings = read_vasp(path, "vasp-out")
    assert set(found[0].calc.results) >= {"energy", "stress"}
    assert "forces" not in found[0].calc.results
    assert "springs" in settings.notes[0]


@pytest.mark.parametrize(
    ("tags", "spin"),
    [
        ({"ISPIN": "1"}, "not spin-polarized"),
        ({"ISPIN": "2"}, "spin-polarized"),
        ({"ISPIN": "1", "LNONCOLLINEAR": "T"}, "non-collinear"),
    ],
)
def test_spin_is_reported(tmp_path, tags, spin):
    path = write_outcar(tmp_path / "OUTCAR", run(1), tags)
    assert read_vasp(path, "vasp-out")[1].spin == spin


@pytest.mark.parametrize("name", KINDS)
def test_a_run_with_optics_has_an_energy_all_the_same(tmp_path, name):
    path = WRITERS[name](tmp_path / name, run(1), {"NSW": "0", "LOPTICS": "T"})
    found, settings = read_vasp(path, KINDS[name])
    check_same(found, run(1))
    assert settings.label_doubt(0) is None


def test_selective_dynamics_stand_in_the_file_beside(tmp_path):
    path = write_outcar(tmp_path / "OUTCAR", run())
    fixed = run(1)[0]
    fixed.set_constraint(FixAtoms([0, 3]))
    ase.io.write(tmp_path / "POSCAR", fixed, format="vasp")
    (tmp_path / "CONTCAR").write_text("")  # as an unfinished run leaves it
    found, _ = read_vasp(path, "vasp-out")
    assert [a.constraints[0].index.tolist() for a in found] == [[0, 3]] * 3
    packed = gzip.compress((tmp_path / "POSCAR").read_bytes())
    (tmp_path / "POSCAR").unlink()
    (tmp_path / "POSCAR.gz").write_bytes(packed)
    assert read_vasp(path, "vasp-out")[0][0].constraints[0].index.tolist() == [0, 3]
    (tmp_path / "POSCAR.gz").unlink()
    ase.io.write(tmp_path / "POSCAR", bulk("Ag"), format="vasp")  # of something else
    assert read_vasp(path, "vasp-out")[0][0].constraints == []
