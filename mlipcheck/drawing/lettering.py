"""Words in figures: any name as it can be shown there, numbers with their signs, legends."""

from __future__ import annotations

import functools
import math
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font

from .tables import cut

DPI = 150
SIZE = 9  # points of all words: 10 pixels where a panel is shown on a phone


def plain(text: str, length: int | None = None) -> str:
    """Return a name in one line, without control characters, cut to ``length`` characters."""
    words = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return words if length is None else cut(words, length)


def printable(text: str, length: int | None = None) -> str:
    """Return a name as matplotlib can draw it.

    Dollars would start mathematics, a leading underscore hides from legends, and what the font
    lacks would warn.
    """
    words = "".join(c if _has(c) else "?" for c in plain(text, length)).replace("$", r"\$")
    return f" {words}" if words.startswith("_") else words


@functools.cache
def _has(character: str) -> bool:
    font: Any = get_font(findfont(FontProperties()))
    return bool(font.get_char_index(ord(character)))


def signed(number: float, form: str) -> str:
    """Return a number with a true minus, and none at a zero."""
    words = format(number, form)
    zero = not any(c in "123456789nf" for c in words)
    return words.replace("-", "" if zero else "−")


def is_finite(number: float | None) -> bool:
    """Tell whether there is a number; NaN comes back from JSON as None, in any field."""
    return number is not None and math.isfinite(number)


def label_axes(axis: Axes, x: str, y: str, title: str = "") -> None:
    """Write what stands along the axes, their numbers, and a title a point larger."""
    axis.tick_params(labelsize=SIZE)
    axis.set_title(title, fontsize=SIZE + 1)
    axis.set_xlabel(x, fontsize=SIZE)
    axis.set_ylabel(y, fontsize=SIZE)


def legend_below(figure: Figure, columns: int) -> None:
    """Put one legend for all axes below them, each label once, in as many columns as fit."""
    found: dict[str, Artist] = {}
    for axis in figure.axes:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    if not found:
        return
    points = 0.55 * SIZE * max(map(len, found)) + 40  # of a column, with its line
    columns = min(len(found), columns, max(1, int(72 * figure.get_figwidth() / points)))
    figure.legend(
        list(found.values()),
        list(found),
        loc="outside lower center",
        ncols=columns,
        fontsize=SIZE,
        frameon=False,
    )
