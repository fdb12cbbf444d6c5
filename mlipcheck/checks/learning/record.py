"""Records of learning curves: how an error falls with the number of calculations."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass, field

from ...storage import Record

FINE_TUNED, RESCALED = "fine-tuned", "one factor"
OFFSETS, SCRATCH = "offsets only", "from scratch"
ZERO_FORCES = "zero forces"  # the baseline that needs no model


@dataclass(frozen=True)
class LearningPoint(Record):
    """The errors of one method after learning from ``n`` of the user's calculations.

    ``n`` counts all that the method saw, for fitting, for choosing settings and for stopping early.
    ``errors`` has one a repeat that succeeded, in the unit of the curve, and ``failures`` why each
    of the others has none.
    """

    method: str
    n: int
    errors: tuple[float, ...]
    failures: tuple[str, ...] = ()

    @property
    def mean(self) -> float | None:
        return statistics.fmean(self.errors) if self.errors else None

    @property
    def spread(self) -> float | None:
        """Standard deviation over repeats, of one of them and not of their mean."""
        known = len(self.errors) > 1 and all(map(math.isfinite, self.errors))
        return statistics.stdev(self.errors) if known else None


@dataclass(frozen=True)
class NeededFrames(Record):
    """How many calculations bring the error of a method down to ``target``, and keep it there.

    ``n`` lies between the N that were measured; it is 0 where zero-shot suffices, None where the
    largest N does not. ``low`` and ``high`` are the same with luck and without, from the spread of
    the repeats; None beyond the largest N, and where there are no repeats. ``text`` says it all.
    """

    method: str
    target: float
    n: float | None
    low: float | None
    high: float | None
    text: str


@dataclass(frozen=True)
class LearningCurve(Record):
    """Errors on one held-out test set against N, a method a curve.

    Attributes
    ----------
    quantity, unit : str
        What the errors are of, ``RMSE of the energy`` and ``eV``.
    methods : tuple of str
        In the order in which they are shown.
    points : tuple of LearningPoint
        By method, N rising; the repeats of one N are the same draws for every method.
    zero_shot, baseline : float or None
        The errors of the pretrained model as it is and, of forces, of predicting zero, in ``unit``.
    test_size : int
        What is tested on: distances of the toy, frames of a real system.
    mean_force : float or None
        Mean |F| over the atoms of the test frames, eV/Å.
    settings : dict of str to str
        Whatever was fixed beforehand.
    target : float or None
        The error that was asked for, in ``unit``; ``needed`` has a row a method where there is one.
    sentence : str
        What learning gains, and what remains of the advantage of having been pretrained.
    typed : str or None
        What to type to have the same frames again, None where they have no name.
    tuned_model : str or None
        The file of the model that was fine-tuned on most frames.
    error : str or None
        Why there is no curve.
    """

    name: str
    quantity: str = ""
    unit: str = ""
    methods: tuple[str, ...] = ()
    points: tuple[LearningPoint, ...] = ()
    zero_shot: float | None = None
    test_size: int = 0
    settings: dict[str, str] = field(default_factory=dict)
    target: float | None = None
    needed: tuple[NeededFrames, ...] = ()
    sentence: str = ""
    notes: tuple[str, ...] = ()
    typed: str | None = None
    tuned_model: str | None = None
    error: str | None = None
    baseline: float | None = None
    mean_force: float | None = None

    @property
    def sizes(self) -> tuple[int, ...]:
        """Every N, rising."""
        return tuple(sorted({p.n for p in self.points}))

    def points_of(self, method: str) -> tuple[LearningPoint, ...]:
        return tuple(p for p in self.points if p.method == method)
