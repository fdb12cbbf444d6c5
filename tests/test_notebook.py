"""The course notebook: how it is written, and cells on their own."""

from __future__ import annotations

import ast
import importlib.util
import json
import platform
import re
import subprocess
import sys
import types
from inspect import getsource

import pytest
from ase.build import bulk
from ase.calculators.calculator import InputError
from ase.calculators.emt import EMT
from ase.filters import FrechetCellFilter
from ase.optimize import BFGS
from course import (
    BOOK,
    CELLS,
    CHINESE,
    CODE,
    PATH,
    RULE,
    SOURCES,
    TEXTS,
    add_colab,
    errors_at,
    read_tuple,
)
from packaging.requirements import Requirement

import mlipcheck
from mlipcheck import get_calculator
from mlipcheck.calculators.backends import get_backend
from mlipcheck.checks.parity.panels import PUBLISHED

SECTIONS = ["scales", "softening", "learning", "real", "exercise", "real-softening", "conclusions"]


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
