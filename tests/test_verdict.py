"""The rules of judgement, on rows of a check that measures nothing: what is given is planted."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from itertools import product

import pytest

from mlipcheck import advice, checks
from mlipcheck.advice import OTHER
from mlipcheck.calculators.backend import Backend, Checkpoint
from mlipcheck.calculators.base import CalculatorInfo
from mlipcheck.check import Check, Context, Task
from mlipcheck.comparison import compare_runs
from mlipcheck.criterion import OWN_CONVENTION, Criterion, Evidence, Reading
from mlipcheck.record import ANSWERS, STATUSES, Finding, RunRecord, Subject, UseAnswer
from mlipcheck.references.doubts import KINDS, Doubt
from mlipcheck.report.answers import describe_finding, list_doubts, recommend
from mlipcheck.results_file import dump_runs
from mlipcheck.uses import (
    ALL_USES,
    CARE,
    CONSISTENCY,
    ELEMENTS,
    MOLECULAR,
    NO,
    NO_FAULT,
    NOT_TESTED,
    OWN,
    PAIRS,
    PUBLIC,
    TESTED_ON,
    USES,
    YES,
    answer_uses,
    best_models,
)
from mlipcheck.verdict import conclude, judge

OK, CAUTION, FAIL = 0.5, 2.0, 5.0  # on either side of the limits, 1 and 3
HSE = Doubt(
    "level of theory", "the reference is HSE06, the model was trained on PBE", ("energies",)
)
MINE = Doubt("own labels", "the labels are this model's own")


@dataclass(frozen=True)
class Planted:
    """A number that is compared with a reference, one that is not, and what they rest on."""

    name: str = "a"
    value: float | None = None
    plain: float | None = None
    sure: float | None = None
    tested_on: str = OWN
    doubts: tuple[Doubt, ...] = ()
    error: str | None = None


def reading(value, sure=None):
    return None if value is None else Reading(value, f"{value:g} off", sure)


def criterion(quantity, read, **more):
    facts = {"caution": 1.0, "fail": 3.0, "good": "near", "bad": "far", "why": "it matters"}
    return Criterion(quantity, read, source=OWN_CONVENTION, **{**facts, **more})


class Planting(Check[Planted]):
    """A third-party check of one energy against a reference, and of one number against itself."""

    name, title, asks, row = "planted", "planted numbers", "what was planted", Planted
    criteria = (
        criterion("energy", lambda r: reading(r.value, r.sure), rests_on=("energies",)),
        criterion("smoothness", lambda r: reading(r.plain)),
    )
    decides, hints = ("energies",), ("defects",)
    given: tuple[Planted, ...] = ()

    def tasks(self, system, settings):
        return [Task(row.name, row) for row in self.given]

    def run(self, calculator, task: Task, context: Context):
        return [task.subject]

    def evidence(self, row):
        return Evidence(row.tested_on, row.doubts)


@pytest.fixture
def plant(monkeypatch):
    """Register the check, with other facts where they are given, and conclude from its rows."""

    def concluded(*rows, subject=None, not_run=None, spec="planted", **facts):
        check = type("Other", (Planting,), {"given": rows, **facts})()
        monkeypatch.setattr(checks, "_others", lambda: ((check,), {}))
        return conclude(
            RunRecord(
                "mlipcheck run",
                CalculatorInfo(spec=spec),
                {"mlipcheck": "1"},
                {},
                {check.name: rows},
                not_run or {},
                subject=subject or Subject(),
            )
        )

    return concluded


def answers(run):
    assert tuple(a.use for a in run.uses) == ALL_USES
    return {a.use: a.answer for a in run.uses}


def answer(run, use="energies"):
    return next(a for a in run.uses if a.use == use)


def statuses(run):
    return {f.quantity: f.status for f in run.findings}


# --- limits ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "sure", "status", "said"),
    [
        (OK, None, "ok", YES),
        (CAUTION, None, "caution", CARE),
        (FAIL, None, "fail", NO),
        (FAIL, 3.5, "fail", NO),  # the whole interval is beyond the limit
        (FAIL, 2.5, "caution", CARE),
        (FAIL, 0.1, "caution", CARE),  # the number itself is beyond a limit
        (CAUTION, 0.1, "caution", CARE),
        (OK, 0.1, "ok", YES),
    ],
)
def test_the_near_end_of_the_interval_decides_a_fail(plant, value, sure, status, said):
    run = plant(Planted(value=value, sure=sure))
    assert statuses(run) == {"energy": status}
    assert answer(run).answer == said


@pytest.mark.parametrize(("sure", "status"), [(None, "fail"), (0.2, "fail"), (0.4, "caution")])
def test_so_it_does_from_below(plant, sure, status):
    of = (criterion("R²", lambda r: reading(r.value, r.sure), caution=0.9, fail=0.3, below=True),)
    assert statuses(plant(Planted(value=0.1, sure=sure), criteria=of)) == {"R²": status}


def test_no_number_is_a_fail_and_the_worst(plant):
    rows = [Planted("a", 4.0), Planted("b", math.nan), Planted("c", 9.0)]
    (found,) = plant(*rows).findings
    assert (found.status, found.subjects, found.number) == ("fail", ("b", "c", "a"), None)
    assert answer(plant(Planted(value=math.nan))).answer == NO


def test_nothing_is_averaged(plant):
    values = {"a": 0.1, "b": 2.0, "c": 9.0, "d": 0.7, "e": 2.5}
    run = plant(*(Planted(name, value) for name, value in values.items()))
    assert [(f.status, f.subjects, f.number) for f in run.findings] == [
        ("fail", ("c",), 9.0),
        ("caution", ("e", "b"), 2.5),
        ("ok", ("d", "a"), 0.7),
    ]
    assert answer(run).answer == NO


def test_what_cannot_be_judged_says_so_and_decides_nothing(plant):
    without = criterion("energy", lambda r: Reading(None, "too few frames"), rests_on=("energies",))
    run = plant(Planted(), criteria=(without,))
    (found,) = run.findings
    assert (found.status, found.value, found.reason) == (
        "not assessed",
        "too few frames",
        "could not be judged",
    )
    assert answer(run).answer == NOT_TESTED


def test_what_did_not_run_is_named_and_decides_nothing(plant):
    run = plant(not_run={"planted": "no labels given"})
    (found,) = run.findings
    assert (found.status, found.subjects, found.value) == (
        "not assessed",
        ("not run",),
        "no labels given",
    )
    assert found.reason == "not tested: what was planted"
    assert set(answers(run).values()) == {NOT_TESTED}
    in_part = plant(Planted(value=OK), not_run={"planted": "interrupted"})
    assert in_part.findings[0].reason == "tested in part only: what was planted"
    assert answer(in_part).answer == YES


# --- doubts ------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [OK, CAUTION, FAIL, math.nan])
@pytest.mark.parametrize("kind", [kind for kind, void in KINDS.items() if void])
def test_beside_a_void_reference_nothing_is_judged(plant, kind, value):
    run = plant(Planted(value=value, doubts=(Doubt(kind, "it is not one"),)))
    (found,) = run.findings
    assert found.status == "not assessed"
    assert describe_finding(found, run).endswith(" off\nbut it is not one")
    assert answer(run).answer == NOT_TESTED
    assert {a.kind for a in run.advice} <= {"matching reference"}
    assert [p.text for p in list_doubts(compare_runs([run]).models)] == [
        "doubt: it is not one (findings not judged: 1)"
    ]


@pytest.mark.parametrize("kind", [kind for kind, void in KINDS.items() if not void])
@pytest.mark.parametrize(
    ("value", "status"),
    [(OK, "ok"), (CAUTION, "caution"), (FAIL, "caution"), (math.nan, "caution")],
)
def test_beside_a_doubtful_one_a_finding_is_caution_at_most(plant, kind, value, status):
    run = plant(Planted(value=value, doubts=(Doubt(kind, "it may be off"),)))
    (found,) = run.findings
    assert found.status == status
    assert describe_finding(found, run).endswith(" off\nbut it may be off")
    assert answer(run).answer == CARE
    assert run.findings[answer(run).decided_by] == found
    assert OTHER not in {a.kind for a in run.advice}
    follows = "" if value in (OK, CAUTION) else " (would be 'no' otherwise: 1)"
    (line,) = list_doubts(compare_runs([run]).models)
    assert line.text == f"doubt: it may be off{follows}"


def test_what_would_not_fail_without_a_doubt_is_not_said_to(plant):
    (line,) = list_doubts(compare_runs([plant(Planted("a", FAIL, sure=OK, doubts=(HSE,)))]).models)
    assert line.text == f"doubt: {HSE.text}"
    both = plant(Planted("a", FAIL, sure=OK, doubts=(HSE,)), Planted("b", FAIL, doubts=(HSE,)))
    (line,) = list_doubts(compare_runs([both]).models)
    assert line.text == f"doubt: {HSE.text} (would be 'no' otherwise: 1)"


def test_a_doubt_about_other_labels_does_not_bear(plant):
    stress = Doubt("unit", "stresses are in another unit", ("stresses",))
    run = plant(Planted(value=FAIL, doubts=(stress,)))
    (found,) = run.findings
    assert (found.status, found.doubts) == ("fail", ())
    assert describe_finding(found, run) == "energy: 5 off"
    assert list_doubts(compare_runs([run]).models) == []


def test_a_file_with_a_wrong_unit_answers_nothing_with_yes(plant):
    """Here of its stresses, which only hint at the use that its energies decide."""
    stresses = criterion("stress", lambda r: reading(r.value), rests_on=("stresses",))
    hinting = dataclasses.replace(stresses, decides=(), hints=("energies",))
    unit = Doubt("unit", "stresses look 160 times too large", ("stresses",))
    facts = {"criteria": (*Planting.criteria, hinting)}
    assert answer(plant(Planted(value=OK), **facts)).answer == YES
    run = plant(Planted(value=OK, doubts=(unit,)), **facts)
    assert answer(run).answer == CARE
    (advice,) = [a.text for a in run.advice if a.kind == "matching reference"]
    assert advice == "Correct the unit of the labels. It helps to: compare energies."
    # another zero of energy is no mistake, and what does not rest on it is sound
    zero = dataclasses.replace(unit, kind="zero of energy")
    assert answer(plant(Planted(value=OK, doubts=(zero,)), **facts)).answer == YES
    # another file is sound
    assert answer(plant(Planted(value=OK, doubts=(unit,)), Planted("b", OK), **facts)).answer == YES


@pytest.mark.parametrize("doubt", [HSE, MINE])
def test_a_doubt_about_the_reference_does_not_bear_on_consistency(plant, doubt):
    run = plant(Planted(value=FAIL, plain=FAIL, doubts=(doubt,)))
    (smooth,) = [f for f in run.findings if f.quantity == "smoothness"]
    assert (smooth.status, smooth.doubts, smooth.tested_on) == ("fail", (), CONSISTENCY)
    assert answer(run).answer == NO


def test_each_doubt_is_said_once_for_all_models_that_have_it(plant):
    runs = [plant(Planted(value=v, doubts=(HSE,)), spec=s) for s, v in {"x": OK, "y": FAIL}.items()]
    assert [p.text for p in list_doubts(compare_runs(runs).models)] == [
        f"doubt, A, B: {HSE.text} (would be 'no' otherwise: 1)"
    ]


def test_rows_with_and_without_doubts_are_two_findings(plant):
    run = plant(Planted("a", FAIL, doubts=(HSE,)), Planted("b", FAIL), Planted("c", OK))
    found = {f.subjects: (f.status, f.doubts) for f in run.findings}
    assert found == {("a",): ("caution", (HSE,)), ("b",): ("fail", ()), ("c",): ("ok", ())}


# --- answers -----------------------------------------------------------------------------------


def test_what_nobody_tested_says_what_to_give(plant):
    run = plant()
    assert run.findings == ()
    assert [(a.use, a.answer, a.decided_by, a.give) for a in run.uses] == [
        (use.name, NOT_TESTED, None, use.give) for use in USES
    ]


def test_consistency_alone_finds_no_fault(plant):
    found = answer(plant(Planted(plain=OK)))
    assert (found.answer, found.tested_on) == (NO_FAULT, CONSISTENCY)
    assert not found.give


@pytest.mark.parametrize("tested_on", [t for t in TESTED_ON if t not in (CONSISTENCY, MOLECULAR)])
def test_yes_needs_a_reference(plant, tested_on):
    run = plant(Planted(value=OK, plain=OK, tested_on=tested_on))
    found = answer(run)
    assert (found.answer, found.tested_on) == (YES, tested_on)
    assert run.findings[found.decided_by].quantity == "energy"


def test_with_nothing_but_a_doubtful_reference_care_is_due(plant):
    doubtful = Planted("a", OK, plain=OK, doubts=(HSE,))
    run = plant(doubtful)
    assert answer(run).answer == CARE
    assert run.findings[answer(run).decided_by].doubts == (HSE,)
    assert answer(plant(doubtful, Planted("b", OK))).answer == YES


def test_a_void_reference_is_none(plant):
    """Labels that judge nothing make an answer neither better nor worse."""
    void = Planted("a", FAIL, plain=OK, doubts=(MINE,))
    assert answer(plant(void)).answer == NO_FAULT
    assert answer(plant(void, Planted("b", OK))).answer == YES


def test_a_hint_asks_for_care_at_most(plant):
    for value, said in {FAIL: CARE, CAUTION: CARE, OK: NOT_TESTED}.items():
        found = answers(plant(Planted(value=value)))
        assert found["defects"] == said
        assert {found[use] for use in ALL_USES if use not in ("energies", "defects")} == {
            NOT_TESTED
        }


@pytest.mark.parametrize("tested_on", [ELEMENTS, PAIRS, MOLECULAR])
@pytest.mark.parametrize("fault", [{"sure": FAIL}, {"sure": CAUTION}, {"plain": FAIL}])
def test_elements_hint_at_nothing_that_your_own_structures_answer(plant, tested_on, fault):
    """Neither what is compared with a reference of theirs nor what is consistency alone."""
    use = "molecules" if tested_on == MOLECULAR else "energies"
    of = (
        criterion("energy", lambda r: reading(r.value), rests_on=("energies",), decides=(use,)),
        criterion("ratio", lambda r: reading(r.sure), rests_on=("energies",), decides=()),
        criterion("smoothness", lambda r: reading(r.plain), decides=()),
    )
    hint = Planted("Cu", tested_on=tested_on, **fault)

    def said(*rows):
        return answer(plant(*rows, criteria=of, hints=(use,)), use).answer

    assert said(Planted(value=OK), hint) == YES
    # without a sound reference of one's own, elements are what there is
    for weak in ({"doubts": (HSE,)}, {"tested_on": PUBLIC}):
        assert said(Planted(value=OK, **weak), hint) == CARE
    # what decides does, and so does a hint of one's own structures
    assert said(Planted(value=CAUTION), hint) == CARE
    assert said(Planted(value=OK), Planted("b", **fault)) == CARE


def test_a_criterion_may_bear_on_other_uses_than_its_check(plant):
    of = (
        criterion("energy", lambda r: reading(r.value), decides=("hot",), hints=("relax",)),
        criterion("smoothness", lambda r: reading(r.plain)),
    )
    found = answers(plant(Planted(value=FAIL, plain=FAIL), criteria=of))
    said = {use: a for use, a in found.items() if a != NOT_TESTED}
    assert said == {"hot": NO, "relax": CARE, "energies": NO, "defects": CARE}


def test_elements_decide_for_themselves_and_hint_at_compounds(plant):
    row = Planted(value=FAIL, tested_on=ELEMENTS)
    metal = plant(row, subject=Subject(elements=("Cu",)))
    oxide = plant(row, subject=Subject(formulas=("CuO",), compound=True))
    assert (answers(metal)["energies"], answers(metal)["defects"]) == (NO, CARE)
    assert (answers(oxide)["energies"], answers(oxide)["defects"]) == (CARE, CARE)
    fine = Planted(value=OK, tested_on=ELEMENTS)
    assert answer(plant(fine, subject=Subject(elements=("Cu",)))).answer == YES
    assert answer(plant(fine, subject=Subject(compound=True))).answer == NOT_TESTED


@pytest.mark.parametrize("compound", [False, True])
def test_molecular_crystals_bear_on_molecules_alone(plant, compound):
    run = plant(Planted(value=FAIL, tested_on=MOLECULAR), subject=Subject(compound=compound))
    assert {use for use, a in answers(run).items() if a != NOT_TESTED} == {"molecules"}
    assert answers(run)["molecules"] == CARE


def test_the_strongest_evidence_is_what_decided(plant):
    rows = [Planted("a", 9.0, tested_on=ELEMENTS), Planted("b", 4.0), Planted("c", CAUTION)]
    run = plant(*rows, Planted("d", 8.0, tested_on=PUBLIC))
    found = answer(run)
    assert (found.answer, found.tested_on) == (NO, OWN)
    assert run.findings[found.decided_by].subjects == ("b",)
    weak, strong = (a_finding("fail", tested_on=t) for t in (ELEMENTS, OWN))
    (found,) = [a for a in answer_uses([weak, strong]) if a.use == "energies"]
    assert (found.decided_by, found.tested_on) == (1, OWN)


def test_a_foundation_that_fails_asks_for_care_everywhere(plant):
    for value, said in {FAIL: CARE, CAUTION: NOT_TESTED, OK: NOT_TESTED}.items():
        run = plant(Planted(plain=value), foundation=True)
        assert set(answers(run).values()) == {said}


def a_finding(status, *, decides=True, tested_on=OWN, doubts=()):
    bears = {"decides": ("energies",)} if decides else {"hints": ("energies",)}
    facts = {"tested_on": tested_on, "of_elements": tested_on == ELEMENTS, "doubts": doubts}
    return Finding(status, "c", "q", ("s",), "v", **facts, **bears)


EVERY = [
    a_finding(status, decides=decides, tested_on=tested_on, doubts=doubts)
    for status, decides, (tested_on, doubts) in product(
        STATUSES, (True, False), ((OWN, ()), (OWN, (HSE,)), (ELEMENTS, ()), (CONSISTENCY, ()))
    )
    if not (doubts and status == "fail")
]


@pytest.mark.slow
def test_another_fault_never_makes_an_answer_better():
    for pair in product(EVERY, EVERY):
        (before,) = [a for a in answer_uses(pair) if a.use == "energies"]
        assert (before.answer == NO) == any(f.decides and f.status == "fail" for f in pair)
        for worse in (f for f in EVERY if f.status in ("fail", "caution")):
            (after,) = [a for a in answer_uses([*pair, worse]) if a.use == "energies"]
            if before.answer != NOT_TESTED:
                assert ANSWERS.index(after.answer) >= ANSWERS.index(before.answer)
            assert after.answer == NO or worse.status == "caution" or not worse.decides


@pytest.mark.slow
def test_the_order_of_findings_decides_no_answer():
    for one, two, three in product(EVERY, EVERY, EVERY[::3]):
        assert [a.answer for a in answer_uses([one, two, three])] == [
            a.answer for a in answer_uses([three, two, one])
        ]


# --- several models ----------------------------------------------------------------------------


def given(tested_on=OWN, doubts=(), hint=False, **named):
    """Return a model with these answers by use, all by a finding of one kind."""
    finding = a_finding("caution", tested_on=tested_on, doubts=doubts)
    bears = {"decides": () if hint else ALL_USES, "hints": ALL_USES}
    uses = tuple(UseAnswer(use, named.get(use, NOT_TESTED), 0, tested_on) for use in ALL_USES)
    run = RunRecord("mlipcheck run", CalculatorInfo(spec="planted"), {}, {}, uses=uses)
    return dataclasses.replace(run, findings=(dataclasses.replace(finding, **bears),))


def test_the_best_are_named_where_answers_part_the_models():
    one = given(relax=YES, energies=CARE, hot=NO, vibrations=YES, defects=CARE)
    two = given(relax=NO, energies=CARE, hot=NO, vibrations=CARE, dynamics=YES)
    three = given(relax=YES, energies=NO, hot=NO, vibrations=YES)
    found = best_models([one, two, three])
    # what one alone was tested on parts nobody
    assert found == {"relax": (0, 2), "energies": (0, 1), "vibrations": (0, 2)}
    assert best_models([one, one]) == {}


@pytest.mark.parametrize("weak", [{"hint": True}, {"tested_on": CONSISTENCY}, {"doubts": (HSE,)}])
def test_a_model_wins_by_a_reference_alone(weak):
    """A fault that a model's own noise hides is none that it lacks."""
    fine = given(relax=YES, energies=YES, hot=YES)
    clean = given(tested_on=CONSISTENCY, relax=NO_FAULT, energies=NO_FAULT, hot=NO_FAULT)
    behind = given(**weak, relax=CARE, energies=CARE)
    assert best_models([fine, behind]) == best_models([clean, behind]) == {}
    # what decides against a model does so whatever it rests on
    fails = given(tested_on=CONSISTENCY, relax=NO)
    assert best_models([behind, fails]) == best_models([clean, fails]) == {"relax": (0,)}
    assert best_models([fine, behind, fails]) == {"relax": (0, 1)}


