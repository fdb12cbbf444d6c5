"""A learning curve as a table for a terminal."""

from __future__ import annotations

import math

from rich.markup import escape

from ...report.terminal import Printer, new_table, number
from .record import LearningCurve, LearningPoint

FEWEST_DECIMALS = 3


def print_learning(out: Printer, curve: LearningCurve) -> None:
    """Print mean ± spread, a row an N and a column a method, then what follows from them."""
    table = new_table(f"Learning curve, {escape(curve.name)}", "N", *map(escape, curve.methods))
    form = f".{_decimals(curve)}f"
    found = {(p.method, p.n): p for p in curve.points}
    for n in curve.sizes:
        table.add_row(str(n), *(_cell(found.get((m, n)), form) for m in curve.methods))
    out.print(table)
    repeats = max((len(p.errors) for p in curve.points), default=0)
    told = f"mean ± standard deviation of {repeats} repeats" if repeats > 1 else "one repeat"
    out.print(
        f"{escape(curve.quantity)} in {escape(curve.unit)}, {told}, tested on {curve.test_size}. "
        f"Zero-shot {number(curve.zero_shot, '.3g')}."
    )
    for p in curve.points:
        for why in p.failures:
            out.print(f"{escape(p.method)}, N = {p.n}: failed: {escape(why)}", style="red")
    for found_n in curve.needed:
        out.print(
            f"N needed for {found_n.target:g} {escape(curve.unit)}, {escape(found_n.method)}: "
            f"{escape(found_n.text)}."
        )
    out.print(escape(curve.sentence))
    for note in curve.notes:
        out.print(f"{escape(note)}.")
    settings = "; ".join(f"{key}: {value}" for key, value in curve.settings.items())
    if settings:
        out.print(f"[dim]{escape(settings[:1].upper() + settings[1:])}.[/]")


def _cell(point: LearningPoint | None, form: str) -> str:
    if point is None or point.mean is None:
        return "-"
    spread = "" if point.spread is None else f" ± {point.spread:{form}}"
    return f"{point.mean:{form}}{spread}"


def _decimals(curve: LearningCurve) -> int:
    """Return how many show two digits of the smallest mean."""
    smallest = min((p.mean for p in curve.points if p.mean), default=1.0)
    return max(FEWEST_DECIMALS, 1 - math.floor(math.log10(smallest)))
