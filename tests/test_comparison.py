"""Runs side by side: what is joined, what is refused, and what is told of it."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from ase.calculators.calculator import InputError

from mlipcheck import (
    get_calculator,
    judge,
    relax_against_reference,
    scan_dimers,
)
from mlipcheck.calculators.registry import describe
from mlipcheck.checks.relaxation.relax import RelaxSettings
from mlipcheck.comparison import compare_runs
from mlipcheck.record import RunRecord
from mlipcheck.storage import dumps, load_run, to_plain
from mlipcheck.verdict import conclude


def run_of(spec, **how):
    calculator = get_calculator(spec)
    scans = scan_dimers(calculator, ["N"], reference="morse")
    rows = relax_against_reference(calculator, "morse-clusters", **how)
    return RunRecord(
        command="",
        calculator=describe(calculator),
        versions={"mlipcheck": "1"},
        settings={"relax": to_plain(RelaxSettings(**how))},
        dimers=tuple(scans),
        relaxations=tuple(rows),
        findings=judge(scans, rows),
    )


@pytest.fixture(scope="module")
def soft():
    return run_of("toy:soft")


@pytest.fixture(scope="module")
def exact():
    return run_of("toy:exact")


def only(run, part):
    parts = {p: () for p in ("dimers", "relaxations", "contract") if p != part}
    parts[part] = getattr(run, part)
    return dataclasses.replace(run, findings=judge(**parts), **parts)


def refused(one, other):
    with pytest.raises(InputError, match=r"^a.json and b.json cannot be joined: ") as caught:
        compare_runs([one, other], ["a.json", "b.json"])
    assert "\n" not in str(caught.value)
    return str(caught.value)


# What is joined


def test_every_question_has_each_model_s_answer(soft, exact):
    found = compare_runs([soft, exact], ["a", "b"])
    assert found.labels == ("toy:soft", "toy:exact")
    rows = {(r.check, r.quantity): r.findings for r in found.rows}
    assert rows.keys() == {(f.check, f.quantity) for f in soft.findings + exact.findings}
    wall = rows["dimer", "repulsive wall"]
    assert [f.status for (f,) in wall] == ["fail", "ok"]
    told = {f for row in found.rows for f in row.findings[0]}
    assert told == set(soft.findings)


def test_the_worst_questions_come_first(soft, exact):
    worst = [
        min(
            ["fail", "caution", "not assessed", "ok"].index(f.status) for x in r.findings for f in x
        )
        for r in compare_runs([exact, soft], ["a", "b"]).rows
    ]
    assert worst == sorted(worst)
    assert worst[0] == 0


def test_what_one_model_did_in_several_runs_is_one(soft, exact):
    apart = [only(soft, "dimers"), only(exact, "relaxations")]
    apart += [only(soft, "relaxations"), only(exact, "dimers")]
    found = compare_runs(apart, ["a", "b", "c", "d"])
    whole = compare_runs([soft, exact], ["a", "b"])
    assert found.labels == whole.labels
    assert to_plain(found.rows) == to_plain(whole.rows)


def test_the_same_model_twice_is_told_apart(soft):
    assert compare_runs([soft, soft], ["a", "b"]).labels == ("toy:soft", "toy:soft #2")


def test_options_are_part_of_a_label(soft):
    info = dataclasses.replace(soft.calculator, options={"modal": "PBE"})
    other = dataclasses.replace(soft, calculator=info)
    assert compare_runs([soft, other], ["a", "b"]).labels == ("toy:soft", "toy:soft modal=PBE")


def test_other_versions_are_told(soft, exact):
    other = dataclasses.replace(exact, versions={"mlipcheck": "2"})
    (note,) = compare_runs([soft, other], ["a", "b"]).notes
    assert "different versions of mlipcheck: 1, 2" in note


def test_a_seed_that_nothing_used_does_not_matter(soft, exact):
    other = dataclasses.replace(exact, settings={"relax": to_plain(RelaxSettings(seed=3))})
    assert compare_runs([soft, other], ["a", "b"])


# What is refused


def with_scan(run, **changes):
    return dataclasses.replace(run, dimers=(dataclasses.replace(run.dimers[0], **changes),))


def with_row(run, **changes):
    first, *others = run.relaxations
    return dataclasses.replace(run, relaxations=(dataclasses.replace(first, **changes), *others))


def other_curve(run):
    c = run.dimers[0].comparison
    bent = c.reference_energies + 1e-4 * np.sin(c.distances)
    return with_scan(run, comparison=dataclasses.replace(c, reference_energies=bent))


def other_level(run):
    c = run.dimers[0].comparison
    return with_scan(run, comparison=dataclasses.replace(c, reference="PBE diatomics"))


DIFFERENCES = {
    "pairs are N-N and Cu-N": lambda run: with_scan(run, pair=("Cu", "N")),
    "the grids of N-N are 225 points from 0.400 to 6.000 Å and 225 points from 0.500": (
        lambda run: with_scan(run, distances=np.linspace(0.5, 6.0, 225))
    ),
    "is another curve": other_curve,
    "the references of N-N are exact Morse and PBE diatomics": other_level,
    "N-N has a reference, exact Morse, in one of them only": (
        lambda run: with_scan(run, comparison=None)
    ),
    "pairs are N-N and none": lambda run: dataclasses.replace(run, dimers=()),
    "there are 5 and 4 relaxations": (
        lambda run: dataclasses.replace(run, relaxations=run.relaxations[:4])
    ),
    "Morse2: another reference structure": lambda run: with_row(run, fingerprint="0"),
    "Morse2: another start, relaxed and first": lambda run: with_row(run, start="first"),
    "Morse2: another cell, fixed and free": lambda run: with_row(run, cell="free"),
    "fmax is 0.02 and 0.1": (
        lambda run: dataclasses.replace(run, settings={"relax": to_plain(RelaxSettings(fmax=0.1))})
    ),
}


@pytest.mark.parametrize("told", DIFFERENCES)
def test_what_differs_is_told(soft, exact, told):
    assert told in refused(soft, DIFFERENCES[told](exact))


def test_another_rattle_is_refused():
    one, other = (run_of("toy:exact", start="rattled", seed=seed) for seed in (0, 5))
    assert "seed is 0 and 5" in refused(one, other)


def test_many_differences_are_counted(soft, exact):
    rows = [dataclasses.replace(r, fingerprint="0") for r in exact.relaxations]
    told = refused(soft, dataclasses.replace(exact, relaxations=tuple(rows)))
    assert told.endswith("Morse4: another reference structure; and 2 more")


def test_a_reference_is_known_by_its_structure_and_not_by_its_name(soft):
    prints = [r.fingerprint for r in soft.relaxations]
    assert len(set(prints)) == len(prints) == 5
    again = relax_against_reference(get_calculator("toy:exact"), "morse-clusters")
    assert [r.fingerprint for r in again] == prints


def test_a_radius_that_one_model_failed_at_is_no_other_reference(soft, exact):
    c = exact.dimers[0].comparison
    names = ("distances", "energies", "forces", "reference_energies", "reference_forces")
    fewer = dataclasses.replace(c, **{n: np.delete(getattr(c, n), 7) for n in names})
    assert compare_runs([soft, with_scan(exact, comparison=fewer)], ["a", "b"])


# The command


@pytest.fixture
def files(soft, exact, tmp_path):
    paths = []
    for name, run in {"a.json": soft, "b.json": exact}.items():
        paths.append(tmp_path / name)
        paths[-1].write_text(dumps(run))
    return paths


def test_the_command_prints_both_and_draws(run_cli, files, tmp_path):
    status, out, err = run_cli("report", *files, "--figures", tmp_path / "figures")
    assert status == 0
    for told in ("A: toy:soft", "B: toy:exact", "dimer: repulsive wall", "Morse13", "N-N"):
        assert told in out
    assert max(map(len, out.splitlines())) <= 100
    assert err.count("figure: ") == 1  # clusters have no volume
    assert (tmp_path / "figures" / "dimers.png").stat().st_size > 5000


def test_the_command_writes_what_it_prints(run_cli, files):
    status, out, _ = run_cli("report", *files, "--json", "-")
    found = json.loads(out)
    assert (status, found["labels"]) == (0, ["toy:soft", "toy:exact"])
    assert len(found["runs"]) == 2
    assert found["rows"][0]["findings"][0][0]["status"] == "fail"


def test_one_run_is_printed_as_it_was(run_cli, tmp_path):
    path = tmp_path / "run.json"
    status, before, _ = run_cli("dimer", "N", "-b", "toy:wide", "--json", path)
    assert status == 0
    status, again, _ = run_cli("report", path)
    assert status == 0
    assert again.startswith(before)
    assert "Verdict" in again


def test_strict_holds_for_all_of_them(run_cli, files):
    assert run_cli("report", *files, "--strict")[0] == 1
    assert run_cli("report", files[1], "--strict")[0] == 0


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "No such file"),
        ("# a table", "not JSON"),
        ("[1, 2]", "schema is None"),
        ('{"schema": "mlipcheck/1", "command": "x"}', "not a complete record"),
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
    path.write_text(dumps(DIFFERENCES["fmax is 0.02 and 0.1"](exact)))
    status, out, err = run_cli("report", files[0], path)
    assert (status, out) == (2, "")
    assert "cannot be joined: fmax is 0.02 and 0.1" in err


def test_records_of_before_the_contract_load(files):
    data = json.loads(files[0].read_text())
    del data["contract"], data["calculator"]["options"]
    for row in data["relaxations"]:
        del row["fingerprint"]
    files[0].write_text(json.dumps(data))
    assert load_run(files[0]).contract == ()


def advice_of(run):
    return [a.text for a in run.advice if a.kind == "another model"]


def test_each_model_is_told_which_other_one_holds(soft, exact):
    found = compare_runs([conclude(soft), conclude(exact)], ["soft", "exact"])
    (told,) = advice_of(found.runs[0])
    assert told.startswith("Of these, toy:exact holds with dimer: ")
    assert "dimer: softening of the wall" in told
    assert advice_of(found.runs[1]) == []
    # drawn again from its own results it says the same
    again = compare_runs(found.runs, ["soft", "exact"])
    assert [run.advice for run in again.runs] == [run.advice for run in found.runs]


def test_two_equal_models_are_no_help_to_each_other(soft):
    found = compare_runs([conclude(soft), conclude(soft)], ["one", "two"])
    for run in found.runs:
        assert advice_of(run) == ["Of these, none holds where this one does not."]
