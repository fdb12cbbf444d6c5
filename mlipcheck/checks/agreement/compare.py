"""How far one model is from another on the same structures; nothing is computed again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from ase.symbols import Symbols
from scipy import stats

from ...analysis.estimate import Estimate
from ...analysis.jackknife import CONFIDENCE
from ...analysis.offsets import fit_offsets
from .record import Difference, Predicted, Predictions

MIN_STRUCTURES = 5  # that have an element which is called the most different one
MIN_RUNS = 10  # independent ones, to rank errors


def compare_models(
    row: Predictions, others: Sequence[Predictions], model: str
) -> Difference | None:
    """Compare one set of a model with what another says of the same structures.

    Parameters
    ----------
    row : Predictions
    others : sequence of Predictions
        All sets of the other model, which is called ``model``.

    Returns
    -------
    Difference or None
        None where no structure is in both.
    """
    theirs = {s.fingerprint: s for other in others for s in other.structures if s.error is None}
    mine = [s for s in row.structures if s.error is None]
    pairs = [(s, theirs[s.fingerprint]) for s in mine if s.fingerprint in theirs]
    if not pairs:
        return None
    both = [p for p in pairs if p[0].forces is not None and p[1].forces is not None]
    offs = {a.name: np.linalg.norm(a.forces - b.forces, axis=1) for a, b in both}
    sizes = np.array([(mean_force(a) + mean_force(b)) / 2 for a, b in pairs])
    forces = np.array([offs[a.name].mean() if a.name in offs else np.nan for a, _ in pairs])
    errors = np.array([np.nan if a.off is None else a.off for a, _ in pairs])
    known = np.isfinite(forces) & np.isfinite(errors)
    groups = len({a.run for (a, _), there in zip(pairs, known, strict=True) if there})
    why_not = _why_not([row, *(r for r in others if r.name == row.name)], groups)
    ranks = [None if why_not else rank(x[known], errors[known], groups) for x in (forces, sizes)]
    return Difference(
        model=model,
        names=tuple(a.name for a, _ in pairs),
        energies=_energies(pairs),
        forces=forces,
        sizes=sizes,
        errors=errors,
        elements=_elements([a for a, _ in both], offs),
        rank=ranks[0],
        size_rank=ranks[1],
        why_not=why_not or ("" if ranks[0] else "they differ everywhere alike, or not at all"),
    )


def mean_force(s: Predicted) -> float:
    return np.nan if s.forces is None else float(np.linalg.norm(s.forces, axis=1).mean())


def rank(x: np.ndarray, y: np.ndarray, n: int) -> Estimate | None:
    """Return Spearman's correlation with its interval for n independent groups; None of constants.

    Notes
    -----
    Fisher's interval with the variance (1 + ρ²/2) / (n - 3) of Bonett and Wright, Psychometrika 65,
    23 (2000).
    """
    if not np.ptp(x) or not np.ptp(y):
        return None
    value = float(stats.spearmanr(x, y).statistic)
    half = stats.norm.ppf((1 + CONFIDENCE) / 2) * np.sqrt((1 + value**2 / 2) / (n - 3))
    middle = np.arctanh(np.clip(value, -1 + 1e-12, 1 - 1e-12))
    return Estimate(value, float(np.tanh(middle - half)), float(np.tanh(middle + half)))


def _why_not(rows: Sequence[Predictions], groups: int) -> str:
    """Say why errors cannot be ranked by labels of which these rows know the doubts."""
    void = [d for row in rows for d in row.doubts if d.void and d.bears_on(["forces"])]
    if any(d.kind == "own labels" for d in void):
        return "the labels are the output of one of them"
    if void:
        return void[0].text
    if not groups:
        return "there are no reference forces"
    few = f"of {groups} independent structures or runs, {MIN_RUNS} needed"
    return few if groups < MIN_RUNS else ""


def _energies(pairs: Sequence[tuple[Predicted, Predicted]]) -> np.ndarray:
    """Return differences of energy in eV/atom without a constant for each element."""
    found = np.full(len(pairs), np.nan)
    known = [k for k, (a, b) in enumerate(pairs) if None not in (a.energy, b.energy)]
    if known:
        counts = [Counter(Symbols.fromsymbols(pairs[k][0].formula)) for k in known]
        off = [pairs[k][0].energy - pairs[k][1].energy for k in known]  # type: ignore[operator]
        found[known], _ = fit_offsets(counts, np.array(off) / [c.total() for c in counts])
    return found


def _elements(structures: Sequence[Predicted], offs: dict[str, np.ndarray]) -> dict[str, float]:
    """Return the mean of each element that enough structures have, or else of any."""
    found: dict[str, list[np.ndarray]] = {}
    for s in structures:
        symbols = np.array(Symbols.fromsymbols(s.formula))
        for element in sorted(set(symbols)):
            found.setdefault(str(element), []).append(offs[s.name][symbols == element])
    common = {x: parts for x, parts in found.items() if len(parts) >= MIN_STRUCTURES} or found
    means = {x: float(np.concatenate(parts).mean()) for x, parts in common.items()}
    return dict(sorted(means.items(), key=lambda item: -item[1]))
