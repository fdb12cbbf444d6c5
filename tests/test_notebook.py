"""The companion notebook: how it is written, and what it prints where it is really executed."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import platform
import re
import subprocess
import sys
import types
from datetime import datetime
from inspect import getsource
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import InputError
from ase.calculators.emt import EMT
from ase.filters import FrechetCellFilter
from ase.optimize import BFGS
from ase.units import GPa
from packaging.requirements import Requirement

import mlipcheck
from mlipcheck import evaluate, get_calculator, parity, run_checks, toy_learning_curve
from mlipcheck.calculators.backends import get_backend
from mlipcheck.checks.parity.scales import PUBLISHED

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
SECTIONS = ["scales", "softening", "learning", "real", "exercise", "real-softening", "conclusions"]
REAL = ("chgnet", "mattersim")
FIGURES = ("draw-scales", "draw-scan", "draw-learning", "tuned", "draw-soften")
SCRATCH = "0.351  0.289  0.232  0.196  0.155  0.132"
FINE_TUNED = "0.162  0.127  0.104  0.076  0.063  0.045"

RUN = """
import sys
import nbclient
import nbformat

source, target = sys.argv[1:]
book = nbformat.read(source, as_version=4)
nbclient.NotebookClient(book, kernel_name="here", timeout=600).execute()
nbformat.write(book, target)
"""


# a site's own start, which hides the package
HIDE = """
import sys
from importlib.machinery import PathFinder