def said_of(plant, *rows_of_models):
    runs = [plant(*rows, spec=f"m{k}") for k, rows in enumerate(rows_of_models)]
    return recommend(compare_runs(runs))


def test_the_sentence_says_which_model_to_use_for_what(plant):
    good, bad = [Planted(value=OK)], [Planted(value=FAIL)]
    assert said_of(plant, good) == ""
    assert said_of(plant, good, good) == "For every use here the answers are the same."
    assert said_of(plant, bad, bad) == "For every use here the answers are the same."
    said = said_of(plant, bad, good)
    # a hint at defects asks for care of one; the other was not tested on them
    assert said == (
        "Better here: m1 for: compare energies. For all other uses no model is shown to be better."
    )
    only = criterion("energy", lambda r: reading(r.value), hints=())
    both = [plant(*rows, spec=s, criteria=(only,)) for s, rows in {"x": bad, "y": good}.items()]
    assert recommend(compare_runs(both)) == (
        "Better here: y for: compare energies. For all other uses the answers are the same."
    )


@pytest.mark.parametrize(
    ("command", "takes"),
    [
        ("mlipcheck run -b ase:emt Cu", True),
        ("mlipcheck run Cu -b ase:emt --strict --use relax", True),
        ("mlipcheck run Cu --strict --backend=ase:emt", True),
        ("mlipcheck relax Cu --backend ase:emt", True),
        ("mlipcheck run Cu", False),  # of the toy, which a second one would replace
        ("mlipcheck run Cu -b ase:emt -b toy", False),
        ("mlipcheck run -b ase:emt -- -b.cif", False),
        ("mlipcheck learn my_run -b ase:emt", False),
        ("run_checks", False),
    ],
)
def test_a_second_model_is_added_wherever_the_first_was_typed(plant, monkeypatch, command, takes):
    here = Checkpoint("1", "PBE", "raw", "MIT")
    other = Backend("other", "it:load", "Another.", "Nobody", (here,), package="ase")
    monkeypatch.setattr(advice, "list_backends", lambda: [other])
    run = dataclasses.replace(plant(Planted(value=FAIL)), command=command)
    (found,) = [a for a in advice.advise(run) if a.kind == OTHER]
    assert found.command == (f"{command} -b other" if takes else None)
    assert found.text.startswith("other is installed") == takes


