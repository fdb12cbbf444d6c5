"""The check of relaxations: which structures, what each costs, and how they are tabled."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from ase.calculators.calculator import BaseCalculator

from ...check import Context, Skip, Task, align, named
from ...drawing.tables import Block, Column, Paragraph, list_reasons, number, some, table_of_rows
from ...record import CROSSED, Advice, Model, RunRecord
from ...system import Settings, System
from ..crystals import CrystalCheck, keep_few
from .criteria import CRITERIA, MOVED
from .optimize import RelaxSettings
from .record import BondChange, Relaxation, name_origin
from .relax import compare_energies, relax_structure

if TYPE_CHECKING:
    from ...drawing.panel import Panel

QUICK = (3, 30)  # structures, and atoms of all together
CALLS = 45  # of a relaxation with its stress test, measured
MAX_STRUCTURES = 12  # more are not followed bond by bond


def _volume(r: Relaxation) -> str:
    if r.cell == "fixed" and r.volume:
        return "fixed"
    return number(r.volume_change_percent, "+.2f") + ("" if r.converged or r.error else "*")


def _group(r: Relaxation) -> str:
    if r.error:
        return "-"
    group = r.reference_space_group or "-"
    return group if r.space_group == r.reference_space_group else f"{group} → {r.space_group}"


class _Bond(NamedTuple):
    name: str  # of the structure
    bond: BondChange


BOND_COLUMNS = (
    Column("bond", lambda b: "-".join(b.bond.pair), left=True),
    Column("number", lambda b: str(b.bond.count)),
    Column("mean length\nÅ", lambda b: f"{b.bond.mean_length:.3f}"),
    Column("mean change\nÅ", lambda b: f"{b.bond.mean_change:+.4f}"),
    Column("mean\n%", lambda b: f"{b.bond.mean_change_percent:+.2f}"),
    Column("largest change\nÅ", lambda b: f"{b.bond.largest_change:+.4f}"),
    Column("largest\n%", lambda b: f"{b.bond.largest_change_percent:+.2f}"),
)


class Relaxations(CrystalCheck[Relaxation]):
    """Relax what a reference has relaxed, and compare where it ends."""

    name = "relaxation"
    title = "relaxed structures"
    noun = "structure"
    asks = "where the model relaxes structures to"
    row = Relaxation
    decides = ("relax",)
    hints = ("vibrations", "dynamics")
    criteria = CRITERIA
    columns = (
        Column("atoms", lambda r: str(r.n_atoms or "-")),
        Column("conv.", lambda r: "error" if r.error else "yes" if r.converged else "no"),
        Column("steps", lambda r: "-" if r.error else str(r.steps)),
        Column("V ref.\nÅ³", lambda r: number(r.reference_volume, ".2f")),
        Column("ΔV\n%", _volume),
        Column("left to\nrelax %", lambda r: number(r.to_go_percent, "+.2f")),
        Column("largest\nbond Δ%", lambda r: number(r.largest_bond_change_percent, ".2f")),
        Column("rmsd\nÅ", lambda r: number(r.rmsd, ".3f")),
        Column(
            "ΔE\nmeV/atom",
            lambda r: number(r.energy_error_per_atom and 1000 * r.energy_error_per_atom, "+.1f"),
        ),
        Column("space\ngroup", _group, left=True),
    )

    def tasks(self, system: System, settings: Settings) -> list[Task | Skip]:
        names = (f.name for f in dataclasses.fields(RelaxSettings))
        how = RelaxSettings(**{name: getattr(settings, name) for name in names})
        skips = [Skip(f"not relaxed again, {why}") for why in list_reasons(system.not_relaxed)]
        if not system.references:
            known = "no relaxed structures given"
            if not (system.frames or system.structures or skips):
                known = f"no crystal is known of {', '.join(system.elements)}"
            return [Skip(known), *skips]
        tasks = [
            Task(r.name, (r, how), (r.source, r.fingerprint, how), r.relaxed, CALLS)
            for r in system.references
        ]
        few = keep_few(tasks, *QUICK, "relaxations") if settings.quick else tasks
        return [*few, *skips]

    def run(self, calculator: BaseCalculator, task: Task, context: Context) -> list[Relaxation]:
        return [relax_structure(calculator, *task.subject)]

    def finish(
        self, rows: Sequence[Relaxation], earlier: Mapping[str, Sequence[Any]]
    ) -> list[Relaxation]:
        return compare_energies(rows)

    def remarks(self, rows: Sequence[Relaxation]) -> list[Paragraph]:
        how = "; ".join(sorted({f"{r.optimizer} from {r.start}" for r in rows}))
        line = f"{sum(r.converged for r in rows)} of {len(rows)} converged ({how})"
        free = [r.volume_change_percent for r in rows if r.converged and r.cell == "free"]
        if changes := [abs(change) for change in free if change is not None]:
            line += f"; median |ΔV| of those with a free cell {statistics.median(changes):.2f} %"
        notes = [f"{r.name}: {note}" for r in rows for note in r.notes]
        if any(r.source == "dcdft" for r in rows):
            about = "dcdft is a reference for volumes alone: bonds and symmetry are not compared."
            notes.insert(0, about)
        return [*super().remarks(rows), *map(Paragraph, (f"{line}.", *notes))]

    def advice(self, run: RunRecord) -> list[Advice]:
        """Ask for the run that relaxed what goes far from an input that may not be relaxed."""
        starts = {r.name for r in run.rows(self.name) if r.start_only}
        crossed = [f for f in run.findings if f.check == self.name and f.status in CROSSED]
        moved = [f.subjects for f in crossed if f.quantity in MOVED]
        far = [name for name in dict.fromkeys(chain(*moved)) if name in starts]
        text = f"Give the run that relaxed {some(far, 2)} (vasprun.xml): its change is then judged."
        return [Advice("relaxed structure", text)] if far else []

    def tables(self, models: Sequence[Model]) -> list[Block]:
        found = super().tables(models)
        rows = [[(m.letter, r) for r in m.run.rows(self.name)] for m in models]
        bonds = [_same_bonds(same) for same in align(rows)]
        if len(rows[0]) > MAX_STRUCTURES or not any(bonds):
            return found
        title = f"Bonds, model minus {name_origin(r for same in rows for _, r in same)}"
        entries = [entry for entries in bonds for entry in entries]
        found.append(table_of_rows(title, self.noun, entries, BOND_COLUMNS))
        moved = [(m, r) for m in models for r in m.run.rows(self.name) if r.cell == "free"]
        return [*found, *(_cell_changes(m, r) for m, r in moved if r.angle_changes)]

    def figures(self, models: Sequence[Model]) -> list[Panel]:
        from .figures import draw_panels

        return draw_panels(models)


def _same_bonds(rows: Sequence[tuple[str, Relaxation]]) -> list[list[tuple[str, _Bond]]]:
    """Return for each pair of species of one structure what it is for each model."""
    found: dict[tuple[str, str], list[tuple[str, _Bond]]] = {}
    for letter, r in rows:
        for b in r.bond_changes:
            found.setdefault(b.pair, []).append((letter, _Bond(r.name, b)))
    return list(found.values())


def _cell_changes(model: Model, r: Relaxation) -> Paragraph:
    lengths = zip("abc", r.length_changes_percent or (), strict=False)
    angles = zip("αβγ", r.angle_changes or (), strict=False)
    words = [*(f"{n} {x:+.2f} %" for n, x in lengths), *(f"{n} {x:+.2f}°" for n, x in angles)]
    return Paragraph(named(model, f"{r.name}: {'  '.join(words)}"))
