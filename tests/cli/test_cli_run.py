"""`mlipcheck run` as a user types it: a folder, several models, an interruption, mistakes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write
from commands import typed
from parsed_report import HEADINGS, Report

from mlipcheck.checks.parity.pieces import TOGETHER
from mlipcheck.checkup.plan import plan_checkup
from mlipcheck.checkup.store import make_store
from mlipcheck.record import RunRecord
from mlipcheck.references import datasets
from mlipcheck.results_file import load_runs
from mlipcheck.system import Settings
from mlipcheck.uses import USES

pytestmark = pytest.mark.slow

# What a user may have in the folder where they work: calculators of their own. One writes down
# what it evaluates, and is stopped where a file says so.
OWN = """
import os
import signal

from ase.calculators.emt import EMT


class Counted(EMT):
    implemented_properties = ["energy", "free_energy", "forces", "stress"]

    def calculate(self, *arguments, **keywords):
        super().calculate(*arguments, **keywords)
        with open("evaluations", "a") as stream:
            stream.write(f"{self.atoms.symbols}\\n")
        if os.path.exists("stop-at"):
            with open("evaluations") as done, open("stop-at") as at:
                if len(done.readlines()) == int(at.read()):
                    # a job in the background of a shell is started deaf to it
                    signal.signal(signal.SIGINT, signal.default_int_handler)
                    os.kill(os.getpid(), signal.SIGINT)


class Soft(EMT):
    implemented_properties = ["energy", "free_energy", "forces", "stress"]

    def calculate(self, *arguments, **keywords):
        super().calculate(*arguments, **keywords)
        self.results["forces"] = 0.8 * self.results["forces"]


def broken():
    raise RuntimeError("no weights here")
"""
FRAMES = TOGETHER + 5
EXACT = ("run", "-b", "toy:exact", "N", "--reference", "morse")


def load_run(path: Path) -> RunRecord:
    (record,) = load_runs(path)
    return record


def refused(found: tuple[int, str, str]) -> str:
    """Return the one line that a mistake gets."""
    status, out, err = found
    assert (status, out) == (2, "")
    assert err.startswith("mlipcheck: ")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    return err


def contents(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }


# Checks that do not take long, where the others do not matter.
ONLY = ("interface", "dimers", "contacts", "relaxation", "parity")
NOTHING_ELSE = ("--reference", "none", "--only", ",".join(ONLY))


def write_frames(path: Path, n: int = FRAMES, noise: float = 0.0) -> Path:
    """Write displaced copper cells, each a run of its own, with EMT's labels and eV of noise."""
    images = []
    for k in range(n):
        atoms = bulk("Cu", cubic=True)
        atoms.rattle(0.12, seed=k)
        atoms.calc = EMT()
        energy = atoms.get_potential_energy() + noise * (-1) ** k
        forces = atoms.get_forces()
        if noise:  # or the labels would be known for this very model's
            forces += np.random.default_rng(k).normal(scale=noise, size=forces.shape)
        labels = {"energy": energy, "forces": forces}
        atoms.calc = SinglePointCalculator(atoms, **labels)
        atoms.info["internal_id"] = str(k)
        images.append(atoms)
    write(path, images)
    return path


@pytest.fixture
def work(tmp_path):
    """A folder to work in, with calculators of one's own in ``own.py``."""
    (tmp_path / "own.py").write_text(OWN)
    return tmp_path


# --- a folder ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The exact potential on nitrogen, with everything that --out and --markdown write."""
    folder = tmp_path_factory.mktemp("alone")
    assert typed(folder, *EXACT, "--out", "report", "--markdown")[0] == 0
    return folder / "report"


def test_out_writes_a_report_its_results_and_its_figures(alone):
    files = contents(alone)
    figures = {name for name in files if name.startswith("figures/")}
    assert set(files) - figures == {"report.html", "report.md", "results.json"}
    assert figures
    assert all(name.endswith(".svg") and files[name].startswith(b"<?xml") for name in figures)
    html = (alone / "report.html").read_text(encoding="utf-8")
    markdown = (alone / "report.md").read_text(encoding="utf-8")
    assert all(use.title in markdown and use.title in html for use in USES)


