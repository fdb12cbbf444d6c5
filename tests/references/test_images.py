"""Files as people have them: what is no structure is refused by name, what is one is read."""

from __future__ import annotations

import gzip
import json
import time
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk
from ase.calculators.calculator import InputError
from ase.calculators.emt import EMT
from ase.data import atomic_numbers
from ase.db import connect
from commands import typed

from mlipcheck.references.images import ReadOptions, iterate_images, read_images
from mlipcheck.references.labels import read_frame
from mlipcheck.references.structure_faults import notes_on


def read(path: Path, text: str, species=()):
    path.write_text(text)
    return read_images(path, ReadOptions(species=tuple(species)))[0]


def refused(path: Path, text: str, species=()) -> str:
    with pytest.raises(InputError) as error:
        read(path, text, species)
    (line,) = str(error.value).splitlines()
    assert "is it complete" not in line
    return line.replace(str(path), path.name)


# --- CIF: averages, and lists that lack atoms ---------------------------------------------------

SITES = ["label", "type_symbol", "occupancy", "fract_x", "fract_y", "fract_z"]


def cif(*sites: str, formula: str = "", columns=SITES) -> str:
    cell = [f"_cell_length_{x} 6.0" for x in "abc"]
    cell += [f"_cell_angle_{x} 90" for x in ("alpha", "beta", "gamma")]
    said = [f"_chemical_formula_sum '{formula}'"] if formula else []
    loop = ["loop_", *(f"_atom_site_{c}" for c in columns)]
    head = ["data_x", *said, *cell, "_symmetry_space_group_name_H-M 'P 1'"]
    return "\n".join([*head, *loop, *sites]) + "\n"


def test_partial_occupancies_are_refused(tmp_path):
    text = cif(
        "Ge1 Ge 0.515 0 0 0",
        "P1 P 0.485(3) 0 0 0",
        "Li1 Li 0.5 0.5 0.5 0.02",
        "Li2 Li 0.5 0.5 0.5 0.98",
        "S1 S 1.0 0.2 0.2 0.2",
    )
    line = (
        "partial occupancies on 3 sites (Ge/P, Li, Li): an average and not a structure; "
        "give an ordered cell"
    )
    assert refused(tmp_path / "disordered.cif", text) == f"disordered.cif: {line}"
    status, _, err = typed(tmp_path, "run", "-b", "ase:emt", "disordered.cif", "--quick")
    assert (status, err) == (2, f"mlipcheck: disordered.cif: {line}\n")


@pytest.mark.parametrize(
    ("sites", "said"),
    {
        "two halves of one atom": (["C1 C 0.5 0 0 0", "C2 C .5 1.0 0 0"], "on 1 site (C/C)"),
        "a vacancy": (["O1 O 0.9 0 0 0", "O2 O 1 .5 .5 .5"], "on 1 site (O)"),
        "too much": (["C1 C 1.3 0 0 0"], "on 1 site (C)"),
    }.values(),
)
def test_other_occupancies_than_one(tmp_path, sites, said):
    assert f"partial occupancies {said}" in refused(tmp_path / "a.cif", cif(*sites))


def test_two_species_on_one_site(tmp_path):
    columns = [c for c in SITES if c != "occupancy"]
    text = cif("Ge1 Ge 0 0 0", "P1 P 0 0 0", columns=columns)
    assert "two species on 1 site (Ge/P)" in refused(tmp_path / "a.cif", text)


def test_sites_without_coordinates(tmp_path):
    line = refused(tmp_path / "a.cif", cif("O1 O 1 0 0 0", "H1 H 1 ? ? ?", "H2 H 1 ? ? ?"))
    assert line == "a.cif: 2 H without coordinates; complete them, or leave them out"


