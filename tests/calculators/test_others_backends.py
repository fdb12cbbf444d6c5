"""Backends of other packages: rows by entry points, and anyone's factory by name."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import importlib.util
import json
import os
import sys
from types import MappingProxyType

import pytest
from ase import Atoms
from ase.calculators.calculator import CalculatorSetupError, InputError
from faulty_interface import good

from mlipcheck import (
    MorseCalculator,
    RescaledCalculator,
    check_calculator,
    evaluate,
    get_calculator,
    list_backends,
)
from mlipcheck.calculators import backends
from mlipcheck.calculators.backend import Backend, Checkpoint, Demonstration
from mlipcheck.calculators.backends import get_backend
from mlipcheck.calculators.registry import describe
from mlipcheck.checks.dimers.scan import plan_scan
from mlipcheck.checkup.find import find_system
from mlipcheck.cli import inputs


def energy_at(r, calculator):
    (found,) = evaluate(calculator, [Atoms("Ar2", [[0, 0, 0], [r, 0, 0]])])
    assert found.error is None
    return found.energy


# The example package of this folder, installed


@pytest.fixture
def example():
    if importlib.util.find_spec("mlipcheck_example") is None:
        pytest.skip("mlipcheck-example is not installed: pip install tests/helpers/example_backend")
    return get_backend("example")


def test_an_installed_package_adds_its_row(example):
    assert example in list_backends()
    assert (example.installed, example.version, example.error) == (True, "1.2.3", None)


def test_its_checkpoints_and_options_load(example):
    deep, shallow = get_calculator("example"), get_calculator("example:shallow")
    assert energy_at(2.2, deep) == pytest.approx(10 * energy_at(2.2, shallow))
    assert energy_at(1.1, get_calculator("example", sigma=1.0)) == pytest.approx(
        energy_at(2.2, deep), abs=1e-3
    )
    info = describe(shallow)
    assert (info.backend, info.version, info.checkpoint) == ("example", "1.2.3", "shallow")
    assert info.level_of_theory == "Lennard-Jones, 0.1 eV"


def test_its_mistakes_are_told_as_ours(example):
    with pytest.raises(InputError, match="no checkpoint 'flat'; known: deep, shallow"):
        get_calculator("example:flat")
    with pytest.raises(InputError, match="example has no option 'sigm'; did you mean 'sigma'"):
        get_calculator("example", sigm=1.0)


@pytest.mark.slow
def test_it_passes_the_interface_tests(example):
    assert not [r for r in check_calculator(get_calculator("example")) if r.status == "failed"]


@pytest.mark.slow
def test_it_is_listed_and_run(example, run_cli):
    status, out, _ = run_cli("backends")
    assert status == 0
    assert "deep ✓" in out
    status, out, _ = run_cli("dimer", "Ar", "-b", "example:shallow", "--json", "-")
    assert status == 0
    assert json.loads(out)["calculator"]["backend"] == "example"


# Packages whose rows cannot be used


class EntryPoint:
    def __init__(self, name, row):
        self.name, self.value, self.row = name, f"elsewhere:{name.upper()}", row

    def load(self):
        if isinstance(self.row, BaseException):
            raise self.row
        return self.row


@pytest.fixture
def installed(monkeypatch):
    """Let entry points be those given."""

    def install(**rows):
        points = [EntryPoint(name, row) for name, row in rows.items()]
        found = {backends.ENTRY_POINTS: points}
        monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: found.get(group, []))
        backends._others.cache_clear()

    yield install
    monkeypatch.undo()
    backends._others.cache_clear()


def row(name, **facts):
    return Backend(name, "mlipcheck.calculators.toy.toy:load", "mine", "no one", **facts)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("given", "message"),
    [
        (ImportError("no module named torch"), "elsewhere:MINE.*ImportError: no module named to"),
        (SystemExit(0), "elsewhere:MINE.*SystemExit: 0"),
        ({"name": "mine"}, "elsewhere:MINE.* is a dict, not a Backend"),
        (row("toy"), "has the name of another backend, 'toy'"),
    ],
    ids=["raises", "exits", "no row", "a name twice"],
)
def test_a_row_that_cannot_be_used_says_why_and_breaks_nothing(installed, run_cli, given, message):
    installed(mine=given)
    (broken,) = list_backends()[len(backends.BACKENDS) :]
    with pytest.raises(CalculatorSetupError, match=message):
        get_calculator(broken.name)
    assert get_calculator("toy") is not None
    status, out, _ = run_cli("backends")
    assert status == 0
    assert "elsewhere:MINE" in out


def test_a_row_with_a_mapping_that_nothing_copies_is_listed(installed, run_cli):
    known = MappingProxyType({"size": "it has a size"})
    installed(mine=row("mine", expected_failures=known))
    assert run_cli("backends")[0] == 0
    status, out, _ = run_cli("backends", "--json", "-")
    assert status == 0
    assert json.loads(out)[-1]["expected_failures"] == dict(known)


def test_a_loader_that_cannot_be_imported_is_one_line(installed):
    installed(mine=Backend("mine", "not_there.at_all:load", "mine", "no one"))
    with pytest.raises(CalculatorSetupError, match=r"not_there\.at_all cannot be imported"):
        get_calculator("mine:any")


def test_a_loader_that_returns_no_calculator_is_refused(installed):
    installed(mine=Backend("mine", "builtins:dict", "mine", "no one", takes_options=True))
    with pytest.raises(CalculatorSetupError, match="mine:x"):
        get_calculator("mine:x")


# What a file may name of them

LOADED = []


def load_recorded(checkpoint, *, device, dtype, depth=1.0):
    LOADED.append(checkpoint)
    calculator = MorseCalculator()
    calculator.checkpoint_path = checkpoint if os.path.isfile(checkpoint) else None
    return calculator


@pytest.fixture
def named(installed, tmp_path):
    """Return how to read a file whose base is a checkpoint of a row: ``named(**facts)``."""
    weights, path = tmp_path / "weights.pth", tmp_path / "factor.json"
    weights.write_bytes(b"weights")
    LOADED.clear()

    def load(options=None, content=None, **facts):
        loader = f"{__name__}:load_recorded"
        own = Backend("mine", loader, "", "", takes_path=True, takes_options=True, safe=True)
        installed(mine=own)
        base = get_calculator(f"mine:{weights}", **(options or {}))
        RescaledCalculator(base, 1.3, {"N": -0.5}).save(path)
        path.write_text(json.dumps(json.loads(path.read_text()) | (content or {})))
        installed(mine=dataclasses.replace(own, **facts))
        LOADED.clear()
        return get_calculator(f"rescaled:{path}")

    return load


def test_a_file_may_name_a_row_that_says_so(named):
    assert named().parameters["factor"] == 1.3
    assert [os.path.basename(c) for c in LOADED] == ["weights.pth"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"safe": False}, "a file may not name 'mine:.*', only toy, "),
        ({"safe": ("other.pth",)}, "a file may not name 'mine:.*', only toy, .*, mine:other.pth: "),
        ({"runs_code": True}, "a file may not name 'mine:.*', only mine's own checkpoints: loadin"),
        (
            {"content": {"checkpoint_sha256": "0" * 64}},
            "sha256 9a129038d9a0, the factor is that of sha",
        ),
        ({"content": {"checkpoint_sha256": None}}, "the factor is that of no file"),
        ({"content": {"options": {"depth": "2.0"}}}, "a file may not set 'depth' .* set: none"),
        ({"content": {"base": "mine:gone.pth"}}, "no file 'gone.pth'"),
    ],
    ids=["row", "checkpoint", "code in it", "another", "no checksum", "option", "not there"],
)
def test_what_a_file_may_not_name_is_not_loaded(named, given, message):
    with pytest.raises(CalculatorSetupError, match=message):
        named(**given)
    assert LOADED == []


def test_a_file_sets_an_option_that_the_row_allows(named):
    named(content={"options": {"depth": "2.0"}}, safe_options=("depth",))
    assert len(LOADED) == 1


def test_a_file_downloads_nothing(named):
    weights = Checkpoint("deep", "none", "own", "MIT", ("~/.cache/not/there.pth",))
    with pytest.raises(InputError, match=r"of mine:deep is not here, and a file downloads nothing"):
        named(content={"base": "mine:deep"}, checkpoints=(weights,))
    assert LOADED == []


def test_packages_are_not_looked_for_where_one_works(tmp_path, monkeypatch):
    """Only a factory that was named is imported from there."""
    (tmp_path / "mine.py").write_text(FACTORIES)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    inputs.load_calculator("toy:wide", "auto", None)
    assert str(tmp_path) not in sys.path
    inputs.load_calculator("mine:plain", "auto", None)
    assert str(tmp_path) in sys.path


# Anyone's factory

FACTORIES = """
from ase.calculators.lj import LennardJones

