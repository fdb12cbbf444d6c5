"""The command line: what it prints, what it writes, and how it says no."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import re
import subprocess
import sys

import ase.io
import numpy as np
import pytest
import typer
from ase import Atoms
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator

from mlipcheck import cli
from mlipcheck.calculators.backends import list_backends
from mlipcheck.checks import list_checks
from mlipcheck.references import datasets
from mlipcheck.references.structures import morse_clusters
from mlipcheck.results_file import load_runs
from mlipcheck.uses import USES

KINDS = ("energies", "forces", "ranking")
UNFINISHED_XML = "<?xml version='1.0'?>\n<modeling>\n <generator>\n"


@pytest.fixture(autouse=True)
def no_data(monkeypatch, tmp_path_factory):
    """Without reference data, wherever the tests run."""
    empty = tmp_path_factory.mktemp("cache")
    monkeypatch.delenv(datasets.ENVIRONMENT_VARIABLE, raising=False)
    monkeypatch.setattr(datasets, "cache_folder", lambda: empty)


@pytest.fixture
def copper(tmp_path):
    path = tmp_path / "cu.xyz"
    ase.io.write(path, bulk("Cu", cubic=True))
    return path


def load_run(path):
    (record,) = load_runs(path)
    return record


def quantities(findings, status):
    return {f.quantity for f in findings if f.status == status}


def assert_svg(path):
    content = path.read_bytes()
    assert path.suffix == ".svg"
    assert content.startswith(b"<?xml")
    assert content.rstrip().endswith(b"</svg>")


# --- run ---------------------------------------------------------------------------------------


@pytest.mark.slow
def test_run_of_the_soft_toy(run_cli, tmp_path):
    path, figures = tmp_path / "run.json", tmp_path / "deep" / "figures"
    status, out, err = run_cli("run", "--json", path, "--figures", figures)
    assert status == 0
    assert "No system named: a demonstration on N." in out
    for use in USES:  # whose titles are broken into lines
        assert re.search(rf"^ ?{' '.join(use.title.split()[:2])}", out, re.MULTILINE)
    for decided in ("Morse13, bond lengths: N-N +17", "wall displacement: no wall of 1"):
        assert decided in out
    assert "Next:" in out
    assert out.count("\n") <= 40
    assert max(map(len, out.splitlines())) <= 100
    record = load_run(path)
    failed = quantities(record.findings, "fail")
    assert {"repulsive wall", "wall displacement", "bond lengths"} <= failed
    answers = {a.use: a.answer for a in record.uses}
    assert {answers[use] for use in ("relax", "energies", "dynamics", "hot", "molecules")} == {"no"}
    (bonds,) = [f for f in record.findings if f.quantity == "bond lengths" and f.status == "fail"]
    assert bonds.subjects[0] == "Morse13"
    (scan,) = record.rows("dimers")
    assert scan.comparison.wall.s_lo == pytest.approx(0.327, abs=0.01)
    assert scan.collapse.distance == pytest.approx(0.83, abs=0.02)
    assert len(record.rows("relaxation")) == 5
    assert record.settings["elements"] == ["N"]
    assert record.command.startswith("mlipcheck run --json")
    drawn = sorted(figures.iterdir())
    of_frames = [f"{what}-morse-{x}" for what in KINDS for x in ("far", "near")]
    assert [p.stem for p in drawn] == ["bonds", "dimer-N-N", *of_frames, "scales"]
    for picture in drawn:
        assert_svg(picture)
        assert str(picture) in err


@pytest.mark.slow
def test_verbose_prints_every_finding_and_every_number(run_cli, tmp_path):
    path = tmp_path / "run.json"
    status, out, _ = run_cli("run", "--quick", "--verbose", "--json", path)
    assert status == 0
    for finding in load_run(path).findings:
        # a long question is wrapped
        assert f"{finding.check}: {finding.quantity.split()[0]}" in out
    for table in ("Pairs of atoms", "Relaxed structures", "Bonds, model minus reference"):
        assert table in out
    assert max(map(len, out.splitlines())) <= 100


@pytest.mark.slow
@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ((), 1),
        (("--use", "molecules"), 1),
        (("--use", "defects", "--use", "molecules"), 1),
        (("--use", "defects"), 0),  # which is answered with care
    ],
)
def test_strict_is_1_where_a_use_that_is_asked_about_is_answered_no(run_cli, more, expected):
    status, out, _ = run_cli("run", "--quick", "--strict", *more)
    assert status == expected
    assert "What it may be used for" in out


@pytest.mark.slow
def test_the_wide_toy_passes_everything(run_cli, tmp_path):
    path = tmp_path / "run.json"
    status, out, _ = run_cli("run", "-b", "toy:wide", "--strict", "--json", path)
    assert status == 0
    record = load_run(path)
    unknown = quantities(record.findings, "not assessed")
    # Morse clusters are of one element, without stress; the others are whole checks of crystals
    assert unknown - {check.title for check in list_checks()} == {"energy", "pressure"}
    assert {"interface", "dimers", "contacts", "relaxation", "parity"} <= set(record.checks)
    assert {f.status for f in record.findings} == {"ok", "not assessed"}
    answers = {a.use: a.answer for a in record.uses}
    assert answers.pop("hot") == "no fault found"
    assert answers.pop("defects") == "not tested"
    assert set(answers.values()) == {"yes"}
    assert "Next:" not in out


@pytest.mark.slow
def test_run_of_elements_judges_their_pairs_and_crystals(run_cli, tmp_path):
    path = tmp_path / "run.json"
    status, _, err = run_cli("run", "-b", "ase:emt", "Cu", "Al", "Ni", "--json", path)
    assert status == 0
    # told before it starts: what will run, on what and how long, and what will not
    about = r"[\d.]+ (s|min|h)"
    assert re.search(rf"^plan, about {about}:$", err, re.M)
    assert re.search(rf"^  dimers +{about}  6: Cu-Cu, Al-Cu, Cu-Ni, Al-Al and 2 more$", err, re.M)
    assert re.search(r"^  parity +-  no labelled frames given$", err, re.M)
    record = load_run(path)
    names = {s.name for s in record.rows("dimers")}
    assert names == {"Cu-Cu", "Al-Cu", "Cu-Ni", "Al-Al", "Al-Ni", "Ni-Ni"}
    assert {r.name for r in record.rows("relaxation")} == {"Cu", "Al", "Ni"}
    assert all(r.converged and abs(r.volume_change_percent) < 5 for r in record.rows("relaxation"))
    answers = {a.use: a.answer for a in record.uses}
    assert answers["molecules"] == "no fault found"  # nothing here to compare pairs with
    assert answers["hot"] == "no fault found"  # their own crystals, compressed
    assert record.not_run["contacts"] == "no structures of your own given"


@pytest.mark.slow
def test_run_takes_pairs_and_files(run_cli, tmp_path, copper):
    path = tmp_path / "run.json"
    status, _, _ = run_cli("run", "-b", "ase:emt", "Al-Ni", copper, "--json", path)
    assert status == 0
    record = load_run(path)
    assert {s.name for s in record.rows("dimers")} == {"Al-Ni", "Cu-Cu"}
    assert [r.name for r in record.rows("relaxation")] == ["cu"]


@pytest.mark.slow
def test_one_bad_file_among_good_ones_is_a_row(run_cli, tmp_path, copper):
    bad = tmp_path / "vasprun.xml"
    bad.write_text(UNFINISHED_XML)
    other = tmp_path / "al.xyz"
    ase.io.write(other, bulk("Al"))
    path = tmp_path / "run.json"
    status, out, _ = run_cli("run", "-b", "ase:emt", copper, bad, other, "--json", path)
    assert status == 0
    record = load_run(path)
    good, failed, another = record.rows("relaxation")
    assert good.converged
    assert another.converged
    assert good.volume == pytest.approx(good.reference_volume, rel=0.05)
    assert "truncated" in failed.error
    assert {s.name for s in record.rows("dimers")} == {
        "Al-Al",
        "Cu-Cu",
    }  # and no pair across structures
    assert any("vasprun.xml" in f.subjects and "truncated" in f.value for f in record.findings)
    assert "relaxed structures: 1 of 3 not evaluated; vasprun.xml: " in out
    assert "truncated" in out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "check", "what"),
    [
        ("contract", "interface", ("-b", "ase:emt", "Cu")),
        ("dimer", "dimers", ("-b", "ase:emt", "Cu")),
        ("relax", "relaxation", ("-b", "ase:emt", "FILE")),
        ("parity", "parity", ("-b", "toy", "morse-near")),
        ("learn", "learning", ()),
    ],
)
def test_a_command_is_the_check_run_alone(run_cli, tmp_path, copper, command, check, what):
    given = [str(copper) if word == "FILE" else word for word in what]
    records = []
    for words in ((command,), ("run", "--only", check)):
        path = tmp_path / f"{words[0]}.json"
        assert run_cli(*words, *given, "--json", path)[0] == 0
        records.append(json.loads(path.read_text()))
        assert records[-1].pop("command").startswith(f"mlipcheck {words[0]} ")
    for record in records:  # they name the command
        record.pop("advice")
    alone, run = records
    assert list(alone["checks"]) == [check]
    assert alone == run


# --- the other commands ------------------------------------------------------------------------


@pytest.mark.slow
def test_dimer(run_cli, tmp_path):
    path = tmp_path / "dimer.json"
    status, out, err = run_cli("dimer", "N", "--json", path, "--figures", tmp_path / "figures")
    assert status == 0
    assert "Pairs of atoms" in out
    assert "N-N" in out[out.index("Pairs of atoms") :]
    # what a single check has nothing to say about is no line
    assert "molecules and gas" in out
    assert "compare energies" not in out
    record = load_run(path)
    assert list(record.checks) == ["dimers"]
    assert len(record.rows("dimers")) == 1
    assert {f.check for f in record.findings} == {"dimers"}
    (figure,) = (tmp_path / "figures").iterdir()
    assert_svg(figure)
    assert str(figure) in err


@pytest.mark.slow
def test_dimer_with_a_curve_of_ones_own(run_cli, tmp_path):
    r = np.linspace(0.6, 4.0, 60)
    energies = 2.5 * ((1 - np.exp(-1.7 * (r - 1.1))) ** 2 - 1)
    curve = tmp_path / "N-N.csv"
    lines = [f"{x},{y}" for x, y in zip(r, energies, strict=True)]
    curve.write_text("\n".join(["distance,energy", *lines]))
    path = tmp_path / "dimer.json"
    status, out, _ = run_cli("dimer", "-b", "toy:exact", "--reference", curve, "--json", path)
    assert status == 0
    assert "N-N.csv" in out
    (scan,) = load_run(path).rows("dimers")
    assert scan.comparison.wall.s_lo == pytest.approx(1 / 2.5, rel=0.01)
    assert scan.comparison.equilibrium_distance_error == pytest.approx(0, abs=1e-3)


@pytest.mark.slow
def test_dimer_against_pbe(run_cli, data_dir, monkeypatch, tmp_path):
    monkeypatch.setenv(datasets.ENVIRONMENT_VARIABLE, str(data_dir))
    path = tmp_path / "dimer.json"
    status, out, _ = run_cli(
        "dimer", "-b", "ase:emt", "Cu-O", "Cu-Cu", "--reference", "pbe", "--json", path
    )
    assert status == 0
    assert "PBE diatomics" in out
    mixed, copper = load_run(path).rows("dimers")
    assert mixed.comparison is None
    assert copper.comparison.reference_equilibrium_distance == pytest.approx(2.215, abs=0.03)


def test_relax(run_cli, tmp_path):
    files = []
    for r in morse_clusters([2, 6]):
        files.append(tmp_path / f"{r.name}.xyz")
        ase.io.write(files[-1], r.relaxed)
    path = tmp_path / "relax.json"
    status, out, _ = run_cli("relax", "-b", "toy:exact", *files, "--fmax", "0.05", "--json", path)
    assert status == 0
    assert "2 of 2 converged" in out
    record = load_run(path)
    assert [r.name for r in record.rows("relaxation")] == ["Morse2", "Morse6"]
    assert all(
        abs(b.largest_change) < 1e-3 for r in record.rows("relaxation") for b in r.bond_changes
    )
    assert (record.settings["fmax"], record.rows("dimers")) == (0.05, ())


@pytest.mark.slow
def test_relax_settings_reach_the_relaxation(run_cli, tmp_path, copper):
    path = tmp_path / "relax.json"
    options = ["--steps", "3", "--optimizer", "FIRE", "--cell", "fixed", "--start", "rattled"]
    status, out, _ = run_cli(
        "relax", "-b", "ase:emt", copper, *options, "--fmax", "1e-6", "--seed", "5", "--json", path
    )
    assert status == 0
    assert "0 of 1 converged (FIRE from rattled)" in out
    (row,) = load_run(path).rows("relaxation")
    assert (row.steps, row.optimizer, row.cell, row.start) == (3, "FIRE", "fixed", "rattled")
    assert row.volume == pytest.approx(row.reference_volume)


@pytest.mark.slow
@pytest.mark.parametrize("labelled", [False, True])
def test_what_does_not_converge_is_no_result(run_cli, tmp_path, labelled):
    """A fault of the model only where the input is known to be at rest, by its forces."""
    atoms = bulk("Cu", cubic=True)
    forces = {"forces": np.zeros((4, 3))} if labelled else {}
    atoms.calc = SinglePointCalculator(atoms, **forces)
    path = tmp_path / "cu.xyz"
    ase.io.write(path, atoms)
    options = ("--steps", "3", "--start", "rattled", "--fmax", "1e-6")
    record = tmp_path / "relax.json"
    status, out, _ = run_cli("relax", "-b", "ase:emt", path, *options, "--strict", "--json", record)
    assert status == labelled
    answers = {a.use: a.answer for a in load_run(record).uses}
    assert answers["relax"] == ("no" if labelled else "not tested")
    assert "0 of 1 converged" in out


def test_predict(run_cli, tmp_path):
    path, json_path = tmp_path / "n.xyz", tmp_path / "predict.json"
    ase.io.write(path, [Atoms("N2", [[0, 0, 0], [x, 0, 0]]) for x in (1.1, 1.3)])
    status, out, _ = run_cli("predict", path, "-b", "toy:exact", "--json", json_path)
    assert status == 0
    assert "energy -1.000000 eV" in out
    found = json.loads(json_path.read_text())
    first, second = found["evaluations"]
    assert first["energy"] == pytest.approx(-1.0)
    e = np.exp(-1.7 * 0.2)
    assert second["energy"] == pytest.approx(e * e - 2 * e)
    pull = 2 * 1.7 * (1 - e) * e
    np.testing.assert_allclose(second["forces"], [[pull, 0, 0], [-pull, 0, 0]], atol=1e-12)
    assert found["calculator"]["spec"] == "toy:exact"


def test_predict_keeps_the_good_frames(run_cli, tmp_path):
    path = tmp_path / "n.xyz"
    frames = [Atoms("N2", [[0, 0, 0], [x, 0, 0]]) for x in (1.1, np.nan, 1.3)]
    ase.io.write(path, frames, format="xyz")
    status, out, _ = run_cli("predict", path, "-b", "toy:exact")
    assert status == 0
    assert "NaN" in out
    assert out.count("eV/atom") == 2


def test_backends(run_cli, tmp_path):
    path = tmp_path / "backends.json"
    status, out, _ = run_cli("backends", "--json", path)
    assert status == 0
    rows = json.loads(path.read_text())
    assert [r["name"] for r in rows] == [b.name for b in list_backends()]
    assert rows[0]["installed"] is True
    for backend in list_backends():
        assert backend.name in out
        assert all(c.name in out for c in backend.checkpoints)


@pytest.fixture
def without_chgnet(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec",
        lambda name, *args: None if name == "chgnet" else find(name, *args),
    )


def test_backends_says_whose_checkpoints_run_code(run_cli):
    status, out, _ = run_cli("backends")
    assert status == 0
    assert "Loading a checkpoint of mace runs code in it: take one only from whom you trust." in out


def test_backends_says_how_to_install_what_is_missing(run_cli, without_chgnet):
    status, out, _ = run_cli("backends")
    assert status == 0
    assert 'chgnet: python -m pip install "mlipcheck[chgnet]"' in out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "key"),
    [
        (["run", "-b", "toy:exact"], "findings"),
        (["dimer"], "checks"),
        (["relax", "morse-clusters"], "checks"),
        (["predict", "FILE", "-b", "ase:emt"], "evaluations"),
        (["backends"], None),
    ],
    ids=lambda x: x[0] if isinstance(x, list) else "",
)
def test_json_on_stdout_is_all_there_is(run_cli, copper, arguments, key):
    arguments = [str(copper) if a == "FILE" else a for a in arguments]
    status, out, err = run_cli(*arguments, "--json", "-")
    assert status == 0
    assert bool(err) == (arguments[0] in ("run", "dimer", "relax"))  # the plan
    found = json.loads(out, parse_constant=pytest.fail)
    assert found[key] if key else len(found) == len(list_backends())


@pytest.mark.slow
def test_strict_goes_with_json(run_cli):
    status, out, _ = run_cli("dimer", "--json", "-", "--strict")
    assert status == 1
    assert json.loads(out)["checks"]["dimers"]


@pytest.mark.slow
def test_options_reach_the_calculator(run_cli):
    status, out, _ = run_cli(
        *("dimer", "-b", "ase:lj", "Ar", "--reference", "none", "--json", "-"),
        *("-o", "sigma=3.0", "-o", "epsilon=0.02", "-o", "rc=12"),
    )
    assert status == 0
    (scan,) = json.loads(out)["checks"]["dimers"]
    assert scan["equilibrium_distance"] == pytest.approx(3.0 * 2 ** (1 / 6), abs=1e-3)


# --- bad input ---------------------------------------------------------------------------------


def refused(found):
    """Return the one line that a user's mistake gets."""
    status, out, err = found
    assert status == 2
    assert out == ""
    assert err.startswith("mlipcheck: ")
    assert err.count("\n") == 1
    assert err.endswith("\n")
    assert "Traceback" not in err
    return err