@pytest.mark.parametrize("occupancies", ["1 1", "1.000(2) 1.0", "? .", "0.999 1"])
def test_ordered_cifs_are_read(tmp_path, occupancies):
    one, two = occupancies.split()
    text = cif(f"Fe1 Fe2+ {one} 0 0 0", f"O1 O2- {two} 0.5 0.5 0.5", formula="Fe O")
    (atoms,) = read(tmp_path / "a.cif", text)
    assert str(atoms.symbols) == "FeO"
    assert atoms.cell.cellpar() == pytest.approx([6, 6, 6, 90, 90, 90])
    assert len(notes_on(atoms)) == (occupancies == "? .")
    assert set(atoms.info) <= {"mlipcheck_notes"}


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        ("Mg H2 O2", "(Mg H2 O2), without H"),
        ("Mg2 O5", "(Mg2 O5)"),
        ("Mg O", "(Mg O)"),
        ("Mg0.4 O1", "(Mg0.4 O1)"),
        ("Si O2", "(Si O2), without Si"),
    ],
)
def test_atoms_that_are_not_those_of_the_formula(tmp_path, formula, said):
    sites = "Mg1 Mg 1 0 0 0", "O1 O 1 .5 .5 .5", "O2 O 1 .5 .5 .2"
    line = refused(tmp_path / "a.cif", cif(*sites, formula=formula))
    assert f"its atoms (MgO2) are not those of its _chemical_formula_sum {said};" in line


@pytest.mark.parametrize("formula", ["D2 O", "H2 O", "O H2", "H4 O2", "H0.6667 O0.3333", "?", ""])
def test_formulas_that_agree(tmp_path, formula):
    sites = "D1 D 1 0 0 0", "D2 D 1 .5 .5 .5", "O O 1 .5 .5 .3"
    (atoms,) = read(tmp_path / "a.cif", cif(*sites, formula=formula))
    assert str(atoms.symbols) == "H2O"
    assert notes_on(atoms) == ("D read as H, with the mass of H",)
    assert atoms.get_masses()[0] == pytest.approx(1.008)


def test_cartesian_coordinates(tmp_path):
    columns = [c.replace("fract", "Cartn") for c in SITES]
    text = cif("O1 O 1 -1 -2 -3.5", "H1 H 1 -1 -2 -2.5", "H2 H 1 0 -2 -3.5", columns=columns)
    (atoms,) = read(tmp_path / "a.cif", text)
    assert str(atoms.symbols) == "OH2"


def test_what_ase_writes_is_read_by_its_symmetry(tmp_path):
    ase.io.write(tmp_path / "a.cif", bulk("NaCl", "rocksalt", a=5.6, cubic=True))
    (atoms,) = read_images(tmp_path / "a.cif")[0]
    assert str(atoms.symbols.formula.convert("metal")) == "Na4Cl4"
    sites = cif("Na1 Na 1 0 0 0", "Cl1 Cl 1 0.5 0.5 0.5", formula="Na Cl")
    (full,) = read(tmp_path / "b.cif", sites.replace("'P 1'", "'F m -3 m'"))
    assert len(full) == 8


def test_one_average_among_structures_is_left_out_by_name(tmp_path):
    good, bad = cif("C1 C 1 0 0 0"), cif("C1 C 0.5 0 0 0")
    frames = read(tmp_path / "a.cif", good + bad.replace("data_x", "data_y"))
    assert read_frame(frames[0], "", "").error == "no labels"
    assert "partial occupancies" in read_frame(frames[1], "", "").error


# --- atoms that are none, twice there, or heavy ---------------------------------------------------


def xyz(*rows: str, comment: str = "") -> str:
    return f"{len(rows)}\n{comment}\n" + "\n".join(rows) + "\n"


@pytest.mark.parametrize("kind", ["xyz", "extxyz", "POSCAR", "cif"])
def test_deuterium_is_hydrogen_and_said_to_be(tmp_path, kind):
    text = {
        "xyz": xyz("O 0 0 0", "D 0 0 1"),
        "extxyz": xyz("O 0 0 0", "D 0 0 1", comment="Properties=species:S:1:pos:R:3"),
        "POSCAR": "x\n1\n5 0 0\n0 5 0\n0 0 5\nO D\n1 1\nDirect\n0 0 0\n0 0 .2\n",
        "cif": cif("O1 O 1 0 0 0", "H1 D 1 0 0 .2"),
    }[kind]
    (atoms,) = read(tmp_path / ("POSCAR" if kind == "POSCAR" else f"a.{kind}"), text)
    assert str(atoms.symbols) == "OH"
    assert notes_on(atoms) == ("D read as H, with the mass of H",)
    assert read_frame(atoms, "", "").notes == notes_on(atoms)
    assert "D" not in atomic_numbers


