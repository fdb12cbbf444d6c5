"""What VASP's files say of the level of theory, and when it is not the checkpoint's."""

from __future__ import annotations

import pytest
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator
from hypothesis import given
from hypothesis import strategies as st
from vasp_files import write_outcar, write_vasprun

from mlipcheck.calculators.backends import list_backends
from mlipcheck.references import vasp
from mlipcheck.references.inputs import load_frame_sets
from mlipcheck.references.level_of_theory import MP_U, level_doubt
from mlipcheck.references.vasp import read_vasp
from mlipcheck.references.vasp_settings import Settings

MPTRJ = "PBE / PBE+U (MPtrj)"
OXIDE = [{"Fe", "O"}]


def oxide():
    atoms = bulk("FeO", "rocksalt", a=4.3)
    atoms.calc = SinglePointCalculator(atoms, energy=-1.0, forces=[[0.0] * 3] * 2)
    return [atoms]


def settings_of(tmp_path, **tags):
    path = write_vasprun(tmp_path / "vasprun.xml", oxide(), tags)
    return read_vasp(path, "vasp-xml")[1]


# --- INCAR tags --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tags", "functional"),
    [
        ({}, "PBE"),  # GGA = --, of a PAW_PBE
        ({"GGA": "PE"}, "PBE"),
        ({"GGA": "PS"}, "PBEsol"),
        ({"GGA": "RP"}, "RPBE"),
        ({"GGA": "RE"}, "revPBE"),
        ({"GGA": "ZZ"}, "ZZ"),
        ({"GGA": "PS ! for solids"}, "PBEsol"),
        ({"GGA": "'RP' # revised"}, "RPBE"),
        ({"GGA": "! PS"}, "PBE"),
        ({"METAGGA": "SCAN ! slow"}, "SCAN"),
        ({"METAGGA": "SCAN"}, "SCAN"),
        ({"METAGGA": "R2SCAN"}, "r2SCAN"),
        ({"METAGGA": "R2scan"}, "r2SCAN"),
        ({"METAGGA": "R2SCA"}, "r2SCAN"),
        ({"METAGGA": "--", "GGA": "PS"}, "PBEsol"),
        ({"LHFCALC": "F", "HFSCREEN": "0.2"}, "PBE"),
        ({"LHFCALC": "T", "HFSCREEN": "0.2"}, "HSE06"),
        ({"LHFCALC": "T", "HFSCREEN": "0.207", "AEXX": "0.25"}, "HSE06"),
        ({"LHFCALC": "T", "HFSCREEN": "0.3"}, "HSE03"),
        ({"LHFCALC": "T"}, "PBE0"),
        ({"LHFCALC": "T", "GGA": "PS", "HFSCREEN": "0.2"}, "HSEsol"),
        ({"LHFCALC": "T", "AEXX": "0.1"}, "PBE hybrid"),
        ({"LHFCALC": "T", "AEXX": "1.0"}, "Hartree-Fock"),
        ({"LHFCALC": "T", "GGA": "B3", "AEXX": "0.2"}, "B3LYP"),
    ],
)
def test_functional_follows_the_tags(tmp_path, tags, functional):
    settings = settings_of(tmp_path, **tags)
    assert settings.functional == functional
    assert settings.level_of_theory == f"{functional}, VASP"


@pytest.mark.parametrize(
    ("title", "functional"),
    [
        ("PAW_PBE Fe 06Sep2000", "PBE"),
        ("PAW_GGA Fe 03Mar1998", "PW91"),
        ("PAW Fe 03Mar1998", "LDA"),
    ],
)
def test_potcar_decides_where_no_tag_does(tmp_path, title, functional):
    path = write_vasprun(tmp_path / "vasprun.xml", oxide())
    text = path.read_text()
    path.write_text(text.replace("PAW_PBE Fe 01Jan2000", title).replace("PAW_PBE O", "PAW O"))
    assert read_vasp(path, "vasp-xml")[1].functional == functional


