"""Balanced differences: energies of reactions among a user's own labelled frames."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np
from ase.calculators.calculator import BaseCalculator, CalculatorSetupError, InputError
from ase.formula import Formula

from ..calculators.evaluate import evaluate
from ..calculators.registry import describe
from ..check import Check, Context, Skip, Task
from ..criterion import OWN_CONVENTION, Criterion, Evidence, Reading
from ..drawing.tables import Column, Paragraph, count, number
from ..references.doubts import Doubt
from ..references.frame_sets import FrameSet
from ..references.inputs import DATA_SETS
from ..references.labels import LabelledFrame
from ..references.level_of_theory import level_doubt
from ..references.mp2020 import correction
from ..references.states import DIMER, SINGLE_ATOM
from ..references.structures import AT_REST, largest_force
from ..system import Settings, System
from .crystals import METHODS
from .parity.compare import check_settings
from .parity.label_warnings import doubt_own

MAX_REACTIONS, MAX_REACTANTS, MAX_STATES = 10, 3, 24
RESOLUTION = 0.1  # eV, where nobody asks for another
OF_ONE_PHASE = 0.2  # of the energy of a defect or a surface, which grows with the cell
SAME_STATE = 0.05  # eV that two cells of one crystal may differ by
CONVENTIONS = ("raw", "mp2020")


@dataclass(frozen=True, eq=False)
class Reaction:
    """One frame made of others: ``coefficients`` of each reactant, for one of the product."""

    product: LabelledFrame
    reactants: tuple[LabelledFrame, ...]
    coefficients: tuple[Fraction, ...]
    per: int  # what its energy is divided by: how often its formula stands in the cell

    @property
    def frames(self) -> tuple[LabelledFrame, ...]:
        return (self.product, *self.reactants)

    @property
    def name(self) -> str:
        def term(c: Fraction, frame: LabelledFrame) -> str:
            return (f"{c} " if c != 1 else "") + str(frame.atoms.symbols.formula)

        made_of = map(term, self.coefficients, self.reactants)
        return f"{self.product.atoms.symbols.formula} = {' + '.join(made_of)}"

    def energy(self, energies: Sequence[float]) -> float:
        """Return the product's energy less that of what it is made of, of those of ``frames``."""
        made_of = sum(float(c) * e for c, e in zip(self.coefficients, energies[1:], strict=True))
        return (energies[0] - made_of) / self.per


@dataclass(frozen=True, eq=False)
class Balanced:
    """The energy of one reaction, eV: of its product less that of its reactants.

    ``resolution`` (eV) is what it is judged against; ``unknown`` says why it is not comparable.
    """

    name: str
    source: str = ""
    fingerprint: str = field(default="", metadata={"input": "states"})
    level_of_theory: str | None = None
    frames: tuple[str, ...] = ()
    reference: float | None = None
    model: float | None = None
    convention: str = ""
    resolution: float = RESOLUTION
    unknown: str = ""
    doubts: tuple[Doubt, ...] = ()
    error: str | None = None


def find_reactions(labels: FrameSet) -> list[Reaction]:
    """Find what balances exactly among the frames of one set, the simplest first.

    Parameters
    ----------
    labels : FrameSet
        Of each formula the frame at rest with the lowest energy counts; of what was left out,
        molecules of two atoms, and single atoms where nothing else is of their element.

    Notes
    -----
    One product of at most three reactants that are independent of each other, all with positive
    coefficients: what has another coefficient than 1 is the crystal that is lowest in energy of
    its formula. Two cells of one crystal are no reaction. Where the reactants are other phases,
    the energy is that of one formula unit; with a defect, a surface or an adsorbate, of the cell.
    """
    states = _states(labels)
    elements = sorted({x for s in states for x in s.atoms.get_chemical_symbols()})
    kinds = [_units(s)[0] for s in states]
    counts = [Counter(s.atoms.get_chemical_symbols()) for s in states]
    vectors = np.array([[c.get(x, 0) for x in elements] for c in counts], dtype=float)
    # of each formula the crystal; a slab or a defect cell is a reactant as it is, or not at all
    phases = {
        min(group, key=lambda j: (states[j].energy or 0.0) / len(states[j].atoms))
        for group in ([j for j in range(len(states)) if kinds[j] == kind] for kind in set(kinds))
    }
    found = []
    for k, product in enumerate(states):
        others = [j for j in range(len(states)) if j != k and counts[j].keys() <= counts[k].keys()]
        for n in range(1, min(MAX_REACTANTS, len(counts[k])) + 1):
            for chosen in itertools.combinations(others, n):
                balance = _balance(vectors[k], vectors[list(chosen)])
                if balance is None or any(
                    c != 1 and j not in phases for c, j in zip(balance, chosen, strict=True)
                ):
                    continue
                made_of = tuple(states[j] for j in chosen)
                one = Reaction(product, made_of, balance, _formulas(product, made_of, balance))
                if n > 1 or one.energy([f.energy or 0.0 for f in one.frames]) > SAME_STATE:
                    found.append(one)
    found.sort(key=_complexity)
    # of the cells of one phase, one
    once = {(r.product.name, *sorted(_units(f)[0] for f in r.reactants)): r for r in found[::-1]}
    return sorted(once.values(), key=_complexity)[:MAX_REACTIONS]


