"""Checks of other packages: one file and an entry point, and nothing else touched.

The package ``example_check`` is not installed: what pip would write of it is laid out beside it.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.calculator import all_changes
from ase.calculators.emt import EMT
from ase.io import write
from checking import check_up
from parsed_report import HEADINGS, Report

from mlipcheck import checks
from mlipcheck.check import Check
from mlipcheck.checkup.plan import plan_checkup
from mlipcheck.record import RunRecord
from mlipcheck.results_file import load_runs
from mlipcheck.storage import dumps
from mlipcheck.system import Settings

EXAMPLE = Path(__file__).parents[1] / "helpers" / "example_check"
LATTICES = {"cu": ("Cu", 3.59), "au": ("Au", 4.06)}  # Å, EMT's own
POINTS = 7  # of an equation of state
PROBE = 1  # evaluation that tells whose the kept parts are


# --- models ------------------------------------------------------------------------------------


class Wide(EMT):
    """EMT with every length 1.2 % larger, and with it volumes by 3.6 %."""

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        smaller = atoms.copy()
        smaller.set_cell(atoms.cell / 1.012, scale_atoms=True)
        super().calculate(smaller, properties, system_changes)


class Stopping(EMT):
    """EMT that is interrupted after so many evaluations; it counts them."""

    done, at = 0, None

    def calculate(self, *arguments, **keywords):
        if Stopping.done == Stopping.at:
            raise KeyboardInterrupt
        Stopping.done += 1
        super().calculate(*arguments, **keywords)


# --- packages ----------------------------------------------------------------------------------


@pytest.fixture
def install(monkeypatch, tmp_path_factory):
    """Let a package with these entry points be found."""

    def lay_out(**points: str) -> None:
        folder = tmp_path_factory.mktemp("site-packages")
        info = folder / "mlipcheck_eos-1.2.3.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mlipcheck-eos\nVersion: 1.2.3")
        lines = [f"{name} = {value}" for name, value in points.items()]
        (info / "entry_points.txt").write_text("\n".join([f"[{checks.ENTRY_POINTS}]", *lines]))
        monkeypatch.syspath_prepend(EXAMPLE)
        monkeypatch.syspath_prepend(folder)
        checks._others.cache_clear()

    yield lay_out
    monkeypatch.undo()
    checks._others.cache_clear()


@pytest.fixture
def eos(install):
    """The example package, by its own entry points."""
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    install(**project["entry-points"][checks.ENTRY_POINTS])
    (found,) = (c for c in checks.list_checks() if c.name == "eos")
    return found


@pytest.fixture
def work(tmp_path, monkeypatch):
    """A folder with crystals of EMT's own lattice constants, cu.xyz and au.xyz."""
    monkeypatch.chdir(tmp_path)
    for name, (symbol, a) in LATTICES.items():
        write(tmp_path / f"{name}.xyz", bulk(symbol, a=a))
    return tmp_path


CRYSTALS = ("cu.xyz", "au.xyz")
ALONE = ("--only", "eos", *CRYSTALS)


def load_run(path: Path) -> RunRecord:
    (record,) = load_runs(path)
    return record


def page_of(folder: Path) -> Report:
    return Report((folder / "report.html").read_text(encoding="utf-8"))


def others(record: RunRecord) -> tuple[str, str]:
    """Return the rows and the findings of all checks but this one."""
    rows = {name: found for name, found in record.checks.items() if name != "eos"}
    return dumps(rows), dumps([f for f in record.findings if f.check != "eos"])


# --- one model ---------------------------------------------------------------------------------


def test_it_is_a_check_like_ours(eos, run_cli):
    assert isinstance(eos, Check)
    assert checks.list_checks() == (*checks.CHECKS, eos)
    assert checks.broken_checks() == {}
    status, out, _ = run_cli("checks")
    assert status == 0
    assert "how crystals answer to" in out


