"""What is kept of frames that a model was evaluated on: numbers of each, and sums over atoms.

All statistics are made of these, so that frames can be read and evaluated in pieces: nothing that
grows with the number of atoms is kept but the forces of some frames.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase.calculators.calculator import BaseCalculator, CalculatorSetupError, InputError

from ...analysis.jackknife import sum_by_group
from ...calculators.evaluate import evaluate
from ...calculators.records import Evaluation
from ...calculators.registry import describe
from ...check import Context
from ...references.frame_sets import FrameSet
from ...references.labels import LabelledFrame
from ...references.mp2020 import correction
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
    """Return how frames are reduced: corrections are looked for where a convention has them.

    They are of the U of the user's own runs, where they have one.
    """
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
    unlabelled = {str(k): f.error for k, f in enumerate(frames) if f.error is not None}
    failed = {
        str(k): e.error
        for k, e in enumerate(found)
        if e.error is not None and str(k) not in unlabelled
    }
    good = [k for k in range(len(frames)) if not {str(k)} & (failed.keys() | unlabelled.keys())]
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
    keys = np.concatenate([z, bins]) + 1000 * np.tile(owner, 2)
    each = sum_by_group(np.tile(atoms, (2, 1)), keys)
    names = np.unique(keys)
    table = np.column_stack([names // 1000, names % 1000, each])
    return np.column_stack([of_frames, *largest]), table
