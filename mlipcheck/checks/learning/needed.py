"""Learning curves: how many calculations a target needs, and what pretraining is worth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from ase.calculators.calculator import InputError
from scipy import stats

from ...analysis.jackknife import CONFIDENCE
from .record import LearningPoint, NeededFrames

ROUNDING = 1e-6  # relative; what differs by less is the same number computed in another order
ONE_SIGMA = 0.1587  # of a normal distribution below the mean less one standard deviation


def needed_frames(
    points: Sequence[LearningPoint],
    target: float,
    *,
    zero_shot: float | None = None,
    nested: bool = False,
) -> NeededFrames:
    """Return the smallest N from which on the error of a method stays at or below ``target``.

    Parameters
    ----------
    points : sequence of LearningPoint
        Of one method, N rising.
    target : float
        In the unit of the errors.
    zero_shot : float, optional
        The error at N = 0, for a method that starts from there.
    nested : bool
        Whether repeat k of a larger N has the calculations of repeat k of a smaller one in it.

    Raises
    ------
    InputError
        For a target that no error can reach, or points that are of no one method.

    Notes
    -----
    The mean of the repeats is interpolated linearly in log(error) against log(N), the straight line
    of a power law; nothing is extrapolated. Nested repeats are learning curves of their own: each
    has its own N, and ``low`` and ``high`` are the order statistics that enclose the middle 68 % of
    them (all of them, where they are few). Where every N was drawn afresh there is no such thing as
    the curve of one repeat: then they are where the mean less and plus one standard deviation
    reach the target. That spread is of a single draw, which is all that a user has.
    """
    methods = {p.method for p in points}
    if not 0 < target < np.inf:
        raise InputError(f"target is {target}; give a positive error")
    if len(methods) != 1:
        raise InputError(f"points of {sorted(methods)}; give those of one method")
    method = methods.pop()
    if zero_shot is not None and zero_shot <= target:
        return NeededFrames(method, target, 0.0, 0.0, 0.0, "already zero-shot")
    measured = [(p.n, p.mean, p.spread, p.errors) for p in points if p.mean is not None]
    if not measured:
        return NeededFrames(method, target, None, None, None, "no fit succeeded")
    sizes = [n for n, *_ in measured]
    means = np.array([mean for _, mean, *_ in measured], dtype=float)
    n = _reach(sizes, means, target)
    low = high = None
    if all(spread is not None for _, _, spread, _ in measured):
        repeats = {len(errors) for *_, errors in measured}
        # where one failed it is not known which of the others go together
        if nested and len(repeats) == 1 and not any(p.failures for p in points):
            each = sorted(
                _reach(sizes, errors, target)
                for errors in np.array([errors for *_, errors in measured]).T
            )
            rank = math.floor(ONE_SIGMA * (len(each) - 1))
            low, high = each[rank], each[-1 - rank]
        else:
            spreads = np.array([spread for _, _, spread, _ in measured], dtype=float)
            low, high = (_reach(sizes, means + side * spreads, target) for side in (-1, 1))
    text = _tell_needed(sizes, n, low, high)
    return NeededFrames(method, target, _finite(n), _finite(low), _finite(high), text)


def _reach(sizes: Sequence[int], errors: np.ndarray, target: float) -> float:
    """Return the N from which on ``errors`` are at most ``target``; infinite where the last is not.

    A curve that dips below the target and comes back had luck there.
    """
    above = np.flatnonzero(errors > target)
    k = int(above[-1]) + 1 if len(above) else 0
    if k == len(sizes):
        return math.inf
    if k == 0 or errors[k] <= 0:  # there is no logarithm to go by
        return float(sizes[k])
    share = math.log(errors[k - 1] / target) / math.log(errors[k - 1] / errors[k])
    return float(sizes[k - 1] * (sizes[k] / sizes[k - 1]) ** share)


def _finite(x: float | None) -> float | None:
    return None if x is None or math.isinf(x) else x


def _tell_needed(sizes: Sequence[int], n: float, low: float | None, high: float | None) -> str:
    def tell(x: float) -> str:
        if math.isinf(x):
            return f"more than {sizes[-1]}"
        return f"at most {sizes[0]}" if x <= sizes[0] else f"{math.ceil(x - 1e-6)}"

    if low is None or high is None or tell(low) == tell(high):
        return tell(n)
    without = f", {tell(high)} without" if tell(high) != tell(n) else ""
    return f"{tell(n)} ({tell(low)} with luck{without})"


def advantage_sentence(
    pretrained: Sequence[LearningPoint],
    scratch: Sequence[LearningPoint],
    zero_shot: float | None,
    unit: str,
) -> str:
    """Say what a pretrained start is worth: against one from scratch, and against not learning.

    Parameters
    ----------
    pretrained, scratch : sequence of LearningPoint
        Of one method each, N rising; the repeats of one N are the same draws.
    zero_shot : float or None
        The error of the pretrained model as it is, in ``unit``.

    Notes
    -----
    One error is below another where the 95 % interval of their mean difference over the repeats
    leaves out zero (Student's t; paired, since the draws are the same). With a single repeat there
    is no noise to hold it against, and the sentence says so.
    """
    pairs = [(a, b) for a in pretrained for b in scratch if a.n == b.n and a.errors and b.errors]
    if not pairs:
        return "Nothing to compare: no N was learnt from in both ways."
    sizes = [a.n for a, _ in pairs]
    start, other = pairs[0][0].method, pairs[0][1].method
    ratios = ", ".join(_tell_ratio(b, a) for a, b in pairs)
    told = [
        f"At N = {_join(sizes)} the error {other} is {ratios} times that of {start}",
        f"; {_tell_order(start, other, sizes, [_order(a, b) for a, b in pairs])}.",
    ]
    if zero_shot is not None:
        told.append(f" Beside zero-shot, {zero_shot:.3g} {unit}, ")
        against = []
        for points in zip(*pairs, strict=True):
            order = [_order(p, replace(p, errors=(zero_shot,) * len(p.errors))) for p in points]
            against.append(_tell_gain(points[0].method, sizes, order))
        told.append("; ".join(against) + ".")
    if min(len(p.errors) for pair in pairs for p in pair) < 2:
        told.append(" Of single repeats: by how much they scatter is not known.")
    return "".join(told)


def _tell_ratio(a: LearningPoint, b: LearningPoint) -> str:
    assert a.mean is not None
    ratio = a.mean / b.mean if b.mean else math.inf
    return f"{ratio:.2g}" if ratio < 1 else f"{ratio:.{0 if ratio >= 10 else 1}f}"


def _order(a: LearningPoint, b: LearningPoint) -> int:
    """Return -1 where ``a`` is below ``b`` beyond the noise, 1 where it is above, else 0.

    Errors are compared as ratios: their spread grows with them, and with few repeats the larger
    one's spread would hide any difference.
    """
    tiny = np.finfo(float).tiny
    x, y = (np.log(np.maximum(p.errors, tiny)) for p in (a, b))
    difference = x.mean() - y.mean()
    fewest = min(len(x), len(y))
    half = ROUNDING
    if fewest > 1:
        # where different repeats failed they are no pairs any more
        paired = len(x) == len(y) and a.failures == b.failures == ()
        parts = [x - y] if paired else [x, y]
        error = math.sqrt(sum(part.var(ddof=1) / len(part) for part in parts))
        half = max(half, float(stats.t.ppf((1 + CONFIDENCE) / 2, fewest - 1)) * error)
    return 0 if abs(difference) <= half else int(np.sign(difference))


def _tell_order(start: str, other: str, sizes: Sequence[int], order: Sequence[int]) -> str:
    """Say where the pretrained start is ahead, and from where on the other has caught up."""
    last = max((k for k, sign in enumerate(order) if sign < 0), default=-1)
    if all(sign < 0 for sign in order):
        return f"{other} catches up nowhere up to N = {sizes[-1]}"
    where = {
        word: _where(sizes, [sign == which for sign in order])
        for word, which in (("ahead", -1), ("not told apart", 0), ("behind", 1))
    }
    told = ", ".join(f"{word} {at}" for word, at in where.items() if at)
    if last < 0:
        return f"no advantage of {start} is shown ({told})"
    if last + 1 < len(sizes):
        return f"{start} is {told}: {other} catches up at N = {sizes[last + 1]}"
    return f"{start} is {told}"


def _tell_gain(method: str, sizes: Sequence[int], order: Sequence[int]) -> str:
    better = _where(sizes, [sign < 0 for sign in order])
    worse = _where(sizes, [sign > 0 for sign in order])
    if better:
        return f"{method} is better {better}" + (f", worse {worse}" if worse else "")
    return f"{method} shows no gain at any N" + (f" and is worse {worse}" if worse else "")


def _where(sizes: Sequence[int], chosen: Sequence[bool]) -> str:
    """Say at which of ``sizes`` in as few words as possible; nothing where at none."""
    those = [n for n, here in zip(sizes, chosen, strict=True) if here]
    if not those:
        return ""
    if all(chosen):
        return "at every N"
    if len(those) > 1 and those == list(sizes[-len(those) :]):
        return f"from N = {those[0]} on"
    return f"at N = {_join(those)}"


def _join(sizes: Sequence[int]) -> str:
    return ", ".join(map(str, sizes))


def leave_one_out(
    features: np.ndarray, labels: np.ndarray, ridges: np.ndarray, prior: np.ndarray
) -> np.ndarray:
    """Return what ridge regression misses each label by when fitted to all the others.

    Parameters
    ----------
    features : ndarray of shape (n, p)
    labels : ndarray of shape (n,)
    ridges : ndarray of shape (k,)
        λ of ||A w - y||^2 + λ ||w - w_prior||^2, all positive.
    prior : ndarray of shape (p,)

    Returns
    -------
    ndarray of shape (k, n)
        Label less prediction, in the unit of the labels.

    Notes
    -----
    r_i / (1 - h_ii), with r the residuals of the fit to all and H = A (A^T A + λ)^-1 A^T (Allen,
    Technometrics 16, 125 (1974)). With A = U S V^T and U complete, both r and 1 - h_ii are sums
    over λ / (s^2 + λ): nothing cancels where the fit goes through every label and h_ii is 1.
    """
    u, s, _ = np.linalg.svd(features, full_matrices=True)
    squares = np.zeros(len(labels))
    squares[: len(s)] = s**2
    shrunk = ridges[:, None] / (squares + ridges[:, None])
    residuals = (shrunk * (u.T @ (labels - features @ prior))) @ u.T
    return residuals / (shrunk @ (u**2).T)