def test_the_report_drawn_again_is_the_same_in_its_place_and_elsewhere(alone):
    before = contents(alone)
    assert typed(alone.parent, "report", "report", "--markdown")[0] == 0
    assert contents(alone) == before
    assert typed(alone.parent, "report", "report", "--out", "again", "--markdown")[0] == 0
    assert contents(alone.parent / "again") == before


def test_the_same_command_writes_the_same_files(alone, tmp_path):
    assert typed(tmp_path, *EXACT, "--out", "report", "--markdown")[0] == 0
    days = {load_run(f / "results.json").created for f in (tmp_path / "report", alone)}
    if len(days) == 1:  # not across midnight
        assert contents(tmp_path / "report") == contents(alone)


def test_what_was_in_the_folder_stays(tmp_path):
    folder = tmp_path / "report"
    kept = {"mine.txt": "mine", "figures/mine.svg": "<svg/>", "unfinished/mine.json": "{}"}
    for name, text in kept.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    assert typed(tmp_path, *EXACT, "--out", "report")[0] == 0
    assert {name: (folder / name).read_text() for name in kept} == kept
    left = {name for name in contents(folder) if name.startswith("unfinished/")}
    assert left == {"unfinished/mine.json"}


def test_markdown_without_a_folder_is_printed_and_nothing_written(tmp_path):
    status, out, err = typed(tmp_path, *EXACT, "--markdown")
    assert status == 0
    assert out.startswith("# toy:exact on N\n")
    assert "![" not in out
    assert "plan, about" in err
    assert list(tmp_path.iterdir()) == []


def test_json_on_stdout_is_json_alone_whatever_else_is_asked(tmp_path):
    status, out, err = typed(tmp_path, *EXACT, "--json", "-", "--markdown", "--out", "report")
    assert status == 0
    assert json.loads(out, parse_constant=pytest.fail)["findings"]
    assert json.loads((tmp_path / "report" / "results.json").read_text()) == json.loads(out)
    assert "plan, about" in err


def test_strict_is_1_where_something_fails_and_the_report_is_there(work):
    command = ("run", "-b", "own:Soft", "Cu-Cu", "--reference", "none", "--strict")
    assert typed(work, *command, "--out", "report")[0] == 1
    assert (work / "report" / "report.html").is_file()


# --- the plan ----------------------------------------------------------------------------------


def test_the_plan_is_told_before_any_work(work):
    """What stops at the first evaluation after planning has told its plan already."""
    write_frames(work / "frames.xyz", 3)
    planned = count_planned(work)
    (work / "stop-at").write_text(str(planned + 1))
    status, out, err = typed(work, *COUNTED, "--json", "run.json")
    assert status == 130
    assert evaluations(work) == planned + 1
    told = err[: err.index("interrupted")]
    assert "plan, about" in told
    for words in ("dimers", "Cu-Cu", "parity", "frames (3 frames)", "21 tests"):
        assert words in told
    assert "Interrupted: what was not finished is not assessed." in out
    assert {a.answer for a in load_run(work / "run.json").uses} == {"not tested"}


@pytest.mark.parametrize("option", ["--energy-resolution", "--signal"])
def test_an_energy_resolution_is_asked_of_the_ranking(tmp_path, option):
    write_frames(tmp_path / "frames.xyz", 24, noise=0.002)
    command = ("run", "-b", "ase:emt", "frames.xyz", *NOTHING_ELSE, option, "0.2")
    assert typed(tmp_path, *command, "--json", "run.json")[0] == 0
    record = load_run(tmp_path / "run.json")
    (asked,) = [f for f in record.findings if f.quantity == "ranking accuracy"]
    assert (asked.check, asked.status) == ("parity", "ok"), asked
    assert "for 0.2 eV" in asked.value


def test_what_quick_leaves_out_is_told_everywhere(tmp_path):
    write_frames(tmp_path / "frames.xyz")
    crystals = [f"{k}.cif" for k in range(4)]
    for k, name in enumerate(crystals):
        write(tmp_path / name, bulk("Cu", a=3.6 + 0.01 * k))
    command = ("run", "-b", "ase:emt", "frames.xyz", *crystals, "--reference", "none", "--quick")
    assert typed(tmp_path, *command, "--out", "report")[0] == 0
    record = load_run(tmp_path / "report" / "results.json")
    assert record.settings["quick"] is True
    assert any("--quick leaves out 1 of 4 relaxations" in note for note in record.notes)
    (parity,) = record.rows("parity")
    assert parity.frames < FRAMES
    assert any(str(FRAMES) in note for note in parity.notes)
    page = Report((tmp_path / "report" / "report.html").read_text(encoding="utf-8")).text()
    for note in (*record.notes, *parity.notes):
        assert note in page


