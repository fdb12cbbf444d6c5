"""The energy of crystals that are opened, a model a colour."""

from __future__ import annotations

from typing import Any

from ...drawing.colours import PALE
from ...drawing.lettering import printable
from ...record import Model
from .record import GAPS, J_PER_M2, Surface


def draw_gap(axis: Any, good: list[tuple[Model, Surface]]) -> None:
    for model, row in good:
        look: dict[str, Any] = {"color": model.colour, "marker": model.marker, "ms": 3}
        axis.plot(GAPS, row.energies / J_PER_M2, label=printable(model.label, 40), **look)
    axis.axhline(0, color=PALE, lw=1, zorder=0)
