"""Phonons: phonopy's own runs with EMT, planted softening, noise and curl, files of every form."""

from __future__ import annotations

import bz2
import gzip
import lzma
import sys

import numpy as np
import pytest
from ase import units
from ase.build import bulk, fcc111, molecule
from ase.calculators.emt import EMT
from ase.io import write
from checking import check_up
from faulty import Failing, Faulty, ScaledForces

from mlipcheck.checks.phonons import check as check_module
from mlipcheck.checks.phonons.check import Phonons
from mlipcheck.checks.phonons.frequencies import build_phonon, displace_twice, follow_file
from mlipcheck.checks.phonons.record import (
    CrystalPhonons,
    Spectrum,
    read_instability,
    read_other_modes,
)
from mlipcheck.checkup.plan import plan_checkup
from mlipcheck.record import Model
from mlipcheck.references.phonons import (
    find_phonons,
    new_phonon,
    quiet,
    read_phonons,
    to_atoms,
)
from mlipcheck.system import Settings

ONLY = Settings(only=("phonons",))


@pytest.fixture(scope="module", autouse=True)
def phonopy(request):
    return pytest.importorskip("phonopy", reason="phonopy is not installed")


def test_phonopy_leaves_the_depth_of_recursion_as_it_was():
    """Where symfc is imported it is 100000, and JSON of so many brackets ends Python."""
    before = sys.getrecursionlimit()
    with quiet():
        sys.setrecursionlimit(before + 1)
    assert sys.getrecursionlimit() == before


class Noisy(Faulty):
    """Has forces with noise of 2 meV/Å, the same for the same positions."""

    def spoil(self, atoms):
        seed = int.from_bytes(np.round(atoms.positions, 9).tobytes()[:6000], "little") % 2**63
        noise = np.random.default_rng(seed).normal(0, 2e-3, (len(atoms), 3))
        self.results["forces"] = self.results["forces"] + noise


class Pulled(Faulty):
    """Adds to each atom's force a tenth of itself, turned: what is no gradient has a net force."""

    def spoil(self, atoms):
        forces = self.results["forces"].copy()
        forces[0] *= 1.1
        self.results["forces"] = forces


def run_phonopy(atoms, calculator, matrix, step=0.01):
    """Do what a user does with phonopy and ASE."""
    with quiet():
        phonon = new_phonon(atoms, matrix)
        phonon.generate_displacements(distance=step)
        forces = []
        for cell in phonon.supercells_with_displacements:
            image = to_atoms(cell)
            image.calc = calculator
            forces.append(image.get_forces())
        phonon.forces = forces
    return phonon


@pytest.fixture(scope="module")
def copper():
    return run_phonopy(bulk("Cu", a=3.59), EMT(), np.diag([3, 3, 3]))


@pytest.fixture
def file(copper, tmp_path):
    path = tmp_path / "phonopy_params.yaml"
    copper.save(path)
    return path


def compare(calculator, path):
    given = read_phonons(path)
    assert given.error is None
    return CrystalPhonons("it", **follow_file(calculator, given, lambda n: None))


def follow(calculator, atoms, most=40):
    facts = displace_twice(calculator, build_phonon(atoms, most), lambda n: None)
    return CrystalPhonons("it", **facts)


def statuses(row):
    found = {c.quantity: (c, c.read(row)) for c in Phonons.criteria}
    return {name: c.status(reading) for name, (c, reading) in found.items() if reading}


def write_sets(folder, phonon, scale=1.0):
    from phonopy.file_IO import write_FORCE_SETS

    first = [{**d, "forces": scale * d["forces"]} for d in phonon.dataset["first_atoms"]]
    write_FORCE_SETS({**phonon.dataset, "first_atoms": first}, filename=folder / "FORCE_SETS")
    phonon.save(folder / "phonopy_disp.yaml", settings={"force_sets": False})


@pytest.mark.slow
def test_a_model_agrees_with_its_own_phonopy_run(file):
    run = check_up(EMT(), [str(file)], ONLY)
    (row,) = run.rows("phonons")
    assert row.slope.s_lo == pytest.approx(1, abs=1e-3)
    assert row.slope.r_squared == pytest.approx(1, abs=1e-3)
    assert row.ratio("highest") == pytest.approx(1, abs=1e-3)
    assert row.ratio("mean") == pytest.approx(1, abs=1e-3)
    assert {f.status for f in run.findings} == {"ok"}
    assert {a.use: a.answer for a in run.uses}["vibrations"] == "yes"


