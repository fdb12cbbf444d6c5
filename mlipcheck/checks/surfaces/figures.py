"""Surface energies beside the reference's, and the energy of crystals that are opened."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from ...check import align
from ...drawing.colours import PALE, REFERENCE
from ...drawing.lettering import SIZE, legend_below, plain, printable
from ...drawing.panel import Panel, new_axes, slug
from ...record import Model
from .criteria import CRITERIA
from .record import GAPS, J_PER_M2, Surface


def draw_panels(models: Sequence[Model]) -> Iterable[Panel]:
    """Draw the slabs of each element, and each plane that was cut, a model a colour."""
    for same in align([[(m.letter, (m, r)) for r in m.run.rows("surfaces")] for m in models]):
        good = [(m, r) for _, (m, r) in same if r.facets or r.work is not None]
        if not good:
            continue
        figure, axis = new_axes(3.6)
        name = plain(good[0][1].name)
        slabs = bool(good[0][1].facets)
        (_draw_slabs if slabs else _draw_gap)(axis, good)
        axis.tick_params(labelsize=SIZE)
        axis.set_title(printable(name, 40), fontsize=SIZE + 1)
        legend_below(figure, 2)
        words = [(m, [x for c in CRITERIA if (x := c.read(r))]) for m, r in good]
        found = " ".join(f"{plain(m.label)}: {plain(x.text)}." for m, xs in words for x in xs)
        about = (
            f"Surface energies of relaxed {name}, at the reference's geometry, a facet a mark."
            if slabs
            else f"Energy of {name} that is cut open, over twice the area; nothing relaxes."
        )
        yield Panel(
            slug("surface", name), about, f"{about} {found}", ("surfaces",), (name,), figure
        )


def _draw_slabs(axis: Axes, good: Sequence[tuple[Model, Surface]]) -> None:
    for model, row in good:
        known, found = np.array([(f.reference, f.model) for f in row.facets]).T / J_PER_M2
        label = printable(model.label, 40)
        look: dict[str, Any] = {"color": model.colour, "marker": model.marker, "label": label}
        axis.plot(known, found, ls="none", ms=5, **look)
        if row.ratio is not None:
            axis.plot(known, row.ratio.value * known, color=model.colour, lw=1)
    axis.axline((known[0], known[0]), slope=1, color=REFERENCE, ls="--", lw=1.2, label="equal")
    axis.set_xlabel("γ, reference (J/m²)", fontsize=SIZE)
    axis.set_ylabel("γ, model (J/m²)", fontsize=SIZE)


def _draw_gap(axis: Axes, good: Sequence[tuple[Model, Surface]]) -> None:
    for model, row in good:
        label = printable(model.label, 40)
        look: dict[str, Any] = {"color": model.colour, "marker": model.marker, "label": label}
        axis.plot(GAPS, row.energies / J_PER_M2, ms=3, **look)
    axis.axhline(0, color=PALE, lw=1, zorder=0)
    axis.set_xlabel("gap (Å)", fontsize=SIZE)
    axis.set_ylabel("energy (J/m²)", fontsize=SIZE)
