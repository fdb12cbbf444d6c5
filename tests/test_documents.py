"""README and docs: every command is typed as it is printed, and what they name is there."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import typer
from ase.calculators.emt import EMT
from commands import typed
from documents import DOCUMENTS, ROOT, blocks
from prepared import prepare

from mlipcheck import cli

# What stands for a real model, so that every line is typed, whatever is installed, and in seconds.
# What needs training is typed with the model itself, where it is.
INSTEAD = {"chgnet": "ase:emt", "sevennet": "ase:lj", "mace": "ase:lj", "mattersim": "toy"}
COMMANDS = typer.main.get_command(cli.app).commands
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def lines_of(path: Path) -> list[list[str]]:
    """Return the commands of the blocks of bash, as words."""
    found = []
    for block in blocks(path.read_text(), "bash"):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            # an environment of its own holds the same program
            words = [re.sub(r"^env-\w+/bin/", "", word) for word in words]
            found += [part.split("\0") for part in "\0".join(words).split("\0&&\0") if part]
    return found


def as_here(arguments: list[str]) -> list[str]:
    """Put a calculator of ASE where a model stands; everything else stays as printed."""
    models = {k + 1 for k, word in enumerate(arguments) if word == "-b"}
    return [
        INSTEAD.get(w.partition(":")[0], w) if k in models else w for k, w in enumerate(arguments)
    ]


typing = [path for path in DOCUMENTS if any(w[0] == "mlipcheck" for w in lines_of(path))]


@pytest.mark.slow
@pytest.mark.model  # fine-tuning is typed where CHGNet is installed
@pytest.mark.parametrize("document", typing, ids=lambda path: path.name)
def test_every_command_runs_as_printed(document, tmp_path, request, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))  # no fit of an earlier run
    prepare(tmp_path, EMT())
    data, has_chgnet = None, importlib.util.find_spec("chgnet") is not None
    for program, *arguments in lines_of(document):
        trained = "tuned.pth" in " ".join(arguments)
        if program != "mlipcheck" or (trained and not has_chgnet):
            continue
        if arguments[0] == "data":  # nothing is fetched here
            data = request.getfixturevalue("data_dir")
        status, out, err = typed(
            tmp_path, *(arguments if trained else as_here(arguments)), data=data
        )
        assert status in ((0, 1) if "--strict" in arguments else (0,)), f"{arguments}\n{err}"
        assert "Traceback" not in out + err
        for name in ("--out", "--save"):
            if name in arguments:
                assert (tmp_path / arguments[arguments.index(name) + 1]).exists()


# the script of README has a test of its own
scripts = [p for p in DOCUMENTS if p.parent != ROOT and blocks(p.read_text(), "python")]


@pytest.mark.slow
@pytest.mark.parametrize("document", scripts, ids=lambda path: path.name)
def test_every_script_runs_as_printed(document, tmp_path):
    if "backend" in document.name and importlib.util.find_spec("mlipcheck_example") is None:
        pytest.skip("mlipcheck-example is not installed: pip install tests/helpers/example_backend")
    for k, code in enumerate(blocks(document.read_text(), "python")):
        (tmp_path / f"test_{k}.py").write_text(code)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout


def test_every_command_is_known():
    assert len(typing) >= 3
    for path in DOCUMENTS:
        for program, *arguments in lines_of(path):
            if program == "mlipcheck":
                COMMANDS[arguments[0]].make_context(arguments[0], arguments[1:])
            else:
                assert is_known(program, arguments), f"{path.name}: {program} {arguments}"


def is_known(program: str, arguments: list[str]) -> bool:
    """Whether a line that is not typed here has the form of one that works."""
    if arguments[:2] == ["-m", "pip"]:
        program, arguments = "pip", arguments[2:]
    match program, arguments:
        case "pip", ["install", *what]:
            extras = [re.match(r"(?:-e )?\.(?:\[([\w,]+)\])?$", w) for w in what]
            named = {x for m in extras if m and m[1] for x in m[1].split(",")}
            others = {w for w, m in zip(what, extras, strict=True) if not m}
            return named <= set(PROJECT["optional-dependencies"]) and others <= {"nox", "-e"}
        case "nox", ["-s", session]:
            tree = ast.parse((ROOT / "noxfile.py").read_text())
            names = {n.name for n in tree.body if isinstance(n, ast.FunctionDef)}
            return session.partition("(")[0] in names
        case "python", ["-m", "venv", _]:
            return True
        case "ase", ["info", "--plugins"]:
            return True
        case "pytest", [*paths]:
            return all((ROOT / p).exists() for p in paths if p.startswith("tests"))
    return False


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_what_stands_in_the_text_is_there(path):
    """Commands, options and links, wherever they are named."""
    text = path.read_text()
    assert set(re.findall(r"`mlipcheck ([a-z]+)", text)) <= set(COMMANDS)
    options = {o for c in COMMANDS.values() for p in c.params for o in p.opts}
    assert set(re.findall(r"`(--[a-z][a-z-]*)", text)) <= options | {"--help", "--version"}
    for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
        assert (path.parent / link).exists(), link
