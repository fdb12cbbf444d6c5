"""Reports as folders: what is written, drawn again, joined, and where each figure goes."""

from __future__ import annotations

import dataclasses
import json

import pytest
from matplotlib.figure import Figure
from parsed_report import HEADINGS, Report
from report_runs import with_rows

from mlipcheck.calculators.base import CalculatorInfo
from mlipcheck.comparison import compare_runs
from mlipcheck.drawing.panel import Panel
from mlipcheck.drawing.tables import Paragraph, TableBlock
from mlipcheck.record import Advice, Finding, RunRecord, Subject, UseAnswer
from mlipcheck.report.answers import describe_finding
from mlipcheck.report.document import IN_ALL, Gallery, make_document
from mlipcheck.report.folder import draw_panels, write_report
from mlipcheck.report.tables import list_notes
from mlipcheck.report.terminal import console, print_blocks
from mlipcheck.results_file import dump_runs, load_runs
from mlipcheck.storage import dumps
from mlipcheck.uses import USES
from mlipcheck.verdict import conclude


def panel(name, check="dimers", subjects=("N-N",), quantities=(), letters=""):
    return Panel(name, "caption", "alt", (check,), subjects, Figure(), quantities, letters)


def finding(check="dimers", quantity="bond length", subjects=("N-N",), status="fail", **more):
    texts = {"value": "1", "limits": "2", "reason": "reason", **more}
    return Finding(status, check, quantity, subjects, **texts)


def document_of(*findings, panels=(), **facts):
    run = RunRecord("", CalculatorInfo(spec="x"), {}, {}, findings=findings, **facts)
    return make_document(compare_runs([run]), panels)


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


# Which figure goes where


def test_a_figure_is_evidence_for_its_own_questions():
    asked = finding(subjects=("N-N", "O-O"))
    right = panel("right", quantities=("bond length",))
    others = [
        panel("a", check="relaxation"),
        panel("b", subjects=("Cu-Cu",)),
        panel("c", quantities=("energy jumps",)),
    ]
    assert Gallery([*others, right]).find(asked, "") == [right]


def test_a_figure_of_one_model_is_no_evidence_for_another():
    own, other, both = panel("own", letters="A"), panel("other", letters="B"), panel("both")
    assert Gallery([own, other, both]).find(finding(), "A") == [own, both]


def test_the_worst_subject_s_figure_comes_first_and_two_are_enough():
    panels = [panel(n, subjects=(n,)) for n in ("A", "B", "C")]
    found = Gallery(panels).find(finding(subjects=("C", "A", "B")), "")
    assert [p.name for p in found] == ["C", "A"]


def test_contacts_are_seen_in_the_curve_of_their_pair(soft_run):
    panels = draw_panels(compare_runs([soft_run]))
    asked = finding(check="contacts", quantity="shortest distances")
    assert [p.name for p in Gallery(panels).find(asked, "")] == ["dimer-N-N"]
    assert Gallery(panels).find(dataclasses.replace(asked, subjects=("O-O",)), "") == []


def test_each_figure_is_shown_once_and_pointed_at_later():
    document = document_of(finding(), finding(quantity="jumps"), panels=[panel("one")])
    (group,) = document.models[0].groups
    first, second = group.items
    assert [f.number for f in first.shown] == [1]
    assert (second.shown, second.seen) == ((), (1,))
    assert document.more == ()


def test_what_decided_has_its_figure_before_other_faults():
    other, decided = finding(), finding(quantity="jumps", status="caution")
    uses = (UseAnswer("molecules", "with care", 1),)
    document = document_of(other, decided, uses=uses, panels=[panel("one")])
    first, second = (group.items[0] for group in document.models[0].groups)
    assert (first.about.quantity, [f.number for f in first.shown]) == ("jumps", [1])
    assert (second.about.quantity, second.shown, second.seen) == ("bond length", (), (1,))


def test_more_figures_than_there_is_room_for_are_files():
    panels = [panel(f"p{k}", subjects=(str(k),)) for k in range(IN_ALL + 6)]
    document = document_of(finding(subjects=("7",)), panels=panels)
    assert len(document.more) == IN_ALL - 1
    assert document.files == tuple(p.name for p in panels[-6:])


# What is said


def test_findings_are_grouped_and_what_decided_comes_first():
    findings = [finding(status=s) for s in ("fail", "caution", "not assessed", "ok")]
    uses = (UseAnswer("molecules", "no", 1),)
    document = document_of(*findings, uses=uses, advice=(Advice("rescale", "Multiply."),))
    groups = document.models[0].groups
    kinds = ["decided", "advice", "other", "not assessed", "ok"]
    assert list(HEADINGS) == kinds
    assert [g.kind for g in groups] == kinds
    assert [g.title for g in groups] == list(HEADINGS.values())
    assert [g.folded for g in groups] == [False, False, True, True, True]
    caution, failed, *rest = findings[1], findings[0], *findings[2:]
    said = [caution, Advice("rescale", "Multiply."), failed, *rest]
    assert [g.items[0].about for g in groups] == said


