"""The check of phonons: which files and crystals, at what cost, and the table of them."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ase.calculators.calculator import BaseCalculator, InputError

from ...calculators.base import FAILURES
from ...calculators.evaluate import describe_error
from ...check import Check, Context, Skip, Task
from ...criterion import Evidence
from ...drawing.tables import Column, Paragraph, number
from ...record import Model
from ...references.phonons import INSTALL, PhononReference, to_atoms
from ...system import Settings, System
from ...uses import OWN
from ..crystals import METHODS, Crystal, choose_crystals, tested_on
from .criteria import CRITERIA
from .frequencies import HEIGHT, STEPS, build_phonon, displace, follow_crystal, follow_file
from .record import CrystalPhonons

if TYPE_CHECKING:
    from ...drawing.panel import Panel

# Files, crystals without one, atoms in a supercell, displaced cells of one step.
BOUNDS, QUICK = (4, 2, 200, 60), (1, 1, 100, 20)
RELAXING = 30  # evaluations of the unit cell, about


class Phonons(Check[CrystalPhonons]):
    """Displace atoms as phonopy does, and compare forces and frequencies."""

    name = "phonons"
    title = "phonons"
    noun = "crystal"
    asks = "whether your crystal vibrates as it should"
    row = CrystalPhonons
    decides = ("vibrations",)
    hints = ("relax", "dynamics")
    criteria = CRITERIA
    columns = (
        Column("atoms", lambda r: str(r.n_atoms or "-")),
        Column("displaced\ncells", lambda r: str(r.cells or "-")),
        Column("slope of\nforces", lambda r: number(r.slope and r.slope.s_lo, ".3f")),
        Column("R²", lambda r: number(r.slope and r.slope.r_squared, ".3f")),
        Column("highest\nTHz", lambda r: number(r.model and r.model.highest, ".2f")),
        Column("over\nref.", lambda r: number(r.ratio("highest"), ".3f")),
        Column("mean\nTHz", lambda r: number(r.model and r.model.mean, ".2f")),
        Column("over\nref.", lambda r: number(r.ratio("mean"), ".3f")),
        Column("lowest\nTHz", lambda r: number(r.model and r.model.lowest, ".2f")),
        Column("ref.\nTHz", lambda r: number(r.reference and r.reference.lowest, ".2f")),
        Column("roughness\n%", lambda r: number(r.roughness and 100 * r.roughness, ".1f")),
    )
    methods = METHODS

    def tasks(self, system: System, settings: Settings) -> list[Task | Skip]:
        if importlib.util.find_spec("phonopy") is None:
            return [Skip(INSTALL)]
        files, crystals, atoms, cells = QUICK if settings.quick else BOUNDS
        given, known = system.phonons, {p.source for p in system.phonons}
        tasks = [_file_task(p) for p in given[:files]]
        skips = [Skip(f"{files} phonopy files at most; left out: {p.name}") for p in given[files:]]
        references = tuple(r for r in system.references if r.source not in known)
        if not given or references or system.frames:
            chosen, why = choose_crystals(replace(system, references=references), crystals)
            skips += why
            for crystal in chosen:
                try:
                    tasks.append(_crystal_task(crystal, atoms, cells))
                except InputError as error:
                    skips.append(Skip(f"{crystal.name}: {error}"))
        return [*tasks, *skips]

    def run(self, calculator: BaseCalculator, task: Task, context: Context) -> list[CrystalPhonons]:
        subject, row, most = task.subject
        try:
            if isinstance(subject, PhononReference):
                if subject.error is not None:
                    raise InputError(subject.error)
                return [follow_file(calculator, subject, row, context.advance)]
            return [follow_crystal(calculator, subject.atoms, most, row, context.advance)]
        except FAILURES as error:  # kept and shown as this crystal's result
            return [replace(row, error=describe_error(error))]

    def evidence(self, row: CrystalPhonons) -> Evidence:
        found = OWN if row.reference else tested_on(row.source, row.formula)
        return Evidence(found, row.doubts)

    def remarks(self, rows: Sequence[CrystalPhonons]) -> list[Paragraph]:
        low = [f"{r.name}: {r.height:.1f} Å" for r in rows if (r.height or HEIGHT) < HEIGHT]
        small = f"Supercells below {HEIGHT:g} Å cut forces off: {', '.join(low)}. " if low else ""
        about = "Frequencies are without the splitting of LO and TO; negative ones are imaginary."
        file = " phonopy files do not name their functional." * any(r.reference for r in rows)
        return [*super().remarks(rows), Paragraph(f"{small}{about}{file}")]

    def figures(self, models: Sequence[Model]) -> list[Panel]:
        from .figures import draw_panels

        return draw_panels(models)


def _file_task(given: PhononReference) -> Task:
    row = CrystalPhonons(given.name, source=given.source, fingerprint=given.fingerprint)
    key = (given.name, given.source, given.fingerprint)
    if given.error is not None:
        return Task(given.name, (given, row, 0), key)
    row = replace(row, formula=given.unitcell.get_chemical_formula())
    return _task((given, row, 0), key, given.phonon, len(given.forces) + 2)


def _crystal_task(crystal: Crystal, most: int, cells: int) -> Task:
    """Return the task of a crystal; raise `InputError` where it is too much."""
    phonon = build_phonon(crystal.atoms, most)
    count = len(displace(phonon, STEPS[0]))
    if count > cells:
        raise InputError(f"{count} displacements by symmetry; {cells} at most")
    row = CrystalPhonons(
        crystal.name,
        formula=crystal.formula,
        source=crystal.source,
        fingerprint=crystal.fingerprint,
    )
    key = (crystal.name, crystal.source, crystal.fingerprint, most)
    relaxing = RELAXING * len(crystal.atoms) / len(phonon.supercell)
    return _task((crystal, row, most), key, phonon, 2 * count + 2, relaxing)


def _task(subject: Any, key: Any, phonon: Any, images: int, more: float = 0.0) -> Task:
    rest = to_atoms(phonon.supercell)
    seconds = 1e-5 * len(phonon.primitive) ** 3 + 1.0  # of meshes and symmetry
    batch = max(min(images, 400 // len(rest)), 1)
    return Task(subject[1].name, subject, key, rest, images + more, batch, seconds, steps=images)
