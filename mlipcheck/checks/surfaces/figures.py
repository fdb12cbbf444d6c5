"""The energy of crystals that are opened, a plane a figure, a model a colour."""

from __future__ import annotations

from collections.abc import Sequence

from ...check import align
from ...drawing.colours import PALE
from ...drawing.lettering import SIZE, legend_below, plain, printable
from ...drawing.panel import Panel, new_axes, slug
from ...record import Model
from .criteria import read_cleavage
from .record import GAPS, J_PER_M2, Surface


def draw_panels(models: Sequence[Model]) -> list[Panel]:
    """Draw the planes that some model has energies of."""
    rows = align([[(m.letter, (m, r)) for r in m.run.rows("surfaces")] for m in models])
    good = [[(m, r) for _, (m, r) in same if r.work is not None] for same in rows]
    return [_draw(same) for same in good if same]


def _draw(good: Sequence[tuple[Model, Surface]]) -> Panel:
    figure, axis = new_axes(3.4)
    name = plain(good[0][1].name)
    words = []
    for model, row in good:
        axis.plot(
            GAPS,
            row.energies / J_PER_M2,
            color=model.colour,
            marker=model.marker,
            ms=3,
            label=printable(model.label, 40),
        )
        found = read_cleavage(row)
        words.append(f"{plain(model.label)}: {plain(found.text) if found else '-'}.")
    axis.axhline(0, color=PALE, lw=1, zorder=0)
    axis.tick_params(labelsize=SIZE)
    axis.set_title(printable(name, 40), fontsize=SIZE + 1)
    axis.set_xlabel("gap (Å)", fontsize=SIZE)
    axis.set_ylabel("energy (J/m²)", fontsize=SIZE)
    legend_below(figure, 2)
    about = f"Energy of {name} that is cut open, over twice the area; nothing relaxes."
    alt = f"{about} {' '.join(words)}"
    return Panel(slug("surface", name), about, alt, ("surfaces",), (name,), figure)
