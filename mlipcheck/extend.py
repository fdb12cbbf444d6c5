"""What a check or a backend of another package is made of, and all that it may import from here.

With `mlipcheck` and `mlipcheck.testing` these are the public modules; what is elsewhere may move.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .calculators.backend import Backend, Checkpoint, Demonstration
from .calculators.base import Evaluation
from .calculators.batched import split_batch
from .check import Check, Context, Skip, Task
from .criterion import OWN_CONVENTION, Criterion, Evidence, Reading
from .drawing.tables import Column, Paragraph, TableBlock, number
from .record import Advice, Finding, Model, RunRecord
from .references.doubts import Doubt
from .system import Settings, System
from .uses import CONSISTENCY, ELEMENTS, MOLECULAR, OWN, PAIRS, PUBLIC, TOY, USES

if TYPE_CHECKING:
    from .drawing.panel import SIZE, Panel, legend_below, new_axes

_DRAWING = ("SIZE", "Panel", "legend_below", "new_axes")

__all__ = [
    "CONSISTENCY",
    "ELEMENTS",
    "MOLECULAR",
    "OWN",
    "OWN_CONVENTION",
    "PAIRS",
    "PUBLIC",
    "SIZE",
    "TOY",
    "USES",
    "Advice",
    "Backend",
    "Check",
    "Checkpoint",
    "Column",
    "Context",
    "Criterion",
    "Demonstration",
    "Doubt",
    "Evaluation",
    "Evidence",
    "Finding",
    "Model",
    "Panel",
    "Paragraph",
    "Reading",
    "RunRecord",
    "Settings",
    "Skip",
    "System",
    "TableBlock",
    "Task",
    "legend_below",
    "new_axes",
    "number",
    "split_batch",
]


def __getattr__(name: str) -> Any:
    if name not in _DRAWING:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .drawing import panel  # imports matplotlib

    return getattr(panel, name)
