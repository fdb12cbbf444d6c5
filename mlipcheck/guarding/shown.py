"""What a guard does, as a table, in words and as figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..drawing.tables import Block, Column, Paragraph, number, some, table_of_rows
from .build import GuardedPair

if TYPE_CHECKING:
    from ..drawing.panel import Panel

MAX_LISTED = 12
HIGHEST, DEEPEST = 60.0, -20.0  # eV


COLUMNS = (
    Column("acts inside\nÅ", lambda r: f"{r.radius:.2f}"),
    Column("gives way\nÅ", lambda r: number(r.weak, ".2f")),
    Column("attraction\nÅ", lambda r: number(r.attraction, ".2f")),
    Column("collapse\nÅ", lambda r: number(r.collapse, ".2f")),
    Column("shortest in\nyours, Å", lambda r: number(r.shortest, ".2f")),
    Column("in", lambda r: r.structure or "-", left=True),
)


def list_pairs(rows: Sequence[GuardedPair], notes: Sequence[str]) -> list[Block]:
    """Return what the guard does to each pair, what it leaves, and what was not scanned."""
    blocks: list[Block] = [table_of_rows("Guard", "pair", [[("", r)] for r in rows], COLUMNS)]
    left = [
        f"{r.name} {c.left.fall:.2f} eV at {c.left.distance:.2f} Å ({c.where})"
        for r in rows
        for c in r.curves
        if c.left
    ]
    if left:
        words = "Dips that it leaves, too near to your distances or bonds"
        blocks.append(Paragraph(f"{words}: {some(left, MAX_LISTED)}.", "caution"))
    blocks += [Paragraph(f"Not scanned: {note}.") for note in notes]
    outermost = max(rows, key=lambda r: r.radius)
    own = ", nowhere in your structures" if any(r.shortest for r in rows) else ""
    where = f"It acts from {outermost.radius:.2f} Å inward at most ({outermost.name}){own}"
    blocks.append(Paragraph(f"{where}; elsewhere the model is as it was."))
    return blocks


def draw_pair(row: GuardedPair, colour: str) -> Panel:
    """Draw a pair before and after, in vacuum and in the crystals."""
    from ..drawing.colours import BAND, DARK, MIDDLE
    from ..drawing.panel import Panel, label_axes, legend_below, new_axes, plain, printable, slug

    figure, axis = new_axes(3.6)
    for k, curve in enumerate(row.curves):
        style = ("-", "--", "-.", ":")[k % 4]
        where = printable(curve.where, 30)
        axis.plot(curve.distances, curve.before, style, color=MIDDLE, label=f"bare, {where}")
        axis.plot(curve.distances, curve.after, style, color=colour, label=f"guarded, {where}")
    axis.axvspan(0, row.radius, color=BAND, zorder=0, label="the guard acts")
    right = max(row.shortest or 0.0, *(c.bond for c in row.curves))
    shortest = ""
    if row.shortest is not None:
        shortest = f" Shortest in your structures: {row.shortest:.2f} Å."
        axis.axvline(row.shortest, color=DARK, lw=0.9, ls=":", label="shortest in your structures")
    low = min(float(np.min(c.before, initial=0.0)) for c in row.curves)
    axis.set_xlim(0, 1.25 * right)
    axis.set_ylim(max(low, DEEPEST) - 2, HIGHEST)
    label_axes(axis, "distance (Å)", "E − E(bond) (eV)", printable(row.name))
    legend_below(figure, 2)
    name = plain(row.name)
    return Panel(
        name=slug("guard", row.name),
        caption=f"{name} without the guard and with it; it acts in the grey band alone.",
        alt=f"Energy of {name} against the distance. Guard inside {row.radius:.2f} Å. First "
        f"attraction: {number(row.attraction, '.2f', 'none')} Å.{shortest}",
        checks=("dimers", "compression"),
        subjects=(row.name,),
        figure=figure,
    )
