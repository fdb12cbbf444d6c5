"""Figures of several models on the same inputs; a model has one colour throughout."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from matplotlib.figure import Figure

from ..analysis.estimate import Estimate
from ..checks.dimers.figures import Curve, draw_pages
from ..checks.relaxation.figures import write_figures
from ..checks.relaxation.record import Relaxation
from ..comparison import Comparison
from ..drawing.colours import Look, model_colours, model_markers
from ..drawing.dots import (
    Dots,
    as_estimate,
    choose_rows,
    draw_dots,
    height_of_rows,
    keep_rows,
)
from ..drawing.lettering import DPI, legend_below

Row = TypeVar("Row")
MOST = 100  # rows of a page; beyond, those that some model is furthest off for
VOLUME = "volume, model − reference (%)"


def pair_curves(comparison: Comparison) -> list[list[Curve]]:
    """Return the curves of every pair, a model each."""
    looks = model_looks(comparison)
    return [
        [Curve(scan, *look) for scan, look in zip(scans, looks, strict=True)]
        for scans in zip(*(run.dimers for run in comparison.runs), strict=True)
    ]


def model_looks(comparison: Comparison) -> list[Look]:
    """Return what tells the models apart."""
    infos = [run.calculator for run in comparison.runs]
    return list(zip(comparison.labels, model_colours(infos), model_markers(infos), strict=True))


def collect_dots(
    comparison: Comparison,
    rows: Sequence[Sequence[Row]],
    read: Callable[[Row], Estimate | float | None],
) -> list[Dots]:
    """Read one number of each model from rows that hold a record of each."""
    found = []
    for k, look in enumerate(model_looks(comparison)):
        values = tuple(as_estimate(read(row[k])) for row in rows)
        # only relaxations have an end that they may not get to
        good = tuple(getattr(row[k], "converged", True) for row in rows)
        found.append(Dots(*look, values, good))
    return found


def draw_dimers(comparison: Comparison) -> list[Figure]:
    """Draw every pair, a pair a panel, the models' bonds and collapses marked."""
    return draw_pages(pair_curves(comparison))


def volume_change(row: Relaxation) -> float | None:
    return row.volume_change_percent if row.error is None and row.cell == "free" else None


def draw_volumes(comparison: Comparison) -> list[Figure]:
    """Draw the change of volume of every structure whose cell is free, a model a colour."""
    rows = list(zip(*(run.relaxations for run in comparison.runs), strict=True))
    dots = collect_dots(comparison, rows, volume_change)
    kept = choose_rows(dots, MOST)
    if not kept:
        return []
    size = 6.0, height_of_rows(len(kept), len(dots))
    figure = Figure(figsize=size, layout="constrained", dpi=DPI)
    draw_dots(figure.subplots(), [rows[k][0].name for k in kept], keep_rows(dots, kept), VOLUME)
    legend_below(figure, 3)
    return [figure]


def save_comparison(folder: Path, comparison: Comparison) -> list[Path]:
    """Write the figures as PNG into ``folder`` and return their paths."""
    return write_figures(
        folder, {"dimers": draw_dimers(comparison), "volumes": draw_volumes(comparison)}
    )
