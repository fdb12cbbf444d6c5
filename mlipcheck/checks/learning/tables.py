"""A learning curve as a table."""

from __future__ import annotations

import math

from ...drawing.tables import Block, Paragraph, TableBlock, number
from .record import LearningCurve, LearningPoint

FEWEST_DECIMALS = 3


def make_tables(curve: LearningCurve, title: str) -> list[Block]:
    """Return mean ± spread, a row an N and a column a method, then what follows from them."""
    if curve.error is not None:
        return [Paragraph(f"{title}: {curve.error}", "fail")]
    form = f".{_decimals(curve)}f"
    found = {(p.method, p.n): p for p in curve.points}
    rows = tuple(
        (str(n), *(_cell(found.get((m, n)), form) for m in curve.methods)) for n in curve.sizes
    )
    numeric = (False, *(True for _ in curve.methods))
    blocks: list[Block] = [
        TableBlock(f"Learning curve, {title}", ("N", *curve.methods), rows, numeric)
    ]
    repeats = max((len(p.errors) for p in curve.points), default=0)
    how = f"mean ± standard deviation of {repeats} repeats" if repeats > 1 else "one repeat"
    lines = [
        f"{curve.quantity} in {curve.unit}, {how}, tested on {curve.test_size}. "
        f"Zero-shot {number(curve.zero_shot, '.3g')}."
    ]
    blocks += [
        Paragraph(f"{p.method}, N = {p.n}: failed: {why}", "fail")
        for p in curve.points
        for why in p.failures
    ]
    lines += [
        f"N needed for {n.target:g} {curve.unit}, {n.method}: {n.text}." for n in curve.needed
    ]
    settings = "; ".join(f"{key}: {value}" for key, value in curve.settings.items())
    lines += [curve.sentence, *(f"{note}." for note in curve.notes)]
    lines += [f"{settings[:1].upper()}{settings[1:]}."] if settings else []
    return [*blocks, *(Paragraph(line) for line in lines if line)]


def _cell(point: LearningPoint | None, form: str) -> str:
    if point is None or point.mean is None:
        return "-"
    spread = "" if point.spread is None else f" ± {point.spread:{form}}"
    return f"{point.mean:{form}}{spread}"


def _decimals(curve: LearningCurve) -> int:
    """Return how many show two digits of the smallest mean."""
    means = [p.mean for p in curve.points if p.mean is not None]
    smallest = min((x for x in means if 0 < x < math.inf), default=1.0)
    return max(FEWEST_DECIMALS, 1 - math.floor(math.log10(smallest)))
