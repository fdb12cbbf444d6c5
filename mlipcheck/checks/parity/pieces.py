"""What is kept of frames that a model was evaluated on: numbers of each, and sums over atoms.

All statistics are made of these, so that frames can be read and evaluated in pieces, which are put
together: nothing that grows with the number of atoms is kept but the forces of some frames.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np
from ase.calculators.calculator import BaseCalculator, CalculatorSetupError, InputError
from ase.formula import Formula

from ...analysis.statistics import sum_by_group
from ...calculators.base import Evaluation
from ...calculators.evaluate import evaluate
from ...calculators.registry import describe
from ...check import Context
from ...references.frame_sets import FrameSet
from ...references.labels import LabelledFrame
from ...references.level_of_theory import correction
from ...system import Settings

# Of each frame; NaN where it has none. Forces: F the reference's, f the model's.
COLUMNS = (
    *("n_atoms", "volume", "energy", "model_energy", "correction"),
    *("FF", "fF", "ff", "off", "atoms", "component_off", "largest_off", "largest_F"),
    *(f"stress {k}" for k in range(6)),
    *(f"model_stress {k}" for k in range(6)),
)
PLACE = {name: k for k, name in enumerate(COLUMNS)}
FORCES, STRESS = slice(PLACE["FF"], PLACE["FF"] + 8), PLACE["stress 0"]
SUMS = 5  # of the columns of forces, that are kept by element and size, too
EDGES = (0.0, 0.1, 0.3, 1.0, 3.0, 10.0, np.inf)  # eV/Å
SIZES = 200  # kinds of atoms: an atomic number, or this plus the place of |F| between the edges
PROPERTIES = ("energy", "forces", "stress")
TOGETHER, MAX_PIECES = 25, 1000  # frames that are kept, and lost, together; of large sets more
MAX_KEPT = 1_000_000  # force components that are kept; beyond, those of frames drawn by chance
# Of more runs than this, sums by element and size are kept of so many groups of runs.
MAX_RUNS, BLOCKS = 10_000, 1000
BUFFER = 100_000  # rows that are added up together
MAX_LISTED = 1000  # frames that a record names, of each kind


@dataclass(frozen=True, eq=False)
class Piece:
    """Some frames that follow each other, reduced.

    ``failed``, ``unlabelled`` and ``not_corrected`` say why a frame, by its place here, has no
    numbers (n, columns), no labels, or no correction. ``sums`` (m, 2 + 5) has the frame, the kind
    of atom, and what such atoms add to the sums. ``reference`` and ``model`` are force components,
    ``owners`` the frame of each.
    """

    runs: tuple[str, ...]
    zeros: tuple[str, ...]
    formulas: tuple[str, ...]
    failed: dict[str, str]
    unlabelled: dict[str, str]
    not_corrected: dict[str, str]
    numbers: np.ndarray
    sums: np.ndarray
    owners: np.ndarray
    reference: np.ndarray
    model: np.ndarray


@dataclass(frozen=True)
class Reduction:
    """How frames are reduced: whether energies are corrected, and which forces are kept."""

    corrected: bool = False
    hubbard_u: dict[str, float] | None = None
    share: float = 1.0
    seed: int = 0


def how_to_reduce(calculator: BaseCalculator, labels: FrameSet, settings: Settings) -> Reduction:
    """Return how frames are reduced: corrected where a convention has it, by the runs' own U."""
    checkpoint = describe(calculator).energy_convention
    corrected = "mp2020" in (settings.energies, checkpoint, labels.energy_convention)
    u = labels.settings.hubbard_u if labels.settings else None
    return Reduction(corrected, u, min(1.0, MAX_KEPT / (3 * max(labels.atoms, 1))), settings.seed)


