"""Hops: the energy along the straight way, and the relaxed barrier; a crystal a figure."""

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
    first = good[0][1]
    for model, row in good:
        for k, hop in enumerate(row.hops):
            label, line = printable(model.label, 40), ("-", "--")[k % 2]
            if hop.name:
                label = f"{label}, {hop.name}"
            axis.plot(hop.distances, hop.energies, line, color=model.colour, lw=1, label=label)
            if hop.barrier is not None:
                at = (hop.length / 2, hop.barrier)
                axis.plot(
                    *at, model.marker, color=model.colour, ms=7, fillstyle=("full", "none")[k]
                )
    for k, hop in enumerate(first.hops):
        if hop.reference is not None:
            label = f"PBE, relaxed{', ' if hop.name else ''}{hop.name}"
            line = ("-", "--")[k % 2]
            axis.axhline(hop.reference, color=REFERENCE, lw=1.2, ls=line, label=label)
    axis.axhline(0, color="0.6", lw=0.8)
    axis.tick_params(labelsize=SIZE)
    axis.set_title(printable(first.name, 40), fontsize=SIZE + 1)
    axis.set_xlabel("way of the atom (Å)", fontsize=SIZE)
    axis.set_ylabel("energy (eV)", fontsize=SIZE)
    legend_below(figure, 2)
    words = []
    for model, row in good:
        found = [x.text for x in (c.read(row) for c in CRITERIA) if x]
        words.append(f"{plain(model.label)}: {'; '.join(map(plain, found))}.")
    caption = (
        f"An atom of {plain(first.name)} moves into a vacancy. Lines: all other atoms kept; "
        "mark: half way, all relaxed, against the relaxed start."
    )
    return Panel(
        name=slug("hop", first.name),
        caption=caption,
        alt=f"Energy along the hop of {plain(first.name)}. {' '.join(words)}",
        checks=("vacancies",),
        subjects=(first.name,),
        figure=figure,
    )
