"""Readings of the contract."""

from __future__ import annotations

from ...check import Reading
from .record import ContractResult


def read_promise(result: ContractResult) -> Reading | None:
    crossed = {"failed": 2.0, "expected failure": 1.0, "passed": 0.0}.get(result.status)
    if crossed is None:
        return None
    return Reading(crossed, f"{result.question}: {result.message}" if crossed else "kept")
