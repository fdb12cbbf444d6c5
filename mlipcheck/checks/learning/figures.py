"""Figure of learning curves: errors against the number of one's own calculations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator

from ...drawing.colours import (
    DARK,
    MARKERS,
    MIDDLE,
    OTHER,
    PALE,
    REFERENCE,
)
from ...drawing.lettering import (
    DPI,
    SIZE,
    legend_below,
    printable,
)
from .record import LearningCurve, LearningPoint

TUNED = "fine-tuned"
# Methods that are not the model itself, in their order: greys and dashes.
STYLES = ((REFERENCE, "-."), (MIDDLE, (0, (5, 1))), (DARK, (0, (1, 1))), (PALE, "-"))
WIDE, NARROW = (1.0, 2.0, 5.0), (1.0, 1.5, 2.0, 3.0, 4.0, 6.0)  # ticks of a decade
APART = 1.05  # between methods at one N, so that their bars are seen apart


def draw_learning(curves: Sequence[LearningCurve], *, colour: str = OTHER) -> Figure:
    """Draw error against N in log-log, a panel a curve, zero-shot and the target as lines.

    Bars are one standard deviation over repeats, downwards no further than the smallest error of
    them: mean less spread may be negative, and have no logarithm. A ring is the N that the target
    needs. What is the model's own, fine-tuned or as it is, has its ``colour``.
    """
    columns = max(len(curves), 1)
    figure = Figure(figsize=(5.2 * columns, 4.8), layout="constrained", dpi=DPI)
    # a method looks the same in every panel
    methods = list(dict.fromkeys(m for curve in curves for m in curve.methods))
    for axis, curve in zip(figure.subplots(1, columns, squeeze=False)[0], curves, strict=False):
        draw_curve(axis, curve, methods, colour)
    # one scale for all that are of one quantity, or their heights say nothing
    if len({(c.quantity, c.unit) for c in curves}) == 1:
        low, high = zip(*(axis.get_ylim() for axis in figure.axes), strict=True)
        for axis in figure.axes:
            axis.set_ylim(min(low), max(high))
            _set_ticks(axis)
    legend_below(figure, 2 * columns)
    return figure


def _set_ticks(axis: Axes) -> None:
    bottom, top = axis.get_ylim()
    axis.yaxis.set_major_locator(LogLocator(subs=WIDE if top > 20 * bottom else NARROW))


def draw_curve(axis: Axes, curve: LearningCurve, methods: Sequence[str], colour: str) -> None:
    """Draw the methods of one curve; ``methods`` are those of all panels beside it."""
    axis.set_xscale("log")
    axis.set_yscale("log")
    others = [m for m in methods if m != TUNED]
    for method in curve.methods:
        k = methods.index(method)
        points = [p for p in curve.points_of(method) if p.mean is not None and 0 < p.mean < np.inf]
        shift = APART ** (k - (len(methods) - 1) / 2)
        x = np.array([p.n * shift for p in points])
        y = np.array([p.mean for p in points])
        tint, dash = (
            (colour, "-") if method == TUNED else STYLES[others.index(method) % len(STYLES)]
        )
        axis.errorbar(
            x,
            y,
            yerr=np.array([_bar(p) for p in points]).T if points else None,
            color=tint,
            marker=MARKERS[k % len(MARKERS)],
            ms=6,
            lw=1.5,
            ls=dash,
            elinewidth=1,
            capsize=3,
            label=printable(method, 40),
        )
        for needed in curve.needed:
            if needed.method == method and needed.n:
                axis.plot(needed.n, needed.target, "o", ms=13, color=tint, mfc="none", zorder=5)
    if curve.zero_shot is not None and curve.zero_shot > 0:
        axis.axhline(curve.zero_shot, color=colour, lw=1.2, ls=(0, (6, 3)), label="zero-shot")
    if curve.target is not None:
        label = f"target {curve.target:g} {curve.unit}, the N needed ringed"
        axis.axhline(curve.target, color=MIDDLE, lw=1, ls=":", label=label)
    axis.set_title(printable(curve.name), fontsize=SIZE + 1)
    axis.set_xlabel("own reference calculations N", fontsize=SIZE)
    axis.set_ylabel(printable(f"{curve.quantity} ({curve.unit})"), fontsize=SIZE)
    axis.tick_params(labelsize=SIZE)
    axis.xaxis.set_major_locator(FixedLocator(list(curve.sizes)))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda n, _: f"{n:g}"))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.yaxis.set_major_formatter(FuncFormatter(lambda error, _: f"{error:g}"))
    axis.yaxis.set_minor_formatter(NullFormatter())
    axis.grid(color="0.93", lw=0.6)
    axis.set_axisbelow(True)
    _set_ticks(axis)


def _bar(point: LearningPoint) -> tuple[float, float]:
    """Return how far the bar goes down and up."""
    assert point.mean is not None
    spread = point.spread or 0.0
    return min(spread, point.mean - min(point.errors)), spread
