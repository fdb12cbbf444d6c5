"""The figures of a report about labelled frames: of each model, and of several together.

One has a model's errors as scales: per atom, and of differences beside what matters.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...analysis.statistics import Estimate
from ...drawing.colours import BAND, MIDDLE, OTHER
from ...drawing.dots import Dots, as_estimate, draw_compared, draw_dots, height_of_rows
from ...drawing.panel import SIZE, Panel, legend_below, new_axes, new_figure, plain, printable, slug
from ...record import Model
from .criteria import CRITERIA, FORCE_QUESTIONS
from .figures import draw_energies, draw_forces, draw_ranking
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


class Kind(NamedTuple):
    """One kind of figure: its ``number``, which ``read`` takes of a record, in ``unit``."""

    name: str
    quantities: tuple[str, ...]
    number: str
    unit: str
    read: Callable[[Parity], Estimate | None]
    draw: Callable[[Axes, Parity, str], None]
    height: float
    caption: str

    def of(self, p: Parity) -> Estimate | None:
        """Return the number of a set, None where it has none."""
        return as_estimate(self.read(p)) if p.error is None else None


def _mev(p: Parity) -> Estimate | None:
    if p.energy is None:
        return None
    e = p.energy.mae
    low, high = (None if end is None else 1000 * end for end in (e.low, e.high))
    return Estimate(1000 * e.value, low, high)


KINDS = (
    Kind(
        "forces",
        FORCE_QUESTIONS,
        "mean error of the forces",
        "eV/Å",
        lambda p: p.forces.mae if p.forces else None,
        draw_forces,
        5.3,
        "Forces on the atoms of {}: each component, model against reference.",
    ),
    Kind(
        "energies",
        ("energy",),
        "MAE of the energy",
        "meV/atom",
        _mev,
        draw_energies,
        3.9,
        "Errors of the energies of {}, per atom, and how many frames have them.",
    ),
    Kind(
        "ranking",
        ("ranking accuracy",),
        "σ of ΔE, model − reference",
        "total eV",
        lambda p: p.ranking.sigma if p.ranking else None,
        draw_ranking,
        4.6,
        "How often the model finds which of two states of {} is lower, by how far they are apart.",
    ),
)


def describe(p: Parity, kind: Kind) -> str:
    """Return the main numbers of a figure in words."""
    number = kind.of(p)
    found = [f"{kind.number} {number.value:.3g} {kind.unit}"] if number else []
    asked = [c for c in CRITERIA if c.quantity in kind.quantities]
    found += [f"{c.quantity}: {reading.text}" for c in asked if (reading := c.read(p))]
    return f"{plain('; '.join(found))}."


def kinds_of(p: Parity) -> list[Kind]:
    """Return the kinds of figure that a set has numbers for."""
    return [kind for kind in KINDS if kind.of(p)]


def draw_panels(models: Sequence[Model]) -> list[Panel]:
    """Draw the errors of several models beside each other, then what each has of its own."""
    found = list(_compared(models)) if len(models) > 1 else []
    for model in models:
        rows: tuple[Parity, ...] = model.run.rows("parity")
        found += [panel for p in rows for panel in _own(p, model)]
        found += _scales(rows, model)
    return found


def _compared(models: Sequence[Model]) -> Iterator[Panel]:
    for kind in KINDS:
        found = draw_compared(models, "parity", kind.of, f"{kind.number} ({kind.unit})")
        if found is not None:
            caption = f"{kind.number} of each model; lines are nominal 95 % intervals."
            alt = f"{caption} {found.describe('.3g', f' {kind.unit}')}"
            evidence = ("parity",), found.names, found.figure, kind.quantities
            yield Panel(kind.name, caption + found.more, alt, *evidence)


def _own(p: Parity, model: Model) -> Iterator[Panel]:
    for kind in kinds_of(p):
        figure, axis = new_axes(kind.height)
        kind.draw(axis, p, model.colour)
        legend_below(figure, 2)
        name, caption = model.prefix + slug(kind.name, p.name), kind.caption.format(plain(p.name))
        alt = f"{caption} By {plain(model.label)}: {describe(p, kind)}"
        evidence = ("parity",), (p.name,), figure, kind.quantities, model.letter
        yield Panel(name, caption, alt, *evidence)


def _scales(rows: Sequence[Parity], model: Model) -> Iterator[Panel]:
    shown = [(p, k) for p in rows for k in kinds_of(p) if k.name != "forces"]
    if not shown:
        return
    words = " ".join(f"{plain(p.name)}: {describe(p, k)}" for p, k in shown)
    sets = list(dict.fromkeys(p for p, _ in shown))
    resolution = model.run.settings.get("energy_resolution")
    yield Panel(
        f"{model.prefix}scales",
        "How large the errors are: per atom, and between two states of one composition. "
        "Only the latter are to be compared with the difference one wants to read, in grey.",
        plain(f"Errors of {model.label} on logarithmic axes. {words}"),
        ("parity",),
        tuple(p.name for p in sets),
        draw_scales(sets, resolution, model.label, colour=model.colour),
        ("ranking accuracy", "energy"),
        model.letter,
    )


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
