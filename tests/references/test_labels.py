"""Labels wherever they stand in a frame, whatever they are called, in the units that are stated."""

from __future__ import annotations

import re

import ase.io
import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk
from ase.calculators.calculator import InputError
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.stress import voigt_6_to_full_3x3_stress
from hypothesis import given, settings
from hypothesis import strategies as st

from mlipcheck import parity
from mlipcheck.references.curves import find_curves
from mlipcheck.references.energy_work import CONFIRMED
from mlipcheck.references.inputs import frames_from_atoms, load_frame_sets, load_references
from mlipcheck.references.label_keys import parse_header, unit_factor
from mlipcheck.references.labels import UNCHECKED, read_frame
from mlipcheck.verdict import judge

FORCES = np.arange(12.0).reshape(4, 3) / 10
STRESS = np.array([0.01, 0.02, 0.03, 0.004, 0.005, 0.006])
PLAIN = {"energy": -2.0, "forces": FORCES, "stress": STRESS}


def frame(info=(), arrays=(), results=(), atoms=None):
    atoms = bulk("Cu", cubic=True) if atoms is None else atoms.copy()
    atoms.info.update(info)
    for name, array in dict(arrays).items():
        atoms.set_array(name, np.array(array))
    if results:
        atoms.calc = SinglePointCalculator(atoms)
        atoms.calc.results = dict(results)
    return atoms


def read(*given, keys=None, **places):
    return read_frame(frame(*given, **places), "x", "x", keys=keys)


def write(path, header, rows, cell="10 0 0 0 10 0 0 0 10"):
    """Write a frame of extended XYZ as its author typed it."""
    lattice = f'Lattice="{cell}" pbc="T T T" ' if cell else 'pbc="F F F" '
    with path.open("a") as file:
        file.write(f"{len(rows)}\n{lattice}{header}\n" + "\n".join(rows) + "\n")
    return path


def advised(text):
    """Return the keys of the option that a message says to type."""
    option = re.search(r"--label-keys ([^\s)]+)", text)[1]
    return dict(pair.split("=") for pair in option.split(","))


def only(path):
    (found,) = load_frame_sets(path)
    return found


# --- files as people have them -------------------------------------------------------------------

WATER = "O 4.3 4.2 5.2 {0} 0.1 0.2", "H 4.6 3.5 4.6 -{0} -0.1 -0.2"
VIRIAL = 'virial="-1.3 0.2 1.5 0.2 -0.6 -0.6 1.5 -0.6 -3.0"'


def water(path, columns, header, force=0.3):
    rows = [row.format(force) for row in WATER]
    return write(path, f"Properties=species:S:1:pos:R:3:{columns}:R:3 {header}", rows)


def test_forces_of_a_training_set_are_read_before_it_is_relaxed(tmp_path):
    path = write(
        tmp_path / "training_set.xyz",
        "Properties=species:S:1:pos:R:3:REF_forces:R:3 REF_energy=-9.0",
        ["B 0 0 0 -4.7 0 0", "B 1.6 0 0 4.7 0 0"],
        "4 0 0 0 4 0 0 0 4",
    )
    (reference,) = load_references([path])
    assert reference.not_relaxed == "forces above 0.1 eV/Å"
    assert (reference.fmax, reference.energy) == (4.7, -9.0)


@pytest.mark.parametrize("columns", ["force", "REF_forces", "forces", "DFT_force"])
def test_energy_forces_and_virial_of_one_frame_are_put_together(tmp_path, columns):
    found = only(water(tmp_path / "gap_train.xyz", columns, f"energy=-28.4 {VIRIAL}"))
    (one,) = found.frames
    assert one.energy == -28.4
    np.testing.assert_array_equal(one.forces[0], [0.3, 0.1, 0.2])
    np.testing.assert_allclose(one.stress, np.array([1.3, 0.6, 3.0, 0.6, -1.5, -0.2]) / 1000)
    assert not any("not read" in note for note in found.notes)
    name = "the calculator's forces" if columns == "forces" else columns
    assert f"labels read from the calculator's energy, {name}, virial" in found.notes
    assert [(d.kind, d.void, d.about) for d in found.doubts] == [
        ("convention", False, ("stresses",))
    ]


