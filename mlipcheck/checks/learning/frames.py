"""Learning curves of a pretrained model on a user's own frames."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator, InputError
from ase.calculators.singlepoint import SinglePointCalculator

from ...analysis.offsets import fit_offsets
from ...calculators.base import FAILURES
from ...calculators.evaluate import describe_error, evaluate
from ...calculators.records import Evaluation
from ...calculators.registry import checksum, describe, get_trainer
from ...calculators.toy.rbf_ridge import RBFRidge
from ...drawing.tables import some
from ...references.frames import FrameSet, LabelledFrame
from ...storage import collect_versions, lost_is_told
from ..kept import probe, read_kept, write_kept
from .needed import make_curve
from .plan import (
    Errors,
    Fit,
    check_draws,
    find_duplicates,
    gather_points,
    plan_fits,
    split_frames,
)
from .record import FINE_TUNED, OFFSETS, RESCALED, SCRATCH, LearningCurve

# The model from scratch: a curve for each pair of elements, as the toy has one.
CENTERS, WIDTH, RIDGE = np.linspace(0.6, 6.0, 28), 0.35, 1e-4
QUANTITIES = {
    "forces": ("MAE of force components", "eV/Å"),
    "energies": ("MAE of the energy", "eV/atom"),
}


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
    learner = FrameLearner(calculator, labels, seed)
    fits = plan_fits(learner.split, sizes, learner.methods, repeats, seed)
    # the model of the largest N, of its first repeat, is what a user takes away
    tuned = [fit for fit in reversed(fits) if fit.method == FINE_TUNED and fit.repeat == 0]
    last = next(iter(tuned), None)
    elements = {x for f in labels.frames for x in f.atoms.symbols}
    numbers = [] if store is None else probe(calculator, elements)
    tuned_model = None
    results = []
    for fit in fits:
        path = None if store is None else store / f"{learner.key(fit)}.json"
        model = path.with_suffix(".pth") if path is not None and fit == last else None
        kept = None if path is None else read_kept(path, numbers)
        if kept is None or (model is not None and _checksum(model) != (kept["model"] or "no file")):
            errors = learner.learn(fit, model)
            kept = {"errors": errors, "model": _checksum(model)}
            if path is not None and "failed" not in errors:  # what failed may be tried again
                write_kept(path, kept, numbers)
        results.append((fit, kept["errors"]))
        tuned_model = str(model) if kept["model"] and model is not None else tuned_model
        if progress is not None:
            progress(len(fit.train) if fit.method == FINE_TUNED else 0)
    curves = learner.curves(results, target)
    forces, energies = (replace(curve, tuned_model=tuned_model) for curve in curves)
    return forces, energies


def _checksum(model: Path | None) -> str | None:
    return checksum(model) if model is not None and model.is_file() else None


class FrameLearner:
    """One pretrained model and one set of frames, split: what every fit has in common.

    Raises
    ------
    InputError
        For too few frames that have an energy and forces, and that the model can evaluate.
    """

    def __init__(self, calculator: BaseCalculator, labels: FrameSet, seed: int = 0) -> None:
        if labels.error is not None:
            raise InputError(labels.error)
        self.calculator = calculator
        self.labels = labels
        self.found = evaluate(calculator, [f.atoms for f in labels.frames])
        why = [_unusable(f, e) for f, e in zip(labels.frames, self.found, strict=True)]
        usable = [k for k, reason in enumerate(why) if reason is None]
        if not usable:
            reason = next(iter(why), "no frames")
            raise InputError(f"{labels.name}: no frame to learn from: {reason}")
        for k in find_duplicates(self._frames(usable)):
            why[usable[k]] = "the structure and labels of another"
        self.split = split_frames(labels, [k for k in usable if why[k] is None], seed)
        self.notes = []
        for reason in dict.fromkeys(filter(None, why)):
            names = [f.name for f, x in zip(labels.frames, why, strict=True) if x == reason]
            frames = f"{len(names)} frame{'s' * (len(names) > 1)}"
            self.notes.append(f"{frames} left out ({some(names)}): {reason}")
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
            "frames": self.labels.fingerprint,
            "test": self.split.test,  # another seed tests on other runs
            "settings": self.settings,
            "mlipcheck": collect_versions().get("mlipcheck"),
            "fit": vars(fit),
        }
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:24]

    def curves(
        self, results: Sequence[tuple[Fit, Errors]], target: float | None
    ) -> list[LearningCurve]:
        """Put finished fits together: forces, energies."""
        zero_shot = self._errors(*_predicted(self.found[k] for k in self.split.test))
        forces = [np.asarray(f.forces) for f in self._frames(self.split.test)]
        baseline = self._errors(None, [np.zeros_like(F) for F in forces])
        mean_force = float(np.linalg.norm(np.concatenate(forces), axis=1).mean())
        return [
            make_curve(
                gather_points(results, name),
                zero_shot[name],
                target if name == "forces" else None,
                nested=True,
                name=f"{self.labels.name}, {name}",
                quantity=quantity,
                unit=unit,
                test_size=len(self.split.test),
                settings=self.settings,
                notes=tuple(self.notes),
                typed=self.labels.typed,
                baseline=baseline[name],
                mean_force=mean_force,
            )
            for name, (quantity, unit) in QUANTITIES.items()
        ]

    def learn(self, fit: Fit, keep: Path | None = None) -> Errors:
        """Return the errors on the test frames after one fit; one that fails says why.

        A model that was fine-tuned is written to ``keep``.
        """
        fits = {RESCALED: self._rescaled, OFFSETS: self._shifted, SCRATCH: self._from_scratch}
        try:
            if fit.method == FINE_TUNED:
                return self._fine_tuned(fit, keep)
            return fits[fit.method](fit.train)
        except FAILURES as error:  # this fit's result
            return {"failed": describe_error(error)}

    def _fine_tuned(self, fit: Fit, keep: Path | None) -> Errors:
        assert self.trainer is not None
        images = [_labelled(f) for f in self._frames(fit.train)]
        tuned = self.trainer.fine_tune(self.calculator, images, seed=fit.repeat)
        if keep is not None:
            with lost_is_told(keep.parent):
                keep.parent.mkdir(parents=True, exist_ok=True)
                self.trainer.save(tuned, keep)
        return self._errors(*_predicted(evaluate(tuned, self._images(self.split.test))))

    def _rescaled(self, train: Sequence[int]) -> Errors:
        """Fit k = Σ f·F / Σ f² to the frames; energies have no zero to be scaled about."""
        f = np.concatenate([self.found[k].forces for k in train])
        F = np.concatenate([frame.forces for frame in self._frames(train)])
        factor = float(np.sum(f * F) / np.sum(f**2))
        _, forces = _predicted(self.found[k] for k in self.split.test)
        return self._errors(None, [factor * x for x in forces])

    def _shifted(self, train: Sequence[int]) -> Errors:
        """Fit a constant for each element; forces stay what they are."""
        energies, _ = _predicted(self.found[k] for k in train)
        counts = [Counter(atoms.get_chemical_symbols()) for atoms in self._images(train)]
        difference = (energies - _energies(self._frames(train))) / [c.total() for c in counts]
        _, offsets = fit_offsets(counts, difference)
        energies, _ = _predicted(self.found[k] for k in self.split.test)
        symbols = [atoms.get_chemical_symbols() for atoms in self._images(self.split.test)]
        return self._errors(energies - [sum(offsets.get(x, 0.0) for x in xs) for xs in symbols])

    def _from_scratch(self, train: Sequence[int]) -> Errors:
        """Fit a pair potential to the same frames, which is the honest small-data baseline."""
        frames, test = self._frames(train), self._images(self.split.test)
        known = [f.atoms for f in frames]
        species = {x for atoms in (*known, *test) for x in atoms.get_chemical_symbols()}
        model = RBFRidge(CENTERS, WIDTH, species=sorted(species))
        forces = [np.asarray(f.forces) for f in frames]
        model.fit(known, _energies(frames), forces, ridge=RIDGE)
        found = model.predict(test, forces=True)
        return self._errors(np.asarray(found[0]), list(found[1]))

    def _errors(
        self, energies: np.ndarray | None, forces: list[np.ndarray] | None = None
    ) -> Errors:
        """Return MAE of force components (eV/Å) and of energies (eV/atom) on the test frames."""
        frames = self._frames(self.split.test)
        found: Errors = {"forces": None, "energies": None}
        if forces is not None:
            F = np.concatenate([f.forces for f in frames if f.forces is not None])
            found["forces"] = float(np.mean(np.abs(np.concatenate(forces) - F)))
        if energies is not None:
            n_atoms = [len(f.atoms) for f in frames]
            found["energies"] = float(np.mean(np.abs(energies - _energies(frames)) / n_atoms))
        return found

    def _frames(self, indices: Sequence[int]) -> list[LabelledFrame]:
        return [self.labels.frames[k] for k in indices]

    def _images(self, indices: Sequence[int]) -> list[Atoms]:
        return [self.labels.frames[k].atoms for k in indices]


def _unusable(frame: LabelledFrame, found: Evaluation) -> str | None:
    """Say why a frame can be neither learnt from nor tested on."""
    if frame.error or found.error:
        return frame.error or found.error
    if frame.energy is None or found.energy is None:
        return "no energy"
    return "no forces" if frame.forces is None or found.forces is None else None


def _energies(frames: Sequence[LabelledFrame]) -> np.ndarray:
    return np.array([f.energy for f in frames], dtype=float)


def _predicted(found: Iterable[Evaluation]) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return energies (eV) and forces (eV/Å); `InputError` where a structure has none."""
    energies, forces = [], []
    for e in found:
        if e.error is not None or e.energy is None or e.forces is None:
            raise InputError(e.error or "no energy and forces")
        energies.append(e.energy)
        forces.append(e.forces)
    return np.array(energies), forces


def _labelled(frame: LabelledFrame) -> Atoms:
    atoms = frame.atoms.copy()
    atoms.calc = SinglePointCalculator(atoms, energy=frame.energy, forces=frame.forces)
    return atoms
