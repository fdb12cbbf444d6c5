"""The companion notebook: how it is written, and what it prints where it is really executed."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import re
import subprocess
import sys
import types
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.filters import FrechetCellFilter
from ase.optimize import BFGS
from ase.units import GPa
from packaging.requirements import Requirement

from mlipcheck import RBFRidge, evaluate, get_calculator, parity, relax_against_reference
from mlipcheck.calculators.backends import get_backend
from mlipcheck.checks.dimers.scan import scan_dimers
from mlipcheck.checks.learning.toy import toy_learning_curve
from mlipcheck.checks.parity.scales import PUBLISHED, SIGNAL
from mlipcheck.references.crystals import dcdft_crystals
from mlipcheck.references.morse_frames import NAMES, morse_frames

PATH = Path(__file__).parents[1] / "notebooks" / "pretrained_models.ipynb"
BOOK = json.loads(PATH.read_text(encoding="utf-8"))
CELLS = {cell["id"]: cell for cell in BOOK["cells"]}
SOURCES = {name: "".join(cell["source"]) for name, cell in CELLS.items()}
TEXTS = {name: s for name, s in SOURCES.items() if CELLS[name]["cell_type"] == "markdown"}
# what plain Python can run: without the line that tells Jupyter to draw inline
CODE = {
    name: re.sub(r"^%.*\n", "", s, flags=re.MULTILINE)
    for name, s in SOURCES.items()
    if name not in TEXTS
}
RULE = "\n\n---\n\n"
CHINESE = re.compile(r"[\u4e00-\u9fff]")
SECTIONS = ["scales", "softening", "learning", "real", "exercise", "conclusions"]
REAL = ("chgnet", "mattersim")

RUN = """
import sys
import nbclient
import nbformat

