"""Volumes and bonds of relaxed structures, of one model or of several."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ...drawing.colours import FAILED, MARKERS, PALE, PALETTE
from ...drawing.dots import draw_compared
from ...drawing.panel import (
    Panel,
    label_axes,
    legend_below,
    list_largest,
    new_axes,
    plain,
    printable,
)
from ...drawing.tables import count, is_finite
from ...record import Model
from .record import Relaxation, name_origin


def draw_panels(models: Sequence[Model]) -> list[Panel]:
    """Draw the volumes that were free to change, and how much each bond changed."""
    return [*_volumes(models), *_bonds(models)]


def _volume_change(row: Relaxation) -> float | None:
    change = row.volume_change_percent
    return change if row.error is None and row.cell == "free" and is_finite(change) else None


def _volumes(models: Sequence[Model]) -> Iterator[Panel]:
    origin = _origin(models, lambda row: _volume_change(row) is not None)
    quantity = f"volume, model − {origin} (%)"
    found = draw_compared(models, "relaxation", _volume_change, quantity)
    if found is None:
        return
    yield Panel(
        name="volumes",
        caption=f"The volume that {_each(models)} relaxes a structure to, against that of the "
        f"{origin}.{found.more}",
        alt=f"Volumes, model minus {origin}. {found.describe('+.2f', ' %')}{_crossed(models)}",
        checks=("relaxation",),
        subjects=found.names,
        quantities=("volume",),
        figure=found.figure,
    )


def _bonds(models: Sequence[Model]) -> Iterator[Panel]:
    figure, axis = new_axes(3.7)
    words, subjects, reach = [], [], 0.4
    for model in models:
        rows = [r for r in model.run.rows("relaxation") if len(_points(r)[0])]
        if not rows:
            continue
        points = [_points(r) for r in rows]
        lengths, changes, names, converged = map(np.concatenate, zip(*points, strict=True))
        for label, colour, marker, chosen in _looks(names, model, alone=len(models) == 1):
            at = chosen & converged
            look: dict[str, Any] = {"color": colour, "marker": marker, "ms": 5, "alpha": 0.7}
            axis.plot(lengths[at], changes[at], label=printable(label, 40), ls="none", **look)
        if not converged.all():
            at = ~converged
            axis.plot(lengths[at], changes[at], "x", color=FAILED, ms=6, label="not converged")
        largest = [(r.name, float(max(p[1], key=abs))) for r, p in zip(rows, points, strict=True)]
        broken, new = (sum(getattr(r, f"{x}_bonds") for r in rows) for x in ("broken", "new"))
        words.append(
            f"{plain(model.label)}: {count(len(changes), 'bond')}, the largest change of each "
            f"structure: {list_largest(largest)}; {broken} broken, {new} new."
        )
        subjects += [r.name for r in rows]
        reach = max(reach, np.abs(changes).max())
    if not words:
        return
    axis.axhline(0, color=PALE, lw=1, zorder=0)
    axis.set_ylim(-1.25 * reach, 1.25 * reach)
    axis.margins(x=0.1)
    origin = _origin(models, lambda row: len(_points(row)[0]) > 0)
    label_axes(axis, f"{origin} bond length (Å)", "change of the bond (%)")
    legend_below(figure, 2)
    yield Panel(
        name="bonds",
        caption=f"How much each bond of the {origin} changes when {_each(models)} relaxes it.",
        alt=f"Changes of bonds. {' '.join(words)}{_crossed(models)}",
        checks=("relaxation",),
        subjects=tuple(dict.fromkeys(subjects)),
        quantities=("bond lengths", "broken and new bonds"),
        figure=figure,
    )


def _points(row: Relaxation) -> tuple[np.ndarray, ...]:
    """Return the reference's lengths (Å), changes (%) and names of bonds, and who converged."""
    if row.bonds is None or row.error is not None:
        return (np.array([]),) * 4
    before, after = row.bonds.reference_lengths, row.bonds.lengths
    good = np.isfinite(before) & np.isfinite(after) & (before > 0)
    names = np.array(row.bonds.names or [""] * len(good))[good]
    changes = 100 * (after[good] / before[good] - 1)
    return before[good], changes, names, np.full(good.sum(), row.converged)


def _looks(names: np.ndarray, model: Model, alone: bool) -> list[tuple[Any, ...]]:
    """Return label, colour, marker and which bonds: pairs of species where a model is alone."""
    pairs = np.unique(names)
    if not alone or len(pairs) == 1:
        return [(*model.look, np.full(len(names), True))]
    n = len(PALETTE)
    return [(p, PALETTE[k % n], MARKERS[k % n], names == p) for k, p in enumerate(pairs)]


def _origin(models: Sequence[Model], drawn: Callable[[Relaxation], bool]) -> str:
    return name_origin(r for m in models for r in m.run.rows("relaxation") if drawn(r))


def _each(models: Sequence[Model]) -> str:
    return "each model" if len(models) > 1 else "the model"


def _crossed(models: Sequence[Model]) -> str:
    rows = [r for m in models for r in m.run.rows("relaxation")]
    names = dict.fromkeys(plain(r.name) for r in rows if r.error is None and not r.converged)
    return f" Not converged, crossed: {', '.join(names)}." if names else ""
