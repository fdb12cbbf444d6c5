"""Equations of state: the energy against the volume, a crystal a figure, a model a colour."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...check import align
from ...drawing.colours import DARK, REFERENCE
from ...drawing.lettering import SIZE, legend_below, plain, printable
from ...drawing.panel import Panel, new_axes, slug
from ...record import Model
from .record import CRITERIA, EquationOfState

HIGHEST = 3.0  # eV per atom above the minimum


def draw_panels(models: Sequence[Model]) -> list[Panel]:
    """Draw the crystals that some model has a curve of."""
    rows = align([[(m.letter, (m, r)) for r in m.run.rows("elasticity")] for m in models])
    good = [[(m, r) for _, (m, r) in same if np.isfinite(r.energies).any()] for same in rows]
    return [_draw(curves) for curves in good if curves]


def _draw(good: Sequence[tuple[Model, EquationOfState]]) -> Panel:
    figure, axis = new_axes(3.6)
    row, above, words = good[0][1], np.array([0.1]), []
    own = row.start_volume or 0.0
    for model, r in good:
        finite = np.isfinite(r.energies)
        volumes, energies = r.volumes[finite], r.energies[finite]
        energies = energies - (r.fit.e0 if r.fit else np.interp(own, volumes, energies))
        look: dict[str, Any] = {"color": model.colour, "marker": model.marker, "ms": 3}
        axis.plot(volumes, energies, label=printable(model.label, 40), **look)
        above = np.append(above, energies)
        texts = [plain(found.text) for c in CRITERIA if (found := c.read(r))]
        words.append(f"{plain(model.label)}: {'; '.join(texts)}.")
    if row.reference is not None:
        ends = row.reference.v0 * np.array([0.85, 1.15])
        near = np.linspace(*np.clip(ends, row.volumes.min(), row.volumes.max()))
        curve = row.reference.energy(near) - row.reference.e0
        axis.plot(near, curve, color=REFERENCE, ls="--", lw=1.2, label="reference", zorder=4)
    axis.axvline(own, color=DARK, lw=0.8, ls=":", label="its own volume")
    high = above[above < HIGHEST].max()
    axis.set_ylim(max(above.min(), -HIGHEST) - 0.05 * high, 1.1 * high)
    axis.tick_params(labelsize=SIZE)
    axis.set_title(printable(row.name, 40), fontsize=SIZE + 1)
    axis.set_xlabel("volume (Å³/atom)", fontsize=SIZE)
    axis.set_ylabel("E − E(V0) (eV/atom)", fontsize=SIZE)
    legend_below(figure, 2)
    caption = f"Energy of {plain(row.name)} against its volume, shape and positions kept."
    alt = f"{caption} {' '.join(words)}"
    return Panel(slug("volume", row.name), caption, alt, ("elasticity",), (row.name,), figure)
