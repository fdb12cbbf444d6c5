"""The check of paths: which there are, what each costs, and how they are tabled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from ase import units
from ase.calculators.calculator import BaseCalculator

from ...calculators.evaluate import evaluate
from ...calculators.registry import describe
from ...check import Check, Context, Skip, Task
from ...criterion import Evidence
from ...drawing.colours import REFERENCE
from ...drawing.tables import MISSING, Column, Paragraph, count, list_reasons, number, some
from ...record import Model
from ...references.level_of_theory import level_doubt
from ...references.paths import ReferencePath
from ...system import Settings, System
from ..crystals import METHODS
from ..parity.label_warnings import doubt_own
from .record import BARRIER, CRITERIA, PathProfile

if TYPE_CHECKING:
    from ...drawing.panel import Panel

QUICK = 10  # paths


def _pair(found: Sequence[float | None], form: str, unit: float = 1.0) -> str:
    """Return two numbers in words, the model's and the reference's."""
    return " / ".join(format(x / unit, form) for x in found if x is not None) or MISSING


def _height(row: PathProfile, k: int, form: str = ".3f", unit: float = 1.0) -> str:
    heights = list(row.heights.values())[k : k + 1]
    return _pair([x for pair in heights for x in pair[::-1]], form, unit)


def _work(row: PathProfile) -> str:
    """Return the work of separation, J/m²."""
    if row.area is None or row.shape == BARRIER:
        return MISSING
    return _height(row, 0, ".2f", row.area * units.J / units.m**2)


def _traction(row: PathProfile) -> str:
    return _pair([row.traction(row.model), row.traction(row.reference)], ".1f", units.GPa)


class Paths(Check[PathProfile]):
    """Go along the user's own paths."""

    name = "paths"
    title = "paths"
    noun = "path"
    asks = "whether barriers and other heights along your own paths are right"
    row = PathProfile
    criteria = CRITERIA
    decides = ("defects",)
    hints = ("energies",)
    columns = (
        Column("images", lambda r: str(len(r.images))),
        Column("height, ref.\neV", lambda r: _height(r, 0)),
        Column("backward, ref.\neV", lambda r: _height(r, 1)),
        Column("slope", lambda r: number(r.slope, ".3f")),
        Column("top, ref.", lambda r: _pair([r.top(r.model), r.top(r.reference)], ".2f")),
        Column("work, ref.\nJ/m²", _work),
        Column("traction, ref.\nGPa", _traction),
    )
    methods = METHODS

    def tasks(self, system: System, settings: Settings) -> list[Task | Skip]:
        good = [p for p in system.paths if p.error is None]
        wrong = [(p.name, p.error) for p in system.paths if p.error is not None]
        skips = [Skip(line) for line in list_reasons(wrong)]
        if settings.quick and len(good) > QUICK:
            skips.append(Skip(f"--quick leaves out {some([p.name for p in good[QUICK:]])}"))
            good = good[:QUICK]
        if not (good or skips):
            return [Skip("no path: give NEB images, or --path FILE")]
        return [*map(_task, good), *skips]

    def run(self, calculator: BaseCalculator, task: Task, context: Context) -> list[PathProfile]:
        return [compare_path(calculator, task.subject)]

    def evidence(self, row: PathProfile) -> Evidence:
        return Evidence(doubts=row.doubts)

    def remarks(self, rows: Sequence[PathProfile]) -> list[Paragraph]:
        noted = [Paragraph(f"{row.name}: {note}") for row in rows for note in row.notes]
        failed = [Paragraph(f"{r.name}, {i}: {why}", "fail") for r in rows for i, why in r.failures]
        return [*super().remarks(rows), *failed, *noted]

    def figures(self, models: Sequence[Model]) -> list[Panel]:
        from ..panels import draw_each

        about = "Energy along {}, at the reference's images."
        axes = ("path coordinate (Å)", "E − E(first) (eV)")
        return draw_each(self, models, lambda r: len(r.both) > 0, _draw, about, axes)


def _draw(axis: Any, good: Sequence[tuple[Model, PathProfile]]) -> None:
    for m, row in good:
        look = {"color": m.colour, "marker": m.marker, "ms": 4, "label": m.label}
        axis.plot(row.coordinate, row.model, **look)
    look = {"color": REFERENCE, "ls": "--", "marker": ".", "zorder": 4, "label": "reference"}
    axis.plot(good[0][1].coordinate, good[0][1].reference, **look)


def _task(path: ReferencePath) -> Task:
    atoms, n = path.frames[0].atoms, len(path.frames)
    key = (path.name, path.source, path.fingerprint)
    return Task(f"{path.name} ({count(n, 'image')})", path, key, atoms, n, min(n, 16))


def compare_path(calculator: BaseCalculator, path: ReferencePath) -> PathProfile:
    """Return the energies of a model along a path beside those of the reference.

    Parameters
    ----------
    calculator : any ASE calculator
    path : ReferencePath
        One without an error.
    """
    level, own_level = path.settings.level_of_theory, describe(calculator).level_of_theory
    found = evaluate(calculator, [f.atoms for f in path.frames], properties=("energy",))
    reference, model = (
        np.array([np.nan if x.energy is None else x.energy for x in side], dtype=float)
        for side in (path.frames, found)
    )
    both = np.flatnonzero(np.isfinite(reference + model))
    first = both[0] if len(both) else 0
    composition = [set(path.frames[0].atoms.get_chemical_symbols())]
    settings = path.settings if path.settings.functional else None
    pairs = list(zip(path.frames, found, strict=True))
    doubt = doubt_own(pairs) or level_doubt(level, own_level, composition, settings)
    failures = tuple((f.name, e.error) for f, e in pairs if e.error is not None)
    return PathProfile(
        name=path.name,
        source=path.source,
        fingerprint=path.fingerprint,
        level_of_theory=level,
        images=tuple(f.name for f in path.frames),
        coordinate=path.coordinate,
        reference=reference - reference[first],
        model=model - model[first],
        ends=path.ends,
        kind=path.kind,
        area=path.area,
        failures=failures,
        notes=path.notes,
        doubts=(doubt, *path.doubts) if doubt else path.doubts,
        error=f"the model fails on every image: {failures[0][1]}" if not len(both) else None,
    )
