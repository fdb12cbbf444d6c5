"""A report on a terminal: what it says, in how many lines, and what is left for --verbose."""

from __future__ import annotations

import dataclasses
import io
import re
import shlex

import pytest
import typer
from report_runs import HOSTILE, spoilt, with_rows
from rich.console import Console

from mlipcheck import get_calculator, scan_dimers
from mlipcheck.cli import app
from mlipcheck.comparison import compare_runs
from mlipcheck.record import Advice, Finding, Subject
from mlipcheck.references.doubts import Doubt
from mlipcheck.report.answers import describe_finding
from mlipcheck.report.document import make_document
from mlipcheck.report.terminal import LINES, WIDTH, console, print_report
from mlipcheck.uses import ALL_USES, OWN, USES, answer_uses
from mlipcheck.verdict import conclude

LAST = "Every finding and number: --verbose, or --out FOLDER."
COMMAND = "mlipcheck run -b toy:soft 'a folder'"


def printed(*runs, width=WIDTH, **how):
    """Return what a report prints, as lines of a terminal of that width."""
    stream = io.StringIO()
    out = Console(file=stream, highlight=False, emoji=False, width=width)
    print_report(out, compare_runs(runs), **how)
    lines = stream.getvalue().split("\n")
    assert lines.pop() == ""
    assert max(map(len, lines)) <= width
    return lines


def words(lines):
    """Return lines as running text: a cell that goes over several lines is not one."""
    return " ".join(" ".join(lines).split())


def verdict_of(lines):
    """Return the first words of each use's line of the table."""
    found = {}
    for use in USES:
        title = use.title[:20].rpartition(" ")[0]  # a long one goes over two lines
        line = next(line for line in lines if line.strip().startswith(title))
        found[use.name] = re.split(r"  +", line.strip())[1:]
    return found


