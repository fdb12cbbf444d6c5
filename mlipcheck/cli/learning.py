"""Learning curves run with a progress bar, and a model before and after."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from . import outputs, places

if TYPE_CHECKING:
    from ase.calculators.calculator import BaseCalculator

    from ..checks.learning.frames import FrameLearner
    from ..checks.learning.plan import Errors, Fit
    from ..checks.learning.record import LearningCurve
    from ..record import RunRecord
    from ..references.labels import LabelledFrame
    from ..references.structures import RelaxedReference

MANY_ELEMENTS = 6  # more have too many pairs to scan by the way
MANY_STRUCTURES = 5
AT_REST = 0.1  # eV/Å; the limit of the verdict for a reference at its own minimum


def learn_toy(target: float | None) -> list[LearningCurve]:
    """Return the toy's curve with fixed ridges, and with ridges chosen on the points alone."""
    from ..checks.learning.toy import SIZES, TRIALS, toy_learning_curve

    with outputs.progress_bar("learning", 2 * len(SIZES) * TRIALS) as advance:
        return [
            toy_learning_curve(tuned=tuned, target=target, progress=advance)
            for tuned in (False, True)
        ]


def refuse_options(backend: str, given: dict[str, Any]) -> None:
    """Refuse what the toy's curve, which is always the same, has no use for."""
    from ase.calculators.calculator import InputError

    used = [name for name, value in given.items() if value is not None]
    if used:
        raise InputError(f"{used[0]} is of learning from frames; name a file of them")
    if backend != "toy":
        raise InputError(f"without frames it is the toy's own curve, not that of {backend}")


def check(learner: FrameLearner, target: float | None, repeats: int, save: Path | None) -> None:
    """Refuse what cannot come out in the end, before any work is done."""
    from ase.calculators.calculator import InputError

    from ..calculators.registry import describe

    if target is not None and not target > 0:
        raise InputError(f"target is {target}; give a positive error in eV/Å")
    if repeats < 1:
        raise InputError(f"repeats is {repeats}; give 1 or more")
    if save is not None and learner.trainer is None:
        spec = describe(learner.calculator).spec
        raise InputError(f"--save: {spec} has no trainer, and nothing will be fine-tuned")


def fit_all(
    learner: FrameLearner, fits: Sequence[Fit], store: Path
) -> tuple[list[tuple[Fit, Errors]], bool]:
    """Return what was fitted, and whether it was interrupted on the way."""
    from ..checks.learning.frames import iterate_fits
    from ..checks.learning.plan import FINE_TUNED

    results: list[tuple[Fit, Errors]] = []
    # a frame of fine-tuning takes as long as another, and all else next to nothing
    tuned = sum(len(f.train) for f in fits if f.method == FINE_TUNED)
    with outputs.progress_bar("frames learnt", tuned) as advance:
        try:
            for fit, errors in iterate_fits(learner, fits, store):
                results.append((fit, errors))
                advance(len(fit.train) if fit.method == FINE_TUNED else 0)
        except KeyboardInterrupt:
            return results, True
    return results, False


def tell_forgetting(
    learner: FrameLearner, fits: Sequence[Fit], store: Path, save: Path | None, *, quiet: bool
) -> None:
    """Scan dimers and relax with the model before and after, and print both side by side.

    Where stdout is for JSON (``quiet``) the two records are written alone.
    """
    from ..calculators.registry import describe, get_calculator
    from ..checks.learning.frames import last_tuned
    from ..checks.learning.plan import FitStore
    from ..comparison import compare_runs
    from ..report import side_by_side, terminal
    from ..storage import dumps, write_atomically

    fit = last_tuned(fits)
    if fit is None:
        spec = describe(learner.calculator).spec
        typer.echo(f"{spec} has no trainer here: nothing fine-tuned", err=True)
        return
    model = FitStore(store, learner.key).model_path(fit)
    if not model.is_file():
        typer.echo(
            f"no model to look at: the fit to most frames failed, or {store} is full", err=True
        )
        return
    if save is not None:
        with places.told_as_a_mistake(f"--save {save}"):
            write_atomically(save, model.read_bytes())
        typer.echo(f"saved: {save}", err=True)
    info = describe(learner.calculator)
    after = get_calculator(f"{info.backend}:{model}", device=info.device or "auto")
    records = [_look(c, learner) for c in (learner.calculator, after)]
    paths = [model.with_suffix(f".{when}.json") for when in ("before", "after")]
    for record, place in zip(records, paths, strict=True):
        write_atomically(place, dumps(record))
    if not quiet:
        out = terminal.console()
        out.print(f"\nBefore (A) and after (B) learning from {len(fit.train)} frames")
        comparison = compare_runs(records, [str(p) for p in paths])
        side_by_side.print_comparison(out, comparison)
    typer.echo(f"again: mlipcheck report {paths[0]} {paths[1]}", err=True)


def _look(calculator: BaseCalculator, learner: FrameLearner) -> RunRecord:
    from ..checks.relaxation.relax import RelaxSettings

    references = _at_rest(learner)
    elements = sorted({x for f in learner.labels.frames for x in f.atoms.get_chemical_symbols()})
    scans: list[Any] = []
    if len(elements) <= MANY_ELEMENTS:
        scans = outputs.scan(calculator, elements, ["none"])
    how = RelaxSettings()
    rows = outputs.relax(calculator, references, how)[0] if references else []
    settings = {"elements": elements, "relax": how}
    return outputs.make_record(calculator, settings, dimers=scans, relaxations=rows)


def _at_rest(learner: FrameLearner) -> list[RelaxedReference]:
    """Return the frame of lowest energy of each composition, where the reference is at rest."""
    from ..references.structures import RelaxedReference

    lowest: dict[str, Any] = {}
    for frame in learner.labels.frames:
        formula = frame.atoms.get_chemical_formula()
        known = lowest.get(formula)
        if _fmax(frame) > AT_REST:
            continue  # it would move with the reference too
        if frame.energy is not None and (known is None or frame.energy < known.energy):
            lowest[formula] = frame
    settings = learner.labels.settings
    return [
        RelaxedReference(
            name=frame.name,
            source=learner.labels.source,
            relaxed=frame.atoms,
            cell_free=settings.cell_free if settings is not None else None,
            level_of_theory=learner.labels.level_of_theory,
            fmax=_fmax(frame),
        )
        for frame in list(lowest.values())[:MANY_STRUCTURES]
    ]


def _fmax(frame: LabelledFrame) -> float:
    if frame.forces is None:
        return float("inf")
    return max(float(f @ f) ** 0.5 for f in frame.forces)
