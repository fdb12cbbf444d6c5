"""Whether a model finds which of two states of equal composition is lower in energy."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from scipy.stats import norm

from ...analysis.statistics import Estimate, sum_by_group, with_interval
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
TOGETHER = 100_000  # pairs that are looked at together


def compare_ranking(
    states: np.ndarray,
    runs: np.ndarray,
    reference: np.ndarray,
    model: np.ndarray,
    difference: float | None = None,
) -> Ranking | None:
    """Compare energy differences between all states of equal composition.

    ``states`` (n,) numbers what has one composition and one zero of energy, ``runs`` (n,) what is
    not independent. ``reference`` and ``model`` (n,) are total energies in eV, in one convention;
    ``difference`` is the one that matters, in eV. None where no two states are comparable.

    Notes
    -----
    σ is the rms of ΔE_model - ΔE_reference over pairs: which state of a pair comes first is
    arbitrary, so their mean is zero. With errors of a normal distribution the chance of the right
    ranking is Φ(δ/σ), and 95 % is reached at δ = 1.645 σ. Errors that like states have in common
    cancel, so that σ cannot be had from errors per atom.
    """
    # of a composition with very many states, some that are spread evenly
    most = int(np.sqrt(2 * MAX_PAIRS))
    order = np.argsort(states, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(states[order])) + 1)
    members = [
        g[np.linspace(0, len(g) - 1, min(len(g), most)).round().astype(int)]
        for g in sorted(groups, key=lambda g: g[0] if len(g) else 0)
        if len(g) > 1
    ]
    if not members:
        return None
    errors = model - reference
    # zeros of energy are taken off first: they would drown what is left in rounding
    centred = [errors[g] - errors[g].mean() for g in members]
    sigma = _spread(centred, [runs[g] for g in members])
    low, high = np.multiply(NEAR, np.nan if difference is None else difference)
    # up to each edge: how many pairs, how many ranked right, how many expected, and their states
    found, near = np.zeros((4, len(EDGES))), np.zeros(2)
    for g in members:
        places = np.array(np.triu_indices(len(g), 1))
        seen = np.zeros((len(EDGES), len(g)), dtype=bool)
        for start in range(0, places.shape[1], TOGETHER):
            first, second = places[:, start : start + TOGETHER]
            dE, predicted = (x[g][first] - x[g][second] for x in (reference, model))
            # what the model finds equal counts half
            right = np.where(predicted == 0, 0.5, np.sign(predicted) == np.sign(dE))
            each = np.ones(len(dE)), right, chance(dE, sigma.value)
            upto = np.searchsorted(EDGES, np.abs(dE))
            found[:3] += [np.bincount(upto, x, len(EDGES)) for x in each]
            seen[upto, first] = seen[upto, second] = True
            about = (np.abs(dE) >= low) & (np.abs(dE) <= high)
            near += np.count_nonzero(about), right[about].sum()
        found[3] += seen.sum(axis=1)
    sizes = zip(pairwise(EDGES), found.T[1:].tolist(), strict=True)  # but for equal energies
    bins = [
        (RankingBin(a, b if b < np.inf else None, int(n), right / n, expected / n), states / 2)
        for (a, b), (n, right, expected, states) in sizes
        if n
    ]
    misfit = _growth([reference[g] for g in members], centred) or _misfit(bins)
    return Ranking(
        states=sum(map(len, members)),
        compositions=len(members),
        pairs=sum(len(g) * (len(g) - 1) // 2 for g in members),
        sigma=sigma,
        resolved=None if misfit else float(norm.ppf(RELIABLE) * sigma.value),
        misfit=misfit,
        bins=tuple(b for b, _ in bins),
        difference=difference,
        chance=None if difference is None else float(chance(difference, sigma.value)),
        observed=float(near[1] / near[0]) if near[0] else None,
        observed_pairs=int(near[0]),
    )


def _spread(errors: Sequence[np.ndarray], runs: Sequence[np.ndarray]) -> Estimate:
    """Return the rms of differences of errors over pairs, with each run left out in turn.

    Of m states, Σ over pairs of (e_i - e_j)² is m Σe² - (Σe)². The interval is that of log σ,
    whose spread does not depend on σ.
    """
    e, run = np.concatenate(errors), np.unique(np.concatenate(runs), return_inverse=True)[1]
    composition = np.repeat(np.arange(len(errors)), [len(x) for x in errors])
    values = np.column_stack([np.ones(len(e)), e**2, e])
    # what each run has of each composition
    names = np.column_stack([composition, run.ravel()])
    cells, cell = np.unique(names, axis=0, return_inverse=True)
    each, own = sum_by_group(values, composition), sum_by_group(values, cell.ravel())
    of = each[cells[:, 0]]
    # of numerator and pairs, by leaving out each run
    changes = sum_by_group(_over_pairs(of - own) - _over_pairs(of), cells[:, 1])
    total = _over_pairs(each).sum(axis=0)
    numerator, pairs = np.vstack([total + changes, total]).T
    with np.errstate(divide="ignore", invalid="ignore"):  # where a run is all there is
        sigma = np.sqrt(np.maximum(numerator, 0) / pairs)
        logarithm = with_interval(float(np.log(sigma[-1])), np.log(sigma[:-1]))
    low, high = (None if x is None else float(np.exp(x)) for x in (logarithm.low, logarithm.high))
    return Estimate(float(sigma[-1]), low, high)


def _over_pairs(sums: np.ndarray) -> np.ndarray:
    """Return Σ (e_i - e_j)² over pairs, and their number, of m, Σe² and Σe (n, 3)."""
    m, squares, total = sums.T
    return np.column_stack([m * squares - total**2, m * (m - 1) / 2])


def chance(dE: np.ndarray | float, sigma: float) -> np.ndarray:
    """Return Φ(|ΔE| / σ); 1 for a model without error."""
    return np.asarray(norm.cdf(np.abs(dE) / sigma) if sigma > 0 else np.ones(np.shape(dE)))


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
    return f"the model's differences are {times}, {100 * share:.0f} % of the errors' variance"


def _misfit(bins: Sequence[tuple[RankingBin, float]]) -> str | None:
    """Say where the observed ranking is not what Φ expects (Agresti and Coull's standard error)."""
    for b, n in bins:
        middle = (n * b.expected + 2) / (n + 4)
        error = np.sqrt(middle * (1 - middle) / (n + 4))
        if 2 * n >= MIN_STATES and abs(b.observed - b.expected) > ERRORS_OFF * error:
            seen = f"{100 * b.observed:.0f} % are ranked right, {100 * b.expected:.0f} % expected"
            return f"of pairs {b.range} apart {seen}"
    return None