CONTENTS = {
    "empty.xyz": "",
    "vasprun.xml": UNFINISHED_XML,
    "OUTCAR": " vasp.5.3.5\n POTLOK:  cpu time\n",
    "binary.xyz": "\0\1\2\x80\xff" * 200,
    "words.xyz": "these are\nonly\nwords\n",
    "nan.xyz": "2\n\nN 0 0 0\nN nan 0 0\n",
    "spot.xyz": "2\n\nN 0 0 0\nN 0 0 0\n",
    "none.xyz": "0\n\n",
    "flat.xyz": '2\nProperties=species:S:1:pos:R:3 pbc="T T T"\nCu 0 0 0\nCu 0 0 2.3\n',
    "N-N.csv": "distance,force\n" + "".join(f"{0.8 + 0.1 * k},0.0\n" for k in range(12)),
    "N-N.xyz": "".join(f"2\n\nN 0 0 0\nN {0.8 + 0.1 * k} 0 0\n" for k in range(12)),
    "Cu-O.csv": "distance,energy\n" + "".join(f"{0.8 + 0.1 * k},{k}.0\n" for k in range(12)),
}

SEED = "seed is -1; give zero or a positive number"
DEVICE = "option 'device=cpu' has an option of its own; write --device cpu"
MISTAKES = {
    "unknown check": ("run --only nope Cu", "no check is called 'nope'; known: interface, dimers"),
    "use without strict": ("run --use defects", "--use defects says what --strict is about"),
    "unknown use": ("dimer --strict --use all", "--use all is not known; give one of relax,"),
    "unknown backend": (
        "run -b nope",
        "no backend is called 'nope'; known: toy, chgnet, mattersim",
    ),
    "unknown checkpoint": (
        "run -b toy:nope",
        "toy has no checkpoint 'nope'; known: soft, wide, exact",
    ),
    "unknown checkpoint or file": ("dimer -b chgnet:nope.tar", "known: 0.3.0, 0.2.0, r2scan, or"),
    "no calculator named": ("run -b ase Cu", "'ase' names no calculator; give ase:NAME"),
    "unknown ASE calculator": ("run -b ase:nope Cu", "ASE has no calculator 'nope'"),
    "ASE calculator not installed": ("dimer -b ase:hotbit Cu", "hotbit"),
    "ASE calculator of another kind": ("dimer -b ase:kim Cu", "kim"),
    "ASE calculator that needs more": ("dimer -b ase:tersoff Cu", "tersoff"),
    "option without a value": ("run -b ase:emt -o fast Cu", "option 'fast' has no value; write"),
    "unknown option": ("run -b ase:emt -o asap_cutof=True Cu", "did you mean 'asap_cutoff'?"),
    "option of the wrong kind": ("dimer -b ase:lj -o sigma=wide Ar", "sigma"),
    "option of a toy": ("run -o a=2", "toy takes no options, got a"),
    "unknown element": ("dimer Zz", "'Zz' is not an element, a pair of elements, a data set, or"),
    "dummy element": ("dimer X", "'X' is not an element"),
    "small letters": ("run -b ase:emt cu", "a data set, or a file; did you mean Cu?"),
    "a word longer than a file's name": (f"run {'x' * 300}", "xxx' is not an element"),
    "element or file": ("run Zz", "'Zz' is not an element, a pair of elements, a data set, or"),
    "no elements": ("dimer -b ase:emt", "which system?"),
    "missing file": ("predict missing.xyz", "missing.xyz: no such file"),
    "missing file to relax": ("relax missing.xyz", "'missing.xyz' is not an element, a pair of"),
    "missing files to relax": ("relax missing.xyz gone.xyz", "missing.xyz: no such file (and 1"),
    "missing files": ("run missing.xyz gone.xyz", "missing.xyz: no such file (and 1 more)"),
    "empty file": ("predict empty.xyz", "empty.xyz: empty file"),
    "empty file to relax": ("relax empty.xyz", "empty.xyz: empty file"),
    "truncated vasprun": ("run vasprun.xml", "vasprun.xml: truncated"),
    "truncated vasprun to relax": ("relax vasprun.xml", "vasprun.xml: truncated"),
    "truncated vasprun to predict": ("predict vasprun.xml", "vasprun.xml: truncated"),
    "truncated OUTCAR": ("relax OUTCAR", "OUTCAR: truncated"),
    "binary file": ("predict binary.xyz", "binary.xyz: not readable"),
    "binary file to run": ("run binary.xyz", "binary.xyz: not readable"),
    "text file": ("relax words.xyz", "words.xyz: not readable"),
    "empty folder": ("run folder", "nothing to read in it; looked for"),
    "NaN positions": ("predict nan.xyz", "nan.xyz: NaN or infinite positions"),
    "atoms on one spot": ("predict spot.xyz", "two atoms on one site, N 0 and N 1"),
    "no atoms": ("predict none.xyz", "none.xyz: no atoms in it"),
    "no atoms to relax": ("relax none.xyz", "none.xyz: no atoms in it"),
    "no cell": ("predict -b ase:emt flat.xyz", "flat.xyz: periodic along 3 directions"),
    "curve without energies": ("dimer --reference N-N.csv", "N-N.csv: columns are distance, force"),
    "frames without energies": ("dimer --reference N-N.xyz", "N-N.xyz: frames without energies"),
    "curve of another pair": ("dimer --reference Cu-O.csv", "Cu-O, which is not scanned"),
    "missing curve": ("run --reference gone.csv", "gone.csv: no such file"),
    "binary curve": ("dimer --reference binary.xyz", "binary.xyz: not readable as"),
    "negative seed of a run": ("run --seed -1", SEED),
    "negative seed of a rattle": ("relax --seed -1", SEED),
    "negative seed of a figure": ("parity --seed -1", SEED),
    "negative seed of a sample": ("parity --sample 5 --seed -1", SEED),
    "negative seed of draws": ("learn --seed -1", SEED),
    "no repeats": ("learn --repeats 0", "repeats is 0; give 1 to 1000"),
    "negative repeats": ("learn --repeats -3", "repeats is -3; give 1 to 1000"),
    "endless repeats": (f"learn --repeats {10**20}", f"repeats is {10**20}; give 1 to 1000"),
    "device as an option": ("run -o device=cpu Cu", DEVICE),
    "device as an option of a prediction": ("predict -o device=cpu cu.xyz", DEVICE),
    "device as an option of what takes none": ("contract -b ase:emt -o device=cpu Cu", DEVICE),
    "backend as an option": ("dimer -o spec=toy", "option of its own; write --backend toy"),
    "unknown data set": ("relax pbe", "'pbe' is not an element, a pair of elements, a data set"),
    "negative fmax": ("run --fmax -1", "fmax is -1.0; give a positive force"),
    "zero fmax": ("relax --fmax 0", "fmax is 0.0; give a positive force"),
    "NaN fmax": ("run --fmax nan", "fmax is nan; give a positive force"),
    "infinite fmax": ("relax --fmax inf", "fmax is inf; give a positive force"),
    "no steps": ("run --steps 0", "steps is 0; give at least 1"),
    "negative seed": ("relax --seed -1", "seed is -1"),
    "unknown optimizer": ("run --optimizer Newton", "optimizer is 'Newton'; give one of BFGS"),
    "unknown cell": ("relax --cell loose", "cell is 'loose'; give one of free, fixed"),
    "unknown start": ("run --start last", "start is 'last'; give one of relaxed, first, rattled"),
}


