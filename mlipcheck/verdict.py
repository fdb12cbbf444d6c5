"""From rows to findings, and from findings to answers by use; every check passes here."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from . import uses
from .advice import advise
from .calculators.base import FAILURES
from .calculators.evaluate import describe_error
from .check import Check
from .checks import list_checks
from .criterion import Criterion, Evidence, Reading
from .record import NOT_RUN, STATUSES, Finding, RunRecord, Subject
from .references.doubts import KINDS, Doubt

_SYMBOL = re.compile("[A-Z][a-z]?")  # in Cu2O and in Cu-O
Bearing = tuple[str, str, tuple[Doubt, ...], tuple[str, ...], tuple[str, ...]]


def judge(
    rows: Mapping[str, Sequence[Any]],
    not_run: Mapping[str, str] | None = None,
    subject: Subject | None = None,
    unfinished: Mapping[str, Sequence[str]] | None = None,
) -> tuple[Finding, ...]:
    """Compare rows with the limits of their checks.

    Parameters
    ----------
    rows : mapping of str to sequence
        The rows of each check, by its name.
    not_run : mapping of str to str, optional
        Which checks did not run, or in part only, and why: each is a finding *not assessed*.
    subject : Subject, optional
        What was asked about.
    unfinished : mapping of str to sequence of str, optional
        The names of a check's rows that a timeout left no time for: *not assessed*, since that is
        not the model's fault.

    Returns
    -------
    tuple of Finding
        Worst first. For each question one finding for every status that some row got, by each kind
        of evidence: nothing is averaged, and the worst one's number is shown.
    """
    findings: list[Finding] = []
    for check in reversed(list_checks()):  # what is about a user's own structures first
        members = rows.get(check.name, ())
        late = (unfinished or {}).get(check.name, ())
        for criterion in check.criteria:
            found = [(r.name, *read) for r in members if (read := _read(check, criterion, r, late))]
            findings += _findings(check, criterion, found, subject or Subject())
        if not_run and check.name in not_run:
            findings.append(_not_run(check, not_run[check.name], partly=bool(members)))
    return tuple(sorted(findings, key=_rank))


def _read(
    check: Check[Any], criterion: Criterion, row: Any, late: Sequence[str]
) -> tuple[Reading, Evidence] | None:
    """Return a number with what it rests on; a check of another package may fail here."""
    try:
        reading = criterion.read(row)
        if reading and row.name in late:
            reading = Reading(None, row.error or reading.text)
        return (reading, check.evidence(row)) if reading else None
    except FAILURES as error:
        text = f"the check itself failed: {describe_error(error)}"
        return Reading(None, text), Evidence(uses.CONSISTENCY)


def _findings(
    check: Check[Any],
    criterion: Criterion,
    found: Sequence[tuple[str, Reading, Evidence]],
    subject: Subject,
) -> list[Finding]:
    groups: dict[Bearing, list[tuple[str, Reading]]] = {}
    others = {name for name, _, evidence in found if evidence.tested_on not in uses.OF_ELEMENTS}
    for name, reading, evidence in found:
        status, doubts = _weigh(criterion, reading, evidence)
        tested_on = evidence.tested_on if criterion.rests_on else uses.CONSISTENCY
        bearing = _uses(check, criterion, status, evidence, subject)
        groups.setdefault((status, tested_on, doubts, *bearing), []).append((name, reading))
    findings = []
    for (status, tested_on, doubts, decides, hints), members in groups.items():
        members = sorted(members, key=lambda m: -_size(m[1], criterion.below))
        reason = {"ok": criterion.good, "not assessed": "could not be judged"}
        worst = members[0][1]
        fails = any(criterion.status(reading) == "fail" for _, reading in members)
        findings.append(
            Finding(
                status=status,
                check=check.name,
                quantity=criterion.quantity,
                subjects=tuple(name for name, _ in members),
                value=worst.text,
                number=_finite(worst.value),
                unit=criterion.unit,
                caution=_finite(criterion.caution),
                fail=_finite(criterion.fail),
                below=criterion.below,
                limits=criterion.limits,
                reason=reason.get(status, criterion.bad),
                why=criterion.why,
                source=criterion.source,
                decides=decides,
                hints=hints,
                tested_on=tested_on,
                doubts=doubts,
                capped=fails and status == "caution",
                of_elements=others.isdisjoint(name for name, _ in members),
            )
        )
    return findings


def _rank(f: Finding) -> tuple[int, int]:
    """Order findings: the worst first, and of those what is about the user's own structures."""
    return STATUSES.index(f.status), uses.TESTED_ON.index(f.tested_on)


def _size(reading: Reading, below: bool) -> float:
    """Return how bad a reading is: nothing is worse than no number."""
    value = reading.value or 0.0
    return math.inf if math.isnan(value) else -value if below else value


def _weigh(
    criterion: Criterion, reading: Reading, evidence: Evidence
) -> tuple[str, tuple[Doubt, ...]]:
    """Return the status that is fair beside the doubts about the reference, and those doubts."""
    status = criterion.status(reading)
    bearing = (d for d in evidence.doubts if d.bears_on(criterion.rests_on))
    doubts = tuple(sorted(bearing, key=lambda d: list(KINDS).index(d.kind)))
    if any(d.void for d in doubts):
        return "not assessed", doubts
    return ("caution" if doubts and status == "fail" else status), doubts


def _uses(
    check: Check[Any], criterion: Criterion, status: str, evidence: Evidence, subject: Subject
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the uses that a finding decides, and those at which it hints.

    Molecular crystals bear on molecules alone, and elements only hint at compounds, whose bonding
    is another, as does what is about elements that nobody asked about. All uses suppose that a
    foundation holds; what is known to fail asks for no care.
    """
    decides = check.decides if criterion.decides is None else criterion.decides
    hints = check.hints if criterion.hints is None else criterion.hints
    if check.foundation:
        return (), uses.ALL_USES if status == "fail" else ()
    if evidence.tested_on == uses.MOLECULAR:
        return (), ("molecules",)
    asked = {x for name in (*subject.formulas, *subject.elements) for x in _SYMBOL.findall(name)}
    unasked = not asked.issuperset(evidence.elements)
    if unasked or (evidence.tested_on == uses.ELEMENTS and subject.compound):
        return (), tuple(dict.fromkeys((*decides, *hints)))
    return decides, hints


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value


def _not_run(check: Check[Any], why: str, partly: bool) -> Finding:
    return Finding(
        "not assessed",
        check.name,
        check.title,
        NOT_RUN,
        why,
        reason=f"{'tested in part only' if partly else 'not tested'}: {check.asks}",
        decides=check.decides,
        hints=check.hints,
        tested_on=uses.CONSISTENCY,
    )


def judge_beside(run: RunRecord, check: str, rows: Sequence[Any]) -> RunRecord:
    """Return the record with other rows of one check, its findings and the answers by them."""
    kept = [f for f in run.findings if f.check != check or f.subjects == NOT_RUN]
    findings = sorted((*kept, *judge({check: rows}, None, run.subject, run.unfinished)), key=_rank)
    checks = {**run.checks, check: tuple(rows)}
    return replace(run, checks=checks, findings=tuple(findings), uses=uses.answer_uses(findings))


def conclude(run: RunRecord) -> RunRecord:
    """Return the record with findings, answers by use and advice, all from its own rows."""
    findings = judge(run.checks, run.not_run, run.subject, run.unfinished)
    judged = replace(run, findings=findings, uses=uses.answer_uses(findings))
    return replace(judged, advice=advise(judged))
