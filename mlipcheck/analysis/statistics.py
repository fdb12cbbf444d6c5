"""What is estimated with parts left out: nominal intervals from independent groups, and offsets.

Groups are structures, or runs where frames share one; offsets are zeros of energy, one constant
for each element, fitted to the other structures.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

CONFIDENCE = 0.95
POSITIVE = (0.0, np.inf)
DETERMINED = 1e-9  # of 1 - leverage: what is less is rounding
RANK = 1e-12  # of the largest singular value: what is less is rounding
ROUNDS, SMALLEST = 50, 1e-2  # of reweighting; eV/atom


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval; no interval where fewer than two groups are independent."""

    value: float
    low: float | None = None
    high: float | None = None


def sum_by_group(values: np.ndarray, groups: Sequence[str] | np.ndarray) -> np.ndarray:
    """Add up the rows of ``values`` (n, k) that belong to one group; shape (n_groups, k)."""
    names, index = np.unique(np.asarray(groups), return_inverse=True)
    sums = np.zeros((len(names), values.shape[1]))
    np.add.at(sums, index, values)
    return sums


def jackknife(
    statistic: Callable[[np.ndarray], np.ndarray],
    sums: np.ndarray,
    bounds: tuple[float, float] = (-np.inf, np.inf),
    confidence: float = CONFIDENCE,
) -> Estimate:
    """Estimate a function of sums over groups, with its delete-one jackknife interval.

    Parameters
    ----------
    statistic : callable
        From sums of shape (..., k) to values of shape (...).
    sums : ndarray of shape (n_groups, k)
        What each group adds.
    bounds : tuple of float
        Between which the true value lies for certain: the interval goes no further.
    confidence : float
        Of the interval; of several that are tried together each needs more.

    Notes
    -----
    Student's t with n - 1 degrees of freedom about the value (Efron, *The Jackknife, the Bootstrap
    and Other Resampling Plans*, SIAM (1982), chapter 3). Groups are what was drawn independently:
    components of one structure are not, and as groups they make intervals far too narrow. Nominal:
    of heavy-tailed forces '95 %' covers 65 to 90.
    """
    total = sums.sum(axis=0)
    left = statistic(total - sums) if len(sums) > 1 else np.array([])
    return with_interval(float(statistic(total)), left, bounds, confidence)


def mean(sizes: np.ndarray, groups: Sequence[str] | np.ndarray) -> Estimate:
    """Return the mean of sizes of errors, which are positive, over all that groups hold."""
    sums = sum_by_group(np.column_stack([sizes, np.ones(len(sizes))]), groups)
    return jackknife(lambda s: s[..., 0] / s[..., 1], sums, POSITIVE)


def with_interval(
    value: float,
    left: np.ndarray,
    bounds: tuple[float, float] = (-np.inf, np.inf),
    confidence: float = CONFIDENCE,
) -> Estimate:
    """Return a value with its jackknife interval, from the values with each group left out."""
    n = len(left)
    if n < 2 or not np.isfinite(left).all():
        return Estimate(value)
    error = np.sqrt((n - 1) / n * np.sum((left - left.mean()) ** 2))
    half = float(stats.t.ppf((1 + confidence) / 2, n - 1) * error)
    return Estimate(value, max(value - half, bounds[0]), min(value + half, bounds[1]))


def median(values: np.ndarray, groups: Sequence[str] | np.ndarray) -> Estimate:
    """Return the median with the distribution-free interval of its order statistics.

    The delete-one jackknife does not converge for a median (Efron (1982), section 3.4): it knows
    only the middle two values. The k-th smallest and largest of n independent values enclose the
    median with the probability 1 - 2 P(B < k), B binomial of n and 1/2; the k that is used gives
    at least 95 %. Each group counts as one value, its own median. Fewer than six groups have no
    such interval.
    """
    each = np.sort([np.median(values[part]) for part in places(groups)])
    value = float(np.median(each))
    rank = int(stats.binom.ppf((1 - CONFIDENCE) / 2, len(each), 0.5))
    if rank < 1:
        return Estimate(value)
    return Estimate(value, float(each[rank - 1]), float(each[-rank]))