@pytest.mark.parametrize(
    ("tags", "dispersion"),
    [
        ({"IVDW": "0"}, None),
        ({"IVDW": "10"}, "D2"),
        ({"IVDW": "11"}, "D3"),
        ({"IVDW": "12"}, "D3(BJ)"),
        ({"IVDW": "20"}, "TS"),
        ({"IVDW": "21"}, "TS/HI"),
        ({"IVDW": "202"}, "MBD"),
        ({"IVDW": "4"}, "dDsC"),
        ({"IVDW": "77"}, "IVDW 77"),
        ({"LVDW": "T"}, "D2"),
        ({"LUSE_VDW": "T"}, "nonlocal vdW"),
        ({"LUSE_VDW": "F"}, None),
        ({"IVDW": "12 ! D3"}, "D3(BJ)"),
    ],
)
def test_dispersion_follows_the_tags(tmp_path, tags, dispersion):
    settings = settings_of(tmp_path, **tags)
    assert settings.dispersion == dispersion
    tail = f" + {dispersion}" if dispersion else ""
    assert settings.level_of_theory == f"PBE{tail}, VASP"


@pytest.mark.parametrize(
    ("tags", "hubbard_u", "level"),
    [
        ({"LDAU": "F", "LDAUL": "2 -1", "LDAUU": "5.3 0", "LDAUJ": "0 0"}, {}, "PBE"),
        (
            {"LDAU": "T", "LDAUL": "2 -1", "LDAUU": "5.3 0", "LDAUJ": "0 0"},
            {"Fe": 5.3, "O": 0.0},
            "PBE+U",
        ),
        (
            {"LDAU": "T", "LDAUTYPE": "2", "LDAUL": "2 -1", "LDAUU": "5 0", "LDAUJ": "1 0"},
            {"Fe": 4.0, "O": 0.0},
            "PBE+U",
        ),
        (
            {"LDAU": "T", "LDAUTYPE": "1", "LDAUL": "2 -1", "LDAUU": "5 0", "LDAUJ": "1 0"},
            {"Fe": 5.0, "O": 0.0},
            "PBE+U",
        ),
        # switched off for iron by its shell, and nothing left
        ({"LDAU": "T", "LDAUL": "-1 -1", "LDAUU": "5 0", "LDAUJ": "0 0"}, {}, "PBE"),
        ({"LDAU": "T"}, None, "PBE+U"),
        ({"LDAU": "T", "LDAUL": "2", "LDAUU": "5", "LDAUJ": "0"}, None, "PBE+U"),
        ({"LDAU": "T", "LDAUL": "2 -1", "LDAUU": "*** 0", "LDAUJ": "0 0"}, None, "PBE+U"),
        ({"LDAU": ".TRUE.", "LDAUL": "2 -1", "LDAUU": "5 0", "LDAUJ": "0 0"}, ..., "PBE+U"),
    ],
)
def test_u_follows_the_tags(tmp_path, tags, hubbard_u, level):
    settings = settings_of(tmp_path, **tags)
    assert settings.hubbard_u == ({"Fe": 5.0, "O": 0.0} if hubbard_u is ... else hubbard_u)
    assert settings.level_of_theory == f"{level}, VASP"


# +U stands in sentences
HUBBARD = """ LDA+U is selected, type is set to LDAUTYPE =  2
   angular momentum for each species LDAUL =     2   -1
   U (eV)           for each species LDAUU =   5.3  0.0
   J (eV)           for each species LDAUJ =   0.0  0.0
"""


def outcar_of(tmp_path, text="", **tags):
    path = write_outcar(tmp_path / "OUTCAR", oxide(), tags)
    path.write_text(path.read_text().replace(" INCAR:\n", f" INCAR:\n{text}"))
    return read_vasp(path, "vasp-out")[1]


def test_an_outcar_says_the_same(tmp_path):
    found = outcar_of(tmp_path, HUBBARD, GGA="PS", IVDW="11", LHFCALC="F")
    assert found.hubbard_u == {"Fe": 5.3, "O": 0.0}
    assert found.level_of_theory == "PBEsol+U + D3, VASP"
    found = outcar_of(tmp_path, GGA="PS", METAGGA="T")  # a line of its own, no functional
    assert (found.hubbard_u, found.level_of_theory) == ({}, "PBEsol, VASP")
    # VASP 6 repeats the INCAR, with its comments and several tags in a line
    found = outcar_of(tmp_path, "   ENCUT = 520; METAGGA = R2scan ! not SCAN\n", METAGGA="F")
    assert found.functional == "r2SCAN"
    assert outcar_of(tmp_path, "   # METAGGA = SCAN\n").functional == "PBE"
    assert outcar_of(tmp_path, GGA="RP!revised").functional == "RPBE"


