"""What every check owes the others: one file over the list of checks."""

from __future__ import annotations

import dataclasses
import math

import pytest
from ase.build import bulk
from ase.calculators.calculator import Calculator
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write
from checking import check_up

from mlipcheck.check import Context, Task
from mlipcheck.checks import CHECKS, list_checks
from mlipcheck.checkup.plan import plan_checkup
from mlipcheck.comparison import compare_runs
from mlipcheck.criterion import Reading
from mlipcheck.drawing.tables import TableBlock
from mlipcheck.record import STATUSES
from mlipcheck.storage import from_plain, to_plain
from mlipcheck.system import Settings
from mlipcheck.uses import ALL_USES
from mlipcheck.verdict import judge

CRITERIA = [(check, c) for check in CHECKS for c in check.criteria]
NAMES = [check.name for check in CHECKS]
every_check = pytest.mark.parametrize("check", CHECKS, ids=NAMES)
every_criterion = pytest.mark.parametrize(
    ("check", "criterion"), CRITERIA, ids=[f"{check.name}-{c.quantity}" for check, c in CRITERIA]
)


@pytest.fixture(autouse=True)
def _phonopy(request):
    """Leave out phonons where phonopy is not installed; their words need none."""
    params = getattr(getattr(request.node, "callspec", None), "params", {})
    if "criterion" not in params and getattr(params.get("check"), "name", "") == "phonons":
        pytest.importorskip("phonopy")


class Broken(Calculator):
    """A calculator that fails everywhere."""

    implemented_properties = ["energy", "forces", "stress"]

    def calculate(self, *args, **kwargs):
        raise RuntimeError("out of order")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A crystal at rest and eight labelled frames."""
    folder = tmp_path_factory.mktemp("files")
    frames = []
    for k in range(9):
        atoms = bulk("Cu", a=3.59, cubic=True)
        atoms.rattle(0.05 if k else 0.0, seed=k)
        atoms.calc = EMT()
        energy, forces = atoms.get_potential_energy(), atoms.get_forces()
        atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=forces)
        frames.append(atoms)
    write(folder / "rest.xyz", frames[0])
    write(folder / "frames.xyz", frames[1:])
    states = []
    for symbols, a in (("Cu4", 3.59), ("Au4", 4.06), ("Au2Cu2", 3.8), ("Cu4", 3.7), ("Cu4", 3.9)):
        atoms = bulk("Cu", a=a, cubic=True)
        atoms.symbols = symbols
        atoms.calc = EMT()
        energy = atoms.get_potential_energy() + 0.01 * len(states)
        atoms.calc = SinglePointCalculator(atoms, energy=energy)
        states.append(atoms)
    write(folder / "states.xyz", states[:3])
    write(folder / "path.xyz", [states[0], *states[3:]])
    return [str(folder / name) for name in ("rest.xyz", "frames.xyz", "states.xyz", "path.xyz")]


def given(check, files):
    """Return what to give a check so that it has something to do."""
    rest, frames, states, path = files
    if check.name == "learning":
        return [frames], Settings(only=("learning",), sizes=(1,))
    if check.name == "paths":
        return [], Settings(only=("paths",), paths=(path,))
    return [states] if check.name == "balanced" else [rest, frames], Settings(only=(check.name,))


@pytest.fixture(scope="module")
def run(files):
    """A run that has rows of every check of ours; the elements' own data may be missing."""
    found = check_up(EMT(), files[:2], Settings(independent=True))
    rows = dict(found.checks)
    for check in CHECKS:
        if check.name in ("learning", "paths", "balanced"):
            rows |= check_up(EMT(), *given(check, files)).checks
    return dataclasses.replace(found, checks=rows)


def test_names_are_unique_and_none_is_empty():
    assert len(set(NAMES)) == len(NAMES)
    for check in CHECKS:
        assert check.name == check.name.lower()
        assert check.title
        assert check.asks
        assert dataclasses.is_dataclass(check.row)
        assert set(check.needs) <= set(NAMES[: NAMES.index(check.name)])


@every_criterion
def test_every_question_has_words_and_bears_on_known_uses(check, criterion):
    assert criterion.good
    assert criterion.bad
    assert criterion.why
    assert criterion.source
    assert criterion.limits
    assert {*(criterion.decides or ()), *(criterion.hints or ())} <= set(ALL_USES)
    assert {*check.decides, *check.hints} <= set(ALL_USES)
    labels = {"energies", "forces", "stresses", "structure", "curve", "zero of energy", "shear"}
    assert set(criterion.rests_on) <= labels


