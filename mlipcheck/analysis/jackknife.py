"""Numbers and their nominal intervals, from independent groups: structures, or runs of frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from .offsets import places

CONFIDENCE = 0.95
POSITIVE = (0.0, np.inf)


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