@pytest.mark.slow
@pytest.mark.usefixtures("eos")
def test_it_is_planned_and_run_beside_ours_which_stay_as_they_are(work, run_cli, monkeypatch):
    plan = plan_checkup(EMT(), list(CRYSTALS), Settings(reference=("none",)))
    assert [job.check.name for job in plan.jobs][-1] == "eos"
    assert plan.jobs[-1].words == "2: cu, au"
    assert plan.jobs[-1].seconds > 0
    status, _, err = run_cli("run", "-b", "ase:emt", *ALONE)
    assert status == 0
    assert re.search(r"^  eos +[\d.]+ (s|min|h)  2: cu, au$", err, re.M)
    what, settings = ["cu.xyz"], Settings(reference=("none",))
    beside = check_up(EMT(), what, settings)
    assert {"eos", "interface", "dimers", "relaxation"} <= set(beside.checks)
    monkeypatch.setattr(checks, "_others", lambda: ((), {}))
    without = check_up(EMT(), what, settings)
    assert others(beside) == others(without)


def test_its_rows_come_back_and_are_judged(eos, work, run_cli):
    assert run_cli("run", "-b", "ase:emt", *ALONE, "--json", "run.json")[0] == 0
    record = load_run(work / "run.json")
    rows = record.rows("eos")
    assert [type(r) for r in rows] == [eos.row] * 2
    for row, (_, a) in zip(rows, LATTICES.values(), strict=True):
        assert row.error is None
        assert len(row.energies) == len(row.volumes) == POINTS
        assert row.volume == pytest.approx(a**3 / 4, rel=0.01)
    # EMT's bulk moduli: Jacobsen et al., Surf. Sci. 366, 394 (1996)
    assert rows[0].bulk_modulus == pytest.approx(134, abs=5)
    assert {(f.check, f.quantity, f.status) for f in record.findings} == {
        ("eos", "equilibrium volume", "ok"),
        ("eos", "bulk modulus", "ok"),
    }
    (volume,) = [f for f in record.findings if f.quantity == "equilibrium volume"]
    assert set(volume.subjects) == {"cu", "au"}
    assert volume.limits == "caution: > 3 %; fail: > 10 %"
    assert (volume.caution, volume.fail, volume.unit) == (3.0, 10.0, "%")


@pytest.mark.slow
@pytest.mark.usefixtures("eos")
def test_a_planted_fault_is_found_and_named(work, run_cli):
    command = ("run", "-b", "test_others_checks:Wide", *ALONE, "--json", "run.json")
    assert run_cli(*command)[0] == 0
    record = load_run(work / "run.json")
    found = {f.quantity: f for f in record.findings}
    assert {q: f.status for q, f in found.items()} == {
        "equilibrium volume": "caution",
        "bulk modulus": "ok",
    }
    assert found["equilibrium volume"].number == pytest.approx(100 * (1.012**3 - 1), abs=1)
    assert {a.use: a.answer for a in record.uses}["relax"] == "with care"


@pytest.mark.slow
@pytest.mark.usefixtures("eos")
def test_it_is_in_the_report_of_one_model(work, run_cli):
    command = ("run", "-b", "ase:emt", *ALONE, "--out", "report", "--markdown")
    status, out, _ = run_cli(*command)
    assert status == 0
    assert re.search(r"^ *cu +1[12]\.\d\d +\d+", out, re.M)
    page = page_of(work / "report")
    assert "eos: equilibrium volume" in page.under(HEADINGS["ok"])
    assert "equations of state" in page.text().casefold()
    assert "Energy against volume of cu, au." in {i.get("alt") for i in page.named("img")}
    assert "caution: > 3 %; fail: > 10 %" in page.text()
    assert [p.name for p in (work / "report" / "figures").iterdir()] == ["equations-of-state.svg"]
    text = (work / "report" / "report.md").read_text(encoding="utf-8")
    assert "eos: equilibrium volume" in text
    assert "figures/equations-of-state.svg" in text
    assert "V0" in text


