"""Figure of a model's errors as scales: per atom, and of differences beside the signal."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ...analysis.estimate import Estimate
from ...drawing.colours import BAND, MIDDLE, OTHER
from ...drawing.dots import NAMED
from ...drawing.lettering import (
    DPI,
    SIZE,
    count,
    is_finite,
    printable,
)
from .ordering import ABOUT
from .record import Parity

# a mark, and what it means; those out of distribution are hollow
DISTRIBUTIONS = {
    "in": ("o", "in distribution"),
    "out": ("s", "out of distribution"),
    None: ("D", "distribution not told"),
}
# MatterSim's model card: MAE of the energy in eV/atom
PUBLISHED = {"MPtrj-random-1k": 0.030, "Random-TP": 0.208}
SIGNAL = (0.1, 0.2)  # eV, between neighbours on the hydrogen-evolution volcano
NARROW = 6.0  # inches
SMALLEST = 1e-6  # eV; what is less stands there, on a logarithmic axis
WORDS: dict[str, Any] = {"fontsize": SIZE, "color": "0.35", "textcoords": "offset points"}


def draw_scales(
    parities: Sequence[Parity],
    signal: float | None,
    label: str,
    *,
    colour: str = OTHER,
    width: float = 8.4,
) -> Figure:
    """Draw errors per atom, and below them those of differences beside the signal.

    Errors of like states cancel and those of N atoms add up, so that the upper panel says nothing
    of the lower: only the lower one, in total eV, is to be held against the signal.

    Parameters
    ----------
    signal : float or None
        The difference that matters, in eV; by default that of the hydrogen-evolution volcano.
    label : str
        What to call the model.
    colour : str
    width : float
        Inches; below six, words are shorter and the legend has one column.
    """
    good = [p for p in parities if p.error is None]
    names = [p.name for p in good]
    same = {name.casefold(): y for y, name in enumerate(names)}
    others = [name for name in PUBLISHED if name.casefold() not in same]
    # below what was measured on the same frames, or on a row of its own
    places = {name: same.get(name.casefold(), -1) + 0.3 for name in PUBLISHED}
    places |= {name: len(names) + k for k, name in enumerate(others)}
    band = SIGNAL if signal is None else (signal * ABOUT[0], signal * ABOUT[1])
    rows = len(names) + len(others)
    narrow = width < NARROW
    height = 3.4 + 0.55 * (rows + len(good)) + 0.6 * narrow
    figure = Figure(figsize=(width, height), layout="constrained", dpi=DPI)
    upper, lower = figure.subplots(2, 1, height_ratios=(rows, max(len(good), 1)), sharex=True)
    title = "per atom: not to be held against the signal, which is of whole states"
    _label(upper, names + others, title, "MAE of the energy (eV/atom)", narrow)
    title = "between two states of one composition: to be held against the signal"
    _label(lower, names, title, "σ of ΔE, model − reference (total eV)", narrow)
    lower.axvspan(*band, color=BAND, lw=0, zorder=0)
    shown = [*PUBLISHED.values(), *band]
    for y, p in enumerate(good):
        e, order = p.energy, p.ordering
        more = e.convention if e else p.not_assessed.get("energy", "")
        look = p.distribution, colour, narrow
        shown += _draw_mark(upper, y, e.mae if e else None, more, *look)
        more = count(order.pairs, "pair") if order else p.not_assessed.get("ordering", "")
        shown += _draw_mark(lower, y, order.sigma if order else None, more, *look)
    for name, value in PUBLISHED.items():
        at = (value, places[name])
        upper.plot(*at, "^", color=MIDDLE, mfc="white", ms=7)
        upper.annotate(f"{value:.3f}", at, xytext=(8, 0), va="center", **WORDS)
    # room for the words at the outermost marks
    spread = max(shown) / min(shown)
    margin = max(10.0, spread**0.4) if narrow else max(3.0, spread**0.12)
    upper.set_xlim(min(shown) / margin, max(shown) * margin)
    told = "0.1 to 0.2 eV, hydrogen-evolution volcano" if signal is None else f"about {signal:g} eV"
    present = {p.distribution for p in good}
    figure.legend(
        handles=[
            *(
                _key(marker, words, color=colour, mfc=_fill(key, colour))
                for key, (marker, words) in DISTRIBUTIONS.items()
                if key in present
            ),
            _key("^", "published: MatterSim's model card", color=MIDDLE, mfc="white"),
            Line2D([], [], color=MIDDLE, lw=1, label="95 % interval, where there is one"),
            Patch(color=BAND, label=f"signal: {told}"),
        ],
        loc="outside lower center",
        ncols=1 if narrow else 2,
        fontsize=SIZE,
        frameon=False,
    )
    if not narrow:
        figure.suptitle(f"Error scales of {printable(label)}, as measured", fontsize=11)
    return figure


def _label(axis: Axes, names: Sequence[str], title: str, quantity: str, narrow: bool) -> None:
    axis.set_xscale("log")
    words = [printable(name, NAMED if narrow else None) for name in names]
    axis.set_yticks(range(len(names)), words, fontsize=SIZE)
    axis.set_ylim(max(len(names), 1) - 0.4, -0.7)
    axis.tick_params(axis="x", labelsize=SIZE, labelbottom=True)
    # over the panel alone, and not over its names
    axis.set_title(textwrap.fill(title, 40) if narrow else title, fontsize=SIZE)
    axis.set_xlabel(quantity, fontsize=SIZE)


def _draw_mark(
    axis: Axes,
    y: int,
    found: Estimate | None,
    more: str,
    distribution: str | None,
    colour: str,
    narrow: bool,
) -> list[float]:
    """Draw a measured value and its interval, or say why there is none; return where it ends."""
    if found is None or not is_finite(found.value):
        why = f"not assessed: {more}" if more else "not assessed"
        why = textwrap.fill(printable(why, 60), 34) if narrow else printable(why)
        at = axis.get_yaxis_transform()  # at the left end of the row
        axis.annotate(why, (0, y), xycoords=at, xytext=(8, 0), va="center", **WORDS)
        return []
    x = max(found.value, SMALLEST)
    ends = [x]
    if found.low is not None and found.high is not None:
        ends = [max(found.low, SMALLEST), max(found.high, x)]
        axis.plot(ends, [y, y], color=colour, lw=1)
    marker, _ = DISTRIBUTIONS[distribution]
    axis.plot(x, y, marker, color=colour, mfc=_fill(distribution, colour), ms=7)
    words = f"{found.value:.3g} ({more})"
    axis.annotate(words, (x, y), xytext=(0, 7), ha="center", va="bottom", **WORDS)
    return [x, ends[-1]]


def _fill(distribution: str | None, colour: str) -> str:
    return "white" if distribution == "out" else colour


def _key(marker: str, label: str, **more: Any) -> Line2D:
    return Line2D([], [], marker=marker, ls="none", label=label, **more)
