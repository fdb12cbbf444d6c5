"""The figures of a report on several models: the same inputs, a model a colour."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ..analysis.estimate import Estimate
from ..checks.dimers.figures import draw_pair
from ..checks.parity.record import Parity
from ..checks.relaxation.record import Relaxation
from ..comparison import Comparison
from ..drawing.dots import (
    choose_rows,
    draw_dots,
    height_of_rows,
    keep_rows,
)
from ..drawing.lettering import is_finite, legend_below, plain
from ..drawing.panel import (
    Panel,
    each_once,
    new_axes,
    new_figure,
    slug,
    tell_largest,
)
from ..record import RunRecord
from .figures_compared import (
    VOLUME,
    collect_dots,
    pair_curves,
    volume_change,
)

MOST = 30  # rows of one panel


@dataclass(frozen=True)
class _Question:
    """A number that every model has for each structure or set, and what it is evidence for."""

    name: str
    axis: str
    caption: str
    check: str
    quantities: tuple[str, ...]
    rows: Callable[[RunRecord], tuple[Any, ...]]
    read: Callable[[Any], Estimate | float | None]
    form: str = ".3g"
    unit: str = ""


def _read_largest_bond(row: Relaxation) -> float | None:
    return None if row.error else row.largest_bond_change_percent


def _read_energy(p: Parity) -> Estimate | None:
    if p.energy is None:
        return None
    e = p.energy.mae
    low, high = (None if end is None else 1000 * end for end in (e.low, e.high))
    return Estimate(1000 * e.value, low, high)


QUESTIONS = (
    _Question(
        "volumes",
        VOLUME,
        "The volume that each model relaxes a structure to, against the reference's.",
        "relax",
        ("volume",),
        lambda run: run.relaxations,
        volume_change,
        "+.2f",
        " %",
    ),
    _Question(
        "bonds",
        "largest change of a bond (%)",
        "How much one bond of each structure changes at most when a model relaxes it.",
        "relax",
        ("bond lengths", "broken and new bonds"),
        lambda run: run.relaxations,
        _read_largest_bond,
        ".2f",
        " %",
    ),
    _Question(
        "forces",
        "MAE of the forces (eV/Å)",
        "Mean error of the force on an atom; lines are 95 % intervals.",
        "parity",
        ("forces", "softening", "softening of one element"),
        lambda run: run.parities,
        lambda p: p.forces.mae if p.forces else None,
        unit=" eV/Å",
    ),
    _Question(
        "energies",
        "MAE of the energy (meV/atom)",
        "Mean error of the energy per atom; lines are 95 % intervals.",
        "parity",
        ("energy", "energy convention"),
        lambda run: run.parities,
        _read_energy,
        unit=" meV/atom",
    ),
    _Question(
        "order",
        "σ of ΔE, model − reference (total eV)",
        "Spread of the error between two states of one composition; lines are 95 % intervals.",
        "parity",
        ("order of states",),
        lambda run: run.parities,
        lambda p: p.ordering.sigma if p.ordering else None,
        unit=" eV",
    ),
)


def draw_compared_panels(comparison: Comparison) -> list[Panel]:
    """Draw everything that the runs have a figure for; what failed in all of them is left out."""
    dots = (_dots_panel(comparison, question) for question in QUESTIONS)
    return each_once([*_dimer_panels(comparison), *(panel for panel in dots if panel)])


def closest_of(runs: Iterable[RunRecord]) -> dict[frozenset[str], float]:
    """Return the shortest distance of each pair in a user's own frames, which all runs share."""
    return {
        frozenset(a.pair): a.distance
        for run in runs
        for a in run.approaches
        if a.distance is not None and is_finite(a.distance)
    }


def _dimer_panels(comparison: Comparison) -> Iterator[Panel]:
    closest = closest_of(comparison.runs)
    for curves in pair_curves(comparison):
        good = [c for c in curves if c.drawable]
        if not good:
            continue
        figure = new_figure(4.8)
        at = closest.get(frozenset(good[0].scan.pair))
        draw_pair(figure, curves, at)
        legend_below(figure, 2)
        name = good[0].scan.name
        told = []
        for c in good:
            bond, collapse = c.scan.equilibrium_distance, c.scan.wall_collapse_distance
            words = "unbound" if bond is None else f"bond {bond:.3f} Å"
            wall = "wall holds" if collapse is None else f"wall turns over at {collapse:.2f} Å"
            told.append(f"{plain(c.label)}: {words}, {wall}.")
        if at is not None:
            told.append(f"Shortest distance in your frames: {at:.2f} Å.")
        yield Panel(
            name=slug("dimer", name),
            caption=f"Two atoms alone, {plain(name)}: energy, and below it the force, against "
            "their distance. Hollow marks are bonds, filled ones where a wall turns over.",
            alt=f"Energy and force of {plain(name)} by {len(good)} models. {' '.join(told)}",
            check="dimer",
            subjects=(name,),
            quantities=(),
            figure=figure,
        )


def _dots_panel(comparison: Comparison, question: _Question) -> Panel | None:
    rows = list(zip(*(question.rows(run) for run in comparison.runs), strict=True))
    models = collect_dots(comparison, rows, question.read)
    kept = choose_rows(models, MOST)
    if not kept:
        return None
    models = keep_rows(models, kept)
    names = [rows[k][0].name for k in kept]
    figure, axis = new_axes(height_of_rows(len(kept), len(models)))
    draw_dots(axis, names, models, question.axis)
    legend_below(figure, 2)
    more = "" if len(kept) < MOST else f" The {MOST} with the largest numbers are shown."
    told = []
    for model in models:
        numbers = [(n, v.value) for n, v in zip(names, model.values, strict=True) if v]
        told.append(f"{plain(model.label)}: {tell_largest(numbers, question.form, question.unit)}.")
    return Panel(
        name=question.name,
        caption=question.caption + more,
        alt=f"{question.caption} {' '.join(told)}",
        check=question.check,
        subjects=tuple(names),
        quantities=question.quantities,
        figure=figure,
    )
