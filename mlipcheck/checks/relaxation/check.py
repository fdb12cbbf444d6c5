"""The check of relaxations: which structures, what each costs, and how they are tabled."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ase.calculators.calculator import BaseCalculator

from ...check import Check, Context, Evidence, Skip, Task, align, named
from ...drawing.tables import Block, Column, Paragraph, TableBlock, number
from ...record import Model
from ...system import Settings, System
from ..crystals import METHODS, keep_few, tested_on
from .criteria import CRITERIA
from .energies import compare_energies
from .record import BondChange, Relaxation
from .relax import iterate_relaxations
from .settings import RelaxSettings

if TYPE_CHECKING:
    from ...drawing.panel import Panel

QUICK_STRUCTURES, QUICK_ATOMS = 3, 30  # atoms of all structures together
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


BOND_COLUMNS: tuple[tuple[str, str], ...] = (
    ("mean length\nÅ", "{0.mean_length:.3f}"),
    ("mean change\nÅ", "{0.mean_change:+.4f}"),
    ("mean\n%", "{0.mean_change_percent:+.2f}"),
    ("largest change\nÅ", "{0.largest_change:+.4f}"),
    ("largest\n%", "{0.largest_change_percent:+.2f}"),
)


class Relaxations(Check[Relaxation]):
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
        Column("to go\n%", lambda r: number(r.to_go_percent, "+.2f")),
        Column("largest\nbond Δ%", lambda r: number(r.largest_bond_change_percent, ".2f")),
        Column("rmsd\nÅ", lambda r: number(r.rmsd, ".3f")),
        Column(
            "ΔE\nmeV/atom",
            lambda r: number(r.energy_error_per_atom and 1000 * r.energy_error_per_atom, "+.1f"),
        ),
        Column("space\ngroup", _group, left=True),
    )
    methods = METHODS

    def tasks(self, system: System, settings: Settings) -> list[Task | Skip]:
        names = (f.name for f in dataclasses.fields(RelaxSettings))
        how = RelaxSettings(**{name: getattr(settings, name) for name in names})
        skips = [Skip(why) for why in system.not_relaxed]
        if not system.references:
            known = "no relaxed structures given"
            if not (system.frames or system.structures or skips):
                known = f"no crystal is known of {', '.join(system.elements)}"
            return [Skip(known), *skips]
        tasks = [
            Task(r.name, (r, how), (r.source, r.fingerprint, how), r.relaxed, CALLS)
            for r in system.references
        ]
        if settings.quick:
            every, tasks = len(tasks), keep_few(tasks, QUICK_STRUCTURES, QUICK_ATOMS)
            if left := every - len(tasks):
                what = f"--quick leaves out {left} of {every} relaxations"
                skips.append(Skip(f"{what}: it relaxes {QUICK_ATOMS} atoms at most"))
        return [*tasks, *skips]

    def run(self, calculator: BaseCalculator, task: Task, context: Context) -> list[Relaxation]:
        reference, how = task.subject
        return list(iterate_relaxations(calculator, [reference], how))

    def finish(self, rows: Sequence[Relaxation]) -> list[Relaxation]:
        return compare_energies(rows)

    def evidence(self, row: Relaxation) -> Evidence:
        return Evidence(tested_on(row.source, row.formula), row.doubts)

    def remarks(self, rows: Sequence[Relaxation]) -> list[Paragraph]:
        changes = [
            abs(r.volume_change_percent)
            for r in rows
            if r.converged and r.volume_change_percent is not None and r.cell == "free"
        ]
        how = "; ".join(sorted({f"{r.optimizer} from {r.start}" for r in rows}))
        line = f"{sum(r.converged for r in rows)} of {len(rows)} converged ({how})"
        if changes:
            line += f"; median |ΔV| of those with a free cell {statistics.median(changes):.2f} %"
        found = [*super().remarks(rows), Paragraph(line + ".")]
        if any(r.source == "dcdft" for r in rows):
            text = "dcdft is a reference for volumes alone: bonds and symmetry are not compared."
            found.append(Paragraph(text))
        return [*found, *(Paragraph(f"{r.name}: {note}") for r in rows for note in r.notes)]

    def tables(self, models: Sequence[Model]) -> list[Block]:
        found = super().tables(models)
        rows = [m.run.rows(self.name) for m in models]
        if len(rows[0]) > MAX_STRUCTURES or not any(r.bond_changes for same in rows for r in same):
            return found
        found.append(_bond_table(models, rows))
        for model, own in zip(models, rows, strict=True):
            found += [_cell_changes(model, r) for r in own if r.cell == "free" and r.angle_changes]
        return found

    def figures(self, models: Sequence[Model]) -> list[Panel]:
        from .figures import draw_panels

        return draw_panels(models)


def _bond_table(models: Sequence[Model], rows: Sequence[Sequence[Relaxation]]) -> TableBlock:
    several = len(models) > 1
    lines = []
    for same in align([[(m.letter, r) for r in own] for m, own in zip(models, rows, strict=True)]):
        # a pair of species at a time, with all models
        bonds = sorted(((letter, b) for letter, r in same for b in r.bond_changes), key=_by_pair)
        for letter, b in bonds:
            names = (same[0][1].name, "-".join(b.pair), *([letter] if several else []))
            lines.append((*names, str(b.count), *(form.format(b) for _, form in BOND_COLUMNS)))
    heads = ("structure", "bond", *([""] if several else []))
    columns = (*heads, "number", *(head for head, _ in BOND_COLUMNS))
    numeric = tuple(k >= len(heads) for k in range(len(columns)))
    return TableBlock("Bonds, model minus reference", columns, tuple(lines), numeric)


def _by_pair(bond: tuple[str, BondChange]) -> tuple[str, str]:
    return bond[1].pair


def _cell_changes(model: Model, r: Relaxation) -> Paragraph:
    lengths = zip("abc", r.length_changes_percent or (), strict=False)
    angles = zip("αβγ", r.angle_changes or (), strict=False)
    words = [*(f"{n} {x:+.2f} %" for n, x in lengths), *(f"{n} {x:+.2f}°" for n, x in angles)]
    return Paragraph(named(model, f"{r.name}: {'  '.join(words)}"))
