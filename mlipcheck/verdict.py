"""From results to a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .criteria import CRITERIA, Criterion
from .readings import Reading
from .results import ContractResult, DimerScan, Finding, Parity, Relaxation

STATUSES = ("fail", "caution", "not assessed", "ok")  # worst first


def judge(
    dimers: Sequence[DimerScan] = (),
    relaxations: Sequence[Relaxation] = (),
    contract: Sequence[ContractResult] = (),
    parities: Sequence[Parity] = (),
) -> tuple[Finding, ...]:
    """Hold results against the table.

    Returns
    -------
    tuple of Finding
        Worst first. For each question one finding for every status that some pair,
        structure or promise got: nothing is averaged, and the worst one's number is shown.
    """
    records: dict[str, Sequence[Any]] = {
        "dimer": dimers,
        "relax": relaxations,
        "parity": parities,
        "contract": contract,
    }
    findings: list[Finding] = []
    for criterion in CRITERIA:
        rows = records[criterion.check]
        found = [(r.name, reading) for r in rows if (reading := criterion.read(r))]
        findings += _findings(criterion, found)
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
        reason = {"ok": criterion.good, "not assessed": "could not be judged"}
        findings.append(
            Finding(
                status=status,
                check=criterion.check,
                quantity=criterion.quantity,
                subjects=tuple(name for name, _ in members),
                value=members[0][1].text,
                threshold=criterion.limits,
                reason=reason.get(status, criterion.bad),
            )
        )
    return findings