def plain():
    return LennardJones()

def keen(epsilon=1.0, device=None, dtype="float64"):
    calculator = LennardJones(epsilon=epsilon)
    calculator.device, calculator.dtype = device or "own", dtype
    return calculator

def raising():
    raise RuntimeError("no licence")

def nothing():
    return None

number = 3
"""


@pytest.fixture
def factories(tmp_path, monkeypatch):
    package = tmp_path / "third_party"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "models.py").write_text(FACTORIES)
    (package / "broken.py").write_text("import not_there_at_all\n")
    monkeypatch.syspath_prepend(tmp_path)
    return "third_party.models"


def test_a_factory_is_a_calculator(factories):
    calculator = get_calculator(f"{factories}:plain")
    assert energy_at(1.2, calculator) == energy_at(1.2, get_calculator("ase:lj"))
    info = describe(calculator)
    assert (info.spec, info.backend) == (f"{factories}:plain", None)


@pytest.mark.slow
def test_a_factory_gets_what_it_takes(factories):
    calculator = get_calculator(f"{factories}:keen", device="cpu", dtype="float32", epsilon=2.0)
    assert energy_at(1.2, calculator) == pytest.approx(2 * energy_at(1.2, get_calculator("ase:lj")))
    info = describe(calculator)
    assert (info.device, info.dtype, info.options) == ("cpu", "float32", {"epsilon": "2.0"})
    # our word for 'you choose' is not known elsewhere
    assert describe(get_calculator(f"{factories}:keen")).device == "own"


@pytest.mark.parametrize(
    ("spec", "options", "error", "message"),
    [
        ("models:plain", {"epsilon": 1}, InputError, "no option 'epsilon'; known: none"),
        ("models:keen", {"epsilom": 1}, InputError, "did you mean 'epsilon'"),
        ("models:plain", {"dtype": "float32"}, InputError, "takes no dtype, got 'float32'"),
        ("models:raising", {}, CalculatorSetupError, "RuntimeError: no licence"),
        ("models:nothing", {}, CalculatorSetupError, "returned a NoneType, which is not an ASE"),
        ("models:number", {}, InputError, "has no function or class 'number'"),
        ("models:absent", {}, InputError, "has no function or class 'absent'"),
        ("broken:make", {}, CalculatorSetupError, "No module named 'not_there_at_all'"),
        (
            "absent:make",
            {},
            InputError,
            "no backend is called 'third_party.absent', nor any module",
        ),
    ],
)
@pytest.mark.usefixtures("factories")
def test_what_is_wrong_with_a_factory_is_one_line(spec, options, error, message):
    with pytest.raises(error, match=message) as caught:
        get_calculator(f"third_party.{spec}", **options)
    assert "\n" not in str(caught.value)


def test_a_row_says_what_it_is_shown_on(installed):
    two = (Checkpoint("soft", "mine", "own", "MIT"),)
    installed(
        plain=row("plain", checkpoints=two),
        argon=row("argon", checkpoints=two, demonstration=Demonstration(("Ar", "Kr"))),
        curve=row("curve", checkpoints=two, demonstration=Demonstration(("He",), morse=True)),
    )
    plain, argon, curve = (find_system(get_calculator(n), []) for n in ("plain", "argon", "curve"))
    assert plain.elements == ("Cu", "Si", "O")
    with pytest.raises(InputError, match=r"^which system"):  # nobody knows which elements it has
        find_system(good(), [])
    assert argon.elements == ("Ar", "Kr")
    assert "analytic" not in {r.level_of_theory for s in (plain, argon) for r in s.references}
    assert plain.frames == argon.frames == ()
    assert curve.elements == ("He",)
    assert {r.level_of_theory for r in curve.references} == {"analytic"}
    assert {s.level_of_theory for s in curve.frames} == {"analytic"}
    assert all(s.demonstration for s in (plain, argon, curve))
    for system in (plain, argon, curve):  # with PBE's curves at hand, or with none
        (plan,) = plan_scan(system.calculator, ["He"], reference="auto")
        exact = plan.reference is not None and plan.reference.level_of_theory == "analytic"
        assert exact == (system is curve)


@pytest.mark.slow
def test_a_factory_in_the_working_folder_runs(factories, tmp_path, monkeypatch, run_cli):
    (tmp_path / "mine.py").write_text(FACTORIES)
    monkeypatch.chdir(tmp_path)
    status, out, err = run_cli("dimer", "Ar", "-b", "mine:plain")
    assert status == 0
    assert "plan, about" in err
    assert "mine:plain" in out
