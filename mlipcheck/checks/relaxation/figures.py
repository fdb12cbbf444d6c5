"""Volumes and bonds of relaxed structures, of one model or of several."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from ...drawing.colours import FAILED, PALE
from ...drawing.dots import draw_compared
from ...drawing.lettering import SIZE, count, is_finite, legend_below, plain, printable
from ...drawing.panel import Panel, list_largest, new_axes
from ...record import Model
from .record import Relaxation

VOLUME = "volume, model − reference (%)"


def draw_panels(models: Sequence[Model]) -> list[Panel]:
    """Draw the volumes that were free to change, and how much each bond changed."""
    return [*_volumes(models), *_bonds(models)]


def volume_change(row: Relaxation) -> float | None:
    """Return the change of volume in %, None where the volume was not free, or is not known."""
    change = row.volume_change_percent
    return change if row.error is None and row.cell == "free" and is_finite(change) else None


def bond_changes(row: Relaxation) -> tuple[np.ndarray, np.ndarray]:
    """Return the lengths (Å) of the reference's bonds, and how each changed in %."""
    if row.bonds is None or row.error is not None:
        return np.array([]), np.array([])
    lengths, now = row.bonds.reference_lengths, row.bonds.lengths
    good = np.isfinite(lengths) & np.isfinite(now) & (lengths > 0)
    return lengths[good], 100 * (now[good] / lengths[good] - 1)


def _volumes(models: Sequence[Model]) -> Iterator[Panel]:
    found = draw_compared(models, "relaxation", volume_change, VOLUME)
    if found is None:
        return
    yield Panel(
        name="volumes",
        caption=f"The volume that {_each(models)} relaxes a structure to, against the reference's."
        f"{found.more}",
        alt=f"Volumes, model minus reference. {found.describe('+.2f', ' %')}{_astray(models)}",
        checks=("relaxation",),
        subjects=found.names,
        quantities=("volume",),
        figure=found.figure,
    )


def _bonds(models: Sequence[Model]) -> Iterator[Panel]:
    bonded = [[r for r in m.run.rows("relaxation") if len(bond_changes(r)[0])] for m in models]
    if not any(bonded):
        return
    figure, axis = new_axes(3.7)
    words = []
    reach = 0.4
    for model, rows in zip(models, bonded, strict=True):
        if not rows:
            continue
        _draw_bonds(axis, rows, model)
        changes = [bond_changes(r)[1] for r in rows]
        reach = max(reach, *(float(np.abs(c).max()) for c in changes))
        largest = [(r.name, float(max(c, key=abs))) for r, c in zip(rows, changes, strict=True)]
        broken, new = (sum(getattr(r, f"{x}_bonds") for r in rows) for x in ("broken", "new"))
        words.append(
            f"{plain(model.label)}: {count(sum(map(len, changes)), 'bond')}, the largest change of "
            f"each structure: {list_largest(largest)}; {broken} broken, {new} new."
        )
    axis.axhline(0, color=PALE, lw=1, zorder=0)
    axis.set_ylim(-1.25 * reach, 1.25 * reach)
    axis.margins(x=0.1)
    axis.tick_params(labelsize=SIZE)
    axis.set_xlabel("reference bond length (Å)", fontsize=SIZE)
    axis.set_ylabel("change of the bond (%)", fontsize=SIZE)
    legend_below(figure, 2)
    yield Panel(
        name="bonds",
        caption=f"How much each bond of the reference changes when {_each(models)} relaxes it.",
        alt=f"Changes of bonds. {' '.join(words)}{_astray(models)}",
        checks=("relaxation",),
        subjects=tuple(dict.fromkeys(r.name for rows in bonded for r in rows)),
        quantities=("bond lengths", "broken and new bonds"),
        figure=figure,
    )


def _draw_bonds(axis: Axes, rows: Sequence[Relaxation], model: Model) -> None:
    """Draw the change of every bond against its length in the reference."""
    changes = [bond_changes(r) for r in rows]
    x, y = (np.concatenate(parts) for parts in zip(*changes, strict=True))
    converged = np.repeat([r.converged for r in rows], [len(c[0]) for c in changes])
    look: dict[str, Any] = {"color": model.colour, "ms": 5, "alpha": 0.7, "ls": "none"}
    label = printable(model.label, 40)
    axis.plot(x[converged], y[converged], marker=model.marker, label=label, **look)
    if not converged.all():
        axis.plot(x[~converged], y[~converged], "x", color=FAILED, ms=6, label="not converged")


def _each(models: Sequence[Model]) -> str:
    return "each model" if len(models) > 1 else "the model"


def _astray(models: Sequence[Model]) -> str:
    rows = [r for m in models for r in m.run.rows("relaxation")]
    names = dict.fromkeys(plain(r.name) for r in rows if r.error is None and not r.converged)
    return f" Not converged, crossed: {', '.join(names)}." if names else ""