# --- several models ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """Two models at once, and each of them alone."""
    folder = tmp_path_factory.mktemp("compared")
    (folder / "own.py").write_text(OWN)
    write_frames(folder / "frames.xyz", 4)
    what = ("frames.xyz", "--reference", "none")
    told = {
        "both": typed(folder, "run", "-b", "ase:emt", "-b", "own:Soft", *what, "--out", "both"),
        "one": typed(folder, "run", "-b", "ase:emt", *what, "--json", "one.json"),
        "two": typed(folder, "run", "-b", "own:Soft", *what, "--json", "two.json"),
    }
    assert [status for status, _, _ in told.values()] == [0, 0, 0]
    return folder, told


def test_two_models_are_one_report_side_by_side(compared):
    folder, told = compared
    _, out, err = told["both"]
    assert "A: ase:emt" in out
    assert "B: own:Soft" in out
    assert err.count("plan for ") == 2
    page = Report((folder / "both" / "report.html").read_text(encoding="utf-8"))
    assert page.text("h1") == "ase:emt and own:Soft on Cu"
    runs = load_runs(folder / "both")
    assert [r.calculator.spec for r in runs] == ["ase:emt", "own:Soft"]
    before = contents(folder / "both")
    assert typed(folder, "report", "both")[0] == 0
    assert contents(folder / "both") == before


def test_two_models_at_once_are_two_reports_joined(compared):
    folder, _ = compared
    assert typed(folder, "report", "one.json", "two.json", "--out", "joined")[0] == 0
    at_once, joined = load_runs(folder / "both"), load_runs(folder / "joined")
    for a, b in zip(at_once, joined, strict=True):
        assert a.findings == b.findings
        assert (a.uses, a.advice, a.not_run) == (b.uses, b.advice, b.not_run)
    # each has the verdict that it has alone; only what is said of other models differs
    for a, name in zip(at_once, ("one.json", "two.json"), strict=True):
        alone = load_run(folder / name).findings
        assert [f for f in alone if f.check != "agreement"] == [
            f for f in a.findings if f.check != "agreement"
        ]


def test_a_model_that_cannot_be_had_is_told_before_any_work(work):
    write_frames(work / "frames.xyz", 3)
    for spec, words in {
        "nope": "no backend is called 'nope'",
        "own:gone": "own has no function or class 'gone'",
        "own:broken": "own:broken could not be set up with no options (RuntimeError: no weights",
        "ase:nope": "ASE has no calculator 'nope'",
    }.items():
        found = typed(work, "run", "-b", "own:Counted", "-b", spec, "frames.xyz", "--out", "report")
        assert words in refused(found)
    assert not (work / "evaluations").exists()
    assert not (work / "report").exists()


def test_a_missing_package_among_several_is_told_before_any_work(work, monkeypatch):
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec",
        lambda name, *more: None if name == "chgnet" else find(name, *more),
    )
    found = typed(work, "run", "-b", "own:Counted", "-b", "chgnet", "Cu")
    assert 'python -m pip install "mlipcheck[chgnet]"' in refused(found)
    assert not (work / "evaluations").exists()


# --- learning ----------------------------------------------------------------------------------


def test_the_toy_learns_where_it_is_asked_to(tmp_path):
    command = ("run", "--learn", "--target", "0.2", "--out", "report", "--verbose")
    status, out, _ = typed(tmp_path, *command)
    assert status == 0
    record = load_run(tmp_path / "report" / "results.json")
    assert [c.name for c in record.rows("learning")] == ["toy, fixed ridges", "toy, ridges tuned"]
    assert "learning" not in record.not_run
    needed = {n.method: n for n in record.rows("learning")[0].needed}["fine-tuned"]
    assert not [a for a in record.advice if a.kind == "fine-tune"]  # the toy has no trainer
    page = Report((tmp_path / "report" / "report.html").read_text(encoding="utf-8"))
    assert f"N needed for 0.2 eV, fine-tuned: {needed.text}." in page.text()
    assert "Learning curve, toy, fixed ridges" in page.text()
    assert {"figures/learning-1.svg", "figures/learning-2.svg"} <= set(
        contents(tmp_path / "report")
    )
    assert "Learning curve" in out


