"""One figure of a report, how it becomes a file, and words in it: any name as it can be shown."""

from __future__ import annotations

import functools
import io
import re
from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font

from ..storage import write_atomically
from .tables import cut

DPI = 150
SIZE = 9  # points of all words: 10 pixels where a panel is shown on a phone
WIDTH = 4.4  # inches: 480 pixels on a desktop and 360 on a phone
MAX_LISTED = 8  # numbers in words, of however many
CREATOR = "mlipcheck"
OURS = f"<dc:title>{CREATOR}</dc:title>".encode()  # marks our own figures
# The same figure is the same bytes: no date, no random names, and outlines in place of fonts.
STABLE = {"svg.hashsalt": "mlipcheck", "svg.fonttype": "path"}


@dataclass(frozen=True, eq=False)
class Panel:
    """One figure of a report: what it is evidence for, and what it shows in words.

    Attributes
    ----------
    name : str
        The stem of its file; letters, digits and hyphens, and in a report each once.
    caption : str
        One or two sentences.
    alt : str
        For who cannot see it: what is drawn, and its main numbers.
    checks : tuple of str
        Of the findings that it is evidence for.
    subjects : tuple of str
        The pairs, structures or sets that are shown, as findings name them.
    figure : Figure
    quantities : tuple of str
        The questions that it answers; empty for all of the checks.
    letters : str
        The models that it shows, by their letters; empty for all.
    """

    name: str
    caption: str
    alt: str
    checks: tuple[str, ...]
    subjects: tuple[str, ...]
    figure: Figure
    quantities: tuple[str, ...] = ()
    letters: str = ""

    def is_evidence(self, check: str, quantity: str, letter: str) -> bool:
        """Tell whether it shows what a finding about one model is about."""
        return (
            check in self.checks
            and (not self.quantities or quantity in self.quantities)
            and (not self.letters or letter == self.letters)
        )


class LentFigure(Figure):
    """A figure whose first axes are somebody else's: what is drawn into it is drawn there."""

    lent: Sequence[Axes] = ()

    @property  # type: ignore[misc]
    def axes(self) -> list[Axes]:  # type: ignore[override]
        own = super().axes
        return [*self.lent[: len(own)], *own[len(self.lent) :]]

    def subplots(self, *args: Any, **kwargs: Any) -> Any:
        """Return axes in the shape that is asked for."""
        made = super().subplots(*args, **kwargs)
        found = np.asarray(made, dtype=object)
        found.ravel()[: len(self.lent)] = self.lent[: found.size]
        return found if isinstance(made, np.ndarray) else found.item()

    def legend(self, *args: Any, **kwargs: Any) -> Any:
        """Put the legend where it covers least."""
        return self.lent[0].legend(*args, fontsize=SIZE, frameon=False)


def _plain_figure(height: float, kind: type[Figure] = Figure) -> Figure:
    return kind(figsize=(WIDTH, height), layout="constrained", dpi=DPI)


_make: ContextVar[Callable[[float], Figure]] = ContextVar("_make", default=_plain_figure)


def new_figure(height: float) -> Figure:
    """Return a figure as wide as all panels are."""
    return _make.get()(height)


def draw_on(axes: Sequence[Axes], draw: Callable[[], list[Panel]], at: int) -> None:
    """Draw the panel at a place of those that ``draw`` returns, again, on axes of somebody else.

    Axes go to those of the figure from the top down; where there are fewer, the rest is left out.
    """
    made: list[Figure] = []
    label = axes[-1].get_xlabel()

    def make(height: float, lent: int = -1) -> Figure:
        made.append(_plain_figure(height, LentFigure if len(made) == lent else Figure))
        if isinstance(made[-1], LentFigure):
            made[-1].lent = axes
        return made[-1]

    token = _make.set(make)
    try:
        order = [id(panel.figure) for panel in draw()]
        place = [id(figure) for figure in made].index(order[at])
        made.clear()
        _make.set(functools.partial(make, lent=place))
        draw()
    finally:
        _make.reset(token)
    last = made[place].axes[-1]
    # axes without a label of their own share that of the last, below them
    if last not in axes and axes[-1].get_xlabel() == label:
        axes[-1].set_xlabel(last.get_xlabel(), fontsize=SIZE)
        axes[-1].set_xlim(last.get_xlim())


def new_axes(height: float) -> tuple[Figure, Axes]:
    figure = new_figure(height)
    return figure, figure.subplots()


def slug(prefix: str, name: str) -> str:
    """Return a stem of a file from any name."""
    words = re.sub(r"[^A-Za-z0-9]+", "-", name)[:40].strip("-")
    return f"{prefix}-{words or 'unnamed'}"


def each_once(panels: Iterable[Panel]) -> list[Panel]:
    """Give panels of one name numbers, since not all file systems distinguish capitals."""
    taken: set[str] = set()
    found = []
    for panel in panels:
        name, k = panel.name, 1
        while name.casefold() in taken:
            k += 1
            name = f"{panel.name}-{k}"
        taken.add(name.casefold())
        found.append(replace(panel, name=name))
    return found


def svg(figure: Figure) -> bytes:
    """Return a figure as SVG; the same bytes for the same figure, on any day."""
    buffer = io.BytesIO()
    with rc_context(STABLE):
        FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None, "Creator": CREATOR})
    return buffer.getvalue()


def write_panels(folder: Path, panels: Sequence[Panel]) -> list[Path]:
    """Write panels as NAME.svg into ``folder``, which may have others, and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{panel.name}.svg" for panel in panels]
    for path, panel in zip(paths, panels, strict=True):
        write_atomically(path, svg(panel.figure))
    return paths


def remove_others(folder: Path, paths: Sequence[Path]) -> None:
    """Remove figures of an earlier report: they would be taken for this one's.

    What mlipcheck did not draw stays.
    """
    for path in folder.glob("*.svg"):
        if path not in paths and path.is_file() and OURS in path.read_bytes():
            path.unlink()


def list_largest(values: Iterable[tuple[str, float]], form: str = "+.2f", unit: str = " %") -> str:
    """Return numbers with the names that they belong to in words, the largest first."""
    ranked = sorted(values, key=lambda item: -abs(item[1]))
    words = [f"{plain(name)} {signed(value, form)}{unit}" for name, value in ranked[:MAX_LISTED]]
    if len(ranked) > MAX_LISTED:
        words.append(f"and {len(ranked) - MAX_LISTED} smaller")
    return ", ".join(words) or "none"


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
