"""`mlipcheck learn` as a user types it."""

from __future__ import annotations

import json

import ase.io
import pytest
from ase.build import bulk
from learning_frames import labelled

from mlipcheck.references import datasets
from mlipcheck.results_file import load_runs


@pytest.fixture
def copper(tmp_path):
    """Frames of two runs, read back from a file with their labels."""
    images = []
    for frame in labelled(12).frames:
        atoms = frame.atoms.copy()
        atoms.info["REF_energy"] = frame.energy
        atoms.arrays["REF_forces"] = frame.forces
        images.append(atoms)
    path = tmp_path / "copper.xyz"
    ase.io.write(path, images)
    return path


@pytest.mark.slow
def test_nothing_named_is_the_toy_s_published_table(run_cli, tmp_path):
    record, figures = tmp_path / "learn.json", tmp_path / "figures"
    status, out, _ = run_cli("learn", "--target", "0.05", "--json", record, "--figures", figures)
    assert status == 0
    for cell in ("0.162 ± 0.027", "0.351 ± 0.044", "0.045 ± 0.007", "zero-shot", "0.171"):
        assert cell in out
    assert max(map(len, out.splitlines())) <= 100
    (run,) = load_runs(record)
    fixed, tuned = run.rows("learning")
    assert (fixed.name, tuned.name) == ("toy, fixed ridges", "toy, ridges tuned")
    assert {p.name for p in figures.iterdir()} == {"learning-1.svg", "learning-2.svg"}
    _, again, _ = run_cli("report", record)
    assert "0.162 ± 0.027" in again


@pytest.mark.slow
def test_a_model_without_a_trainer_is_rescaled_and_beaten_from_scratch(run_cli, copper, tmp_path):
    store = tmp_path / "fits"
    status, out, err = run_cli("learn", "-b", "ase:emt", copper, "--sizes", "1,3", "--store", store)
    assert status == 0
    assert "one factor" in out
    assert "from scratch" in out
    assert "ase:emt: nothing fine-tuned, it has no trainer here" in err
    assert len(list(store.glob("*.json"))) == 6


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("-b", "toy:exact"), "the toy's own curve, not that of toy:exact"),
        (("--store", "fits"), "--store is of learning from frames"),
        (
            ("-b", "ase:emt"),
            "which system? Name elements that the calculator knows, as in Cu Al, or files",
        ),
        (("-b", "ase:emt", "COPPER", "--sizes", "one"), "--sizes is 'one'; give whole numbers"),
        (
            ("-b", "ase:emt", "COPPER", "morse-near"),
            "learning takes one set of labelled frames; given: copper, morse-near",
        ),
        (
            ("-b", "ase:emt", "nowhere.xyz"),
            "'nowhere.xyz' is not an element, a pair of elements, a data set, or a file",
        ),
        (("-b", "ase:emt", "COPPER", "--target", "-1"), "target is -1.0; give a positive"),
        (("-b", "ase:emt", "COPPER", "--repeats", "0"), "repeats is 0; give 1 to 1000"),
        (("-b", "ase:emt", "COPPER", "--save", "t.pth"), "--save: ase:emt has no trainer"),
        (("BARE",), "given: none; no labels; looked for"),
        (("--sizes", "3,5"), "--sizes is of learning from frames"),
    ],
)
def test_mistakes_are_one_line(run_cli, copper, tmp_path, monkeypatch, arguments, expected):
    monkeypatch.chdir(tmp_path)
    bare = tmp_path / "bare.xyz"
    ase.io.write(bare, [bulk("Cu")] * 5)
    named = {"COPPER": copper, "BARE": bare}
    status, out, err = run_cli(
        "learn",
        *(named.get(a, a) for a in arguments),
        *(["--store", tmp_path / "fits"] if "COPPER" in arguments else []),
    )
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert expected in err


def test_more_frames_than_there_are(run_cli, copper, tmp_path):
    options = ("--sizes", "1,99", "--store", tmp_path / "fits")
    status, out, err = run_cli("learn", "-b", "ase:emt", copper, *options)
    assert (status, out) == (2, "")
    assert "N = 99; there are 5 frames" in err.splitlines()[-1]
    assert err.count("mlipcheck: ") == 1
    assert not (tmp_path / "fits").exists()


@pytest.mark.slow
def test_json_has_stdout_for_itself(run_cli, copper, tmp_path):
    status, out, _ = run_cli(
        "learn", "-b", "ase:emt", copper, "--sizes", "1", "--store", tmp_path, "--json", "-"
    )
    assert status == 0
    assert len(json.loads(out)["checks"]["learning"]) == 2


def test_a_model_before_and_after(run_cli, chgnet, data_dir, monkeypatch, tmp_path):
    """Fine-tuned on one frame of a small crystal: kept, scanned, relaxed, and put side by side."""
    monkeypatch.setenv(datasets.ENVIRONMENT_VARIABLE, str(data_dir))
    images = []
    for k in range(4):
        atoms = bulk("Si")
        atoms.rattle(0.005, seed=k)
        atoms.info |= {"REF_energy": -10.0 - 0.01 * k, "internal_id": str(k)}
        atoms.arrays["REF_forces"] = 0.01 * atoms.positions - 0.01 * atoms.positions.mean(axis=0)
        images.append(atoms)
    path, model = tmp_path / "si.xyz", tmp_path / "tuned.pth"
    ase.io.write(path, images)
    status, out, err = run_cli(
        "learn", "-b", "chgnet", path, "--sizes", "1", "--repeats", "1",
        "--store", tmp_path / "fits", "--save", model,
    )  # fmt: skip
    assert status == 0
    assert "Before (A) and after (B) learning from 1 frame, by pairs and relaxations alone\n" in out
    assert "molecules and gas" in out[out.index("Before (A)") :]
    assert model.is_file()
    (both,) = err.split("again: mlipcheck report ")[1].split()
    for run in load_runs(both):  # with the reference that a run has
        (pair,) = run.rows("dimers")
        assert pair.comparison.reference == "PBE diatomics"
    status, out, _ = run_cli("report", both, "--verbose")
    assert status == 0
    assert "dimers: repulsive wall" in out
    assert run_cli("predict", "-b", f"chgnet:{model}", path)[0] == 0
