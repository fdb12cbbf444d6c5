"""Figure of learning curves: errors against the number of one's own calculations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator

from ..results.learning import LearningCurve, LearningPoint
from .figures import DPI, REFERENCE, legend_below
from .figures_compared import COLOURS, MARKERS

TARGET = "0.45"
WIDE, NARROW = (1.0, 2.0, 5.0), (1.0, 1.5, 2.0, 3.0, 4.0, 6.0)  # ticks of a decade
APART = 1.05  # between methods at one N, so that their bars are seen apart


def draw_learning(curves: Sequence[LearningCurve]) -> Figure:
    """Draw error against N in log-log, a panel a curve, zero-shot and the target as lines.

    Bars are one standard deviation over repeats, downwards no further than the smallest error of
    them: mean less spread may be negative, and have no logarithm. A ring is the N that the target
    needs.
    """
    columns = max(len(curves), 1)
    figure = Figure(figsize=(5.2 * columns, 4.8), layout="constrained", dpi=DPI)
    # a method looks the same in every panel
    methods = list(dict.fromkeys(m for curve in curves for m in curve.methods))
    for axis, curve in zip(figure.subplots(1, columns, squeeze=False)[0], curves, strict=False):
        _draw_curve(axis, curve, methods)
    # one scale for all that are of one quantity, or their heights say nothing
    if len({(c.quantity, c.unit) for c in curves}) == 1:
        low, high = zip(*(axis.get_ylim() for axis in figure.axes), strict=True)
        for axis in figure.axes:
            axis.set_ylim(min(low), max(high))
    for axis in figure.axes:
        bottom, top = axis.get_ylim()
        axis.yaxis.set_major_locator(LogLocator(subs=WIDE if top > 20 * bottom else NARROW))
    legend_below(figure, 2 * columns)
    return figure


def _draw_curve(axis: Axes, curve: LearningCurve, methods: Sequence[str]) -> None:
    axis.set_xscale("log")
    axis.set_yscale("log")
    for method in curve.methods:
        k = methods.index(method)
        points = [p for p in curve.points_of(method) if p.mean is not None]
        shift = APART ** (k - (len(methods) - 1) / 2)
        x = np.array([p.n * shift for p in points])
        y = np.array([p.mean for p in points])
        colour, marker = COLOURS[k % len(COLOURS)], MARKERS[k % len(MARKERS)]
        axis.errorbar(
            x,
            y,
            yerr=np.array([_bar(p) for p in points]).T if points else None,
            color=colour,
            marker=marker,
            ms=6,
            lw=1.5,
            elinewidth=1,
            capsize=3,
            label=method,
        )
        for needed in curve.needed:
            if needed.method == method and needed.n:
                axis.plot(needed.n, needed.target, "o", ms=13, color=colour, mfc="none", zorder=5)
    if curve.zero_shot is not None:
        axis.axhline(curve.zero_shot, color=REFERENCE, lw=1, ls="--", label="zero-shot")
    if curve.target is not None:
        label = f"target {curve.target:g} {curve.unit}, the N needed ringed"
        axis.axhline(curve.target, color=TARGET, lw=1, ls=":", label=label)
    axis.set_title(curve.name, fontsize=10)
    axis.set_xlabel("own reference calculations N")
    axis.set_ylabel(f"{curve.quantity} ({curve.unit})")
    axis.xaxis.set_major_locator(FixedLocator(list(curve.sizes)))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda n, _: f"{n:g}"))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.yaxis.set_major_formatter(FuncFormatter(lambda error, _: f"{error:g}"))
    axis.yaxis.set_minor_formatter(NullFormatter())
    axis.grid(color="0.93", lw=0.6)
    axis.set_axisbelow(True)


def _bar(point: LearningPoint) -> tuple[float, float]:
    """Return how far the bar goes down and up."""
    assert point.mean is not None
    spread = point.spread or 0.0
    return min(spread, point.mean - min(point.errors)), spread
