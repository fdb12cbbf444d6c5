"""Whether a model finds which of two states of equal composition is lower in energy."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from scipy.stats import norm

from ...analysis.estimate import Estimate
from ...analysis.jackknife import with_interval
from ...references.labels import LabelledFrame
from .record import Ranking, RankingBin

RELIABLE = 0.95
# Reference differences (eV) between which pairs are counted together.
EDGES = (0.0, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, np.inf)
# Pairs between these multiples of the difference asked about are taken for about that far apart.
NEAR = (1 / np.sqrt(2), np.sqrt(2))
# What Φ supposes is given up where errors that grow with the difference are more than this part of
# σ², with so many states, or where a bin is so many standard errors off.
GROWS, MIN_STATES, ERRORS_OFF = 0.5, 10, 3.0
MAX_PAIRS = 2_000_000  # of one composition; beyond, states are thinned evenly


def compare_ranking(
    frames: Sequence[LabelledFrame],
    reference: np.ndarray,
    model: np.ndarray,
    difference: float | None = None,
) -> Ranking | None:
    """Compare energy differences between all states of equal composition.

    ``reference`` and ``model`` (n,) are total energies in eV, in one convention; ``difference`` is
    the one that matters, in eV. None where no two states have one composition and one zero.

    Notes
    -----
    σ is the rms of ΔE_model - ΔE_reference over pairs: which state of a pair comes first is
    arbitrary, so their mean is zero. With errors of a normal distribution the chance of the right
    ranking is Φ(δ/σ), and 95 % is reached at δ = 1.645 σ. Errors that like states have in common
    cancel, so that σ cannot be had from errors per atom.
    """
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    for k, frame in enumerate(frames):
        groups[frame.atoms.get_chemical_formula(), frame.zero].append(k)
    # of a composition with very many states, some that are spread evenly
    most = int(np.sqrt(2 * MAX_PAIRS))
    members = [
        np.array(g)[np.linspace(0, len(g) - 1, min(len(g), most)).round().astype(int)]
        for g in groups.values()
        if len(g) > 1
    ]
    if not members:
        return None
    first, second = np.hstack([g[np.array(np.triu_indices(len(g), 1))] for g in members])
    dE, predicted = reference[first] - reference[second], model[first] - model[second]
    errors = model - reference
    # zeros of energy are taken off first: they would drown what is left in rounding
    centred = [errors[g] - errors[g].mean() for g in members]
    sigma = _spread(centred, [[frames[k].run for k in g] for g in members])
    asked = np.nan if difference is None else difference
    near = (np.abs(dE) >= NEAR[0] * asked) & (np.abs(dE) <= NEAR[1] * asked)
    bins = _bins(dE, predicted, sigma.value, first, second)
    misfit = _growth([reference[g] for g in members], centred) or _misfit(bins)
    return Ranking(
        states=sum(map(len, members)),
        compositions=len(members),
        pairs=len(dE),
        sigma=sigma,
        resolved=None if misfit else float(norm.ppf(RELIABLE) * sigma.value),
        misfit=misfit,
        bins=tuple(b for b, _ in bins),
        difference=difference,
        chance=None if difference is None else float(_chance(difference, sigma.value)),
        observed=_observed(dE[near], predicted[near]) if near.any() else None,
        observed_pairs=int(near.sum()),
    )


def _spread(errors: Sequence[np.ndarray], runs: Sequence[Sequence[str]]) -> Estimate:
    """Return the rms of differences of errors over pairs, with each run left out in turn.

    Of m states, Σ over pairs of (e_i - e_j)² is m Σe² - (Σe)². The interval is that of log σ,
    whose spread does not depend on σ.
    """
    names, index = np.unique(np.concatenate(runs), return_inverse=True)
    ends = np.cumsum([len(e) for e in errors])[:-1]
    numerator, pairs = np.zeros(len(names) + 1), np.zeros(len(names) + 1)
    for e, run in zip(errors, np.split(index, ends), strict=True):
        # what each run has of this composition, and nothing, for the sum over all
        own = np.zeros((3, len(names) + 1))
        for row, values in zip(own, (np.ones(len(e)), e**2, e), strict=True):
            np.add.at(row, run, values)
        m, squares, total = own.sum(axis=1, keepdims=True) - own
        numerator += m * squares - total**2
        pairs += m * (m - 1) / 2
    with np.errstate(divide="ignore", invalid="ignore"):  # where a run is all there is
        sigma = np.sqrt(np.maximum(numerator, 0) / pairs)
        logarithm = with_interval(float(np.log(sigma[-1])), np.log(sigma[:-1]))
    low, high = (None if x is None else float(np.exp(x)) for x in (logarithm.low, logarithm.high))
    return Estimate(float(sigma[-1]), low, high)


def _chance(dE: np.ndarray | float, sigma: float) -> np.ndarray:
    """Return Φ(|ΔE| / σ); 1 for a model without error."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(norm.cdf(np.abs(dE) / sigma) if sigma > 0 else np.ones(np.shape(dE)))


def _observed(dE: np.ndarray, predicted: np.ndarray) -> float:
    """Return the fraction ranked right; what the model finds equal counts half."""
    right = np.where(predicted == 0, 0.5, np.sign(predicted) == np.sign(dE))
    return float(np.mean(right))


def _bins(
    dE: np.ndarray, predicted: np.ndarray, sigma: float, first: np.ndarray, second: np.ndarray
) -> list[tuple[RankingBin, float]]:
    """Return the bins, each with how many pairs that share no state it may count for."""
    bins = []
    for low, high in pairwise(EDGES):
        inside = (np.abs(dE) > low) & (np.abs(dE) <= high)
        if inside.any():
            top = float(high) if np.isfinite(high) else None
            observed = _observed(dE[inside], predicted[inside])
            expected = float(np.mean(_chance(dE[inside], sigma)))
            found = RankingBin(low, top, int(inside.sum()), observed, expected)
            bins.append((found, len({*first[inside], *second[inside]}) / 2))
    return bins


def _growth(reference: Sequence[np.ndarray], errors: Sequence[np.ndarray]) -> str | None:
    """Say where errors grow with the difference itself, as those of a soft model do."""
    e, E = np.concatenate(errors), np.concatenate([r - r.mean() for r in reference])
    if len(e) < MIN_STATES or not e.any() or not E.any():
        return None
    slope = float(np.sum(e * E) / np.sum(E**2))
    share = slope * float(np.sum(e * E)) / float(np.sum(e**2))
    if share < GROWS:
        return None
    times = f"{1 + slope:.2f} times the reference's"
    return f"the model's differences are {times}, which is {100 * share:.0f} % of σ²"


def _misfit(bins: Sequence[tuple[RankingBin, float]]) -> str | None:
    """Say where the observed ranking is not what Φ expects (Agresti and Coull's standard error)."""
    for b, n in bins:
        middle = (n * b.expected + 2) / (n + 4)
        error = np.sqrt(middle * (1 - middle) / (n + 4))
        if 2 * n >= MIN_STATES and abs(b.observed - b.expected) > ERRORS_OFF * error:
            seen = f"{100 * b.observed:.0f} % are ranked right, {100 * b.expected:.0f} % expected"
            return f"of pairs {b.range} apart {seen}"
    return None
