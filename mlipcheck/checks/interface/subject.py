"""What the interface tests are tried on: a calculator, and structures that it answers for."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator, InputError
from ase.data import atomic_numbers, covalent_radii
from ase.outputs import all_outputs

from ...calculators.base import FAILURES, Evaluation, stays_here
from ...calculators.evaluate import describe_error, evaluate
from ...calculators.registry import describe
from .precision import PRECISIONS, NotApplicable, Precision

# Asked in this order until two are known; common, and covered by most models.
CANDIDATES = ("Si", "O", "Cu", "H", "Al", "C", "N", "Ni", "Fe", "Na", "Cl", "Au", "Ar")
# A force below this (eV/Å) would make every comparison of forces vacuous: the atoms are put
# closer until it is reached, or this many times.
NOTICEABLE = 0.05
SHRINKS, SHRINK = 8, 0.85
# A generic strain: no component of the stress vanishes by symmetry, no cell vector is special.
STRAIN = np.array([[0.02, 0.015, -0.01], [0.0, -0.03, 0.02], [0.0, 0.0, 0.01]])
NUDGE = 0.05  # Å; no energy stays what it was
TINY, STEPS = 1e-6, 8  # Å; over these, whatever is smooth has no third difference


class CalculatorError(Exception):
    """What a calculator raised, which is its ``__cause__``, or should have raised."""


@contextlib.contextmanager
def calling() -> Iterator[None]:
    """Turn what a calculator raises into a `CalculatorError`: all else is mlipcheck's own."""
    try:
        yield
    except FAILURES as error:
        raise CalculatorError(describe_error(error)) from error


@dataclass(frozen=True, eq=False)
class Subject:
    """A calculator, the precision of its numbers, and structures that it answers for.

    ``sample`` has four atoms of one or two elements, rattled, in a strained cell that is periodic
    in three directions; where the calculator takes no such thing, in vacuum. ``bond`` (Å) is about
    the distance of neighbours in it. ``problems`` has each declared property that it does not
    deliver there, with what comes instead; ``noise`` (eV) is that of its energies, if measured.
    """

    calculator: BaseCalculator
    sample: Atoms
    elements: tuple[str, ...]
    bond: float
    problems: Mapping[str, str] = field(default_factory=dict)
    precision: Precision = PRECISIONS[0]
    noise: float = 0.0

    @property
    def periodic(self) -> bool:
        return bool(self.sample.pbc.all())

    def properties(self, *names: str) -> tuple[str, ...]:
        """Return those of ``names`` that are declared, and delivered for the sample."""
        known = set(self.calculator.implemented_properties) - self.problems.keys()
        return tuple(n for n in names if n in known and (n != "stress" or self.periodic))

    def require(self, *names: str) -> None:
        """Raise `NotApplicable` for the first of ``names`` that is not delivered."""
        for name in names:
            if not self.properties(name):
                raise NotApplicable(f"{name} not delivered")

    def get(self, atoms: Atoms, name: str) -> Any:
        """Return a property through ``atoms.calc``, as a user of ASE asks for it."""
        image = atoms.copy()
        image.calc = self.calculator
        with calling():
            return self.calculator.get_property(name, image)

    def ask(self, images: Sequence[Atoms], *properties: str) -> list[Evaluation]:
        """Evaluate one by one; `CalculatorError` where one fails."""
        return [Evaluation(**{n: self.get(atoms, n) for n in properties}) for atoms in images]

    def reset(self) -> None:
        """Make it forget what it has computed, where it can."""
        if hasattr(self.calculator, "reset"):
            with calling():
                self.calculator.reset()


def moved(atoms: Atoms, shift: np.ndarray) -> Atoms:
    """Return a copy with its atoms moved by ``shift`` (Å)."""
    image: Atoms = atoms.copy()
    image.positions += shift
    return image


def nudged(atoms: Atoms, seed: int = 3) -> Atoms:
    """Return a copy with every atom moved a little."""
    image: Atoms = atoms.copy()
    image.rattle(NUDGE, seed=seed)
    return image


