"""Fixtures shared by all tests."""

from __future__ import annotations

import itertools
import os
import re
from pathlib import Path

import hypothesis
import matplotlib as mpl
import matplotlib.font_manager
import pytest

mpl.use("agg")

# what is printed is as wide, and as plain, whatever terminal or service the tests run in
COLOURED = ("FORCE_COLOR", "NO_COLOR", "PY_COLORS", "TTY_COMPATIBLE", "TTY_INTERACTIVE")
for name in (*COLOURED, "GITHUB_ACTIONS", "TERMINAL_WIDTH", "PYTEST_ADDOPTS"):
    os.environ.pop(name, None)
os.environ["COLUMNS"] = "80"

# the same examples everywhere, and none that fails because the machine is busy
hypothesis.settings.register_profile(
    "mlipcheck",
    derandomize=True,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("mlipcheck")

# Fixtures and parameters that need a real model's package, or what comes with one.
MODELS = re.compile(r"(chgnet|sevennet|mace|mattersim)(_file|-float\d+)?|model|pretrained|pymatgen")


def pytest_collection_modifyitems(items):
    """Mark what needs data or a model by its fixtures, and its parameters' names."""
    for item in items:
        parameters = item.callspec.params.values() if hasattr(item, "callspec") else ()
        names = {*getattr(item, "fixturenames", ()), *(p for p in parameters if type(p) is str)}
        if "data_dir" in names:
            item.add_marker("data")
        if any(map(MODELS.fullmatch, names)):
            item.add_marker("model")


@pytest.fixture(scope="session", autouse=True)
def caches(tmp_path_factory):
    """Keep away from the user's cache, and from that of tests in other processes."""
    # fonts are listed once, here: another process would say on stderr that it takes a moment
    os.environ.setdefault("MPLCONFIGDIR", mpl.get_cachedir())
    folder = tmp_path_factory.mktemp("caches")
    os.environ["XDG_CACHE_HOME"] = str(folder / "shared")  # by fixtures of several tests
    return (folder / str(k) for k in itertools.count())


@pytest.fixture(autouse=True)
def cache_of_its_own(caches):
    """Let no test find what another has left, whichever runs first."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(next(caches)))
        yield


@pytest.fixture(scope="session", autouse=True)
def day():
    """Let all runs be of one day, or those on both sides of midnight would differ."""
    from mlipcheck import results_file

    now = results_file.today()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(results_file, "today", lambda: now)
        yield


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of reference data, which is never part of the repository."""
    named = os.environ.get("MLIPCHECK_DATA_DIR")
    if not named or not Path(named).is_dir():
        pytest.skip("MLIPCHECK_DATA_DIR does not name a folder of reference data")
    return Path(named)


@pytest.fixture(scope="session")
def chgnet():
    """The calculator of CHGNet 0.3.0, loaded once."""
    pytest.importorskip("chgnet", reason="chgnet is not installed: pip install '.[chgnet]'")
    from mlipcheck import get_calculator

    return get_calculator("chgnet", device="cpu")


@pytest.fixture(scope="session")
def sevennet():
    """The calculator of SevenNet-0, with the weights of its wheel, loaded once."""
    pytest.importorskip("sevenn", reason="sevenn is not installed: pip install '.[sevennet]'")
    from mlipcheck import get_calculator

    return get_calculator("sevennet", device="cpu")


@pytest.fixture(scope="session")
def pymatgen():
    """What comes with CHGNet's package, where it is installed."""
    return pytest.importorskip("pymatgen.core", reason="pymatgen is not installed: '.[chgnet]'")


@pytest.fixture(scope="session")
def mace_file(tmp_path_factory) -> Path:
    """The file of a small seeded MACE model."""
    pytest.importorskip("mace", reason="mace-torch is not installed: pip install '.[mace]'")
    from seeded import save_mace

    path = tmp_path_factory.mktemp("mace") / "seeded.model"
    save_mace(path)
    return path


@pytest.fixture(scope="session")
def mattersim_file(tmp_path_factory) -> Path:
    """The file of a small seeded MatterSim model."""
    pytest.importorskip(
        "mattersim", reason="mattersim is not installed: pip install '.[mattersim]', Python 3.12"
    )
    from seeded import save_mattersim

    path = tmp_path_factory.mktemp("mattersim") / "seeded.pth"
    save_mattersim(path)
    return path


@pytest.fixture(scope="session")
def soft_run():
    """The record of a check-up of the soft toy."""
    from report_runs import run_of

    return run_of("toy:soft")


@pytest.fixture(scope="session")
def exact_run():
    """The same of the toy with exact forces."""
    from report_runs import run_of

    return run_of("toy:exact")


@pytest.fixture
def run_cli(capsys, monkeypatch):
    """Run the command line in this process; returns (exit status, stdout, stderr)."""
    from mlipcheck import cli

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["mlipcheck", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        captured = capsys.readouterr()
        return int(stop.value.code or 0), captured.out, captured.err

    return run
