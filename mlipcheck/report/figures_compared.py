"""Figures of several models on the same inputs; a model has one colour throughout."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from ..comparison import Comparison
from ..results import DimerScan
from .figures import DPI, FAILED, PAIRS_PER_PAGE, REFERENCE, legend_below, write_figures

# Okabe and Ito's, without the black of references; a marker each, for print without colour.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#E69F00", "#56B4E9", "#CC79A7")
MARKERS = "os^Dv*"


def draw_dimers(comparison: Comparison) -> list[Figure]:
    """Draw the energies of every pair, a pair a panel, each model's collapse marked."""
    pairs = list(zip(*(run.dimers for run in comparison.runs), strict=True))
    pages = [pairs[k : k + PAIRS_PER_PAGE] for k in range(0, len(pairs), PAIRS_PER_PAGE)]
    return [_draw_page(page, comparison.labels) for page in pages]


def _draw_page(pairs: Sequence[Sequence[DimerScan]], labels: Sequence[str]) -> Figure:
    columns = min(4, len(pairs))
    rows = -(-len(pairs) // columns)
    figure = Figure(
        figsize=(max(3.4 * columns, 5.0), 3.2 * rows + 0.6), layout="constrained", dpi=DPI
    )
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis, scans in zip(axes, pairs, strict=False):
        _draw_pair(axis, scans, labels)
    for axis in axes[len(pairs) :]:
        axis.set_axis_off()
    legend_below(figure, 2 * columns)
    return figure


def _draw_pair(axis, scans: Sequence[DimerScan], labels: Sequence[str]) -> None:  # type: ignore[no-untyped-def]
    tops, floors, ends = [1.0], [0.0], [3.0]
    curve = next((s.comparison for s in scans if s.comparison is not None), None)
    if curve is not None:
        axis.plot(
            curve.distances,
            curve.reference_energies,
            color=REFERENCE,
            linestyle="--",
            linewidth=1,
            label=curve.reference,
        )
    for k, (scan, label) in enumerate(zip(scans, labels, strict=True)):
        finite = np.isfinite(scan.energies)
        if scan.error is not None or not finite.any():
            continue
        r, energies = scan.distances[finite], scan.energies[finite]
        bond, collapse = scan.equilibrium_distance, scan.wall_collapse_distance
        energies = energies - (np.interp(bond, r, energies) if bond else energies[-1])
        colour = COLOURS[k % len(COLOURS)]
        axis.plot(r, energies, color=colour, label=label)
        if collapse is not None:
            height = float(np.interp(collapse, r, energies))
            axis.plot(
                collapse,
                height,
                MARKERS[k % len(MARKERS)],
                color=colour,
                label=f"{label}: collapse",
            )
        tops.append(scan.wall_collapse_barrier or min(12.0, float(energies.max())))
        floors.append(float(energies[r > (collapse or 0.0)].min()))
        ends.append(2.6 * (bond or 1.0))
    top, floor = 1.2 * max(tops), min(floors)
    axis.set_ylim(floor - 0.08 * (top - floor), top)
    axis.set_xlim(min(float(s.distances[0]) for s in scans), max(ends))
    axis.set_title(scans[0].name, fontsize=10)
    axis.set_ylabel("E − E(r$_e$) (eV)", fontsize=8)
    axis.set_xlabel("distance (Å)", fontsize=8)
    axis.tick_params(labelsize=8)
    axis.axhline(0, color="0.8", lw=0.6, zorder=0)


def draw_volumes(comparison: Comparison) -> list[Figure]:
    """Draw the change of volume of every structure whose cell is free, a model a colour."""
    rows = [
        members
        for members in zip(*(run.relaxations for run in comparison.runs), strict=True)
        if any(r.volume_change_percent is not None and r.cell == "free" for r in members)
    ]
    if not rows:
        return []
    figure = Figure(figsize=(max(5.0, 0.19 * len(rows) + 2), 4.2), layout="constrained", dpi=DPI)
    axis = figure.subplots()
    axis.axhline(0, color="0.6", lw=0.8, zorder=0)
    for k, label in enumerate(comparison.labels):
        there = [
            (x, members[k].volume_change_percent, members[k].converged)
            for x, members in enumerate(rows)
            if members[k].volume_change_percent is not None
        ]
        colour, marker = COLOURS[k % len(COLOURS)], MARKERS[k % len(MARKERS)]
        x, y = [t[0] for t in there], [t[1] for t in there]
        axis.plot(x, y, color=colour, marker=marker, ls="none", ms=4, label=label)
        astray = [t[:2] for t in there if not t[2]]
        if astray:
            axis.plot(*zip(*astray, strict=True), "x", color=FAILED, ms=8, label="not converged")
    axis.set_xticks(range(len(rows)), [m[0].name for m in rows], rotation=90, fontsize=7)
    axis.set_xlim(-1, len(rows))
    axis.set_ylabel("volume, model − reference (%)")
    handles, labels = axis.get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    axis.legend(list(unique.values()), list(unique), frameon=False, loc="best")
    return [figure]


def save_comparison(folder: Path, comparison: Comparison) -> list[Path]:
    """Write the figures as PNG into ``folder`` and return their paths."""
    return write_figures(
        folder, {"dimers": draw_dimers(comparison), "volumes": draw_volumes(comparison)}
    )
