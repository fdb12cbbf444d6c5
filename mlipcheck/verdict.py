"""From rows to findings, and from findings to a verdict; every check passes here."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from .advice import advise
from .check import Check, Criterion, Reading
from .checks import list_checks
from .drawing.tables import some
from .record import STATUSES, Finding, RunRecord

MAX_SUBJECTS = 3  # that a sentence names


def judge(
    rows: Mapping[str, Sequence[Any]], not_run: Mapping[str, str] | None = None
) -> tuple[Finding, ...]:
    """Compare rows with the limits of their checks.

    Parameters
    ----------
    rows : mapping of str to sequence
        The rows of each check, by its name.
    not_run : mapping of str to str, optional
        Which checks did not run, or in part only, and why: each is a finding *not assessed*.

    Returns
    -------
    tuple of Finding
        Worst first. For each question one finding for every status that some row got: nothing is
        averaged, and the worst one's number is shown.
    """
    findings: list[Finding] = []
    for check in reversed(list_checks()):  # what is about a user's own structures first
        members = rows.get(check.name, ())
        for criterion in check.criteria:
            found = [(r.name, reading) for r in members if (reading := criterion.read(r))]
            findings += _findings(check, criterion, found)
        if not_run and check.name in not_run:
            findings.append(_not_run(check, not_run[check.name], partly=bool(members)))
    return tuple(sorted(findings, key=lambda f: STATUSES.index(f.status)))


def _findings(
    check: Check[Any], criterion: Criterion, found: list[tuple[str, Reading]]
) -> list[Finding]:
    groups: dict[str, list[tuple[str, Reading]]] = {}
    for name, reading in found:
        groups.setdefault(criterion.status(reading), []).append((name, reading))
    findings = []
    for status, members in groups.items():
        sign = -1 if criterion.below else 1
        members = sorted(members, key=lambda m: -sign * (m[1].value or 0.0))
        subjects = tuple(name for name, _ in members)
        reason = {"ok": criterion.good, "not assessed": "could not be judged"}
        worst = members[0][1]
        findings.append(
            Finding(
                status=status,
                check=check.name,
                quantity=criterion.quantity,
                subjects=subjects,
                value=worst.text,
                number=_finite(worst.value),
                unit=criterion.unit,
                caution=_finite(criterion.caution),
                fail=_finite(criterion.fail),
                below=criterion.below,
                limits=criterion.limits,
                reason=reason.get(status, criterion.bad),
                plain=_about(criterion.advise(status), subjects if len(groups) > 1 else ()),
                why=criterion.why,
                source=criterion.source,
            )
        )
    return findings


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value


def _about(sentence: str, subjects: Sequence[str]) -> str:
    """Say which rows a sentence is about, where it does not hold for all."""
    if not (sentence and subjects):
        return sentence
    return f"{sentence.removesuffix('.')} ({some(subjects, MAX_SUBJECTS)})."


def _not_run(check: Check[Any], why: str, partly: bool) -> Finding:
    plain = f"{'Tested in part only' if partly else 'Not tested'}: {check.asks}."
    return Finding(
        "not assessed",
        check.name,
        check.title,
        ("not run",),
        why,
        reason="did not run",
        plain=plain,
    )


def conclude(run: RunRecord) -> RunRecord:
    """Return the record with findings, summary and advice, all from its own rows."""
    findings = judge(run.checks, run.not_run)
    judged = replace(run, findings=findings, summary=summarize(findings))
    return replace(judged, advice=advise(judged))


def summarize(findings: Sequence[Finding]) -> str:
    """Return the verdict in a few sentences: which questions failed, and how many did not.

    A question counts once, by the worst that some row got.
    """
    worst: dict[tuple[str, str], str] = {}
    for f in findings:
        known = worst.get(f.question, "ok")
        worst[f.question] = min(known, f.status, key=STATUSES.index)
    questions = {s: [q for q, found in worst.items() if found == s] for s in STATUSES}
    judged = len(worst) - len(questions["not assessed"])
    sentences = [] if judged else ["Nothing could be judged."]
    if questions["fail"]:
        sentences.append(f"Do not trust it with {_by_check(questions['fail'])}.")
    if questions["caution"]:
        sentences.append(f"Be careful with {_by_check(questions['caution'])}.")
    if judged:
        sentences.append(f"{len(questions['ok'])} of {judged} questions hold.")
    if judged and questions["not assessed"]:
        sentences.append(f"{len(questions['not assessed'])} could not be judged.")
    return " ".join(sentences)


def _by_check(questions: Sequence[tuple[str, str]]) -> str:
    """Return the questions in words, those of one check together."""
    titles = {check.name: check.title for check in list_checks()}
    groups: dict[str, list[str]] = {}
    for check, quantity in questions:
        groups.setdefault(titles.get(check, check), []).append(quantity)
    words = [f"{title} ({', '.join(asked)})" for title, asked in groups.items()]
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else words[0]