def test_ghosts_and_unknown_symbols_are_named(tmp_path):
    ghost = refused(tmp_path / "a.extxyz", xyz("O 0 0 0", "X 0 0 1", "X 0 1 0"))
    assert ghost.startswith("a.extxyz: 2 of its atoms are X, which is no element")
    strange = refused(tmp_path / "a.xyz", xyz("Fe2+ 0 0 0"))
    assert "'Fe2+' is not an element" in strange


@pytest.mark.parametrize(
    ("symbol", "title", "formula"),
    [("X ", "PAW_PBE Si", "Si2"), ("D ", "PAW_PBE H_GW", "H2"), ("X ", "PAW_PBE X", None)],
)
def test_species_of_a_vasprun_are_those_of_its_potcar(data_dir, tmp_path, symbol, title, formula):
    text = (data_dir / "vasp" / "Si_relax_atomate" / "vasprun.xml").read_text()
    assert "<c>Si</c>" in text
    assert "PAW_PBE Si" in text
    text = text.replace("<c>Si</c>", f"<c>{symbol}</c>").replace("PAW_PBE Si", title)
    if formula is None:
        assert "X" in refused(tmp_path / "vasprun.xml", text)
    else:
        assert {str(a.symbols) for a in read(tmp_path / "vasprun.xml", text)} == {formula}


@pytest.mark.parametrize("pbc", [True, (True, True, False), False])
def test_two_atoms_on_one_site(tmp_path, pbc):
    near = bulk("Cu", cubic=True) + Atoms("Cu", [[0, 0, -0.05 if np.all(pbc) else 0.05]])
    near.pbc = pbc
    near.wrap()
    path = tmp_path / "a.xyz"
    ase.io.write(path, near, format="extxyz")
    with pytest.raises(InputError, match=r"one site, Cu 0 and Cu 4, 0.05 Å apart; leave one"):
        read_images(path)
    near.positions[4, 2] += 0.3
    ase.io.write(path, near, format="extxyz")
    assert len(read_images(path)[0]) == 1


def test_a_frame_that_is_none_does_not_lose_the_others(tmp_path):
    text = xyz("Cu 0 0 0", "Cu 0 0 2") + xyz("Cu 0 0 0", "Cu 0 0 0.01")
    frames = [read_frame(a, "", "") for a in read(tmp_path / "a.xyz", text)]
    assert [len(f.atoms) for f in frames] == [2, 0]
    assert "two atoms on one site" in frames[1].error


# --- cells ----------------------------------------------------------------------------------------


def test_a_cell_that_is_missing_in_some_frames(tmp_path):
    crystal = bulk("Cu", cubic=True)
    moved, cluster = crystal.copy(), crystal.copy()
    moved.rattle(0.05, seed=1)
    cluster.positions *= 1.5
    for atoms in (moved, cluster):
        atoms.pbc, atoms.cell = False, None
    ase.io.write(tmp_path / "a.xyz", [crystal, moved, cluster], format="extxyz")
    frames = [read_frame(a, "", "") for a in read_images(tmp_path / "a.xyz")[0]]
    assert "its cell is missing" in frames[1].error
    assert [f.error for f in (frames[0], frames[2])] == ["no labels"] * 2
    assert frames[2].notes == ("it has no cell, other frames of the same atoms have one",)


