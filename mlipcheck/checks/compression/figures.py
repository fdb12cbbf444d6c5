"""Figures of compression: a pair of a crystal each, a model a colour."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...check import align
from ...drawing.colours import DARK
from ...drawing.lettering import SIZE, legend_below, plain, printable
from ...drawing.panel import Panel, new_axes, slug
from ...record import Model
from .record import CompressedPair

HIGHEST, DEEPEST = 100.0, -30.0  # eV


def draw_panels(models: Sequence[Model]) -> list[Panel]:
    """Draw the pairs of which some model has energies."""
    rows = align([[(m.letter, (m, r)) for r in m.run.rows("compression")] for m in models])
    good = [[(m, r) for _, (m, r) in same if r.innermost is not None] for same in rows]
    return [_draw(curves) for curves in good if curves]


def _draw(curves: Sequence[tuple[Model, CompressedPair]]) -> Panel:
    figure, axis = new_axes(3.4)
    row = curves[0][1]
    words = []
    for model, r in curves:
        label = printable(model.label, 40)
        axis.plot(r.distances, r.energies, color=model.colour, label=label)
        for found, fill in ((r.attraction, "white"), (r.collapse, model.colour)):
            if found is not None and found.barrier < HIGHEST:
                place = (found.distance, found.barrier)
                axis.plot(*place, model.marker, color=model.colour, mfc=fill, zorder=4)
        where = "none"
        if r.attraction is not None:
            where = f"{r.attraction.distance:.2f} Å behind {r.attraction.barrier:.1f} eV"
        words.append(f"{plain(model.label)}: first attraction {where}.")
    lowest = min(float(np.nanmin(r.energies)) for _, r in curves)
    top = min(max(float(np.nanmax(r.energies)) for _, r in curves), HIGHEST)
    axis.set_ylim(max(lowest, DEEPEST) - 0.05 * top, 1.1 * top)
    axis.axhline(0, color="0.8", lw=0.6, zorder=0)
    axis.axvline(row.contact or 0.0, color=DARK, lw=0.8, ls=":", label="in the crystal")
    axis.tick_params(labelsize=SIZE)
    axis.set_title(printable(row.name, 40), fontsize=SIZE + 1)
    axis.set_xlabel("distance (Å)", fontsize=SIZE)
    axis.set_ylabel("E − E(crystal) (eV)", fontsize=SIZE)
    legend_below(figure, 2)
    return Panel(
        name=slug("pushed", row.name),
        caption=f"Two neighbours of {plain(row.name)} pushed together, all other atoms kept. "
        "Hollow mark: first attraction; filled: collapse.",
        alt=f"Energy of {plain(row.name)} against the distance of the pair. {' '.join(words)}",
        checks=("compression",),
        subjects=(row.name,),
        figure=figure,
    )
