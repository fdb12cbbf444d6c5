"""The HTML of a report: what it says, what it never has, and who can read it."""

from __future__ import annotations

import dataclasses
import json
import re
import statistics
from collections import Counter
from importlib.resources import files
from itertools import pairwise

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write
from checking import check_up
from faulty import ScaledForces
from parsed_report import HEADINGS, Report, said
from report_runs import HOSTILE, spoilt, with_rows

from mlipcheck import get_calculator
from mlipcheck.calculators.base import CalculatorInfo
from mlipcheck.checks.dimers.record import DimerScan
from mlipcheck.checks.learning.toy import toy_learning_curve
from mlipcheck.checks.relaxation.record import Relaxation
from mlipcheck.record import CROSSED, STATUSES, Advice, RunRecord
from mlipcheck.report.folder import write_report
from mlipcheck.report.rendering import SYMBOLS
from mlipcheck.storage import to_plain
from mlipcheck.system import Settings
from mlipcheck.uses import USES
from mlipcheck.verdict import conclude


def written(folder, *runs):
    write_report(folder, runs)
    return (folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def html(soft_run, tmp_path_factory):
    return written(tmp_path_factory.mktemp("one"), soft_run)


@pytest.fixture(scope="module")
def both(soft_run, exact_run, tmp_path_factory):
    return written(tmp_path_factory.mktemp("two"), soft_run, exact_run)


def check_form(html):
    """Check what holds for every page of a report."""
    page = Report(html)
    names = {name for name, _ in page.tags}
    assert not names & {"script", "iframe", "link", "object", "embed", "form", "base", "audio"}
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    for _, attrs in page.tags:
        assert not [a for a in attrs if a.startswith("on") or a in ("srcset", "action", "style")]
        source = attrs.get("src")
        assert source is None or source.startswith("data:image/svg+xml;base64,")
        link = attrs.get("href")
        assert link is None or (link[0] == "#" and link[1:] in ids)
    style = html[html.index("<style>") : html.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style
    assert all((attrs["alt"] or "").strip() for attrs in page.named("img"))
    (policy,) = [a for a in page.named("meta") if "http-equiv" in a]
    assert policy["content"] == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    levels = page.headings
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b <= a + 1 for a, b in pairwise(levels))
    (root,) = page.named("html")
    assert root["lang"] == "en"
    assert any(a.get("name") == "viewport" for a in page.named("meta"))
    assert page.text("title")
    words = re.findall(r"\w+", page.text())
    assert not {"None", "nan", "NaN", "NoneType"} & set(words)
    assert all("scope" in a for a in page.named("th"))
    assert len(page.named("caption")) == len(page.named("table"))
    return page


@pytest.mark.slow
def test_a_report_of_one_model_has_the_form(html):
    page = check_form(html)
    assert page.text("h1").startswith("Check-up of toy")
    assert len(page.named("img")) >= 2


@pytest.mark.slow
def test_a_report_of_two_models_has_the_form(both):
    page = check_form(both)
    assert page.text("h1") == "Check-up of toy:soft and toy:exact"
    assert page.under("Every question side by side")


def test_the_verdict_by_use_comes_first(html, both):
    for text in (html, both):
        page = Report(text)
        assert page.tables[0].caption == "What it may be used for"
        assert text.index("<main>") < text.index("<table") < text.index("What decided")
        assert page.text("main").startswith("What it may be used for")


def test_its_answers_are_those_of_the_results(html, soft_run):
    head, *rows = Report(html).tables[0].rows
    assert head == ["use", "answer", "decided by", "tested on"]
    assert len(rows) == len(USES)
    for (title, answer, decided, tested_on), use, found in zip(
        rows, USES, soft_run.uses, strict=True
    ):
        assert (title, said(answer)) == (use.title, f"{SYMBOLS[found.answer]} {found.answer}")
        assert tested_on == found.tested_on
        if found.decided_by is None:
            assert (found.answer, decided) == ("not tested", f"give {use.give}")
        else:
            finding = soft_run.findings[found.decided_by]
            assert f"{finding.quantity}: {finding.value}" in decided


def test_its_answers_are_those_of_each_model(both, soft_run, exact_run):
    head, *rows = Report(both).tables[0].rows
    assert head == ["use", "A", "B"]
    for k, (use, row) in enumerate(zip(USES, rows, strict=True)):
        assert row[0] == use.title
        for cell, run in zip(row[1:], (soft_run, exact_run), strict=True):
            assert said(cell).startswith(f"{SYMBOLS[run.uses[k].answer]} {run.uses[k].answer} ")
    assert "Better here: toy:exact for: relax structures; molecules" in Report(both).text("summary")


def kind_of(run, at):
    """Return the heading under which a finding of a run stands."""
    status = run.findings[at].status
    if status not in CROSSED:
        return HEADINGS[status]
    return HEADINGS["decided" if at in {a.decided_by for a in run.uses} else "other"]


def test_every_finding_is_in_its_group_and_once(html, soft_run):
    page = Report(html)
    lines = [line for line in page.each("found") if line]
    assert len(lines) == len(set(lines)) == len(soft_run.findings)
    for at, finding in enumerate(soft_run.findings):
        text = said(page.under(kind_of(soft_run, at)))
        for part in (f"{finding.subjects[0]}: {finding.value}", finding.limits):
            assert said(part) in text, finding.question
        if finding.status in CROSSED:
            for part in (finding.reason, finding.why, finding.source, *finding.subjects):
                assert said(part) in text, finding.question
    assert {kind_of(soft_run, at) for at in range(len(soft_run.findings))} == {
        HEADINGS[kind] for kind in HEADINGS if kind != "advice"
    }


def test_what_is_ok_is_a_line_each(html, soft_run):
    lines = [line for line in Report(html).each("found") if line.startswith("✓")]
    agrees = [f for f in soft_run.findings if f.status == "ok"]
    assert said(" ".join(lines)) == said(Report(html).under(HEADINGS["ok"]))
    assert [line.partition(":")[0] for line in lines] == [f"✓ ok {f.check}" for f in agrees]


def test_what_decided_is_open_and_the_rest_is_folded(html, both):
    for page in map(Report, (html, both)):
        folded = {path[-1].split()[-1] for path, data in page.texts if "details" in path}
        assert {"value", "threshold"} <= folded
        for heading in ("other", "not assessed", "ok"):
            shown = [p for p, data in page.texts if data.startswith(f"{HEADINGS[heading]}: ")]
            assert shown
            assert all(path[-2:] == ("details", "summary") for path in shown)
        for heading in ("decided", "advice"):
            shown = [p for p, data in page.texts if data == HEADINGS[heading]]
            assert shown
            assert not any("details" in path for path in shown)
    titles = Report(html).each("details")
    assert len(titles) >= len(html.split("<details>")) - 1 > 4
    assert "<details open" not in html


def test_nothing_is_said_twice(html, both, soft_run):
    page = Report(html)
    for kind in ("found", "why", "also", "advised", "remark", "plain"):
        assert [p for p, n in Counter(page.each(kind)).items() if p and n > 1] == [], kind
    for text in (*soft_run.not_run.values(), *soft_run.notes, *(a.text for a in soft_run.advice)):
        assert page.text("body").count(text) == 1
    captions = [table.caption for table in Report(both).tables]
    methods = Report(both).under("Methods")
    assert captions.index("What it may be used for") == 0
    assert [c for c, n in Counter(captions).items() if n > 1 and c not in methods] == []


@pytest.mark.slow
def test_advice_is_given_with_its_command(soft_run, tmp_path):
    advice = (Advice("learn", "Give more.", "mlipcheck learn 'a b'"), Advice("stop", "Do not."))
    page = Report(written(tmp_path, dataclasses.replace(soft_run, advice=advice)))
    assert (
        page.under(HEADINGS["advice"]) == "→ learn Give more. mlipcheck learn 'a b' → stop Do not."
    )
    assert page.each("code") == ["mlipcheck learn 'a b'"]


def test_a_figure_is_shown_once_and_then_pointed_at(html):
    numbers = [int(n) for n in re.findall(r'id="figure-(\d+)"', html)]
    assert len(numbers) >= 2
    assert numbers == list(range(1, len(numbers) + 1))
    assert 'See <a href="#figure-2">Figure 2</a>' in html
    for number in re.findall(r'See <a href="#figure-(\d+)"', html):
        assert html.index(f'id="figure-{number}"') < html.index(f'See <a href="#figure-{number}"')


def test_methods_tell_how(html, soft_run):
    text = Report(html).under("Methods")
    for words in (
        soft_run.command,
        "2026-11-23",
        "225 points from 0.400 to 6.000 Å",
        "fmax 0.02",
        "target not set",
        "rescale no",
        soft_run.findings[0].source,
    ):
        assert words in text, words


def test_a_record_with_nothing_is_a_report(tmp_path):
    empty = RunRecord("", CalculatorInfo(spec="x"), {}, {})
    page = check_form(written(tmp_path, empty))
    assert "Nothing was judged." in page.text()
    assert "Every number" not in page.text()
    assert [row[1] for row in page.tables[0].rows[1:]] == ["? not tested\n"] * len(USES)


def test_what_failed_everywhere_is_a_report(soft_run, tmp_path):
    nothing = np.array([])
    scan = DimerScan(("N", "N"), nothing, nothing, nothing, error="it failed")
    row = Relaxation("Morse2", error="it failed too")
    run = conclude(with_rows(soft_run, dimers=[scan], relaxation=[row]))
    text = check_form(written(tmp_path, run)).text()
    assert "it failed" in text
    assert "it failed too" in text


# Strings from files


@pytest.mark.slow
@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_strings_from_files_are_text(soft_run, exact_run, text, html, tmp_path):
    run = spoilt(soft_run, text)
    page = check_form(written(tmp_path / "one", run))
    clean = " ".join(re.sub(r"[\x00-\x08\x0b-\x1f]", "\N{REPLACEMENT CHARACTER}", text).split())
    assert page.text().count(clean) >= 15
    known = {name for name, _ in Report(html).tags} | {"pre", "code"}  # of a command
    assert {name for name, _ in page.tags} <= known
    check_form(written(tmp_path / "two", run, spoilt(exact_run, text)))


# Numbers

NUMBER = re.compile(r"(?<![\w.])[-+−]?\d+(?:\.\d+)?(?:e[-+]?\d+)?(?![\w])")
FACTORS = (1, 100, 1000, 160.21766208)
# what the report says of itself: limits of a table, of confidence
OWN = {"95"}
# findings that are counted: by status, and the faults that decided nothing
GROUPS = [*({(s, True), (s, False)} for s in STATUSES), {(s, False) for s in CROSSED}]


def numbers_of(data):
    """Return the numbers of a record, those in its strings, and what is counted and summed up."""
    found = set()

    def walk(item):
        if isinstance(item, bool) or item is None:
            return
        if isinstance(item, (int, float)):
            found.add(float(item))
        elif isinstance(item, str):
            found.update(float(n.replace("−", "-")) for n in NUMBER.findall(item))
        elif isinstance(item, dict):
            for key, value in item.items():
                walk(key)
                walk(value)
        else:
            found.add(float(len(item)))
            numbers = [x for x in item if isinstance(x, (int, float))]
            if len(numbers) > 50:  # of a curve its ends and extremes: among all any number is found
                found.update((numbers[0], numbers[-1], min(numbers), max(numbers)))
            else:
                for x in item:
                    walk(x)

    walk(data)
    checks = {name: data["checks"].get(name, ()) for name in ("dimers", "relaxation", "learning")}
    for scan in checks["dimers"]:  # where its lowest energy lies
        energies = np.array(scan["energies"], dtype=float)
        found.add(scan["distances"][int(np.nanargmin(energies))])
    for point in (p for curve in checks["learning"] for p in curve["points"]):
        found.update((statistics.fmean(point["errors"]), statistics.stdev(point["errors"])))
    rows = checks["relaxation"]
    found.add(float(sum(r["converged"] for r in rows)))
    changes = [abs(r["volume_change_percent"]) for r in rows if r["volume_change_percent"]]
    found.update([statistics.median(changes)] if changes else [])
    decided = {a["decided_by"] for a in data["uses"]}
    groups = [
        (f["status"], f["status"] in CROSSED and k in decided)
        for k, f in enumerate(data["findings"])
    ]
    found.update(float(sum(g in some for g in groups)) for some in GROUPS)
    found.update(float(len(f["subjects"]) - 1) for f in data["findings"])
    # questions by their worst answer, in what stands side by side
    worst = {(f["check"], f["quantity"]): f["status"] for f in reversed(data["findings"])}
    found.update(map(float, Counter(worst.values()).values()))
    return found


def strangers(page, *runs):
    """Return the numbers of a page that are not in its results, whatever their rounding."""
    known = np.array(sorted(set().union(*map(numbers_of, runs))))
    text = re.sub(r"Figure \d+", "", page.text("main"))
    foreign = []
    for token in NUMBER.findall(text):
        value = float(token.replace("−", "-"))
        mantissa, _, exponent = token.partition("e")
        decimals = len(mantissa.partition(".")[2])
        rounding = 0.51 * 10.0 ** (int(exponent or 0) - decimals)
        near = [np.abs(np.abs(known * f) - abs(value)) <= rounding for f in FACTORS]
        if token not in OWN and not np.any(near):
            foreign.append(token)
    return foreign


@pytest.fixture(scope="module")
def whole_run():
    """A record that has something for every part of a report but stresses."""
    record = check_up(get_calculator("toy"), (), Settings(energy_resolution=0.1))
    curves = (toy_learning_curve(tuned=tuned, trials=3, target=0.2) for tuned in (False, True))
    return conclude(dataclasses.replace(with_rows(record, learning=curves), not_run={}))


@pytest.fixture(scope="module")
def own_run(tmp_path_factory):
    """The check-up of a user's own frames, with stresses: copper, and forces that are too weak."""
    images = []
    for k in range(12):
        atoms = bulk("Cu", cubic=True)
        atoms.rattle(0.12, seed=k)
        atoms.info["internal_id"] = str(k)
        atoms.calc = EMT()
        labels = {"energy": atoms.get_potential_energy(), "forces": atoms.get_forces()}
        atoms.calc = SinglePointCalculator(atoms, stress=atoms.get_stress(), **labels)
        images.append(atoms)
    path = tmp_path_factory.mktemp("own") / "copper.xyz"
    write(path, images)
    return check_up(ScaledForces(EMT(), 0.8), [str(path)], Settings(energy_resolution=0.2))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["soft_run", "whole_run", "own_run"])