def test_a_cell_that_is_no_number_costs_its_own_frame(tmp_path):
    header = 'Lattice="{} 0 0 0 4 0 0 0 4" Properties=species:S:1:pos:R:3 pbc="T T T"'
    good, bad = (xyz("Cu 0 0 0", "Cu 0 0 2", comment=header.format(x)) for x in ("4", "nan"))
    frames = [read_frame(a, "", "") for a in read(tmp_path / "a.xyz", good + bad)]
    assert [len(f.atoms) for f in frames] == [2, 0]
    assert "NaN" in frames[1].error


def test_a_molecule_in_a_box_and_free_is_one_molecule(tmp_path):
    free = Atoms("CO", [[0, 0, 0], [0, 0, 1.1]])
    boxed = free.copy()
    boxed.cell, boxed.pbc = [12] * 3, True
    ase.io.write(tmp_path / "a.xyz", [free, boxed], format="extxyz")
    assert [a.info for a in read_images(tmp_path / "a.xyz")[0]] == [{}, {}]


def test_periodic_without_a_cell(tmp_path):
    text = xyz("Cu 0 0 0", comment='Properties=species:S:1:pos:R:3 pbc="T T T"')
    assert "give every periodic direction a vector" in refused(tmp_path / "a.xyz", text)


# --- species that are numbers ---------------------------------------------------------------------


def dump(columns: str, *rows: str, steps: int = 1, head: str = "") -> str:
    box = "ITEM: BOX BOUNDS pp pp pp\n" + "0.0 4.0\n" * 3
    return "".join(
        f"{head}ITEM: TIMESTEP\n{step}\nITEM: NUMBER OF ATOMS\n{len(rows)}\n{box}"
        f"ITEM: ATOMS {columns}\n" + "".join(f"{row}\n" for row in rows)
        for step in range(steps)
    )


def test_a_dump_without_elements_is_refused_and_read_with_species(tmp_path):
    text = dump("id type x y z fx fy fz", "1 1 0 0 0 1 2 3", "2 2 2 2 2 -1 -2 -3", steps=2)
    path = tmp_path / "dump.lammpstrj"
    assert refused(path, text) == (
        "dump.lammpstrj: it has types 1, 2, ... and no column element; write it with "
        "dump_modify element Na Cl, or give --species Na,Cl"
    )
    frames = read(path, text, ["Na", "Cl"])
    assert [str(a.symbols) for a in frames] == ["NaCl"] * 2
    label = read_frame(frames[1], "", "")
    assert label.energy is None  # ASE makes one of zero
    assert label.forces == pytest.approx(np.array([[1, 2, 3], [-1, -2, -3]]))
    assert "has types 1 to 2 and --species names 1" in refused(path, text, ["Na"])
    assert "'Clx', which is not an element" in refused(path, text, ["Na", "Clx"])


def test_dumps_that_name_their_elements(tmp_path):
    path = tmp_path / "run.dump"
    text = dump("id type element xs ys zs", "2 2 Cl .5 .5 .5", "1 1 Na 0 0 0")
    (atoms,) = read(path, text)
    assert str(atoms.symbols) == "NaCl"
    assert atoms.positions[1] == pytest.approx([2, 2, 2])
    (named,) = read(path, text, ["K", "Br"])
    assert str(named.symbols) == "KBr"
    alone = dump("element x y z", "Na 0 0 0")
    assert str(read(path, alone)[0].symbols) == "Na"
    assert "no types to name" in refused(path, alone, ["Na"])
    # LAMMPS calls every type C unless it is told
    unnamed = dump("id type element x y z", "1 1 C 0 0 0", "2 2 C 2 2 2")
    assert "no column element but C; write it" in refused(path, unnamed)


def test_a_dump_in_other_units_and_one_that_ends_early(tmp_path):
    text = dump("element x y z fx fy fz", "Na 0 0 0 1 0 0", head="ITEM: UNITS\nreal\n")
    (atoms,) = read(tmp_path / "a.dump", text)
    kcal = units.kcal / units.mol
    assert read_frame(atoms, "", "").forces[0, 0] == pytest.approx(kcal, rel=1e-5)
    rows = ["Na 0 0 0", "Cl 2 2 2"]
    short = dump("element x y z", *rows, steps=2).removesuffix("Cl 2 2 2\n")
    frames = [read_frame(a, "", "") for a in read(tmp_path / "b.dump", short)]
    assert "ends within it, after 1 of 2 atoms" in frames[1].error
    huge = short.replace("ATOMS\n2\n", "ATOMS\n999999999\n")
    (tmp_path / "b.dump").write_text(huge)
    with pytest.raises(InputError, match="it announces 999999999 atoms"):
        read_images(tmp_path / "b.dump")


