"""The check of vacancies: which crystals, what each costs, and how they are tabled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
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
from ...references.files import COLLECTIONS
from ...references.level_of_theory import level_doubt
from ...references.structures import RelaxedReference
from ...references.vacancies import DATASET, UNCERTAINTY, KnownVacancy, known_vacancies
from ...system import Settings, System
from ..crystals import METHODS, tested_on
from .criteria import CRITERIA
from .hops import IONS, evaluations, move_into_vacancy
from .paths import find_paths, supercell
from .record import Path, Vacancy

if TYPE_CHECKING:
    from ...drawing.panel import Panel

# The supercells of the metals, and the ways in them: of 32 and of 64 atoms.
METALS = {
    "fcc": ((2, 2, 2), {"": Path("", 0, 1)}),
    "hcp": (
        (4, 4, 2),
        {
            "basal": Path("basal", 0, 0, (1, 0, 0)),
            "out of plane": Path("out of plane", 0, 1),
        },
    ),
}
LEAST_HEIGHT, MOST_ATOMS = 7.0, 150  # Å and atoms of the supercell of a user's crystal
MOST_CRYSTALS, MOST_SPECIES = 3, 4
QUICK_METALS, QUICK_CRYSTALS, QUICK_SPECIES = 2, 1, 1


def _barriers(row: Vacancy) -> str:
    return ", ".join(f"{h.name} {number(h.barrier, '.2f')}".lstrip() for h in row.hops) or "-"


def _references(row: Vacancy) -> str:
    return ", ".join(number(h.reference, ".2f") for h in row.hops if h.reference) or "-"


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
        Column("hop\neV", _barriers),
        Column("hop ref.", _references),
        Column("ends apart\nmeV", lambda r: _worst([1000 * abs(h.energies[-1]) for h in r.hops])),
        Column("energy / work\n%", lambda r: _worst([100 * (h.mismatch or 0) for h in r.hops])),
    )
    methods = METHODS

    def tasks(self, system: System, settings: Settings) -> list[Task | Skip]:
        found: list[Task | Skip] = [*self._metals(system, settings)]
        own = [r for r in system.references if r.source not in COLLECTIONS and r.relaxed]
        solid = [r for r in own if not empty_directions(r.relaxed).any()]
        if flat := [r.name for r in own if r not in solid]:
            found.append(Skip(f"vacancies need a crystal in three dimensions: not {some(flat)}"))
        most = QUICK_CRYSTALS if settings.quick else MOST_CRYSTALS
        for reference in solid[:most]:
            found += _hops(reference, QUICK_SPECIES if settings.quick else MOST_SPECIES)
        if left := [r.name for r in solid[most:]]:
            found.append(Skip(f"hops in {most} of your crystals, not in {some(left)}"))
        return found or [Skip("no crystals given")]

    def _metals(self, system: System, settings: Settings) -> list[Task | Skip]:
        elements = sorted({x for word in system.elements for x in word.split("-")})
        if not elements:
            return []
        if "none" in settings.reference:
            return [Skip("--reference none leaves out the vacancies of metals")]
        known = known_vacancies(elements)
        if known is None:
            return [
                Skip(f"vacancies of metals are not here: mlipcheck data {DATASET} fetches them")
            ]
        most = QUICK_METALS if settings.quick else len(known)
        found: list[Task | Skip] = [_metal(x) for x in known[:most]]
        if unknown := [x for x in elements if x not in {k.element for k in known}]:
            found.append(Skip(f"no vacancy is known of {some(unknown)}: only fcc and hcp metals'"))
        if left := [k.element for k in known[most:]]:
            found.append(Skip(f"--quick leaves out the vacancies of {some(left)}"))
        return found

    def run(self, calculator: BaseCalculator, task: Task, context: Context) -> list[Vacancy]:
        crystal, repeat, paths, row, hops = task.subject
        try:
            levels = row.level_of_theory, describe(calculator).level_of_theory
            if row.formation_reference is not None:
                doubt = level_doubt(*levels, [set(crystal.symbols)])
                row = replace(row, doubts=(doubt,) if doubt else ())
            row = move_into_vacancy(calculator, crystal, repeat, paths, row, task.key, context)
            known = [replace(h, reference=hops.get(h.name)) for h in row.hops]
            return [replace(row, hops=tuple(known))]
        except FAILURES as error:  # kept and shown as this crystal's result
            return [replace(row, error=describe_error(error))]

    def evidence(self, row: Vacancy) -> Evidence:
        return Evidence(tested_on(row.source, row.formula), row.doubts)

    def remarks(self, rows: Sequence[Vacancy]) -> list[Paragraph]:
        how = (
            f"Crystals are relaxed, then ions at fixed cells to {IONS.fmax:g} eV/Å; half way, the "
            "moving atom stays in the plane across its path. Ends and work are of straight ways in "
            "a rigid crystal."
        )
        return [*super().remarks(rows), Paragraph(how)]

    def figures(self, models: Sequence[Model]) -> list[Panel]:
        from .figures import draw_panels

        return draw_panels(models)


def _worst(values: Sequence[float]) -> str:
    return number(max(values, default=None), ".1f")


def _metal(known: KnownVacancy) -> Task:
    """Return the task of a metal with a reference."""
    repeat, ways = METALS[known.lattice]
    row = Vacancy(
        name=f"{known.element}-{known.lattice}",
        formula=known.element,
        source=DATASET,
        level_of_theory=get_dataset(DATASET).level_of_theory,
        formation_reference=known.formation,
        uncertainty=UNCERTAINTY,
    )
    paths = [ways[name] for name in known.hops] or list(ways.values())
    return _task(known.crystal, repeat, paths, row, known.hops)


def _hops(reference: RelaxedReference, most: int) -> list[Task | Skip]:
    """Return a task for each species of a user's crystal, and why there is none for others."""
    atoms = reference.relaxed
    assert atoms is not None
    repeat = supercell(atoms, LEAST_HEIGHT)
    n = len(atoms) * int(np.prod(repeat))
    if n > MOST_ATOMS:
        why = f"{n} atoms in a supercell of {LEAST_HEIGHT:g} Å, {MOST_ATOMS} at most"
        return [Skip(f"no hops in {reference.name}: {why}")]
    paths, why_not = find_paths(atoms)
    found: list[Task | Skip] = []
    for symbol, path in list(paths.items())[:most]:
        row = Vacancy(
            name=f"{symbol} in {reference.name}",
            formula=atoms.get_chemical_formula(),
            source=reference.source,
            fingerprint=reference.fingerprint,
            level_of_theory=reference.level_of_theory,
        )
        found.append(_task(atoms, repeat, [path], row, {}))
    why_not += [f"{symbol}: beyond the {most} that are tried" for symbol in list(paths)[most:]]
    return [*found, *(Skip(f"no hop in {reference.name}, {why}") for why in why_not)]


def _task(crystal, repeat, paths: Sequence[Path], row: Vacancy, hops: dict[str, float]) -> Task:  # type: ignore[no-untyped-def]
    crystal = crystal.copy()
    crystal.set_constraint()
    key = (row, crystal.numbers, crystal.positions, crystal.cell[:], repeat, paths, hops)
    large = crystal.repeat(repeat)
    subject = (crystal, repeat, paths, row, hops)
    return Task(row.name, subject, key, large, evaluations(paths), steps=1 + len(paths))
