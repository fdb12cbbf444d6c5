"""What the contract is tried on: a calculator, and structures that it can be tried with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator, InputError
from ase.data import atomic_numbers, covalent_radii

from ...calculators.evaluate import evaluate, floating_type
from ...calculators.records import Evaluation
from ...calculators.registry import describe

# Asked in this order until two are known; common, and covered by most models.
CANDIDATES = ("Si", "O", "Cu", "H", "Al", "C", "N", "Ni", "Fe", "Na", "Cl", "Au", "Ar")
# A force below this (eV/Å) would make every comparison of forces vacuous: the atoms are put
# closer until it is reached, or this many times.
NOTICEABLE = 0.05
SHRINKS, SHRINK = 8, 0.85
# A generic strain: no component of the stress vanishes by symmetry, no cell vector is special.
STRAIN = np.array([[0.02, 0.015, -0.01], [0.0, -0.03, 0.02], [0.0, 0.0, 0.01]])


@dataclass(frozen=True)
class Precision:
    """What can be asked of numbers in one floating-point type.

    Attributes
    ----------
    kind : str
        The type.
    energy, forces : float
        How closely two ways to the same number agree: relative, and absolute in eV an atom and
        eV/Å.
    step : float
        Displacement in Å, or strain, of central differences: smaller ones drown in rounding,
        larger ones in the curvature of a rough model.
    derivative : float
        How closely a derivative agrees, relative to its size.
    """

    kind: str
    energy: float
    forces: float
    step: float
    derivative: float


PRECISIONS = {
    "float32": Precision("float32", energy=1e-5, forces=1e-4, step=5e-3, derivative=1e-2),
    "float64": Precision("float64", energy=1e-9, forces=1e-9, step=1e-4, derivative=1e-5),
}


@dataclass(frozen=True, eq=False)
class Subject:
    """A calculator, its precision, and structures that it answers for.

    ``sample`` has four atoms of one or two elements, rattled, in a strained cell that is periodic
    in three directions; where the calculator takes no such thing, in vacuum. ``bond`` (Å) is about
    the distance of neighbours in it.
    """

    calculator: BaseCalculator
    precision: Precision
    sample: Atoms
    elements: tuple[str, ...]
    bond: float

    def properties(self, *names: str) -> tuple[str, ...]:
        """Return those of ``names`` that the calculator declares and the sample can have."""
        return tuple(
            name
            for name in names
            if name in self.calculator.implemented_properties
            and (name != "stress" or self.sample.pbc.all())
        )

    def ask(self, images: Sequence[Atoms], *properties: str) -> list[Evaluation]:
        """Evaluate one by one, as a user of ASE does; `AssertionError` where one fails."""
        return [self._ask_one(atoms, properties) for atoms in images]

    def _ask_one(self, atoms: Atoms, properties: Sequence[str]) -> Evaluation:
        found = {name: ask_ase(self.calculator, atoms, name) for name in properties}
        return Evaluation(**found)


def ask_ase(calculator: BaseCalculator, atoms: Atoms, name: str) -> Any:
    """Return a property through ``atoms.calc``, as a user of ASE asks for it."""
    image = atoms.copy()
    image.calc = calculator
    return calculator.get_property(name, image)


def choose_subject(
    calculator: BaseCalculator, elements: Sequence[str] | None, dtype: str | None
) -> Subject:
    """Find elements and a structure that the calculator answers for.

    Raises
    ------
    InputError
        Where it answers for none, with what it said last.
    """
    unknown = [x for x in elements or () if atomic_numbers.get(x, 0) < 1]
    if unknown:
        raise InputError(f"{unknown[0]!r} is no element")
    if dtype not in (None, *PRECISIONS):
        raise InputError(f"dtype is {dtype!r}; give {' or '.join(PRECISIONS)}")
    scale = describe(calculator).bond_scale
    known: list[str] = []
    error = ""
    for symbol in elements or CANDIDATES:
        found = _answer(calculator, strained_crystal((symbol,), bond_length((symbol,), scale)))
        if found.error is None:
            known.append(symbol)
        error = found.error or error
        if len(known) == 2 or (elements and error):
            break
    if not known or (elements and error):
        asked = f"; name elements that it knows ({', '.join(CANDIDATES)} were tried)"
        raise InputError(
            f"{describe(calculator).spec} cannot be judged: {error}{'' if elements else asked}"
        )
    pair = tuple(known[:2])
    bond = bond_length(pair, scale)
    tried: list[tuple[float, float, Atoms, Evaluation]] = []
    for _ in range(SHRINKS):
        sample = strained_crystal(pair, bond)
        found = _answer(calculator, sample)
        size = 0.0 if found.forces is None else float(np.abs(found.forces).max())
        tried.append((size, bond, sample, found))
        if size > NOTICEABLE or found.forces is None:
            break
        bond *= SHRINK
    _, bond, sample, reference = max(tried, key=lambda t: t[0])
    if reference.error is not None:
        raise InputError(f"{describe(calculator).spec} cannot be judged: {reference.error}")
    return Subject(
        calculator=calculator,
        precision=PRECISIONS[dtype or floating_type(calculator, [reference])],
        sample=sample,
        elements=pair,
        bond=bond,
    )


def _answer(calculator: BaseCalculator, atoms: Atoms) -> Evaluation:
    """Return the evaluation of a crystal; in vacuum, where the calculator takes no crystal."""
    (found,) = evaluate(calculator, [atoms])
    if found.error is None:
        return found
    free = Atoms(atoms.numbers, atoms.positions)
    (in_vacuum,) = evaluate(calculator, [free])
    if in_vacuum.error is not None:
        return found  # what it said of the crystal is the reason to show
    atoms.pbc, atoms.cell = False, None
    return in_vacuum


def bond_length(elements: Sequence[str], scale: float | None) -> float:
    """Return the sum of two covalent radii (Å), the largest among the elements."""
    if scale is not None:
        return scale
    radii = [covalent_radii[atomic_numbers[x]] for x in elements]
    return float(max(a + b for a, b in combinations_with_replacement(radii, 2)))


def strained_crystal(elements: Sequence[str], bond: float) -> Atoms:
    """Return four atoms in a face-centred cell, strained and rattled, some outside the cell."""
    numbers = [atomic_numbers[elements[k % len(elements)]] for k in (0, 0, 1, 0)]
    a = bond * np.sqrt(2)
    places = np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
    atoms = Atoms(numbers, scaled_positions=places, cell=a * (np.eye(3) + STRAIN), pbc=True)
    shifts = np.random.default_rng(1).uniform(-1, 1, (4, 3)) * 0.05 * bond
    atoms.positions += shifts
    return atoms