@every_criterion
def test_limits_part_the_statuses(check, criterion):
    sign = -1 if criterion.below else 1
    limits = [x for x in (criterion.caution, criterion.fail) if x is not None]
    assert limits, "what has no limit is no question"
    finite = [x for x in limits if math.isfinite(x)]
    far = [criterion.status(Reading(x + sign * 1e6, "")) for x in finite]
    assert far[-1:] in ([], ["fail"] if criterion.fail is not None else ["caution"])
    assert criterion.status(Reading(-sign * math.inf, "")) == "ok"
    assert criterion.status(Reading(math.nan, "")) == "fail"
    assert criterion.status(Reading(None, "")) == "not assessed"


@pytest.mark.slow
@every_check
def test_rows_survive_json(check, run):
    rows = run.rows(check.name)
    assert rows
    for row in rows:
        plain = to_plain(row)
        assert to_plain(from_plain(check.row, plain)) == plain
        assert to_plain(from_plain(check.row, plain | {"of a later version": 1})) == plain


@pytest.mark.slow
@every_check
def test_rows_compare_with_themselves(check, run):
    for row in run.rows(check.name):
        assert check.mismatch(row, row) == []


@every_check
@pytest.mark.parametrize("models", [1, 2])
def test_tables_are_text_and_name_every_row(check, run, models):
    other = dataclasses.replace(run.calculator, spec="another")
    runs = [run, dataclasses.replace(run, calculator=other)][:models]
    blocks = check.tables(compare_runs(runs).models)
    text = [cell for b in blocks if isinstance(b, TableBlock) for row in b.rows for cell in row]
    heads = [head for b in blocks if isinstance(b, TableBlock) for head in (b.title, *b.columns)]
    assert all(isinstance(x, str) for x in [*text, *heads])
    words = " ".join([*text, *heads, *(b.text for b in blocks if not isinstance(b, TableBlock))])
    for row in run.rows(check.name):
        if getattr(row, "distance", 1.0) is not None:
            assert row.name in words
    assert not {"None", "nan", "inf"} & set(text)


@pytest.mark.slow
@every_check
@pytest.mark.parametrize("models", [1, 2])
def test_figures_have_text_alternatives(check, run, models):
    other = dataclasses.replace(run.calculator, spec="another")
    runs = [run, dataclasses.replace(run, calculator=other)][:models]
    comparison = compare_runs(runs)
    quantities = {c.quantity for c in check.criteria}
    names = {row.name for row in run.rows(check.name)}
    for panel in check.figures(comparison.models):
        assert panel.caption
        assert len(panel.alt) > len("two words")
        assert check.name in panel.checks
        assert set(panel.quantities) <= quantities
        assert set(panel.subjects) <= names
        assert panel.letters in ("", *(m.letter for m in comparison.models))


@every_check
def test_what_fails_is_a_row_or_a_finding_and_never_ok(check, files):
    plan = plan_checkup(Broken(), *given(check, files))
    earlier = {}
    for job in plan.jobs:
        context = Context(plan.settings, {need: earlier[need] for need in job.check.needs})
        rows = [row for task in job.tasks for row in job.check.run(Broken(), task, context)]
        earlier[job.check.name] = job.check.finish(rows, earlier)
    rows = earlier[check.name]
    assert rows
    # what is asked about the reference is not about the model
    findings = [f for f in judge({check.name: rows}) if f.quantity != "the reference itself"]
    assert {f.status for f in findings} <= {"fail", "not assessed"}, findings
    wrong = [row for row in rows if row.error is not None and "out of order" in row.error]
    told = any("out of order" in f.value for f in findings)
    assert wrong or told or check.needs


@every_check
def test_tasks_tell_what_they_cost(check, files):
    plan = plan_checkup(EMT(), *given(check, files))
    for job in plan.jobs:
        assert job.seconds >= 0
        for task in job.tasks:
            assert isinstance(task, Task)
            assert task.name
            assert task.steps >= 1


def test_findings_have_known_statuses_and_checks(run):
    for finding in run.findings:
        assert finding.status in STATUSES
        assert finding.check in {check.name for check in list_checks()}
