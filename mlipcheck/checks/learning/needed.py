"""What follows from a learning curve: frames needed for a target, and what pretraining is worth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from ase.calculators.calculator import InputError
from scipy import stats

from ...analysis.statistics import CONFIDENCE
from ...drawing.tables import number
from .record import SCRATCH, ZERO_FORCES, LearningCurve, LearningPoint, NeededFrames

ROUNDING = 1e-6  # relative; what differs by less is the same number computed in another order
ONE_SIGMA = 0.1587  # of a normal distribution below the mean less one standard deviation


def make_curve(
    points: Sequence[LearningPoint],
    zero_shot: float | None,
    target: float | None = None,
    *,
    nested: bool = False,
    **facts: Any,
) -> LearningCurve:
    """Return a curve with what follows from its points; ``facts`` are its other fields.

    The first method is the pretrained model with the most freedom to learn, and all but `SCRATCH`
    start from ``zero_shot``; see `needed_frames`.
    """
    curve = LearningCurve(
        methods=tuple(dict.fromkeys(p.method for p in points)),
        points=tuple(points),
        zero_shot=zero_shot,
        target=target,
        **facts,
    )
    needed = tuple(
        needed_frames(
            curve.points_of(m), target, zero_shot=None if m == SCRATCH else zero_shot, nested=nested
        )
        for m in curve.methods
        if target is not None
    )
    beaten = _baseline_sentence(curve)
    references = {"zero-shot": zero_shot, ZERO_FORCES: None if beaten else curve.baseline}
    start = curve.points_of(curve.methods[0]) if curve.methods else ()
    sentence = advantage_sentence(start, curve.points_of(SCRATCH), references, curve.unit)
    return replace(curve, needed=needed, sentence=f"{beaten}{sentence}")


def _baseline_sentence(curve: LearningCurve) -> str:
    """Say so where predicting zero forces is better than all that was tried."""
    errors = [(p.mean, f"{p.method}, N = {p.n}") for p in curve.points if p.mean is not None]
    errors += [] if curve.zero_shot is None else [(curve.zero_shot, "zero-shot")]
    if curve.baseline is None or not errors or min(errors)[0] <= curve.baseline:
        return ""
    best, where = min(errors)
    return (
        f"Predicting zero forces is better than every fit: {curve.baseline:.2g} {curve.unit} "
        f"against {best:.2g} at best ({where}). The test frames are near rest (mean |F| "
        f"{number(curve.mean_force, '.2g')} {curve.unit}): whether learning helps where forces are "
        "large is not seen here. "
    )


def needed_frames(
    points: Sequence[LearningPoint],
    target: float,
    *,
    zero_shot: float | None = None,
    nested: bool = False,
) -> NeededFrames:
    """Return the smallest N from which on the error of a method stays at or below ``target``.

    The mean of the repeats is interpolated linearly in log(error) against log(N), the straight line
    of a power law; nothing is extrapolated. Where ``nested``, repeat k of a larger N has the
    calculations of repeat k of a smaller one in it, and is a learning curve of its own: ``low`` and
    ``high`` are the order statistics that enclose the middle 68 % of the N that they need (all,
    where they are few). Where every N was drawn afresh they are where the mean less and plus one
    standard deviation reach the target: of a single draw, which is all that a user has.

    Parameters
    ----------
    points : sequence of LearningPoint
        Of one method, N rising.
    target : float
        In the unit of the errors.
    zero_shot : float, optional
        The error at N = 0, for a method that starts from there.
    nested : bool

    Raises
    ------
    InputError
        For a target that no error can reach.
    """
    method = points[0].method
    if not 0 < target < np.inf:
        raise InputError(f"target is {target}; give a positive error")
    if zero_shot is not None and zero_shot <= target:
        return NeededFrames(method, target, 0.0, 0.0, 0.0, "already zero-shot")
    measured = [p for p in points if p.errors]
    if not measured:
        return NeededFrames(method, target, None, None, None, "no fit succeeded")
    sizes = [p.n for p in measured]
    means = np.array([p.mean for p in measured], dtype=float)
    spreads = np.array([p.spread for p in measured], dtype=float)  # NaN where there is none
    n = _reach(sizes, means, target)
    low = high = None
    if np.isfinite(spreads).all():
        # where one failed it is not known which of the others go together
        if nested and not any(p.failures for p in points):
            by_repeat = np.array([p.errors for p in measured]).T
            each = sorted(_reach(sizes, errors, target) for errors in by_repeat)
            rank = math.floor(ONE_SIGMA * (len(each) - 1))
            low, high = each[rank], each[-1 - rank]
        else:
            low, high = (_reach(sizes, means + side * spreads, target) for side in (-1, 1))
    text = _needed_text(sizes, n, low, high)
    at, least, most = (None if x is None or math.isinf(x) else x for x in (n, low, high))
    return NeededFrames(method, target, at, least, most, text)


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


def _needed_text(sizes: Sequence[int], n: float, low: float | None, high: float | None) -> str:
    def words(x: float) -> str:
        if math.isinf(x):
            return f"more than {sizes[-1]}"
        return f"at most {sizes[0]}" if x <= sizes[0] else f"{math.ceil(x - 1e-6)}"

    if low is None or high is None or words(low) == words(high):
        return words(n)
    without = f", {words(high)} without" if words(high) != words(n) else ""
    return f"{words(n)} ({words(low)} with luck{without})"


def advantage_sentence(
    pretrained: Sequence[LearningPoint],
    scratch: Sequence[LearningPoint],
    references: dict[str, float | None],
    unit: str,
) -> str:
    """Say what a pretrained start is worth, compared with one from scratch and with not learning.

    ``pretrained`` and ``scratch`` are of one method each, N rising, and the repeats of one N the
    same draws; ``references`` are errors without learning, in ``unit``. One error is below another
    where the 95 % interval of their mean difference over the repeats leaves out zero (Student's t;
    paired, since the draws are the same).
    """
    pairs = [(a, b) for a in pretrained for b in scratch if a.n == b.n and a.errors and b.errors]
    if not pairs:
        return "Nothing to compare: no N was learnt from in both ways."
    sizes = [a.n for a, _ in pairs]
    start, other = pairs[0][0].method, pairs[0][1].method
    ratios = ", ".join(_ratio(b.mean, a.mean) for a, b in pairs)
    ahead = _compare(start, sizes, [_order(a, b) for a, b in pairs])
    words = f"At N = {_join(sizes)} the error {other} is {ratios} times that of {start}; {ahead}."
    for name, error in references.items():
        if error is not None:
            each = [
                _compare(points[0].method, sizes, [_order(p, error) for p in points])
                for points in zip(*pairs, strict=True)
            ]
            words += f" Compared with {name}, {error:.3g} {unit}: {'; '.join(each)}."
    if min(len(p.errors) for pair in pairs for p in pair) < 2:
        words += " These are single repeats, whose scatter is not known."
    return words


def _ratio(a: float | None, b: float | None) -> str:
    ratio = a / b if a is not None and b else math.inf
    return f"{ratio:.2g}" if ratio < 1 else f"{ratio:.{0 if ratio >= 10 else 1}f}"


def _order(a: LearningPoint, b: LearningPoint | float) -> int:
    """Return -1 where ``a`` is below ``b`` beyond the noise, 1 where it is above, else 0.

    Errors are compared as ratios: their spread grows with them, and with few repeats the larger
    one's spread would hide any difference.
    """
    b = b if isinstance(b, LearningPoint) else replace(a, errors=(b,) * len(a.errors))
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


def _compare(method: str, sizes: list[int], order: Sequence[int]) -> str:
    """Say at which N a method is better, worse, or neither, in as few words as possible."""
    found = []
    for word, sign in (("better", -1), ("no different", 0), ("worse", 1)):
        those = [n for n, x in zip(sizes, order, strict=True) if x == sign]
        if len(those) == len(sizes):
            found.append(f"{word} at every N")
        elif len(those) > 1 and those == sizes[-len(those) :]:
            found.append(f"{word} from N = {those[0]} on")
        elif those:
            found.append(f"{word} at N = {_join(those)}")
    return f"{method} is {', '.join(found)}"


def _join(sizes: Sequence[int]) -> str:
    return ", ".join(map(str, sizes))