@pytest.mark.slow
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line(run_cli, tmp_path, monkeypatch, mistake):
    arguments, words = MISTAKES[mistake]
    monkeypatch.chdir(tmp_path)
    for name, content in CONTENTS.items():
        (tmp_path / name).write_bytes(content.encode("latin-1"))
    (tmp_path / "folder").mkdir()
    before = sorted(tmp_path.iterdir())
    assert words in refused(run_cli(*arguments.split(), "--json", "out.json"))
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.slow
def test_an_element_that_the_model_lacks_is_told_last(run_cli, tmp_path):
    """Only the model can say that it does not know it, so that the plan was told before."""
    path = tmp_path / "out.json"
    status, out, err = run_cli("dimer", "-b", "ase:emt", "Fe", "--json", path)
    assert (status, out) == (2, "")
    assert err.splitlines()[-1].startswith("mlipcheck: nothing could be judged; Fe-Fe: ")
    assert err.count("mlipcheck: ") == 1
    assert not path.exists()


@pytest.mark.parametrize("command", ["relax", "run"])
def test_periodic_without_a_cell_is_no_traceback(run_cli, tmp_path, command):
    path = tmp_path / "flat.xyz"
    path.write_text(CONTENTS["flat.xyz"])
    status, out, _ = run_cli(command, "-b", "ase:emt", path)
    assert status in (0, 2)
    if status == 0:  # a row with its error
        assert "cell" in out