def test_a_record_without_answers_says_so_for_each_model(soft_run):
    """One of an earlier version; beside it no answer is another model's."""
    old = dataclasses.replace(soft_run, uses=(), calculator=CalculatorInfo(spec="old"))
    table = make_document(compare_runs([old, soft_run])).uses
    assert [row[1].partition("\n")[0] for row in table.rows] == ["not tested"] * len(USES)
    assert [row[2].partition("\n")[0] for row in table.rows] == [a.answer for a in soft_run.uses]


def test_a_long_name_hides_no_number(soft_run):
    worst = dataclasses.replace(soft_run.findings[0], subjects=("path/" * 40 + "OUTCAR",))
    line = describe_finding(worst, soft_run)
    assert line.startswith("path/path/pat…")
    assert f"/OUTCAR, {worst.quantity}: {worst.value}" in line


def test_blocks_are_printed_as_text(capsys):
    table = TableBlock("[b]T[/]", ("x", "y\nÅ"), (("[b]", "[red]1[/] :smile:"),), (False, True))
    print_blocks(console(), [table, Paragraph("[bold]b[/]", "fail"), Paragraph("c", inset=True)])
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == "[b]T[/]"
    assert "[b]   [red]1[/] :smile:" in [line.strip() for line in lines]
    assert lines[-2:] == ["[bold]b[/]", "  c"]


@pytest.mark.slow
def test_a_check_that_is_not_installed_here_is_named(soft_run, tmp_path):
    data = json.loads(dumps(with_rows(soft_run, foreign=[{"name": "x", "lattice": 4.0}])))
    (tmp_path / "results.json").write_text(json.dumps(data))
    (found,) = load_runs(tmp_path)
    assert found.rows("foreign") == ({"name": "x", "lattice": 4.0},)
    write_report(tmp_path / "again", [found], markdown=True)
    assert json.loads((tmp_path / "again" / "results.json").read_text()) == data
    text = Report((tmp_path / "again" / "report.html").read_text()).text()
    assert "not installed here: foreign" in text
    assert "not installed here: foreign." in list_notes(compare_runs([soft_run, found]))[-1]


# Folders


@pytest.mark.slow
def test_a_report_drawn_again_is_the_same(soft_run, tmp_path):
    paths = write_report(tmp_path / "one", [soft_run], markdown=True)
    assert [p.name for p in paths[:3]] == ["results.json", "report.html", "report.md"]
    assert all(p.suffix == ".svg" for p in paths[3:])
    write_report(tmp_path / "two", load_runs(tmp_path / "one"), markdown=True)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert set(paths) == {tmp_path / "one" / p for p in contents(tmp_path / "one")}


@pytest.mark.slow
def test_so_is_one_of_several_models(soft_run, exact_run, tmp_path):
    write_report(tmp_path / "one", [soft_run, exact_run], markdown=True)
    write_report(tmp_path / "two", load_runs(tmp_path / "one"), markdown=True)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert [r.calculator.spec for r in load_runs(tmp_path / "one")] == ["toy:soft", "toy:exact"]


@pytest.mark.slow
def test_a_report_depends_on_its_results_alone(soft_run, tmp_path):
    write_report(tmp_path, [soft_run])
    results = tmp_path / "results.json"
    data = json.loads(results.read_text())
    data["findings"][0]["value"] = "turns over at 8.765 Å"
    data["checks"]["dimers"][0]["equilibrium_distance"] = 5.4321
    results.write_text(json.dumps(data))
    write_report(tmp_path, load_runs(tmp_path))
    text = Report((tmp_path / "report.html").read_text()).text()
    assert "turns over at 8.765 Å" in text
    assert "5.432" in text
    assert soft_run.findings[0].value not in text


def test_what_several_models_have_together_is_not_drawn_again(soft_run, exact_run):
    comparison = compare_runs([soft_run, exact_run])
    panels = draw_panels(comparison)
    document = make_document(comparison, panels)
    names = [p.name for p in panels]
    assert len(names) == len(set(names))
    assert len(document.together) == len(names)  # toys have nothing of their own here
    first = document.models[0].groups[0].items[0]
    bonds = names.index("bonds") + 1
    assert (first.about.quantity, first.shown, first.seen) == ("bond lengths", (), (bonds,))
    assert [m.model.letter for m in document.models] == ["A", "B"]
    assert len({m.model.colour for m in document.models}) == 2


