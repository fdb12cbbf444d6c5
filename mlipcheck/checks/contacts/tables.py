"""How close atoms come in a user's own structures, as a table for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.markup import escape

from ...report.terminal import Printer, new_table, number
from .record import ClosestApproach


def print_approaches(out: Printer, rows: Sequence[ClosestApproach]) -> None:
    """Print one row a pair, those that come closest to their wall's collapse first."""
    near = [r for r in rows if r.distance is not None]
    if not near:
        return
    table = new_table(
        "Shortest distances in your structures",
        "pair",
        "shortest\nÅ",
        "collapse\nÅ",
        "times\nthe collapse",
        "in",
    )
    table.columns[-1].justify = "left"
    for r in sorted(near, key=_room):
        room = _room(r)
        table.add_row(
            escape(r.name),
            number(r.distance, ".3f"),
            "not scanned" if r.innermost is None else number(r.collapse, ".2f", "none"),
            number(room if r.collapse else None, ".2f"),
            escape(r.structure),
        )
    out.print(table)
    apart = [escape(r.name) for r in rows if r.distance is None]
    if apart:
        out.print(f"Nowhere near each other: {', '.join(apart)}.")


def _room(row: ClosestApproach) -> float:
    if row.distance is None or not row.collapse:
        return float("inf")
    return row.distance / row.collapse