@pytest.mark.model
@pytest.mark.parametrize("device", ["bogus", "cuda:99"])
def test_a_device_that_is_not_there(run_cli, device):
    pytest.importorskip("chgnet", reason="chgnet is not installed")
    message = refused(run_cli("dimer", "-b", "chgnet", "Cu", "--device", device))
    assert device in message


@pytest.mark.slow
def test_a_missing_package_names_its_pip_line(run_cli, without_chgnet):
    message = refused(run_cli("run", "-b", "chgnet", "Cu"))
    assert "chgnet needs the package chgnet, which is not installed" in message
    assert 'python -m pip install "mlipcheck[chgnet]"' in message


@pytest.mark.model
def test_a_file_that_is_no_checkpoint(run_cli, tmp_path):
    pytest.importorskip("chgnet", reason="chgnet is not installed")
    path = tmp_path / "weights.pth.tar"
    path.write_bytes(b"no weights")
    message = refused(run_cli("predict", path, "-b", f"chgnet:{path}"))
    assert f"{path} is not a CHGNet checkpoint" in message


@pytest.mark.parametrize("command", ["run", "dimer", "relax", "backends"])
@pytest.mark.parametrize("target", ["gone/out.json", "folder", "file/out.json"])
def test_json_that_cannot_be_written(run_cli, tmp_path, command, target):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    message = refused(run_cli(command, "--json", tmp_path / target))
    assert str(tmp_path / target) in message
    assert sorted(tmp_path.rglob("*")) == before


