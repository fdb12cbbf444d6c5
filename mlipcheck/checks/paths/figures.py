"""Profiles of paths: a path a figure, a model a colour, the reference dashed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...check import align
from ...drawing.colours import REFERENCE
from ...drawing.lettering import SIZE, legend_below, plain, printable
from ...drawing.panel import Panel, new_axes, slug
from ...record import Model
from .criteria import CRITERIA
from .record import PathProfile

MAX_PANELS = 12


def draw_panels(models: Sequence[Model]) -> list[Panel]:
    """Draw the paths that some model has energies along."""
    rows = align([[(m.letter, (m, r)) for r in m.run.rows("paths")] for m in models])
    good = [[(m, r) for _, (m, r) in same if len(r.both)] for same in rows]
    return [_draw(profiles) for profiles in good if profiles][:MAX_PANELS]


def _draw(profiles: Sequence[tuple[Model, PathProfile]]) -> Panel:
    figure, axis = new_axes(3.2)
    row = profiles[0][1]
    for model, r in profiles:
        look: dict[str, Any] = {"color": model.colour, "marker": model.marker}
        axis.plot(r.coordinate, r.model, label=printable(model.label, 40), ms=4, **look)
    axis.plot(
        row.coordinate,
        row.reference,
        color=REFERENCE,
        ls="--",
        marker=".",
        label="reference",
        zorder=4,
    )
    axis.tick_params(labelsize=SIZE)
    axis.set_title(printable(row.name, 40), fontsize=SIZE + 1)
    axis.set_xlabel("path coordinate (Å)", fontsize=SIZE)
    axis.set_ylabel("E − E(first) (eV)", fontsize=SIZE)
    legend_below(figure, 2)
    readings = [(m, [c.read(r) for c in CRITERIA]) for m, r in profiles]
    words = [
        f"{plain(m.label)}: {'; '.join(plain(x.text) for x in found if x)}."
        for m, found in readings
    ]
    return Panel(
        name=slug("path", row.name),
        caption=f"Energy along {plain(row.name)}, at the reference's images.",
        alt=f"Energy along the path {plain(row.name)}. {' '.join(words)}",
        checks=("paths",),
        subjects=(row.name,),
        figure=figure,
    )
