"""Balanced differences: energies of reactions among a user's own labelled frames."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np
from ase.calculators.calculator import BaseCalculator, CalculatorSetupError, InputError

from ..calculators.base import Evaluation
from ..calculators.evaluate import evaluate
from ..calculators.registry import describe
from ..check import Check, Context, Skip, Task
from ..criterion import OWN_CONVENTION, Criterion, Evidence, Reading
from ..drawing.tables import Column, Paragraph, count, number
from ..references.doubts import Doubt
from ..references.frame_sets import FrameSet
from ..references.inputs import DATA_SETS
from ..references.labels import LabelledFrame
from ..references.level_of_theory import correction, level_doubt
from ..references.states import DIMER
from ..references.structures import AT_REST, largest_force
from ..storage import Record
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
class Reaction(Record):
    """One frame made of others: ``coefficients`` of each reactant, for one of the product."""

    product: LabelledFrame
    reactants: tuple[LabelledFrame, ...]
    coefficients: tuple[Fraction, ...]

    @property
    def frames(self) -> tuple[LabelledFrame, ...]:
        return (self.product, *self.reactants)

    @property
    def name(self) -> str:
        product, *others = (str(f.atoms.symbols.formula) for f in self.frames)
        pairs = zip(self.coefficients, others, strict=True)
        return f"{product} = {' + '.join(x if c == 1 else f'{c} {x}' for c, x in pairs)}"

    @property
    def per(self) -> int:
        """How many formula units the cell has; 1 with a defect, a surface or an adsorbate."""
        (kind, n), *others = map(_units, self.frames)
        amounts = [c * m for c, (_, m) in zip(self.coefficients, others, strict=True)]
        if kind in dict(others) or any(x.denominator > 1 for x in amounts):
            return 1
        return math.gcd(n, *map(int, amounts))

    def energy(self, energies: Sequence[float]) -> float:
        """Return the product's energy less that of what it is made of, of those of ``frames``."""
        made_of = sum(float(c) * e for c, e in zip(self.coefficients, energies[1:], strict=True))
        return (energies[0] - made_of) / self.per


