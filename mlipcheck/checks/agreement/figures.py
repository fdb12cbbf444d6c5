"""Figures of agreement: errors beside differences, or without labels where elements differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...drawing.colours import DARK, MIDDLE
from ...drawing.dots import Dots, as_estimate, draw_dots, height_of_rows
from ...drawing.lettering import SIZE, legend_below, plain, printable
from ...drawing.panel import Panel, list_largest, new_axes, slug
from ...record import Model
from .record import Difference, Predictions

Pair = tuple[Model, Model, Predictions, Difference]
MOST = 15  # elements
DISTANCE = "difference of forces, mean over atoms (eV/Å)"


def draw_panels(pairs: Sequence[Pair]) -> list[Panel]:
    """Draw each set in which forces differ."""
    panels = []
    for name in dict.fromkeys(row.name for _, _, row, _ in pairs):
        here = [p for p in pairs if p[2].name == name and p[3].force]
        labelled = [p for p in here if _shown(p[3]).any()]
        if here:
            panels.append(_draw_errors(name, labelled) if labelled else _draw_elements(name, here))
    return panels


def _shown(d: Difference) -> np.ndarray:
    """Return which structures logarithmic axes can show."""
    return (d.errors > 0) & (d.forces > 0)


def _draw_errors(name: str, pairs: Sequence[Pair]) -> Panel:
    figure, axis = new_axes(4.2)
    words, ends = [], []
    for one, other, _, d in pairs:
        x, y = d.forces[_shown(d)], d.errors[_shown(d)]
        label = f"{one.label} beside {other.label}"
        look: dict[str, Any] = {"color": one.colour, "ms": 5, "alpha": 0.7, "mew": 0}
        axis.loglog(x, y, one.marker, label=printable(label, 50), **look)
        ends += [x.min(), x.max()]
        words.append(f"{plain(label)}: {f'Spearman {d.rank.value:.2f}' if d.rank else d.why_not}.")
    line = np.array([min(ends), max(ends)])
    axis.plot(line, line / 2, color=DARK, ls="--", lw=1, label="half of the difference")
    axis.set_xlabel(DISTANCE, fontsize=SIZE)
    axis.set_ylabel("error of forces, mean over atoms (eV/Å)", fontsize=SIZE)
    axis.tick_params(labelsize=SIZE)
    axis.set_title(printable(name, 40), fontsize=SIZE + 1)
    legend_below(figure, 1)
    caption = (
        f"Errors beside differences on {plain(name)}, a mark a structure: of two models one lies "
        "on the dashed line or above."
    )
    alt = f"{caption} {' '.join(words)}"
    return Panel(slug("agreement", name), caption, alt, ("agreement",), (name,), figure)


def _draw_elements(name: str, pairs: Sequence[Pair]) -> Panel:
    once = [(f"{a.label}, {b.label}", d.elements) for a, b, _, d in pairs if a.letter < b.letter]
    found = {x: max(off.get(x, 0.0) for _, off in once) for _, offs in once for x in offs}
    elements = sorted(found, key=lambda x: -found[x])[:MOST]
    figure, axis = new_axes(height_of_rows(len(elements), len(once)))
    dots = [
        # two models have no colour of their own
        Dots(pair, MIDDLE, "osD^v"[k % 5], tuple(as_estimate(off.get(x)) for x in elements), good)
        for k, (pair, off) in enumerate(once)
        for good in [(True,) * len(elements)]
    ]
    draw_dots(axis, elements, dots, DISTANCE)
    axis.set_title(printable(name, 40), fontsize=SIZE + 1)
    legend_below(figure, 1)
    caption = f"Where models differ on {plain(name)}, by element."
    words = [f"{plain(p)}: {list_largest(off.items(), '.2g', ' eV/Å')}." for p, off in once]
    alt = f"{caption} {' '.join(words)}"
    return Panel(slug("agreement", name), caption, alt, ("agreement",), (name,), figure)
