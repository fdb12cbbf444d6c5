"""Phonons without phonopy: not tested, with the line that installs it."""

from __future__ import annotations

import importlib.util
import sys

import pytest
from ase.build import bulk
from ase.calculators.calculator import InputError
from ase.calculators.emt import EMT
from ase.io import write

from mlipcheck.checks.phonons import check as check_module
from mlipcheck.checkup.plan import plan_checkup
from mlipcheck.references.phonons import INSTALL, read_phonons
from mlipcheck.system import Settings


@pytest.fixture(autouse=True)
def _without_phonopy(monkeypatch):
    find = importlib.util.find_spec
    for name in ["phonopy", *(x for x in sys.modules if x.startswith("phonopy."))]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr(
        check_module.importlib.util, "find_spec", lambda x: None if x == "phonopy" else find(x)
    )


def test_a_crystal_is_not_tested_and_the_line_says_what_to_do(tmp_path):
    write(tmp_path / "copper.cif", bulk("Cu"))
    settings = Settings(only=("phonons", "dimers"))
    plan = plan_checkup(EMT(), [str(tmp_path / "copper.cif")], settings)
    assert plan.not_run["phonons"] == INSTALL
    assert INSTALL == 'phonopy is not installed; pip install "mlipcheck[phonons]"'


def test_a_file_alone_says_it_too(tmp_path):
    path = tmp_path / "phonopy_params.yaml"
    path.write_text("phonopy: {}\n")
    assert read_phonons(path).error == f"{path}: {INSTALL}"
    with pytest.raises(InputError, match="pip install"):
        plan_checkup(EMT(), [str(path)])