def test_json_of_predict_that_cannot_be_written(run_cli, tmp_path, copper):
    assert "gone" in refused(run_cli("predict", copper, "--json", tmp_path / "gone" / "out.json"))


@pytest.mark.parametrize("command", ["run", "dimer", "relax"])
@pytest.mark.parametrize("target", ["file", "file/deep"])
def test_figures_onto_a_file(run_cli, tmp_path, command, target):
    (tmp_path / "file").write_text("mine")
    message = refused(run_cli(command, "--figures", tmp_path / target))
    assert str(tmp_path / target) in message
    assert (tmp_path / "file").read_text() == "mine"


def test_outputs_are_checked_before_any_work(run_cli, tmp_path, monkeypatch):
    def work(*args, **kwargs):
        pytest.fail("work was done before the mistake was seen")

    monkeypatch.setattr("mlipcheck.checkup.run.run_checkup", work)
    refused(run_cli("run", "--json", tmp_path / "gone" / "out.json"))
    refused(run_cli("run", "--fmax", "-1"))


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "--nope"],
        ["nope"],
        ["run", "--steps", "many"],
        ["run", "--fmax"],
        ["predict"],
        ["predict", "a.xyz", "b.xyz"],
    ],
    ids=" ".join,
)
def test_usage_errors_exit_with_2(run_cli, arguments):
    status, out, err = run_cli(*arguments)
    assert (status, out) == (2, "")
    assert "Error" in err
    assert "Traceback" not in err