def _states(labels: FrameSet) -> list[LabelledFrame]:
    lowest: dict[str, LabelledFrame] = {}
    zero = Counter(f.zero for f in labels.frames if f.energy is not None).most_common(1)
    for f in (*labels.frames, *(f for f in labels.left_out if f.error in (DIMER, SINGLE_ATOM))):
        if f.energy is None or f.zero != zero[0][0] or (largest_force(f) or 0.0) > AT_REST:
            continue
        formula = f.atoms.get_chemical_formula()
        known = lowest.get(formula)
        if known is None or f.energy < (known.energy or 0.0):
            lowest[formula] = f
    single = [set(f.atoms.symbols) for f in lowest.values() if len(f.atoms) > 1]
    kept = [f for f in lowest.values() if len(f.atoms) > 1 or set(f.atoms.symbols) not in single]
    return sorted(kept, key=lambda f: len(f.atoms))[:MAX_STATES]


def _balance(product: np.ndarray, reactants: np.ndarray) -> tuple[Fraction, ...] | None:
    """Return how much of each reactant makes the product exactly; None where nothing does."""
    solved, _, rank, _ = np.linalg.lstsq(reactants.T, product, rcond=None)
    if rank < len(reactants) or solved.min() < 1e-6:
        return None
    found = tuple(Fraction(x).limit_denominator(1000) for x in solved.tolist())
    exact = np.array([float(c) for c in found]) @ reactants
    return found if np.abs(exact - product).max() < 1e-9 else None


def _formulas(
    product: LabelledFrame, reactants: Iterable[LabelledFrame], balance: Iterable[Fraction]
) -> int:
    """Return how many times the reaction stands in the cell; 1 for a defect or an adsorbate."""
    kind, n = _units(product)
    amounts = [n]
    for frame, c in zip(reactants, balance, strict=True):
        other, m = _units(frame)
        if other == kind or (c * m).denominator > 1:
            return 1
        amounts.append(int(c * m))
    return math.gcd(*amounts)


def _units(frame: LabelledFrame) -> tuple[str, int]:
    """Return the reduced formula, and how many times the cell has it."""
    formula, n = Formula(frame.atoms.get_chemical_formula()).reduce()
    return formula.format("hill"), n


def _complexity(reaction: Reaction) -> tuple[int, int]:
    """Order reactions: few simple coefficients and small cells first."""
    cost = sum(c.numerator + 2 * c.denominator for c in reaction.coefficients)
    atoms = any(len(f.atoms) == 1 for f in reaction.reactants)
    return cost + 20 * atoms, len(reaction.product.atoms)


def _read(row: Balanced) -> Reading:
    if row.error or row.model is None or row.reference is None:
        return Reading(math.nan if row.error else None, row.error or row.unknown)
    off = row.model - row.reference
    text = f"{row.model:+.2f} eV, reference {row.reference:+.2f} ({off:+.2f})"
    return Reading(abs(off) / row.resolution, text)


