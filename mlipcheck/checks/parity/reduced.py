"""All frames of a set, reduced: pieces put together, and what every statistic is made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np
from ase.data import chemical_symbols
from ase.formula import Formula

from ...analysis.jackknife import sum_by_group
from ...references.labels import LabelledFrame
from .pieces import COLUMNS, EDGES, FORCES, PLACE, SIZES, STRESS, SUMS, Piece, reduce_frames

# Of more runs than this, sums by element and size are kept of so many groups of runs.
MAX_RUNS, BLOCKS = 10_000, 1000
BUFFER = 100_000  # rows that are added up together
MAX_LISTED = 1000  # frames that a record names, of each kind


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
    def stresses(self) -> list[np.ndarray]:
        """The reference's and the model's (n, 6)."""
        return np.split(self.numbers[:, STRESS:], 2, axis=1)

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
        without = {*map(int, piece.failed), *map(int, piece.unlabelled)}
        good = np.array([k for k in range(n) if k not in without], dtype=int)
        run = runs(piece.runs)
        place = np.zeros(n, dtype=int)
        place[good] = rows + np.arange(len(good))
        table = piece.sums.reshape(-1, 2 + SUMS)
        sums.append(np.column_stack([run[table[:, 0].astype(int)], table[:, 1:]]))
        waiting += len(table)
        if waiting > BUFFER:
            sums, waiting = [_add_up(sums, len(runs))], 0
        for name, values in {
            "index": start + good,
            "run": run[good],
            "zero": zeros(piece.zeros)[good],
            "formula": formulas(piece.formulas)[good],
            "numbers": piece.numbers.reshape(n, len(COLUMNS))[good],
            "owners": place[piece.owners.astype(int)],
            "reference": piece.reference.astype(float),
            "model": piece.model.astype(float),
        }.items():
            columns.setdefault(name, []).append(values)
        start, rows = start + n, rows + len(good)
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
    rows = np.concatenate(tables)
    if runs > MAX_RUNS:
        rows[:, 0] %= BLOCKS
    keys = (rows[:, 0] * 1000 + rows[:, 1]).astype(int)
    names = np.unique(keys)
    return np.column_stack([names // 1000, names % 1000, sum_by_group(rows[:, 2:], keys)])


def kind_name(kind: int) -> str:
    """Return an element, or a range of |F| in eV/Å."""
    if kind < SIZES:
        return chemical_symbols[kind]
    low, high = EDGES[kind - SIZES : kind - SIZES + 2]
    if low == 0:
        return f"< {high:g}"
    return f"{low:g} to {high:g}" if np.isfinite(high) else f"> {low:g}"