@pytest.mark.parametrize("name", ["nacl.data", "data.nacl", "nacl.lmp"])
def test_data_files(tmp_path, name):
    box = "".join(f"0 4 {x}lo {x}hi\n" for x in "xyz")
    masses = "Masses\n\n1 22.9898\n2 35.453\n"
    atoms = "Atoms # atomic\n\n1 1 0 0 0\n2 2 2 2 2\n"
    text = f"LAMMPS data\n\n2 atoms\n2 atom types\n{box}\n{masses}\n{atoms}"
    assert "it has types 1, 2, ... without names" in refused(tmp_path / name, text)
    (atoms,) = read(tmp_path / name, text, ["Na", "Cl"])
    assert str(atoms.symbols) == "NaCl"


def poscar(first: str) -> str:
    return f"{first}\n1.0\n4 0 0\n0 4 0\n0 0 4\n1 1\nDirect\n0 0 0\n.5 .5 .5\n"


def test_a_poscar_of_vasp_4(tmp_path):
    path = tmp_path / "POSCAR"
    # of which ASE takes what looks like some
    for first in ("phase I of No As", "rocksalt", "Na", "X Cl"):
        line = refused(path, poscar(first))
        assert line.startswith("POSCAR: it does not name its elements (VASP 4)")
        assert "--species Na,Cl" in line
        (atoms,) = read(path, poscar(first), ["Na", "Cl"])
        assert str(atoms.symbols) == "NaCl"
    (atoms,) = read(path, poscar("Na Cl"))
    assert str(atoms.symbols) == "NaCl"
    assert notes_on(atoms) == ("elements named by the first line: Na Cl",)
    assert "has 2 species and --species names 1" in refused(path, poscar("x"), ["Na"])


def test_an_xdatcar_without_elements(tmp_path):
    head = "x\n1.0\n4 0 0\n0 4 0\n0 0 4\n"
    frame = "Direct configuration= {}\n0 0 0\n.5 .5 .5\n"
    text = "".join(head + "1 1\n" + frame.format(k) for k in (1, 2))
    assert "it does not name its elements" in refused(tmp_path / "XDATCAR", text)
    frames = read(tmp_path / "XDATCAR", text, ["Na", "Cl"])
    assert [str(a.symbols) for a in frames] == ["NaCl", "NaCl"]
    named = head + "Na Cl\n1 1\n" + frame.format(1)
    assert str(read(tmp_path / "XDATCAR", named)[0].symbols) == "NaCl"


# --- JSON of pymatgen -----------------------------------------------------------------------------


def pymatgen(atoms: Atoms, **site) -> dict:
    """Return what pymatgen's ``as_dict`` writes."""
    sites = [
        {"species": [{"element": s, "occu": 1}], "xyz": list(p), "label": s, **site}
        for s, p in zip(atoms.symbols, atoms.positions.tolist(), strict=True)
    ]
    if not atoms.pbc.any():
        return {"@module": "pymatgen.core.structure", "@class": "Molecule", "sites": sites}
    for one, place in zip(sites, atoms.get_scaled_positions(wrap=False).tolist(), strict=True):
        one["abc"] = place
    lattice = {"matrix": atoms.cell.tolist(), "pbc": atoms.pbc.tolist()}
    return {"@class": "Structure", "charge": 0, "lattice": lattice, "sites": sites}


@pytest.fixture
def crystal():
    atoms = bulk("CuAu", "rocksalt", a=5.2) * (2, 1, 1)
    atoms.rattle(0.1, seed=2)
    strain = np.array([[0.02, 0.03, 0], [0, 0, -0.02], [0.01, 0, 0]])
    atoms.set_cell(atoms.cell[:] @ (np.eye(3) + strain))
    atoms.calc = EMT()
    return atoms


