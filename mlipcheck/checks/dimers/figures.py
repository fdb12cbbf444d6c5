"""Dimer curves of one model or of several: energies above forces, a pair a panel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...drawing.colours import (
    DARK,
    FAILED,
    HATCHED,
    OTHER,
    REFERENCE,
)
from ...drawing.lettering import (
    DPI,
    SIZE,
    legend_below,
    printable,
)
from .record import CurveComparison, DimerScan

PAIRS_PER_PAGE = 12
HIGH = 12.0  # eV of a wall that holds; one that turns over is shown to its top
ENDLESS = 1e9  # eV, eV/Å; no axis needs more, and matplotlib's transforms overflow


@dataclass(frozen=True, eq=False)
class Curve:
    """A model's scan of a pair, and what tells it from the other models'."""

    scan: DimerScan
    label: str = "model"
    colour: str = OTHER
    marker: str = "o"

    @property
    def drawable(self) -> bool:
        return self.scan.error is None and bool(np.isfinite(self.scan.energies).any())


def draw_pages(pairs: Sequence[Sequence[Curve]]) -> list[Figure]:
    """Draw the curves of each pair in a cell, some pairs a page; what has no curve is left out."""
    good = [curves for curves in pairs if any(c.drawable for c in curves)]
    return [_draw_page(good[k : k + PAIRS_PER_PAGE]) for k in range(0, len(good), PAIRS_PER_PAGE)]


def _draw_page(pairs: Sequence[Sequence[Curve]]) -> Figure:
    columns = min(4, len(pairs))
    rows = -(-len(pairs) // columns)
    figure = Figure(
        figsize=(max(3.4 * columns, 5.0), 4.0 * rows + 0.5), layout="constrained", dpi=DPI
    )
    cells = figure.subfigures(rows, columns, squeeze=False).ravel()
    for cell, curves in zip(cells, pairs, strict=False):
        draw_pair(cell, curves)
    legend_below(figure, 3 * columns)
    return figure


def draw_pair(cell: Any, curves: Sequence[Curve], closest: float | None = None) -> None:
    """Draw one pair's energies above its forces.

    Parameters
    ----------
    cell : Figure or SubFigure
    curves : sequence of Curve
        One a model. The collapse of a single one is a band; of several, a filled mark on each.
    closest : float, optional
        The shortest distance of the pair in a user's own frames, Å.
    """
    upper, lower = cell.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    good = [c for c in curves if c.drawable]
    reference = next((c.scan.comparison for c in good if c.scan.comparison is not None), None)
    if reference is not None:
        _draw_reference(upper, lower, reference)
    views = [_draw_curve(upper, lower, c, alone=len(curves) == 1) for c in good]
    if reference is not None:
        ends = reference.reference_energies[-1:]
        views += [_View(top=float(e)) for e in ends[np.isfinite(ends)]]
    left, right = min(v.left for v in views), max(v.right for v in views)
    if closest is not None and 0 < closest < max(float(c.scan.distances[-1]) for c in good):
        for axis in (upper, lower):
            axis.axvline(closest, color=DARK, lw=0.9, label="shortest in your frames")
        left, right = min(left, 0.95 * closest), max(right, 1.05 * closest)
    top, floor = 1.2 * max(v.top for v in views), min(v.floor for v in views)
    upper.set_ylim(floor - 0.08 * (top - floor), top)
    reach = max(v.reach for v in views)
    lower.set_ylim(-0.25 * reach, reach)
    lower.set_xlim(left, max(right, left + 0.1))
    upper.set_title(printable(good[0].scan.name), fontsize=SIZE + 1)
    upper.set_ylabel("E − E(rₑ) (eV)", fontsize=SIZE)
    lower.set_ylabel("f (eV/Å)", fontsize=SIZE)
    lower.set_xlabel("distance (Å)", fontsize=SIZE)
    for axis in (upper, lower):
        axis.tick_params(labelsize=SIZE)
        axis.axhline(0, color="0.8", lw=0.6, zorder=0)
    cell.align_ylabels()


@dataclass(frozen=True)
class _View:
    """What has to be seen of a curve: Å from left to right, eV, and eV/Å of the forces."""

    left: float = np.inf
    right: float = 0.0
    top: float = 0.1
    floor: float = 0.0
    reach: float = 1.0


def _draw_reference(upper: Axes, lower: Axes, c: CurveComparison) -> None:
    style: dict[str, Any] = {"color": REFERENCE, "linestyle": "--", "linewidth": 1}
    upper.plot(c.distances, c.reference_energies, label=printable(c.reference, 40), **style)
    lower.plot(c.distances, c.reference_forces, **style)


def _draw_curve(upper: Axes, lower: Axes, curve: Curve, *, alone: bool) -> _View:
    scan, colour = curve.scan, curve.colour
    finite = np.isfinite(scan.energies)
    r = scan.distances[finite]
    energies, forces = (np.clip(x[finite], -ENDLESS, ENDLESS) for x in (scan.energies, scan.forces))
    bond, collapse = scan.equilibrium_distance, scan.wall_collapse_distance
    outside = r > (collapse or 0.0)
    energies = energies - (np.interp(bond, r, energies) if bond else energies[-1])
    lower.plot(r, forces, color=colour)
    if alone:
        upper.plot(r, energies, color=colour, label=printable(curve.label, 40))
        if bond is not None:
            upper.axvline(bond, color=colour, lw=0.8, ls=":", label="bond length rₑ")
        if collapse is not None:
            for axis in (upper, lower):
                axis.axvspan(r[0], collapse, zorder=0, label="wall collapse", **HATCHED)
                axis.axvline(collapse, color=DARK, lw=1, ls="--")
    else:
        upper.plot(r, energies, color=colour)
        # where the bond is, hollow, and where the wall turns over: told without colours too
        for at, fill in ((bond, "white"), (collapse, colour)):
            if at is not None:
                height = float(np.interp(at, r, energies))
                upper.plot(at, height, curve.marker, color=colour, mfc=fill, zorder=4)
        label = printable(curve.label, 40)
        upper.plot([], [], color=colour, marker=curve.marker, label=label)
    if scan.failed_points:
        at_foot = upper.get_xaxis_transform()
        failed = [d for d, _ in scan.failed_points]
        marks: dict[str, Any] = {"color": FAILED, "clip_on": False, "zorder": 5}
        upper.plot(failed, np.zeros(len(failed)), "x", transform=at_foot, label="failed", **marks)
    extrema = [(e.distance, np.interp(e.distance, r, energies)) for e in scan.spurious_extrema]
    for place in extrema:
        style: dict[str, Any] = {"color": FAILED, "mfc": "none", "ms": 6, "zorder": 5}
        upper.plot(*place, "v", label="spurious extremum", **style)
    # high enough to show the well and where the wall turns over, or some eV of a wall that holds
    barrier = scan.wall_collapse_barrier or min(HIGH, float(energies.max()))
    pull = float(np.min(forces[outside], initial=0.0, where=np.isfinite(forces[outside])))
    furthest = max((distance + 0.7 for distance, _ in extrema), default=3.0)
    return _View(
        left=float(r[0]),
        right=min(max(2.6 * (bond or r[-1]), furthest), float(r[-1])),
        top=min(max(barrier, float(energies[-1]), 0.1, *(h for _, h in extrema)), ENDLESS),
        floor=float(np.min(energies[outside], initial=0.0)),
        reach=max(8 * abs(pull), 1.0),
    )
