"""The check of vacancies: which crystals, what each costs, the questions and their limits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from ase import Atoms
from ase.calculators.calculator import BaseCalculator

from ...check import Context, Skip, Task
from ...criterion import OWN_CONVENTION, Criterion, Reading
from ...drawing.tables import Column, number, some
from ...references.datasets import get_dataset
from ...references.metals import UNCERTAINTY, VACANCIES, KnownVacancy, known_vacancies
from ...system import Settings, System
from .. import crystals
from ..barriers import ENERGY_LIMITS, compare_energy
from .hops import CALLS, Hop, Vacancy, find_hops, measure_hops

# The supercells of the metals, of 32 and of 64 atoms, and the hops in them, into one vacancy.
METALS: dict[str, tuple[tuple[int, ...], tuple[Hop, ...]]] = {
    "fcc": ((2, 2, 2), (Hop("", 0, 1),)),
    "hcp": ((4, 4, 2), (Hop("basal", 0, 0, (0, 1, 0)), Hop("out of plane", 1, 0, (0, 1, 0)))),
}
MOST_CRYSTALS, MOST_SPECIES = 3, 4
QUICK_METALS = 2  # and one species of one crystal


def read_formation(row: Vacancy) -> Reading | None:
    if row.formation_reference is None or row.error:
        return None
    if row.formation is None:
        return Reading(None, f"{row.unconverged} did not converge")
    return compare_energy("", row.formation, row.formation_reference, "PBE", UNCERTAINTY)


def read_hop(row: Vacancy) -> Reading | None:
    found = [
        Reading(None, _why_none(h))
        if h.barrier is None
        else compare_energy(h.name, h.barrier, h.reference, "PBE", UNCERTAINTY)
        for h in row.hops
        if h.reference is not None
    ]
    return max(found, key=lambda r: r.value or 0.0, default=None)


def _why_none(hop: Hop) -> str:
    why = "the atom half way did not converge"
    if hop.follower:
        why = f"with the atom half way another moved along, {hop.follower}: that is no hop"
    return f"{hop.name} {why}".lstrip()


def read_barrier(row: Vacancy) -> Reading:
    if row.error:
        return Reading(math.nan, row.error)
    if row.unconverged:
        return Reading(None, f"{row.unconverged} did not converge")
    found = [(h.barrier, h) for h in row.hops if h.barrier is not None]
    if not found:
        return Reading(None, _why_none(row.hops[0]))
    barrier, hop = min(found, key=lambda f: f[0])
    about = ", an intermediate half way" if hop.intermediate else ""
    text = f"{hop.name} {barrier:.2f} eV over {hop.distance:.2f} Å{about}"
    return Reading(barrier, text.lstrip())


def read_ends(row: Vacancy) -> Reading | None:
    if not row.hops:
        return None
    hop = max(row.hops, key=lambda h: h.apart)
    return Reading(1000 * hop.apart, f"{hop.name} {1000 * hop.apart:.1f} meV apart".lstrip())


CRITERIA = (
    Criterion(
        "vacancy formation energy",
        read_formation,
        good="a vacancy takes as much energy as in the reference",
        bad="a vacancy takes another energy than in the reference",
        why="the number of vacancies is exponential in this energy",
        **ENERGY_LIMITS,
    ),
    Criterion(
        "vacancy hop",
        read_hop,
        good="the barrier of a hop is the reference's",
        bad="the barrier of a hop differs from the reference's",
        why="diffusion is exponential in the barrier",
        **ENERGY_LIMITS,
    ),
    Criterion(
        "barrier of a hop",
        read_barrier,
        caution=0.001,
        fail=-0.05,
        source=f"{OWN_CONVENTION}: more than a relaxation leaves",
        good="there is a barrier between equal sites",
        bad="nothing keeps an atom on its site beside a vacancy",
        why="where there is no barrier, atoms leave their sites",
        unit="eV",
        below=True,
    ),
    Criterion(
        "equal ends",
        read_ends,
        caution=5.0,
        fail=50.0,
        source=f"{OWN_CONVENTION}: the two ends are one structure, turned or shifted",
        good="both ends of a hop have one energy",
        bad="the ends of a hop, equal by symmetry, differ in energy",
        why="of unequal ends neither barrier is right",
        unit="meV",
    ),
)


def _each(values: Sequence[float | None]) -> str:
    return ", ".join(number(x, ".2f") for x in values) or "-"


class Vacancies(crystals.CrystalCheck[Vacancy]):
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
        Column("hop\neV", lambda r: _each([h.barrier for h in r.hops])),
        Column("hop ref.", lambda r: _each([h.reference for h in r.hops])),
    )

    def tasks(self, system: System, settings: Settings) -> list[Task | Skip]:
        most, species = (1, 1) if settings.quick else (MOST_CRYSTALS, MOST_SPECIES)
        chosen, left = crystals.choose_crystals(replace(system, frames=()), most)
        found = _metals(system, settings)
        for crystal in chosen:
            found += _own(crystal, species)
        return [*found, *(s for s in left if s != crystals.NONE_GIVEN or not found)]

    def run(self, calculator: BaseCalculator, task: Task, context: Context) -> list[Vacancy]:
        crystal, repeat, hops, row = task.subject
        doubts = crystals.find_doubts(calculator, row.level_of_theory, crystal.symbols)
        row = replace(row, doubts=doubts)
        how = calculator, crystal, repeat, hops, row, context.advance
        return crystals.row_or_error(row, lambda: measure_hops(*how))


def _metals(system: System, settings: Settings) -> list[Task | Skip]:
    """Return a task for each metal with a reference, and why there is none for others."""
    elements = crystals.asked_elements(system)
    if not elements:
        return []
    if "none" in settings.reference:
        return [Skip("--reference none leaves out the vacancies of metals")]
    known = known_vacancies(elements)
    if known is None:
        return [Skip(f"vacancies of metals are not here: mlipcheck data {VACANCIES} fetches them")]
    most = QUICK_METALS if settings.quick else len(known)
    found: list[Task | Skip] = [_metal(x) for x in known[:most]]
    if unknown := [x for x in elements if x not in {k.element for k in known}]:
        found.append(Skip(f"no reference of a vacancy in {some(unknown)}: no fcc or hcp metal"))
    if left := [k.element for k in known[most:]]:
        found.append(Skip(f"--quick leaves out the vacancies of {some(left)}"))
    return found


def _metal(known: KnownVacancy) -> Task:
    repeat, hops = METALS[known.lattice]
    hops = tuple(replace(hop, reference=known.hops.get(hop.name)) for hop in hops)
    row = Vacancy(f"{known.element}-{known.lattice}", known.element, VACANCIES)
    level = get_dataset(VACANCIES).level_of_theory
    row = replace(row, level_of_theory=level, formation_reference=known.formation)
    return _task(known.crystal, repeat, hops, row)


def _own(crystal: crystals.Crystal, most: int) -> list[Task | Skip]:
    """Return a task for each species of a user's crystal, and why there is none for others."""
    repeat = crystals.count_repeats(crystal.atoms)
    n, most_atoms = len(crystal.atoms) * math.prod(repeat), crystals.MOST_ATOMS
    if n > most_atoms:
        why = f"{n} atoms in a supercell of {crystals.HEIGHT:g} Å, {most_atoms} at most"
        return [Skip(f"no hops in {crystal.name}: {why}")]
    hops, why_not = find_hops(crystal.atoms)
    why_not += [f"{x}: {most} species are tried at most" for x in list(hops)[most:]]
    facts = crystal.formula, crystal.source, crystal.fingerprint
    found: list[Task | Skip] = [
        _task(crystal.atoms, repeat, [hop], Vacancy(f"{symbol} in {crystal.name}", *facts))
        for symbol, hop in list(hops.items())[:most]
    ]
    if why_not:
        found.append(Skip(f"hops left out in {crystal.name}, {'; '.join(why_not)}"))
    return found


def _task(crystal: Atoms, repeat: Sequence[int], hops: Sequence[Hop], row: Vacancy) -> Task:
    crystal = Atoms(crystal.numbers, crystal.positions, cell=crystal.cell, pbc=True)
    key = (row, crystal.numbers, crystal.positions, crystal.cell[:], repeat, hops)
    cost = crystal.repeat(repeat), 1 + CALLS + (CALLS + 2) * len(hops)
    return Task(row.name, (crystal, repeat, hops, row), key, *cost, steps=1 + len(hops))