def test_an_energy_under_ref_beside_forces_is_read(tmp_path):
    found = only(water(tmp_path / "both.xyz", "forces", "REF_energy=-28.4"))
    assert found.frames[0].energy == -28.4
    assert found.frames[0].forces[0, 0] == 0.3
    assert found.notes == ("labels read from REF_energy, the calculator's forces",)


def test_units_of_the_header_are_converted(tmp_path):
    header = "energy=-1.043175 energy-unit=hartree force-unit=hartree/bohr"
    found = only(water(tmp_path / "hartree.xyz", "forces", header, force=0.00276))
    (one,) = found.frames
    assert one.energy == pytest.approx(-28.38624, abs=1e-5)
    assert one.forces[0, 0] == pytest.approx(0.141925, abs=1e-5)
    (note,) = found.notes
    assert note == "energy from hartree, forces from hartree/bohr converted, as the file says"
    assert found.doubts == ()


@pytest.mark.parametrize("unit", ["nonsense", "GPa"])
def test_a_unit_that_is_not_known_refuses_its_label_by_name(tmp_path, unit):
    found = only(water(tmp_path / "x.xyz", "forces", f"energy=-1.0 energy-unit={unit}"))
    assert found.frames[0].energy is None
    assert found.frames[0].forces is not None
    assert any(f"energy in {unit!r}, " in note and "left out" in note for note in found.notes)


def test_a_dimer_curve_is_read_under_ref_keys(tmp_path):
    path = tmp_path / "B-B.xyz"
    r = np.linspace(1.4, 4.2, 8)
    energies = (1 - np.exp(-1.7 * (r - 1.8))) ** 2 - 1
    slope = 3.4 * (1 - np.exp(-1.7 * (r - 1.8))) * np.exp(-1.7 * (r - 1.8))
    for x, energy, f in zip(r, energies, slope, strict=True):
        rows = [f"B 0 0 0 {f} 0 0", f"B {x} 0 0 {-f} 0 0"]
        header = f"Properties=species:S:1:pos:R:3:REF_forces:R:3 REF_energy={energy}"
        write(path, header, rows, cell=None)
    curve = find_curves(str(path), {("B", "B"): np.linspace(1, 5, 50)})["B", "B"]
    np.testing.assert_allclose(curve.energies, energies)
    np.testing.assert_allclose(curve.forces, -slope)


@pytest.mark.slow
def test_a_user_sees_where_labels_are_from_and_what_they_are(run_cli, tmp_path):
    """Strained copper in Hartree, whose virials its energies confirm: judged as if in eV."""
    path = tmp_path / "mixed.extxyz"
    for atoms in copper():
        energy, virial = emt(atoms)
        told = {"REF_energy": energy / units.Hartree, "Virial": virial / units.Hartree}
        told |= {"energy-unit": "hartree", "force-unit": "Ha/Bohr", "virial-unit": "Ha"}
        forces = atoms.get_forces() / (units.Hartree / units.Bohr)
        ase.io.write(path, frame(told, {"force": forces}, atoms=atoms), append=True)
    status, out, _ = run_cli("parity", "-b", "ase:emt", path, "--verbose")
    text = " ".join(out.split())
    assert status == 0
    assert "labels read from REF_energy, force, Virial" in text
    assert "energy from hartree, forces from Ha/Bohr, stress from Ha converted, as the" in text
    assert CONFIRMED in text
    assert "these labels are this model's own" in text  # to the digits of the file: all is right


# --- places --------------------------------------------------------------------------------------

NAMES = {
    "energy": ["energy", "Energy", "free_energy", "energies"],
    "forces": ["forces", "force", "Forces", "FORCE"],
    "stress": ["stress", "Stress", "virial", "virials", "Virial", "stresses"],
}


