"""From rows and findings to what would help next: each check's own, and what crosses checks."""

from __future__ import annotations

from .checks import list_checks
from .record import CROSSED, Advice, RunRecord

OTHER = "another model"


def advise(run: RunRecord) -> tuple[Advice, ...]:
    """Return what would help next; it goes by the findings that the record has.

    Nothing is advised that the record does not bear out: a factor only where it was accepted on
    frames that it had not seen, a number of frames only where it was measured.
    """
    found = [advice for check in reversed(list_checks()) for advice in check.advice(run)]
    if any(f.status in CROSSED and not f.doubts for f in run.findings):
        found.append(
            Advice(
                OTHER,
                "Another model may hold where this one does not: give the command again with a "
                "second -b, or join two reports, mlipcheck report FOLDER OTHER_FOLDER.",
            )
        )
    return tuple(found)
