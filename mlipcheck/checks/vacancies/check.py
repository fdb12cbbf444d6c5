"""The check of vacancies: which crystals, what each costs, and how they are tabled."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ase import Atoms
from ase.calculators.calculator import BaseCalculator

from ...analysis.closest import empty_directions
from ...calculators.base import FAILURES
from ...calculators.evaluate import describe_error
from ...calculators.registry import describe
from ...check import Check, Context, Skip, Task
from ...criterion import Evidence
from ...drawing.tables import Column, Paragraph, number, some
from ...record import Model
from ...references.datasets import get_dataset
from ...references.inputs import COLLECTIONS
from ...references.level_of_theory import level_doubt
from ...references.structures import RelaxedReference
from ...references.vacancies import DATASET, UNCERTAINTY, KnownVacancy, known_vacancies
from ...system import Settings, System
from ..crystals import METHODS, tested_on
from .criteria import CRITERIA
from .hops import IONS, count_evaluations, measure_hops
from .paths import find_paths, supercell
from .record import Hop, Path, Vacancy

if TYPE_CHECKING:
    from ...drawing.panel import Panel

Times = tuple[int, int, int]

# The supercells of the metals, of 32 and of 64 atoms, and the paths in them.
METALS: dict[str, tuple[Times, tuple[Path, ...]]] = {
    "fcc": ((2, 2, 2), (Path("", 0, 1),)),
    "hcp": ((4, 4, 2), (Path("basal", 0, 0, (1, 0, 0)), Path("out of plane", 0, 1))),
}
LEAST_HEIGHT, MOST_ATOMS = 7.0, 150  # Å and atoms of the supercell of a user's crystal
MOST_CRYSTALS, MOST_SPECIES = 3, 4
QUICK_METALS, QUICK_CRYSTALS, QUICK_SPECIES = 2, 1, 1


def _each(hops: Sequence[Hop], field: str) -> str:
    return ", ".join(number(getattr(h, field), ".2f") for h in hops) or "-"


def _worst(values: Sequence[float]) -> str:
    return number(max(values, default=None), ".1f")


class Vacancies(Check[Vacancy]):
    """Take an atom out of a crystal, and move a neighbour into its place."""

    name = "vacancies"
    title = "vacancies and hops"
    noun = "crystal"
    asks = "what it takes to make a vacancy, and to move an atom into it"
    row = Vacancy
    decides = ("defects",)
    hints = ("energies",)
    criteria = CRITERIA
    columns = (
        Column("atoms", lambda r: str(r.atoms or "-")),
        Column("E_f\neV", lambda r: number(r.formation, ".2f")),
        Column("E_f ref.", lambda r: number(r.formation_reference, ".2f")),
        Column("hop\neV", lambda r: _each(r.hops, "barrier")),
        Column("hop ref.", lambda r: _each(r.hops, "reference")),
        Column("ends apart\nmeV", lambda r: _worst([1000 * abs(h.energies[-1]) for h in r.hops])),
        Column("not the\nwork %", lambda r: _worst([100 * h.mismatch for h in r.hops])),
    )
    methods = METHODS

    def tasks(self, system: System, settings: Settings) -> list[Task | Skip]:
        found = _metals(system, settings)
        own = [
            (r.name, r, r.relaxed)
            for r in system.references
            if r.source not in COLLECTIONS and r.relaxed is not None
        ]
        solid = [x for x in own if not empty_directions(x[2]).any()]
        if flat := [x[0] for x in own if x not in solid]:
            found.append(Skip(f"no vacancy without a crystal in three dimensions: {some(flat)}"))
        most = QUICK_CRYSTALS if settings.quick else MOST_CRYSTALS
        for _, reference, atoms in solid[:most]:
            found += _own(reference, atoms, QUICK_SPECIES if settings.quick else MOST_SPECIES)
        if left := [x[0] for x in solid[most:]]:
            found.append(Skip(f"hops in {most} of {len(solid)} crystals, not in {some(left)}"))
        return found or [Skip("no crystals given")]

    def run(self, calculator: BaseCalculator, task: Task, context: Context) -> list[Vacancy]:
        crystal, repeat, paths, row = task.subject
        level = describe(calculator).level_of_theory
        if doubt := level_doubt(row.level_of_theory, level, [set(crystal.symbols)]):
            row = replace(row, doubts=(doubt,))
        try:
            return [measure_hops(calculator, crystal, repeat, paths, row, context.advance)]
        except FAILURES as error:  # kept and shown as this crystal's result
            return [replace(row, error=describe_error(error))]

    def evidence(self, row: Vacancy) -> Evidence:
        return Evidence(tested_on(row.source, row.formula), row.doubts)

    def remarks(self, rows: Sequence[Vacancy]) -> list[Paragraph]:
        how = (
            f"Crystals are relaxed, then ions at fixed cells to {IONS.fmax:g} eV/Å; half way, the "
            "moving atom stays in the plane normal to its path. Ends and work are those of "
            "straight paths in a rigid crystal."
        )
        return [*super().remarks(rows), Paragraph(how)]

    def figures(self, models: Sequence[Model]) -> list[Panel]:
        from .figures import draw_panels

        return draw_panels(models)


def _metals(system: System, settings: Settings) -> list[Task | Skip]:
    """Return a task for each metal with a reference, and why there is none for others."""
    elements = sorted({x for word in system.elements for x in word.split("-")})
    if not elements:
        return []
    if "none" in settings.reference:
        return [Skip("--reference none leaves out the vacancies of metals")]
    known = known_vacancies(elements)
    if known is None:
        return [Skip(f"vacancies of metals are not here: mlipcheck data {DATASET} fetches them")]
    most = QUICK_METALS if settings.quick else len(known)
    found: list[Task | Skip] = [_metal(x) for x in known[:most]]
    if unknown := [x for x in elements if x not in {k.element for k in known}]:
        found.append(Skip(f"no reference of a vacancy in {some(unknown)}: no fcc or hcp metal"))
    if left := [k.element for k in known[most:]]:
        found.append(Skip(f"--quick leaves out the vacancies of {some(left)}"))
    return found


def _metal(known: KnownVacancy) -> Task:
    repeat, ways = METALS[known.lattice]
    paths = [replace(way, reference=known.hops.get(way.name)) for way in ways]
    row = Vacancy(
        name=f"{known.element}-{known.lattice}",
        formula=known.element,
        source=DATASET,
        level_of_theory=get_dataset(DATASET).level_of_theory,
        formation_reference=known.formation,
        uncertainty=UNCERTAINTY,
    )
    return _task(known.crystal, repeat, paths, row)


def _own(reference: RelaxedReference, atoms: Atoms, most: int) -> list[Task | Skip]:
    """Return a task for each species of a user's crystal, and why there is none for others."""
    repeat = supercell(atoms, LEAST_HEIGHT)
    n = len(atoms) * math.prod(repeat)
    if n > MOST_ATOMS:
        why = f"{n} atoms in a supercell of {LEAST_HEIGHT:g} Å, {MOST_ATOMS} at most"
        return [Skip(f"no hops in {reference.name}: {why}")]
    paths, why_not = find_paths(atoms)
    why_not += [f"{x}: {most} species are tried at most" for x in list(paths)[most:]]
    found: list[Task | Skip] = []
    for symbol, path in list(paths.items())[:most]:
        row = Vacancy(
            name=f"{symbol} in {reference.name}",
            formula=atoms.get_chemical_formula(),
            source=reference.source,
            fingerprint=reference.fingerprint,
        )
        found.append(_task(atoms, repeat, [path], row))
    if why_not:
        found.append(Skip(f"hops left out in {reference.name}, {'; '.join(why_not)}"))
    return found


def _task(crystal: Atoms, repeat: Times, paths: Sequence[Path], row: Vacancy) -> Task:
    crystal = Atoms(crystal.numbers, crystal.positions, cell=crystal.cell, pbc=True)
    key = (row, crystal.numbers, crystal.positions, crystal.cell[:], repeat, paths)
    large, evaluations = crystal.repeat(repeat), count_evaluations(paths)
    subject = (crystal, repeat, paths, row)
    return Task(row.name, subject, key, large, evaluations, steps=1 + len(paths))