@settings(max_examples=40)
@given(st.data())
def test_labels_put_together_equal_the_plain_ones(data):
    """Each under any prefix and name, in info, arrays or the calculator, in any shape."""
    info, arrays, results = {}, {}, {}
    atoms = bulk("Cu", cubic=True)
    for label, value in PLAIN.items():
        name = data.draw(st.sampled_from(NAMES[label]))
        prefix = data.draw(st.sampled_from(["", "REF_", "dft_", "DFT_", "ref_", "Dft_"]))
        if label == "stress":
            value = -atoms.cell.volume * value if "irial" in name else value
            full = voigt_6_to_full_3x3_stress(value)
            value = data.draw(st.sampled_from([value, full, full.ravel()]))
        if label == "energy":
            value = data.draw(st.sampled_from([value, np.array([value])]))
        in_results = name in ("energy", "free_energy", "forces", "stress", "virial")
        if in_results and data.draw(st.booleans()):
            results[name] = value
        else:
            (arrays if label == "forces" else info)[prefix + name] = value
    found = read(info, arrays, results)
    assert found.error is None
    assert found.energy == -2.0
    np.testing.assert_array_equal(found.forces, FORCES)
    np.testing.assert_allclose(found.stress, STRESS, rtol=1e-12)
    assert not any("not read" in note or "left out" in note for note in found.notes)


def test_rows_of_a_database_have_labels_in_what_their_user_stored():
    found = read({"key_value_pairs": {"dft_energy": -2.0}, "data": {"dft_forces": FORCES}})
    assert found.energy == -2.0
    np.testing.assert_array_equal(found.forces, FORCES)


def test_the_reference_goes_before_a_calculator_that_contradicts_it():
    """As where a model has written its energy and forces beside a REF_energy."""
    model = {"energy": -1.0, "forces": FORCES}
    found = read({"REF_energy": -2.0}, results=model)
    assert (found.energy, found.forces) == (-2.0, None)
    assert found.notes[-1] == (
        "the calculator's energy, the calculator's forces not read: energy differs from "
        "REF_energy (--label-keys forces=forces reads it)"
    )
    keys = advised(found.notes[-1])
    found = read({"REF_energy": -2.0}, results=model, keys=keys)
    assert found.energy == -2.0
    np.testing.assert_array_equal(found.forces, FORCES)


def test_of_two_complete_sets_ref_is_read_and_the_other_named():
    found = read(
        {"dft_energy": -1.0, "REF_energy": -2.0},
        {"dft_forces": FORCES, "REF_forces": 2 * FORCES},
        {"energy": -2.0},
    )
    assert found.energy == -2.0
    np.testing.assert_array_equal(found.forces, 2 * FORCES)
    assert found.notes == (
        "labels read from REF_energy, REF_forces",
        "dft_energy, dft_forces not read: energy differs from REF_energy",
    )


@pytest.mark.parametrize("key", ["REF-energy", "dft-energy", "DFT-Energy"])
def test_a_dash_is_an_underscore(key):
    assert read({key: -2.0}).energy == -2.0


def test_two_spellings_of_one_name_are_two_places():
    found = read({"dft_energy": -1.0, "DFT_energy": -2.0})
    assert found.energy == -1.0
    assert "DFT_energy not read: energy differs from dft_energy" in found.notes


def test_digits_of_a_file_are_no_contradiction():
    found = read({"REF_energy": -2.0001}, {"forces": FORCES.round(1)}, PLAIN)
    assert found.notes == ("labels read from REF_energy, the calculator's forces, the "
                           "calculator's stress",)  # fmt: skip


def test_a_bad_label_of_the_reference_is_not_replaced_by_another():
    found = read({"REF_energy": np.nan}, results=PLAIN)
    assert found.energy is None
    assert "NaN energy left out" in found.notes


def test_energy_is_read_before_the_free_energy_and_that_is_told():
    assert read(results={"energy": -2.0, "free_energy": -2.0}).notes == ()
    found = read(results={"energy": -2.0, "free_energy": -2.1})
    assert found.energy == -2.0
    assert found.notes == ("the calculator's energy read, not the calculator's free_energy",)
    found = read(results={"free_energy": -2.1})
    assert found.energy == -2.1
    assert found.notes == ("the energy is the calculator's free_energy: there is no other",)


