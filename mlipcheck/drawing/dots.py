"""Rows of dots: a number of each model for each structure or set, which are named beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from ..analysis.estimate import Estimate
from .colours import FAILED, PALE
from .lettering import SIZE, is_finite, printable

NAMED = 16  # characters of a name beside a row
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


def choose_rows(models: Sequence[Dots], most: int) -> list[int]:
    """Return the rows that have a number, those that some model is furthest off for if too many."""
    rows = zip(*(m.values for m in models), strict=True)
    sizes = [max((abs(v.value) for v in row if v), default=-1.0) for row in rows]
    ranked = sorted((k for k, size in enumerate(sizes) if size >= 0), key=lambda k: -sizes[k])
    return sorted(ranked[:most])


def keep_rows(models: Sequence[Dots], kept: Sequence[int]) -> list[Dots]:
    """Return the same models with these rows only."""
    return [
        replace(m, values=tuple(m.values[k] for k in kept), good=tuple(m.good[k] for k in kept))
        for m in models
    ]


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
