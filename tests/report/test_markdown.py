"""The Markdown of a report: what the HTML says, with nothing in it that means anything else."""

from __future__ import annotations

import dataclasses
import re

import pytest
from parsed_report import HEADINGS, said
from report_runs import HOSTILE, spoilt

from mlipcheck.record import CROSSED, Advice
from mlipcheck.report.folder import write_report, write_text
from mlipcheck.uses import USES

SPECIAL = re.compile(r"(?<!\\)((?:\\\\)*)[<>`~&$#\[\]{}]")


def written(folder, *runs):
    write_report(folder, runs, markdown=True)
    return (folder / "report.md").read_text(encoding="utf-8")


def unescaped(text):
    return re.sub(r"\\([^\w\s]|_)", r"\1", text)


def rows_of(table):
    return [[c.strip() for c in re.split(r"(?<!\\)\|", line)[1:-1]] for line in table.splitlines()]


def test_the_verdict_by_use_is_the_first_table(soft_run, exact_run):
    for runs in ([soft_run], [soft_run, exact_run]):
        text = write_text(runs)
        head, _, *rows = rows_of(re.search(r"(?:^\|.*\n)+", text, re.MULTILINE)[0])
        assert "What it may be used for" in text[: text.index("|")]
        assert (
            head == (["use", "answer", "decided by", "tested on"], ["use", "A", "B"])[len(runs) - 1]
        )
        for k, (use, row) in enumerate(zip(USES, rows, strict=True)):
            assert row[0] == use.title
            for cell, run in zip(row[1:], runs, strict=False):
                assert cell.partition("<br>")[0] == run.uses[k].answer


def test_it_says_what_the_findings_say_and_each_once(soft_run):
    text = unescaped(write_text([soft_run]))
    groups = dict(re.findall(r"^## (.+)\n((?:(?!^## ).*\n)*)", text, re.MULTILINE))
    decided = {a.decided_by for a in soft_run.uses}
    for at, finding in enumerate(soft_run.findings):
        crossed = finding.status in CROSSED
        kind = ("decided" if at in decided else "other") if crossed else finding.status
        found = groups[HEADINGS[kind]]
        line = (
            f"**{finding.status}** {finding.check}: {finding.quantity}: **{finding.subjects[0]}: "
        )
        assert text.count(line) == found.count(line) == 1
        assert f"{line}{finding.value}**" in found
        if crossed:
            for part in (finding.reason, finding.why, finding.source, *finding.subjects):
                assert said(part) in said(found)
    for advice in soft_run.advice:
        assert groups[HEADINGS["advice"]].count(advice.text) == text.count(advice.text) == 1
    assert {"The numbers", "Methods"} <= groups.keys()


def test_what_is_ok_is_a_line_each(soft_run):
    text = write_text([soft_run])
    group = re.search(rf"^## {HEADINGS['ok']}\n((?:(?!^#).*\n)*)", text, re.MULTILINE)[1]
    lines = [line for line in group.splitlines() if line]
    assert len(lines) == sum(f.status == "ok" for f in soft_run.findings)
    assert all(line.startswith("- ✓ **ok** ") for line in lines)


@pytest.mark.slow
def test_its_figures_are_files(soft_run, tmp_path):
    text = written(tmp_path, soft_run)
    linked = re.findall(r"!\[(.+)\]\((figures/[\w-]+\.svg)\)", text)
    assert {name for _, name in linked} == {
        f"figures/{p.name}" for p in (tmp_path / "figures").iterdir()
    }


@pytest.mark.slow
def test_tables_have_as_many_cells_everywhere(soft_run, exact_run, tmp_path):
    text = written(tmp_path, soft_run, exact_run)
    tables = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    assert len(tables) >= 8
    for table in tables:
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}) == 1
        assert re.fullmatch(r"\|( ---:? \|)+", table.splitlines()[1])


@pytest.mark.slow
@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_strings_from_files_are_text(soft_run, exact_run, text, tmp_path):
    clean = " ".join(re.sub(r"[\x00-\x08\x0b-\x1f]", "\N{REPLACEMENT CHARACTER}", text).split())
    for name, runs in {"one": [soft_run], "two": [soft_run, exact_run]}.items():
        found = written(tmp_path / name, *(spoilt(run, text) for run in runs))
        assert unescaped(found).count(clean) >= 15
        prose = re.sub(r"^(`{3,})\n.*?\n\1$", "", found, flags=re.MULTILINE | re.DOTALL)
        prose = re.sub(r"!\[(.*)\]\((figures/[\w-]+\.svg)\)", r"\1", prose).replace("<br>", "")
        prose = re.sub(r"^#+ ", "", prose, flags=re.MULTILINE)
        assert not SPECIAL.search(prose)


def test_a_fence_is_longer_than_what_is_in_it(soft_run):
    advice = (Advice("x", "y", "echo ```` # no end"),)
    text = write_text([dataclasses.replace(soft_run, advice=advice)])
    assert "`````\necho ```` # no end\n`````\n" in text


def test_a_line_cannot_begin_a_list(soft_run):
    for note, written in {"- a": r"\- a", "1. a": r"1\. a", "2) a": r"2\) a", "3 a": "3 a"}.items():
        text = write_text([dataclasses.replace(soft_run, notes=(note,))])
        assert f"\n{written}\n" in text
