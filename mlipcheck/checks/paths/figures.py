"""Profiles of paths: a model a colour, the reference dashed."""

from __future__ import annotations

from typing import Any

from ...drawing.colours import REFERENCE
from ...drawing.lettering import printable
from ...record import Model
from .record import PathProfile


def draw_profiles(axis: Any, good: list[tuple[Model, PathProfile]]) -> None:
    for model, row in good:
        look: dict[str, Any] = {"color": model.colour, "marker": model.marker, "ms": 4}
        axis.plot(row.coordinate, row.model, label=printable(model.label, 40), **look)
    look = {"color": REFERENCE, "ls": "--", "marker": ".", "zorder": 4}
    axis.plot(good[0][1].coordinate, good[0][1].reference, label="reference", **look)
