"""The check of compression: which pairs of which crystals, their limits and their table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from ase.calculators.calculator import BaseCalculator, InputError

from ...calculators.base import FAILURES
from ...calculators.evaluate import describe_error
from ...check import Check, Context, Skip, Task
from ...criterion import OWN_CONVENTION, Criterion, Evidence, Reading
from ...drawing.tables import Column, Paragraph, number, some
from ...record import Model
from ...system import Settings, System
from ..crystals import QUICK_ATOMS, bring_to_rest, build_supercell, choose_crystals, tested_on
from ..dimers.record import Attraction
from .push import CompressedPair, find_neighbours, push_together

if TYPE_CHECKING:
    from ...drawing.panel import Panel

# crystals, pairs of each, and atoms of a supercell
ALL, QUICK = (3, 10, None), (1, 1, QUICK_ATOMS)
FAR = 0.3  # eV/Å; above it a structure is relaxed first
HIGHEST, LEAST, DEEPEST = 100.0, 0.1, -30.0  # eV that a figure shows: at most, at least, below
ENDLESS = -100.0  # eV; below it the grid decides how deep a hole is


def _where(a: Attraction, what: str) -> str:
    deep = "" if a.lowest > ENDLESS else f", down to < {ENDLESS:g} eV"
    return f"{what} from {a.distance:.2f} Å inward, behind {a.barrier:.1f} eV{deep}"


def read_attraction(row: CompressedPair) -> Reading:
    if row.error is not None or row.innermost is None:
        return Reading(None, row.error or "no energies")
    first, collapse = row.attraction, row.collapse
    if first is None:
        end = f", where {row.stopped_by} is met" if row.stopped_by else ""
        return Reading(math.inf, f"no attraction down to {row.innermost:.2f} Å{end}")
    text = _where(first, "collapse" if first == collapse else "attraction")
    if collapse is not None and collapse != first:
        text += f"; {_where(collapse, 'collapse')}"
    return Reading(first.barrier, text)


def read_margin(row: CompressedPair) -> Reading | None:
    if row.attraction is None or row.contact is None:
        return None
    ratio = row.contact / row.attraction.distance
    return Reading(ratio, f"{row.contact:.2f} Å, {ratio:.2f} x the attraction")


class Compression(Check[CompressedPair]):
    """Push neighbours of a crystal together, and find where they attract each other."""

    name = "compression"
    title = "neighbours pushed together in the crystal"
    noun = "pair"
    asks = "what hot, dense or random structures of your crystal can fall into"
    row = CompressedPair
    decides = ("hot",)
    hints = ("dynamics",)
    criteria = (
        Criterion(
            "attraction in the crystal",
            read_attraction,
            caution=30.0,
            fail=10.0,
            unit="eV",
            source=f"{OWN_CONVENTION}: random starts and cascades reach 10 eV, hot liquids do not",
            good="neighbours repel each other as far as anything pushes them",
            bad="neighbours attract each other when they are pushed together",
            why="a random or very hot structure can fall in, and then its energies mean nothing",
            below=True,
        ),
        Criterion(
            "neighbours beside the attraction",
            read_margin,
            fail=1.25,
            unit="x the attraction",
            source=f"{OWN_CONVENTION}: heat and pressure bring atoms a fifth closer",
            good="your atoms stay well outside of the attraction",
            bad="your atoms come near to where they attract each other",
            why="an attraction matters as far as your atoms come there",
            below=True,
        ),
    )
    columns = (
        Column("atoms", lambda r: str(r.n_atoms or "-")),
        Column("distance\nÅ", lambda r: number(r.contact, ".2f")),
        Column("scanned\nto Å", lambda r: number(r.innermost, ".2f")),
        Column("attraction\nÅ", lambda r: number(r.attraction and r.attraction.distance, ".2f")),
        Column("behind\neV", lambda r: number(r.attraction and r.attraction.barrier, ".1f")),
        Column("collapse\nÅ", lambda r: number(r.collapse and r.collapse.distance, ".2f")),
        Column("behind\neV", lambda r: number(r.collapse and r.collapse.barrier, ".1f")),
        Column("met", lambda r: r.stopped_by or "-"),
    )

    def tasks(self, system: System, settings: Settings) -> list[Task | Skip]:
        most, pairs, limit = QUICK if settings.quick else ALL
        crystals, skips = choose_crystals(system, most, elements=True)
        tasks: list[Task | Skip] = []
        for crystal in crystals:
            try:
                cell = build_supercell(crystal.atoms, limit)
                known = find_neighbours(cell)
                count = min(len(known), pairs)
            except InputError as error:
                skips.append(Skip(f"{crystal.name}: {error}"))
                continue
            if left := ["-".join(n.pair) for n in known[pairs:]]:
                skips.append(Skip(f"{crystal.name}: pairs at most {pairs}; left out {some(left)}"))
            key = (crystal.name, crystal.source, crystal.fingerprint, pairs, limit)
            cost = (cell, 40 * count + 1, 16, 0.0, max(count, 1))
            tasks.append(Task(crystal.name, (crystal, pairs, limit), key, *cost))
        return [*tasks, *skips]

    def run(self, calculator: BaseCalculator, task: Task, context: Context) -> list[CompressedPair]:
        crystal, most, limit = task.subject
        base = CompressedPair(
            crystal.name, ("", ""), crystal.formula, crystal.source, crystal.fingerprint
        )
        rows = []
        try:
            cell = build_supercell(bring_to_rest(calculator, crystal.atoms, FAR), limit)
            for n in find_neighbours(cell)[:most]:
                name = f"{base.name}: {'-'.join(n.pair)}"
                row = replace(base, name=name, pair=n.pair, n_atoms=len(cell), contact=n.contact)
                rows.append(push_together(calculator, n, row))
                context.advance(1)
            if not rows:
                raise InputError("no two atoms are neighbours")
            return rows
        except FAILURES as error:  # kept and shown as this crystal's result
            return [replace(base, error=describe_error(error))]

    def evidence(self, row: CompressedPair) -> Evidence:
        return Evidence(tested_on(row.source, row.formula))

    def remarks(self, rows: Sequence[CompressedPair]) -> list[Paragraph]:
        failed = [f"{r.name}: {r.failed}" for r in rows if r.failed and not r.error]
        about = "Two neighbours are moved together, all other atoms stay where they are."
        return [*super().remarks(rows), *(Paragraph(x, "fail") for x in failed), Paragraph(about)]

    def figures(self, models: Sequence[Model]) -> list[Panel]:
        from ..panels import draw_each

        axes = ("distance (Å)", "E − E(crystal) (eV)")
        caption = "{}: neighbours pushed together. Hollow: first attraction; filled: collapse."
        return draw_each(self, models, lambda r: bool(r.innermost), _draw, caption, axes)


def _draw(axis: Any, rows: Sequence[tuple[Model, CompressedPair]]) -> None:
    for model, row in rows:
        axis.plot(row.distances, row.energies, color=model.colour, label=model.label)
        for found, fill in ((row.attraction, "white"), (row.collapse, model.colour)):
            if found is not None and found.barrier < HIGHEST:
                place = (found.distance, found.barrier)
                axis.plot(*place, model.marker, color=model.colour, mfc=fill, zorder=4)
    energies = np.concatenate([row.energies for _, row in rows])
    top = max(min(np.nanmax(energies), HIGHEST), LEAST)
    axis.set_ylim(max(np.nanmin(energies), DEEPEST) - 0.05 * top, 1.1 * top)
    axis.axvline(rows[0][1].contact, color="0.25", lw=0.8, ls=":", label="in the crystal")
