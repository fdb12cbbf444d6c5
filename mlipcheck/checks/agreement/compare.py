"""What models say of the same structures, and how far one is from another."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase.symbols import Symbols
from scipy import stats

from ...analysis.statistics import CONFIDENCE, Estimate, fit_offsets
from ...references.doubts import Doubt
from ...storage import Record, check_lengths

FLOOR = 0.5  # eV/Å; good models differ by 0.08 on MPtrj's frames, however small the forces are
MIN_STRUCTURES = 5  # that have an element which is called the most different one
MIN_RUNS = 10  # independent ones, to rank errors


@dataclass(frozen=True, eq=False)
class Predicted(Record):
    """What a model says of one structure.

    ``formula`` has the atoms in their order; ``energy`` is in eV, ``forces`` of shape (n_atoms, 3)
    in eV/Å, ``off`` the mean over atoms of the size of the force's error; each is NaN where there
    is none. Frames with the same ``run`` are not independent.
    """

    name: str
    fingerprint: str
    formula: str
    forces: np.ndarray
    energy: float = math.nan
    off: float = math.nan
    run: str = ""
    error: str | None = None


@dataclass(frozen=True, eq=False)
class Difference(Record):
    """How far another ``model`` is from this one, on the structures (``names``) that both have.

    ``forces`` and ``errors`` (n,) are the mean size of the difference of forces and of this model's
    errors, eV/Å; NaN without forces or without labels that can be used. ``energy`` is the median
    size of the differences of energy in eV/atom, less a constant for each element that is fitted
    without the structure, over the ``energies`` structures that allow it. ``force`` and ``size``
    are means of ``forces`` and of the size of forces, eV/Å, ``share`` and ``part`` the medians of
    difference over size, and of error over difference, ``elements`` the mean difference on each
    element's atoms, the largest first. ``rank`` and ``size_rank`` are Spearman's correlation of
    this model's errors with ``forces``, and with the mere size of its forces; ``why_not`` says why
    there is none.
    """

    model: str
    names: tuple[str, ...]
    forces: np.ndarray
    errors: np.ndarray
    energy: float | None
    energies: int
    force: float | None
    size: float | None
    share: float | None
    part: float | None
    elements: dict[str, float]
    rank: Estimate | None = None
    size_rank: Estimate | None = None
    why_not: str = ""

    def __post_init__(self) -> None:
        check_lengths(self, "names", "forces", "errors")

    @property
    def warns(self) -> bool:
        """Whether this model is known to be more wrong where the other differs more."""
        return self.rank is not None and (self.rank.low or 0.0) > 0


@dataclass(frozen=True, eq=False)
class Predictions(Record):
    """What a model says of structures of one set, of which ``given`` were given.

    ``doubts`` are about its labels; ``others`` are the models beside it, none where it is alone.
    """

    name: str
    given: int = 0
    structures: tuple[Predicted, ...] = ()
    doubts: tuple[Doubt, ...] = ()
    others: tuple[Difference, ...] = ()
    error: str | None = None


def compare_models(
    row: Predictions, others: Sequence[Predictions], model: str
) -> Difference | None:
    """Compare one set of a model with all that another, ``model``, says; None of no structure.

    Nothing is computed again.
    """
    theirs = {s.fingerprint: s for other in others for s in other.structures if s.error is None}
    mine = [s for s in row.structures if s.error is None]
    pairs = [(s, theirs[s.fingerprint]) for s in mine if s.fingerprint in theirs]
    if not pairs:
        return None
    found: dict[str, list[np.ndarray]] = {}
    forces, sizes = np.empty((2, len(pairs)))
    for k, (a, b) in enumerate(pairs):
        off = np.linalg.norm(a.forces - b.forces, axis=1)
        both = np.concatenate([a.forces, b.forces])
        forces[k], sizes[k] = off.mean(), np.linalg.norm(both, axis=1).mean()
        symbols = np.array(Symbols.fromsymbols(a.formula))
        for element in sorted(set(symbols)) if np.isfinite(forces[k]) else ():
            found.setdefault(str(element), []).append(off[symbols == element])
    why_not = _void([row, *(r for r in others if r.name == row.name)])
    errors = np.array([np.nan if why_not else a.off for a, _ in pairs])
    energies = _energies(pairs)
    known = np.isfinite(forces) & np.isfinite(errors)
    groups = len({a.run for (a, _), there in zip(pairs, known, strict=True) if there})
    if not why_not and groups < MIN_RUNS:
        few = f"independent structures with labels: {groups}, {MIN_RUNS} needed"
        why_not = few if groups else "there are no reference forces"
    ranks = [None if why_not else rank(x[known], errors[known], groups) for x in (forces, sizes)]
    return Difference(
        model=model,
        names=tuple(a.name for a, _ in pairs),
        forces=forces,
        errors=errors,
        energy=_of_known(np.median, np.abs(energies)),
        energies=int(np.isfinite(energies).sum()),
        force=_of_known(np.mean, forces),
        size=_of_known(np.mean, sizes),
        share=_of_known(np.median, forces / np.maximum(sizes, FLOOR)),
        part=_of_known(np.median, errors[forces > 0] / forces[forces > 0]),
        elements=_means(found),
        rank=ranks[0],
        size_rank=ranks[1],
        why_not=why_not or ("" if ranks[0] else "they differ nowhere, or everywhere alike"),
    )


def rank(x: np.ndarray, y: np.ndarray, n: int) -> Estimate | None:
    """Return Spearman's correlation with its interval for n independent groups; None of constants.

    Fisher's, with the variance (1 + ρ²/2) / (n - 3) of Bonett and Wright, Psychometrika 65, 23
    (2000).
    """
    if not np.ptp(x) or not np.ptp(y):
        return None
    value = float(stats.spearmanr(x, y).statistic)
    half = stats.norm.ppf((1 + CONFIDENCE) / 2) * np.sqrt((1 + value**2 / 2) / (n - 3))
    middle = np.arctanh(np.clip(value, -1 + 1e-12, 1 - 1e-12))
    return Estimate(value, float(np.tanh(middle - half)), float(np.tanh(middle + half)))


def _void(rows: Sequence[Predictions]) -> str:
    """Say why these rows' labels cannot be used; nothing where they can."""
    void = [d for row in rows for d in row.doubts if d.void and d.bears_on(["forces"])]
    own = any(d.kind == "own labels" for d in void)
    return "the labels are the output of one of them" if own else void[0].text if void else ""


def _energies(pairs: Sequence[tuple[Predicted, Predicted]]) -> np.ndarray:
    """Return differences of energy in eV/atom, less constants that are fitted without each."""
    found = np.array([a.energy - b.energy for a, b in pairs])
    known = np.isfinite(found)
    if known.any():
        counts = [Counter(Symbols.fromsymbols(a.formula)) for a, _ in pairs]
        counts = [c for c, there in zip(counts, known, strict=True) if there]
        found[known], _ = fit_offsets(counts, found[known] / [c.total() for c in counts])
    return found


def _means(found: dict[str, list[np.ndarray]]) -> dict[str, float]:
    """Return the mean of each element that enough structures have, or else of any."""
    common = {x: parts for x, parts in found.items() if len(parts) >= MIN_STRUCTURES} or found
    means = {x: float(np.concatenate(parts).mean()) for x, parts in common.items()}
    return dict(sorted(means.items(), key=lambda item: -item[1]))


def _of_known(middle: Callable[[np.ndarray], Any], values: np.ndarray) -> float | None:
    """Return a mean or median of the numbers that there are."""
    known = values[np.isfinite(values)]
    return float(middle(known)) if len(known) else None
