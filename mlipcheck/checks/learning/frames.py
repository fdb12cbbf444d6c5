"""Learning curves of a pretrained model on a user's own frames."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase.calculators.calculator import BaseCalculator, InputError
from ase.calculators.singlepoint import SinglePointCalculator

from ...analysis.statistics import fit_offsets
from ...calculators.base import FAILURES, Evaluation
from ...calculators.evaluate import describe_error, evaluate
from ...calculators.registry import checksum, describe, get_trainer
from ...calculators.toy.rbf_ridge import RBFRidge
from ...drawing.tables import count, some
from ...references.frame_sets import FrameSet
from ...references.labels import LabelledFrame
from ...storage import collect_versions, report_loss
from ..kept import probe, read_kept, write_kept
from .needed import make_curve
from .plan import Errors, Example, Fit, check_draws, gather_points, plan_fits, split_runs
from .record import FINE_TUNED, OFFSETS, RESCALED, SCRATCH, LearningCurve

# The model from scratch: a curve for each pair of elements, as the toy has one.
CENTERS, WIDTH, RIDGE = np.linspace(0.6, 6.0, 28), 0.35, 1e-4
# Energies (eV) and forces (eV/Å) of the test frames; None where a method has none.
Predicted = tuple[Sequence[float] | None, Sequence[np.ndarray] | None]


def learn_from_frames(
    calculator: BaseCalculator,
    labels: FrameSet,
    sizes: Sequence[int] | None = None,
    *,
    repeats: int = 3,
    seed: int = 0,
    target: float | None = None,
    store: Path | None = None,
    progress: Callable[[int], None] | None = None,
) -> tuple[LearningCurve, LearningCurve]:
    """Return the errors of forces and of energies against the number of frames learnt from.

    Parameters
    ----------
    calculator : ASE calculator
        The pretrained model; fine-tuned only where its backend has a trainer.
    labels : FrameSet
        With energies and forces. Half of the frames are for the test: the late ones of a single
        run, after a gap of a tenth of it, or whole runs. Duplicates are left out.
    sizes : sequence of int, optional
        The N; by default 1, 3, 10, 30, ... as far as there are frames.
    repeats, seed : int
        Draws of N frames each, where there is something to draw.
    target : float, optional
        MAE of force components in eV/Å: how many frames are needed for it?
    store : Path, optional
        A folder in which each finished fit is kept; what is there is not fitted again.
    progress : callable, optional
        Called after each fit with the number of frames that a model was fine-tuned on.

    Raises
    ------
    InputError
        For too few frames, an N beyond what there is, and what `check_draws` refuses.
    """
    check_draws(repeats, seed)
    learner = _Learner(calculator, labels, seed)
    fits = plan_fits(learner.split, sizes, learner.methods, repeats, seed)
    # the model of the largest N, of its first repeat, is what a user takes away
    tuned = [fit for fit in reversed(fits) if fit.method == FINE_TUNED and fit.repeat == 0]
    elements = {x for f in labels.frames for x in f.atoms.symbols}
    numbers = [] if store is None else probe(calculator, elements)
    tuned_model, results = None, []
    for fit in fits:
        path = None if store is None else store / f"{learner.key(fit)}.json"
        model = path.with_suffix(".pth") if path is not None and fit in tuned[:1] else None
        results.append((fit, learner.find(fit, path, model, numbers)))
        if model is not None and model.is_file():
            tuned_model = str(model)
        if progress is not None:
            progress(len(fit.train) if fit.method == FINE_TUNED else 0)
    zero_shot = learner.errors([x.model_energy for x in learner.test], learner.model_forces)
    none = [np.zeros_like(x.forces) for x in learner.test]
    norms = np.linalg.norm(np.concatenate([x.forces for x in learner.test]), axis=1)

    def curve(kind: str, quantity: str, unit: str, **facts: Any) -> LearningCurve:
        facts |= {"name": f"{labels.name}, {kind}", "quantity": quantity, "unit": unit}
        facts |= {"typed": labels.typed, "tuned_model": tuned_model, "test_size": len(learner.test)}
        return make_curve(gather_points(results, kind), zero_shot[kind], **facts)

    forces = curve(
        "forces",
        "MAE of force components",
        "eV/Å",
        target=target,
        nested=True,
        baseline=learner.errors(None, none)["forces"],
        mean_force=float(norms.mean()),
        settings=learner.settings,  # of both, and said once
        notes=learner.notes,
    )
    return forces, curve("energies", "MAE of the energy", "eV/atom")


class _Learner:
    """One pretrained model and one set of frames, split: what every fit has in common."""

    def __init__(self, calculator: BaseCalculator, labels: FrameSet, seed: int) -> None:
        self.examples, self.notes = _examples(calculator, labels)
        self.calculator, self.frames = calculator, labels.fingerprint
        self.split = split_runs(labels.name, [x.run for x in self.examples], seed)
        self.test = [self.examples[k] for k in self.split.test]
        self.model_forces = [x.model_forces for x in self.test]
        self.trainer = get_trainer(calculator)
        self.methods = (*([FINE_TUNED] if self.trainer else []), RESCALED, OFFSETS, SCRATCH)
        self.settings = {
            "split": self.split.how,
            **(self.trainer.SETTINGS if self.trainer else {}),
            "from scratch": f"pair potential, {len(CENTERS)} Gaussians of {WIDTH} Å a pair of "
            f"elements, ridge {RIDGE:g}, energies and forces",
        }

    def key(self, fit: Fit) -> str:
        """Return a hash of all that the result of a fit depends on."""
        info = describe(self.calculator)
        facts = {
            "model": [info.spec, info.checkpoint_sha256, info.version, info.options, info.dtype],
            "frames": self.frames,
            "test": self.split.test,  # another seed tests on other runs
            "settings": self.settings,
            "mlipcheck": collect_versions().get("mlipcheck"),
            "fit": vars(fit),
        }
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:24]

    def find(
        self, fit: Fit, path: Path | None, model: Path | None, numbers: Sequence[float]
    ) -> Errors:
        """Return the errors of a fit: kept ones where they, and the ``model``, are whole."""
        kept = None if path is None else read_kept(path, numbers)
        if kept is None or (model is not None and _checksum(model) != (kept["model"] or "no file")):
            kept = {"errors": self.learn(fit, model), "model": _checksum(model)}
            # what failed may be tried again
            if path is not None and "failed" not in kept["errors"]:
                write_kept(path, kept, numbers)
        found: Errors = kept["errors"]
        return found

    def learn(self, fit: Fit, keep: Path | None) -> Errors:
        """Return the errors on the test frames after one fit; one that fails says why.

        A model that was fine-tuned is written to ``keep``.
        """
        methods = {RESCALED: self._rescale, OFFSETS: self._shift, SCRATCH: self._from_scratch}
        train = [self.examples[k] for k in fit.train]
        try:
            if fit.method == FINE_TUNED:
                return self.errors(*self._fine_tune(train, fit.repeat, keep))
            return self.errors(*methods[fit.method](train))
        except FAILURES as error:  # this fit's result
            return {"failed": describe_error(error)}

    def _fine_tune(self, train: Sequence[Example], seed: int, keep: Path | None) -> Predicted:
        images = [x.atoms.copy() for x in train]
        for atoms, x in zip(images, train, strict=True):
            atoms.calc = SinglePointCalculator(atoms, energy=x.energy, forces=x.forces)
        assert self.trainer is not None
        tuned = self.trainer.fine_tune(self.calculator, images, seed=seed)
        if keep is not None:
            with report_loss(keep.parent):
                keep.parent.mkdir(parents=True, exist_ok=True)
                self.trainer.save(tuned, keep)
        energies, forces = [], []
        for e in evaluate(tuned, [x.atoms for x in self.test]):
            if e.error is not None or e.energy is None or e.forces is None:
                raise InputError(e.error or "no energy and forces")
            energies.append(e.energy)
            forces.append(e.forces)
        return energies, forces

    def _rescale(self, train: Sequence[Example]) -> Predicted:
        """Fit k = Σ f·F / Σ f² to the frames; energies have no zero to be scaled about."""
        f = np.concatenate([x.model_forces for x in train])
        F = np.concatenate([x.forces for x in train])
        factor = float(np.sum(f * F) / np.sum(f**2))
        return None, [factor * f for f in self.model_forces]

    def _shift(self, train: Sequence[Example]) -> Predicted:
        """Fit a constant for each element; forces stay what they are."""
        counts = [Counter(x.atoms.get_chemical_symbols()) for x in train]
        difference = [(x.model_energy - x.energy) / len(x.atoms) for x in train]
        _, offsets = fit_offsets(counts, np.array(difference))
        return [
            x.model_energy - sum(offsets.get(s, 0.0) for s in x.atoms.get_chemical_symbols())
            for x in self.test
        ], None

    def _from_scratch(self, train: Sequence[Example]) -> Predicted:
        """Fit a pair potential to the same frames, which is the honest small-data baseline."""
        known, images = [x.atoms for x in train], [x.atoms for x in self.test]
        species = {s for atoms in (*known, *images) for s in atoms.get_chemical_symbols()}
        model = RBFRidge(CENTERS, WIDTH, species=sorted(species))
        energies = np.array([x.energy for x in train])
        model.fit(known, energies, [x.forces for x in train], ridge=RIDGE)
        predicted: Any = model.predict(images, forces=True)
        return predicted

    def errors(
        self, energies: Sequence[float] | None, forces: Sequence[np.ndarray] | None
    ) -> Errors:
        """Return MAE of force components (eV/Å) and of energies (eV/atom) on the test frames."""
        found: Errors = {"forces": None, "energies": None}
        if forces is not None:
            F = np.concatenate([x.forces for x in self.test])
            found["forces"] = float(np.mean(np.abs(np.concatenate(forces) - F)))
        if energies is not None:
            each = [(e - x.energy) / len(x.atoms) for e, x in zip(energies, self.test, strict=True)]
            found["energies"] = float(np.mean(np.abs(each)))
        return found


def _checksum(model: Path | None) -> str | None:
    return checksum(model) if model is not None and model.is_file() else None


def _examples(
    calculator: BaseCalculator, labels: FrameSet
) -> tuple[list[Example], tuple[str, ...]]:
    """Return what can be learnt from and tested on, and why frames are left out."""
    if labels.error is not None:
        raise InputError(labels.error)
    examples: dict[tuple[bytes, ...], Example] = {}
    left_out: dict[str, list[str]] = {}
    found = evaluate(calculator, [f.atoms for f in labels.frames])
    for frame, evaluation in zip(labels.frames, found, strict=True):
        example = _example(frame, evaluation)
        if isinstance(example, Example) and example.key in examples:
            example = "the structure and labels of another"
        if isinstance(example, Example):
            examples[example.key] = example
        else:
            left_out.setdefault(example, []).append(frame.name)
    if not examples:
        raise InputError(f"{labels.name}: no frame to learn from: {next(iter(left_out), 'none')}")
    notes = [
        f"{count(len(names), 'frame')} left out ({some(names)}): {why}"
        for why, names in left_out.items()
    ]
    return list(examples.values()), tuple(notes)


def _example(frame: LabelledFrame, found: Evaluation) -> Example | str:
    """Return what there is to learn from a frame, or why there is nothing."""
    if error := frame.error or found.error:
        return error
    if frame.energy is None or found.energy is None:
        return "no energy"
    if frame.forces is None or found.forces is None:
        return "no forces"
    return Example(frame.atoms, frame.run, frame.energy, frame.forces, found.energy, found.forces)
