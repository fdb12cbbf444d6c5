"""Figure of learning curves: errors against the number of calculations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, LogLocator, NullFormatter, NullLocator

from ...drawing.colours import DARK, MARKERS, MIDDLE, PALE, REFERENCE
from ...drawing.panel import Panel, label_axes, legend_below, new_axes, plain, printable
from ...drawing.tables import capital
from ...record import Model
from .record import FINE_TUNED, ZERO_FORCES, LearningCurve, LearningPoint

# Methods that are not the model itself, in their order: greys and dashes.
STYLES = ((REFERENCE, "-."), (MIDDLE, (0, (5, 1))), (DARK, (0, (1, 1))), (PALE, "-"))
WIDE, NARROW = (1.0, 2.0, 5.0), (1.0, 1.5, 2.0, 3.0, 4.0, 6.0)  # ticks of a decade
APART = 1.05  # between methods at one N, so that their bars are seen apart


def draw_panels(models: Sequence[Model]) -> list[Panel]:
    """Draw a figure for each curve of each model."""
    return [
        _draw_panel(f"{model.prefix}learning-{k}", curve, model)
        for model in models
        for k, curve in enumerate(model.run.rows("learning"), 1)
        if curve.error is None
    ]


def _draw_panel(name: str, curve: LearningCurve, model: Model) -> Panel:
    figure, axis = new_axes(4.2)
    draw_curve(axis, curve, model.colour)
    legend_below(figure, 2)
    levels = " ".join(f"{capital(n)} {x:.3g} {curve.unit}." for n, x in _levels(curve) if x)
    needed = " ".join(f"{n.method}: {n.text}." for n in curve.needed)
    return Panel(
        name=name,
        caption=f"{plain(curve.name)}: how the error falls with the number of own calculations.",
        alt=plain(
            f"{curve.quantity} in {curve.unit} of {model.label} against the number of own "
            f"calculations, {curve.name}. {levels} {curve.sentence} {needed}"
        ),
        checks=("learning",),
        subjects=(curve.name,),
        figure=figure,
        letters=model.letter,
    )


def _levels(curve: LearningCurve) -> tuple[tuple[str, float | None], ...]:
    """Return the errors that need no learning."""
    return ("zero-shot", curve.zero_shot), (ZERO_FORCES, curve.baseline)


def draw_curve(axis: Axes, curve: LearningCurve, colour: str) -> None:
    """Draw error against N in log-log.

    Bars are one standard deviation over repeats, downwards no further than the smallest error of
    them: mean less spread may be negative, and have no logarithm. A ring is the N that the target
    needs. What is the model's own, fine-tuned or as it is, has its ``colour``.
    """
    axis.set(xscale="log", yscale="log")
    others = [m for m in curve.methods if m != FINE_TUNED]
    looks = {m: STYLES[k % len(STYLES)] for k, m in enumerate(others)} | {FINE_TUNED: (colour, "-")}
    for k, method in enumerate(curve.methods):
        points = [p for p in curve.points_of(method) if p.mean is not None and 0 < p.mean < np.inf]
        shift = APART ** (k - (len(curve.methods) - 1) / 2)
        tint, dash = looks[method]
        axis.errorbar(
            [p.n * shift for p in points],
            np.array([p.mean for p in points]),
            yerr=np.transpose([_bar(p) for p in points]) if points else None,
            fmt=MARKERS[k % len(MARKERS)],
            color=tint,
            ls=dash,
            elinewidth=1,
            capsize=3,
            label=printable(method, 40),
        )
        for needed in curve.needed:
            if needed.method == method and needed.n:
                axis.plot(needed.n, needed.target, "o", ms=13, color=tint, mfc="none", zorder=5)
    for (name, level), tint, dash in zip(_levels(curve), (colour, DARK), ("--", "-"), strict=True):
        if level is not None and level > 0:
            axis.axhline(level, color=tint, lw=1.2, ls=dash, label=name)
    if curve.target is not None:
        label = f"target {curve.target:g} {curve.unit}, the N needed ringed"
        axis.axhline(curve.target, color=MIDDLE, lw=1, ls=":", label=label)
    y_words = printable(f"{curve.quantity} ({curve.unit})")
    label_axes(axis, "own reference calculations N", y_words, printable(curve.name))
    axis.xaxis.set_major_locator(FixedLocator(list(curve.sizes)))
    axis.xaxis.set_major_formatter("{x:g}")
    axis.xaxis.set_minor_locator(NullLocator())
    bottom, top = axis.get_ylim()
    axis.yaxis.set_major_locator(LogLocator(subs=WIDE if top > 20 * bottom else NARROW))
    axis.yaxis.set_major_formatter("{x:g}")
    axis.yaxis.set_minor_formatter(NullFormatter())
    axis.grid(color="0.93", lw=0.6)
    axis.set_axisbelow(True)


def _bar(point: LearningPoint) -> tuple[float, float]:
    """Return how far the bar goes down and up."""
    assert point.mean is not None
    spread = point.spread or 0.0
    return min(spread, point.mean - min(point.errors)), spread