class Without(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name == "mlipcheck" else super().find_spec(name, path, target)


sys.meta_path[sys.meta_path.index(PathFinder)] = Without
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
        assert len(source.strip().splitlines()) <= 24, name
        nodes = ast.walk(ast.parse(source))
        assert not any(isinstance(node, ast.ClassDef | ast.Lambda) for node in nodes), name


def test_the_source_is_named_once():
    code = "\n".join(CODE.values())
    assert len(re.findall(r"^SOURCE = ", code, re.MULTILINE)) == 1
    assert list(CODE)[:3] == ["source", "colab", "ready"]
    assert "SOURCE" not in "".join(s for n, s in list(CODE.items())[3:])
    assert not re.search(r"/(home|Users|tmp|content)/", "".join(SOURCES.values()))


def test_numbers_in_the_text_are_the_library_s():
    points, bonds = read_tuple("points", "points"), read_tuple("cancel", "bonds")
    bars = re.search(r"ax\.bar\(names, \((.*?)\)", CODE["draw-scales"])[1].split(", ")
    assert [float(x) for x in bars[::2]] == pytest.approx([*PUBLISHED.values()], abs=0.01)
    window = re.findall(r"([\d.]+) \* morse\.r0", getsource(mlipcheck.fit_toy))
    exact, toy = (get_calculator(f"toy:{name}") for name in ("exact", "soft"))
    known = {
        *(f"{x:.3f}" for x in PUBLISHED.values()),
        *bars,
        *window,
        *(f"{float(x):.1f}" for x in bars[1:]),
        *(f"{x:.2f}" for x in points),
        *(f"{abs(x):.3f}" for x in errors_at(points, toy, exact)),
        re.search(r"\d\.\d+", get_backend("mattersim").needs or "")[0],
        *re.findall(r"positions\[1, 0\] \+= (\S+)", CODE["chgnet-mgo"]),
    }
    for name, text in TEXTS.items():
        chinese, english = text.split(RULE)
        for part in (chinese, english):
            assert set(re.findall(r"\d+\.\d+", part)) <= known, name
        numbers = [sorted(re.findall(r"\d+\.\d+", part)) for part in (chinese, english)]
        assert numbers[0] == numbers[1], name
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
def test_only_colab_installs(monkeypatch, tmp_path, capsys, source, wanted, colab):
    called = []
    monkeypatch.setattr(subprocess, "run", lambda command, **_: called.append(command))
    if colab:
        monkeypatch.syspath_prepend(add_colab(tmp_path))
    for name in ("google", "google.colab"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    space = {"SOURCE": source, "EXTRA": "chgnet"}
    exec(CODE["colab"], space)
    exec(CODE["ready"], space)
    if not source.startswith("."):  # what is no folder has to be a requirement
        Requirement(wanted)
    assert called == [[sys.executable, "-m", "pip", "install", wanted]] * colab
    # the package is here, whatever pip said
    assert space["READY"]
    assert capsys.readouterr().out == f"Python {platform.python_version()}\n"


def test_without_the_package_only_the_first_cells_run(monkeypatch, capsys):
    space = {"SOURCE": "./mlipcheck", "EXTRA": "chgnet"}
    transformers = []
    shell = types.SimpleNamespace(input_transformers_cleanup=transformers)
    space["get_ipython"] = lambda: shell
    exec(CODE["colab"], space)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    exec(CODE["ready"], space)
    assert len(re.findall(r"set SOURCE \(now './mlipcheck'\)", capsys.readouterr().out)) == 1
    (only_if_ready,) = transformers
    kept = [n for n, s in CODE.items() if only_if_ready(s.splitlines(keepends=True))]
    assert kept == ["source", "colab", "ready"]
    space["READY"] = True  # once it is there, all of them run
    assert all(only_if_ready([s]) == [s] for s in CODE.values())


def add_colab(folder):
    """Put an empty module google.colab into a folder, and return the folder."""
    (folder / "google" / "colab").mkdir(parents=True)
    for name in ("google", "google/colab"):
        (folder / name / "__init__.py").touch()
    return folder


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
    space = run_cells("imports", "my-run", MY_RUN=str(tmp_path / "mine.xyz"), MY_MODEL="ase:emt")
    printed = capsys.readouterr().out
    change = float(re.search(r"^mine: volume (\S+) %", printed, re.MULTILINE)[1])
    assert change == pytest.approx(100 * (1.01**-3 - 1), abs=0.2)
    assert re.search(r"^mine: Cu-Cu \d\.\d+ -0\.\d+ Å \(mean of 24\)$", printed, re.MULTILINE)
    assert set(space["report"].verdict) >= {"relax", "defects"}


def test_exercise_names_what_cannot_be_read(tmp_path):
    broken = tmp_path / "OUTCAR"
    broken.write_text("no run\n")
    with pytest.raises(InputError, match="truncated before its first ionic step"):
        run_cells("imports", "my-run", MY_RUN=str(broken), MY_MODEL="ase:emt")
    # which Jupyter shows as one line
    assert "%xmode Minimal" in SOURCES["imports"]


def test_mattersim_cell_runs_with_a_model(mattersim_file, capsys):
    space = run_cells("imports", "load")
    space["mattersim"] = get_calculator(f"mattersim:{mattersim_file}", device="cpu")
    capsys.readouterr()
    exec(CODE["mattersim-si"], space)
    printed = capsys.readouterr().out
    energy = space["si"].get_potential_energy()
    assert printed.startswith(f"Si2: energy {energy / 2:.4f} eV/atom\nforces (eV/Å)\n[[")
    assert "(GPa)" in printed
    assert "magnetic" not in printed


# Executed in a kernel


def execute(folder, **environment):
    """Return the cells after a run in a kernel of this interpreter, in a folder of its own."""
    for module in ("ipykernel", "nbclient"):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed: pip install '.[test]'")
    kernel = folder / "kernels" / "here" / "kernel.json"
    kernel.parent.mkdir(parents=True)
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    kernel.write_text(json.dumps({"argv": command, "display_name": "here", "language": "python"}))
    places = ("JUPYTER_PATH", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")
    environment |= dict.fromkeys((*places, "IPYTHONDIR"), str(folder))
    # nobody listens there: what would be downloaded is refused at once
    environment |= dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:9")
    target = folder / "executed.ipynb"
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(PATH), str(target)],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return {cell["id"]: cell for cell in json.loads(target.read_text(encoding="utf-8"))["cells"]}


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    return execute(tmp_path_factory.mktemp("notebook"))


def printed(cells, name):
    streams = [output for output in cells[name]["outputs"] if output.get("name") == "stdout"]
    return "".join("".join(output["text"]) for output in streams)


@pytest.mark.slow
def test_on_colab_without_the_package_it_ends_in_one_message(tmp_path):
    add_colab(tmp_path / "site")
    (tmp_path / "site" / "sitecustomize.py").write_text(HIDE)
    cells = execute(tmp_path, PYTHONPATH=str(tmp_path / "site"), PIP_NO_INDEX="1")
    said = {name: cells[name]["outputs"] for name in CODE if cells[name]["outputs"]}
    assert list(said) == ["colab", "ready"]
    assert printed(cells, "colab") == f"Python {platform.python_version()}\n"
    assert "請把 SOURCE 設成它的位置" in printed(cells, "ready")
    assert "set SOURCE (now './mlipcheck') and run from the top again" in printed(cells, "ready")


@pytest.mark.slow
def test_figures_are_drawn_inline(executed):
    drawn = {
        name: sum("image/png" in output.get("data", {}) for output in cell["outputs"])
        for name, cell in executed.items()
        if name in CODE
    }
    softened = bool(printed(executed, "soften"))
    expected = FIGURES if softened else FIGURES[:-1]
    assert drawn == {name: int(name in expected) for name in CODE}
    # each is told in words beneath, for who does not see it
    order = list(CELLS)
    for name in FIGURES:
        chinese, english = TEXTS[order[order.index(name) + 1]].split(RULE)
        assert "圖" in chinese[:3]
        assert english.startswith("Figure")
        complaints = [o for o in executed[name]["outputs"] if o.get("name") == "stderr"]
        assert complaints == []


@pytest.mark.slow
def test_the_toy_takes_less_than_a_minute(executed):
    spent = 0.0
    for name, cell in executed.items():
        if name in CODE and not name.startswith((*REAL, "load", "soften")):
            times = cell["metadata"]["execution"]
            start, end = (times[f"iopub.status.{k}"] for k in ("busy", "idle"))
            spent += (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
    assert spent < 60


@pytest.mark.slow
def test_the_sixteen_numbers(executed):
    rows = [line.split() for line in printed(executed, "points").splitlines()[1:]]
    points = read_tuple("points", "points")
    assert [float(row[0]) for row in rows] == list(points)
    assert [row[3] for row in rows] == ["+0.000", "-0.138", "-0.634"]
    for column, spec in ((3, "toy"), (5, "toy:wide")):
        errors = errors_at(points, get_calculator(spec), get_calculator("toy:exact"))
        assert [float(row[column]) for row in rows] == pytest.approx(errors, abs=6e-4)
    title, sizes, scratch, tuned = printed(executed, "learn").splitlines()
    assert title == "toy, fixed ridges: RMSE in eV, zero-shot 0.171"
    assert sizes.split() == ["N", "3", "5", "10", "20", "40", "80"]
    assert scratch == f"from scratch  {SCRATCH}"
    assert tuned == f"fine-tuned    {FINE_TUNED}"


@pytest.mark.slow
def test_printed_tuned_learning_is_measured(executed):
    curve = toy_learning_curve(tuned=True)
    _, _, *rows = printed(executed, "tuned").splitlines()
    for row, method in zip(rows, ("from scratch", "fine-tuned"), strict=True):
        means = [point.mean for point in curve.points_of(method)]
        found = [float(x) for x in row.removeprefix(method).split()]
        assert found == pytest.approx(means, abs=6e-4)


@pytest.mark.slow
def test_the_fit_is_shown(executed):
    shown = printed(executed, "source-code")
    for part in ("np.linspace(0.7, 2.6, 24), 0.12", "ridge=1e-6", "np.exp(-(", "np.sqrt(ridge)"):
        assert part in shown
    assert len(getsource(mlipcheck.fit_toy).splitlines()) <= 10


@pytest.mark.slow
def test_printed_scales_are_measured(executed):
    said = printed(executed, "cancel")
    for name in ("morse-near", "morse-far"):
        p = parity(get_calculator("toy"), name, energy_resolution=0.1)
        found = re.search(rf"^{name}: MAE (\S+) eV/atom, .* σ (\S+) eV$", said, re.MULTILINE)
        measured = p.energy.mae.value, p.ranking.sigma.value
        assert [*map(float, found.groups())] == pytest.approx(measured, rel=0.05)
        # what the text says of them
        assert (p.ranking.sigma.value > 0.1) == (name == "morse-far")
    a, b, c = (float(x) for x in re.findall(r"[ABC] ([+-]\d\.\d+),? ?", said.splitlines()[0]))
    like, unlike = (float(x) for x in re.findall(r"A ([+-]\S+) eV", said.splitlines()[1]))
    assert min(abs(a), abs(b)) > 10 * 0.1
    assert abs(like) < 0.001
    assert abs(unlike) > 0.2
    assert unlike == pytest.approx(c - a, abs=0.02)


@pytest.mark.slow
def test_printed_exercise_is_measured(executed):
    lines = printed(executed, "my-run").splitlines()
    report = run_checks("toy")
    for row, line in zip(report.rows("relaxation"), lines, strict=True):
        (bond,) = row.bond_changes
        lengths = f"{bond.mean_length:.3f} {bond.mean_change:+.3f} Å (mean of {bond.count})"
        assert line == f"{row.name}: N-N {lengths}"
    shown = [o["data"] for o in executed["my-run"]["outputs"] if "data" in o]
    assert len(shown) == 1
    for answer in report.verdict.values():
        assert answer in "".join(shown[0]["text/html"])


@pytest.mark.slow
def test_what_is_not_there_is_skipped_with_what_to_type(executed):
    said = printed(executed, "load")
    for name in REAL:
        backend = get_backend(name)
        there = backend.installed and backend.checkpoints[0].found
        cells = [n for n in CODE if n.startswith(f"{name}-")]
        assert [bool(printed(executed, n)) for n in cells] == [there] * len(cells), name
        if not backend.installed:
            assert f"略過 · skipped: {name} needs" in said
            assert f'python -m pip install "mlipcheck[{name}]"' in said


@pytest.mark.slow
def test_chgnet_describes_mgo(executed, chgnet):
    mgo = bulk("MgO", "rocksalt", a=4.25)
    mgo.positions[1, 0] += 0.05
    (e,) = evaluate(chgnet, [mgo], properties=("energy", "forces", "stress", "magmoms"))
    said = printed(executed, "chgnet-mgo")
    number = r"-?\d+\.?\d*"

    def read(pattern):
        found = re.search(pattern, said, re.DOTALL)
        return [float(x) for x in re.findall(number, found[1])]

    assert read(r"MgO: energy (\S+) eV/atom") == pytest.approx([e.energy / 2], abs=2e-4)
    forces = read(r"\(eV/Å\)\n(.*?)stress")
    assert forces == pytest.approx(e.forces.ravel(), abs=2e-3)
    assert abs(forces[0]) > 0.1
    assert read(r"\(GPa\)\n\[(.*?)\]") == pytest.approx(e.stress / GPa, abs=2e-2)
    assert read(r"\(μ_B\) \[(.*?)\]") == pytest.approx(e.magmoms, abs=2e-3)


@pytest.mark.slow
def test_chgnet_is_right_at_the_bottom_and_soft_on_the_way_out(executed, chgnet, data_dir):
    lines = re.findall(r"^(.*?) +(\d\.\d+) of PBE$", printed(executed, "soften"), re.MULTILINE)
    found = {name: float(ratio) for name, ratio in lines}
    moduli = [ratio for name, ratio in found.items() if name.endswith("bulk modulus")]
    assert moduli == pytest.approx([1, 1, 1], abs=0.1)
    # the numbers of the data's README
    assert found["W surface energy"] == pytest.approx(0.777, abs=0.02)
    assert found["Cu vacancy"] == pytest.approx(0.74 / 1.07, abs=0.03)
    assert found["Cu hop"] == pytest.approx(0.57 / 0.72, abs=0.03)
    assert found["Pd hop"] == pytest.approx(0.50 / 0.95, abs=0.03)
