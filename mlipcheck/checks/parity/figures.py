"""Figures of a model held against labelled frames: a page a set."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter

from ...drawing.colours import (
    DARK,
    MIDDLE,
    OTHER,
    PALE,
    REFERENCE,
)
from ...drawing.lettering import (
    DPI,
    SIZE,
    count,
    is_finite,
    printable,
    signed,
)
from ...report.terminal import number
from .record import (
    EnergyParity,
    ForceParity,
    Ordering,
    Parity,
)
from .scales import DISTRIBUTIONS

# Most components are smaller than this quantile; where the largest is so many times that, axes are
# logarithmic beyond it, or one frame with huge forces would leave the others a dot in the middle.
BULK, DOMINATED = 0.9, 10.0
MOSTLY = 0.5  # of ΣF² in one frame: then slopes are about that frame
MANY = 1000  # points that need to be seen through
BINS, FAR = 30, 3.0  # of a histogram; further from the quartiles, in interquartile ranges
APART = (0.007, 6.0)  # eV between states, at least this much of the axis on every page
DASHES = (0, (6, 2))
WIDE = 52  # characters of a line above a panel


def draw_parities(parities: Sequence[Parity], *, colour: str = OTHER) -> list[Figure]:
    """Draw a page a set: forces, errors of energies, and the order of states.

    Sets with an error have no page, quantities that the record does not have no panel.
    """
    pages = [_draw_page(p, colour) for p in parities]
    return [page for page in pages if page is not None]


def drawings(p: Parity, colour: str) -> dict[str, Callable[[Axes], None]]:
    """Return what draws the forces, the energies and the order of a set, as far as it has them."""
    found: dict[str, Callable[[Axes], None]] = {}
    if p.error is not None:
        return found
    if p.forces is not None and is_finite(p.forces.mae.value):
        forces, why = p.forces, p.not_assessed.get("slope", "")
        found["forces"] = lambda axis: _draw_forces(axis, forces, why, colour)
    if p.energy is not None and is_finite(p.energy.mae.value):
        energy = p.energy
        found["energies"] = lambda axis: _draw_energies(axis, energy, colour)
    if p.ordering is not None and is_finite(p.ordering.sigma.value):
        ordering = p.ordering
        found["order"] = lambda axis: _draw_ordering(axis, ordering, colour)
    return found


def _draw_page(p: Parity, colour: str) -> Figure | None:
    panels = drawings(p, colour).values()
    if not panels:
        return None
    figure = Figure(figsize=(max(4.8 * len(panels), 6.4), 5.8), layout="constrained", dpi=DPI)
    for axis, draw in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        draw(axis)
        # below the panel, where it hides nothing
        handles, labels = axis.get_legend_handles_labels()
        below = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.14), "ncols": 2}
        axis.legend(handles, labels, fontsize=SIZE, frameon=False, **below)
    told = [printable(p.name), count(p.frames, "frame")]
    if p.distribution:
        told.insert(1, DISTRIBUTIONS[p.distribution][1])
    if p.failures:
        told.append(f"{len(p.failures)} failed")
    figure.suptitle(textwrap.fill(", ".join(told), 48 * len(panels)), fontsize=11)
    return figure


def _set_words(axis: Axes, told: Sequence[str], x: str, y: str) -> None:
    lines = (textwrap.fill(printable(line), WIDE) for line in told)
    axis.set_title("\n".join(lines), fontsize=SIZE)
    axis.set_xlabel(x, fontsize=SIZE)
    axis.set_ylabel(y, fontsize=SIZE)
    axis.tick_params(labelsize=SIZE)


def _draw_forces(axis: Axes, f: ForceParity, why: str, colour: str) -> None:
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
        decades = 10.0 ** np.arange(np.floor(np.log10(bulk)), np.log10(reach))
        steps = np.outer(decades, (1, 3)).ravel()
        steps = steps[(steps > 2 * bulk) & (steps < reach)]
        ticks = [*-steps[::-1], 0.0, *steps]
        axis.set_xticks(ticks, [signed(t, "g") for t in ticks])
        axis.set_yticks(ticks, [signed(t, "g") for t in ticks])
    outwards = np.geomspace(1e-4, 1, 200) * reach  # dense enough for either kind of axis
    x = np.concatenate([-outwards[::-1], outwards])
    axis.plot(x, x, color=PALE, lw=1, zorder=0, label="y = x")
    many = len(F) > MANY
    look: dict[str, Any] = {"ms": 2.5 if many else 4, "alpha": 0.25 if many else 0.5, "mew": 0}
    axis.plot(F, model, "o", color=colour, rasterized=many, label="components", **look)
    told = [f"MAE {f.component_mae:.3g} eV/Å of components, {f.mae.value:.3g} of vectors"]
    if f.slope is not None:
        s = f.slope
        axis.plot(x, s.s_lo * x, color=DARK, lw=1.4, ls=DASHES, label=f"slope s_lo {s.s_lo:.3f}")
        numbers = {"s_lo": s.s_lo, "s_hi": s.s_hi, "R²": s.r_squared}
        words = ", ".join(f"{k} {v:.3f}" for k, v in numbers.items() if v is not None)
        told.append(f"{words}: {s.remark}" if s.remark else words)
    else:
        told.append(f"slope not assessed: {why}")
    if f.largest_share > MOSTLY and f.frames > 1:
        told.append(f"one frame holds {100 * f.largest_share:.0f} % of ΣF²")
    axis.set_xlim(-reach, reach)
    axis.set_ylim(-reach, reach)
    axis.set_box_aspect(1)
    x_words, y_words = (
        f"{whose} force components (eV/Å{kind})" for whose in ("reference", "model")
    )
    _set_words(axis, told, x_words, y_words)


def _draw_energies(axis: Axes, e: EnergyParity, colour: str) -> None:
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
    told = [
        f"MAE {1000 * e.mae.value:.3g} meV/atom, {e.convention}",
        f"bias {bias} meV/atom, {count(e.frames, 'frame')}",
    ]
    if beyond.any():
        worst = errors[np.argmax(np.abs(errors))]
        told.append(f"{beyond.sum()} beyond the axis, the furthest at {signed(worst, '+.4g')}")
    axis.set_xlim(low, high)
    axis.yaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    _set_words(axis, told, "energy, model − reference (meV/atom)", "frames")


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


def _draw_ordering(axis: Axes, order: Ordering, colour: str) -> None:
    # the ends that a logarithmic axis cannot have
    lows = [b.low or (b.high or 1.0) / 2 for b in order.bins]
    highs = [b.high or 2 * b.low for b in order.bins]
    middles = np.sqrt(np.multiply(lows, highs))
    axis.set_xscale("log")
    sigma = order.sigma.value
    shown = [x for x in (*lows, *highs, sigma, order.difference) if x and np.isfinite(x)]
    axis.set_xlim(
        min(APART[0], *(0.75 * x for x in shown)), max(APART[1], *(1.4 * x for x in shown))
    )
    observed = [b.observed for b in order.bins]
    axis.hlines(observed, lows, highs, color=colour, lw=1.5)
    axis.plot(middles, observed, "o", color=colour, ms=7, label="observed")
    expected = [b.expected for b in order.bins]
    axis.plot(
        middles, expected, "s:", color=REFERENCE, mfc="white", lw=0.8, ms=4, label="Φ(|ΔE|/σ)"
    )
    axis.axhline(0.5, color="0.8", lw=0.8, zorder=0)
    if sigma > 0:
        axis.axvline(sigma, color=DARK, lw=1.2, ls=DASHES, label=f"σ {sigma:.3g} eV")
    over = f"{count(order.pairs, 'pair')} of {count(order.compositions, 'composition')}"
    told = [f"σ {sigma:.3g} eV over {over}"]
    if order.difference is not None:
        label = f"asked about: {order.difference:g} eV"
        axis.axvline(order.difference, color=MIDDLE, lw=1.2, ls="-.", label=label)
        seen = "no pair so far apart"
        if order.observed is not None:
            seen = f"observed {order.observed:.2f} of {count(order.observed_pairs, 'pair')}"
        told.append(f"at {order.difference:g} eV: Φ {number(order.chance, '.2f')}, {seen}")
    top = axis.secondary_xaxis("top")
    top.set_xticks(middles, [f"{b.pairs}" for b in order.bins], rotation=90, fontsize=SIZE)
    top.xaxis.set_minor_formatter(NullFormatter())
    top.tick_params(length=2, which="major")
    top.tick_params(length=0, which="minor")
    top.set_xlabel("pairs", fontsize=SIZE)
    axis.set_ylim(-0.03, 1.03)
    _set_words(
        axis, told, "|ΔE| of the reference (total eV)", "pairs in the right order (fraction)"
    )