def test_every_number_is_in_the_results(request, name, tmp_path):
    run = request.getfixturevalue(name)
    data, html = to_plain(run), written(tmp_path, run)
    assert strangers(Report(html), data) == []
    planted = html.replace("</main>", "<p>and 731.37 of them, or 0.04177</p></main>")
    assert strangers(Report(planted), data) == ["731.37", "0.04177"]


@pytest.mark.slow
def test_every_number_of_two_models_is_in_their_results(soft_run, exact_run, tmp_path):
    runs = [soft_run, exact_run]
    html = written(tmp_path, *runs)
    data = json.loads((tmp_path / "results.json").read_text())["runs"]
    assert data[0]["checks"] == to_plain(soft_run)["checks"]
    assert strangers(Report(html), *data) == []
    planted = html.replace("</main>", "<p>and 731.37 of them, or 0.04177</p></main>")
    assert strangers(Report(planted), *data) == ["731.37", "0.04177"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["soft_run", "whole_run", "own_run"])
def test_a_number_that_is_off_is_seen(request, name, tmp_path):
    """Each number of a page is made a seventh larger: few of them are near others."""
    run = request.getfixturevalue(name)
    data = to_plain(run)
    data["checks"].pop("agreement", None)  # thousands of forces, near to anything
    told = NUMBER.findall(Report(written(tmp_path, run)).text("main"))
    exact = {t.replace("−", "-") for t in told if len(re.sub(r"^[-+0.]+|[.]", "", t)) >= 3}
    wrong = [f"{8 / 7 * float(t):.{len(t.partition('.')[2])}f}" for t in exact if "e" not in t]
    assert len(wrong) > 20
    page = Report(f"<main>{' and '.join(wrong)}</main>")
    assert len(strangers(page, data)) > 2 / 3 * len(wrong)