@pytest.mark.parametrize(
    ("file", "level"),
    [
        ("LiFePO4_relax_pymatgen/vasprun.xml.gz", "HSE06, VASP"),
        ("Li_relax_pymatgen/vasprun.xml.gz", "PBE, VASP"),
        ("Li_relax_pymatgen/OUTCAR", "PBE, VASP"),
        ("Si_relax_atomate/vasprun.xml", "PBE, VASP"),
        ("Si_relax_atomate/OUTCAR", "PBE, VASP"),
        ("phonopy/NaCl64_displaced_001_vasprun.xml", "PBE, VASP"),
    ],
)
def test_real_runs(data_dir, file, level):
    path = data_dir / "vasp" / file
    settings = read_vasp(path, vasp.file_kind(path))[1]
    assert (settings.level_of_theory, settings.hubbard_u, settings.dispersion) == (level, {}, None)


# --- differences -------------------------------------------------------------------------------


def differences(*arguments):
    """Return what the doubt says, None where there is none."""
    doubt = level_doubt(*arguments)
    return doubt.text if doubt else None


def pbe(u=None, dispersion=None, functional="PBE"):
    return Settings(functional=functional, hubbard_u=u or {}, dispersion=dispersion)


@pytest.mark.parametrize(
    ("functional", "checkpoint", "trained_on"),
    [
        ("HSE06", MPTRJ, "PBE"),
        ("PBEsol", MPTRJ, "PBE"),
        ("PBE", "r2SCAN (MP-r2SCAN)", "r2SCAN"),
        ("SCAN", "r2SCAN (MatPES)", "r2SCAN"),
        ("PBE hybrid", "PBE (MatPES)", "PBE"),
    ],
)
def test_another_functional_is_a_difference(functional, checkpoint, trained_on):
    expected = f"the reference is {functional}, the model {trained_on}"
    found = differences(f"{functional}, VASP", checkpoint, OXIDE, pbe(functional=functional))
    assert found == expected
    if functional != "PBE hybrid":  # a text alone says it too
        assert differences(functional, checkpoint, OXIDE) == expected


@pytest.mark.parametrize(
    ("compositions", "missing"),
    [
        ([{"Fe", "O"}], "Fe"),
        ([{"Fe", "F"}, {"Cu"}], "Fe"),
        ([{"Li", "Mn", "Ni", "O"}], "Mn, Ni"),
        ([{"Fe", "O"}, {"Co", "O"}], "Co, Fe"),
        ([{"Fe", "S"}, {"Mg", "O"}], None),  # no oxide of iron
        ([{"Ti", "O"}], None),  # none of the scheme's
        ([{"Fe"}], None),
        ([{"Na", "Cl"}], None),
        ([], None),
    ],
)
def test_missing_u_is_a_difference_where_the_scheme_has_it(compositions, missing):
    expected = f"the reference is PBE without +U for {missing}, the model with it"
    found = differences("PBE, VASP", MPTRJ, compositions, pbe())
    assert found == (expected if missing else None)


def test_u_of_the_scheme_is_no_difference():
    assert differences("PBE+U, VASP", MPTRJ, OXIDE, pbe({"Fe": 5.3, "O": 0.0})) is None
    assert differences("PBE+U, VASP", MPTRJ, [{"Co", "O"}], pbe({"Co": 3.3})) is None
    assert differences("PBE or PBE+U, VASP", MPTRJ, OXIDE) is None


@pytest.mark.slow
@given(
    st.sets(st.sampled_from([*MP_U, "Ti", "Si"]), min_size=1, max_size=4),
    st.sampled_from(["O", "F", "S"]),
)
def test_labels_in_the_scheme_itself_never_differ(metals, anion):
    scheme = {e: MP_U.get(e, 0.0) for e in metals} if anion in "OF" else {}
    assert differences("PBE+U", MPTRJ, [metals | {anion}], pbe(scheme)) is None
    flipped = {} if any(scheme.values()) else dict.fromkeys(metals, 1.0)
    assert differences("PBE+U", MPTRJ, [metals | {anion}], pbe(flipped)) is not None


@pytest.mark.parametrize(
    ("u", "compositions", "checkpoint", "why"),
    [
        ({"Fe": 4.0}, OXIDE, MPTRJ, "U = 4 eV for Fe, the model with 5.3 eV"),
        ({"Ti": 3.0}, [{"Ti", "O"}], MPTRJ, "with +U for Ti, the model without it"),
        ({"Fe": 4.0}, [{"Fe", "S"}], MPTRJ, "with +U for Fe, the model without it"),
        ({"Fe": 5.3}, OXIDE, "PBE (MatPES)", "with +U for Fe, the model without it"),
        ({}, OXIDE, "PBE+U (my own)", "without +U, the model with it"),
    ],
)
def test_another_u_is_a_difference(u, compositions, checkpoint, why):
    found = differences("PBE+U, VASP", checkpoint, compositions, pbe(u))
    assert found.startswith("the reference is PBE with")
    assert found.endswith(why)