@pytest.mark.parametrize(
    "key", ["total_energy", "energy_per_atom", "corrected_energy", "my_E", "vasp_energy"]
)
def test_what_only_looks_like_an_energy_is_named_and_the_advice_reads_it(key):
    atoms = frame({key: -0.5, "kinetic_energy": 9.0}, results={"forces": FORCES})
    found = frames_from_atoms([atoms])
    assert found.frames[0].energy is None
    note = f"{key} not read; if these are the labels: --label-keys energy={key}"
    assert note in found.notes
    keys = advised(note)
    expected = -2.0 if key == "energy_per_atom" else -0.5
    assert read_frame(atoms, "", "", keys=keys).energy == pytest.approx(expected)


def test_other_names_are_listed_with_the_option_that_reads_them():
    own = {"my_energy": -2.0, "total_energy": -2.0, "my_stress": STRESS, "w": 1.0}
    atoms = frame(own, {"my_F": FORCES, "tags": [0] * 4})
    found = frames_from_atoms([atoms], source="own.xyz")
    option = "energy=total_energy,forces=my_F,stress=my_stress"
    assert found.error.endswith(
        "my_F, my_energy, my_stress, total_energy not read; if these are the labels: "
        f"--label-keys {option}"
    )
    one = read_frame(atoms, "", "", keys=advised(found.error))
    assert (one.error, one.energy) == (None, -2.0)
    np.testing.assert_array_equal(one.forces, FORCES)
    np.testing.assert_array_equal(one.stress, STRESS)


def test_named_keys_go_before_all_others_and_alone():
    """Also where another place has the label too."""
    info = {"mine": -3.0, "REF_energy": -2.0, "W": -STRESS * bulk("Cu", cubic=True).cell.volume}
    found = read(info, results=PLAIN, keys={"energy": "mine", "virial": "W"})
    assert found.energy == -3.0
    np.testing.assert_allclose(found.stress, STRESS)
    np.testing.assert_array_equal(found.forces, FORCES)
    assert [d.kind for d in found.doubts] == ["convention"]


def test_a_key_that_is_not_there_says_which_there_are():
    found = read({"my_E": -1.0}, results=PLAIN, keys={"energy": "my_e"})
    assert found.energy is None
    assert "no my_e in it (numeric keys: energy, forces, my_E, stress), energy left out" in (
        found.notes
    )


def test_keys_of_something_else_are_refused():
    with pytest.raises(InputError, match="'dipole'; give keys of energy, forces, stress, virial"):
        read(results=PLAIN, keys={"dipole": "mu"})


@pytest.mark.parametrize("name", ["stress", "virial"])
def test_a_header_may_have_six_components(name):
    """ASE refuses a file with these."""
    found = parse_header(f'{name}="1 2 3 4 5 6" energy=-1.0')
    np.testing.assert_array_equal(found[name], [[1, 6, 5], [6, 2, 4], [5, 4, 3]])
    assert found["energy"] == -1.0
    nine = parse_header(f'{name}="1 6 5 6 2 4 5 4 3"')
    np.testing.assert_array_equal(nine[name], found[name])


def test_a_file_with_six_components_is_read(tmp_path):
    header = 'energy=-1.0 stress="1 2 3 4 5 6"'
    path = write(tmp_path / "six.xyz", header, ["Cu 0 0 0"], cell="3 0 0 0 3 0 0 0 3")
    np.testing.assert_array_equal(only(path).frames[0].stress, [1, 2, 3, 4, 5, 6])


def test_what_else_stands_in_info_is_passed_over():
    strange = {"energies": [[1.0], [1.0, 2.0]], 7: 1.0, "my_energy": [[1.0], [2.0, 3.0]]}
    strange |= {"Energy": True, "units": 3, "stress_unit": None, "note": "energy = 1"}
    found = frames_from_atoms([frame(strange, results={"forces": FORCES})])
    assert found.frames[0].energy is None
    assert "energy that cannot be read as numbers left out" in found.notes
    found = read(strange, results=PLAIN, keys={"stress": "none"})
    assert (
        "no none in it (numeric keys: energy, forces, stress, units), stress left out"
        in found.notes
    )


