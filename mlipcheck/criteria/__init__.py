"""The one table of limits: what is asked, where a limit is crossed, and where it comes from."""

from __future__ import annotations

from . import contract, dimer, distances, parity, relax
from .criterion import Criterion

# What is about a user's own structures first.
CRITERIA: tuple[Criterion, ...] = (
    *parity.CRITERIA,
    *relax.CRITERIA,
    *distances.CRITERIA,
    *dimer.CRITERIA,
    *contract.CRITERIA,
)

__all__ = ["CRITERIA", "Criterion"]
