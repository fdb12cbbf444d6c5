"""What is learnt from, what is tested on, and which fits are finished already."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase.calculators.calculator import InputError

from ...calculators.base import check_seed
from ...references.frames import FrameSet
from ...storage import report_loss, write_atomically
from ..kept import read_kept, seal

SIZES = (1, 3, 10, 30, 100, 300)
FEWEST = 4  # frames: half of them are for the test
MAX_REPEATS = 1000


@dataclass(frozen=True)
class Split:
    """Which frames may be learnt from and which are for the test, and how they were parted."""

    pool: tuple[int, ...]
    test: tuple[int, ...]
    how: str
    in_time: bool


@dataclass(frozen=True)
class Fit:
    """One fit of one method: what it learns from, and what it is called."""

    method: str
    train: tuple[int, ...]
    repeat: int


def check_draws(repeats: int, seed: int) -> None:
    """Raise `InputError` for what cannot be drawn, before any work is done."""
    if not 1 <= repeats <= MAX_REPEATS:
        raise InputError(f"repeats is {repeats}; give 1 to {MAX_REPEATS}")
    check_seed(seed)


def split_frames(labels: FrameSet, usable: Sequence[int], seed: int) -> Split:
    """Part frames of one run in time, those of several by run.

    Parameters
    ----------
    labels : FrameSet
    usable : sequence of int
        Which of its frames have what is needed.
    seed : int
        Of which runs are learnt from.

    Raises
    ------
    InputError
        For too few frames with energies and forces.
    """
    if len(usable) < FEWEST:
        raise InputError(
            f"{labels.name}: {len(usable)} frames with energy and forces, at least {FEWEST} "
            "needed: half are for the test"
        )
    runs = list(dict.fromkeys(labels.frames[k].run for k in usable))
    if len(runs) == 1:
        half = len(usable) // 2
        return Split(
            tuple(usable[:half]),
            tuple(usable[half:]),
            "one run: its early frames, in order, and its late half",
            True,
        )
    order = np.random.default_rng(seed).permutation(len(runs))
    chosen = {runs[k] for k in order[: len(runs) // 2]}
    pool = tuple(k for k in usable if labels.frames[k].run in chosen)
    return Split(
        pool, tuple(k for k in usable if k not in pool), f"{len(runs)} runs: whole runs", False
    )


def plan_fits(
    split: Split, sizes: Sequence[int], methods: Sequence[str], repeats: int, seed: int
) -> list[Fit]:
    """Return every fit; repeat k of a larger N has the frames of repeat k of a smaller one.

    Of one run it is the first N frames, and where N takes all that there is nothing is drawn
    either: then nothing is repeated.
    """
    orders = [np.random.default_rng([seed, k]).permutation(split.pool) for k in range(repeats)]
    if split.in_time:
        orders = [np.array(split.pool)]
    return [
        Fit(method, tuple(sorted(order[:n].tolist())), repeat)
        for n in sizes
        for repeat, order in enumerate(orders if n < len(split.pool) else orders[:1])
        for method in methods
    ]


def choose_sizes(split: Split, sizes: Sequence[int] | None) -> tuple[int, ...]:
    """Return the N to learn from; by default those of `SIZES` that there are frames for."""
    there = len(split.pool)
    if sizes is None:
        return tuple(n for n in SIZES if n <= there)
    wrong = [n for n in sizes if not 1 <= n <= there]
    if wrong or not sizes:
        raise InputError(
            f"N = {wrong[0] if wrong else 'nothing'}; there are {there} frames to learn from, "
            f"the others are for the test: give 1 to {there}"
        )
    return tuple(sorted(set(sizes)))


# Of one fit, on the test frames: MAE of force components (eV/Å) and of energies (eV/atom), None
# where it has none; or why it failed.
Errors = dict[str, Any]


class FitStore:
    """Fits that are finished, one small file each; what is there is not fitted again.

    Parameters
    ----------
    folder : Path
    key : dict
        Everything that the fits of this folder depend on, but for their own frames.
    probe : sequence of float
        What the model computes, of `kept.probe`: it says more than a name.
    """

    def __init__(self, folder: Path, key: dict[str, Any], probe: Sequence[float] = ()) -> None:
        self.folder = folder
        self.key = key
        self.probe = probe

    def path(self, fit: Fit) -> Path:
        told = json.dumps([self.key, fit.method, fit.train, fit.repeat], sort_keys=True)
        return self.folder / f"{hashlib.sha256(told.encode()).hexdigest()[:24]}.json"

    def model_path(self, fit: Fit) -> Path:
        """Where the model of a fit is kept, if it is."""
        return self.path(fit).with_suffix(".pth")

    def get(self, fit: Fit, model: Path | None = None) -> Errors | None:
        """Return the errors of a fit; None where it, or the ``model`` that it made, is not there.

        So it is where one is damaged, or of another model.
        """
        found = read_kept(self.path(fit), self.probe)
        if found is None:
            return None
        if model is not None and (found["model"] is None or found["model"] != _checksum(model)):
            return None
        errors: Errors = found["errors"]
        return errors

    def put(self, fit: Fit, errors: Errors, model: Path | None = None) -> None:
        found = {"errors": errors, "model": model and _checksum(model)}
        with report_loss(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            write_atomically(self.path(fit), seal(found, self.probe))


def _checksum(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None