def test_an_unforeseen_error_is_not_swallowed(monkeypatch):
    def broken(*args, **kwargs):
        raise ZeroDivisionError("a bug of ours")

    monkeypatch.setattr("mlipcheck.calculators.backends.list_backends", broken)
    monkeypatch.setattr("sys.argv", ["mlipcheck", "backends"])
    with pytest.raises(ZeroDivisionError):
        cli.main()


# --- help --------------------------------------------------------------------------------------


def list_commands():
    return typer.main.get_command(cli.app).commands


def test_help_lists_run_first(run_cli):
    status, out, _ = run_cli("--help")
    assert status == 0
    commands = out[out.index("Commands:") :].splitlines()[1:]
    assert [line.split()[0] for line in commands if line] == list(list_commands())
    assert commands[0].split()[0] == "run"


@pytest.mark.parametrize("command", list(list_commands()))
def test_help_fits_a_screen_and_has_an_example(run_cli, monkeypatch, command):
    monkeypatch.setenv("COLUMNS", "100")
    status, out, _ = run_cli(command, "--help")
    assert status == 0
    assert out.count("\n") <= 40
    assert max(map(len, out.splitlines())) <= 100
    example = " ".join(re.search(r"Example: (.*?)\n\n", out, re.DOTALL)[1].split())
    assert example.startswith(f"mlipcheck {command}")
    # what it shows can be typed
    list_commands()[command].make_context(command, example.split()[2:])


