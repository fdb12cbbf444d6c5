"""ASE's plug-ins: what its own listing shows of mlipcheck, and where it has no such thing."""

from __future__ import annotations

import importlib
import importlib.util
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import ase
import pytest
from ase.build import bulk, molecule
from ase.calculators.calculator import BaseCalculator, CalculatorSetupError

import mlipcheck
from mlipcheck import ase_plugin

ROOT = Path(__file__).parent.parent
HAS_PLUGINS = tuple(map(int, ase.__version__.split(".")[:2])) >= (3, 29)
needs_plugins = pytest.mark.skipif(not HAS_PLUGINS, reason="this ASE has no plug-ins; 3.29 has")


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """Run Python where pyproject's entry points are installed, however old the installation is."""
    points = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
    folder = tmp_path_factory.mktemp("installed")
    info = folder / "points-0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: points\nVersion: 0\n")
    rows = "\n".join(f"{name} = {value}" for name, value in points["ase.plugins"].items())
    (info / "entry_points.txt").write_text(f"[ase.plugins]\n{rows}\n")
    path = os.pathsep.join([str(folder), str(ROOT), os.environ.get("PYTHONPATH", "")])

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            env=os.environ | {"PYTHONPATH": path},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture
def plugins():
    """Our plug-ins by name."""
    return {plugin.name: plugin for plugin in ase_plugin.__ase_plugins__}


@needs_plugins
@pytest.mark.slow
def test_ases_own_listing_shows_our_calculators(python):
    shown = python("-m", "ase", "info", "--plugins")
    ours = shown.partition("\nmlipcheck ")[2]
    (names,) = [line for line in ours.splitlines() if "chgnet" in line]
    assert sorted(names.split(", ")) == ["chgnet", "mace", "mattersim", "sevennet", "toy"]


LISTING = """
import sys
{first}
from ase._4.plugins import plugins
ours = {{p.name: p for p in plugins.calculators if p.package == "mlipcheck"}}
assert len(ours) == 5, ours
assert ours["chgnet"].module.__name__ == "mlipcheck.ase_plugin"
assert ours["toy"].version
assert not {{"torch", "chgnet", "matplotlib"}} & set(sys.modules)
calculator = ours["toy"].implementation("exact")
assert not {{"torch", "chgnet", "matplotlib"}} & set(sys.modules)
print(calculator.mlipcheck_info.checkpoint)
"""


@needs_plugins
@pytest.mark.slow
@pytest.mark.parametrize(
    "first",
    ["", "from mlipcheck.ase_plugin import __ase_plugins__", "import mlipcheck.ase_plugin"],
    ids=["ASE first", "ours first", "ours not yet asked"],
)
def test_listing_loads_no_model_whoever_is_imported_first(python, first):
    assert python("-W", "error", "-c", LISTING.format(first=first)) == "exact\n"


@needs_plugins
def test_each_says_whom_to_cite_and_makes_a_class(plugins):
    assert sorted(plugins) == sorted(ase_plugin.NAMES)
    rows = {row.name: row for row in mlipcheck.list_backends()}
    for name, plugin in plugins.items():
        assert plugin.citation == rows[name].citation
        assert issubclass(plugin.implementation, BaseCalculator)
        assert plugin() is plugin.implementation  # made once


@needs_plugins
def test_the_toy_is_the_one_of_its_name(plugins):
    atoms = molecule("N2")
    for checkpoint in ("soft", "wide"):
        atoms.calc = plugins["toy"].implementation(checkpoint)
        found = atoms.get_potential_energy()
        atoms.calc = mlipcheck.get_calculator(f"toy:{checkpoint}")
        assert found == atoms.get_potential_energy()
    assert plugins["toy"].implementation().mlipcheck_info.spec == "toy"


@needs_plugins
def test_chgnet_is_the_one_of_its_name(plugins, chgnet):
    atoms = bulk("MgO", "rocksalt", 4.2)
    atoms.calc = plugins["chgnet"].implementation(device="cpu")
    assert atoms.calc.mlipcheck_info == chgnet.mlipcheck_info
    found = atoms.get_potential_energy()
    atoms.calc = chgnet
    assert found == pytest.approx(atoms.get_potential_energy(), abs=1e-6)


@needs_plugins
@pytest.mark.parametrize(
    ("name", "package"), [("chgnet", "chgnet"), ("sevennet", "sevenn"), ("mace", "mace")]
)
def test_a_missing_package_is_the_usual_line(plugins, name, package):
    if importlib.util.find_spec(package) is not None:
        pytest.skip(f"{package} is installed")
    with pytest.raises(CalculatorSetupError, match=rf"pip install \"mlipcheck\[{name}\]\""):
        plugins[name].implementation()


# What ASE does not have, or has otherwise


@pytest.fixture
def afresh():
    """Forget what was listed, before and after."""
    if HAS_PLUGINS:  # ASE lists them when it is first asked for its own
        importlib.import_module("ase._4.plugins")
    ase_plugin._plugins.cache_clear()
    yield
    ase_plugin._plugins.cache_clear()


@pytest.mark.usefixtures("afresh")
def test_an_ase_without_plugins_finds_nothing(monkeypatch):
    for name in ("ase._4", "ase._4.plugins", "ase._4.plugins.plugin"):
        monkeypatch.setitem(sys.modules, name, None)
    assert getattr(ase_plugin, "__ase_plugins__", None) == frozenset()


@needs_plugins
@pytest.mark.usefixtures("afresh")
def test_an_ase_with_other_plugins_finds_nothing(monkeypatch):
    from ase._4.plugins import plugin

    monkeypatch.setattr(plugin, "CalculatorPlugin", lambda name: name)
    assert ase_plugin.__ase_plugins__ == frozenset()


def test_other_names_are_not_there():
    with pytest.raises(AttributeError, match="has no attribute 'plugins'"):
        _ = ase_plugin.plugins


@needs_plugins
def test_ase_finds_them_by_name_once_they_are_registered(plugins, monkeypatch):
    from ase.calculators import calculator as ase_calculator

    # get_calculator_class knows no plug-ins: ASE wants a class registered
    with pytest.raises(ModuleNotFoundError, match=r"ase\.calculators\.toy"):
        ase_calculator.get_calculator_class("toy")
    monkeypatch.setattr(ase_calculator, "external_calculators", {})
    monkeypatch.setattr(ase_calculator, "names", [])
    ase_calculator.register_calculator_class("toy", plugins["toy"].implementation)
    made = ase_calculator.get_calculator_class("toy")("exact")
    assert made.mlipcheck_info.checkpoint == "exact"