# --- units ---------------------------------------------------------------------------------------

UNITS = {
    "energy": {
        "eV": 1.0,
        "meV": 1e-3,
        "Hartree Hartrees Ha hartree Eh au a.u.": units.Hartree,
        "Ry Rydberg": units.Rydberg,
        "kcal/mol kcal·mol⁻¹": units.kcal / units.mol,
        "kJ/mol": units.kJ / units.mol,
        "eV/atom": 4.0,
    },
    "forces": {
        "eV/Angstrom eV/Å eV/A eV/ang eV/Angst eV*Å^-1 electron_volt_per_angstrom": 1.0,
        "Hartree/Bohr Ha/bohr a.u. au/bohr": units.Hartree / units.Bohr,
        "Ry/Bohr Ry/a0 Ry/au": units.Rydberg / units.Bohr,
        "eV/Bohr": 1 / units.Bohr,
        "kcal/mol/Å kcal/(mol*Å)": units.kcal / units.mol,
        "kJ/mol/nm": units.kJ / units.mol / 10,
    },
    "stress": {
        "eV/A^3 eV/Å³ eV/angstrom**3 eV/ang3": 1.0,
        "GPa": units.GPa,
        "kbar kB": units.GPa / 10,
        "bar": units.bar,
        "MPa": units.GPa / 1000,
        "Pa": units.Pascal,
        "Ha/Bohr^3 au/bohr^3 a.u.": units.Hartree / units.Bohr**3,
        "Ry/bohr^3": units.Rydberg / units.Bohr**3,
    },
    "virial": {"eV": 1.0, "Hartree a.u.": units.Hartree},
}


@pytest.mark.parametrize("form", ["{}-unit", "{}_unit", "{}_units", "REF_{}_unit"])
@pytest.mark.parametrize(
    ("label", "unit", "factor"),
    [
        (label, unit, factor)
        for label, known in UNITS.items()
        for names, factor in known.items()
        for unit in names.split()
    ],
)
def test_every_unit_makes_the_way_there_and_back(label, unit, factor, form):
    volume = bulk("Cu", cubic=True).cell.volume
    value = {**PLAIN, "virial": -STRESS * volume}[label]
    info = {form.format(label): unit}
    place = {"arrays": {"REF_forces": value / factor}} if label == "forces" else {}
    if not place:
        info[f"REF_{label}"] = value / factor
    found = read(info, **place)
    name = "stress" if label == "virial" else label
    np.testing.assert_allclose(getattr(found, name), PLAIN[name], rtol=1e-9)
    assert any(f"{name} from {unit} converted" in n for n in found.notes) == (factor != 1.0)


@pytest.mark.parametrize(
    "said",
    [
        {"units": "atomic units"},
        {"units": "Hartree, Hartree/Bohr, Hartree/Bohr^3"},
    ],
)
def test_one_key_may_state_all_units(said):
    factors = {"energy": units.Ha, "forces": units.Ha / units.Bohr}
    factors["stress"] = units.Ha / units.Bohr**3
    found = read(said, results={k: np.array(v) / factors[k] for k, v in PLAIN.items()})
    for label, value in PLAIN.items():
        np.testing.assert_allclose(getattr(found, label), value)
    assert found.doubts == ()


def test_one_unit_stated_leaves_the_others_in_doubt():
    found = read({"energy-unit": "kcal/mol"}, results=PLAIN)
    text = "the file says the unit of energy, kcal/mol, and not that of forces"
    assert (found.doubts[0].kind, found.doubts[0].text) == ("unit", text)
    assert [d.about for d in found.doubts] == [("forces",), ("stresses",)]
    assert read({"energy_unit": "eV", "stress-unit": "GPa"}, results=PLAIN).doubts == ()


