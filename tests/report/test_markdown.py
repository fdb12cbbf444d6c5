"""The Markdown of a report: what the HTML says, with nothing in it that means anything else."""

from __future__ import annotations

import dataclasses
import re

import pytest
from parsed_report import HEADINGS, said
from report_runs import HOSTILE, spoilt

from mlipcheck.record import Advice
from mlipcheck.report.folder import write_report, write_text

SPECIAL = re.compile(r"(?<!\\)((?:\\\\)*)[<>`~&$#\[\]{}]")


def written(folder, *runs):
    write_report(folder, runs, markdown=True)
    return (folder / "report.md").read_text(encoding="utf-8")


def unescaped(text):
    return re.sub(r"\\([^\w\s]|_)", r"\1", text)


@pytest.mark.slow
def test_it_says_what_the_findings_say(soft_run, tmp_path):
    text = written(tmp_path, soft_run)
    assert text.startswith("# Check-up of toy")
    groups = dict(re.findall(r"^## (.+)\n((?:(?!^## ).*\n)*)", text, re.MULTILINE))
    for finding in soft_run.findings:
        told = said(unescaped(groups[HEADINGS[finding.status]]))
        for part in (finding.plain, finding.value, finding.limits, finding.reason, finding.why):
            assert said(part) in told
    assert unescaped(soft_run.summary) in unescaped(text)
    for advice in soft_run.advice:
        assert advice.text in unescaped(groups["What would help next"])
    assert {"The numbers", "Methods"} <= groups.keys()


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
    for summary, told in {"- a": r"\- a", "1. a": r"1\. a", "2) a": r"2\) a", "3 a": "3 a"}.items():
        text = write_text([dataclasses.replace(soft_run, summary=summary)])
        assert f"\n{told}\n" in text
