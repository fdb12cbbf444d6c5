"""From results to a verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from .advice import advise
from .check import Criterion, Reading
from .checks.contacts.record import ClosestApproach
from .checks.dimers.record import DimerScan
from .checks.interface.record import ContractResult
from .checks.parity.record import Parity
from .checks.relaxation.record import Relaxation
from .criteria import CRITERIA
from .record import STATUSES, Finding, RunRecord

# What each check of a check-up answers: what is not known where it did not run.
CHECKS = {
    "contract": ("promises", "Whether it behaves as an ASE calculator was not looked at."),
    "dimer": ("pairs of atoms", "How it holds two atoms apart and together was not looked at."),
    "distances": (
        "room to the collapse",
        "How close your own atoms come to where walls turn over was not looked at.",
    ),
    "relax": ("relaxed structures", "Where it relaxes structures to was not looked at."),
    "parity": ("labelled frames", "How wrong it is on your own structures was not looked at."),
    "signal": (
        "order of states",
        "Whether it resolves the difference that you care about was not looked at.",
    ),
    "learning": (
        "frames needed",
        "How many frames of your own would mend it was not looked at.",
    ),
}

# What each check that has limits is about.
SUBJECTS = {
    "contract": "ASE's promises",
    "dimer": "pairs of atoms",
    "distances": "your shortest distances",
    "relax": "relaxed structures",
    "parity": "labelled frames",
}


def judge(
    dimers: Sequence[DimerScan] = (),
    relaxations: Sequence[Relaxation] = (),
    contract: Sequence[ContractResult] = (),
    parities: Sequence[Parity] = (),
    approaches: Sequence[ClosestApproach] = (),
    not_run: Mapping[str, str] | None = None,
) -> tuple[Finding, ...]:
    """Hold results against the table.

    Parameters
    ----------
    dimers, relaxations, contract, parities, approaches : sequences of records
    not_run : mapping of str to str, optional
        Which of `CHECKS` did not run, and why: each is a finding that is not assessed.

    Returns
    -------
    tuple of Finding
        Worst first. For each question one finding for every status that some pair,
        structure or promise got: nothing is averaged, and the worst one's number is shown.
    """
    records: dict[str, Sequence[Any]] = {
        "dimer": dimers,
        "distances": approaches,
        "relax": relaxations,
        "parity": parities,
        "contract": contract,
    }
    findings: list[Finding] = []
    for criterion in CRITERIA:
        rows = records[criterion.check]
        found = [(r.name, reading) for r in rows if (reading := criterion.read(r))]
        findings += _findings(criterion, found)
    for check, why in (not_run or {}).items():
        findings.append(_not_run(check, why, partly=bool(records.get(check))))
    return tuple(sorted(findings, key=lambda f: STATUSES.index(f.status)))


def _findings(criterion: Criterion, found: list[tuple[str, Reading]]) -> list[Finding]:
    groups: dict[str, list[tuple[str, Reading]]] = {}
    for name, reading in found:
        status = "not assessed" if reading.value is None else criterion.status(reading.value)
        groups.setdefault(status, []).append((name, reading))
    findings = []
    for status, members in groups.items():
        sign = -1 if criterion.below else 1
        members = sorted(members, key=lambda m: -sign * (m[1].value or 0.0))
        subjects = tuple(name for name, _ in members)
        reason = {"ok": criterion.good, "not assessed": "could not be judged"}
        findings.append(
            Finding(
                status=status,
                check=criterion.check,
                quantity=criterion.quantity,
                subjects=subjects,
                value=members[0][1].text,
                threshold=criterion.limits,
                reason=reason.get(status, criterion.bad),
                plain=_about(criterion.plain(status), subjects if len(groups) > 1 else ()),
                why=criterion.why,
                source=criterion.source,
            )
        )
    return findings


def _about(sentence: str, subjects: Sequence[str], many: int = 3) -> str:
    """Say whom a sentence is about, where it does not hold for all."""
    if not (sentence and subjects):
        return sentence
    names = ", ".join(subjects[:many])
    names += f" and {len(subjects) - many} more" if len(subjects) > many else ""
    return f"{sentence.removesuffix('.')} ({names})."


def _not_run(check: str, why: str, partly: bool) -> Finding:
    quantity, plain = CHECKS[check]
    if partly:
        plain = f"{plain.removesuffix('not looked at.')}looked at in part only."
    return Finding("not assessed", check, quantity, ("not run",), why, "", "did not run", plain)


def conclude(record: RunRecord) -> RunRecord:
    """Return the record with findings, summary and advice, all from its own rows."""
    findings = judge(
        record.dimers,
        record.relaxations,
        record.contract,
        record.parities,
        record.approaches,
        record.not_run,
    )
    judged = replace(record, findings=findings, summary=summarize(findings))
    return replace(judged, advice=advise(judged))


def summarize(findings: Sequence[Finding]) -> str:
    """Return the verdict in a few sentences: which questions failed, and how many did not.

    A question counts once, by the worst that some pair, structure or promise got.
    """
    worst: dict[tuple[str, str], str] = {}
    for f in findings:
        known = worst.get((f.check, f.quantity), "ok")
        worst[f.check, f.quantity] = min(known, f.status, key=STATUSES.index)
    questions = {s: [q for q, found in worst.items() if found == s] for s in STATUSES}
    judged = len(worst) - len(questions["not assessed"])
    told = [] if judged else ["Nothing could be judged."]
    if questions["fail"]:
        told.append(f"Do not trust it with {_by_check(questions['fail'])}.")
    if questions["caution"]:
        told.append(f"Be careful with {_by_check(questions['caution'])}.")
    if judged:
        told.append(f"{len(questions['ok'])} of {judged} questions hold.")
    if judged and questions["not assessed"]:
        told.append(f"{len(questions['not assessed'])} could not be judged.")
    return " ".join(told)


def _by_check(questions: Sequence[tuple[str, str]]) -> str:
    """Return the questions in words, those of one check together."""
    groups: dict[str, list[str]] = {}
    for check, quantity in questions:
        groups.setdefault(SUBJECTS[check], []).append(quantity)
    told = {subject: f"{subject} ({', '.join(asked)})" for subject, asked in groups.items()}
    whole = SUBJECTS["contract"]  # which asks but one question
    return _listed([whole if subject == whole else words for subject, words in told.items()])


def _listed(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else words[0]