def test_positions_in_another_unit_are_refused():
    assert read({"pos_unit": "Å"}, results=PLAIN).error is None
    found = read({"pos_unit": "Bohr"}, results=PLAIN)
    assert found.error == "positions in 'Bohr', as the file says; convert them to Å"


def test_a_live_calculator_has_the_units_of_ase():
    atoms = frame({"energy_unit": "hartree"})
    atoms.calc = EMT()
    energy = atoms.get_potential_energy()
    assert read_frame(atoms, "", "").energy == energy


def test_a_crystal_system_is_no_unit():
    assert read({"unit_cell": "conventional"}, results=PLAIN).error is None


@pytest.mark.parametrize("text", ["", "mbar", "eV//", "eV/parsec", "1/cm", "GPa", "eV/atom/atom"])
def test_what_is_no_unit_of_energy_is_refused(text):
    with pytest.raises(InputError):
        unit_factor("energy", text)


# --- virials -------------------------------------------------------------------------------------


def copper(n=5, seed=0, strain=0.01, rattle=0.02):
    """Strained and rattled copper."""
    rng = np.random.default_rng(seed)
    first = bulk("Cu", cubic=True, a=3.55)
    images = []
    for k in range(n):
        atoms = first.copy()
        atoms.set_cell(first.cell[:] * (1 + strain * k), scale_atoms=True)
        atoms.positions += rattle * rng.normal(size=(4, 3))
        atoms.calc = EMT()
        images.append(atoms)
    return images


def emt(atoms):
    """Return the energy and the virial, -dE/dε by finite differences."""
    virial = np.zeros((3, 3))
    for i in range(3):
        for j in range(3):
            energies = []
            for step in (1e-4, -1e-4):
                strain = np.eye(3)
                strain[i, j] += step / 2
                strain[j, i] += step / 2
                other = atoms.copy()
                other.set_cell(atoms.cell[:] @ strain, scale_atoms=True)
                other.calc = EMT()
                energies.append(other.get_potential_energy())
            virial[i, j] = -(energies[0] - energies[1]) / 2e-4
    return atoms.get_potential_energy(), virial


@pytest.mark.slow
def test_a_virial_is_the_stress_of_the_same_calculator():
    for atoms in copper(3, rattle=0.1):
        _, virial = emt(atoms)
        for value in (virial, virial.ravel(), virial.ravel()[[0, 4, 8, 5, 2, 1]]):
            found = read({"virial": value}, atoms=atoms)
            np.testing.assert_allclose(found.stress, atoms.get_stress(), atol=1e-6)


def strained(scale=1.0, n=5, name="virial", forces=True, **kinds):
    """Frames with EMT's energies, and virials that are scaled."""
    images = []
    for atoms in copper(n, **kinds):
        stress = atoms.get_stress() * (-atoms.cell.volume if name == "virial" else 1.0)
        results = {"energy": atoms.get_potential_energy()}
        results |= {"forces": atoms.get_forces()} if forces else {}
        images.append(frame({name: scale * stress}, results=results, atoms=atoms))
    return images


@pytest.mark.parametrize(
    ("kinds", "confirmed"),
    [
        ({}, True),
        ({"rattle": 0.0}, True),
        ({"n": 2, "rattle": 0.0}, True),
        ({"rattle": 0.0, "forces": False}, True),
        ({"forces": False}, False),  # the atoms' own work is not known
        ({"n": 1}, False),
        ({"strain": 0.0}, False),
        ({"strain": 0.2}, False),  # too far apart
    ],
)
def test_energies_of_strained_frames_confirm_virials(kinds, confirmed):
    found = frames_from_atoms(strained(**kinds))
    assert (CONFIRMED in found.notes) == confirmed
    assert [(d.kind, d.text) for d in found.doubts] == (
        [] if confirmed else [("convention", UNCHECKED)]
    )


