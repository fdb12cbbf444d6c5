"""The check of learning curves: what is learnt from, what it costs, and what it would help."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ase.calculators.calculator import BaseCalculator, InputError

from ...calculators.base import FAILURES
from ...calculators.evaluate import describe_error
from ...check import Check, Context, Skip, Task, align, named
from ...drawing.tables import Block
from ...record import CROSSED, Advice, Model, RunRecord
from ...references.datasets import cache_folder
from ...references.frames import FrameSet
from ...system import Settings, System
from . import toy
from .frames import FrameLearner, iterate_fits, last_tuned
from .plan import SIZES, FitStore, check_draws
from .record import FINE_TUNED, LearningCurve
from .tables import make_tables

if TYPE_CHECKING:
    from ...drawing.panel import Panel

TOY, TOY_SECONDS = "soft", 4.0  # the checkpoint that learns; a curve
EPOCHS, BACKWARD = 20, 2  # of fine-tuning; what a step for a frame costs in evaluations
ACCURACY = ("parity", "relaxation")  # checks whose findings more data of one's own may improve
ZERO_AND_ALL = "eV/atom"  # of errors that fall mostly because a zero of energy is learnt


class Learning(Check[LearningCurve]):
    """Learn from more and more frames of the user's."""

    name = "learning"
    title = "learning curves"
    asks = "how many frames of your own would improve the model"
    row = LearningCurve
    comparable = False

    def tasks(self, system: System, settings: Settings) -> list[Task | Skip]:
        asked = settings.learn or self.name in settings.only
        if settings.target is not None and not asked:
            raise InputError("--target is of the learning curve; give --learn too")
        if not asked:
            return [Skip("not asked for; give --learn")]
        if settings.quick:
            raise InputError("--learn takes minutes; leave out --quick")
        check_draws(settings.repeats, settings.seed)
        if system.demonstration and system.frames:
            for option, value in (("--sizes", settings.sizes), ("--store", settings.fits)):
                if value is not None:
                    raise InputError(f"{option} is of learning from frames; name a file of them")
            if system.calculator.checkpoint != TOY:
                spec = system.calculator.spec
                return [Skip(f"without frames it is the toy's own curve, not that of {spec}")]
            return [
                Task(
                    name,
                    tuned,
                    (tuned, settings.target),
                    seconds=TOY_SECONDS,
                    steps=len(toy.SIZES) * toy.TRIALS,
                )
                for name, tuned in (("toy, fixed ridges", False), ("toy, ridges tuned", True))
            ]
        if len(system.frames) != 1:
            names = ", ".join(s.name for s in system.frames) or "none"
            given = "; ".join((names, *system.unlabelled))
            raise InputError(f"learning takes one set of labelled frames; given: {given}")
        labels = system.frames[0]
        atoms = sorted((f.atoms for f in labels.frames), key=len)[len(labels.frames) // 2]
        learnt = _frames_learnt(labels, settings)
        evaluations = len(labels.frames) + EPOCHS * BACKWARD * learnt
        how = (settings.sizes, settings.repeats, settings.seed, settings.target, settings.fits)
        key = (labels.fingerprint, *map(str, how))
        return [Task(labels.name, labels, key, atoms, evaluations, steps=learnt + 1)]

    def run(self, calculator: BaseCalculator, task: Task, context: Context) -> list[LearningCurve]:
        settings = context.settings
        if isinstance(task.subject, bool):
            curve = toy.toy_learning_curve(
                tuned=task.subject, target=settings.target, progress=context.advance
            )
            return [curve]
        try:
            return _learn(calculator, task.subject, context)
        except FAILURES as error:  # kept and shown as this set's result
            return [LearningCurve(task.name, error=describe_error(error))]

    def tables(self, models: Sequence[Model]) -> list[Block]:
        blocks: list[Block] = []
        for same in align([[(m.letter, (m, c)) for c in m.run.rows(self.name)] for m in models]):
            for _, (model, curve) in same:
                blocks += make_tables(curve, named(model, curve.name))
        return blocks

    def figures(self, models: Sequence[Model]) -> list[Panel]:
        from .figures import draw_panels

        return draw_panels(models)

    def advice(self, run: RunRecord) -> list[Advice]:
        curves = [c for c in run.rows(self.name) if c.unit != ZERO_AND_ALL]
        found = [advice for c in curves if (advice := _learnt(run, c)) is not None]
        judged = [p for p in run.rows("parity") if p.error is None]
        crossed = any(f.check in ACCURACY and f.status in CROSSED for f in run.findings)
        if not run.rows(self.name) and judged and crossed:
            text = (
                "How many of your own frames would improve it can be measured; --target is the "
                "error that you need."
            )
            command = run.command_about("learn", judged[0].typed, "--target", "ERROR")
            found.append(Advice("fine-tune", text, command))
        return found


def _learn(calculator: BaseCalculator, labels: FrameSet, context: Context) -> list[LearningCurve]:
    settings = context.settings
    learner = FrameLearner(calculator, labels, settings.seed)
    fits = learner.plan(settings.sizes, settings.repeats, settings.seed)
    folder = settings.fits or cache_folder() / "learn"
    results = []
    for fit, errors in iterate_fits(learner, fits, folder):
        results.append((fit, errors))
        # a frame of fine-tuning takes as long as another, and all else next to nothing
        context.advance(len(fit.train) if fit.method == FINE_TUNED else 0)
    last = last_tuned(fits)
    model = None if last is None else FitStore(folder, learner.key).model_path(last)
    path = str(model) if model is not None and model.is_file() else None
    return [
        dataclasses.replace(c, typed=labels.typed, tuned_model=path)
        for c in learner.curves(results, settings.target)
    ]


def _frames_learnt(labels: FrameSet, settings: Settings) -> int:
    """Return how many frames all fits of a learning curve are fitted to, about."""
    pool = len(labels.frames) // 2
    draws = settings.repeats if len({f.run for f in labels.frames}) > 1 else 1
    return sum(n * draws for n in settings.sizes or SIZES if n <= pool)


def _learnt(run: RunRecord, curve: LearningCurve) -> Advice | None:
    command = run.command_about("learn", curve.typed, "--save", "tuned.pth")
    wanted = [n for n in curve.needed if n.method == FINE_TUNED]
    if wanted:
        needed = wanted[0]
        text = (
            f"{curve.name}: frames needed for an error of {needed.target:g} {curve.unit} "
            f"({curve.quantity}), fine-tuned: {needed.text}."
        )
        return Advice("fine-tune", text, command)
    points = [(p.n, p.mean) for p in curve.points_of(FINE_TUNED) if p.mean is not None]
    if not points or curve.zero_shot is None:
        return None
    n, mean = points[-1]
    falls = mean < curve.zero_shot
    text = (
        f"{curve.name}: fine-tuned on {n} frames, the error ({curve.quantity}) "
        f"{'falls' if falls else 'does not fall: it goes'} from {curve.zero_shot:.3g} to "
        f"{mean:.3g} {curve.unit}."
    )
    return Advice("fine-tune" if falls else "do not fine-tune", text, command if falls else None)
