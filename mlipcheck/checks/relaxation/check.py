"""The check of relaxations: which structures, what each costs, and how they are tabled."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ase.calculators.calculator import BaseCalculator

from ...check import Check, Context, Skip, Task, align
from ...drawing.tables import Block, Column, Paragraph, TableBlock, number
from ...record import Model
from ...references.structures import RelaxedReference
from ...system import Settings, System
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
        Column("largest\nbond Δ%", lambda r: number(r.largest_bond_change_percent, ".2f")),
        Column("rmsd\nÅ", lambda r: number(r.rmsd, ".3f")),
        Column(
            "ΔE\nmeV/atom",
            lambda r: number(r.energy_error_per_atom and 1000 * r.energy_error_per_atom, "+.1f"),
        ),
        Column("space\ngroup", _group, left=True),
    )
    methods = (
        Column("from", lambda r: r.source or "-"),
        Column("level of theory", lambda r: r.level_of_theory or "not known"),
    )

    def tasks(self, system: System, settings: Settings) -> list[Task | Skip]:
        how = RelaxSettings(
            settings.fmax,
            settings.steps,
            settings.optimizer,
            settings.cell,
            settings.start,
            settings.seed,
        )
        skips = [Skip(why) for why in system.not_relaxed]
        if not system.references:
            known = "no relaxed structures given"
            if not (system.frames or system.structures or skips):
                known = f"no crystal is known of {', '.join(system.elements)}"
            return [Skip(known), *skips]
        chosen = list(system.references)
        if settings.quick:
            chosen = _fewer(chosen)
            left = len(system.references) - len(chosen)
            if left:
                skips.append(
                    Skip(
                        f"--quick leaves out {left} of {len(system.references)} relaxations: it "
                        f"relaxes {QUICK_ATOMS} atoms at most"
                    )
                )
        tasks = [
            Task(r.name, (r, how), (r.source, r.fingerprint, how), r.relaxed, CALLS) for r in chosen
        ]
        return [*tasks, *skips]

    def run(self, calculator: BaseCalculator, task: Task, context: Context) -> list[Relaxation]:
        reference, how = task.subject
        return list(iterate_relaxations(calculator, [reference], how))

    def finish(self, rows: Sequence[Relaxation]) -> list[Relaxation]:
        return compare_energies(rows)

    def remarks(self, rows: Sequence[Relaxation]) -> list[Paragraph]:
        found = super().remarks(rows)
        changes = [
            abs(r.volume_change_percent)
            for r in rows
            if r.converged and r.volume_change_percent is not None and r.cell == "free"
        ]
        settings = sorted({(r.optimizer, r.start) for r in rows})
        how = "; ".join(f"{optimizer} from {start}" for optimizer, start in settings)
        line = f"{sum(r.converged for r in rows)} of {len(rows)} converged ({how})"
        if changes:
            line += f"; median |ΔV| of those with a free cell {statistics.median(changes):.2f} %"
        found.append(Paragraph(line + "."))
        if any(r.source == "dcdft" for r in rows):
            found.append(
                Paragraph(
                    "dcdft is a reference for volumes alone: bonds and symmetry are not compared."
                )
            )
        found += [Paragraph(f"{r.name}: {note}") for r in rows for note in r.notes]
        return found

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


def _fewer(references: Sequence[RelaxedReference]) -> list[RelaxedReference]:
    kept: list[RelaxedReference] = []
    room = QUICK_ATOMS
    for r in references:
        atoms = 0 if r.relaxed is None else len(r.relaxed)
        if atoms <= room and len(kept) < QUICK_STRUCTURES:
            kept.append(r)
            room -= atoms
    return kept


def _bond_table(models: Sequence[Model], rows: Sequence[Sequence[Relaxation]]) -> TableBlock:
    several = len(models) > 1
    lines = []
    for same in align([[(m.letter, r) for r in own] for m, own in zip(models, rows, strict=True)]):
        bonds: dict[tuple[str, str], list[tuple[str, BondChange]]] = {}
        for letter, r in same:
            for b in r.bond_changes:
                bonds.setdefault(b.pair, []).append((letter, b))
        for pair, changes in bonds.items():
            for letter, b in changes:
                numbers = (form.format(b) for _, form in BOND_COLUMNS)
                names = (same[0][1].name, "-".join(pair), *([letter] if several else []))
                lines.append((*names, str(b.count), *numbers))
    heads = ("structure", "bond", *([""] if several else []))
    columns = (*heads, "number", *(head for head, _ in BOND_COLUMNS))
    numeric = tuple(k >= len(heads) for k in range(len(columns)))
    return TableBlock("Bonds, model minus reference", columns, tuple(lines), numeric)


def _cell_changes(model: Model, r: Relaxation) -> Paragraph:
    lengths = zip("abc", r.length_changes_percent or (), strict=False)
    angles = zip("αβγ", r.angle_changes or (), strict=False)
    words = [*(f"{n} {x:+.2f} %" for n, x in lengths), *(f"{n} {x:+.2f}°" for n, x in angles)]
    who = f"{model.letter}, {r.name}" if model.letter else r.name
    return Paragraph(f"{who}: {'  '.join(words)}")