@pytest.mark.slow
def test_frequencies_are_those_of_phonopy(file, copper):
    row = compare(EMT(), file)
    with quiet():
        copper.produce_force_constants()
        copper.symmetrize_force_constants()
        copper.run_mesh([11, 11, 11])
    assert row.reference.highest == pytest.approx(copper.mesh.frequencies.max(), rel=1e-6)
    width = (row.reference.highest - row.reference.lowest) / len(row.reference.density)
    assert row.reference.density.sum() * width == pytest.approx(3, rel=1e-6)


def test_forces_times_a_factor_make_frequencies_times_its_root(file):
    row = compare(ScaledForces(EMT(), 0.81), file)
    assert row.slope.s_lo == pytest.approx(0.81, abs=1e-3)
    assert row.ratio("highest") == pytest.approx(0.9, abs=1e-3)
    assert row.ratio("mean") == pytest.approx(0.9, abs=1e-3)
    assert statuses(row)["softening of displaced cells"] == "caution"
    soft = compare(ScaledForces(EMT(), 0.5), file)
    assert statuses(soft)["softening of displaced cells"] == "fail"
    assert statuses(soft)["highest frequency"] == "fail"
    assert statuses(soft)["forces on displaced cells"] == "ok"


@pytest.mark.slow
def test_every_form_of_a_file_says_the_same(copper, file, tmp_path):
    packed = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}
    paths = [file]
    for end, compress in packed.items():
        paths.append(file.with_name(file.name + end))
        paths[-1].write_bytes(compress(file.read_bytes()))
    sets = tmp_path / "sets"
    sets.mkdir()
    write_sets(sets, copper)
    read = [read_phonons(p) for p in (*paths, sets / "phonopy_disp.yaml", sets / "FORCE_SETS")]
    assert [r.error for r in read] == [None] * 6
    assert len({r.fingerprint for r in read}) == 1
    assert read[-1].name == "sets"
    assert np.allclose(read[0].forces, read[-1].forces, atol=1e-8)


@pytest.mark.slow
def test_a_folder_counts_each_run_once(copper, file, tmp_path):
    write_sets(tmp_path, copper)
    file.with_name("again.yaml").write_bytes(file.read_bytes())
    (tmp_path / "band.yaml").write_text("nqpoint: 1\n")
    found, others = find_phonons([str(tmp_path), "Cu.cif"])
    assert len(found) == 1
    assert found[0].given == str(tmp_path)
    assert others == [str(tmp_path), "Cu.cif"]
    run = check_up(EMT(), [str(tmp_path)], ONLY)
    assert [row.error for row in run.rows("phonons")] == [None]
    system = plan_checkup(EMT(), [str(tmp_path)]).system
    assert [r.error for r in system.references] == [None]  # its crystal, and no complaint


@pytest.mark.slow
def test_units_of_another_code_are_its_headers(copper, tmp_path):
    """What Quantum ESPRESSO writes: lengths in Bohr, forces in Ry/Bohr."""
    from phonopy import Phonopy

    cell = copper.unitcell.copy()
    cell.cell = cell.cell / units.Bohr
    with quiet():
        other = Phonopy(cell, copper.supercell_matrix, calculator="qe")
        other.generate_displacements(distance=0.01 / units.Bohr)
        other.forces = np.array(copper.forces) / (units.Rydberg / units.Bohr)
        other.save(tmp_path / "phonopy_params.yaml")
    given = read_phonons(tmp_path / "phonopy_params.yaml")
    assert given.unitcell.cell.cellpar() == pytest.approx(bulk("Cu", a=3.59).cell.cellpar())
    assert given.forces == pytest.approx(np.array(copper.forces), abs=1e-7)
    assert compare(EMT(), tmp_path / "phonopy_params.yaml").ratio("highest") == pytest.approx(
        1, abs=1e-3
    )
    text = (tmp_path / "phonopy_params.yaml").read_text().replace("calculator: qe", "x: y")
    (tmp_path / "phonopy_params.yaml").write_text(text)
    assert "length_unit = au" in read_phonons(tmp_path / "phonopy_params.yaml").error