source, target = sys.argv[1:]
book = nbformat.read(source, as_version=4)
nbclient.NotebookClient(book, kernel_name="here", timeout=600).execute()
nbformat.write(book, target)
"""


# How it is written


def test_it_is_stored_without_outputs_and_the_same_way_each_time():
    assert (BOOK["nbformat"], BOOK["nbformat_minor"]) == (4, 5)
    assert BOOK["metadata"]["kernelspec"]["name"] == "python3"
    assert PATH.read_bytes().decode() == json.dumps(BOOK, ensure_ascii=False, indent=1) + "\n"
    assert len(CELLS) == len(BOOK["cells"])
    for name, cell in CELLS.items():
        assert re.fullmatch(r"[a-z0-9-]{1,64}", name)  # by hand, and not drawn anew each time
        assert cell["metadata"] == {}
        if name in CODE:
            assert (cell["outputs"], cell["execution_count"]) == ([], None)


def test_it_keeps_to_the_schema():
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed: '.[test]'")
    nbformat.validate(BOOK)


def test_sections_are_numbered_and_in_order():
    headings = {name: s.splitlines()[0] for name, s in TEXTS.items() if s.startswith("## ")}
    assert list(headings) == SECTIONS
    for number, heading in enumerate(headings.values(), start=1):
        chinese, english = heading.removeprefix(f"## {number}. ").split(" · ")
        assert CHINESE.search(chinese)
        assert re.fullmatch(r"[A-Za-z ,:-]+", english)


@pytest.mark.parametrize("name", TEXTS)
def test_each_text_is_in_chinese_and_then_in_english(name):
    chinese, english = TEXTS[name].split(RULE)
    assert len(CHINESE.findall(chinese)) >= 10
    assert not CHINESE.search(english)
    assert len(re.findall(r"[a-z]{2,}", english)) >= 10
    # as many paragraphs, or points of a list, on either side
    own = re.sub(r"^#.*\n\n", "", chinese)
    assert own.count("\n") == english.count("\n")


def test_the_characters_are_those_of_taiwan():
    """Big5 has no simplified characters."""
    for source in SOURCES.values():
        "".join(CHINESE.findall(source)).encode("big5")


def test_code_is_short_and_calls_the_library():
    for name, source in CODE.items():
        assert len(source.strip().splitlines()) <= 12, name
        for node in ast.walk(ast.parse(source)):
            assert not isinstance(node, ast.ClassDef | ast.Lambda), name
            if isinstance(node, ast.FunctionDef):
                assert len(node.body) <= 4, name
            if isinstance(node, ast.ImportFrom):
                assert not any(a.name.startswith("_") for a in node.names), name


def test_the_source_is_named_once():
    code = "\n".join(CODE.values())
    assert len(re.findall(r"^SOURCE = ", code, re.MULTILINE)) == 1
    assert list(CODE)[:2] == ["source", "colab"]
    assert "SOURCE" not in "".join(s for n, s in CODE.items() if n not in ("source", "colab"))
    assert not re.search(r"/(home|Users|tmp|content)/", "".join(SOURCES.values()))


def test_numbers_in_the_text_are_the_library_s(monkeypatch):
    seen = []
    fit = RBFRidge.fit
    monkeypatch.setattr(RBFRidge, "fit", lambda s, r, *a, **k: seen.append(r) or fit(s, r, *a, **k))
    toy, exact = get_calculator("toy"), get_calculator("toy:exact")
    (learnt,) = seen
    points, bonds = read_tuple("points", "points"), read_tuple("cancel", "bonds")
    assert [learnt.min() / 1.1, learnt.max() / 1.1] == pytest.approx([0.95, 1.30], abs=0.01)
    known = {
        *(f"{x:.3f}" for x in PUBLISHED.values()),
        *(f"{x:.1f}" for x in SIGNAL),
        *(f"{x:.2f}" for x in points),
        *(f"{abs(x):.3f}" for x in errors_at(points, toy, exact)),
        *("0.95", "1.30"),
        re.search(r"\d\.\d+", get_backend("mattersim").needs or "")[0],
        *re.findall(r"positions\[1, 0\] \+= (\S+)", CODE["chgnet-mgo"]),
    }
    for name, text in TEXTS.items():
        chinese, english = text.split(RULE)
        for part in (chinese, english):
            told = re.findall(r"\d+\.\d+", part)
            assert set(told) <= known, name
        assert sorted(re.findall(r"\d+\.\d+", chinese)) == sorted(told), name
        percents = {int(x) for x in re.findall(r"(\d+) %", text)}
        assert percents <= {round(100 * (x - 1)) for x in bonds}, name


def read_tuple(cell, name):
    """Return the tuple of numbers that a cell assigns to a name."""
    return ast.literal_eval(re.search(rf"^{name} = (\(.*?\))", CODE[cell], re.MULTILINE)[1])


def errors_at(distances, model, truth):
    dimers = [Atoms("N2", positions=[[0, 0, 0], [r, 0, 0]]) for r in distances]
    return np.subtract(*([e.energy for e in evaluate(c, dimers)] for c in (model, truth)))


# Cells on their own


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("./mlipcheck", "./mlipcheck[chgnet]"),
        ("git+https://HOST/OWNER/x.git", "mlipcheck[chgnet] @ git+https://HOST/OWNER/x.git"),
        ("mlipcheck", "mlipcheck[chgnet]"),
    ],
)
@pytest.mark.parametrize("colab", [True, False])
def test_only_colab_installs(monkeypatch, source, wanted, colab):
    assert f'"{source.replace("x.git", "mlipcheck.git")}"' in CODE["source"]
    called = []
    monkeypatch.setattr(subprocess, "run", lambda command, check: called.append((command, check)))
    if colab:
        monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
    exec(CODE["colab"], {"SOURCE": source, "EXTRA": "chgnet"})
    if not source.startswith("."):  # what is no folder has to be a requirement
        Requirement(wanted)
    assert called == [([sys.executable, "-m", "pip", "install", "-q", wanted], True)] * colab


def run_cells(*names, **replaced):
    """Run cells as plain Python, with the strings that are named here put in."""
    space = {}
    for name in names:
        source = CODE[name]
        for variable, value in replaced.items():
            source = re.sub(rf"(?m)^{variable} = [^#\n]*", f"{variable} = {value!r} ", source)
        exec(source, space)
    return space


@pytest.mark.slow
def test_exercise_takes_a_structure_of_one_s_own(tmp_path, capsys):
    copper = bulk("Cu", cubic=True)
    copper.calc = EMT()
    BFGS(FrechetCellFilter(copper), logfile=None).run(fmax=1e-4)
    copper.set_cell(1.01 * copper.cell, scale_atoms=True)  # whose volume EMT must take back
    copper.write(tmp_path / "mine.xyz")
    capsys.readouterr()
    run_cells("imports", "my-run", MY_RUN=str(tmp_path / "mine.xyz"), MY_MODEL="ase:emt")
    told = capsys.readouterr().out
    change = float(re.search(r"^mine: volume (\S+) %, converged: True", told, re.MULTILINE)[1])
    assert change == pytest.approx(100 * (1.01**-3 - 1), abs=0.2)
    assert re.search(r"^  Cu-Cu: .* mean of 24; furthest -\S+ %$", told, re.MULTILINE)


def test_exercise_tells_of_what_cannot_be_read(tmp_path, capsys):
    broken = tmp_path / "OUTCAR"
    broken.write_text("no run\n")
    run_cells("imports", "my-run", MY_RUN=str(broken), MY_MODEL="ase:emt")
    told = capsys.readouterr().out
    assert re.fullmatch(r"OUTCAR: .*truncated before its first ionic step was complete\n", told)


def test_mattersim_cell_runs_with_a_model(mattersim_file, capsys):
    space = run_cells("imports", "show")
    space["mattersim"] = get_calculator(f"mattersim:{mattersim_file}", device="cpu")
    exec(CODE["mattersim-si"], space)
    told = capsys.readouterr().out
    energy = space["si"].get_potential_energy()
    assert told.startswith(f"Si2: energy {energy / 2:.4f} eV/atom\nforces in eV/Å:\n[[")
    assert "in GPa" in told
    assert "magnetic" not in told


# Executed in a kernel


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """The cells after a run in a kernel of this interpreter, in a folder of its own."""
    for module in ("ipykernel", "nbclient"):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed: pip install '.[test]'")
    folder = tmp_path_factory.mktemp("notebook")
    kernel = folder / "kernels" / "here" / "kernel.json"
    kernel.parent.mkdir(parents=True)
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    kernel.write_text(json.dumps({"argv": command, "display_name": "here", "language": "python"}))
    places = ("JUPYTER_PATH", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")
    environment = os.environ | dict.fromkeys((*places, "IPYTHONDIR"), str(folder))
    # nobody listens there: what would be downloaded is refused at once
    environment |= dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:9")
    target = folder / "executed.ipynb"
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(PATH), str(target)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return {cell["id"]: cell for cell in json.loads(target.read_text(encoding="utf-8"))["cells"]}


def printed(cells, name):
    streams = [output for output in cells[name]["outputs"] if output.get("name") == "stdout"]
    return "".join("".join(output["text"]) for output in streams)


def has(module):
    return importlib.util.find_spec(module) is not None


@pytest.mark.slow
def test_figures_are_drawn_inline(executed):
    drawn = {
        name: sum("image/png" in output.get("data", {}) for output in cell["outputs"])
        for name, cell in executed.items()
        if name in CODE
    }
    expected = {"draw-scales", "draw-scan", "draw-learning"}
    expected |= {"chgnet-dimers"} if has("chgnet") else set()
    assert drawn == {name: int(name in expected) for name in CODE}
    # each is told in words beneath, for who does not see it
    order = list(CELLS)
    for name in ("draw-scales", "draw-scan", "draw-learning", "chgnet-dimers"):
        chinese, english = TEXTS[order[order.index(name) + 1]].split(RULE)
        assert "圖" in chinese[:3]
        assert english.startswith("Figure")


@pytest.mark.slow
def test_the_toy_takes_less_than_a_minute(executed):
    spent = 0.0
    for name, cell in executed.items():
        if name in CODE and not name.startswith((*REAL, "load", "crystal")):
            times = cell["metadata"]["execution"]
            start, end = (times[f"iopub.status.{k}"] for k in ("busy", "idle"))
            spent += (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
    assert spent < 60


@pytest.mark.slow
def test_printed_scales_are_measured(executed):
    told = printed(executed, "parity")
    for name in NAMES:
        p = parity(get_calculator("toy"), morse_frames(name), energy_resolution=SIGNAL[0])
        mae, sigma = p.energy.mae.value, p.ranking.sigma.value
        assert f"{name}: MAE {mae:.2e} eV/atom, σ {sigma:.2e} eV\n" in told
        assert f"apart: {p.ranking.observed:.0%}\n" in told
    a, b, c = map(float, re.findall(r"[ABC] (\d\.\d+)", printed(executed, "cancel")))
    like, unlike = map(float, re.findall(r"([+-]\S+) eV", printed(executed, "cancel")))
    # what the text says of them
    assert min(a, b) > 4 * max(SIGNAL)
    assert abs(like) < 0.01 * min(SIGNAL) < max(SIGNAL) < abs(unlike)
    assert unlike == pytest.approx(4 * (c - a), abs=0.005)


@pytest.mark.slow
def test_printed_softening_is_measured(executed):
    rows = [line.split() for line in printed(executed, "points").splitlines()[2:]]
    points = read_tuple("points", "points")
    found = errors_at(points, get_calculator("toy"), get_calculator("toy:exact"))
    assert [float(row[0]) for row in rows] == list(points)
    assert [float(row[3]) for row in rows] == pytest.approx(found, abs=6e-4)
    assert [row[3] for row in rows] == ["+0.000", "-0.138", "-0.634"]
    told = printed(executed, "scan").splitlines()
    for spec, line in zip(("toy", "toy:wide"), told[::2], strict=True):
        (scan,) = scan_dimers(get_calculator(spec), ["N"], reference="auto")
        wall = scan.comparison.wall
        assert line == f"{spec}: slopes of the wall s_lo {wall.s_lo:.3f}, s_hi {wall.s_hi:.3f}"
    assert told[1].startswith("  wall: soft, collapses at 0.83 Å; jumps: 0.0")
    assert told[3].startswith("  wall: right, repulsive throughout; jumps: 0.0")


@pytest.mark.slow
def test_printed_learning_is_measured(executed):
    told = " ".join(printed(executed, "learn").split())
    for tuned in (False, True):
        curve = toy_learning_curve(tuned=tuned, target=0.05)
        for needed in curve.needed:
            assert f"N needed for 0.05 eV, {needed.method}: {needed.text} " in told
        assert curve.sentence in told
        assert curve.notes[0] in told


def test_printed_exercise_is_measured(executed):
    told = printed(executed, "my-run")
    for row in relax_against_reference(get_calculator("toy"), "morse-clusters"):
        assert f"{row.name}: no volume to compare, converged: {row.converged}\n" in told
        (bond,) = row.bond_changes
        assert f" {bond.mean_change:+.3f} Å, mean of {bond.count}; " in told
        assert f"furthest {bond.largest_change_percent:+.2f} %\n" in told


def test_what_is_not_there_is_skipped_with_what_to_type(executed):
    told = printed(executed, "load")
    for name in REAL:
        cells = [n for n in CODE if n.startswith(f"{name}-")]
        cells += ["crystal"] if name == "chgnet" else []
        skipped = [printed(executed, n).startswith("略過 · skipped: ") for n in cells]
        backend = get_backend(name)
        there = backend.installed and backend.checkpoints[0].found
        assert skipped == [not there] * len(cells), name
        if not backend.installed:
            assert f"略過 · skipped: {name} needs" in told
            assert f'python -m pip install "mlipcheck[{name}]"' in told


def test_chgnet_tells_of_mgo(executed, chgnet):
    mgo = bulk("MgO", "rocksalt", a=4.25)
    mgo.positions[1, 0] += 0.05
    (e,) = evaluate(chgnet, [mgo], properties=("energy", "forces", "stress", "magmoms"))
    told = printed(executed, "chgnet-mgo")
    number = r"-?\d+\.?\d*"

    def read(pattern):
        found = re.search(pattern, told, re.DOTALL)
        return [float(x) for x in re.findall(number, found[1])]

    assert read(r"MgO: energy (\S+) eV/atom") == pytest.approx([e.energy / 2], abs=2e-4)
    forces = read(r"eV/Å:\n(.*?)stress")
    assert forces == pytest.approx(e.forces.ravel(), abs=2e-3)
    assert abs(forces[0]) > 0.1
    assert read(r"in GPa: \[(.*?)\]") == pytest.approx(e.stress / GPa, abs=2e-2)
    assert read(r"in μ_B: \[(.*?)\]") == pytest.approx(e.magmoms, abs=2e-3)
    assert told.endswith("energies are in the convention mp2020\n")


def test_chgnet_scans_and_relaxes(executed, chgnet):
    told = printed(executed, "chgnet-dimers").splitlines()
    for scan, line in zip(scan_dimers(chgnet, ["Mg", "O"]), told, strict=True):
        assert line.startswith(f"{scan.name}: r_e {scan.equilibrium_distance:.3f} Å, slope")
        assert f"collapse at {scan.collapse.distance:.2f} Å, barrier" in line
    (row,) = relax_against_reference(chgnet, dcdft_crystals(["Si"]))
    assert f"Si: volume {row.volume_change_percent:+.2f} %" in printed(executed, "crystal")
    constant = float(re.search(r"constant (\S+) Å", printed(executed, "chgnet-relax"))[1])
    assert constant == pytest.approx(4.25, abs=0.05)
