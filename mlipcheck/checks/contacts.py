"""Contacts: how close a user's own atoms come to the collapse of their pair."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator, InputError

from ..analysis.structures import find_closest
from ..calculators.registry import check_safe
from ..check import Check, Context, Skip, Task
from ..criterion import OWN_CONVENTION, Criterion, Reading
from ..drawing.tables import Column, capital, number, some
from ..record import CROSSED, Advice, RunRecord
from ..references.curves import sorted_pair
from ..storage import Record
from ..system import Settings, System
from .compression.push import farthest_collapses
from .dimers.record import DimerScan

STOP_MARGIN = 1.1  # of the collapse: where a run is to be stopped
MAX_LISTED = 3  # pairs of an advice
# the questions that call for advice
WALLS = (
    *("contacts", "repulsive wall", "height of the wall"),
    *("attraction in the crystal", "neighbours beside the attraction"),
)


@dataclass(frozen=True)
class Contact(Record):
    """The shortest distance (Å) of one pair of elements, beside the collapse of the pair.

    ``distance`` is found in ``structure``; None where no two such atoms are near each other. The
    pair collapses at ``collapse``, in vacuum or in a crystal, whichever is farther out, and has a
    ``dip`` outside of that in vacuum; ``innermost`` is how far inwards it was scanned, and
    ``guarded`` inside of what a guard acts.
    """

    pair: tuple[str, str]
    distance: float | None
    structure: str
    collapse: float | None = None
    dip: float | None = None
    innermost: float | None = None
    guarded: float | None = None
    error: str | None = None

    @property
    def name(self) -> str:
        return "-".join(self.pair)

    @property
    def ratio(self) -> float:
        """The distance over that of the collapse; infinite where one of them is not there."""
        return self.distance / self.collapse if self.distance and self.collapse else math.inf


def find_contacts(
    structures: Sequence[tuple[str, Atoms]],
    scans: Sequence[DimerScan],
    radii: Mapping[tuple[str, str], float] | None = None,
) -> list[Contact]:
    """Compare the shortest distance of each pair with the collapse of that pair in vacuum.

    Parameters
    ----------
    structures : sequence of (str, Atoms)
    scans : sequence of DimerScan
    radii : mapping of pair to float, optional
        Å inside of which a guarded calculator changes them.

    Returns
    -------
    list of Contact
        One for every pair of elements of a structure, the closest first.
    """
    found = find_closest(structures)
    pairs = {
        sorted_pair(*pair)
        for _, atoms in structures
        for pair in itertools.combinations_with_replacement(sorted(set(atoms.symbols)), 2)
    }
    scanned = {s.pair: s for s in scans if s.error is None}
    rows = []
    for pair in sorted(pairs):
        distance, structure = found.get(pair, (None, ""))
        row = Contact(pair, distance, structure, guarded=(radii or {}).get(pair))
        if scan := scanned.get(pair):
            row = replace(
                row,
                collapse=scan.collapse.distance if scan.collapse else None,
                dip=scan.dip.distance if scan.dip else None,
                innermost=float(scan.distances[np.isfinite(scan.energies)].min()),
            )
        rows.append(row)
    return sorted(rows, key=lambda r: math.inf if r.distance is None else r.distance)


def read_ratio(row: Contact) -> Reading | None:
    if row.distance is None:
        return None
    seen = f"{row.distance:.2f} Å in {row.structure}"
    if row.innermost is None:
        return Reading(None, f"{seen}; the pair was not scanned")
    dip = f", dip at {row.dip:.2f} Å" if row.dip is not None else ""
    if row.collapse is not None:
        return Reading(row.ratio, f"{seen}, {row.ratio:.2f} x collapse {row.collapse:.2f} Å{dip}")
    if row.distance < row.innermost:
        return Reading(None, f"{seen}, closer than was scanned ({row.innermost:.2f} Å)")
    return Reading(math.inf, f"{seen}, no collapse down to {row.innermost:.2f} Å{dip}")


def read_guard(row: Contact) -> Reading | None:
    if row.distance is None or row.guarded is None:
        return None
    seen = f"{row.distance:.2f} Å in {row.structure}"
    return Reading(row.distance / row.guarded, f"{seen}, the guard acts inside {row.guarded:.2f} Å")


class Contacts(Check[Contact]):
    """Compare the user's shortest distances with the collapse of each pair."""

    name = "contacts"
    title = "contacts in your structures"
    noun = "pair"
    asks = "how close your own atoms come to where pairs collapse"
    row = Contact
    needs = ("dimers",)
    wants = ("compression",)
    of_system = False
    decides = ("dynamics", "hot")
    hints = ("relax",)
    criteria = (
        Criterion(
            "contacts",
            read_ratio,
            caution=1.25,
            fail=1.0,
            unit="x collapse",
            source=f"{OWN_CONVENTION}: heat and pressure bring atoms a fifth closer",
            good="your atoms stay well outside of the collapse",
            bad="your atoms come near to where nothing keeps them apart",
            why="a collapse matters as far as your atoms come there",
            below=True,
        ),
        Criterion(
            "contacts beside the guard",
            read_guard,
            caution=1.0,
            unit="x the guard's radius",
            source="where the guard adds its repulsion",
            good="the guard acts nowhere in your structures",
            bad="the guard acts in your structures: their energies and forces are not the model's",
            why="a guard is to change nothing that you have; build it again with these structures",
            below=True,
            hints=("relax", "energies", "dynamics"),
            decides=(),
        ),
    )
    columns = (
        Column("shortest\nÅ", lambda r: number(r.distance, ".3f")),
        Column(
            "collapse\nÅ",
            lambda r: "not scanned" if r.innermost is None else number(r.collapse, ".2f", "none"),
        ),
        Column("shortest /\ncollapse", lambda r: number(r.ratio if r.collapse else None, ".2f")),
        Column("dip\nÅ", lambda r: number(r.dip, ".2f")),
        Column("guard\nÅ", lambda r: number(r.guarded, ".2f")),
        Column("in", lambda r: r.structure, left=True),
    )

    def tasks(self, system: System, settings: Settings) -> list[Task | Skip]:
        if not system.structures:
            return [Skip("no structures of your own given")]
        key = [(name, a.numbers, a.pbc, a.cell[:], a.positions) for name, a in system.structures]
        return [Task("pairs of your structures", system.structures, key)]

    def run(self, calculator: BaseCalculator, task: Task, context: Context) -> list[Contact]:
        radii = getattr(calculator, "guard_radii", None)
        return find_contacts(task.subject, context.earlier["dimers"], radii)

    def finish(
        self, rows: Sequence[Contact], earlier: Mapping[str, Sequence[Any]]
    ) -> list[Contact]:
        """Add collapses in crystals to those of pairs that were scanned."""
        found = farthest_collapses(earlier)
        return [r if r.innermost is None else replace(r, collapse=found.get(r.name)) for r in rows]

    def mismatch(self, one: Contact, other: Contact) -> list[str]:
        """Say where the structures are others; they alone decide how close a pair comes."""
        a, b = (math.inf if r.distance is None else r.distance for r in (one, other))
        if one.pair == other.pair and math.isclose(a, b, abs_tol=1e-6):
            return []
        seen = [number(r.distance, ".3f", "none") for r in (one, other)]
        return [f"the shortest distances are {one.name} {seen[0]} and {other.name} {seen[1]} Å"]

    def advice(self, run: RunRecord) -> list[Advice]:
        """Say where to stop a run, the closest pairs first, and how to close the holes."""
        collapses = farthest_collapses(run.checks)
        if not any(f.status in CROSSED and f.quantity in WALLS for f in run.findings):
            return []
        near = {r.name: r.ratio for r in run.rows(self.name)}
        names = sorted(collapses, key=lambda name: near.get(name, math.inf))
        distances = [f"{STOP_MARGIN * collapses[name]:.2f} Å ({name})" for name in names]
        ways = []
        if distances:
            ways.append(f"stop dynamics when atoms come closer than {some(distances, MAX_LISTED)}")
        if run.calculator.backend != "guarded":
            ways.append("add a guard: it closes the holes and changes nothing outside of them")
        text = f"{capital(', or '.join(ways))}."
        return [Advice("keep atoms apart", text, _guard_command(run))] if ways else []


def _guard_command(run: RunRecord) -> str | None:
    """Return what to type for a guard, None where a file may not name the calculator."""
    try:
        check_safe(run.calculator.spec, run.calculator.options)
    except InputError:
        return None
    words = run.subject.words
    return run.command_about("guard", next(iter(words), None), *words[1:], "--save", "guard.json")