def kb(atoms: Atoms, order=range(6)) -> list:
    """Return the stress as VASP prints it: kB, positive where the cell wants to grow."""
    return (-10 / units.GPa * atoms.get_stress()[list(order)]).tolist()


def tensor(v: list) -> list:
    return [[v[0], v[5], v[4]], [v[5], v[1], v[3]], [v[4], v[3], v[2]]]


def forms(atoms: Atoms) -> dict[str, object]:
    """Return one labelled structure as different data sets ship it."""
    energy, forces = atoms.get_potential_energy(), atoms.get_forces().tolist()
    record = {"structure": pymatgen(atoms), "energy": energy, "forces": forces}
    mptrj = {
        "structure": pymatgen(atoms),
        "uncorrected_total_energy": energy,
        "corrected_total_energy": energy - 3,
        "energy_per_atom": (energy - 3) / len(atoms),
        "ef_per_atom": -0.5,
        "force": forces,
        "stress": tensor(kb(atoms)),
        "magmom": None,
    }
    outputs = {"energy": energy, "forces": forces, "stress": kb(atoms, (0, 1, 2, 5, 3, 4))}
    entry = {"@class": "ComputedStructureEntry", "energy": energy, "correction": -1.5}
    return {
        "MPtrj": {"mp-1": {"mp-1-0-5": mptrj}},
        "MatPES": [{**record, "stress": kb(atoms), "functional": "PBE", "matpes_id": "m-1"}],
        "maml": [{"structure": pymatgen(atoms), "outputs": outputs}],
        "entry": {**entry, "structure": pymatgen(atoms), "data": {"forces": forces}},
        "entries": {"entries": [record]},
    }


@pytest.mark.parametrize("form", ["MPtrj", "MatPES", "maml", "entry", "entries"])
@pytest.mark.parametrize("packed", [False, True])
def test_labels_of_pymatgen_records(tmp_path, crystal, form, packed):
    path = tmp_path / f"a.json{'.gz' * packed}"
    text = json.dumps(forms(crystal)[form]).encode()
    path.write_bytes(gzip.compress(text) if packed else text)
    (atoms,) = read_images(path)[0]
    frame = read_frame(atoms, "", "")
    assert str(frame.atoms.symbols) == str(crystal.symbols)
    assert frame.atoms.positions == pytest.approx(crystal.positions)
    assert frame.energy == pytest.approx(crystal.get_potential_energy())
    assert frame.forces == pytest.approx(crystal.get_forces())
    if form in ("MPtrj", "MatPES", "maml"):
        assert frame.stress == pytest.approx(crystal.get_stress(), rel=1e-9)
    else:
        assert frame.stress is None
    corrected = [n for n in frame.notes if "not read" in n]
    assert corrected == {
        "MPtrj": ["energy from uncorrected_total_energy; corrected_total_energy not read"],
        "entry": ["energy from energy; correction not read"],
    }.get(form, [])
    told = {k: atoms.info[k] for k in ("functional", "mptrj_snapshot_id") if k in atoms.info}
    assert told == {
        "MPtrj": {"mptrj_snapshot_id": "mp-1-0-5"},
        "MatPES": {"functional": "PBE"},
    }.get(form, {})


def test_energies_that_are_only_corrected_are_no_labels(tmp_path, crystal):
    record = {"structure": pymatgen(crystal), "corrected_total_energy": -1.0, "energy_per_atom": -1}
    (atoms,) = read(tmp_path / "a.json", json.dumps(record))
    frame = read_frame(atoms, "", "")
    assert frame.energy is None
    assert "only a corrected energy: corrected_total_energy not read" in frame.notes[0]
    del record["corrected_total_energy"]
    (atoms,) = read(tmp_path / "a.json", json.dumps(record))
    assert read_frame(atoms, "", "").energy == pytest.approx(-len(crystal))


