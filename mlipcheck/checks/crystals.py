"""What several checks share about crystals: which to take, at rest, as evidence for what."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
from ase import Atoms
from ase.build import make_supercell
from ase.calculators.calculator import BaseCalculator, InputError

from ..analysis.structures import empty_directions
from ..calculators.base import FAILURES, Evaluation
from ..calculators.evaluate import Progress, describe_error, evaluate
from ..calculators.registry import describe
from ..check import Check, Skip, Task
from ..criterion import Evidence
from ..drawing.tables import Column, some
from ..references.doubts import Doubt
from ..references.inputs import COLLECTIONS, DATA_SETS
from ..references.level_of_theory import level_doubt
from ..references.metals import ELEMENTS as STRAINED
from ..references.structures import RelaxedReference, from_atoms
from ..storage import Record
from ..system import System
from ..uses import ELEMENTS, MOLECULAR, OWN, PUBLIC, TOY
from .relaxation.geometry import find_bonds, find_units
from .relaxation.optimize import run_optimizer

Row = TypeVar("Row")

# As crystals these are molecules or atoms that dispersion holds together.
HALOGENS, NOBLE_GASES = ["F", "Cl", "Br", "I"], ["He", "Ne", "Ar", "Kr", "Xe", "Rn"]
MOLECULAR_ELEMENTS = frozenset(["H", "N", "O", "P", "S", "Se", *HALOGENS, *NOBLE_GASES])
KNOWN_ELEMENTS = ("dcdft", "acwf-unaries", "angsten-vacancies", "metal-slabs")
SOURCES = {"exact Morse": TOY, **dict.fromkeys(KNOWN_ELEMENTS, ELEMENTS)}
SOURCES |= {f"elastic-{element}": ELEMENTS for element in STRAINED}
METHODS = (
    Column("from", lambda row: row.source or "-"),
    Column("level of theory", lambda row: row.level_of_theory or "not known"),
)


@dataclass(frozen=True, eq=False)
class CrystalRow(Record):
    """What rows about a crystal begin with: where it comes from, and its reference's doubts."""

    name: str
    formula: str = ""
    source: str = ""
    fingerprint: str = field(default="", metadata={"input": "structure"})
    level_of_theory: str | None = None
    doubts: tuple[Doubt, ...] = ()


class CrystalCheck(Check[Row]):
    """A check whose rows have source, formula, level of theory and doubts."""

    methods = METHODS

    def evidence(self, row: Any) -> Evidence:
        return Evidence(tested_on(row.source, row.formula), row.doubts)


NONE_GIVEN = Skip("no crystals of your own given")
STEPS = 200  # of a relaxation before something else is tried
HEIGHT = 7.0  # Å between a crystal's planes, at least, for an atom not to see its own images
MOST_ATOMS = 150  # of a supercell that is simulated
QUICK_ATOMS = 64


@dataclass(frozen=True, eq=False)
class Crystal:
    """A crystal that is periodic in three directions, without gaps, and where it comes from."""

    name: str
    atoms: Atoms
    source: str
    fingerprint: str

    @property
    def formula(self) -> str:
        return str(self.atoms.get_chemical_formula())


def choose_crystals(
    system: System, most: int, *, elements: bool = False
) -> tuple[list[Crystal], list[Skip]]:
    """Return crystals to try something on: the user's own, or else those of the ``elements``.

    Of each composition one: what was relaxed, else the frame with the smallest forces. Molecules,
    slabs and molecular crystals of the elements are left out, as is what is beyond ``most``.
    """
    own = [r for r in system.references if r.source not in COLLECTIONS]
    own += _quietest_frames(system)
    given = own
    if elements and not own:
        named = asked_elements(system)
        known = [r for r in system.references if tested_on(r.source, r.name) == ELEMENTS]
        given = [r for r in known if r.name in named or not named]
    whole = {r.name for r in system.references}
    found: dict[str, Crystal] = {}
    flat: list[str] = []
    again: list[str] = []
    for r in given:
        if r.relaxed is None:
            continue
        if not r.relaxed.pbc.all() or empty_directions(r.relaxed).any():
            flat.append(r.name)
            continue
        formula = str(r.relaxed.symbols.formula.reduce()[0])
        if formula in found:  # of a run's frames the quietest stands for all
            again += [r.name] if r.name in whole else []
            continue
        found[formula] = Crystal(r.name, r.relaxed, r.source, r.fingerprint)
    chosen = list(found.values())
    skips = [Skip(f"no crystals in three dimensions: {some(flat)}")] if flat else []
    if again:
        skips.append(Skip(f"one crystal of each composition; left out: {some(again)}"))
    if beyond := chosen[most:]:
        names = some([c.name for c in beyond])
        skips.append(Skip(f"{most} crystals at most; left out: {names}"))
    if not chosen and not flat:
        skips.append(NONE_GIVEN)
    return chosen[:most], skips


def asked_elements(system: System) -> list[str]:
    """Return the elements that are asked about, alone or in pairs, in alphabetical order."""
    return sorted({x for word in system.elements for x in word.split("-")})


