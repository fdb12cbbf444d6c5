"""Figure of a model's errors as scales: per atom, and of differences beside what matters."""

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
from ...drawing.lettering import SIZE, count, is_finite, printable
from ...drawing.panel import new_figure
from .ranking import NEAR
from .record import Parity

# a mark, and what it means; those out of distribution are hollow
DISTRIBUTIONS = {
    "in": ("o", "in distribution"),
    "out": ("s", "out of distribution"),
    None: ("D", "distribution not known"),
}
# MatterSim's model card: MAE of the energy in eV/atom
PUBLISHED = {"MPtrj-random-1k": 0.030, "Random-TP": 0.208}
SIGNAL = (0.1, 0.2)  # eV, between neighbours on the hydrogen-evolution volcano
SMALLEST = 1e-6  # eV; what is less stands there, on a logarithmic axis
WORDS: dict[str, Any] = {"fontsize": SIZE, "color": "0.35", "textcoords": "offset points"}


def draw_scales(
    parities: Sequence[Parity], resolution: float | None, label: str, *, colour: str = OTHER
) -> Figure:
    """Draw errors per atom, and below them those of differences beside the one that matters.

    Errors of like states cancel and those of N atoms add up, so that the upper panel says nothing
    of the lower: only the lower one, in total eV, is to be compared with the difference.

    Parameters
    ----------
    resolution : float or None
        The difference that matters, in eV; by default that of the hydrogen-evolution volcano.
    label : str
        What to call the model.
    colour : str
    """
    good = [p for p in parities if p.error is None]
    names = [p.name for p in good]
    same = {name.casefold(): y for y, name in enumerate(names)}
    others = [name for name in PUBLISHED if name.casefold() not in same]
    # below what was measured on the same frames, or on a row of its own
    places = {name: same.get(name.casefold(), -1) + 0.3 for name in PUBLISHED}
    places |= {name: len(names) + k for k, name in enumerate(others)}
    low, high = SIGNAL if resolution is None else (NEAR[0] * resolution, NEAR[1] * resolution)
    rows = len(names) + len(others)
    figure = new_figure(4.0 + 0.55 * (rows + len(good)))
    upper, lower = figure.subplots(2, 1, height_ratios=(rows, max(len(good), 1)), sharex=True)
    _label(upper, names + others, f"{label}, per atom", "MAE of the energy (eV/atom)")
    title = "between two states of one composition, beside the difference that matters"
    _label(lower, names, title, "σ of ΔE, model − reference (total eV)")
    lower.axvspan(low, high, color=BAND, lw=0, zorder=0)
    shown = [*PUBLISHED.values(), low, high]
    for y, p in enumerate(good):
        marker, _ = DISTRIBUTIONS[p.distribution]
        look = {"marker": marker, "color": colour, "mfc": _fill(p.distribution, colour)}
        energy, ranking = p.energy, p.ranking
        more = energy.convention if energy else p.not_assessed.get("energy", "")
        shown += _draw_mark(upper, y, energy.mae if energy else None, more, look)
        more = count(ranking.pairs, "pair") if ranking else p.not_assessed.get("ranking", "")
        shown += _draw_mark(lower, y, ranking.sigma if ranking else None, more, look)
    for name, value in PUBLISHED.items():
        at = (value, places[name])
        upper.plot(*at, "^", color=MIDDLE, mfc="white", ms=7)
        upper.annotate(f"{value:.3f}", at, xytext=(8, 0), va="center", **WORDS)
    # room for the words at the outermost marks
    margin = max(10.0, (max(shown) / min(shown)) ** 0.4)
    upper.set_xlim(min(shown) / margin, max(shown) * margin)
    matters = "hydrogen-evolution volcano" if resolution is None else f"about {resolution:g} eV"
    present = {p.distribution for p in good}
    keys = [
        _key(marker, words, color=colour, mfc=_fill(kind, colour))
        for kind, (marker, words) in DISTRIBUTIONS.items()
        if kind in present
    ]
    keys.append(_key("^", "published: MatterSim's model card", color=MIDDLE, mfc="white"))
    keys.append(Line2D([], [], color=MIDDLE, lw=1, label="nominal 95 % interval, if any"))
    handles = [*keys, Patch(color=BAND, label=f"what matters: {matters}")]
    figure.legend(handles=handles, loc="outside lower center", fontsize=SIZE, frameon=False)
    return figure


def _label(axis: Axes, names: Sequence[str], title: str, quantity: str) -> None:
    axis.set_xscale("log")
    axis.set_yticks(range(len(names)), [printable(name, NAMED) for name in names], fontsize=SIZE)
    axis.set_ylim(max(len(names), 1) - 0.4, -0.7)
    axis.tick_params(axis="x", labelsize=SIZE, labelbottom=True)
    # over the panel alone, and not over its names
    axis.set_title(textwrap.fill(printable(title, 80), 40), fontsize=SIZE)
    axis.set_xlabel(quantity, fontsize=SIZE)


def _draw_mark(
    axis: Axes, y: int, found: Estimate | None, more: str, look: dict[str, Any]
) -> list[float]:
    """Draw a measured value and its interval, or say why there is none; return where it ends."""
    if found is None or not is_finite(found.value):
        why = textwrap.fill(printable(f"not assessed: {more}".removesuffix(": "), 60), 34)
        at = axis.get_yaxis_transform()  # at the left end of the row
        axis.annotate(why, (0, y), xycoords=at, xytext=(8, 0), va="center", **WORDS)
        return []
    x = max(found.value, SMALLEST)
    ends = [x]
    if found.low is not None and found.high is not None:
        ends = [max(found.low, SMALLEST), max(found.high, x)]
        axis.plot(ends, [y, y], color=look["color"], lw=1)
    axis.plot(x, y, ms=7, **look)
    words = f"{found.value:.3g} ({more})"
    axis.annotate(words, (x, y), xytext=(0, 7), ha="center", va="bottom", **WORDS)
    return [x, ends[-1]]


def _fill(distribution: str | None, colour: str) -> str:
    return "white" if distribution == "out" else colour


def _key(marker: str, label: str, **more: Any) -> Line2D:
    return Line2D([], [], marker=marker, ls="none", label=label, **more)