@pytest.mark.parametrize(
    ("scale", "name", "kind", "text"),
    [
        (-1.0, "virial", "sign", "of the other sign"),
        (0.1, "virial", "unit", r"(9|1\d)(\.\d)? times too small"),
        (160.2, "stress", "unit", r"1[56]\d times too large \(in GPa\?\)"),
        (-1602, "stress", "unit", r"1[56]\d\d .* \(in kbar\?\) and of the other sign"),
        (-46.0, "stress", "unit", r"4\d .* \(in eV, as virials\?\) and of the other sign"),
        (-1.0, "stress", "sign", "of the other sign"),
    ],
)
def test_energies_contradict_stresses(scale, name, kind, text):
    found = frames_from_atoms(strained(scale, name=name, strain=0.02))
    (doubt,) = found.doubts
    assert (doubt.kind, doubt.about, doubt.void) == (kind, ("stresses",), True)
    assert re.fullmatch(f"by the energies of these frames, their stresses are {text}", doubt.text)


def test_true_stresses_are_not_in_doubt():
    for seed in range(3):
        found = frames_from_atoms(strained(name="stress", seed=seed, rattle=0.1))
        assert found.doubts == ()


def test_a_stress_and_a_virial_that_agree_are_one():
    volume = bulk("Cu", cubic=True).cell.volume
    found = read({"virial": -volume * STRESS}, results=PLAIN)
    assert (found.notes, found.doubts) == ((), ())
    for turned in (1.0, -160.2):
        found = read({"virial": turned * volume * STRESS}, results=PLAIN)
        np.testing.assert_array_equal(found.stress, STRESS)
        (doubt,) = found.doubts
        assert (doubt.kind, doubt.about) == ("unit", ("stresses",))
        assert doubt.text.startswith("the calculator's stress is not -virial/volume")


def test_a_virial_of_a_slab_is_left_out():
    slab = bulk("Cu", cubic=True)
    slab.pbc = True, True, False
    found = read({"virial": STRESS}, results={"energy": -1.0}, atoms=slab)
    assert found.stress is None
    assert found.notes == ("virial of what is not periodic in three directions left out",)


@pytest.mark.slow
def test_virials_of_vasp_are_confirmed_and_turned_ones_never(data_dir):
    """E(V) and stresses of 96 elemental crystals, these with VASP's sign of a pressure."""
    import json

    path = data_dir / "results-unaries-verification-PBE-v1-vasp.json"
    data = json.loads(path.read_text())
    found = {1: [], -1: []}
    for key, stresses in list(data["stress_data"].items())[::4]:
        energies = {round(v, 4): e for v, e in data["eos_data"][key]}
        for sign, sets in found.items():
            images = [
                frame({"virial": sign * volume * np.array(s).ravel()},
                      results={"energy": energies[round(volume, 4)]},
                      atoms=Atoms("Cu", cell=[volume ** (1 / 3)] * 3, pbc=True))
                for volume, s in stresses
            ]  # fmt: skip
            sets.append(frames_from_atoms(images))
    assert sum(CONFIRMED in s.notes for s in found[1]) > 80
    assert {d.kind for s in found[1] for d in s.doubts} == {"convention"}
    assert sum(d.kind == "sign" for s in found[-1] for d in s.doubts) > 75
    assert not any(CONFIRMED in s.notes for s in found[-1])


@pytest.mark.slow
def test_stresses_of_virials_that_nothing_confirms_are_caution_at_most():
    """Three times EMT's stresses, without forces, so that energies do not tell their work."""
    statuses = {}
    for name in ("stress", "virial"):
        images = strained(3.0, n=12, name=name, forces=False, rattle=0.05, strain=0.02)
        for k, atoms in enumerate(images):
            atoms.info["internal_id"] = f"run {k}"
            atoms.calc.results["energy"] += 0.01 * (-1) ** k  # not EMT's own labels
        row = parity(EMT(), images)
        (found,) = [f for f in judge({"parity": [row]}) if f.quantity == "pressure"]
        statuses[name] = found.status
        assert [d.kind for d in row.doubts] == (["convention"] if name == "virial" else [])
    assert statuses == {"stress": "fail", "virial": "caution"}