@pytest.mark.slow
def test_random_displacements_are_read_too(tmp_path):
    """All atoms displaced at once, as symfc fits them."""
    with quiet():
        phonon = new_phonon(bulk("Cu", a=3.59, cubic=True), np.diag([2, 2, 2]))
        phonon.generate_displacements(distance=0.01, number_of_snapshots=3, random_seed=1)
        cells = [to_atoms(cell) for cell in phonon.supercells_with_displacements]
        for cell in cells:
            cell.calc = EMT()
        phonon.forces = [cell.get_forces() for cell in cells]
        phonon.save(tmp_path / "phonopy_params.yaml")
    row = compare(EMT(), tmp_path / "phonopy_params.yaml")
    assert row.slope.s_lo == pytest.approx(1, abs=1e-3)
    assert row.ratio("highest") == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(("scale", "kind"), [(units.Bohr / units.Rydberg, "unit"), (-1, "sign")])
def test_forces_in_another_unit_or_sign_judge_nothing(copper, tmp_path, scale, kind):
    write_sets(tmp_path, copper, scale)
    run = check_up(EMT(), [str(tmp_path)], ONLY)
    (row,) = run.rows("phonons")
    assert [d.kind for d in row.doubts] == [kind]
    compared = [f for f in run.findings if f.tested_on == "your structures"]
    assert {f.status for f in compared} == {"not assessed"}


@pytest.mark.slow
@pytest.mark.parametrize("factor", [0.53, 0.25])
def test_a_soft_model_is_no_unit(file, factor):
    assert compare(ScaledForces(EMT(), factor), file).doubts == ()


