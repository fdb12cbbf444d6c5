"""The figures of a report about labelled frames: of each model, and of several together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from matplotlib.axes import Axes

from ...analysis.estimate import Estimate
from ...drawing.dots import as_estimate, draw_compared
from ...drawing.lettering import legend_below, plain
from ...drawing.panel import Panel, new_axes, slug
from ...record import Model
from .criteria import CRITERIA, FORCE_QUESTIONS
from .figures import draw_energies, draw_forces, draw_ranking
from .record import Parity
from .scales import draw_scales


class Kind(NamedTuple):
    """One kind of figure: ``part`` of a record, and what ``read`` takes of it, in ``unit``."""

    name: str
    part: str
    quantities: tuple[str, ...]
    number: str
    unit: str
    read: Callable[[Any], Estimate]
    draw: Callable[[Axes, Parity, str], None]
    height: float
    caption: str

    def of(self, p: Parity) -> Estimate | None:
        """Return the number of a set, None where it has none."""
        part = getattr(p, self.part) if p.error is None else None
        return as_estimate(part and self.read(part))


def _mev(e: Any) -> Estimate:
    low, high = (None if end is None else 1000 * end for end in (e.mae.low, e.mae.high))
    return Estimate(1000 * e.mae.value, low, high)


KINDS = (
    Kind(
        "forces",
        "forces",
        FORCE_QUESTIONS,
        "MAE of the forces",
        "eV/Å",
        lambda f: f.mae,
        draw_forces,
        5.3,
        "Forces on the atoms of {}: each component, model against reference.",
    ),
    Kind(
        "energies",
        "energy",
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
        "ranking",
        ("ranking accuracy",),
        "σ of ΔE, model − reference",
        "total eV",
        lambda r: r.sigma,
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
    shown = [(p, k) for p in rows for k in kinds_of(p) if k.part != "forces"]
    if not shown:
        return
    words = " ".join(f"{plain(p.name)}: {describe(p, k)}" for p, k in shown)
    sets = [p for p in rows if any(p is other for other, _ in shown)]
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
