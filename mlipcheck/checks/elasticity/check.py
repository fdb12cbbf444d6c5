"""The check of elasticity: which crystals, what each costs, and how they are tabled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ase import Atoms, units
from ase.calculators.calculator import BaseCalculator

from ...analysis.closest import empty_directions
from ...calculators.evaluate import describe_error
from ...check import Check, Context, Skip, Task
from ...drawing.tables import Column, Paragraph, number, some
from ...record import Model
from ...references.crystals import ground_states
from ...references.files import COLLECTIONS
from ...system import Settings, System
from .criteria import CRITERIA
from .record import EquationOfState
from .volumes import EVALUATIONS, scan_volumes

if TYPE_CHECKING:
    from ...drawing.panel import Panel

QUICK_CRYSTALS, QUICK_ATOMS = 6, 30  # atoms of all crystals together
BATCH = 16


def _gpa(value: float | None) -> str:
    return number(None if value is None else value / units.GPa, ".1f")


class Elasticity(Check[EquationOfState]):
    """Scale crystals to other volumes."""

    name = "elasticity"
    title = "equations of state"
    noun = "crystal"
    asks = "how stiff crystals are, and whether they have one volume at rest"
    row = EquationOfState
    decides = ("relax", "vibrations")
    hints = ("dynamics", "hot")
    criteria = CRITERIA
    columns = (
        Column("V0\nÅ³/atom", lambda r: number(r.fit and r.fit.v0, ".2f")),
        Column("V0 ref.", lambda r: number(r.reference and r.reference.v0, ".2f")),
        Column("B0\nGPa", lambda r: _gpa(r.fit and r.fit.b0)),
        Column("±\n%", lambda r: number(100 * (r.bulk_modulus_spread or 0.0), ".0f")),
        Column("B0 ref.", lambda r: _gpa(r.reference and r.reference.b0)),
        Column("B1", lambda r: number(r.fit and r.fit.b1, ".2f")),
        Column("ε", lambda r: number(r.epsilon, ".2f")),
        Column("Δ\nmeV/atom", lambda r: number(r.delta and 1000 * r.delta, ".1f")),
        Column("minima\nV0", lambda r: ", ".join(f"{v:.2f}" for v in r.minima) or "none"),
        Column("falls\nbelow V0", lambda r: number(r.turnover, ".2f")),
    )
    methods = (
        Column("from", lambda r: r.source or "-"),
        Column("level of theory", lambda r: r.level_of_theory or "not known"),
    )

    def tasks(self, system: System, settings: Settings) -> list[Task | Skip]:
        skips: list[Task | Skip] = []
        tasks = []
        left = []
        for r in system.references:
            if r.source in COLLECTIONS or r.relaxed is None or not r.relaxed.pbc.any():
                continue
            if empty_directions(r.relaxed).any():
                left.append(r.name)
                continue
            tasks.append(self._task(r.relaxed, r.name, r.source, r.fingerprint, r.level_of_theory))
        if left:
            skips.append(Skip(f"no crystals in three dimensions: {some(left)}"))
        elements = sorted({x for word in system.elements for x in word.split("-")})
        unwanted = "none" in settings.reference
        known = [] if unwanted else ground_states(elements)
        if unwanted and not tasks:
            skips.append(Skip("--reference none leaves out the elements' own crystals"))
        elif known is None and not tasks:
            skips.append(
                Skip("equations of state are not here: mlipcheck data acwf-unaries fetches them")
            )
        elif known == [] and elements and not tasks:
            skips.append(Skip(f"no equation of state is known of {some(elements)}"))
        for r, curve in known or ():
            assert r.relaxed is not None
            task = self._task(r.relaxed, r.name, r.source, r.fingerprint, r.level_of_theory, curve)
            tasks.append(task)
        if settings.quick:
            tasks, fewer = _fewer(tasks)
            skips += [Skip(f"--quick leaves out {fewer} crystals")] if fewer else []
        return [*tasks, *(skips or ([] if tasks else [Skip("no crystals given")]))]

    def _task(
        self,
        atoms: Atoms,
        name: str,
        source: str,
        fingerprint: str,
        level: str | None,
        curve: object = None,
    ) -> Task:
        row = EquationOfState(name, atoms.get_chemical_formula(), source, fingerprint, level)
        key = (name, source, fingerprint, curve)
        return Task(name, (atoms, row, curve), key, atoms, EVALUATIONS, BATCH)

    def run(
        self, calculator: BaseCalculator, task: Task, context: Context
    ) -> list[EquationOfState]:
        atoms, row, curve = task.subject
        try:
            return [scan_volumes(calculator, atoms, row, curve)]
        except (Exception, SystemExit) as error:  # kept and shown as this crystal's result
            return [EquationOfState(task.name, error=describe_error(error))]

    def remarks(self, rows: Sequence[EquationOfState]) -> list[Paragraph]:
        scaled = "Shapes and fractional positions are held, volumes go from 0.5 to 1.3 V0."
        return [*super().remarks(rows), Paragraph(scaled)]

    def figures(self, models: Sequence[Model]) -> list[Panel]:
        from .figures import draw_panels

        return draw_panels(models)


def _fewer(tasks: list[Task]) -> tuple[list[Task], int]:
    kept: list[Task] = []
    room = QUICK_ATOMS
    for task in tasks:
        atoms = len(task.atoms or ())
        if atoms <= room and len(kept) < QUICK_CRYSTALS:
            kept.append(task)
            room -= atoms
    return kept, len(tasks) - len(kept)
