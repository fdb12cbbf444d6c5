"""The benchmarks: thin scripts over the public names that do what they say with any backend."""

from __future__ import annotations

import ast
import re
import runpy
import shlex
from pathlib import Path

import pytest

import mlipcheck

FOLDER = Path(__file__).parents[1] / "benchmarks"
SCRIPTS = sorted(path for path in FOLDER.glob("*.py") if path.stem != "_script")
if not SCRIPTS:
    pytest.skip("the benchmarks are not installed", allow_module_level=True)
COMMANDS = re.findall(r"^python benchmarks/(.*)$", (FOLDER / "README.md").read_text(), re.MULTILINE)
every_script = pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Run a script in a folder of its own; returns (exit status, stdout, stderr)."""

    def run(name, *arguments):
        monkeypatch.chdir(tmp_path)
        monkeypatch.syspath_prepend(FOLDER)
        monkeypatch.setenv("OMP_NUM_THREADS", "1")  # some set it, and it is to be taken back
        monkeypatch.setattr("sys.argv", [f"benchmarks/{name}", *map(str, arguments)])
        status = 0
        try:
            runpy.run_path(str(FOLDER / name), run_name="__main__")
        except SystemExit as stop:
            status = stop.code
        return status, *capsys.readouterr()

    return run


@every_script
def test_its_help_helps(run, path):
    status, out, err = run(path.name, "--help")
    assert (status, err) == (0, "")
    doc = ast.get_docstring(ast.parse(path.read_text()))
    assert doc.splitlines()[0] in out
    assert f"python benchmarks/{path.name}" in out
    assert "-b NAME, --backend NAME" in out


@every_script
@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["-b", "nobody"], "'nobody'"),
        (["--backend", "mace:nobody.model"], "nobody.model"),
        (["--bogus"], "--bogus"),
    ],
)
def test_a_mistake_is_one_line(run, path, arguments, names):
    status, out, err = run(path.name, *arguments)
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert err.startswith(f"{path.name}: ")
    assert names in err


@pytest.mark.parametrize(
    ("command", "names"),
    [
        ("dimer_scan.py Cux", "'Cux'"),
        ("relax_vs_reference.py nofile.cif", "'nofile.cif'"),
        ("relax_vs_reference.py --optimizer Newton", "BFGSLineSearch"),
        ("learning_curve.py --target -1", "-1"),
        ("learning_curve.py -b ase:emt", "which system"),
        ("error_magnitudes.py --energy-resolution 0", "0"),
        ("error_magnitudes.py --sample many", "'many'"),
        ("speed.py -b ase:emt", "ase:emt"),
        ("speed.py half", "'half'"),
        ("device.py -b toy --device gpu", "'gpu'"),
    ],
)
def test_other_mistakes_are_one_line_too(run, command, names):
    status, out, err = run(*shlex.split(command))
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert names in err


def test_a_folder_that_cannot_be_written_is_a_mistake(run, tmp_path):
    (tmp_path / "here").write_text("a file")
    status, _, err = run("dimer_scan.py", "-b", "ase:emt", "Cu", "--out", "here")
    assert status == 2
    assert err.count("\n") == 1
    assert "here" in err


@pytest.mark.slow
@pytest.mark.parametrize("command", [c for c in COMMANDS if not c.startswith(("speed", "device"))])
def test_it_runs_as_printed(run, tmp_path, data_dir, command):
    """With one of ASE's own potentials in the place of a model that takes minutes."""
    name, *arguments = [
        re.sub("^(chgnet|sevennet)$", "ase:emt", word) for word in shlex.split(command)
    ]
    status, out, err = run(name, *arguments)
    assert (status, err) == (0, "")
    assert out
    if "--out" in arguments:
        folder = tmp_path / arguments[arguments.index("--out") + 1]
        report = mlipcheck.Report.load(folder)
        assert any(report.runs[0].checks.values())
        assert (folder / "report.html").is_file()
        assert f"{folder.name}/results.json" in out


def test_every_script_is_in_the_readme():
    text = (FOLDER / "README.md").read_text()
    assert all(f"`{path.name}`" in text for path in SCRIPTS)
    assert {command.split()[0] for command in COMMANDS} == {path.name for path in SCRIPTS}


# ---- what they print ---------------------------------------------------------------------------


def test_dimers(run):
    status, out, err = run("dimer_scan.py")
    assert (status, err) == (0, "")
    assert re.search(r"N-N +1\.100", out)


def test_relaxations_of_the_toy_are_of_clusters(run):
    _, out, _ = run("relax_vs_reference.py")
    assert "Morse13" in out
    assert "5 of 5 converged" in out


@pytest.mark.slow
def test_relaxations_of_others_are_of_crystals(run):
    _, out, _ = run("relax_vs_reference.py", "-b", "ase:emt")
    assert re.search(r"^Cu +4 +yes", out, re.MULTILINE)
    assert "Morse" not in out


@pytest.mark.slow
def test_errors_of_the_toy_beside_the_signal(run, tmp_path):
    _, out, _ = run("error_magnitudes.py", "--out", "errors")
    lines = out.splitlines()
    # in distribution, what one wants to read, out of distribution
    assert lines[0].startswith("morse-near, in distribution: MAE 3.")
    assert lines[2].startswith("signal: 0.1 eV")
    assert lines[3].startswith("morse-far, out of distribution: MAE 0.268 eV/atom (fit-offsets")
    assert "60 of 60 frames" in lines[3]
    assert lines[4].split(": ")[1] == "σ 1.71 eV over 1770 pairs"
    assert max(map(len, lines[:5])) <= 100
    assert (tmp_path / "errors" / "figures" / "scales.svg").is_file()


def test_errors_on_some_frames_of_what_there_is(run):
    sample = ("--sample", 5, "--energy-resolution", 0.3)
    _, out, _ = run("error_magnitudes.py", *sample, "nofile.xyz", "morse-far")
    lines = out.splitlines()
    assert lines[0].startswith("signal: 0.3 eV")
    assert "5 of 5 frames" in lines[1]


@pytest.mark.slow
def test_the_learning_curves_of_the_toy(run, tmp_path):
    _, out, _ = run("learning_curve.py", "--out", "learning", "--target", 0.05)
    assert "0.351 ± 0.044" in out
    assert "ridges tuned" in out
    assert "0.0020 ± 0.0012" in out  # two digits of the smallest
    assert (tmp_path / "learning" / "figures" / "learning-2.svg").is_file()


@pytest.mark.slow
def test_the_volcano(run, data_dir):
    _, out, _ = run("volcano.py", "-b", "toy")
    assert len([line for line in out.splitlines() if line.strip().startswith("H on ")]) == 7
    assert "of 21 pairs of metals" in out
    assert max(map(len, out.splitlines())) <= 100


@pytest.mark.slow
def test_the_speed_of_the_toy(run):
    status, out, _ = run("speed.py", "-b", "toy")
    assert status == 0
    assert re.search(r"toy / neighbour list alone: [\d.]+ ", out)