def crowded(run, n=40, text="structure"):
    """Return a run with a very long name everywhere, and as many doubts, steps and findings."""
    name = f"{text} " * (1 + 300 // len(text))
    findings = tuple(
        Finding(
            status,
            "relaxation",
            f"quantity {k} {name}",
            tuple(f"{name}{i}" for i in range(5)),
            f"+{k}.25 %",
            decides=(ALL_USES[k % 7],),
            tested_on=OWN,
            doubts=(Doubt("pressed", f"the reference {k} is of {name}"),),
        )
        for status in ("fail", "caution", "ok")
        for k in range(n)
    )
    steps = tuple(Advice(f"step {k}", f"Do {name}", f"{COMMAND} {k}") for k in range(n))
    return dataclasses.replace(
        run,
        notes=(name,) * n,
        findings=findings,
        uses=answer_uses(findings),
        advice=steps,
        subject=Subject(formulas=(name,) * n, frames=9, runs=2, levels=(name,) * n),
    )


# --- what it says ------------------------------------------------------------------------------


def test_the_answers_are_those_of_the_results(soft_run, exact_run):
    lines = printed(soft_run)
    titles = [line.strip() for line in lines]
    assert titles.index("What it may be used for") < 4
    for answer in soft_run.uses:
        assert verdict_of(lines)[answer.use][0] == answer.answer
        if answer.decided_by is None:
            assert verdict_of(lines)[answer.use][1].startswith("give ")
        else:
            assert verdict_of(lines)[answer.use][2] == answer.tested_on
    lines = printed(soft_run, exact_run)
    for one, other in zip(soft_run.uses, exact_run.uses, strict=True):
        assert verdict_of(lines)[one.use] == [one.answer, other.answer]
    assert "Better here: toy:exact for: relax structures; molecules" in words(lines)


def test_what_decided_is_named_with_its_number(soft_run):
    lines = printed(soft_run)
    # a column of the table, whose cells go over several lines
    at = next(line.index("decided by") for line in lines if "decided by" in line)
    end = next(line.index("tested on") for line in lines if "tested on" in line)
    column = words(line[at:end] for line in lines)
    for answer in soft_run.uses:
        if answer.decided_by is not None:
            assert describe_finding(soft_run.findings[answer.decided_by], soft_run) in column


def test_a_doubt_is_said_with_what_follows(soft_run):
    doubt = Doubt("pressed", "the reference is at 20 GPa")
    failed = [f for f in soft_run.findings if f.status == "fail" and f.number is not None][:3]
    capped = {"status": "caution", "doubts": (doubt,), "capped": True}
    findings = tuple(dataclasses.replace(f, **capped) for f in failed)
    run = dataclasses.replace(soft_run, findings=findings, uses=answer_uses(findings))
    text = words(printed(run))
    assert f"doubt: {doubt.text} (would be 'no' otherwise: 3)" in text
    assert words(printed(run, run)).count(f"doubt, A, B: {doubt.text}") == 1


def test_next_steps_are_printed_with_whose_they_are(soft_run, exact_run):
    both, own = Advice("both", "For all.", f"{COMMAND} 1"), Advice("own", "For one.")
    one = dataclasses.replace(soft_run, advice=(both, own))
    two = dataclasses.replace(exact_run, advice=(both,))
    lines = printed(one, two)
    at = lines.index("Next:")
    assert lines[at + 1 :] == ["  both: For all.", f"    {COMMAND} 1", "  own (A): For one.", LAST]


def test_nothing_is_printed_twice(soft_run, exact_run):
    for runs in ([soft_run], [soft_run, exact_run]):
        lines = [line.strip() for line in printed(*runs) if line.strip()]
        # a finding may decide several uses: in the table its words stand with each
        end = max(k for k, line in enumerate(lines) if line.startswith("molecules and gas"))
        outside = [*lines[: lines.index("What it may be used for")], *lines[end + 3 :]]
        assert len(outside) == len(set(outside))


# --- how long it is ----------------------------------------------------------------------------


@pytest.mark.parametrize("models", [1, 2, 3, 8])
def test_it_has_at_most_forty_lines(soft_run, exact_run, models):
    lines = printed(*([soft_run, exact_run] * 4)[:models])
    assert len(lines) <= LINES == 40
    assert lines[-1] == LAST


@pytest.mark.parametrize("models", [1, 2])
@pytest.mark.parametrize("width", [60, 80, 100])
def test_so_it_has_with_very_many_findings_and_long_names(soft_run, models, width):
    lines = printed(*[crowded(soft_run)] * models, width=width)
    assert len(lines) <= LINES
    assert lines[-1] == LAST
    if width == WIDTH:  # every use has its answer, and some next step its command
        assert [answers[0] for answers in verdict_of(lines).values()] == ["no"] * 7
        assert f"{COMMAND} 0" in words(lines)


@pytest.mark.slow
@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("models", [1, 2])
def test_so_it_has_whatever_a_file_says(soft_run, text, models):
    for run in (spoilt(soft_run, text), crowded(soft_run, text=text)):
        lines = printed(*[run] * models)
        assert len(lines) <= LINES
        assert not re.search(r"[\x00-\x08\x0b-\x1f]", "".join(lines))


def test_a_command_is_printed_whole_or_not_at_all(soft_run):
    long = Advice("long", "Too long.", f"{COMMAND} {'x' * 5000}")
    short = Advice("short", "Do.", f"{COMMAND} 1")
    lines = printed(dataclasses.replace(soft_run, advice=(long, short)))
    assert lines[-4:] == ["Next:", "  short: Do.", f"    {COMMAND} 1", LAST]
    assert "Next:" not in printed(dataclasses.replace(soft_run, advice=(long,)))


@pytest.mark.slow
def test_everything_is_printed_where_it_is_asked_for(soft_run, exact_run):
    for runs in ([soft_run], [soft_run, exact_run]):
        lines = printed(*runs, verbose=True)
        assert len(lines) > LINES
        text = words(lines)
        for run in runs:
            for finding in run.findings:
                assert f"{finding.check}: {finding.quantity}" in text
        titles = [b.title for b in make_document(compare_runs(runs)).numbers if hasattr(b, "rows")]
        assert titles
        assert all(title in lines for title in titles)
    run = crowded(soft_run)
    lines = printed(run, verbose=True)
    assert not {"...", LAST} & set(lines)
    assert all(f"{COMMAND} {k}" in words(lines) for k in range(40))


# --- a single check ----------------------------------------------------------------------------


def test_of_a_single_check_the_numbers_are_shown(soft_run):
    dimers = conclude(
        with_rows(
            dataclasses.replace(soft_run, checks={}, not_run={}), dimers=soft_run.rows("dimers")
        )
    )
    lines = printed(dimers)
    assert "Pairs of atoms" in lines
    assert any(line.split()[:2] == ["N-N", "1.100"] for line in lines)
    starts = [" ".join(line.split()[:3]) for line in lines]
    assert [x for x in starts if x in {" ".join(use.title.split()[:3]) for use in USES}] == [
        "hot, dense or",
        "molecules and gas",
    ]


def test_a_check_that_alone_had_something_to_do_is_not_single(soft_run):
    others = {"parity": "no labels", "contacts": "no structures"}
    rows = {"dimers": soft_run.rows("dimers")}
    lines = printed(conclude(dataclasses.replace(soft_run, checks=rows, not_run=others)))
    assert len(verdict_of(lines)) == len(USES)
    assert "Pairs of atoms" not in lines


@pytest.mark.slow
def test_as_far_as_there_is_room(soft_run):
    (scan,) = scan_dimers(get_calculator("toy:exact"), ["N"], reference="morse")
    symbols = ["H", "C", "N", "O", "F", "P", "S", "Cl", "Si", "B"]
    scans = [dataclasses.replace(scan, pair=(a, b)) for a in symbols for b in symbols]
    run = conclude(dataclasses.replace(soft_run, checks={"dimers": tuple(scans)}, not_run={}))
    lines = printed(run)
    assert len(lines) == LINES
    assert lines[-2:] == ["...", LAST]
    assert sum("1.100" in line for line in lines) > 5
    assert sum("1.100" in line for line in printed(run, verbose=True)) >= len(scans)


# --- commands ----------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", ["soft_run", "exact_run"])
def test_a_command_that_is_advised_can_be_typed(request, name):
    known = typer.main.get_command(app)
    for advice in request.getfixturevalue(name).advice:
        if advice.command:
            program, command, *rest = shlex.split(advice.command)
            assert program == "mlipcheck"
            known.commands[command].make_context(command, rest)
            assert not re.search(r"\b[A-Z]{4,}\b|<\w+>|\.\.\.", advice.command)


def test_a_terminal_is_not_wider_than_it_is(monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    assert console().width == WIDTH
