"""The check of elasticity: which crystals, what each costs, and how they are tabled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ase import units
from ase.calculators.calculator import BaseCalculator

from ...analysis.closest import empty_directions
from ...analysis.eos import BirchMurnaghan
from ...calculators.evaluate import describe_error
from ...check import Check, Context, Skip, Task
from ...criterion import Evidence
from ...drawing.tables import Column, Paragraph, number, some
from ...record import Model
from ...references.crystals import ground_states
from ...references.inputs import COLLECTIONS
from ...references.structures import RelaxedReference
from ...system import Settings, System
from ..crystals import METHODS, keep_few, tested_on
from .criteria import CRITERIA
from .record import EquationOfState
from .volumes import EVALUATIONS, scan_volumes

if TYPE_CHECKING:
    from ...drawing.panel import Panel

QUICK = (6, 30)  # crystals, and atoms of all together
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
    methods = METHODS

    def tasks(self, system: System, settings: Settings) -> list[Task | Skip]:
        own = [
            r
            for r in system.references
            if r.source not in COLLECTIONS and r.relaxed is not None and r.relaxed.pbc.any()
        ]
        flat = [r.name for r in own if empty_directions(r.relaxed).any()]
        tasks = [_task(r) for r in own if r.name not in flat]
        why = [f"no crystals in three dimensions: {some(flat)}"] if flat else []
        elements = sorted({x for word in system.elements for x in word.split("-")})
        unwanted = "none" in settings.reference
        known = [] if unwanted else ground_states(elements)
        tasks += [_task(r, curve) for r, curve in known or ()]
        if not tasks and unwanted:
            why.append("--reference none leaves out the elements' own crystals")
        elif not tasks and known is None:
            why.append("equations of state are not here: mlipcheck data acwf-unaries fetches them")
        elif not tasks and elements:
            why.append(f"no equation of state is known of {some(elements)}")
        elif not tasks and not why:
            why.append("no crystals given")
        few = keep_few(tasks, *QUICK, "crystals") if settings.quick else tasks
        return [*few, *map(Skip, why)]

    def run(
        self, calculator: BaseCalculator, task: Task, context: Context
    ) -> list[EquationOfState]:
        atoms, row = task.subject
        try:
            return [scan_volumes(calculator, atoms, row)]
        except (Exception, SystemExit) as error:  # kept and shown as this crystal's result
            return [EquationOfState(task.name, error=describe_error(error))]

    def evidence(self, row: EquationOfState) -> Evidence:
        return Evidence(tested_on(row.source, row.formula), row.doubts)

    def remarks(self, rows: Sequence[EquationOfState]) -> list[Paragraph]:
        scaled = "Shapes and fractional positions are kept, volumes go from 0.5 to 1.3 V0."
        return [*super().remarks(rows), Paragraph(scaled)]

    def figures(self, models: Sequence[Model]) -> list[Panel]:
        from .figures import draw_panels

        return draw_panels(models)


def _task(reference: RelaxedReference, curve: BirchMurnaghan | None = None) -> Task:
    """Return the task of a crystal, with its equation of state (per atom) where it is known."""
    atoms = reference.relaxed
    assert atoms is not None
    row = EquationOfState(
        name=reference.name,
        formula=atoms.get_chemical_formula(),
        source=reference.source,
        fingerprint=reference.fingerprint,
        level_of_theory=reference.level_of_theory,
        start_only=reference.start_only,
        reference=curve,
    )
    key = (row.name, row.source, row.fingerprint, curve)
    return Task(row.name, (atoms, row), key, atoms, EVALUATIONS, BATCH)