@stays_here()
def choose_subject(
    calculator: BaseCalculator, elements: Sequence[str] | None, dtype: str | None
) -> Subject:
    """Find elements and a structure that the calculator answers for.

    Raises
    ------
    InputError
        Where it answers for none, with what it said last.
    """
    if unknown := [x for x in elements or () if atomic_numbers.get(x, 0) < 1]:
        raise InputError(f"{unknown[0]!r} is not an element")
    if dtype not in (None, "float32", "float64"):
        raise InputError(f"dtype is {dtype!r}; give float32 or float64")
    info = describe(calculator)
    known: list[str] = []
    error = ""
    for symbol in elements or CANDIDATES:
        crystal = strained_crystal((symbol,), info.bond_scale or bond_length((symbol,)))
        found = answer(calculator, crystal)
        if found.error is None:
            known.append(symbol)
        error = found.error or error
        if len(known) == 2 or (elements and error):
            break
    if not known or (elements and error):
        asked = f"; name elements that it knows ({', '.join(CANDIDATES)} were tried)"
        raise InputError(f"{info.spec} cannot be judged: {error}{'' if elements else asked}")
    pair = tuple(known[:2])
    bond = info.bond_scale or bond_length(pair)
    tried: list[tuple[float, float, Atoms, Evaluation]] = []
    for _ in range(SHRINKS):
        sample = strained_crystal(pair, bond)
        found = answer(calculator, sample)
        size = 0.0 if found.forces is None else float(np.abs(found.forces).max())
        tried.append((size, bond, sample, found))
        if size > NOTICEABLE or found.forces is None:
            break
        bond *= SHRINK
    _, bond, sample, reference = max(tried, key=lambda t: t[0])
    if reference.error is not None:
        raise InputError(f"{info.spec} cannot be judged: {reference.error}")
    subject = Subject(calculator, sample, pair, bond)
    problems = {name: _problem(subject, name) for name in calculator.implemented_properties}
    subject = replace(subject, problems={name: text for name, text in problems.items() if text})
    own = dtype or str(getattr(calculator, "dtype", ""))
    if "float" in own:
        known_type = next((p for p in PRECISIONS if p.kind in own), PRECISIONS[0])
        return replace(subject, precision=known_type)
    try:
        return _measured(subject)
    except CalculatorError:  # the tests will say so
        return subject


def answer(
    calculator: BaseCalculator, atoms: Atoms, properties: Sequence[str] = ("energy", "forces")
) -> Evaluation:
    """Return the evaluation of a crystal; one that is refused is tried again without its cell."""
    (found,) = evaluate(calculator, [atoms], properties=properties)
    if found.error is None:
        return found
    (in_vacuum,) = evaluate(calculator, [Atoms(atoms.numbers, atoms.positions)])
    if in_vacuum.error is not None:
        return found  # what it said of the crystal is the reason to show
    atoms.pbc, atoms.cell = False, None
    return in_vacuum


def _problem(subject: Subject, name: str) -> str:
    """Return what is wrong with a declared property of the sample, if anything."""
    # of a property of its own ASE says nothing
    if name not in all_outputs or (name == "stress" and not subject.periodic):
        return ""
    shape = tuple(len(subject.sample) if n == "natoms" else n for n in all_outputs[name].shapespec)
    try:
        value = subject.get(subject.sample, name)
    except CalculatorError as error:
        return f"raises {type(error.__cause__).__name__}"
    if value is None or (shape and not isinstance(value, np.ndarray)):
        return f"comes as {'None' if value is None else type(value).__name__}"
    if np.shape(value) != shape:
        return f"has the shape {np.shape(value)}, in ASE {shape}"
    numeric = np.asarray(value).dtype.kind in "fiu"
    return "" if numeric and np.isfinite(value).all() else "is not finite"


def _measured(subject: Subject) -> Subject:
    """Return the subject with the precision that its noise shows.

    A float32 model may come in float64 arrays, as from ASE's `SumCalculator`. Rounding and
    convergence leave third differences along a line of tiny steps, and a calculator that starts
    from its last solution gives other numbers after other structures, and not after a reset.
    """
    sample = subject.sample
    if len(subject.properties("energy", "forces")) < 2:
        return subject

    def ask(atoms: Atoms) -> list[float]:
        energy, forces = (subject.get(atoms, name) for name in ("energy", "forces"))
        return [energy / len(sample), *np.ravel(forces)]

    direction = np.random.default_rng(7).normal(size=(len(sample), 3))
    images = [moved(sample, k * TINY * direction) for k in range(STEPS)]
    subject.reset()
    rows = np.array([ask(atoms) for atoms in (*images, nudged(sample), sample)], float)
    subject.reset()
    from_scratch = np.array(ask(sample))
    size = np.maximum(np.abs(rows[0]), 1.0)
    size[1:] = size[1:].max()
    third = np.abs(np.diff(rows[:STEPS], 3, axis=0)) / np.sqrt(1 + 9 + 9 + 1)
    # the median, since a step of the potential is no noise
    noise = np.maximum(np.median(third, axis=0), np.abs(rows[-1] - rows[0])) / size
    repeats = np.abs((from_scratch - rows[0]) / size).max() < noise.max() / 100
    for precision in PRECISIONS:
        if noise.max() <= precision.noise and (precision.kind != "self-consistent" or repeats):
            of_energy = float(noise[0] * size[0] * len(sample))
            return replace(subject, precision=precision, noise=of_energy)
    return subject


def bond_length(elements: Sequence[str]) -> float:
    """Return the sum of two covalent radii (Å), the largest among the elements."""
    radii = [covalent_radii[atomic_numbers[x]] for x in elements]
    return float(max(a + b for a, b in combinations_with_replacement(radii, 2)))


def strained_crystal(elements: Sequence[str], bond: float) -> Atoms:
    """Return four atoms in a face-centred cell, strained and rattled, some outside the cell."""
    numbers = [atomic_numbers[elements[k % len(elements)]] for k in (0, 0, 1, 0)]
    a = bond * np.sqrt(2)
    places = np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
    atoms = Atoms(numbers, scaled_positions=places, cell=a * (np.eye(3) + STRAIN), pbc=True)
    return moved(atoms, np.random.default_rng(1).uniform(-1, 1, (4, 3)) * 0.05 * bond)
