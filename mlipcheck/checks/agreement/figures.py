"""Figures of agreement: where two models differ by element, or their errors beside it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...drawing.colours import DARK, MIDDLE, PALE
from ...drawing.dots import MOST_ROWS, Dots, as_estimate, draw_dots, height_of_rows
from ...drawing.lettering import SIZE, legend_below, plain, printable
from ...drawing.panel import Panel, list_largest, new_axes, slug
from ...record import Model
from .record import Difference, Predictions

Pairs = Sequence[tuple[Model, Model, Predictions, Difference]]
DISTANCE = "difference of forces, mean over atoms (eV/Å)"


def draw_panels(pairs: Pairs) -> list[Panel]:
    """Draw each set: errors beside differences where there are labels, else elements."""
    panels = []
    for name in dict.fromkeys(row.name for _, _, row, _ in pairs):
        here = [p for p in pairs if p[2].name == name and np.isfinite(p[3].forces).any()]
        if any(np.any(d.errors * d.forces > 0) for *_, d in here):
            panels.append(_draw_errors(name, here))
        elif any(x for *_, d in here for x in d.elements.values()):
            panels.append(_draw_elements(name, here))
    return panels


def _draw_errors(name: str, pairs: Pairs) -> Panel:
    figure, axis = new_axes(4.2)
    words, seen = [], []
    for one, other, _, d in pairs:
        shown = (d.errors > 0) & (d.forces > 0)  # on logarithmic axes
        label = f"{printable(one.label, 24)}, beside {printable(other.label, 24)}"
        look = {"color": one.colour, "ms": 5, "alpha": 0.7, "mew": 0}
        axis.loglog(d.forces[shown], d.errors[shown], one.marker, label=label, **look)
        seen.append(d.forces[shown])
        said = d.why_not if d.rank is None else f"Spearman {d.rank.value:.2f}"
        words.append(f"{plain(one.label)} beside {plain(other.label)}: {said}.")
    ends = np.array([f(np.concatenate(seen)) for f in (np.min, np.max)])
    axis.plot(ends, ends / 2, color=DARK, ls="--", lw=1, label="half of the difference")
    axis.set_xlabel(DISTANCE, fontsize=SIZE)
    axis.set_ylabel("error of forces, mean over atoms (eV/Å)", fontsize=SIZE)
    axis.tick_params(labelsize=SIZE)
    return _panel(
        name,
        axis,
        f"Errors beside differences on {plain(name)}, a mark a structure. Of two models one is "
        "on the dashed line or above it.",
        words,
    )


def _draw_elements(name: str, pairs: Pairs) -> Panel:
    once = [p for p in pairs if p[0].letter < p[1].letter]
    most: dict[str, float] = {}
    for *_, d in once:
        most |= {x: max(off, most.get(x, 0.0)) for x, off in d.elements.items()}
    elements = sorted(most, key=lambda x: -most[x])[:MOST_ROWS]
    dots, words = [], []
    for k, (one, other, _, d) in enumerate(once):
        label = f"{one.label}, {other.label}"
        values = tuple(as_estimate(d.elements.get(x)) for x in elements)
        marker = "os^Dv"[k % 5]  # a colour would be one model's
        dots.append(Dots(label, MIDDLE, marker, values, (True,) * len(elements)))
        words.append(f"{plain(label)}: {list_largest(d.elements.items(), '.2g', ' eV/Å')}.")
    figure, axis = new_axes(height_of_rows(len(elements), len(dots)))
    draw_dots(axis, elements, dots, DISTANCE)
    return _panel(name, axis, f"Where models differ on {plain(name)}, by element.", words)


def _panel(name: str, axis: Axes, caption: str, words: Sequence[str]) -> Panel:
    figure = axis.figure
    axis.set_title(printable(name, 40), fontsize=SIZE + 1)
    legend_below(figure, 1)
    return Panel(
        name=slug("agreement", name),
        caption=caption,
        alt=f"{caption} {' '.join(words)}",
        checks=("agreement",),
        subjects=(name,),
        figure=figure,
    )
