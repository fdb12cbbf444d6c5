"""The one table of limits: what is asked, where a limit is crossed, and where it comes from."""

from __future__ import annotations

from . import contract, dimer, distances, parity, relax
from .criterion import Criterion

CRITERIA: tuple[Criterion, ...] = (
    *dimer.CRITERIA,
    *distances.CRITERIA,
    *relax.CRITERIA,
    *parity.CRITERIA,
    *contract.CRITERIA,
)

__all__ = ["CRITERIA", "Criterion"]
