"""Rows of dots: a number of each model for each structure or set, which are named beside them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..analysis.statistics import Estimate
from ..record import Model
from .colours import FAILED, PALE
from .panel import SIZE, legend_below, list_largest, new_axes, plain, printable
from .tables import is_finite

NAMED = 16  # characters of a name beside a row
MOST_ROWS = 30
WIDE = 30.0  # the largest of some numbers over the smallest


@dataclass(frozen=True)
class Dots:
    """One model's numbers, a row each; None where it has none, and crossed where not ``good``."""

    label: str
    colour: str
    marker: str
    values: tuple[Estimate | None, ...]
    good: tuple[bool, ...]


def as_estimate(value: Estimate | float | None) -> Estimate | None:
    """Return a number as one that may have an interval; None where there is no number."""
    found = value if isinstance(value, Estimate) or value is None else Estimate(value)
    return found if found is not None and is_finite(found.value) else None


@dataclass(frozen=True, eq=False)
class Compared:
    """A figure of dots: its names, the models, and what the caption has to add."""

    figure: Figure
    names: tuple[str, ...]
    models: tuple[Dots, ...]
    more: str = ""

    def describe(self, form: str, unit: str) -> str:
        """Return each model's numbers in words, the largest first."""
        words = []
        for model in self.models:
            numbers = [(n, v.value) for n, v in zip(self.names, model.values, strict=True) if v]
            words.append(f"{plain(model.label)}: {list_largest(numbers, form, unit)}.")
        return " ".join(words)


def draw_compared(
    models: Sequence[Model],
    check: str,
    read: Callable[[Any], Estimate | float | None],
    quantity: str,
) -> Compared | None:
    """Draw one number of each row of a check, a model a colour; None where there is no number.

    Of many rows those are shown that some model is furthest off for.
    """
    rows = list(zip(*(m.run.rows(check) for m in models), strict=False))
    values = [[as_estimate(read(row)) for row in same] for same in rows]
    sizes = [max((abs(v.value) for v in same if v), default=-1.0) for same in values]
    ranked = sorted((k for k, size in enumerate(sizes) if size >= 0), key=lambda k: -sizes[k])
    kept = sorted(ranked[:MOST_ROWS])
    if not kept:
        return None
    dots = []
    for j, model in enumerate(models):
        # only relaxations have an end that they may not get to
        good = tuple(getattr(rows[k][j], "converged", True) for k in kept)
        dots.append(Dots(*model.look, tuple(values[k][j] for k in kept), good))
    names = tuple(rows[k][0].name for k in kept)
    figure, axis = new_axes(height_of_rows(len(kept), len(dots)))
    draw_dots(axis, names, dots, quantity)
    legend_below(figure, 2)
    left = len(ranked) - len(kept)
    more = f" The {MOST_ROWS} with the largest numbers are shown, of {len(ranked)}." if left else ""
    return Compared(figure, names, tuple(dots), more)


def height_of_rows(n: int, models: int = 1) -> float:
    """Return the inches of a figure with so many rows, its legend included."""
    return 1.4 + 0.15 * models + max(n, 2) * (0.18 + 0.14 * models)


def draw_dots(axis: Axes, names: Sequence[str], models: Sequence[Dots], quantity: str) -> None:
    """Draw a row a name, with a dot and its interval for each model; crosses did not converge.

    Sizes that are decades apart are on a logarithmic axis.
    """
    sizes = [v.value for model in models for v in model.values if v is not None]
    if sizes and 0 < WIDE * min(sizes) < max(sizes):
        axis.set_xscale("log")
    else:
        axis.axvline(0, color=PALE, lw=1, zorder=0)
    for k, model in enumerate(models):
        shift = 0.7 * ((k + 0.5) / len(models) - 0.5)  # models of a row are seen apart
        there = [(v, y) for y, v in enumerate(model.values) if v is not None]
        for v, y in there:
            if v.low is not None and v.high is not None:
                low = max(v.low, v.value / WIDE) if axis.get_xscale() == "log" else v.low
                axis.plot([low, v.high], [y + shift] * 2, color=model.colour, lw=1)
        at = [(v.value, y + shift) for v, y in there]
        style: dict[str, Any] = {"color": model.colour, "ms": 6, "ls": "none"}
        x, heights = zip(*at, strict=True) if at else ((), ())
        axis.plot(x, heights, marker=model.marker, label=printable(model.label, 40), **style)
        astray = [p for p, (_, y) in zip(at, there, strict=True) if not model.good[y]]
        if astray:
            axis.plot(*zip(*astray, strict=True), "x", color=FAILED, ms=9, label="not converged")
    axis.set_yticks(range(len(names)), [printable(n, NAMED) for n in names], fontsize=SIZE)
    axis.set_ylim(len(names) - 0.4, -0.6)
    axis.tick_params(axis="y", length=0)
    axis.tick_params(axis="x", labelsize=SIZE)
    rows: dict[str, Any] = {"transform": axis.get_yaxis_transform(), "color": "0.93", "zorder": 0}
    axis.hlines(np.arange(len(names)), 0, 1, **rows)
    axis.set_axisbelow(True)
    axis.set_xlabel(quantity, fontsize=SIZE)
