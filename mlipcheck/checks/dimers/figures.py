"""Dimer curves of one model or of several: energies above forces, a pair a figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...check import align
from ...drawing.colours import DARK, FAILED, HATCHED, REFERENCE
from ...drawing.panel import Panel, label_axes, legend_below, new_figure, plain, printable, slug
from ...drawing.tables import is_finite
from ...record import Model
from .criteria import CRITERIA
from .record import DimerScan

HIGH = 10.0  # eV; what is higher leaves the frame
ENDLESS = 1e9  # eV, eV/Å; no axis needs more, and matplotlib's transforms overflow


def draw_panels(models: Sequence[Model]) -> list[Panel]:
    """Draw every pair that some model has a curve of, a model a colour."""
    rows = align([[(m, s) for s in m.run.rows("dimers")] for m in models])
    good = [
        [(m, s) for m, s in same if not s.error and np.isfinite(s.energies).any()] for same in rows
    ]
    return [_draw_panel(curves, _closest(models, curves[0][1].pair)) for curves in good if curves]


def _draw_panel(curves: Sequence[tuple[Model, DimerScan]], closest: float | None) -> Panel:
    figure = new_figure(4.8)
    _draw_pair(figure, curves, closest)
    legend_below(figure, 2)
    scan = curves[0][1]
    name = plain(scan.name)
    caption = f"Two atoms alone, {name}: energy, and below it the force, against their distance."
    if scan.comparison is not None:
        caption += f" Dashed: {plain(scan.comparison.reference)}."
    if any(s.collapse for _, s in curves):
        caption += " Filled marks: the collapse, inside of which atoms fall together."
    found = " ".join(f"{plain(m.label)}: {_describe(s)}" for m, s in curves)
    more = f" Shortest distance in your frames: {closest:.2f} Å." if closest is not None else ""
    return Panel(
        name=slug("dimer", scan.name),
        caption=caption,
        alt=f"Energy and force of {name} against the distance. {found}{more}",
        checks=("dimers", "contacts"),
        subjects=(scan.name,),
        figure=figure,
    )


def _describe(scan: DimerScan) -> str:
    """Return the main numbers of a pair in words."""
    bond = scan.equilibrium_distance
    words = [f"Bond length: {f'{bond:.3f} Å' if bond is not None else 'unbound'}."]
    for criterion in CRITERIA:
        if (reading := criterion.read(scan)) and reading.value is not None:
            words.append(f"{criterion.quantity.capitalize()}: {plain(reading.text)}.")
    return " ".join(words)


def _closest(models: Sequence[Model], pair: tuple[str, str]) -> float | None:
    """Return the shortest distance of a pair in a user's own frames, which all runs share."""
    found = (r.distance for m in models for r in m.run.rows("contacts") if {*r.pair} == {*pair})
    return next((d for d in found if is_finite(d)), None)


def _draw_pair(
    figure: Figure, curves: Sequence[tuple[Model, DimerScan]], closest: float | None
) -> None:
    """Draw energies above forces, from below the well to 10 eV; ``closest`` (Å) is in frames."""
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    reference = next((s.comparison for _, s in curves if s.comparison is not None), None)
    if reference is not None:
        style: dict[str, Any] = {"color": REFERENCE, "ls": "--", "lw": 1}
        style["label"] = printable(reference.reference, 40)
        energies, forces = reference.reference_energies, reference.reference_forces
        for axis, y in ((upper, energies), (lower, forces)):
            axis.plot(reference.distances, np.clip(y, -ENDLESS, ENDLESS), **style)
    views = [_draw_curve(upper, lower, m, s, alone=len(curves) == 1) for m, s in curves]
    lefts, rights, tops, floors, reaches = zip(*views, strict=True)
    left, right = min(lefts), max(rights)
    if closest is not None and 0 < closest < max(float(s.distances[-1]) for _, s in curves):
        for axis in (upper, lower):
            axis.axvline(closest, color=DARK, lw=0.9, label="shortest in your frames")
        left, right = min(left, 0.95 * closest), max(right, 1.05 * closest)
    top, floor = 1.2 * max(tops), min(floors)
    upper.set_ylim(floor - 0.08 * (top - floor), top)
    lower.set_ylim(-0.25 * max(reaches), max(reaches))
    lower.set_xlim(left, max(right, left + 0.1))
    label_axes(upper, "", "E − E(rₑ) (eV)", printable(curves[0][1].name))
    label_axes(lower, "distance (Å)", "f (eV/Å)")
    for axis in (upper, lower):
        axis.axhline(0, color="0.8", lw=0.6, zorder=0)
    figure.align_ylabels()


def _draw_curve(
    upper: Axes, lower: Axes, model: Model, scan: DimerScan, *, alone: bool
) -> tuple[float, ...]:
    """Draw one model, and return what has to be seen of it.

    Å from left to right, eV from the top down to the floor, and the reach of the forces in eV/Å.
    """
    colour = model.colour
    finite = np.isfinite(scan.energies)
    r = scan.distances[finite]
    energies, forces = (np.clip(x[finite], -ENDLESS, ENDLESS) for x in (scan.energies, scan.forces))
    bond, collapse = scan.equilibrium_distance, scan.collapse
    energies = energies - (np.interp(bond, r, energies) if bond else energies[-1])
    inner = scan.attraction.distance if scan.attraction else 0.0
    shown = (r > inner) & (energies < HIGH)
    upper.plot(r, energies, color=colour, label=printable(model.label, 40))
    lower.plot(r, forces, color=colour)
    # bond hollow, collapse filled, at the frame where it is higher
    marks = [(bond, 0.0, "white", "bond length")] if bond is not None else []
    if collapse is not None:
        marks.append((collapse.distance, min(collapse.barrier, 1.1 * HIGH), colour, "collapse"))
    for x, y, fill, what in marks:
        label = what if alone else ""
        upper.plot(x, y, model.marker, color=colour, mfc=fill, zorder=4, label=label)
    if alone and collapse is not None:
        for axis in (upper, lower):
            axis.axvspan(r[0], collapse.distance, zorder=0, **HATCHED)
    if scan.failed_points:
        at_foot = upper.get_xaxis_transform()
        failed = [d for d, _ in scan.failed_points]
        style: dict[str, Any] = {"color": FAILED, "clip_on": False, "zorder": 5}
        upper.plot(failed, np.zeros(len(failed)), "x", transform=at_foot, label="failed", **style)
    extrema = [(e.distance, np.interp(e.distance, r, energies)) for e in scan.spurious_extrema]
    style = {"color": FAILED, "mfc": "none", "ms": 6, "zorder": 5}
    for place in extrema:
        upper.plot(*place, "v", label="spurious extremum", **style)
    # a wall to 10 eV, or to the top of one that is lower
    top = collapse.barrier if collapse else float(energies.max())
    pull = float(np.min(forces[shown], initial=0.0, where=np.isfinite(forces[shown])))
    furthest = max((distance + 0.7 for distance, _ in extrema), default=3.0)
    right = min(max(2.6 * (bond or r[-1]), furthest), float(r[-1]))
    top = max(min(top, HIGH), min(float(energies[-1]), HIGH), 0.1, *(h for _, h in extrema))
    floor = float(np.min(energies[shown], initial=0.0))
    return float(r[0]), right, top, floor, max(8 * abs(pull), 1.0)