def test_a_stress_whose_unit_nobody_says_is_left_out(tmp_path, crystal):
    record = {"structure": pymatgen(crystal), "energy": -1.0, "stress": kb(crystal)}
    (atoms,) = read(tmp_path / "a.json", json.dumps(record))
    frame = read_frame(atoms, "", "")
    assert (frame.energy, frame.stress) == (-1.0, None)
    assert frame.notes == ("stress left out: its unit is not written",)
    (atoms,) = read(tmp_path / "a.json", json.dumps(record | {"functional": "PBE"}))
    assert read_frame(atoms, "", "").stress is None  # anybody may write a functional


def test_a_matrix_under_outputs_has_no_order_of_its_components(tmp_path, crystal):
    record = {"structure": pymatgen(crystal), "outputs": {"stress": tensor(kb(crystal))}}
    (atoms,) = read(tmp_path / "a.json", json.dumps(record))
    assert read_frame(atoms, "", "").stress == pytest.approx(crystal.get_stress(), rel=1e-9)


def test_structures_molecules_and_lines(tmp_path):
    water = Atoms("OH2", [[0, 0, 0], [0, 0, 1], [0, 1, 0]])
    cu = bulk("Cu")
    both = [pymatgen(water), pymatgen(cu)]
    frames = read(tmp_path / "a.json", json.dumps(both))
    assert [str(a.symbols) for a in frames] == ["OH2", "Cu"]
    assert [a.pbc.all() for a in frames] == [False, True]
    assert frames[1].cell[:] == pytest.approx(cu.cell[:])
    lines = "".join(json.dumps({"structure": one, "energy": 1.0}) + "\n" for one in both)
    assert [a.get_potential_energy() for a in read(tmp_path / "a.jsonl", lines)] == [1, 1]
    (atoms,) = read(tmp_path / "a.json", json.dumps(pymatgen(cu) | {"charge": 2}))
    assert atoms.info["charge"] == 2
    fixed = pymatgen(cu, properties={"selective_dynamics": [False] * 3})
    (atoms,) = read(tmp_path / "a.json", json.dumps(fixed))
    assert atoms.constraints[0].index.tolist() == [0]
    status, out, _ = typed(tmp_path, "predict", "-b", "ase:emt", "a.json")
    assert status == 0
    assert "energy -0.00" in out


@pytest.mark.parametrize(
    ("species", "said"),
    [
        ([{"element": "Fe", "occu": 0.5}, {"element": "Mn", "occu": 0.5}], "on 1 site (Fe/Mn)"),
        ([{"element": "Li", "occu": 0.4}], "on 1 site (Li)"),
        ([{"element": "X", "occu": 1, "oxidation_state": 0}], "1 of its atoms are X"),
        ([{"element": "Zq", "occu": 1}], "'Zq' is not an element"),
    ],
)
def test_pymatgen_sites_that_are_no_atoms(tmp_path, species, said):
    one = pymatgen(bulk("Cu"))
    one["sites"][0]["species"] = species
    assert said in refused(tmp_path / "a.json", json.dumps(one))


@pytest.mark.parametrize("name", ["a.db", "a.json"])
def test_what_is_stored_beside_the_rows_of_a_database_is_read(tmp_path, monkeypatch, name):
    with connect(tmp_path / name) as rows:
        for k in range(3):
            labels = {"dft_energy": -3.0 - k, "mp_id": f"mp-{k}"}
            rows.write(bulk("Cu", a=3.6 + k), labels, {"dft_forces": np.zeros((1, 3))})
    images, _ = read_images(tmp_path / name)
    assert [read_frame(a, "", "").energy for a in images] == [-3.0, -4.0, -5.0]
    assert [read_frame(a, "", "").forces.shape for a in images] == [(1, 3)] * 3
    monkeypatch.setattr("mlipcheck.references.images.PIECE", 2)
    large = list(iterate_images(tmp_path / "a.db")) if name == "a.db" else images
    assert [a.info["mp_id"] for a in large] == ["mp-0", "mp-1", "mp-2"]


