"""Figure of agreement: the errors of models beside their differences, where there are labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...drawing.colours import DARK
from ...drawing.lettering import SIZE, legend_below, plain, printable
from ...drawing.panel import Panel, new_axes, slug
from ...record import Model
from .record import Difference, Predictions

Pair = tuple[Model, Model, Predictions, Difference]


def draw_panels(pairs: Sequence[Pair]) -> list[Panel]:
    """Draw the sets in which forces differ and have labels."""
    named: dict[str, list[Pair]] = {}
    for pair in pairs:
        if _shown(pair[3]).any():
            named.setdefault(pair[2].name, []).append(pair)
    return [_draw(name, here) for name, here in named.items()]


def _shown(d: Difference) -> np.ndarray:
    """Return which structures logarithmic axes can show."""
    return (d.errors > 0) & (d.forces > 0)


def _draw(name: str, pairs: Sequence[Pair]) -> Panel:
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
    axis.set_xlabel("difference of forces, mean over atoms (eV/Å)", fontsize=SIZE)
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
