"""Runs side by side: what is joined, what is refused, and what is told of it."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from ase.calculators.calculator import InputError
from report_runs import with_rows

from mlipcheck import get_calculator, relax_against_reference, scan_dimers
from mlipcheck.advice import OTHER
from mlipcheck.calculators.registry import describe
from mlipcheck.checks.contacts import Contact
from mlipcheck.comparison import compare_runs
from mlipcheck.record import STATUSES, RunRecord
from mlipcheck.results_file import dump_runs, load_runs
from mlipcheck.storage import to_plain
from mlipcheck.verdict import conclude


def run_of(spec, **how):
    calculator = get_calculator(spec)
    return conclude(
        RunRecord(
            command="",
            calculator=describe(calculator),
            versions={"mlipcheck": "1"},
            settings=how,
            checks={
                "dimers": tuple(scan_dimers(calculator, ["N"], reference="morse")),
                "relaxation": tuple(relax_against_reference(calculator, "morse-clusters", **how)),
            },
        )
    )


@pytest.fixture(scope="module")
def soft():
    return run_of("toy:soft")


@pytest.fixture(scope="module")
def exact():
    return run_of("toy:exact")


def only(run, check):
    return conclude(dataclasses.replace(run, checks={check: run.rows(check)}))


def labels_of(comparison):
    return [model.label for model in comparison.models]


def refused(one, other):
    with pytest.raises(InputError, match=r"^a.json and b.json cannot be joined: ") as caught:
        compare_runs([one, other], ["a.json", "b.json"])
    assert "\n" not in str(caught.value)
    return str(caught.value)


# What is joined


@pytest.mark.slow
def test_every_question_has_each_model_s_answer(soft, exact):
    found = compare_runs([soft, exact], ["a", "b"])
    assert labels_of(found) == ["toy:soft", "toy:exact"]
    assert [m.letter for m in found.models] == ["A", "B"]
    rows = {(q.check, q.quantity): q.findings for q in found.questions}
    assert rows.keys() == {f.question for f in soft.findings + exact.findings}
    wall = rows["dimers", "repulsive wall"]
    assert [f.status for (f,) in wall] == ["fail", "ok"]
    for k, run in enumerate((soft, exact)):
        assert {f for q in found.questions for f in q.findings[k]} == set(run.findings)


def test_one_model_is_a_comparison_of_one(soft):
    found = compare_runs([soft])
    assert found.alone
    assert [(m.label, m.letter) for m in found.models] == [("toy:soft", "")]
    assert {f for q in found.questions for f in q.findings[0]} == set(soft.findings)
    assert to_plain(found.runs) == to_plain([soft])


def test_more_models_than_letters_are_told_apart(soft):
    letters = [m.letter for m in compare_runs([soft] * 28).models]
    assert letters[:2] == ["A", "B"]
    assert letters[25:] == ["Z", "A1", "B1"]


def test_the_worst_questions_come_first(soft, exact):
    worst = [
        min(STATUSES.index(f.status) for answers in q.findings for f in answers)
        for q in compare_runs([exact, soft], ["a", "b"]).questions
    ]
    assert STATUSES[0] == "fail"
    assert worst == sorted(worst)
    assert worst[0] == 0


def test_what_one_model_did_in_several_runs_is_one(soft, exact):
    apart = [only(soft, "dimers"), only(exact, "relaxation")]
    apart += [only(soft, "relaxation"), only(exact, "dimers")]
    found = compare_runs(apart, ["a", "b", "c", "d"])
    whole = compare_runs([soft, exact], ["a", "b"])
    assert labels_of(found) == labels_of(whole)
    assert to_plain(found.questions) == to_plain(whole.questions)


def test_notes_and_an_interruption_of_a_part_are_kept(soft):
    one = dataclasses.replace(only(soft, "dimers"), notes=("x.", "y."))
    two = dataclasses.replace(only(soft, "relaxation"), notes=("y.", "z."), interrupted=True)
    (both,) = compare_runs([one, two]).runs
    assert sorted(both.notes) == ["x.", "y.", "z."]
    assert both.interrupted


def test_what_had_no_time_in_a_part_is_not_assessed_in_the_whole(soft):
    late = dataclasses.replace(soft.rows("relaxation")[0], error="no time")
    checks = {"relaxation": (late,)}
    two = conclude(
        dataclasses.replace(soft, checks=checks, unfinished={"relaxation": (late.name,)})
    )
    assert {f.status for f in two.findings} == {"not assessed"}
    (both,) = compare_runs([only(soft, "dimers"), two]).runs
    assert {f.status for f in both.findings if f.check == "relaxation"} == {"not assessed"}


def test_the_same_model_twice_is_told_apart(soft):
    assert labels_of(compare_runs([soft, soft], ["a", "b"])) == ["toy:soft", "toy:soft #2"]


def test_options_are_part_of_a_label(soft):
    info = dataclasses.replace(soft.calculator, options={"modal": "PBE"})
    other = dataclasses.replace(soft, calculator=info)
    found = compare_runs([soft, other], ["a", "b"])
    assert labels_of(found) == ["toy:soft", "toy:soft modal=PBE"]


def test_other_versions_are_told(soft, exact):
    other = dataclasses.replace(exact, versions={"mlipcheck": "2"})
    (note,) = compare_runs([soft, other], ["a", "b"]).notes
    assert "different versions of mlipcheck: 1, 2" in note


@pytest.mark.slow
def test_a_seed_that_nothing_used_does_not_matter(soft):
    assert compare_runs([soft, run_of("toy:exact", seed=3)], ["a", "b"])


# What is refused


def with_scan(run, **changes):
    (scan,) = run.rows("dimers")
    return with_rows(run, dimers=[dataclasses.replace(scan, **changes)])


def with_row(run, **changes):
    first, *others = run.rows("relaxation")
    return with_rows(run, relaxation=[dataclasses.replace(first, **changes), *others])


def curve_of(run):
    return run.rows("dimers")[0].comparison


def other_curve(run):
    c = curve_of(run)
    bent = c.reference_energies + 1e-4 * np.sin(c.distances)
    return with_scan(run, comparison=dataclasses.replace(c, reference_energies=bent))


def other_level(run):
    changed = dataclasses.replace(curve_of(run), reference="PBE diatomics")
    return with_scan(run, comparison=changed)


DIFFERENCES = {
    "one has the pair N-N, the other Cu-N": lambda run: with_scan(run, pair=("Cu", "N")),
    "the grids of N-N are 225 points from 0.400 to 6.000 Å and 225 points from 0.500": (
        lambda run: with_scan(run, distances=np.linspace(0.5, 6.0, 225))
    ),
    "is another curve": other_curve,
    "the references of N-N are exact Morse and PBE diatomics": other_level,
    "N-N has a reference, exact Morse, in one of them only": (
        lambda run: with_scan(run, comparison=None)
    ),
    "dimers: 1 and 0 rows": lambda run: with_rows(run, dimers=()),
    "relaxation: 5 and 4 rows": (lambda run: with_rows(run, relaxation=run.rows("relaxation")[:4])),
    "Morse2: another reference structure": lambda run: with_row(run, fingerprint="0"),
    "Morse2: another start, relaxed and first": lambda run: with_row(run, start="first"),
    "Morse2: another cell, fixed and free": lambda run: with_row(run, cell="free"),
    "Morse2: another optimizer, BFGS and FIRE": lambda run: with_row(run, optimizer="FIRE"),
    "Morse2: another number of steps at most, 500 and 3": lambda run: with_row(run, most_steps=3),
    "Morse2: another fmax, 0.02 and 0.1": lambda run: with_row(run, target_fmax=0.1),
}


@pytest.mark.parametrize("told", DIFFERENCES)
def test_what_differs_is_told(soft, exact, told):
    assert told in refused(soft, DIFFERENCES[told](exact))


@pytest.mark.slow
def test_another_rattle_is_refused():
    one, other = (run_of("toy:exact", start="rattled", seed=seed) for seed in (0, 5))
    assert "Morse2: another seed of the rattle, 0 and 5" in refused(one, other)


@pytest.mark.slow
def test_another_fmax_is_refused(soft):
    assert "another fmax, 0.02 and 0.1" in refused(soft, run_of("toy:exact", fmax=0.1))


def test_many_differences_are_counted(soft, exact):
    rows = [dataclasses.replace(r, fingerprint="0") for r in exact.rows("relaxation")]
    told = refused(soft, with_rows(exact, relaxation=rows))
    assert told.endswith("Morse4: another reference structure; and 2 more")


def test_other_structures_are_refused(soft, exact):
    def near(run, distance):
        row = Contact(("N", "N"), distance, "a", 0.8, None, 0.4)
        return with_rows(run, contacts=[row])

    # the last digit depends on the processor
    assert compare_runs([near(soft, 1.1), near(exact, 1.1 + 1e-12)])
    told = refused(near(soft, 1.1), near(exact, 1.2))
    assert "the shortest distances are N-N 1.100 and N-N 1.200 Å" in told
    assert "N-N 1.100 and N-N none" in refused(near(soft, 1.1), near(exact, None))


def test_a_reference_is_known_by_its_structure_and_not_by_its_name(soft):
    prints = [r.fingerprint for r in soft.rows("relaxation")]
    assert len(set(prints)) == len(prints) == 5
    again = relax_against_reference(get_calculator("toy:exact"), "morse-clusters")
    assert [r.fingerprint for r in again] == prints


def test_a_radius_that_one_model_failed_at_is_no_other_reference(soft, exact):
    c = curve_of(exact)
    names = ("distances", "reference_energies", "reference_forces")
    fewer = dataclasses.replace(c, **{n: np.delete(getattr(c, n), 7) for n in names})
    assert compare_runs([soft, with_scan(exact, comparison=fewer)], ["a", "b"])


# The command


@pytest.fixture
def files(soft, exact, tmp_path):
    paths = []
    for name, run in {"a.json": soft, "b.json": exact}.items():
        paths.append(tmp_path / name)
        paths[-1].write_text(dump_runs([run]))
    return paths


@pytest.mark.slow
def test_the_command_prints_both_and_draws(run_cli, files, tmp_path):
    status, out, err = run_cli("report", *files, "--figures", tmp_path / "figures")
    assert status == 0
    for words in ("A: toy:soft", "B: toy:exact", "Better here: toy:exact for", "Morse13", "N-N"):
        assert words in out
    assert max(map(len, out.splitlines())) <= 100
    # clusters have no volume
    figures = sorted((tmp_path / "figures").iterdir())
    assert [p.name for p in figures] == ["bonds.svg", "dimer-N-N.svg"]
    assert err.count("figure: ") == 2
    assert all(p.stat().st_size > 5000 for p in figures)


def test_the_command_writes_what_it_prints(run_cli, files):
    status, out, _ = run_cli("report", *files, "--json", "-")
    found = json.loads(out)
    assert status == 0
    assert [r["calculator"]["spec"] for r in found["runs"]] == ["toy:soft", "toy:exact"]
    assert found["runs"][0]["findings"][0]["status"] == "fail"


@pytest.mark.slow
def test_one_run_is_printed_as_it_was(run_cli, tmp_path):
    path = tmp_path / "run.json"
    status, before, _ = run_cli("dimer", "N", "-b", "toy:wide", "--json", path)
    assert status == 0
    status, again, _ = run_cli("report", path)
    assert (status, again) == (0, before)
    assert "molecules and gas" in again


def test_strict_holds_for_all_of_them(run_cli, files):
    assert run_cli("report", *files, "--strict")[0] == 1
    assert run_cli("report", files[1], "--strict")[0] == 0


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "No such file"),
        ("# a table", "not JSON"),
        ("[1, 2]", "schema is None"),
        ('{"schema": "mlipcheck/2", "command": "x"}', "not a complete record"),
        ('{"schema": "mlipcheck/1"}', "schema is 'mlipcheck/1'"),
        ('{"schema": "mlipcheck/9"}', "schema is 'mlipcheck/9'"),
    ],
)
def test_what_is_no_run_is_one_line(run_cli, files, tmp_path, text, told):
    path = tmp_path / "other.json"
    if text is not None:
        path.write_text(text)
    status, out, err = run_cli("report", files[0], path)
    assert (status, out) == (2, "")
    assert told in err
    assert err.count("\n") == 1


def test_runs_that_differ_exit_with_the_difference(run_cli, files, exact, tmp_path):
    path = tmp_path / "c.json"
    path.write_text(dump_runs([with_row(exact, target_fmax=0.1)]))
    status, out, err = run_cli("report", files[0], path)
    assert (status, out) == (2, "")
    assert "cannot be joined: Morse2: another fmax, 0.02 and 0.1" in err


def test_records_that_lack_fields_load(files):
    data = json.loads(files[0].read_text())
    del data["calculator"]["options"]
    for row in data["checks"]["relaxation"]:
        del row["fingerprint"]
    files[0].write_text(json.dumps(data))
    (found,) = load_runs(files[0])
    assert found.rows("interface") == ()
    assert found.rows("relaxation")[0].fingerprint == ""


def test_another_model_is_advised_where_there_is_none_beside(soft, exact):
    assert [a.kind for a in soft.advice].count(OTHER) == 1
    found = compare_runs([soft, exact])
    assert all(a.kind != OTHER for run in found.runs for a in run.advice)
    assert [a for a in soft.advice if a.kind != OTHER] == list(found.runs[0].advice)