@pytest.mark.parametrize("command", ["run", "relax", "parity", "dynamics", "learn"])
def test_help_has_all_that_is_of_workers(run_cli, command):
    _, out, _ = run_cli(command, "--help")
    assert all(f"--{name} " in out for name in ("workers", "executor", "timeout"))


@pytest.mark.parametrize("command", [[], ["run"], ["report"]])
def test_h_is_help(run_cli, command):
    assert run_cli(*command, "-h") == run_cli(*command, "--help")


def test_the_version_is_that_of_the_package(run_cli):
    assert run_cli("--version") == (0, f"mlipcheck {importlib.metadata.version('mlipcheck')}\n", "")


def test_an_option_has_one_meaning_in_all_commands():
    meanings = {}
    for name, command in list_commands().items():
        options = [p for p in command.params if p.param_type_name == "option"]
        given = [word for option in options for word in option.opts]
        assert len(given) == len(set(given)), name
        for option in options:
            # after a semicolon stands what one command adds
            meaning = option.help.partition(";")[0].rstrip(".")
            for word in option.opts:
                assert meanings.setdefault(word, meaning) == meaning, (name, word)


# --- interruption ------------------------------------------------------------------------------


@pytest.mark.slow
def test_an_interrupted_relaxation_keeps_what_is_finished(run_cli, monkeypatch, tmp_path):
    from mlipcheck.checks.relaxation import check

    original, done = check.relax_structure, []

    def interrupted(*args, **kwargs):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(1)
        return original(*args, **kwargs)

    monkeypatch.setattr(check, "relax_structure", interrupted)
    path = tmp_path / "out.json"
    status, out, err = run_cli("relax", "--json", path)
    assert status == 130
    assert err.endswith("interrupted; the same command goes on from here\n")
    assert "2 of 2 converged" in out
    record = load_run(path)
    assert record.interrupted
    assert [r.name for r in record.rows("relaxation")] == ["Morse2", "Morse3"]


