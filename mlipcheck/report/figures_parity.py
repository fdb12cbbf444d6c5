"""Figures of a model held against labelled frames: a page a set, and its errors as scales."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, NullFormatter

from ..checks.ordering import ABOUT
from ..results import EnergyParity, Estimate, ForceParity, Ordering, Parity
from .figures import DPI, MODEL, REFERENCE
from .figures_compared import COLOURS
from .figures_volcano import BAND, KEY
from .terminal import number

MARKED, ASKED = COLOURS[1:3]
STYLES = {
    "in": (COLOURS[0], "o", "in distribution"),
    "out": (COLOURS[1], "s", "out of distribution"),
    None: (COLOURS[2], "D", "distribution not told"),
}
# Most components are smaller than this quantile; where the largest is so many times that, axes are
# logarithmic beyond it, or one frame with huge forces would leave the others a dot in the middle.
BULK, DOMINATED = 0.9, 10.0
MOSTLY = 0.5  # of ΣF² in one frame: then slopes are about that frame
MANY = 1000  # points that need to be seen through
BINS, FAR = 30, 3.0  # of a histogram; further from the quartiles, in interquartile ranges
APART = (0.007, 6.0)  # eV between states, at least this much of the axis on every page
# MatterSim's model card: MAE of the energy in eV/atom
PUBLISHED = {"MPtrj-random-1k": 0.030, "Random-TP": 0.208}
SIGNAL = (0.1, 0.2)  # eV, between neighbours on the hydrogen-evolution volcano
SMALLEST = 1e-6  # eV; what is less stands there, on a logarithmic axis
WORDS: dict[str, Any] = {"fontsize": 8, "color": KEY, "textcoords": "offset points"}


def draw_parities(parities: Sequence[Parity]) -> list[Figure]:
    """Draw a page a set: forces, errors of energies, and the order of states.

    Sets with an error have no page, quantities that the record does not have no panel.
    """
    pages = [_draw_page(p) for p in parities if p.error is None]
    return [page for page in pages if page is not None]


def _draw_page(p: Parity) -> Figure | None:
    panels: list[Callable[[Axes], None]] = []
    if p.forces is not None:
        forces, why = p.forces, p.not_assessed.get("slope", "")
        panels.append(lambda axis: _draw_forces(axis, forces, why))
    if p.energy is not None:
        energy = p.energy
        panels.append(lambda axis: _draw_energies(axis, energy))
    if p.ordering is not None:
        ordering = p.ordering
        panels.append(lambda axis: _draw_ordering(axis, ordering))
    if not panels:
        return None
    figure = Figure(figsize=(max(4.8 * len(panels), 6.4), 5.8), layout="constrained", dpi=DPI)
    for axis, draw in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        draw(axis)
        axis.title.set_fontsize(9)
        axis.tick_params(labelsize=8)
        # below the panel, where it hides nothing
        handles, labels = axis.get_legend_handles_labels()
        below = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.14), "ncols": 2}
        axis.legend(handles, labels, fontsize=8, frameon=False, **below)
    told = [p.name, _count(p.frames, "frame")]
    if p.distribution:
        told.insert(1, STYLES[p.distribution][2])
    if p.failures:
        told.append(f"{len(p.failures)} failed")
    figure.suptitle(textwrap.fill(", ".join(told), 48 * len(panels)), fontsize=11)
    return figure


def _draw_forces(axis: Axes, f: ForceParity, why: str) -> None:
    F, model = f.reference_sample, f.model_sample
    sizes = np.abs(np.concatenate([F, model]))
    reach = 1.1 * float(np.max(sizes, initial=0.0)) or 1.0
    bulk = float(np.quantile(sizes, BULK)) if len(sizes) else 0.0
    kind = ""
    if 0 < DOMINATED * bulk < reach:
        kind = ", asinh axis"
        axis.set_xscale("asinh", linear_width=bulk)  # without the kinks of symlog
        axis.set_yscale("asinh", linear_width=bulk)
        decades = 10.0 ** np.arange(np.floor(np.log10(bulk)), np.log10(reach))
        steps = np.outer(decades, (1, 3)).ravel()
        steps = steps[(steps > 2 * bulk) & (steps < reach)]
        ticks = [*-steps[::-1], 0.0, *steps]
        axis.set_xticks(ticks, [_signed(t, "g") for t in ticks])
        axis.set_yticks(ticks, [_signed(t, "g") for t in ticks])
    outwards = np.geomspace(1e-4, 1, 200) * reach  # dense enough for either kind of axis
    x = np.concatenate([-outwards[::-1], outwards])
    axis.plot(x, x, color="0.6", lw=1, zorder=0, label="y = x")
    many = len(F) > MANY
    look: dict[str, Any] = {"ms": 2.5 if many else 4, "alpha": 0.25 if many else 0.5, "mew": 0}
    axis.plot(F, model, "o", color=MODEL, rasterized=True, label="components", **look)
    told = [f"MAE {f.component_mae:.3g} eV/Å of components, {f.mae.value:.3g} of vectors"]
    if f.slope is not None:
        s = f.slope
        axis.plot(x, s.s_lo * x, color=MARKED, lw=1.2, ls="--", label=f"slope s_lo {s.s_lo:.3f}")
        numbers = {"s_lo": s.s_lo, "s_hi": s.s_hi, "R²": s.r_squared}
        words = ", ".join(f"{k} {v:.3f}" for k, v in numbers.items() if v is not None)
        told.append(f"{words}: {s.remark}" if s.remark else words)
    else:
        told.append(f"slope not assessed: {why}")
    if f.largest_share > MOSTLY and f.frames > 1:
        told.append(f"one frame holds {100 * f.largest_share:.0f} % of ΣF²")
    axis.set_title("\n".join(told))
    axis.set_xlim(-reach, reach)
    axis.set_ylim(-reach, reach)
    axis.set_aspect("equal")
    axis.set_xlabel(f"reference force components (eV/Å{kind})")
    axis.set_ylabel(f"model force components (eV/Å{kind})")


def _draw_energies(axis: Axes, e: EnergyParity) -> None:
    errors = 1000 * e.errors
    low, high = _robust_range(errors)
    beyond = (errors < low) | (errors > high)
    columns = [errors[~beyond], np.clip(errors[beyond], low, high)]
    labels = ["frames", "beyond the axis, in the outer bins"]
    shown = 2 if beyond.any() else 1
    axis.hist(
        columns[:shown],
        bins=np.linspace(low, high, BINS + 1).tolist(),
        stacked=True,
        color=[MODEL, MARKED][:shown],
        label=labels[:shown],
    )
    axis.axvline(0, color=REFERENCE, lw=1, zorder=3, label="no error")
    bias = _signed(round(1000 * e.bias, 1) + 0.0, "+.1f")  # no minus at a zero
    told = [
        f"MAE {1000 * e.mae.value:.3g} meV/atom, {e.convention}",
        f"bias {bias} meV/atom, {_count(e.frames, 'frame')}",
    ]
    if beyond.any():
        worst = errors[np.argmax(np.abs(errors))]
        told.append(f"{beyond.sum()} beyond the axis, the furthest at {_signed(worst, '+.4g')}")
    axis.set_title("\n".join(told))
    axis.set_xlim(low, high)
    axis.yaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    axis.set_xlabel("energy, model − reference (meV/atom)")
    axis.set_ylabel("frames")


def _robust_range(errors: np.ndarray) -> tuple[float, float]:
    """Return ends that leave out what is far from the quartiles; zero is always between them."""
    first, third = np.quantile(errors, [0.25, 0.75])
    far = FAR * (third - first)
    low = min(0.0, float(max(errors.min(), first - far)))
    high = max(0.0, float(min(errors.max(), third + far)))
    margin = 0.05 * (high - low) or 1.0
    return low - margin, high + margin


def _draw_ordering(axis: Axes, order: Ordering) -> None:
    # the ends that a logarithmic axis cannot have
    lows = [b.low or (b.high or 1.0) / 2 for b in order.bins]
    highs = [b.high or 2 * b.low for b in order.bins]
    middles = np.sqrt(np.multiply(lows, highs))
    axis.set_xscale("log")
    observed = [b.observed for b in order.bins]
    axis.hlines(observed, lows, highs, color=MODEL, lw=1.5)
    axis.plot(middles, observed, "o", color=MODEL, ms=7, label="observed")
    expected = [b.expected for b in order.bins]
    axis.plot(
        middles, expected, "s:", color=REFERENCE, mfc="white", lw=0.8, ms=4, label="Φ(|ΔE|/σ)"
    )
    axis.axhline(0.5, color="0.8", lw=0.8, zorder=0)
    sigma = order.sigma.value
    if sigma > 0:
        axis.axvline(sigma, color=MARKED, lw=1, ls="--", label=f"σ {sigma:.3g} eV")
    over = f"{_count(order.pairs, 'pair')} of {_count(order.compositions, 'composition')}"
    told = [f"σ {sigma:.3g} eV over {over}"]
    if order.difference is not None:
        label = f"asked about: {order.difference:g} eV"
        axis.axvline(order.difference, color=ASKED, lw=1, ls="-.", label=label)
        seen = "no pair so far apart"
        if order.observed is not None:
            seen = f"observed {order.observed:.2f} of {_count(order.observed_pairs, 'pair')}"
        told.append(f"at {order.difference:g} eV: Φ {number(order.chance, '.2f')}, {seen}")
    top = axis.secondary_xaxis("top")
    top.set_xticks(middles, [f"{b.pairs}" for b in order.bins], rotation=90, fontsize=7)
    top.xaxis.set_minor_formatter(NullFormatter())
    top.tick_params(length=2, which="major")
    top.tick_params(length=0, which="minor")
    top.set_xlabel("pairs", fontsize=7)
    axis.set_title("\n".join(told))
    left, right = axis.get_xlim()
    axis.set_xlim(min(left, APART[0]), max(right, APART[1]))
    axis.set_ylim(-0.03, 1.03)
    axis.set_xlabel("|ΔE| of the reference (total eV)")
    axis.set_ylabel("pairs in the right order (fraction)")


def draw_scales(parities: Sequence[Parity], signal: float | None, label: str) -> Figure:
    """Draw errors per atom, and below them those of differences beside the signal.

    Errors of like states cancel and those of N atoms add up, so that the upper panel says nothing
    of the lower: only the lower one, in total eV, is to be held against the signal.

    Parameters
    ----------
    signal : float or None
        The difference that matters, in eV; by default that of the hydrogen-evolution volcano.
    label : str
        What to call the model.
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
    figure = Figure(figsize=(8.4, 3.4 + 0.55 * (rows + len(good))), layout="constrained", dpi=DPI)
    upper, lower = figure.subplots(2, 1, height_ratios=(rows, max(len(good), 1)), sharex=True)
    upper.set_title("per atom: not to be held against the signal, which is of whole states")
    upper.set_xlabel("MAE of the energy (eV/atom)")
    lower.set_title("between two states of one composition: to be held against the signal")
    lower.set_xlabel("σ of ΔE, model − reference (total eV)")
    for axis, labels in ((upper, names + others), (lower, names)):
        axis.set_xscale("log")
        axis.set_yticks(range(len(labels)), labels, fontsize=9)
        axis.set_ylim(max(len(labels), 1) - 0.4, -0.7)
        axis.tick_params(axis="x", labelsize=8, labelbottom=True)
        axis.title.set_fontsize(9)
        axis.xaxis.label.set_fontsize(9)
    lower.axvspan(*band, color=BAND, lw=0, zorder=0)
    shown = [*PUBLISHED.values(), *band]
    for y, p in enumerate(good):
        e, order = p.energy, p.ordering
        more = e.convention if e else p.not_assessed.get("energy", "")
        shown += _draw_mark(upper, y, p.distribution, e.mae if e else None, more)
        more = _count(order.pairs, "pair") if order else p.not_assessed.get("ordering", "")
        shown += _draw_mark(lower, y, p.distribution, order.sigma if order else None, more)
    for name, value in PUBLISHED.items():
        at = (value, places[name])
        upper.plot(*at, "^", color=KEY, mfc="white", ms=7)
        upper.annotate(f"{value:.3f}", at, xytext=(8, 0), va="center", **WORDS)
    # room for the words at the outermost marks
    margin = max(3.0, (max(shown) / min(shown)) ** 0.12)
    upper.set_xlim(min(shown) / margin, max(shown) * margin)
    told = "0.1 to 0.2 eV, hydrogen-evolution volcano" if signal is None else f"about {signal:g} eV"
    present = {p.distribution for p in good}
    figure.legend(
        handles=[
            *(_key(*style) for key, style in STYLES.items() if key in present),
            _key(KEY, "^", "published: MatterSim's model card", mfc="white"),
            Line2D([], [], color=KEY, lw=1, label="95 % interval, where there is one"),
            Patch(color=BAND, label=f"signal: {told}"),
        ],
        loc="outside lower center",
        ncols=2,
        fontsize=9,
        frameon=False,
    )
    figure.suptitle(f"Error scales of {label}, as measured", fontsize=11)
    return figure


def _draw_mark(
    axis: Axes, y: int, distribution: str | None, found: Estimate | None, more: str
) -> list[float]:
    """Draw a measured value and its interval, or say why there is none; return where it ends."""
    if found is None:
        why = f"not assessed: {more}" if more else "not assessed"
        at = axis.get_yaxis_transform()  # at the left end of the row
        axis.annotate(why, (0, y), xycoords=at, xytext=(8, 0), va="center", **WORDS)
        return []
    colour, marker, _ = STYLES[distribution]
    x = max(found.value, SMALLEST)
    if found.low is not None and found.high is not None:
        axis.plot([max(found.low, SMALLEST), found.high], [y, y], color=colour, lw=1)
    axis.plot(x, y, marker, color=colour, ms=7)
    words = f"{found.value:.3g} ({more})"
    axis.annotate(words, (x, y), xytext=(0, 7), ha="center", va="bottom", **WORDS)
    return [x, max(found.high or x, x)]


def _key(colour: str, marker: str, label: str, **more: Any) -> Line2D:
    return Line2D([], [], color=colour, marker=marker, ls="none", label=label, **more)


def _signed(number: float, form: str) -> str:
    return format(number, form).replace("-", "−")


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}{'s' * (n != 1)}"
