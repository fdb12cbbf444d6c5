"""Contacts: how close a user's own atoms come to where the wall of their pair turns over."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator

from ..analysis.closest import find_closest
from ..check import OWN_CONVENTION, Check, Context, Criterion, Reading, Skip, Task, align
from ..drawing.tables import Block, Column, Paragraph, capital, number, some, table_of_rows
from ..record import CROSSED, Advice, Model, RunRecord
from ..references.curves import sorted_pair
from ..system import Settings, System
from .dimers.record import DimerScan

STOP_MARGIN = 1.1  # of the distance at which a wall turns over: where a run is to be stopped
MAX_LISTED = 6  # pairs of an advice


@dataclass(frozen=True)
class ClosestApproach:
    """The shortest distance of one pair of elements, beside where its wall turns over.

    Attributes
    ----------
    pair : tuple of two str
        Chemical symbols.
    distance : float or None
        Å, the shortest in all structures; None where no two such atoms are near each other.
    structure : str
        Where it is found.
    structures : int
        How many were looked through.
    collapse : float or None
        Where the pair's repulsive wall turns over, Å; None where it holds.
    innermost : float or None
        How far inwards the pair was scanned, Å; None where the scan failed or was not done.
    """

    pair: tuple[str, str]
    distance: float | None
    structure: str
    structures: int
    collapse: float | None = None
    innermost: float | None = None
    error: str | None = None

    @property
    def name(self) -> str:
        return "-".join(self.pair)

    @property
    def ratio(self) -> float:
        """The distance over that of the collapse; infinite where one of them is not there."""
        if self.distance is None or not self.collapse:
            return math.inf
        return self.distance / self.collapse


def closest_approaches(
    structures: Sequence[tuple[str, Atoms]], scans: Sequence[DimerScan]
) -> list[ClosestApproach]:
    """Compare the shortest distance of each pair with where the wall of that pair turns over.

    Parameters
    ----------
    structures : sequence of (str, Atoms)
        What to call each, and the structure.
    scans : sequence of DimerScan

    Returns
    -------
    list of ClosestApproach
        One for every pair of elements that some structure has, also those that were not scanned
        or never come near each other.
    """
    found = find_closest(structures)
    met = {
        sorted_pair(*pair)
        for _, atoms in structures
        for pair in itertools.combinations_with_replacement(sorted(set(atoms.symbols)), 2)
    }
    scanned = {sorted_pair(*s.pair): s for s in scans if s.error is None}
    rows = []
    for pair in sorted(met):
        distance, name = found.get(pair, (None, ""))
        scan = scanned.get(pair)
        good = scan.distances[np.isfinite(scan.energies)] if scan is not None else np.array([])
        rows.append(
            ClosestApproach(
                pair=pair,
                distance=distance,
                structure=name,
                structures=len(structures),
                collapse=scan.wall_collapse_distance if scan is not None else None,
                innermost=float(good.min()) if len(good) else None,
            )
        )
    return rows


def read_ratio(row: ClosestApproach) -> Reading | None:
    if row.distance is None:
        return None
    seen = f"{row.distance:.2f} Å in {row.structure}"
    if row.innermost is None:
        return Reading(None, f"{seen}; the pair was not scanned")
    if row.collapse is not None:
        ratio = f"{row.ratio:.2f} times the {row.collapse:.2f} Å of the collapse"
        return Reading(row.ratio, f"{seen}, {ratio}")
    if row.distance < row.innermost:
        return Reading(None, f"{seen}, closer than was scanned ({row.innermost:.2f} Å)")
    return Reading(math.inf, f"{seen}; the wall holds down to {row.innermost:.2f} Å")


class Contacts(Check[ClosestApproach]):
    """Compare the user's shortest distances with the collapse of each pair."""

    name = "contacts"
    title = "shortest distances in your structures"
    noun = "pair"
    asks = "how close your own atoms come to where walls turn over"
    row = ClosestApproach
    needs = ("dimers",)
    of_system = False
    decides = ("dynamics", "hot")
    hints = ("relax",)
    criteria = (
        Criterion(
            "shortest distances",
            read_ratio,
            caution=1.25,
            fail=1.0,
            unit="times where the wall turns over",
            source=f"{OWN_CONVENTION}: heat and pressure bring atoms a fifth closer",
            good="your own structures stay well outside of where the walls turn over",
            bad="your own structures come near to where nothing keeps these atoms apart",
            why="how close your own atoms come says whether a wall that turns over matters to you",
            below=True,
        ),
    )
    columns = (
        Column("shortest\nÅ", lambda r: number(r.distance, ".3f")),
        Column(
            "collapse\nÅ",
            lambda r: "not scanned" if r.innermost is None else number(r.collapse, ".2f", "none"),
        ),
        Column("times\nthe collapse", lambda r: number(r.ratio if r.collapse else None, ".2f")),
        Column("in", lambda r: r.structure, left=True),
    )

    def tasks(self, system: System, settings: Settings) -> list[Task | Skip]:
        if not system.structures:
            return [Skip("no structures of your own given")]
        key = [(name, a.numbers, a.pbc, a.cell[:], a.positions) for name, a in system.structures]
        return [Task("pairs of your structures", system.structures, key)]

    def run(
        self, calculator: BaseCalculator, task: Task, context: Context
    ) -> list[ClosestApproach]:
        return closest_approaches(task.subject, context.earlier["dimers"])

    def tables(self, models: Sequence[Model]) -> list[Block]:
        """Return one row a pair, those that come closest to their wall's collapse first."""
        rows = [
            [(m.letter, r) for r in m.run.rows(self.name) if r.distance is not None] for m in models
        ]
        if not any(rows):
            return []
        entries = sorted(align(rows), key=lambda same: min(r.ratio for _, r in same))
        apart = [r.name for r in models[0].run.rows(self.name) if r.distance is None]
        note = [Paragraph(f"Nowhere near each other: {', '.join(apart)}.")] if apart else []
        return [table_of_rows(capital(self.title), self.noun, entries, self.columns), *note]

    def mismatch(self, one: ClosestApproach, other: ClosestApproach) -> list[str]:
        """Say where the structures are others; they alone decide how close a pair comes."""
        a, b = (math.inf if r.distance is None else r.distance for r in (one, other))
        if one.pair == other.pair and math.isclose(a, b, abs_tol=1e-6):
            return []
        seen = [number(r.distance, ".3f", "none") for r in (one, other)]
        return [f"the shortest distances are {one.name} {seen[0]} and {other.name} {seen[1]} Å"]

    def advice(self, run: RunRecord) -> list[Advice]:
        """Say where to stop a run; pairs that come near in the user's structures first."""
        walls = ("repulsive wall", *(c.quantity for c in self.criteria))
        crossed = any(f.status in CROSSED and f.quantity in walls for f in run.findings)
        found = {s.name: s.wall_collapse_distance for s in run.rows("dimers")}
        walls_of = {name: r for name, r in found.items() if r is not None}
        if not (walls_of and crossed):
            return []
        near = {r.name: r.ratio for r in run.rows(self.name)}
        names = sorted(walls_of, key=lambda name: near.get(name, math.inf))
        distances = [f"{STOP_MARGIN * walls_of[name]:.2f} Å ({name})" for name in names]
        return [
            Advice(
                "guard the wall",
                f"Stop a run in which atoms come closer than {some(distances, MAX_LISTED)}: "
                f"{STOP_MARGIN:g} times where the wall turns over. A short-range repulsion (ZBL) "
                "added to the model keeps them apart.",
            )
        ]