def _quietest_frames(system: System) -> list[RelaxedReference]:
    """Return the frames of the user's own sets, those with the smallest forces first."""
    frames = [f for s in system.frames if s.name not in DATA_SETS for f in s.frames if len(f.atoms)]
    largest = [np.inf if f.forces is None else np.abs(f.forces).max(initial=0.0) for f in frames]
    order = np.argsort(largest, kind="stable")
    return [from_atoms(frames[k].atoms, frames[k].name) for k in order]


def row_or_error(row: Row, compute: Callable[[], Row]) -> list[Row]:
    """Return what is computed; where that fails, the ``row`` with its error."""
    try:
        return [compute()]
    except FAILURES as error:  # kept and shown as this crystal's result
        return [replace(row, error=describe_error(error))]  # type: ignore[type-var]


def find_doubts(
    calculator: BaseCalculator, level: str | None, elements: Iterable[str]
) -> tuple[Doubt, ...]:
    """Return the doubt that a reference of another level of theory than the model's casts."""
    doubt = level_doubt(level, describe(calculator).level_of_theory, [set(elements)])
    return (doubt,) if doubt else ()


def find_energies(calculator: BaseCalculator, images: Sequence[Atoms]) -> list[float]:
    """Return the energies (eV) of all images; raise `InputError` with what is wrong with one."""
    return _need("energy", evaluate(calculator, images, properties=("energy",)))


def find_forces(
    calculator: BaseCalculator, images: Sequence[Atoms], progress: Progress | None = None
) -> list[np.ndarray]:
    """Return the forces (eV/Å) on all images; raise `InputError` with what is wrong with one."""
    return _need("forces", evaluate(calculator, images, progress=progress))


def _need(what: str, found: Sequence[Evaluation]) -> list[Any]:
    for one in found:
        if getattr(one, what) is None:
            raise InputError(one.error or f"the calculator has no {what}")
    return [getattr(one, what) for one in found]


def bring_to_rest(
    calculator: BaseCalculator, atoms: Atoms, fmax: float, *, cell: bool = False
) -> Atoms:
    """Return the structure relaxed with the model, without calculator and constraints.

    The ``cell`` is relaxed, too, by a calculator that has stresses.

    Raises
    ------
    InputError
        Where it is not at rest after 200 steps, with the force that is left, or runs away.
    """
    cell = cell and "stress" in calculator.implemented_properties
    moved = atoms.copy()
    moved.set_constraint()
    (forces,) = find_forces(calculator, [moved])
    if not cell and np.linalg.norm(forces, axis=1).max() <= fmax:
        return moved
    moved.calc = calculator
    at_rest = run_optimizer(moved, atoms, [cell] * 6, "BFGS", fmax, STEPS)["converged"]
    left = float(np.linalg.norm(moved.get_forces(), axis=1).max())
    moved.calc = None
    if not at_rest:
        raise InputError(f"not at rest after {STEPS} steps: forces of {left:.2g} eV/Å are left")
    return moved


def spans_space(atoms: Atoms) -> bool:
    """Tell whether bonds hold a crystal together in three dimensions: no molecules or layers."""
    bonds = find_bonds(atoms)
    _, dimensions = find_units(bonds, len(atoms), np.ones(len(bonds.indices), bool))
    return bool((dimensions == 3).any())


def count_repeats(atoms: Atoms) -> tuple[int, ...]:
    """Return how often to repeat a crystal for periodic heights of 7 Å or more; vacuum is not."""
    heights = 1 / atoms.cell.complete().reciprocal().lengths()
    counts = np.where(empty_directions(atoms), 1, np.ceil(HEIGHT / heights - 1e-9)).astype(int)
    return tuple(counts.tolist())


def build_supercell(atoms: Atoms, most: int | None = None) -> Atoms:
    """Repeat a crystal as `count_repeats`; it stays as it is where that has over ``most`` atoms."""
    repeats = count_repeats(atoms)
    if most is not None and math.prod(repeats) * len(atoms) > most:
        return atoms.copy()
    return make_supercell(atoms, np.diag(repeats), wrap=False)


def tested_on(source: str, formula: str) -> str:
    """Return what kind of evidence a crystal is: one of `mlipcheck.uses.TESTED_ON`."""
    found = SOURCES.get(source, PUBLIC if source in COLLECTIONS else OWN)
    molecular = formula.rstrip("0123456789") in MOLECULAR_ELEMENTS
    return MOLECULAR if found == ELEMENTS and molecular else found


def keep_few(tasks: Sequence[Task], most: int, most_atoms: int, what: str) -> list[Task | Skip]:
    """Return the first tasks that have at most so many atoms together, and how many are left."""
    kept: list[Task | Skip] = []
    room = most_atoms
    for task in tasks:
        atoms = len(task.atoms or ())
        if atoms <= room and len(kept) < most:
            kept.append(task)
            room -= atoms
    if left := len(tasks) - len(kept):
        why = f"--quick leaves out {left} of {len(tasks)} {what}: it takes {most_atoms} atoms"
        kept.append(Skip(f"{why} at most"))
    return kept