def fit_offsets(
    counts: Sequence[Counter[str]],
    difference: np.ndarray,
    runs: Sequence[str] | np.ndarray | None = None,
) -> tuple[np.ndarray, dict[str, float]]:
    """Take a constant for each element off energy differences.

    Parameters
    ----------
    counts : sequence of Counter
        How many atoms of each element a structure has.
    difference : ndarray of shape (n,)
        E_model - E_reference in eV/atom.
    runs : sequence of str, optional
        What each structure shares with others. With it, all of its composition and all of its run
        are left out of its fit; else the structure alone.

    Returns
    -------
    errors : ndarray of shape (n,)
        What constants fitted without a structure leave of it, in eV/atom; NaN where the others do
        not determine its constants.
    offsets : dict of str to float
        The constants fitted to all, eV an atom; those of least norm where some are not fixed.

    Notes
    -----
    Least squares: the errors e of points that were left out together follow from their residuals
    r by (1 - H) e = r, H their block of the hat matrix (Allen, Technometrics 16, 125 (1974), for
    one point). What the others do not determine is where H has an eigenvalue of 1.
    """
    elements, design = _shares(counts)
    _, composition = np.unique(np.round(design, 9), axis=0, return_inverse=True)
    run = np.unique(np.arange(len(counts)) if runs is None else runs, return_inverse=True)[1]
    # structures of one composition and run are left out with the same others: a cell of them all
    cells, first, cell, sizes = np.unique(
        np.column_stack([composition.ravel(), run]),
        axis=0,
        return_index=True,
        return_inverse=True,
        return_counts=True,
    )
    means, weights = np.bincount(cell.ravel(), difference) / sizes, np.sqrt(sizes)
    left, scales, right = np.linalg.svd(design[first] * weights[:, None], full_matrices=False)
    used = scales > RANK * scales.max(initial=0.0)
    modes = left[:, used]  # of which the hat matrix is the product with their transpose
    projected = modes.T @ (means * weights)
    constants = right[used].T @ (projected / scales[used])
    residuals = means * weights - modes @ projected
    of_run, of_composition = places(cells[:, 1]), places(cells[:, 0])
    errors = np.full(len(cells), np.nan)
    for same in of_composition if runs is not None else [[k] for k in range(len(cells))]:
        # with each cell all of its composition is left out, and what else is of its run
        basis = modes[same] if len(same) <= modes.shape[1] else np.linalg.qr(modes[same], "r")
        known: dict[tuple[int, ...], tuple[np.ndarray, ...]] = {}
        for k in same:
            more = tuple(j for j in of_run[cells[k, 1]] if cells[j, 0] != cells[k, 0])
            if more not in known:
                out = [*same, *more]
                inside = np.vstack([basis, modes[[*more]]])
                _, roots, axes = np.linalg.svd(inside, full_matrices=False)
                free = roots**2 < 1 - DETERMINED
                pull = axes @ (modes[out].T @ residuals[out])
                known[more] = axes[~free], pull[free] / (1 - roots[free] ** 2) @ axes[free]
            fixed, solved = known[more]
            if np.abs(fixed @ modes[k]).max(initial=0.0) < np.sqrt(DETERMINED):
                errors[k] = (residuals[k] + modes[k] @ solved) / weights[k]
    found = errors[cell.ravel()] + difference - means[cell.ravel()]
    return found, dict(zip(elements, constants.tolist(), strict=True))


def _shares(counts: Sequence[Counter[str]]) -> tuple[list[str], np.ndarray]:
    """Return the elements, and what share of each structure's atoms each is."""
    elements = sorted(set().union(*counts))
    return elements, np.array([[c.get(x, 0) / c.total() for x in elements] for c in counts])


def places(labels: Sequence[str] | np.ndarray) -> list[np.ndarray]:
    """Return the indices of each label, the labels in rising order."""
    sizes = np.unique(labels, return_counts=True)[1]
    return np.split(np.argsort(labels, kind="stable"), np.cumsum(sizes)[:-1])


def fit_robustly(counts: Sequence[Counter[str]], difference: np.ndarray) -> np.ndarray:
    """Return what constants of elements leave of differences in eV/atom, few of which are far off.

    Their sum of sizes is made least by least squares that are weighted again and again.
    """
    _, design = _shares(counts)
    left = difference
    for _ in range(ROUNDS):
        weights = 1 / np.sqrt(np.maximum(np.abs(left), SMALLEST))
        left = difference - design @ (
            np.linalg.pinv(design * weights[:, None]) @ (difference * weights)
        )
    return left