# --- interruption ------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.usefixtures("eos")
def test_an_interrupted_run_goes_on_with_the_crystal_it_had_not(work, run_cli, monkeypatch):
    command = ("run", "-b", "test_others_checks:Stopping", *ALONE)
    monkeypatch.setattr(Stopping, "at", None)
    monkeypatch.setattr(Stopping, "done", 0)
    plan_checkup(Stopping(), list(CRYSTALS), Settings(only=("eos",)))
    planned = Stopping.done
    monkeypatch.setattr(Stopping, "at", 2 * planned + PROBE + POINTS + 3)
    status, _, err = run_cli(*command, "--out", "report")
    assert status == 130
    assert err.endswith("interrupted; the same command goes on from here\n")
    record = load_run(work / "report")
    assert record.interrupted
    assert [r.name for r in record.rows("eos")] == ["cu"]
    assert record.not_run == {"eos": "interrupted"}
    missing = [f for f in record.findings if f.subjects == ("not run",)]
    assert [(f.status, f.check) for f in missing] == [("not assessed", "eos")]
    assert missing[0].reason == "tested in part only: how crystals answer to pressure"
    monkeypatch.setattr(Stopping, "at", None)
    monkeypatch.setattr(Stopping, "done", 0)
    status, _, err = run_cli(*command, "--out", "report")
    assert status == 0
    assert "1 part of an interrupted run taken from" in err
    assert Stopping.done == planned + PROBE + POINTS  # of gold alone
    assert not (work / "report" / "unfinished").exists()
    assert run_cli(*command, "--json", "whole.json")[0] == 0
    again, whole = load_run(work / "report"), load_run(work / "whole.json")
    assert dumps(again.checks) == dumps(whole.checks)
    assert again.findings == whole.findings


# --- several models ----------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.usefixtures("eos")
def test_it_is_in_the_report_of_two_models(work, run_cli):
    models = ("-b", "ase:emt", "-b", "test_others_checks:Wide")
    status, out, _ = run_cli("run", *models, *ALONE, "--out", "report", "--markdown")
    assert status == 0
    assert re.search(r"^ *cu +A +1[12]\.\d\d +\d+", out, re.M)
    assert re.search(r"^ +B +1[12]\.\d\d +\d+", out, re.M)
    page = page_of(work / "report")
    verdict = (
        r"eos: equilibrium volume ✓ ok (cu|au): \S+ %; 2 ok ! caution (cu|au): \S+ %; 2 caution"
    )
    assert re.search(verdict, page.text())
    assert "with care" in page.text()
    assert [p.name for p in (work / "report" / "figures").iterdir()] == ["equations-of-state.svg"]
    assert sum("Energy against volume" in (i.get("alt") or "") for i in page.named("img")) == 1
    text = (work / "report" / "report.md").read_text(encoding="utf-8")
    assert "eos: equilibrium volume" in text
    assert text.count("figures/equations-of-state.svg") == 1
    (_, wide) = load_runs(work / "report")
    assert wide.findings[0].status == "caution"


@pytest.mark.slow
@pytest.mark.usefixtures("eos")
def test_two_models_are_compared_on_the_same_crystals_only(work, run_cli):
    wide = ("-b", "test_others_checks:Wide")
    assert run_cli("run", "-b", "ase:emt", *ALONE, "--json", "one.json")[0] == 0
    assert run_cli("run", *wide, *ALONE, "--json", "two.json")[0] == 0
    write(work / "cu.xyz", bulk("Cu", a=3.70))
    assert run_cli("run", *wide, *ALONE, "--json", "other.json")[0] == 0
    assert run_cli("run", *wide, "--only", "eos", "au.xyz", "--json", "fewer.json")[0] == 0
    assert run_cli("report", "one.json", "two.json")[0] == 0
    for name, words in {
        "other.json": "cu: another crystal",
        "fewer.json": "eos: 2 and 1 rows",
    }.items():
        status, out, err = run_cli("report", "one.json", name)
        assert (status, out) == (2, "")
        assert words in err


# --- without it --------------------------------------------------------------------------------


@pytest.mark.slow
def test_where_it_is_not_installed_its_results_are_kept(eos, work, run_cli, monkeypatch):
    assert run_cli("run", "-b", "ase:emt", *ALONE, "--out", "report")[0] == 0
    before = (work / "report" / "results.json").read_bytes()
    monkeypatch.setattr(checks, "_others", lambda: ((), {}))
    status, out, _ = run_cli("report", "report")
    assert status == 0
    assert f"the check is not installed here: {eos.name}." in out
    assert (work / "report" / "results.json").read_bytes() == before
    assert run_cli("run", "-b", "ase:emt", *ALONE)[0] == 2


# --- what is broken ----------------------------------------------------------------------------