def test_the_reason_why_one_long_line_cannot_be_read_takes_no_time(tmp_path):
    site = {"species": [{"element": "Cu", "occu": 1}], "abc": [0, 0, 0]}
    record = {"structure": {"lattice": {"a": 1.5}, "sites": [site]}, "forces": [0.125] * 50_000}
    start = time.process_time()
    assert "'matrix' is missing in it" in refused(tmp_path / "a.json", json.dumps(record))
    assert time.process_time() - start < 3  # 20 with a search of every number to the line's end


def test_a_trajectory_of_pymatgen_is_refused_by_name(tmp_path, crystal):
    path = {"@class": "Trajectory", "species": ["Na"], "coords": [[[0, 0, 0]]], "lattice": None}
    line = refused(tmp_path / "a.json", json.dumps([pymatgen(crystal), path]))
    assert "it has a Trajectory; write its structures one by one" in line


def test_json_that_is_something_else(tmp_path):
    assert "JSON without structures" in refused(tmp_path / "a.json", '{"a": [1, 2]}')
    assert "not readable as JSON" in refused(tmp_path / "a.json", '{"structure": {')
    ase.io.write(tmp_path / "db.json", [bulk("Cu"), bulk("Al")])
    assert [str(a.symbols) for a in read_images(tmp_path / "db.json")[0]] == ["Cu", "Al"]


def test_what_pymatgen_itself_writes(pymatgen, tmp_path):
    core = pymatgen
    monty = pytest.importorskip("monty.json")
    one = core.Structure(core.Lattice.hexagonal(3, 5), ["Fe2+", "D+"], [[0, 0, 0], [0.3, 0.6, 0.5]])
    mol = core.Molecule(["C", "O"], [[0, 0, 0], [0, 0, 1.1]])
    frames = read(tmp_path / "a.json", json.dumps([one, mol], cls=monty.MontyEncoder))
    assert [str(a.symbols) for a in frames] == ["FeH", "CO"]
    assert frames[0].positions == pytest.approx(one.cart_coords)


@pytest.mark.parametrize("metal", ["W", "Mo", "Nb"])
def test_the_stress_of_public_strained_cells_is_the_derivative_of_their_energies(data_dir, metal):
    frames, _ = read_images(data_dir / "surfaces" / f"{metal}_Elastic.json")
    cells = np.array([a.cell[:] for a in frames])
    b = np.median(cells[:, 1, 1])
    along = [
        a
        for a in frames
        if np.allclose(a.cell[:] - np.diag(a.cell.diagonal()), 0)
        and np.allclose(a.cell.diagonal()[1:], b, atol=1e-4)
    ]
    strain = np.log([a.cell[0, 0] / b for a in along])
    slope = np.polyder(np.poly1d(np.polyfit(strain, [a.get_potential_energy() for a in along], 4)))
    given = [a.get_stress()[0] * a.get_volume() for a in along]
    assert np.ptp(strain) > 0.05
    # plane waves at a fixed cutoff: the Pulay stress is left
    assert given == pytest.approx(slope(strain), abs=0.1 * np.ptp(given))


# --- what ASE's readers say -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "said"),
    {
        "stars": (
            "a.xyz",
            xyz("Fe 0 0 0", "*****", "Fe 0.0***** 1.0"),
            "a.xyz: line 5 has *** where a number did not fit its column",
        ),
        "no number": (
            "a.xyz",
            xyz("Fe 0 0 x1"),
            "could not convert string to float: 'x1'; correct",
        ),
        "few columns": ("a.xyz", xyz("Fe 0 0"), "not readable as extxyz"),
        "cut off": ("a.cif", cif("C1 C 1 0 0"), "ended unexpectedly with incomplete row"),
        "unknown": ("a.foo", "hello\n", "a.foo: no file type that can be read; give extended XYZ"),
    }.values(),
)
def test_readers_errors_come_with_their_reason(tmp_path, name, text, said):
    assert said in refused(tmp_path / name, text)