def iterate_pieces(
    calculator: BaseCalculator, labels: FrameSet, context: Context
) -> Iterator[Piece]:
    """Evaluate a set in pieces of some frames each, which may be kept; see `Context.keep`."""
    every, how = labels.every, how_to_reduce(calculator, labels, context.settings)
    size = max(TOGETHER, len(every) // MAX_PIECES)
    for start in range(0, len(every), size):
        left = min(size, len(every) - start)

        def compute(start: int = start) -> Piece:
            nonlocal left
            left, some = 0, every[start : start + size]
            images = [f.atoms for f in some]
            found = evaluate(calculator, images, properties=PROPERTIES, progress=context.advance)
            return reduce_frames(some, found, how, start)

        yield context.keep(Piece, (labels.key, start, size, how), compute)
        context.advance(left)  # what was kept


def reduce_frames(
    frames: Sequence[LabelledFrame],
    found: Sequence[Evaluation],
    how: Reduction | None = None,
    start: int = 0,
) -> Piece:
    """Reduce frames, the first of which is number ``start`` of its set."""
    how = how or Reduction()
    numbers = np.full((len(frames), len(COLUMNS)), np.nan)
    not_corrected: dict[str, str] = {}
    unlabelled = {str(k): f.error for k, f in enumerate(frames) if f.error}
    failed = {str(k): e.error for k, e in enumerate(found) if e.error and not frames[k].error}
    good = [k for k, f in enumerate(frames) if not (f.error or found[k].error)]
    for k in good:
        frame, evaluation, row = frames[k], found[k], numbers[k]
        size = len(frame.atoms), abs(frame.atoms.cell.volume)
        row[:4] = *size, frame.energy, evaluation.energy  # None is NaN
        row[STRESS : STRESS + 6], row[STRESS + 6 :] = frame.stress, evaluation.stress
        if how.corrected and frame.energy is not None:
            try:
                row[PLACE["correction"]] = correction(frame.atoms, how.hubbard_u)
            except (InputError, CalculatorSetupError) as error:
                not_corrected[str(k)] = str(error)
        if frame.forces is not None and evaluation.forces is None:
            row[PLACE["FF"]] = (frame.forces**2).sum()
    both = [k for k in good if frames[k].forces is not None and found[k].forces is not None]
    F, f, owners, sums = np.zeros(0), np.zeros(0), np.zeros(0, dtype=int), np.zeros((0, 2 + SUMS))
    if both:
        reference: Any = [frames[k].forces for k in both]
        model: Any = [found[k].forces for k in both]
        z = np.concatenate([frames[k].atoms.numbers for k in both])
        owner = np.repeat(both, [len(x) for x in reference])
        F, f = np.concatenate(reference), np.concatenate(model).astype(float)
        numbers[both, FORCES], sums = _sum_forces(z, owner, F, f)
        drawn = np.random.default_rng([how.seed, start]).random(len(frames)) < how.share
        kept = drawn[owner]
        F, f, owners = F[kept].ravel(), f[kept].ravel(), np.repeat(owner[kept], 3)
    return Piece(
        runs=tuple(f.run for f in frames),
        zeros=tuple(f.zero for f in frames),
        formulas=tuple(f.atoms.get_chemical_formula() for f in frames),
        failed=failed,
        unlabelled=unlabelled,
        not_corrected=not_corrected,
        numbers=numbers,
        sums=sums,
        owners=owners,
        reference=F,
        model=f,
    )


def _sum_forces(
    z: np.ndarray, owner: np.ndarray, F: np.ndarray, f: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return what each frame has of forces, and what its atoms of each kind add."""
    off = f - F
    size = np.linalg.norm(off, axis=1)
    atoms = np.column_stack([(F**2).sum(1), (f * F).sum(1), (f**2).sum(1), size, np.ones(len(F))])
    first = np.flatnonzero(np.diff(owner, prepend=-1))
    largest = [np.maximum.reduceat(np.abs(x).max(axis=1), first) for x in (off, F)]
    of_frames = sum_by_group(np.column_stack([atoms, np.abs(off).sum(axis=1)]), owner)
    bins = SIZES + np.searchsorted(EDGES, np.sqrt(atoms[:, 0]), side="right") - 1
    table = _sum_by_kind(np.tile(owner, 2), np.concatenate([z, bins]), np.tile(atoms, (2, 1)))
    return np.column_stack([of_frames, *largest]), table


def _sum_by_kind(owner: np.ndarray, kind: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Add up rows of one owner and one kind of atom; what they are of stands before the sums."""
    keys = (1000 * owner + kind).astype(int)
    names = np.unique(keys)
    return np.column_stack([names // 1000, names % 1000, sum_by_group(values, keys)])


@dataclass(frozen=True, eq=False)
class Frames:
    """All frames of a set that have labels and that the model could evaluate.

    ``index`` (n,) counts them in ``every``. ``run``, ``zero`` and ``formula`` (n,) are what they
    have, as numbers, and ``formulas`` the text of the last. ``groups``, ``kinds`` (m,) and ``sums``
    (m, 5) are sums over atoms of one kind in a run or group of runs. ``owners`` are the rows of
    ``numbers`` (n, columns) that the force components that are kept belong to.
    """

    every: Sequence[LabelledFrame]
    index: np.ndarray
    run: np.ndarray
    zero: np.ndarray
    formula: np.ndarray
    formulas: tuple[str, ...]
    numbers: np.ndarray
    groups: np.ndarray
    kinds: np.ndarray
    sums: np.ndarray
    owners: np.ndarray
    reference: np.ndarray
    model: np.ndarray
    failed: dict[int, str]
    unlabelled: dict[int, str]
    not_corrected: dict[int, str]
    runs: int

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, column: str) -> np.ndarray:
        return self.numbers[:, PLACE[column]]

    @property
    def forces(self) -> np.ndarray:
        """ΣF², Σf·F, Σf², Σ||f - F|| and the number of atoms (n, 5)."""
        return self.numbers[:, FORCES][:, :SUMS]

    def name(self, k: int) -> str:
        return self.every[int(self.index[k])].name

    def counts(self) -> list[Counter[str]]:
        """How many atoms of each element each frame has."""
        kinds = [Counter(Formula(text).count()) for text in self.formulas]
        return [kinds[k] for k in self.formula.tolist()]

    def only(self, kept: np.ndarray) -> Frames:
        """Return some frames; the sums over atoms stay those of all."""
        if kept.all():  # as mostly, and memory counts
            return self
        place = np.cumsum(kept) - 1
        owned = kept[self.owners]
        components = {n: getattr(self, n)[owned] for n in ("reference", "model")}
        each = {n: getattr(self, n)[kept] for n in ("index", "run", "zero", "formula", "numbers")}
        return replace(self, **each, **components, owners=place[self.owners[owned]])


class _Codes(dict[str, int]):
    """Texts as numbers, in the order in which they appear."""

    def __call__(self, texts: Iterable[str]) -> np.ndarray:
        return np.array([self.setdefault(text, len(self)) for text in texts], dtype=int)


def merge(every: Sequence[LabelledFrame], pieces: Iterable[Piece]) -> Frames:
    """Put pieces together, in their order; they hold all frames that ``every`` has."""
    runs, zeros, formulas = _Codes(), _Codes(), _Codes()
    texts: dict[str, Any] = {"failed": {}, "unlabelled": {}, "not_corrected": {}}
    columns: dict[str, list[np.ndarray]] = {}
    sums: list[np.ndarray] = [np.zeros((0, 2 + SUMS))]
    start = rows = waiting = 0
    labelled: set[str] = set()
    for piece in chain([reduce_frames([], [])], pieces):
        n = len(piece.runs)
        for name, found in texts.items():
            found |= {start + int(k): why for k, why in getattr(piece, name).items()}
        labelled.update(r for k, r in enumerate(piece.runs) if str(k) not in piece.unlabelled)
        without = piece.failed.keys() | piece.unlabelled.keys()
        good = np.array([str(k) not in without for k in range(n)], dtype=bool)
        run, place = runs(piece.runs), rows + np.cumsum(good) - 1
        table = piece.sums.reshape(-1, 2 + SUMS)
        sums.append(np.column_stack([run[table[:, 0].astype(int)], table[:, 1:]]))
        waiting += len(table)
        if waiting > BUFFER:
            sums, waiting = [_add_up(sums, len(runs))], 0
        for name, values in {
            "index": start + np.flatnonzero(good),
            "run": run[good],
            "zero": zeros(piece.zeros)[good],
            "formula": formulas(piece.formulas)[good],
            "numbers": piece.numbers.reshape(n, len(COLUMNS))[good],
            "owners": place[piece.owners.astype(int)],
            "reference": piece.reference.astype(float),
            "model": piece.model.astype(float),
        }.items():
            columns.setdefault(name, []).append(values)
        start, rows = start + n, rows + int(good.sum())
    added = _add_up(sums, len(runs))
    return Frames(
        every=every,
        formulas=tuple(formulas),
        groups=added[:, 0].astype(int),
        kinds=added[:, 1].astype(int),
        sums=added[:, 2:],
        runs=len(labelled),
        **(texts | {name: np.concatenate(columns.pop(name)) for name in list(columns)}),
    )


def _add_up(tables: Sequence[np.ndarray], runs: int) -> np.ndarray:
    """Add up what is of one run, or group of many runs, and one kind of atom."""
    run, kind, values = np.split(np.concatenate(tables), [1, 2], axis=1)
    return _sum_by_kind((run % BLOCKS if runs > MAX_RUNS else run)[:, 0], kind[:, 0], values)
