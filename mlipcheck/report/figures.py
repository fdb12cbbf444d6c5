"""Figures of results: drawn from the records alone, never shown in a window."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ..results import DimerScan, Relaxation
from ..storage import write_atomically

# Okabe and Ito's colours, told apart by colour-blind readers too.
MODEL, REFERENCE, COLLAPSE, FAILED = "#0072B2", "#000000", "#D55E00", "#CC79A7"
PAIRS_PER_PAGE = 12
DPI = 150


def draw_dimers(scans: Sequence[DimerScan]) -> list[Figure]:
    """Draw energies above forces, a pair a panel, the reference and the collapse marked."""
    good = [s for s in scans if s.error is None]
    pages = [good[k : k + PAIRS_PER_PAGE] for k in range(0, len(good), PAIRS_PER_PAGE)]
    return [_draw_page(page) for page in pages]


def _draw_page(scans: Sequence[DimerScan]) -> Figure:
    columns = min(4, len(scans))
    rows = -(-len(scans) // columns)
    figure = Figure(
        figsize=(max(3.4 * columns, 5.0), 4.0 * rows + 0.5), layout="constrained", dpi=DPI
    )
    cells = figure.subfigures(rows, columns, squeeze=False).ravel()
    for cell, scan in zip(cells, scans, strict=False):
        _draw_pair(cell, scan)
    handles, labels = cells[0].axes[0].get_legend_handles_labels()
    for cell in cells[1 : len(scans)]:
        for handle, label in zip(*cell.axes[0].get_legend_handles_labels(), strict=True):
            if label not in labels:
                handles.append(handle)
                labels.append(label)
    figure.legend(
        handles,
        labels,
        loc="outside lower center",
        ncols=min(len(labels), 3 * columns),
        frameon=False,
    )
    return figure


def _draw_pair(cell, scan: DimerScan) -> None:  # type: ignore[no-untyped-def]
    upper, lower = cell.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    finite = np.isfinite(scan.energies)
    r, energies, forces = scan.distances[finite], scan.energies[finite], scan.forces[finite]
    bond, collapse = scan.equilibrium_distance, scan.wall_collapse_distance
    outside = r > (collapse or 0.0)
    energies = energies - (np.interp(bond, r, energies) if bond else energies[-1])
    upper.plot(r, energies, color=MODEL, label="model")
    lower.plot(r, forces, color=MODEL)
    c = scan.comparison
    if c is not None:
        style = {"color": REFERENCE, "linestyle": "--", "linewidth": 1}
        upper.plot(c.distances, c.reference_energies, label=c.reference, **style)
        lower.plot(c.distances, c.reference_forces, **style)
    if collapse is not None:
        for axis in (upper, lower):
            axis.axvspan(r[0], collapse, color=COLLAPSE, alpha=0.12, lw=0)
            axis.axvline(collapse, color=COLLAPSE, lw=1, label="wall collapse")
    if bond is not None:
        upper.axvline(bond, color=MODEL, lw=0.7, ls=":", label="r$_e$")
    if scan.failed_points:
        at = [d for d, _ in scan.failed_points]
        marks = {"color": FAILED, "marker": "x", "ls": "none", "clip_on": False, "zorder": 5}
        upper.plot(
            at, np.zeros(len(at)), transform=upper.get_xaxis_transform(), label="failed", **marks
        )
    # high enough to show the well and where the wall turns over, or 12 eV of a wall that holds
    ends = [energies[-1], *(c.reference_energies[-1:] if c is not None else ())]
    barrier = scan.wall_collapse_barrier or min(12.0, float(np.max(energies)))
    top = 1.2 * max(barrier, *map(float, ends), 0.1)
    floor = min(0.0, float(np.min(energies[outside])))
    upper.set_ylim(floor - 0.08 * (top - floor), top)
    reach = max(8 * abs(float(np.min(forces[outside]))), 1.0)
    lower.set_ylim(-0.25 * reach, reach)
    for extremum in scan.spurious_extrema:
        height = float(np.interp(extremum.distance, r, energies))
        upper.plot(extremum.distance, height, "v", color=FAILED, ms=5, label="extremum")
    furthest = max((e.distance + 0.7 for e in scan.spurious_extrema), default=3.0)
    lower.set_xlim(r[0], min(max(2.6 * (bond or r[-1]), furthest), r[-1]))
    upper.set_title(scan.name, fontsize=10)
    upper.set_ylabel("E − E(r$_e$) (eV)", fontsize=8)
    lower.set_ylabel("f (eV/Å)", fontsize=8)
    lower.set_xlabel("distance (Å)", fontsize=8)
    for axis in (upper, lower):
        axis.tick_params(labelsize=8)
        axis.axhline(0, color="0.8", lw=0.6, zorder=0)


def legend_below(figure: Figure, columns: int) -> None:
    """Put one legend for all axes below them, each label once."""
    found: dict[str, Artist] = {}
    for axis in figure.axes:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    figure.legend(
        list(found.values()),
        list(found),
        loc="outside lower center",
        ncols=min(len(found), columns) or 1,
        frameon=False,
    )


def draw_relaxations(rows: Sequence[Relaxation]) -> list[Figure]:
    """Draw volumes per atom and bond lengths of the model against the reference's."""
    volumes = [
        (r.reference_volume / r.n_atoms, r.volume / r.n_atoms, r.name, r.converged)
        for r in rows
        if r.reference_volume and r.volume and r.cell == "free"
    ]
    bonded = [r for r in rows if r.bonds is not None and len(r.bonds.lengths)]
    if not volumes and not bonded:
        return []
    panels = bool(volumes) + bool(bonded)
    figure = Figure(figsize=(5.0 * panels, 4.8), layout="constrained", dpi=DPI)
    axes = list(np.atleast_1d(figure.subplots(1, panels)))
    if volumes:
        axis = axes.pop(0)
        x, y = np.array([v[:2] for v in volumes]).T
        converged = np.array([v[3] for v in volumes])
        _parity(axis, x[converged], y[converged], "converged", x, y)
        if not converged.all():
            axis.plot(x[~converged], y[~converged], "x", color=FAILED, ms=6, label="not converged")
        for k in np.argsort(-np.abs(y / x - 1))[:6]:
            if abs(y[k] / x[k] - 1) > 0.03:
                axis.annotate(
                    volumes[k][2],
                    (x[k], y[k]),
                    xytext=(4, 4),
                    textcoords="offset points",
                    fontsize=8,
                )
        axis.set_xlabel("reference volume (Å³/atom)")
        axis.set_ylabel("model volume (Å³/atom)")
        axis.legend(frameon=False, loc="best")
    if bonded:
        axis = axes.pop(0)
        tables = [r.bonds for r in bonded if r.bonds is not None]
        x = np.concatenate([t.reference_lengths for t in tables])
        y = np.concatenate([t.lengths for t in tables])
        _parity(axis, x, y, "bonds", x, y)
        axis.set_xlabel("reference bond length (Å)")
        axis.set_ylabel("model bond length (Å)")
        axis.legend(frameon=False, loc="best")
    return [figure]