# --- interruption ------------------------------------------------------------------------------


def evaluations(folder: Path) -> int:
    return len((folder / "evaluations").read_text().splitlines())


def count_planned(folder: Path) -> int:
    """Return how many evaluations the plan of ``frames.xyz`` takes, and what tells the model.

    It tries how long they last; what is kept is of a model that answers as this one does.
    """

    class Counted(EMT):
        implemented_properties = ["energy", "free_energy", "forces", "stress"]
        calls = 0

        def calculate(self, *arguments, **keywords):
            super().calculate(*arguments, **keywords)
            Counted.calls += 1

    plan = plan_checkup(
        Counted(), [str(folder / "frames.xyz")], Settings(reference=("none",), only=ONLY)
    )
    make_store(Counted(), folder, plan.system)
    return Counted.calls


COUNTED = ("run", "-b", "own:Counted", "frames.xyz", *NOTHING_ELSE)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The run that nothing interrupts."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "own.py").write_text(OWN)
    write_frames(folder / "frames.xyz")
    assert typed(folder, *COUNTED, "--out", "report")[0] == 0
    return folder


def test_an_interrupted_run_reports_and_goes_on_where_it_was(work, whole):
    """A real SIGINT, two frames into the last part of the work."""
    write_frames(work / "frames.xyz")
    left = FRAMES - TOGETHER
    (work / "stop-at").write_text(str(evaluations(whole) - left + 2))
    command = [sys.executable, "-m", "mlipcheck", *COUNTED, "--out", "report"]
    environment = {k: v for k, v in os.environ.items() if k != datasets.ENVIRONMENT_VARIABLE}
    done = subprocess.run(
        command, cwd=work, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 130, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.endswith("interrupted; the same command goes on from here\n")
    # what was finished is reported, and nothing else is said to hold
    record = load_run(work / "report" / "results.json")
    assert record.interrupted
    assert record.not_run["parity"] == "interrupted"
    assert len(record.rows("interface")) > 0
    assert [s.name for s in record.rows("dimers")] == ["Cu-Cu"]
    assert record.rows("parity") == ()
    assert {f.status for f in record.findings if f.check == "parity"} == {"not assessed"}
    page = Report((work / "report" / "report.html").read_text(encoding="utf-8"))
    assert "Interrupted: what was not finished is not assessed." in page.text()
    assert "parity:" not in page.under(HEADINGS["ok"])
    assert list((work / "report" / "unfinished").iterdir())
    # the same command goes on: only the frames of the part that was lost are evaluated again
    (work / "stop-at").unlink()
    (work / "evaluations").unlink()
    status, _, err = typed(work, *COUNTED, "--out", "report")
    assert status == 0
    assert "parts of an interrupted run taken from" in err
    planned = {line.split()[0]: line for line in err.splitlines() if line.startswith("  ")}
    for name in ("interface", "dimers"):  # what is kept takes no time, and the plan says so
        assert planned[name].split()[1] == "-"
        assert planned[name].endswith("(kept: 1 of 1)")
    assert "kept" not in planned["parity"]
    assert evaluations(work) == count_planned(work) + left
    assert not (work / "report" / "unfinished").exists()
    days = {load_run(f / "report" / "results.json").created for f in (work, whole)}
    if len(days) == 1:
        assert contents(work / "report") == contents(whole / "report")


def test_without_a_folder_the_parts_are_in_the_cache(work, monkeypatch):
    write_frames(work / "frames.xyz", 3)
    monkeypatch.setenv("XDG_CACHE_HOME", str(work / "cache"))
    parts = datasets.cache_folder() / "unfinished"
    assert parts.is_relative_to(work)
    planned = count_planned(work)
    assert typed(work, *COUNTED, "--json", "whole.json")[0] == 0
    (work / "stop-at").write_text(str(evaluations(work) - 1))
    (work / "evaluations").unlink()
    assert typed(work, *COUNTED)[0] == 130
    assert {p.suffix for p in parts.iterdir()} == {".json"}
    (work / "stop-at").unlink()
    (work / "evaluations").unlink()
    assert typed(work, *COUNTED, "--json", "whole.json")[0] == 0
    assert evaluations(work) == planned + 3
    assert not parts.exists()


def test_of_several_models_only_finished_ones_are_reported(work):
    write_frames(work / "frames.xyz", 3)
    planned = count_planned(work)
    (work / "stop-at").write_text(str(planned + 1))
    command = ("run", "-b", "own:Soft", "-b", "own:Counted", "frames.xyz", *NOTHING_ELSE)
    status, out, err = typed(work, *command, "--out", "report")
    assert status == 130
    assert "own:Counted is not finished, and not in the report" in err
    (record,) = load_runs(work / "report")
    assert record.calculator.spec == "own:Soft"
    assert "relaxation" in record.not_run
    assert out.startswith("own:Soft on Cu")
    assert "own:Counted" not in out  # nor is a command of both printed as the next step


# --- mistakes ----------------------------------------------------------------------------------

MISTAKES = {
    "out is a file": ("Cu -b ase:emt --out file", "--out file: not writable; give a folder"),
    "out below a file": ("Cu -b ase:emt --out file/x", "--out file/x: not writable; give a folder"),
    "out beside json": ("Cu -b ase:emt --json - --out file", "--out file: not writable"),
    "unknown word": ("Cu coper -b ase:emt", "'coper' is not an element, a pair of elements, a"),
    "set without frames": ("diatomics-pbe -b ase:emt", "diatomics-pbe has no labelled frames"),
    "negative signal": (
        "--signal -1",
        "energy_resolution is -1.0; give a positive energy difference",
    ),
    "signal that is none": (
        "--signal nan",
        "energy_resolution is nan; give a positive energy difference",
    ),
    "target without learning": ("--target 0.1", "--target is of the learning curve; give --learn"),
    "negative target": ("--learn --target -1", "target is -1.0; give a positive error"),
    "learning in a hurry": ("--learn --quick", "--learn takes minutes; leave out --quick"),
    "learning from nothing": (
        "-b ase:emt --learn Cu",
        "takes one set of labelled frames; given: none",
    ),
    "learning from two": (
        "-b ase:emt --learn frames.xyz more.xyz",
        "learning takes one set of labelled frames; given: frames, more",
    ),
    "unknown convention": ("--energies corrected", "energies is 'corrected'; give one of raw,"),
    "toy beside a real one": (
        "-b toy -b own:Soft",
        "toy and own:Soft have no demonstration in common; name a system, as in Cu O",
    ),
    "toy beside ASE's": (
        "-b toy -b ase:emt",
        "toy and ase:emt have no demonstration in common; name a system, as in Cu O",
    ),
    "twice": ("-b ase:emt -b ase:emt Cu", "-b ase:emt: given twice; name each model once"),
    "the second one twice": (
        "-b toy -b own:Soft -b own:Soft Cu",
        "-b own:Soft: given twice; name each model once",
    ),
    "nothing in a folder": ("-b ase:emt empty", "nothing to read in it; looked for"),
    "labels of nothing": ("-b ase:emt words.xyz", "words.xyz: not readable"),
    "no system": ("-b ase:emt", "which system? Name elements that the calculator knows"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line_and_leaves_nothing(work, mistake):
    arguments, words = MISTAKES[mistake]
    write_frames(work / "frames.xyz", 2)
    write_frames(work / "more.xyz", 3)
    (work / "file").write_text("mine")
    (work / "words.xyz").write_text("these are\nonly\nwords\n")
    (work / "empty").mkdir()
    before = contents(work)
    assert words in refused(typed(work, "run", *arguments.split()))
    after = {name: text for name, text in contents(work).items() if "__pycache__" not in name}
    assert after == before


def test_nothing_to_judge_is_a_mistake_and_no_report(work):
    """Iron is an element, so that only the model can say that it does not know it."""
    status, out, err = typed(work, "run", "-b", "ase:emt", "Fe", "--out", "report")
    assert (status, out) == (2, "")
    assert err.splitlines()[-1].startswith("mlipcheck: nothing could be judged; Fe-Fe: ")
    assert contents(work).keys() == {"own.py"}  # nor parts of one
