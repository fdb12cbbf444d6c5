"""What is learnt from and tested on, one run in time and several by run; what fits give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import InputError

from ...calculators.base import check_seed
from .record import LearningPoint

SIZES = (1, 3, 10, 30, 100, 300)
MIN_FRAMES = 4  # half of them are for the test
MAX_REPEATS = 1000
# The share of a single run, at least one frame, that is left out between what is learnt from and
# what is tested on: neighbours in time are nearly the same structure.
GAP = 0.1
DIGITS = 4  # of positions (Å), energies (eV) and forces (eV/Å) that duplicates have in common


@dataclass(frozen=True, eq=False)
class Example:
    """A frame with its labels, and what the pretrained model says of it; eV and eV/Å."""

    atoms: Atoms
    run: str
    energy: float
    forces: np.ndarray
    model_energy: float
    model_forces: np.ndarray

    @property
    def key(self) -> tuple[bytes, ...]:
        """The same for duplicates: the same structure with the same labels.

        One that is both learnt from and tested on would make any method look good.
        """
        numbers = (self.atoms.positions, self.atoms.cell[:], np.array(self.energy), self.forces)
        rounded = [np.round(x, DIGITS) + 0.0 for x in numbers]  # no minus at a zero
        return tuple(x.tobytes() for x in (self.atoms.numbers, self.atoms.pbc, *rounded))


@dataclass(frozen=True)
class Split:
    """Which frames may be learnt from and which are for the test, and how they were separated."""

    pool: tuple[int, ...]
    test: tuple[int, ...]
    how: str
    in_time: bool = False


@dataclass(frozen=True)
class Fit:
    """One fit of one method: what it learns from, and its name."""

    method: str
    train: tuple[int, ...]
    repeat: int


# Of one fit, on the test frames: MAE of force components (eV/Å) and of energies (eV/atom), None
# where it has none; or why it failed.
Errors = dict[str, Any]


def check_draws(repeats: int, seed: int) -> None:
    """Raise `InputError` for what cannot be drawn, before any work is done."""
    if not 1 <= repeats <= MAX_REPEATS:
        raise InputError(f"repeats is {repeats}; give 1 to {MAX_REPEATS}")
    check_seed(seed)


def split_runs(name: str, runs: Sequence[str], seed: int) -> Split:
    """Separate frames of one run in time, with a gap between the halves, those of several by run.

    ``runs`` has the run of each frame, and ``seed`` decides which of several are learnt from.

    Raises
    ------
    InputError
        For too few frames.
    """
    total, names = len(runs), list(dict.fromkeys(runs))
    if total < MIN_FRAMES:
        raise InputError(
            f"{name}: {total} frames with energy and forces, at least {MIN_FRAMES} needed: half "
            "are for the test"
        )
    if len(names) == 1:
        half, gap = total // 2, max(1, int(GAP * total))
        learnt, tested = tuple(range(half - gap)), tuple(range(half, total))
        how = f"one run: learnt from its first {len(learnt)}, tested on its last {len(tested)}"
        return Split(learnt, tested, f"{how} frames, {gap} between them left out", in_time=True)
    order = np.random.default_rng(seed).permutation(len(names))
    chosen = {names[k] for k in order[: len(names) // 2]}
    learnt = tuple(k for k, run in enumerate(runs) if run in chosen)
    tested = tuple(k for k, run in enumerate(runs) if run not in chosen)
    return Split(learnt, tested, f"{len(names)} runs: whole runs")


def plan_fits(
    split: Split, sizes: Sequence[int] | None, methods: Sequence[str], repeats: int, seed: int
) -> list[Fit]:
    """Return every fit; repeat k of a larger N has the frames of repeat k of a smaller one.

    Of one run it is the first N frames, and where N takes all that there is nothing is drawn
    either: then nothing is repeated. Without ``sizes``, N is what of `SIZES` there are frames for.

    Raises
    ------
    InputError
        For an N that there are no frames for.
    """
    available = len(split.pool)
    chosen = [n for n in SIZES if n <= available] if sizes is None else sorted(set(sizes))
    wrong = [n for n in chosen if not 1 <= n <= available]
    if wrong or not chosen:
        raise InputError(
            f"N = {wrong[0] if wrong else 'nothing'}; there are {available} frames to learn from, "
            f"the others are for the test: give 1 to {available}"
        )
    orders = [np.random.default_rng([seed, k]).permutation(split.pool) for k in range(repeats)]
    if split.in_time:
        orders = [np.array(split.pool)]
    return [
        Fit(method, tuple(sorted(order[:n].tolist())), repeat)
        for n in chosen
        for repeat, order in enumerate(orders if n < available else orders[:1])
        for method in methods
    ]


def gather_points(results: Sequence[tuple[Fit, Errors]], quantity: str) -> list[LearningPoint]:
    """Gather the repeats of each method and N that have this quantity, or that failed."""
    gathered: dict[tuple[str, int], list[Errors]] = {}
    for fit, found in results:
        gathered.setdefault((fit.method, len(fit.train)), []).append(found)
    points = [
        LearningPoint(
            method=method,
            n=n,
            errors=tuple(e[quantity] for e in found if e.get(quantity) is not None),
            failures=tuple(str(e["failed"]) for e in found if "failed" in e),
        )
        for (method, n), found in gathered.items()
    ]
    return [p for p in points if p.errors or p.failures]