@pytest.mark.slow
def test_runs_of_one_model_are_one_report(soft_run, tmp_path):
    dimers = conclude(with_rows(soft_run, relaxation=()))
    rows = conclude(with_rows(soft_run, dimers=()))
    write_report(tmp_path, [dimers, rows])
    (record,) = load_runs(tmp_path / "results.json")
    assert (len(record.rows("dimers")), len(record.rows("relaxation"))) == (1, 5)


@pytest.mark.slow
@pytest.mark.parametrize("several", [False, True])
def test_records_of_other_versions_of_one_schema_load(soft_run, tmp_path, several):
    """What an earlier version lacked has a default, and what a later one adds is ignored."""
    data = json.loads(dumps(soft_run))
    for name in ("not_run", "uses", "subject", "advice", "created", "notes", "interrupted"):
        del data[name]
    data["later"] = data["calculator"]["later"] = 1
    for row in data["findings"]:
        del row["tested_on"], row["doubts"], row["why"], row["source"]
        row["later"] = [1]
    for row in (r for rows in data["checks"].values() for r in rows):
        row["later"] = {"x": 1}
    path = tmp_path / "old.json"
    path.write_text(json.dumps({"labels": ["x"], "runs": [data]} if several else data))
    (found,) = load_runs(path)
    assert (found.uses, found.advice, found.subject) == ((), (), Subject())
    write_report(tmp_path / "report", [found])
    text = Report((tmp_path / "report" / "report.html").read_text()).text()
    assert soft_run.findings[0].reason.casefold() in text.casefold()


# The command


@pytest.fixture
def files(soft_run, exact_run, tmp_path):
    paths = []
    for name, record in {"a.json": soft_run, "b.json": exact_run}.items():
        paths.append(tmp_path / name)
        paths[-1].write_text(dump_runs([record]))
    return paths


@pytest.mark.slow
def test_the_command_writes_a_folder_and_draws_it_again(run_cli, files, tmp_path):
    folder = tmp_path / "deep" / "report"
    status, out, err = run_cli("report", files[0], "--out", folder, "--markdown")
    assert status == 0
    assert "What it may be used for" in out
    assert f"report: {folder / 'report.html'}" in err
    before = contents(folder)
    assert run_cli("report", folder, "--markdown")[0] == 0
    assert contents(folder) == before
    (folder / "report.html").unlink()
    assert run_cli("report", folder)[0] == 0
    assert contents(folder) == before


@pytest.mark.slow
def test_folders_and_files_are_joined(run_cli, files, tmp_path):
    assert run_cli("report", files[0], "--out", tmp_path / "a")[0] == 0
    assert run_cli("report", tmp_path / "a", files[1], "--out", tmp_path / "both")[0] == 0
    assert run_cli("report", *files, "--out", tmp_path / "same")[0] == 0
    assert contents(tmp_path / "both") == contents(tmp_path / "same")
    before = contents(tmp_path / "both")
    status, out, _ = run_cli("report", tmp_path / "both")
    assert status == 0
    assert "A: toy:soft" in out
    assert contents(tmp_path / "both") == before


def test_markdown_without_a_folder_is_printed(run_cli, files, soft_run):
    for paths in (files[:1], files):
        status, out, _ = run_cli("report", *paths, "--markdown")
        assert status == 0
        assert out.startswith("# Check-up of toy")
        assert "![" not in out
        assert f"**{soft_run.findings[0].status}**" in out


def test_json_on_stdout_is_json_alone(run_cli, files):
    status, out, _ = run_cli("report", files[0], "--markdown", "--json", "-")
    assert status == 0
    assert json.loads(out)["command"].startswith("mlipcheck run")


@pytest.mark.parametrize("what", ["missing", "empty", "comparison"])
def test_mistakes_are_one_line(run_cli, files, tmp_path, what):
    folder = tmp_path / what
    if what != "missing":
        folder.mkdir()
    if what == "comparison":
        (folder / "results.json").write_text('{"runs": [1, 2]}')
    status, out, err = run_cli("report", folder)
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert what in err


def test_a_folder_that_cannot_be_written_is_told_first(run_cli, files, tmp_path):
    (tmp_path / "file").write_text("")
    status, out, err = run_cli("report", files[0], "--out", tmp_path / "file" / "deep")
    assert (status, out) == (2, "")
    assert "not writable" in err


@pytest.mark.slow
def test_strict_counts_after_the_report_is_written(run_cli, files, tmp_path):
    assert run_cli("report", files[0], "--out", tmp_path / "r", "--strict")[0] == 1
    assert (tmp_path / "r" / "report.html").is_file()
