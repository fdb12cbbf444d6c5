"""Figures of results: drawn from the records alone, never shown in a window."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ...drawing.colours import FAILED, OTHER, PALE
from ...drawing.lettering import DPI, SIZE, printable
from ...storage import write_atomically
from ..dimers.figures import Curve, draw_pages
from ..dimers.record import DimerScan
from .record import Relaxation

TOLD, WORTH_A_NAME = 6, 3.0  # so many names of volumes that are further off than this, in %


def draw_dimers(scans: Sequence[DimerScan], *, colour: str = OTHER) -> list[Figure]:
    """Draw energies above forces, a pair a panel, the reference and the collapse marked."""
    return draw_pages([[Curve(s, colour=colour)] for s in scans])


def draw_relaxations(rows: Sequence[Relaxation], *, colour: str = OTHER) -> list[Figure]:
    """Draw volumes per atom against the reference's, and how much each bond changes."""
    panels = [
        (draw, chosen)
        for draw, chosen in ((draw_volumes, with_volumes(rows)), (draw_bonds, with_bonds(rows)))
        if chosen
    ]
    if not panels:
        return []
    figure = Figure(figsize=(5.0 * len(panels), 4.8), layout="constrained", dpi=DPI)
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for axis, (draw, chosen) in zip(axes, panels, strict=True):
        draw(axis, chosen, colour, "converged")
        axis.legend(frameon=False, loc="best", fontsize=SIZE)
    return [figure]


def with_volumes(rows: Sequence[Relaxation]) -> list[Relaxation]:
    """Return those that could choose their volume, and whose reference has one."""
    return [
        r
        for r in rows
        if r.error is None and r.reference_volume and r.volume and r.n_atoms and r.cell == "free"
    ]


def with_bonds(rows: Sequence[Relaxation]) -> list[Relaxation]:
    return [r for r in rows if r.error is None and len(bond_changes(r)[0])]


def bond_changes(row: Relaxation) -> tuple[np.ndarray, np.ndarray]:
    """Return the lengths (Å) of the reference's bonds, and how each changed in %."""
    if row.bonds is None:
        return np.array([]), np.array([])
    lengths, now = row.bonds.reference_lengths, row.bonds.lengths
    good = np.isfinite(lengths) & np.isfinite(now) & (lengths > 0)
    return lengths[good], 100 * (now[good] / lengths[good] - 1)


def draw_volumes(axis: Axes, rows: Sequence[Relaxation], colour: str, label: str) -> None:
    """Draw volumes per atom against the reference's."""
    x = np.array([(r.reference_volume or np.nan) / r.n_atoms for r in rows])
    y = np.array([(r.volume or np.nan) / r.n_atoms for r in rows])
    low, high = min(x.min(), y.min()), max(x.max(), y.max())
    margin = max(0.08 * (high - low), 0.02 * high)
    ends = (low - margin, high + margin)
    axis.plot(ends, ends, color=PALE, lw=1, zorder=0)
    _draw_marks(axis, x, y, np.array([r.converged for r in rows]), colour, label)
    off = 100 * np.abs(y / x - 1)
    for k in np.argsort(-off)[:TOLD]:
        if off[k] > WORTH_A_NAME:
            name = printable(rows[k].name, 16)
            axis.annotate(name, (x[k], y[k]), (4, 4), textcoords="offset points", fontsize=SIZE)
    axis.set_xlim(ends)
    axis.set_ylim(ends)
    axis.set_box_aspect(1)
    axis.set_xlabel("reference volume (Å³/atom)", fontsize=SIZE)
    axis.set_ylabel("model volume (Å³/atom)", fontsize=SIZE)


def draw_bonds(axis: Axes, rows: Sequence[Relaxation], colour: str, label: str) -> None:
    """Draw the change of every bond against its length in the reference."""
    changes = [bond_changes(r) for r in rows]
    x, y = (np.concatenate(parts) for parts in zip(*changes, strict=True))
    converged = np.repeat([r.converged for r in rows], [len(c[0]) for c in changes])
    axis.axhline(0, color=PALE, lw=1, zorder=0)
    _draw_marks(axis, x, y, converged, colour, label)
    reach = 1.25 * max(float(np.abs(y).max()), 0.4)
    axis.set_ylim(-reach, reach)
    axis.margins(x=0.1)
    axis.set_xlabel("reference bond length (Å)", fontsize=SIZE)
    axis.set_ylabel("change of the bond (%)", fontsize=SIZE)


def _draw_marks(
    axis: Axes, x: np.ndarray, y: np.ndarray, converged: np.ndarray, colour: str, label: str
) -> None:
    look: dict[str, Any] = {"color": colour, "ms": 5, "alpha": 0.7}
    axis.plot(x[converged], y[converged], "o", label=printable(label, 40), **look)
    if not converged.all():
        axis.plot(x[~converged], y[~converged], "x", color=FAILED, ms=6, label="not converged")
    axis.tick_params(labelsize=SIZE)


def save_figures(
    folder: Path,
    dimers: Sequence[DimerScan] = (),
    relaxations: Sequence[Relaxation] = (),
    *,
    colour: str = OTHER,
) -> list[Path]:
    """Write the figures as PNG into ``folder`` and return their paths."""
    pages = {
        "dimers": draw_dimers(dimers, colour=colour),
        "relaxations": draw_relaxations(relaxations, colour=colour),
    }
    return write_figures(folder, pages)


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
