"""The script in README, as printed; where no model is installed, with one of ASE's own."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pytest
from documents import ROOT, blocks

from mlipcheck import Report

MODEL = '"chgnet"'


def read_script():
    return blocks((ROOT / "README.md").read_text("utf-8"), "python")[0]


@pytest.fixture
def script(monkeypatch, tmp_path):
    """The script, in an empty folder."""
    pytest.importorskip("pandas", reason="pandas is not installed")
    monkeypatch.chdir(tmp_path)
    yield read_script()
    plt.close("all")


def run(script, tmp_path, capsys):
    exec(compile(script, "README.md", "exec"), {})
    printed = capsys.readouterr().out.splitlines()
    assert "molecular dynamics: " in "\n".join(printed)
    assert printed[-1] == "True"
    assert (tmp_path / "dimer.png").stat().st_size > 10_000
    assert Report.load(tmp_path / "report").rows("dimers")


def test_it_is_short_and_names_its_model_once():
    script = read_script()
    assert len(script.splitlines()) <= 20
    assert script.count(MODEL) == 1


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:(overflow|invalid value).*:RuntimeWarning:ase")
def test_with_emt(script, tmp_path, capsys):
    run(script.replace(MODEL, '"ase:emt"'), tmp_path, capsys)


@pytest.mark.slow
@pytest.mark.usefixtures("chgnet")
def test_as_printed(script, tmp_path, capsys):
    run(script, tmp_path, capsys)