@pytest.mark.slow
def test_an_interrupted_scan_is_one_line(run_cli, monkeypatch, tmp_path):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("mlipcheck.checks.dimers.check.scan_pair", interrupted)
    path = tmp_path / "dimer.json"
    status, out, err = run_cli("dimer", "--json", path)
    assert status == 130
    assert "Interrupted: what was not finished is not assessed." in out
    record = load_run(path)
    assert record.not_run == {"dimers": "interrupted"}
    assert {a.answer for a in record.uses} == {"not tested"}
    assert err.count("interrupted") == 1
    assert err.endswith("interrupted\n")  # nothing is kept to go on from
    assert "Traceback" not in err


# --- as a program ------------------------------------------------------------------------------

HEAVY = ("torch", "matplotlib", "ase", "scipy", "chgnet")


def python(code):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False
    )


def loaded(code):
    done = python(f"import sys\n{code}\nprint('LOADED', *sys.modules)")
    assert done.returncode == 0, done.stderr
    return set(done.stdout[done.stdout.index("LOADED") :].split()), done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"]])
def test_help_loads_nothing_heavy(arguments):
    modules, out = loaded(
        f"sys.argv = {['mlipcheck', *arguments]!r}\n"
        "from mlipcheck.cli import main\n"
        "try:\n    main()\nexcept SystemExit as stop:\n    assert not stop.code"
    )
    assert "Usage: mlipcheck" in out
    assert "mlipcheck.cli" in modules
    assert modules.isdisjoint(HEAVY)


def test_import_alone_loads_nothing_heavy():
    modules, _ = loaded("import mlipcheck\nassert 'get_calculator' in dir(mlipcheck)")
    assert "mlipcheck" in modules
    assert modules.isdisjoint((*HEAVY, "numpy", "rich", "typer"))


@pytest.mark.slow
def test_the_toy_loads_no_model_and_no_figures():
    modules, _ = loaded("import mlipcheck\nmlipcheck.get_calculator('toy')")
    assert "ase" in modules
    assert modules.isdisjoint(("torch", "matplotlib", "chgnet"))


def test_no_arguments_print_the_help():
    done = subprocess.run(
        [sys.executable, "-m", "mlipcheck"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert "Usage" in done.stdout + done.stderr
    for command in ("run", "dimer", "relax", "predict", "backends"):
        assert command in done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("mistake", ["binary.xyz", "spot.xyz"])
def test_a_mistake_is_one_line_of_the_program_too(tmp_path, mistake):
    (tmp_path / mistake).write_bytes(CONTENTS[mistake].encode("latin-1"))
    done = subprocess.run(
        [sys.executable, "-m", "mlipcheck", "predict", mistake],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    assert mistake in refused((done.returncode, done.stdout, done.stderr))


def test_a_check_may_be_named_as_its_command(run_cli, tmp_path):
    found = [tmp_path / "a.json", tmp_path / "b.json"]
    for only, path in zip(("contract", "interface"), found, strict=True):
        assert run_cli("run", "-b", "toy", "--only", only, "--json", path)[0] == 0
    assert load_run(found[0]).checks.keys() == load_run(found[1]).checks.keys() == {"interface"}