spoilt = None  # a class, while a test is about it


def example():
    """Return the example's class, once its folder can be imported from."""
    from mlipcheck_eos import EquationsOfState

    return EquationsOfState


def in_tasks():
    class Broken(example()):
        def tasks(self, system, settings):
            raise ZeroDivisionError("somebody's mistake")

    return Broken


def in_run():
    class Broken(example()):
        def run(self, calculator, task, context):
            if task.name == "au":
                raise ZeroDivisionError("somebody's mistake")
            return super().run(calculator, task, context)

    return Broken


def in_finish():
    class Broken(example()):
        def finish(self, rows, earlier):
            raise ZeroDivisionError("somebody's mistake")

    return Broken


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "names"), [(in_tasks, []), (in_run, ["cu"]), (in_finish, ["cu", "au"])]
)
def test_a_check_that_raises_is_told_and_stops_nothing(
    install, work, run_cli, monkeypatch, make, names
):
    monkeypatch.syspath_prepend(EXAMPLE)
    monkeypatch.setattr(sys.modules[__name__], "spoilt", make())
    install(eos="test_others_checks:spoilt")
    command = ("run", "-b", "ase:emt", "--only", "eos,dimers", "--reference", "none", *CRYSTALS)
    status, out, err = run_cli(*command, "--out", "report")
    assert status == 0
    assert "Traceback" not in err
    record = load_run(work / "report")
    why = "the check itself failed: ZeroDivisionError: somebody's mistake"
    assert record.not_run == {"eos": why}
    assert [r.name for r in record.rows("eos")] == names
    (told,) = [f for f in record.findings if f.subjects == ("not run",)]
    assert (told.status, told.check, told.value) == ("not assessed", "eos", why)
    assert why in " ".join(out.split())
    assert why in page_of(work / "report").under(HEADINGS["not assessed"])
    assert len(record.rows("dimers")) == 2
    monkeypatch.setattr(checks, "_others", lambda: ((), {}))
    alone = check_up(EMT(), list(CRYSTALS), Settings(only=("dimers",), reference=("none",)))
    assert others(record) == others(alone)


BROKEN = {
    "not_there": ("not_there_at_all:Check", "No module named 'not_there_at_all'"),
    "no_name": ("mlipcheck_eos:NoCheck", "AttributeError"),
    "number": ("mlipcheck_eos:STRAINS", "is a ndarray, not a Check"),
    "raises": ("test_others_checks:Raising", "RuntimeError: no licence"),
    "unfinished": ("test_others_checks:Unfinished", "abstract"),
    "twice": ("mlipcheck.checks.dimers.check:Dimers", "has the name of another check, 'dimers'"),
}


class Raising:
    """A class that nobody can make."""

    def __init__(self):
        raise RuntimeError("no licence")


class Unfinished(Check[np.ndarray]):
    """A check without what every check has."""


@pytest.mark.parametrize("name", BROKEN)
def test_an_entry_point_that_is_broken_is_told_and_hides_no_other(install, work, run_cli, name):
    value, words = BROKEN[name]
    install(**{name: value, "eos": "mlipcheck_eos:EquationsOfState"})
    assert checks.broken_checks().keys() == {name}
    assert [c.name for c in checks.list_checks()][-1] == "eos"
    status, out, _ = run_cli("checks")
    assert status == 0
    assert words in " ".join(out.split())
    status, out, err = run_cli("run", "-b", "ase:emt", "cu.xyz", "--only", name)
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert words in err


@pytest.mark.slow
def test_an_entry_point_that_is_broken_does_not_stop_the_run(install, work, run_cli):
    name = "not_there"
    value, words = BROKEN[name]
    install(**{name: value, "eos": "mlipcheck_eos:EquationsOfState"})
    command = ("run", "-b", "ase:emt", "cu.xyz", "--reference", "none")
    status, _, err = run_cli(*command, "--out", "report")
    assert status == 0
    assert re.search(rf"^  {name} +- +{re.escape(value)}, .*{re.escape(words)}", err, re.M)
    record = load_run(work / "report")
    assert words in record.not_run[name]
    assert len(record.rows("eos")) == 1
    assert words in page_of(work / "report").text()
