"""From rows and findings to what would help next: each check's own, and what crosses checks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .checks import list_checks
from .record import CROSSED, Advice, RunRecord

OTHER = "another model"


def advise(run: RunRecord) -> tuple[Advice, ...]:
    """Return what would help next; it goes by the findings that the record has.

    Nothing is advised that the record does not bear out: a factor only where it was accepted on
    frames that it had not seen, a number of frames only where it was measured.
    """
    found = [advice for check in reversed(list_checks()) for advice in check.advice(run)]
    if any(f.status in CROSSED for f in run.findings):
        found.append(
            Advice(
                OTHER,
                "Another model may hold where this one does not: give the command again with a "
                "second -b, or join two reports, mlipcheck report FOLDER OTHER_FOLDER.",
            )
        )
    return tuple(found)


def name_better_models(runs: Sequence[RunRecord], labels: Sequence[str]) -> tuple[RunRecord, ...]:
    """Say of each of several models which of the others holds where it does not."""
    troubles = [{f.question for f in run.findings if f.status in CROSSED} for run in runs]
    holds = [{f.question for f in run.findings if f.status == "ok"} for run in runs]
    found = []
    for k, run in enumerate(runs):
        better = []
        for j, label in enumerate(labels):
            questions = sorted((troubles[k] & holds[j]) - troubles[j])
            if questions:
                better.append(f"{label} holds with {', '.join(map(': '.join, questions))}")
        text = f"Of these, {'; '.join(better) or 'none holds where this one does not'}."
        advice = tuple(replace(a, text=text) if a.kind == OTHER else a for a in run.advice)
        found.append(replace(run, advice=advice))
    return tuple(found)