# Contrast


def rules():
    css = (files("mlipcheck.report") / "report.css").read_text(encoding="utf-8")
    for selector, body in re.findall(r"([^{}]+)\{([^{}]*)\}", css):
        found = dict(re.findall(r"(?:^|[;\s])(color|background):\s*(#[0-9a-f]{6})", body))
        if "color" in found:
            yield selector.strip(), found["color"], found.get("background")


def luminance(colour):
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


def test_text_has_contrast():
    found = list(rules())
    assert len(found) >= 8
    for selector, front, back in found:
        assert back, f"{selector}: a colour needs its background"
        dark, bright = sorted((luminance(front), luminance(back)))
        assert (bright + 0.05) / (dark + 0.05) >= 4.5, selector


@pytest.mark.slow
def test_a_status_is_a_word_and_not_only_a_colour(html, both):
    for page in map(Report, (html, both)):
        badges = [d for path, d in page.texts if path and path[-1].startswith("span badge")]
        assert badges
        assert all(re.search(r"[a-z]{2,}", badge) for badge in badges)


@pytest.mark.slow
def test_results_are_what_the_report_was_made_of(soft_run, tmp_path):
    written(tmp_path, soft_run)
    assert json.loads((tmp_path / "results.json").read_text()) == to_plain(soft_run)
