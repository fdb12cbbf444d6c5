"""Figures that checks share: one for each subject, a model a colour, what was found in words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from ..check import Check, align
from ..drawing.panel import Panel, label_axes, legend_below, new_axes, plain, printable, slug
from ..record import Model


def draw_each(
    check: Check[Any],
    models: Sequence[Model],
    has: Callable[[Any], bool],
    draw: Callable[[Any, list[tuple[Model, Any]]], None],
    about: str,
    axes: tuple[str, str],
) -> list[Panel]:
    """Draw one figure for each subject, of the models whose row has something to draw.

    Parameters
    ----------
    check : Check
    models : sequence of Model
    has : callable
        Tells whether a row has something to draw.
    draw : callable
        Draws models with their rows, at least one, into matplotlib's ``Axes``; their labels are
        such that matplotlib can draw them.
    about : str
        The caption, with ``{}`` for the subject's name.
    axes : (str, str)
        What stands along them.
    """
    panels = []
    for same in align([[(m, r) for r in m.run.rows(check.name)] for m in models]):
        good = [(m, r) for m, r in same if has(r)]
        if not good:
            continue
        figure, axis = new_axes(3.3)
        draw(axis, [(replace(m, label=printable(m.label, 40)), r) for m, r in good])
        name = good[0][1].name
        label_axes(axis, *axes, printable(name, 40))
        legend_below(figure, 2)
        found = [(m, x.text) for m, r in good for c in check.criteria if (x := c.read(r))]
        caption = about.format(plain(name))
        alt = " ".join([caption, *(f"{plain(m.label)}: {plain(text)}." for m, text in found)])
        name_of_file = slug(check.name, name)
        panels.append(Panel(name_of_file, caption, alt, (check.name,), (name,), figure))
    return panels
