"""Figures of curves: a row of a check each, a model a colour."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..check import Check, align
from ..drawing.lettering import SIZE, legend_below, plain, printable
from ..drawing.panel import Panel, new_axes, slug
from ..record import Model


def draw_rows(
    check: Check[Any],
    models: Sequence[Model],
    draw: Callable[[Any, Sequence[tuple[Model, Any, str]]], None],
    has_curve: Callable[[Any], object],
    axes: tuple[str, str],
    caption: str,
) -> list[Panel]:
    """Draw each row that has a curve for some model.

    Parameters
    ----------
    check : Check
        Its criteria say in words what is drawn.
    models : sequence of Model
    draw : callable
        Takes the axes and a model, its row and its label each to draw.
    has_curve : callable
        Takes a row.
    axes : tuple of two str
        What is across and what is up, with units.
    caption : str
        What is drawn, to follow the name of the row.
    """
    panels = []
    for same in align([[(m.letter, (m, r)) for r in m.run.rows(check.name)] for m in models]):
        good = [(m, r) for _, (m, r) in same if has_curve(r)]
        if not good:
            continue
        row = good[0][1]
        figure, axis = new_axes(3.4)
        draw(axis, [(m, r, printable(m.label, 40)) for m, r in good])
        axis.tick_params(labelsize=SIZE)
        axis.set_title(printable(row.name, 40), fontsize=SIZE + 1)
        axis.set_xlabel(axes[0], fontsize=SIZE)
        axis.set_ylabel(axes[1], fontsize=SIZE)
        legend_below(figure, 2)
        words = [f"{plain(row.name)}: {axes[1]} against {axes[0]}."]
        for m, r in good:
            read = [reading.text for c in check.criteria if (reading := c.read(r))]
            words.append(f"{plain(m.label)}: {plain('; '.join(read))}.")
        file, text = slug(check.name, row.name), f"{plain(row.name)}: {caption}"
        panels.append(Panel(file, text, " ".join(words), (check.name,), (row.name,), figure))
    return panels