def _parity(axis, x, y, label: str, all_x, all_y) -> None:  # type: ignore[no-untyped-def]
    low = float(min(all_x.min(), all_y.min()))
    high = float(max(all_x.max(), all_y.max()))
    margin = max(0.08 * (high - low), 0.02 * high)
    ends = [low - margin, high + margin]
    axis.plot(ends, ends, color="0.6", lw=1, zorder=0)
    axis.plot(x, y, "o", color=MODEL, ms=4, alpha=0.7, label=label)
    axis.set_xlim(ends)
    axis.set_ylim(ends)
    axis.set_aspect("equal")


def save_figures(
    folder: Path, dimers: Sequence[DimerScan] = (), relaxations: Sequence[Relaxation] = ()
) -> list[Path]:
    """Write the figures as PNG into ``folder`` and return their paths."""
    return write_figures(
        folder, {"dimers": draw_dimers(dimers), "relaxations": draw_relaxations(relaxations)}
    )


def write_figures(folder: Path, figures: Mapping[str, Sequence[Figure]]) -> list[Path]:
    """Write figures as NAME.png, or NAME-1.png and so on where there are several."""
    paths = []
    for name, pages in figures.items():
        for k, figure in enumerate(pages):
            number = f"-{k + 1}" if len(pages) > 1 else ""
            path = folder / f"{name}{number}.png"
            buffer = io.BytesIO()
            FigureCanvasAgg(figure).print_png(buffer, metadata={"Software": None})
            write_atomically(path, buffer.getvalue())
            paths.append(path)
    return paths
