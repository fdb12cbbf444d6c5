"""The check of learning curves: what is learnt from, what it costs, and what it would help."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING

from ase.calculators.calculator import BaseCalculator, InputError

from ...calculators.backends import list_backends
from ...calculators.base import FAILURES, CalculatorInfo
from ...calculators.evaluate import describe_error
from ...check import Check, Context, Skip, Task, align, named
from ...drawing.tables import Block, Paragraph, TableBlock, capital, list_reasons, number
from ...record import CROSSED, Advice, Model, RunRecord
from ...references.datasets import cache_folder
from ...system import Settings, System
from . import toy
from .frames import learn_from_frames
from .plan import check_draws, plan_fits, split_runs
from .record import FINE_TUNED, SCRATCH, ZERO_FORCES, LearningCurve, LearningPoint

if TYPE_CHECKING:
    from ...drawing.panel import Panel

TOY, TOY_SECONDS = "soft", 4.0  # the checkpoint that learns; a curve
EPOCHS, BACKWARD = 20, 2  # of fine-tuning; what a step for a frame costs in evaluations
ACCURACY = ("parity", "relaxation")  # checks whose findings more data may improve
ZERO_AND_ALL = "eV/atom"  # of errors that fall mostly because a zero of energy is learnt
MIN_ADVISED = 10  # frames below which a curve has next to no points
MIN_DECIMALS, MAX_DECIMALS = 3, 6


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
            steps = len(toy.SIZES) * toy.TRIALS
            return [
                Task(name, tuned, (tuned, settings.target), seconds=TOY_SECONDS, steps=steps)
                for name, tuned in (("toy, fixed ridges", False), ("toy, ridges tuned", True))
            ]
        if len(system.frames) != 1:
            names = ", ".join(s.name for s in system.frames) or "none"
            given = "; ".join((names, *list_reasons(system.unlabelled)))
            raise InputError(f"learning takes one set of labelled frames; given: {given}")
        labels = system.frames[0]
        split = split_runs(labels.name, [f.run for f in labels.frames], settings.seed)
        tuned = [FINE_TUNED] if _has_trainer(system.calculator) else []
        fits = plan_fits(split, settings.sizes, tuned, settings.repeats, settings.seed)
        learnt = sum(len(fit.train) for fit in fits)
        atoms = sorted((f.atoms for f in labels.frames), key=len)[len(labels.frames) // 2]
        evaluations = len(labels.frames) + EPOCHS * BACKWARD * learnt
        how = (settings.sizes, settings.repeats, settings.seed, settings.target, settings.fits)
        key = (*labels.key, *map(str, how))
        return [Task(labels.name, labels, key, atoms, evaluations, steps=learnt + 1)]

    def run(self, calculator: BaseCalculator, task: Task, context: Context) -> list[LearningCurve]:
        settings = context.settings
        if isinstance(task.subject, bool):
            curve = toy.toy_learning_curve(
                tuned=task.subject, target=settings.target, progress=context.advance
            )
            return [curve]
        try:
            curves = learn_from_frames(
                calculator,
                task.subject,
                settings.sizes,
                repeats=settings.repeats,
                seed=settings.seed,
                target=settings.target,
                store=settings.fits or cache_folder() / "learn",
                progress=context.advance,
            )
        except FAILURES as error:  # kept and shown as this set's result
            return [LearningCurve(task.name, error=describe_error(error))]
        return list(curves)

    def tables(self, models: Sequence[Model]) -> list[Block]:
        aligned = align([[(m, c) for c in m.run.rows(self.name)] for m in models])
        return [b for m, c in chain(*aligned) for b in make_tables(c, named(m, c.name))]

    def figures(self, models: Sequence[Model]) -> list[Panel]:
        from .figures import draw_panels

        return draw_panels(models)

    def advice(self, run: RunRecord) -> list[Advice]:
        if not _has_trainer(run.calculator):
            return []
        curves = [c for c in run.rows(self.name) if c.unit != ZERO_AND_ALL]
        return [*filter(None, [_measured(run, c) for c in curves] if curves else [_to_do(run)])]


def _has_trainer(calculator: CalculatorInfo) -> bool:
    return any(b.name == calculator.backend and b.trainer for b in list_backends())


def _measured(run: RunRecord, curve: LearningCurve) -> Advice | None:
    """Return what a curve that was measured says about fine-tuning."""
    points = [(p.n, p.mean) for p in curve.points_of(FINE_TUNED) if p.mean is not None]
    if not points or curve.zero_shot is None:
        return None
    n, mean = points[-1]
    best = min(curve.zero_shot, *(error for _, error in points))
    if curve.baseline is not None and best >= curve.baseline:
        text = (
            f"{curve.name}: predicting zero forces ({curve.baseline:.2g} {curve.unit}) is better "
            f"than the model, zero-shot or fine-tuned ({best:.2g} at best): these frames are near "
            "rest. Add frames with larger forces, as of molecular dynamics."
        )
        return Advice("do not fine-tune", text)
    falls = mean < curve.zero_shot
    text = (
        f"{curve.name}: fine-tuned on {n} frames, the error ({curve.quantity}) "
        f"{'falls' if falls else 'does not fall: it goes'} from {curve.zero_shot:.3g} to "
        f"{mean:.3g} {curve.unit}."
    )
    for needed in curve.needed:
        if needed.method == FINE_TUNED:
            text += f" Frames needed for {needed.target:g} {curve.unit}: {needed.text}."
    sizes = ("--sizes", ",".join(map(str, curve.sizes)))  # those fits are kept
    command = run.command_about("learn", curve.typed, *sizes, "--save", "tuned.pth")
    return Advice("fine-tune" if falls else "do not fine-tune", text, command if falls else None)


def _to_do(run: RunRecord) -> Advice | None:
    """Propose to measure a curve where something is wrong and there are frames to learn from."""
    faults = [f for f in run.findings if f.status in CROSSED and not f.doubts]
    if not any(f.check in ACCURACY for f in faults):
        return None
    doubtful = {name for f in run.findings if f.doubts for name in f.subjects}
    rows = [row for row in run.rows("parity") if row.error is None]
    for row in rows:
        forces, alone = row.forces, [r.typed for r in rows].count(row.typed) == 1
        if forces is None or forces.frames < MIN_ADVISED or row.name in doubtful or not alone:
            continue
        error = forces.component_mae
        if error < abs(forces.reference_sample).mean():  # that of predicting zero forces
            text = (
                "How many of your own frames would improve it can be measured: how many, for "
                f"instance, for half of the error of the forces ({error:.2g} eV/Å)."
            )
            command = run.command_about("learn", row.typed, "--target", f"{error / 2:.2g}")
            return Advice("fine-tune", text, command)
    return None


def make_tables(curve: LearningCurve, title: str) -> list[Block]:
    """Return mean ± spread, a row an N and a column a method, then what follows from them.

    What needs no learning stands above: the baseline, and zero-shot for what starts from it.
    """
    if curve.error is not None:
        return [Paragraph(f"{title}: {curve.error}", "fail")]
    form, found = f".{_decimals(curve)}f", {(p.method, p.n): p for p in curve.points}
    zero_shot = [None if m == SCRATCH else curve.zero_shot for m in curve.methods]
    above = ((ZERO_FORCES, [curve.baseline] * len(zero_shot)), ("zero-shot", zero_shot))
    rows = [(name, *(number(x, form) for x in xs)) for name, xs in above if any(xs)]
    for n in curve.sizes:
        rows.append((str(n), *(_cell(found.get((m, n)), form) for m in curve.methods)))
    repeats = max((len(p.errors) for p in curve.points), default=0)
    how = f"mean ± standard deviation of {repeats} repeats" if repeats > 1 else "one repeat"
    lines = [f"{curve.quantity} in {curve.unit}, {how}, tested on {curve.test_size}."]
    if curve.mean_force is not None:
        lines.append(f"Mean |F| of the test frames: {curve.mean_force:.2g} eV/Å an atom.")
    for needed in curve.needed:
        text = f"{needed.target:g} {curve.unit}, {needed.method}: {needed.text}"
        lines.append(f"N needed for {text}.")
    lines += [curve.sentence, *(f"{note}." for note in curve.notes)]
    if settings := "; ".join(f"{key}: {value}" for key, value in curve.settings.items()):
        lines.append(f"{capital(settings)}.")
    failed = [(f"{p.method}, N = {p.n}", why) for p in curve.points for why in p.failures]
    return [
        TableBlock(
            f"Learning curve, {title}",
            ("N", *curve.methods),
            tuple(rows),
            (False, *(True for _ in curve.methods)),
        ),
        *(Paragraph(f"{fit}: failed: {why}", "fail") for fit, why in failed),
        *(Paragraph(line) for line in lines if line),
    ]


def _cell(point: LearningPoint | None, form: str) -> str:
    if point is None or point.mean is None:
        return "-"
    spread = "" if point.spread is None else f" ± {point.spread:{form}}"
    return f"{point.mean:{form}}{spread}"


def _decimals(curve: LearningCurve) -> int:
    """Return how many show two digits of the smallest mean."""
    means = [p.mean for p in curve.points if p.mean is not None]
    smallest = min((x for x in means if 0 < x < math.inf), default=1.0)
    return min(max(MIN_DECIMALS, 1 - math.floor(math.log10(smallest))), MAX_DECIMALS)
