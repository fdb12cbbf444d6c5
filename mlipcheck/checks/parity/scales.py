"""Figure of a model's errors as scales: per atom, and of differences beside what matters."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from matplotlib.figure import Figure

from ...analysis.estimate import Estimate
from ...drawing.colours import BAND, MIDDLE, OTHER
from ...drawing.dots import Dots, as_estimate, draw_dots, height_of_rows
from ...drawing.lettering import SIZE, legend_below, printable
from ...drawing.panel import new_figure
from .ranking import NEAR
from .record import Parity

# a mark, and what it means
DISTRIBUTIONS = {
    "in": ("o", "in distribution"),
    "out": ("s", "out of distribution"),
    None: ("D", "distribution not known"),
}
# MatterSim's model card: MAE of the energy in eV/atom
PUBLISHED = {"MPtrj-random-1k": 0.030, "Random-TP": 0.208}
SIGNAL = (0.1, 0.2)  # eV, between neighbours on the hydrogen-evolution volcano
SMALLEST = 1e-6  # eV; what is less stands there, on a logarithmic axis


def draw_scales(
    parities: Sequence[Parity], resolution: float | None, label: str, *, colour: str = OTHER
) -> Figure:
    """Draw errors per atom, and below them those of differences beside the one that matters.

    Errors of like states cancel and those of N atoms add up, so that the upper panel says nothing
    of the lower: only the lower one, in total eV, is to be compared with the difference.

    ``resolution`` is the difference that matters, in eV, by default that of the hydrogen-evolution
    volcano; ``label`` and ``colour`` are the model's.
    """
    good = [p for p in parities if p.error is None]
    names = [p.name for p in good]
    own = {name.casefold() for name in names}
    every = names + [name for name in PUBLISHED if name.casefold() not in own]
    energies, sigmas = [], []
    for distribution, (marker, words) in DISTRIBUTIONS.items():
        inside = [p if p.distribution == distribution else None for p in good]
        if any(inside):
            look = (words, colour, marker)
            errors = [p.energy.mae if p and p.energy else None for p in inside]
            spreads = [p.ranking.sigma if p and p.ranking else None for p in inside]
            energies.append(_dots(look, errors, len(every)))
            sigmas.append(_dots(look, spreads, len(names)))
    published = {name.casefold(): Estimate(value) for name, value in PUBLISHED.items()}
    values = [published.get(name.casefold()) for name in every]
    energies.append(_dots(("published: MatterSim's model card", MIDDLE, "^"), values, len(every)))
    figure = new_figure(1.5 + height_of_rows(len(every)) + height_of_rows(len(names)))
    heights = (len(every), max(len(names), 1))
    upper, lower = figure.subplots(2, 1, height_ratios=heights, sharex=True)
    draw_dots(upper, every, energies, "MAE of the energy (eV/atom)")
    draw_dots(lower, names, sigmas, "σ of ΔE, model − reference (total eV)")
    upper.set_xscale("log")  # whatever few numbers ask for
    upper.set_title(printable(f"{label}, per atom", 60), fontsize=SIZE)
    title = "between two states of one composition, beside the difference that matters"
    lower.set_title(textwrap.fill(title, 40), fontsize=SIZE)
    upper.tick_params(axis="x", labelbottom=True)
    low, high = SIGNAL if resolution is None else (NEAR[0] * resolution, NEAR[1] * resolution)
    matters = "hydrogen-evolution volcano" if resolution is None else f"about {resolution:g} eV"
    lower.axvspan(low, high, color=BAND, lw=0, zorder=0, label=f"what matters: {matters}")
    legend_below(figure, 1)
    return figure


def _dots(look: tuple[str, str, str], found: Sequence[Estimate | None], rows: int) -> Dots:
    """Return numbers as dots, one a row; none is further left than what a logarithm can show."""
    shown: list[Estimate | None] = [None] * rows
    for y, e in enumerate(map(as_estimate, found)):
        if e is not None:
            low = None if e.low is None else max(e.low, SMALLEST)
            shown[y] = Estimate(max(e.value, SMALLEST), low, e.high)
    return Dots(*look, tuple(shown), (True,) * rows)