def test_a_damaged_or_foreign_file_is_one_line(file, tmp_path):
    copper = run_phonopy(bulk("Cu", a=3.59), EMT(), np.diag([2, 2, 2]))
    whole = file.read_text()
    bad = tmp_path / "bad"
    bad.mkdir()
    entry = whole[: whole.rindex("- atom:")]
    cases = {
        "cut": (whole[: len(whole) // 3], "is it complete?"),
        "half": (whole[: int(0.98 * len(whole))].rsplit("\n", 1)[0], ""),
        "entry": (entry, "is it complete?"),
        "foreign": ("nqpoint: 1\n", "no phonopy file"),
        "code": ("phonopy: !!python/object/apply:os.mkdir [ran]\n", "is it complete?"),
        "empty": ("", "no phonopy file"),
    }
    for name, (text, why) in cases.items():
        (bad / f"{name}.yaml").write_text(text)
        error = read_phonons(bad / f"{name}.yaml").error
        assert error is not None, name
        assert why in error, error
        assert "\n" not in error
        assert len(error) < 400
    assert not (tmp_path / "ran").exists()
    copper.save(bad / "phonopy_disp.yaml", settings={"force_sets": False})
    assert "no forces in it, and no FORCE_SETS" in read_phonons(bad / "phonopy_disp.yaml").error
    (bad / "FORCE_SETS").write_text("8\n1\n\n1\n0.01 0 0\n" + "0 0 0\n" * 8)
    assert read_phonons(bad / "phonopy_disp.yaml").error is not None
    assert "no such file" in read_phonons(tmp_path / "missing.yaml").error


def test_a_supercell_in_another_order_is_refused(copper, tmp_path):
    import yaml

    path = tmp_path / "phonopy_params.yaml"
    copper.save(path)
    content = yaml.safe_load(path.read_text())
    content["supercell"]["points"].reverse()
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    assert "in another order" in read_phonons(path).error


def test_a_displacement_too_few_is_found(tmp_path):
    salt = run_phonopy(bulk("NaCl", "rocksalt", a=5.6, cubic=True), Flat(), np.eye(3, dtype=int))
    salt.dataset = {**salt.dataset, "first_atoms": salt.dataset["first_atoms"][:1]}
    salt.save(tmp_path / "phonopy_params.yaml")
    error = read_phonons(tmp_path / "phonopy_params.yaml").error
    assert "displacements of Cl" in error


class Flat(EMT):
    """Has no forces at all, for any element."""

    def calculate(self, atoms=None, *args, **kwargs):
        self.results = {"energy": 0.0, "forces": np.zeros((len(atoms), 3))}


@pytest.mark.slow
def test_only_a_bad_file_is_a_mistake_and_beside_others_a_row(file, tmp_path):
    from ase.calculators.calculator import InputError

    (tmp_path / "cut.yaml").write_text(file.read_text()[:3000])
    with pytest.raises(InputError, match=r"cut.yaml: .*is it complete"):
        check_up(EMT(), [str(tmp_path / "cut.yaml")], ONLY)
    rows = check_up(EMT(), [str(tmp_path / "cut.yaml"), str(file)], ONLY).rows("phonons")
    assert [bool(row.error) for row in rows] == [True, False]


@pytest.mark.slow
def test_noise_is_roughness_and_no_instability():
    noisy = follow(Noisy(EMT()), bulk("Cu", a=3.59))
    assert noisy.noise == pytest.approx(2e-3, rel=0.3)
    found, clean = statuses(noisy), statuses(follow(EMT(), bulk("Cu", a=3.59)))
    assert set(clean.values()) == {"ok"}
    changed = {name for name in clean if found[name] not in (clean[name], "not assessed")}
    assert changed == {"roughness of force constants"}


def test_a_true_instability_stays():
    row = follow(EMT(), bulk("Cu", "bcc", a=2.87))
    assert row.small.lowest == pytest.approx(row.model.lowest, abs=0.02)
    assert read_instability(row).value > 0.5
    found = statuses(row)
    assert found.pop("imaginary modes") == "caution"
    assert set(found.values()) == {"ok"}


@pytest.mark.slow
def test_a_net_force_breaks_the_acoustic_sum_and_nothing_else():
    found = statuses(follow(Pulled(EMT()), bulk("Cu", a=3.59)))
    assert found.pop("acoustic sum rule") == "caution"
    assert set(found.values()) == {"ok"}


def test_imaginary_modes_count_where_only_one_has_them():
    stable, unstable = Spectrum(-0.05, 8.0, 5.0), Spectrum(-2.0, 8.0, 5.0)
    for model, reference, value in (
        (stable, unstable, 2.0),
        (unstable, stable, 2.0),
        (unstable, unstable, 0.0),
        (stable, stable, 0.0),
    ):
        row = CrystalPhonons("it", model=model, reference=reference, floor=0.0)
        assert read_other_modes(row).value == value
    noisy = CrystalPhonons("it", model=unstable, reference=stable, floor=3.0)
    assert read_other_modes(noisy).value == 0


@pytest.mark.slow
def test_one_atom_or_four_are_one_crystal(tmp_path):
    highest = []
    for cubic in (False, True):
        path = tmp_path / f"{cubic}.cif"
        write(path, bulk("Cu", cubic=cubic))
        (row,) = check_up(EMT(), [str(path)], ONLY).rows("phonons")
        assert row.error is None
        assert row.height >= 7
        highest.append(row.model.highest)
    assert highest[0] == pytest.approx(highest[1], rel=2e-3)


@pytest.mark.slow
def test_what_is_no_crystal_or_too_large_is_left_out_with_the_reason(tmp_path):
    for name, atoms in (("slab", fcc111("Cu", (1, 1, 3), vacuum=8)), ("water", molecule("H2O"))):
        atoms.info.clear()
        write(tmp_path / f"{name}.traj", atoms)
    given = [str(tmp_path / "slab.traj"), str(tmp_path / "water.traj")]
    plan = plan_checkup(EMT(), given, Settings(only=("phonons", "dimers")))
    assert plan.not_run["phonons"] == "no crystals in three dimensions: slab, water"
    large, rattled = bulk("Cu") * (6, 6, 6), bulk("Cu", cubic=True) * (2, 2, 1)
    rattled.rattle(0.1, seed=1)
    write(tmp_path / "large.cif", large)
    write(tmp_path / "rattled.cif", rattled)
    for name, why in (
        ("large", "216 atoms; 200 at most"),
        ("rattled", "displacements by symmetry"),
    ):
        plan = plan_checkup(
            EMT(), [str(tmp_path / f"{name}.cif")], Settings(only=("phonons", "dimers"))
        )
        assert why in plan.not_run["phonons"]


@pytest.mark.slow
def test_a_supercell_that_is_too_small_says_so():
    row = follow(EMT(), bulk("Cu", a=3.59), most=8)
    assert row.n_atoms == 8
    assert row.height < 7
    assert "in a cell of only 4.1 Å" in read_instability(row).text
    assert "4.1 Å" in Phonons().remarks([row])[0].text


@pytest.mark.slow
def test_quick_takes_less(tmp_path):
    for symbol in ("Cu", "Al", "Ni"):
        write(tmp_path / f"{symbol}.cif", bulk(symbol))
    paths = [str(tmp_path / f"{s}.cif") for s in ("Cu", "Al", "Ni")]
    for quick, most in ((False, 2), (True, 1)):
        plan = plan_checkup(EMT(), paths, Settings(only=("phonons",), quick=quick))
        assert len(plan.jobs[0].tasks) == most
        assert f"{most} crystals at most" in " ".join(plan.notes)


@pytest.mark.slow
def test_what_fails_in_the_middle_is_a_row_with_its_error(file):
    calculator = Failing(EMT(), lambda atoms: np.linalg.norm(atoms.positions[0]) > 5e-3)
    given = read_phonons(file)
    task = check_module._task(given, given.phonon, len(given.forces))
    from mlipcheck.check import Context

    (row,) = Phonons().run(calculator, task, Context())
    assert row.error == "RuntimeError: planted failure"
    assert row.model is None


@pytest.mark.slow
def test_one_figure_a_crystal_with_both_densities(file):
    from mlipcheck.drawing.colours import PALETTE

    run = check_up(EMT(), [str(file)], ONLY)
    (panel,) = Phonons().figures([Model(run, "emt", PALETTE[0], "o")])
    assert "the reference's" in panel.alt


@pytest.mark.slow
@pytest.mark.parametrize(("name", "atoms", "highest"), [("NaCl", 64, 6.277), ("MgO", 64, 18.059)])
def test_phonopys_own_examples(data_dir, name, atoms, highest):
    (given,), _ = find_phonons([str(data_dir / "phonons" / name)])
    assert given.name == name
    assert given.forces.shape == (2, atoms, 3)
    from mlipcheck.checks.phonons.frequencies import find_spectrum

    found = find_spectrum(given.phonon, given.forces)
    assert found.highest == pytest.approx(highest, abs=2e-3)
    assert found.lowest == pytest.approx(0, abs=1e-3)


def published(calculator, data_dir, name, slope, r_squared, ratio, lowest):
    row = compare(calculator, data_dir / "phonons" / name)
    assert row.slope.s_lo == pytest.approx(slope, abs=2e-3)
    assert row.slope.r_squared == pytest.approx(r_squared, abs=2e-3)
    assert row.ratio("highest") == pytest.approx(ratio, abs=2e-3)
    assert row.model.lowest == pytest.approx(lowest, abs=0.02)
    return statuses(row)


BATE, BZO = "mdr-pbe-mp-1000.yaml.bz2", "bzo-pbe-phonopy_params.yaml"


@pytest.mark.slow
def test_chgnet_as_published(chgnet, data_dir):
    found = published(chgnet, data_dir, BATE, 0.558, 0.974, 0.727, 0.0)
    assert found["softening of displaced cells"] == "fail"
    found = published(chgnet, data_dir, BZO, 0.978, 0.972, 1.025, -4.94)
    assert found["imaginary modes beside the reference's"] == "ok"
    given = read_phonons(data_dir / "phonons" / BZO)
    cell = new_phonon(given.unitcell, given.phonon.supercell_matrix)
    row = CrystalPhonons("it", **displace_twice(chgnet, cell, lambda n: None))
    assert row.small.lowest == pytest.approx(-4.94, abs=0.02)
    assert read_instability(row).value == pytest.approx(4.5, abs=0.1)


@pytest.mark.slow
def test_sevennet_as_published(sevennet, data_dir):
    found = published(sevennet, data_dir, BATE, 0.495, 0.503, 0.874, -2.45)
    assert found["imaginary modes beside the reference's"] == "fail"
    published(sevennet, data_dir, BZO, 1.073, 0.997, 1.028, -4.57)