# --- the command -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "uses", "status"),
    [
        (Planted(value=FAIL), (), 1),
        (Planted(value=FAIL), ("energies",), 1),
        (Planted(value=FAIL), ("relax", "energies"), 1),
        (Planted(value=FAIL), ("relax",), 0),
        (Planted(value=FAIL), ("defects",), 0),  # a hint
        (Planted(value=CAUTION), (), 0),
        (Planted(value=FAIL, doubts=(HSE,)), (), 0),
        (Planted(value=FAIL, doubts=(MINE,)), (), 0),
        (Planted(value=OK), (), 0),
    ],
)
def test_strict_goes_by_the_uses_that_are_asked_about(plant, run_cli, row, uses, status):
    plant(row)
    asked = [word for use in uses for word in ("--use", use)]
    assert run_cli("run", "-b", "ase:emt", "Cu", "--only", "planted")[0] == 0
    found = run_cli("run", "-b", "ase:emt", "Cu", "--only", "planted", "--strict", *asked)
    assert found[0] == status
    assert "compare energies" in found[1]  # the report is written all the same


@pytest.mark.parametrize(("value", "status"), [(FAIL, 1), (CAUTION, 0), (OK, 0)])
def test_strict_goes_by_what_all_uses_rest_on(plant, run_cli, value, status):
    plant(Planted(plain=value), foundation=True)
    for use in ((), ("--use", "relax")):
        command = ("run", "-b", "ase:emt", "Cu", "--only", "planted", "--strict", *use)
        assert run_cli(*command)[0] == status


def test_strict_goes_by_every_model_of_a_report(plant, run_cli, tmp_path):
    runs = [plant(Planted(value=v), spec=s) for s, v in {"x": OK, "y": FAIL}.items()]
    (tmp_path / "both.json").write_text(dump_runs(runs))
    report = ("report", tmp_path / "both.json", "--strict")
    assert run_cli(*report)[0] == 1
    assert run_cli(*report, "--use", "molecules")[0] == 0


def test_a_use_that_nobody_knows_is_one_line(run_cli):
    status, out, err = run_cli("run", "-b", "ase:emt", "Cu", "--strict", "--use", "everything")
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert all(word in err for word in ("everything", *ALL_USES))


def test_rows_of_no_check_are_judged_by_nothing():
    assert judge({"unknown": [{"name": "x"}]}) == ()
