"""The check of phonons: which files and crystals, at what cost, and the table of them."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from ase.calculators.calculator import BaseCalculator, InputError

from ...check import Check, Context, Skip, Task
from ...criterion import Evidence
from ...drawing.colours import REFERENCE
from ...drawing.tables import Column, Paragraph, number
from ...record import Model
from ...references.phonons import INSTALL, PhononReference, quiet, to_atoms
from ...system import Settings, System
from ..crystals import METHODS, Crystal, bring_to_rest, choose_crystals, row_or_error
from .frequencies import build_phonon, displace, displace_twice, follow_file
from .record import CRITERIA, HEIGHT, STEPS, CrystalPhonons

if TYPE_CHECKING:
    from ...drawing.panel import Panel

# Files, crystals without one, atoms in a supercell, displaced cells of one step.
BOUNDS, QUICK = (4, 2, 200, 60), (1, 1, 100, 20)
AT_REST = 0.01  # eV/Å that a relaxed crystal has at most; what is left is taken off
RELAXING = 15  # evaluations of the unit cell, about


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
    methods = METHODS[:1]  # phonopy files do not name their functional

    def tasks(self, system: System, settings: Settings) -> list[Task | Skip]:
        if importlib.util.find_spec("phonopy") is None:
            return [Skip(INSTALL)]
        files, crystals, atoms, cells = QUICK if settings.quick else BOUNDS
        given, known = system.phonons, {p.source for p in system.phonons}
        tasks = [_task(p, p.phonon, len(p.forces)) for p in given[:files]]
        skips = [Skip(f"{files} phonopy files at most; left out: {p.name}") for p in given[files:]]
        references = tuple(r for r in system.references if r.source not in known)
        if not given or references or system.frames:
            chosen, why = choose_crystals(replace(system, references=references), crystals)
            skips += why
            for crystal in chosen:
                try:
                    phonon = build_phonon(crystal.atoms, atoms)
                    count = len(displace(phonon, STEPS[0]))
                    if count > cells:
                        raise InputError(f"{count} displacements by symmetry; {cells} at most")
                except InputError as error:
                    skips.append(Skip(f"{crystal.name}: {error}"))
                else:
                    tasks.append(_task(crystal, phonon, 2 * count, atoms))
        return [*tasks, *skips]

    def run(self, calculator: BaseCalculator, task: Task, context: Context) -> list[CrystalPhonons]:
        subject, row, most = task.subject

        def measure() -> CrystalPhonons:
            if isinstance(subject, PhononReference):
                return replace(row, **follow_file(calculator, subject, context.advance))
            with quiet():  # of errors of 1e-13 in the logarithm of a strain
                relaxed = bring_to_rest(calculator, subject.atoms, AT_REST, cell=True)
            phonon = build_phonon(relaxed, most)
            return replace(row, **displace_twice(calculator, phonon, context.advance))

        return [row] if row.error else row_or_error(row, measure)

    def evidence(self, row: CrystalPhonons) -> Evidence:
        return Evidence(doubts=row.doubts)

    def remarks(self, rows: Sequence[CrystalPhonons]) -> list[Paragraph]:
        low = [f"{r.name}: {r.height:.1f} Å" for r in rows if (r.height or HEIGHT) < HEIGHT]
        small = f"Supercells below {HEIGHT:g} Å cut forces off: {', '.join(low)}. " if low else ""
        about = "Frequencies are without the splitting of LO and TO; negative ones are imaginary. "
        about += "Crystals are relaxed first, the cell only where the calculator has stresses."
        return [*super().remarks(rows), Paragraph(f"{small}{about}")]

    def figures(self, models: Sequence[Model]) -> list[Panel]:
        from ..panels import draw_each

        about = "Density of vibrational states of {}; imaginary frequencies are below 0."
        axes = ("frequency (THz)", "modes per THz and atom")
        return draw_each(self, models, lambda r: r.model is not None, _draw, about, axes)


def _draw(axis: Any, good: Sequence[tuple[Model, CrystalPhonons]]) -> None:
    """Draw the densities of states of models, and of the reference dashed."""
    looks = [(r.model, {"color": m.colour, "label": m.label}) for m, r in good]
    looks.append((good[0][1].reference, {"color": REFERENCE, "ls": "--", "label": "reference"}))
    for spectrum, look in looks:
        if spectrum is not None:
            grid = np.linspace(spectrum.lowest, spectrum.highest, len(spectrum.density))
            # no modes are beyond the lowest and the highest: down to zero there
            axis.plot(np.pad(grid, 1, mode="edge"), np.pad(spectrum.density, 1), lw=1.2, **look)
    axis.set_ylim(bottom=0)


def _task(given: PhononReference | Crystal, phonon: Any, cells: int, most: int = 0) -> Task:
    """Return the task of a file, or of a crystal in at most so many atoms."""
    error = given.error if isinstance(given, PhononReference) else None
    row = CrystalPhonons(given.name, given.source, given.fingerprint, error=error)
    key = (row.name, row.source, row.fingerprint, row.error, most)
    if error:
        return Task(row.name, (given, row, most), key)
    rest, images = to_atoms(phonon.supercell), cells + 2
    relaxing = RELAXING * len(given.atoms) / len(rest) if isinstance(given, Crystal) else 0.0
    seconds = 0.4 + 1e-5 * len(phonon.primitive) ** 3  # of symmetry and meshes
    cost = (rest, images + relaxing, max(min(images, 400 // len(rest)), 1), seconds, images)
    return Task(row.name, (given, row, most), key, *cost)
