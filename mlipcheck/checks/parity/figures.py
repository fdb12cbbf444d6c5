"""A model against labelled frames: forces, errors of energies, and the ranking of states."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, NullLocator

from ...drawing.colours import DARK, MIDDLE, PALE, REFERENCE
from ...drawing.panel import SIZE, label_axes, printable, signed
from ...drawing.tables import count, number
from .record import Parity

# Most components are smaller than this quantile; where the largest is so many times that, axes are
# logarithmic beyond it, or one frame with huge forces would leave the others a dot in the middle.
BULK, DOMINATED = 0.9, 10.0
MAX_OPAQUE = 1000  # points, beyond which they need to be seen through
BINS, FAR = 30, 3.0  # of a histogram; further from the quartiles, in interquartile ranges
RANGE = (0.007, 6.0)  # eV between states, at least this much of the axis on every page
DASHES = (0, (6, 2))
MAX_LINE = 52  # characters above a panel


def _set_words(axis: Axes, lines: Sequence[str], x: str, y: str) -> None:
    title = "\n".join(textwrap.fill(printable(line), MAX_LINE) for line in lines)
    label_axes(axis, x, y)
    axis.set_title(title, fontsize=SIZE)


def draw_forces(axis: Axes, p: Parity, colour: str) -> None:
    """Draw components, model against reference."""
    f = p.forces
    assert f is not None
    good = np.isfinite(f.reference_sample) & np.isfinite(f.model_sample)
    F, model = f.reference_sample[good], f.model_sample[good]
    sizes = np.abs(np.concatenate([F, model]))
    reach = 1.1 * float(np.max(sizes, initial=0.0)) or 1.0
    bulk = float(np.quantile(sizes, BULK)) if len(sizes) else 0.0
    kind = ""
    if 0 < DOMINATED * bulk < reach:
        kind = ", asinh axis"
        axis.set_xscale("asinh", linear_width=bulk)  # without the kinks of symlog
        axis.set_yscale("asinh", linear_width=bulk)
        ends = 10.0 ** np.arange(np.ceil(np.log10(2 * bulk)), np.log10(reach))
        ticks = [*-ends[::-1], 0.0, *ends]
        axis.set_xticks(ticks, labels := [signed(t, "g") for t in ticks])
        axis.set_yticks(ticks, labels)
    outwards = np.geomspace(1e-4, 1, 200) * reach  # dense enough for either kind of axis
    x = np.concatenate([-outwards[::-1], outwards])
    axis.plot(x, x, color=PALE, lw=1, zorder=0, label="y = x")
    many = len(F) > MAX_OPAQUE
    look: dict[str, Any] = {"ms": 2.5 if many else 4, "alpha": 0.25 if many else 0.5, "mew": 0}
    axis.plot(F, model, "o", color=colour, rasterized=many, label="components", **look)
    lines = [f"MAE {f.component_mae:.3g} eV/Å of components, {f.mae.value:.3g} of vectors"]
    if s := f.deciding.slope:
        axis.plot(x, s.s_lo * x, color=DARK, lw=1.4, ls=DASHES, label=f"slope {s.s_lo:.3f}")
        numbers = {"slope": s.s_lo, "reverse": s.s_hi, "R²": s.r_squared}
        words = ", ".join(f"{k} {v:.3f}" for k, v in numbers.items() if v is not None)
        over = f"median of {count(f.median_frames, 'frame')}: " if f.deciding is f.medians else ""
        lines.append(f"{over}{words}{f': {s.remark}' if s.remark else ''}")
    else:
        lines.append(f"slope not assessed: {p.not_assessed.get('slope', '')}")
    if f.dominated:
        lines.append(f"one frame holds {100 * f.largest_share:.0f} % of ΣF²")
    axis.set(xlim=(-reach, reach), ylim=(-reach, reach), box_aspect=1)
    x_words, y_words = (f"{who} force components (eV/Å{kind})" for who in ("reference", "model"))
    _set_words(axis, lines, x_words, y_words)


def draw_energies(axis: Axes, p: Parity, colour: str) -> None:
    """Draw a histogram of the errors; what is far off is counted in the outer bins."""
    e = p.energy
    assert e is not None
    errors = 1000 * e.errors[np.isfinite(e.errors)]
    low, high = _robust_range(errors)
    beyond = (errors < low) | (errors > high)
    columns = [errors[~beyond], np.clip(errors[beyond], low, high)]
    labels = ["frames", "beyond the axis, in the outer bins"]
    shown = 2 if beyond.any() else 1
    axis.hist(
        columns[:shown],
        bins=np.linspace(low, high, BINS + 1).tolist(),
        stacked=True,
        color=[colour, DARK][:shown],
        label=labels[:shown],
    )
    axis.axvline(0, color=REFERENCE, lw=1, zorder=3, label="no error")
    bias = signed(1000 * e.bias, "+.1f")
    lines = [
        f"MAE {1000 * e.mae.value:.3g} meV/atom, {e.convention}",
        f"bias {bias} meV/atom, {count(e.frames, 'frame')}",
    ]
    if beyond.any():
        worst = errors[np.argmax(np.abs(errors))]
        lines.append(f"{beyond.sum()} beyond the axis, the furthest at {signed(worst, '+.4g')}")
    axis.set_xlim(low, high)
    axis.yaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    _set_words(axis, lines, "energy, model − reference (meV/atom)", "frames")


def _robust_range(errors: np.ndarray) -> tuple[float, float]:
    """Return ends that leave out what is far from the quartiles; zero is always between them."""
    if not len(errors):
        return -1.0, 1.0
    first, third = np.quantile(errors, [0.25, 0.75])
    far = FAR * (third - first)
    low = min(0.0, float(max(errors.min(), first - far)))
    high = max(0.0, float(min(errors.max(), third + far)))
    margin = 0.05 * (high - low) or 1.0
    return low - margin, high + margin


def draw_ranking(axis: Axes, p: Parity, colour: str) -> None:
    """Draw the fraction of pairs in the right order, observed and expected, by their distance."""
    found = p.ranking
    assert found is not None
    # the ends that a logarithmic axis cannot have
    lows = [b.low or (b.high or 1.0) / 2 for b in found.bins]
    highs = [b.high or 2 * b.low for b in found.bins]
    middles = np.sqrt(np.multiply(lows, highs))
    axis.set_xscale("log")
    sigma = found.sigma.value
    shown = [x for x in (*lows, *highs, sigma, found.difference) if x and np.isfinite(x)]
    axis.set_xlim(min(RANGE[0], 0.75 * min(shown)), max(RANGE[1], 1.4 * max(shown)))
    observed = [b.observed for b in found.bins]
    axis.hlines(observed, lows, highs, color=colour, lw=1.5)
    axis.plot(middles, observed, "o", color=colour, ms=7, label="observed")
    expected = [b.expected for b in found.bins]
    look: dict[str, Any] = {"color": REFERENCE, "mfc": "white", "lw": 0.8, "ms": 4}
    axis.plot(middles, expected, "s:", label="Φ(|ΔE|/σ)", **look)
    axis.axhline(0.5, color="0.8", lw=0.8, zorder=0)
    if sigma > 0:
        axis.axvline(sigma, color=DARK, lw=1.2, ls=DASHES, label=f"σ {sigma:.3g} eV")
    over = f"{count(found.pairs, 'pair')} of {count(found.compositions, 'composition')}"
    lines = [f"σ {sigma:.3g} eV over {over}"]
    if found.difference is not None:
        label = f"asked about: {found.difference:g} eV"
        axis.axvline(found.difference, color=MIDDLE, lw=1.2, ls="-.", label=label)
        seen = "no pair so far apart"
        if found.observed is not None:
            seen = f"observed {found.observed:.2f} of {count(found.observed_pairs, 'pair')}"
        lines.append(f"at {found.difference:g} eV: Φ {number(found.chance, '.2f')}, {seen}")
    top = axis.secondary_xaxis("top")
    top.set_xticks(middles, [f"{b.pairs}" for b in found.bins], rotation=90, fontsize=SIZE)
    top.xaxis.set_minor_locator(NullLocator())
    top.set_xlabel("pairs", fontsize=SIZE)
    axis.set_ylim(-0.03, 1.03)
    _set_words(axis, lines, "|ΔE| of the reference (total eV)", "pairs ranked right (fraction)")