@dataclass(frozen=True, eq=False)
class Balanced(Record):
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
        Of each formula the frame at rest with the lowest energy counts, and molecules of two
        atoms that were left out.

    Notes
    -----
    One product of at most three reactants that are independent of each other, all with positive
    coefficients: what has another coefficient than 1 is the crystal that is lowest in energy of
    its formula. Two cells of one crystal are no reaction. Where the reactants are other phases,
    the energy is that of one formula unit; with a defect, a surface or an adsorbate, of the cell.
    """
    states = _states(labels)
    counts = {s.name: Counter(s.atoms.get_chemical_symbols()) for s in states}
    elements = sorted(set().union(*counts.values()))
    vectors = {name: np.array([c[x] for x in elements], float) for name, c in counts.items()}
    by_energy = sorted(states, key=lambda s: (s.energy or 0.0) / len(s.atoms), reverse=True)
    # a slab or a defect cell is a reactant as it is, or not at all
    crystals = {_units(s)[0]: s.name for s in by_energy}.values()
    found = []
    for product in states:
        own = counts[product.name]
        others = [s for s in states if s is not product and counts[s.name].keys() <= own.keys()]
        for n in range(1, min(MAX_REACTANTS, len(own)) + 1):
            for made_of in itertools.combinations(others, n):
                parts = np.array([vectors[s.name] for s in made_of])
                balance = _balance(vectors[product.name], parts)
                pairs = zip(balance, made_of, strict=False)
                if not balance or any(c != 1 and s.name not in crystals for c, s in pairs):
                    continue
                one = Reaction(product, made_of, balance)
                if n > 1 or one.energy([f.energy or 0.0 for f in one.frames]) > SAME_STATE:
                    found.append(one)
    found.sort(key=_complexity, reverse=True)
    # of the cells of one phase, one
    once = {(r.product.name, *sorted(_units(f)[0] for f in r.reactants)): r for r in found}
    return sorted(once.values(), key=_complexity)[:MAX_REACTIONS]


def _states(labels: FrameSet) -> list[LabelledFrame]:
    """Return the lowest frame at rest of each formula, of the zero of energy that most have."""
    molecules = [f for f in labels.left_out if f.error == DIMER]
    zeros = Counter(f.zero for f in labels.frames if f.energy is not None)
    zero = [name for name, _ in zeros.most_common(1)]  # none where only molecules have energies
    lowest: dict[str, LabelledFrame] = {}
    for f in sorted((*labels.frames, *molecules), key=lambda f: f.energy or 0.0):
        at_rest = (largest_force(f) or 0.0) <= AT_REST
        if f.energy is not None and f.zero in zero and at_rest:
            lowest.setdefault(f.atoms.get_chemical_formula(), f)
    return sorted(lowest.values(), key=lambda f: len(f.atoms))[:MAX_STATES]


def _balance(product: np.ndarray, reactants: np.ndarray) -> tuple[Fraction, ...]:
    """Return how much of each reactant makes the product exactly; nothing where none does."""
    solved, _, rank, _ = np.linalg.lstsq(reactants.T, product, rcond=None)
    found = tuple(Fraction(x).limit_denominator(1000) for x in solved.tolist())
    off = np.array(found, dtype=float) @ reactants - product
    exact = rank == len(reactants) and min(found) > 0 and np.abs(off).max() < 1e-9
    return found if exact else ()


def _units(frame: LabelledFrame) -> tuple[str, int]:
    """Return the reduced formula, and how many times the cell has it."""
    formula, n = frame.atoms.symbols.formula.reduce()
    return formula.format("hill"), n


def _complexity(reaction: Reaction) -> tuple[int, int]:
    """Order reactions: few simple coefficients and small cells first."""
    cost = sum(c.numerator + 2 * c.denominator for c in reaction.coefficients)
    return cost, len(reaction.product.atoms)


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
        check_settings(settings)
        tasks: list[Task | Skip] = []
        for s in system.frames:
            reactions = [] if s.source in DATA_SETS or s.error else find_reactions(s)
            frames = list({f.name: f for r in reactions for f in r.frames}.values())
            if frames:
                atoms = max((f.atoms for f in frames), key=len)
                work = sum(len(f.atoms) for f in frames) / len(atoms)
                key = (*s.key, settings.energies, settings.energy_resolution)
                name = f"{s.name} ({count(len(reactions), 'reaction')})"
                tasks.append(Task(name, (s, reactions, frames), key, atoms, work))
        return tasks or [Skip("no frames at rest of which one is made of others")]

    def run(self, calculator: BaseCalculator, task: Task, context: Context) -> list[Balanced]:
        labels, reactions, frames = task.subject
        info, settings = describe(calculator), context.settings
        found = evaluate(calculator, [f.atoms for f in frames], properties=("energy", "forces"))
        own = doubt_own(list(zip(frames, found, strict=True)))
        levels = labels.level_of_theory, info.level_of_theory
        other = level_doubt(*levels, labels.compositions, labels.settings)
        asked = [x for x in (settings.energies, info.energy_convention) if x in CONVENTIONS]
        row = Balanced(  # all that reactions share; constants an element cancel
            "",
            labels.source,
            labels.fingerprint,
            labels.level_of_theory,
            convention=[*asked, labels.energy_convention][0],
            doubts=(*(d for d in (own, other) if d), *labels.doubts),
        )
        results = dict(zip((f.name for f in frames), found, strict=True))
        return [_compare(row, r, labels, results, settings.energy_resolution) for r in reactions]

    def evidence(self, row: Balanced) -> Evidence:
        return Evidence(doubts=row.doubts)

    def remarks(self, rows: Sequence[Balanced]) -> list[Paragraph]:
        frames = [Paragraph(f"{row.name}: {', '.join(row.frames)}") for row in rows]
        return [*super().remarks(rows), *frames]


def _compare(
    row: Balanced,
    reaction: Reaction,
    labels: FrameSet,
    results: dict[str, Evaluation],
    asked: float | None,
) -> Balanced:
    row = replace(row, name=reaction.name, frames=tuple(f.name for f in reaction.frames))
    try:
        reference = reaction.energy([_label(f, labels, row.convention) for f in reaction.frames])
    except (InputError, CalculatorSetupError) as error:
        return replace(row, unknown=str(error))
    share = OF_ONE_PHASE * abs(reference) if len(reaction.reactants) == 1 else 0.0
    row = replace(row, reference=reference, resolution=asked or max(RESOLUTION, share))
    found = [results[name] for name in row.frames]
    if wrong := next((x.error for x in found if x.error), None):
        return replace(row, error=wrong)
    energies = [x.energy for x in found if x.energy is not None]
    if len(energies) < len(found):
        return replace(row, unknown="the model gives no energy")
    return replace(row, model=reaction.energy(energies))


def _label(frame: LabelledFrame, labels: FrameSet, convention: str) -> float:
    """Return a frame's energy in a convention."""
    energy = frame.energy or 0.0
    if convention == labels.energy_convention:
        return energy
    applied_u = labels.settings.hubbard_u if labels.settings is not None else None
    return energy + correction(frame.atoms, applied_u) * (1 if convention == "mp2020" else -1)
