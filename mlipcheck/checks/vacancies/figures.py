"""Hops: the energy along the straight path, and the relaxed barrier; a crystal a figure."""

from __future__ import annotations

from collections.abc import Sequence

from ...check import align
from ...drawing.colours import REFERENCE
from ...drawing.lettering import SIZE, legend_below, plain, printable
from ...drawing.panel import Panel, new_axes, slug
from ...record import Model
from .criteria import CRITERIA
from .record import Vacancy


def draw_panels(models: Sequence[Model]) -> list[Panel]:
    """Draw the crystals that some model has a hop in."""
    rows = align([[(m.letter, (m, r)) for r in m.run.rows("vacancies")] for m in models])
    good = [[(m, r) for _, (m, r) in same if r.hops] for same in rows]
    return [_draw(same) for same in good if same]


def _draw(good: Sequence[tuple[Model, Vacancy]]) -> Panel:
    figure, axis = new_axes(3.4)
    name = good[0][1].name
    for model, row in good:
        for hop, line, fill in zip(row.hops, ("-", ":"), ("full", "none"), strict=False):
            label = printable(f"{model.label} {hop.name}".rstrip(), 40)
            axis.plot(hop.distances, hop.energies, line, color=model.colour, lw=1, label=label)
            if hop.barrier is not None:
                at = (hop.distances[-1] / 2, hop.barrier)
                axis.plot(*at, model.marker, color=model.colour, ms=7, fillstyle=fill)
    for hop, line in zip(good[0][1].hops, ("--", ":"), strict=False):
        if hop.reference is not None:
            label = f"PBE, relaxed {hop.name}".rstrip()
            axis.axhline(hop.reference, color=REFERENCE, lw=1.2, ls=line, label=label)
    axis.tick_params(labelsize=SIZE)
    axis.set_title(printable(name, 40), fontsize=SIZE + 1)
    axis.set_xlabel("displacement along the path (Å)", fontsize=SIZE)
    axis.set_ylabel("energy (eV)", fontsize=SIZE)
    legend_below(figure, 2)
    readings = [(m, [c.read(r) for c in CRITERIA]) for m, r in good]
    words = [
        f"{plain(m.label)}: {'; '.join(plain(x.text) for x in xs if x)}." for m, xs in readings
    ]
    return Panel(
        name=slug("hop", name),
        caption=f"{plain(name)}: an atom moves into a vacancy. Lines: all others at rest; marks: "
        "half way, all relaxed, above the relaxed start.",
        alt=f"Energy along a hop, {plain(name)}. {' '.join(words)}",
        checks=("vacancies",),
        subjects=(name,),
        figure=figure,
    )