def test_u_of_unknown_values_is_a_difference_only_where_the_checkpoint_has_none():
    unknown = Settings(functional="PBE", hubbard_u=None)
    assert "with +U" in differences("PBE+U, VASP", "PBE (MatPES)", OXIDE, unknown)
    assert differences("PBE+U, VASP", MPTRJ, OXIDE, unknown) is None
    # a text that does not speak of +U does not say that there was none
    assert differences("PBE_52, VASP", MPTRJ, OXIDE) is None


def test_dispersion_is_a_difference_on_either_side():
    found = differences("PBE + D3(BJ), VASP", MPTRJ, [{"C"}], pbe(dispersion="D3(BJ)"))
    assert found == ("the reference is PBE with D3(BJ) dispersion, the model without")
    assert differences("PBE + D3(BJ), VASP", MPTRJ, [{"C"}]) == found
    assert differences("x", "PBE-D3(BJ)", [{"C"}], pbe(dispersion="D3(BJ)")) is None
    assert "with D2, the model " in differences("x", "PBE-D3(BJ)", [{"C"}], pbe(dispersion="D2"))
    assert "without D3(BJ)" in differences("PBE, VASP", "PBE-D3(BJ)", [{"C"}], pbe())


def test_a_run_without_spin_is_a_difference_where_there_is_iron():
    settings = Settings(functional="PBE", hubbard_u={}, spin="not spin-polarized")
    found = differences("PBE, VASP", "PBE (MatPES)", OXIDE, settings)
    assert found == "the reference is PBE without spin polarization, with Fe in it"
    assert differences("PBE, VASP", "PBE (MatPES)", [{"Cu"}], settings) is None
    spin = Settings(functional="PBE", hubbard_u={}, spin="spin-polarized")
    assert differences("PBE, VASP", "PBE (MatPES)", OXIDE, spin) is None


def test_all_that_differs_is_one_sentence():
    settings = pbe({"Fe": 4.0}, "D3")
    found = differences("PBE+U + D3, VASP", MPTRJ, OXIDE, settings)
    assert "U = 4 eV for Fe" in found
    assert "; with D3 dispersion" in found
    hybrid = differences("HSE06 + D3", MPTRJ, OXIDE, pbe(dispersion="D3", functional="HSE06"))
    assert hybrid.startswith("the reference is HSE06, the model PBE; with")


@pytest.mark.parametrize(
    "unknown",
    [
        None,
        "",
        "by modality: -o modal=mpa, omat24, ...",
        "PBE / PBE+U or r2SCAN: -o modal=PBE or R2SCAN",
        "Morse curve, D_e = 1.0 eV, a = 1.7 1/Å, r0 = 1.1 Å",
    ],
)
def test_nothing_is_said_of_what_is_unknown(unknown):
    assert differences("HSE06, VASP", unknown, OXIDE, pbe(functional="HSE06")) is None
    assert differences(unknown, MPTRJ, OXIDE) is None


def test_pseudopotentials_are_no_functional_where_one_is_named():
    assert differences("r2SCAN, PBE_54", "r2SCAN (MatPES)", OXIDE) is None
    assert "r2SCAN, the model " in differences("r2SCAN, PBE_54", MPTRJ, OXIDE)
    assert "the model r2SCAN" in differences("PBE_52, VASP", "r2SCAN (MatPES)", OXIDE)


def test_every_checkpoint_of_the_materials_project_is_known_to_have_u():
    levels = {c.level_of_theory for b in list_backends() for c in b.checkpoints}
    schemes = {level for level in levels if "PBE+U" in level and "r2SCAN" not in level}
    assert MPTRJ in schemes
    for level in schemes:
        assert "without +U for Fe" in differences("PBE, VASP", level, OXIDE, pbe())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("LiFePO4_relax_pymatgen", "the reference is HSE06, the model PBE"),
        ("Si_relax_atomate", None),
        ("phonopy", None),
        ("Li_relax_pymatgen", None),
    ],
)
def test_real_runs_against_chgnet(data_dir, folder, expected):
    (found,) = load_frame_sets(data_dir / "vasp" / folder)
    said = differences(found.level_of_theory, MPTRJ, found.compositions, found.settings)
    assert said == expected