class BalancedDifferences(Check[Balanced]):
    """Compare energies of reactions among the user's own frames."""

    name = "balanced"
    title = "balanced differences"
    noun = "reaction"
    asks = "whether energies between your own compositions are right"
    row = Balanced
    decides = ("energies",)
    hints = ("defects",)
    criteria = (
        Criterion(
            "energy of a reaction",
            _read,
            caution=1.0,
            fail=3.0,
            unit="times the energy resolution",
            source=f"{OWN_CONVENTION}: --energy-resolution, else {RESOLUTION:g} eV, or 20 % of a "
            "defect's or a surface's energy",
            good="energies between compositions are the reference's",
            bad="energies between compositions differ from the reference's",
            why="defects, adsorption and mixing are such differences",
            rests_on=("energies",),
        ),
    )
    columns = (
        Column("model\neV", lambda r: number(r.model, "+.3f")),
        Column("reference\neV", lambda r: number(r.reference, "+.3f")),
        Column("energies", lambda r: r.convention or "-", left=True),
    )
    methods = METHODS

    def tasks(self, system: System, settings: Settings) -> list[Task | Skip]:
        check_settings(settings.energies, settings.energy_resolution)
        tasks: list[Task | Skip] = []
        for s in system.frames:
            reactions = [] if s.source in DATA_SETS or s.error else find_reactions(s)
            frames = list({f.name: f for r in reactions for f in r.frames}.values())
            if frames:
                atoms = max((f.atoms for f in frames), key=len)
                work = sum(len(f.atoms) for f in frames) / len(atoms)
                key = (s.fingerprint, settings.energies, settings.energy_resolution)
                name = f"{s.name} ({count(len(reactions), 'reaction')})"
                tasks.append(Task(name, (s, reactions, frames), key, atoms, work))
        return tasks or [Skip("no frames at rest of which one is made of others")]

    def run(self, calculator: BaseCalculator, task: Task, context: Context) -> list[Balanced]:
        labels, reactions, frames = task.subject
        info, asked = describe(calculator), context.settings.energies
        found = evaluate(calculator, [f.atoms for f in frames], properties=("energy", "forces"))
        pairs = [(f, e) for f, e in zip(frames, found, strict=True) if e.error is None]
        level = level_doubt(
            labels.level_of_theory, info.level_of_theory, labels.compositions, labels.settings
        )
        doubts = tuple(d for d in (doubt_own(pairs), level) if d) + labels.doubts
        results = dict(zip((f.name for f in frames), found, strict=True))
        convention = asked if asked in CONVENTIONS else info.energy_convention
        if convention not in CONVENTIONS:  # constants an element cancel
            convention = labels.energy_convention
        rows = []
        for reaction in reactions:
            row = Balanced(
                reaction.name,
                labels.source,
                labels.fingerprint,
                labels.level_of_theory,
                tuple(f.name for f in reaction.frames),
                convention=convention,
                doubts=doubts,
            )
            known = [results[f.name] for f in reaction.frames]
            wrong = next((x.error for x in known if x.error), None)
            try:
                energies = [_label(f, labels, convention) for f in reaction.frames]
            except (InputError, CalculatorSetupError) as error:
                rows.append(replace(row, unknown=str(error), error=wrong))
                continue
            model = None if wrong else reaction.energy([x.energy or 0.0 for x in known])
            reference = reaction.energy(energies)
            share = OF_ONE_PHASE * abs(reference) if len(reaction.reactants) == 1 else 0.0
            resolution = context.settings.energy_resolution or max(RESOLUTION, share)
            row = replace(row, reference=reference, model=model, resolution=resolution)
            rows.append(replace(row, error=wrong))
        return rows

    def evidence(self, row: Balanced) -> Evidence:
        return Evidence(doubts=row.doubts)

    def remarks(self, rows: Sequence[Balanced]) -> list[Paragraph]:
        lines = [Paragraph(f"{row.name}: {', '.join(row.frames)}") for row in rows]
        return [*super().remarks(rows), *lines]


def _label(frame: LabelledFrame, labels: FrameSet, convention: str) -> float:
    """Return a frame's energy in a convention."""
    energy = frame.energy or 0.0
    if convention == labels.energy_convention:
        return energy
    applied_u = labels.settings.hubbard_u if labels.settings is not None else None
    return energy + correction(frame.atoms, applied_u) * (1 if convention == "mp2020" else -1)
