"""Figures of dynamics: the total energy against time, a crystal a figure, a model a colour."""

from __future__ import annotations

from collections.abc import Sequence

from ...check import align
from ...drawing.lettering import SIZE, legend_below, plain, printable
from ...drawing.panel import Panel, new_axes, slug
from ...record import Model
from .criteria import CRITERIA
from .record import Dynamics


def draw_panels(models: Sequence[Model]) -> list[Panel]:
    """Draw the runs of each crystal, those at the longer step dotted."""
    rows = align([[(m.letter, (m, r)) for r in m.run.rows("dynamics")] for m in models])
    good = [[(m, r) for _, (m, r) in same if r.trajectories] for same in rows]
    return [_draw(runs) for runs in good if runs]


def _draw(runs: Sequence[tuple[Model, Dynamics]]) -> Panel:
    figure, axis = new_axes(3.4)
    row = runs[0][1]
    for model, r in runs:
        for trajectory, style in zip(r.trajectories, (":", "-"), strict=False):
            label = printable(f"{model.label}, {trajectory.step:g} fs", 40)
            axis.plot(trajectory.times, trajectory.energies, style, color=model.colour, label=label)
    axis.axhline(0, color="0.8", lw=0.6, zorder=0)
    axis.tick_params(labelsize=SIZE)
    axis.set_title(printable(row.name, 40), fontsize=SIZE + 1)
    axis.set_xlabel("time (fs)", fontsize=SIZE)
    axis.set_ylabel("E − E(start) (meV/atom)", fontsize=SIZE)
    legend_below(figure, 2)
    readings = [(m, [c.read(r) for c in CRITERIA]) for m, r in runs]
    words = [
        f"{plain(m.label)}: {'; '.join(plain(x.text) for x in xs if x)}." for m, xs in readings
    ]
    return Panel(
        name=slug("dynamics", row.name),
        caption=f"Total energy of {plain(row.name)} in a run at {row.temperature:g} K.",
        alt=f"Total energy of {plain(row.name)} against time. {' '.join(words)}",
        checks=("dynamics",),
        subjects=(row.name,),
        figure=figure,
    )
