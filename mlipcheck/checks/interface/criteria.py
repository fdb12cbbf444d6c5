"""Limits for the contract."""

from __future__ import annotations

from ...check import HERE, Criterion
from . import readings

CRITERIA: tuple[Criterion, ...] = (
    Criterion(
        "contract",
        "promises",
        readings.read_promise,
        caution=0,
        fail=1,
        limits="caution: a known failure; fail: any other",
        source=f"{HERE}: what every ASE calculator promises",
        good="it behaves as an ASE calculator does",
        bad="it breaks a promise that scripts and checks rely on",
        why="ASE's optimizers, filters and dynamics suppose these promises, and do not check them",
        careful="Know which promise it breaks before you need it.",
        avoid="Do not use it where this promise is needed.",
    ),
)
