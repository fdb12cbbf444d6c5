"""Learning curves of a pretrained model on a user's own frames."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator, InputError
from ase.calculators.singlepoint import SinglePointCalculator

from ...analysis.offsets import fit_offsets
from ...calculators.base import FAILURES
from ...calculators.evaluate import describe_error, evaluate
from ...calculators.records import Evaluation
from ...calculators.registry import describe, get_trainer
from ...calculators.toy.rbf_ridge import RBFRidge
from ...references.frames import FrameSet, LabelledFrame
from ...storage import collect_versions, report_loss
from ..kept import probe
from .collect import collect_curves
from .plan import Errors, Fit, FitStore, Split, check_draws, choose_sizes, plan_fits, split_frames
from .record import FINE_TUNED, OFFSETS, RESCALED, SCRATCH, LearningCurve

# The model from scratch: a curve for each pair of elements, as the toy has one.
CENTERS, WIDTH, RIDGE = np.linspace(0.6, 6.0, 28), 0.35, 1e-4

Progress = Callable[[int], None]


def learn_from_frames(
    calculator: BaseCalculator,
    labels: FrameSet,
    sizes: Sequence[int] | None = None,
    *,
    repeats: int = 3,
    seed: int = 0,
    target: float | None = None,
    store: Path | None = None,
    progress: Progress | None = None,
) -> tuple[LearningCurve, LearningCurve]:
    """Return the errors of forces and of energies against the number of frames learnt from.

    Parameters
    ----------
    calculator : ASE calculator
        The pretrained model; fine-tuned only where its backend has a trainer.
    labels : FrameSet
        With energies and forces. Half of the frames are for the test: the late ones of a single
        run, or whole runs.
    sizes : sequence of int, optional
        The N; by default 1, 3, 10, 30, ... as far as there are frames.
    repeats : int
        Draws of N frames each, where there is something to draw.
    seed : int
    target : float, optional
        MAE of force components in eV/Å: how many frames are needed for it?
    store : Path, optional
        A folder in which each finished fit is kept; what is there is not fitted again.
    progress : callable, optional
        Called with 1 after each fit.

    Raises
    ------
    InputError
        For too few frames, an N beyond what there is, and what `check_draws` refuses.
    """
    check_draws(repeats, seed)
    learner = FrameLearner(calculator, labels, seed)
    results = []
    for done in iterate_fits(learner, learner.plan(sizes, repeats, seed), store):
        results.append(done)
        if progress is not None:
            progress(1)
    return learner.curves(results, target)


def iterate_fits(
    learner: FrameLearner, fits: Sequence[Fit], store: Path | None = None
) -> Iterator[tuple[Fit, Errors]]:
    """Yield each fit with its errors as it is finished; what the store has is not fitted again."""
    kept = None if store is None else FitStore(store, learner.key, learner.probe)
    for fit in fits:
        # the model of the largest N is what a user takes away
        model = kept.model_path(fit) if kept is not None and fit == last_tuned(fits) else None
        found = None if kept is None else kept.get(fit, model)
        if found is None:
            found = learner.learn(fit, model)
            if kept is not None and "failed" not in found:  # what failed may be tried again
                kept.put(fit, found, model)
        yield fit, found


def last_tuned(fits: Sequence[Fit]) -> Fit | None:
    """Return the first repeat of the largest N that was fine-tuned."""
    tuned = [fit for fit in fits if fit.method == FINE_TUNED and fit.repeat == 0]
    return max(tuned, key=lambda fit: len(fit.train), default=None)


class FrameLearner:
    """One pretrained model and one set of frames, parted: what every fit has in common.

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
        self.left_out = {f.name: why for f, e in self._all() if (why := _unusable(f, e))}
        usable = [k for k, (f, e) in enumerate(self._all()) if not _unusable(f, e)]
        if not usable:
            why = next(iter(self.left_out.values()), "no frames")
            raise InputError(f"{labels.name}: no frame to learn from: {why}")
        self.split: Split = split_frames(labels, usable, seed)
        self.trainer = get_trainer(calculator)

    @property
    def methods(self) -> tuple[str, ...]:
        tuned = () if self.trainer is None else (FINE_TUNED,)
        return (*tuned, RESCALED, OFFSETS, SCRATCH)

    @property
    def settings(self) -> dict[str, str]:
        """What was fixed beforehand."""
        return {
            "split": self.split.how,
            **({} if self.trainer is None else self.trainer.SETTINGS),
            "from scratch": f"pair potential, {len(CENTERS)} Gaussians of {WIDTH} Å a pair of "
            f"elements, ridge {RIDGE:g}, energies and forces",
        }

    @property
    def key(self) -> dict[str, Any]:
        """What the result of a fit depends on, beside the frames that it learns from."""
        info = describe(self.calculator)
        return {
            "model": [info.spec, info.checkpoint_sha256, info.version, info.options, info.dtype],
            "frames": self.labels.fingerprint,
            "test": self.split.test,  # another seed parts other runs
            "settings": self.settings,
            "mlipcheck": collect_versions().get("mlipcheck"),
        }

    @functools.cached_property
    def probe(self) -> list[float]:
        """What the model computes, of `kept.probe`: its name does not tell."""
        return probe(self.calculator, {x for f in self.labels.frames for x in f.atoms.symbols})

    def plan(self, sizes: Sequence[int] | None, repeats: int, seed: int) -> list[Fit]:
        """Return every fit for these N; see `learn_from_frames`."""
        chosen = choose_sizes(self.split, sizes)
        return plan_fits(self.split, chosen, self.methods, repeats, seed)

    def curves(
        self, results: Sequence[tuple[Fit, Errors]], target: float | None
    ) -> tuple[LearningCurve, LearningCurve]:
        """Put finished fits together: forces, energies."""
        return collect_curves(
            self.labels.name,
            results,
            self.zero_shot(),
            target,
            test_size=len(self.split.test),
            settings=self.settings,
            notes=tuple(f"{name} left out: {why}" for name, why in self.left_out.items()),
        )

    def zero_shot(self) -> Errors:
        return self._errors(*_predicted([self.found[k] for k in self.split.test]))

    def learn(self, fit: Fit, keep: Path | None = None) -> Errors:
        """Return the errors on the test frames after one fit; one that fails says why.

        A model that was fine-tuned is written to ``keep``.
        """
        try:
            if fit.method == FINE_TUNED:
                tuned = self._fine_tuned(fit)
                if keep is not None and self.trainer is not None:
                    with report_loss(keep.parent):
                        keep.parent.mkdir(parents=True, exist_ok=True)
                        self.trainer.save(tuned, keep)
                images = [f.atoms for f in self._frames(self.split.test)]
                return self._errors(*_predicted(evaluate(tuned, images)))
            fits = {RESCALED: self._rescaled, OFFSETS: self._shifted, SCRATCH: self._scratch}
            return fits[fit.method](fit.train)
        except FAILURES as error:  # this fit's result
            return {"failed": describe_error(error)}

    def _fine_tuned(self, fit: Fit) -> BaseCalculator:
        assert self.trainer is not None
        images = [_labelled(f) for f in self._frames(fit.train)]
        tuned: BaseCalculator = self.trainer.fine_tune(self.calculator, images, seed=fit.repeat)
        return tuned

    def _rescaled(self, train: Sequence[int]) -> Errors:
        """Fit k = Σ f·F / Σ f² to the frames; energies have no zero to be scaled about."""
        f = np.concatenate([self.found[k].forces for k in train])
        F = np.concatenate([frame.forces for frame in self._frames(train)])
        factor = float(np.sum(f * F) / np.sum(f**2))
        _, forces = _predicted([self.found[k] for k in self.split.test])
        return self._errors(None, [factor * x for x in forces])

    def _shifted(self, train: Sequence[int]) -> Errors:
        """Fit a constant for each element; forces stay what they are."""
        compositions = [self._composition(k) for k in train]
        model, _ = _predicted([self.found[k] for k in train])
        labels = np.array([f.energy for f in self._frames(train)], dtype=float)
        sizes = np.array([c.total() for c in compositions])
        _, offsets = fit_offsets(compositions, (model - labels) / sizes)
        energies, _ = _predicted([self.found[k] for k in self.split.test])
        shifts = [
            sum(n * offsets.get(x, 0.0) for x, n in self._composition(k).items())
            for k in self.split.test
        ]
        return self._errors(energies - np.array(shifts), None)

    def _scratch(self, train: Sequence[int]) -> Errors:
        """Fit a pair potential to the same frames, which is the honest small-data baseline."""
        frames = self._frames([*train, *self.split.test])
        species = {x for f in frames for x in f.atoms.get_chemical_symbols()}
        model = RBFRidge(CENTERS, WIDTH, species=sorted(species))
        known = self._frames(train)
        model.fit(
            [f.atoms for f in known],
            np.array([f.energy for f in known], dtype=float),
            [f.forces for f in known if f.forces is not None],
            ridge=RIDGE,
        )
        images = [f.atoms for f in self._frames(self.split.test)]
        energies, forces = model.predict(images, forces=True)
        return self._errors(np.asarray(energies), list(forces))

    def _errors(self, energies: np.ndarray | None, forces: list[np.ndarray] | None) -> Errors:
        """Return MAE of force components (eV/Å) and of energies (eV/atom) on the test frames."""
        frames = self._frames(self.split.test)
        found: Errors = {"forces": None, "energies": None}
        if forces is not None:
            F = np.concatenate([f.forces for f in frames if f.forces is not None])
            found["forces"] = float(np.mean(np.abs(np.concatenate(forces) - F)))
        if energies is not None:
            E = np.array([f.energy for f in frames], dtype=float)
            n_atoms = [len(f.atoms) for f in frames]
            found["energies"] = float(np.mean(np.abs(energies - E) / n_atoms))
        return found

    def _all(self) -> list[tuple[LabelledFrame, Evaluation]]:
        return list(zip(self.labels.frames, self.found, strict=True))

    def _frames(self, indices: Sequence[int]) -> list[LabelledFrame]:
        return [self.labels.frames[k] for k in indices]

    def _composition(self, k: int) -> Counter[str]:
        return Counter(self.labels.frames[k].atoms.get_chemical_symbols())


def _unusable(frame: LabelledFrame, found: Evaluation) -> str | None:
    """Say why a frame can be neither learnt from nor tested on."""
    if frame.error or found.error:
        return frame.error or found.error
    if frame.energy is None or found.energy is None:
        return "no energy"
    return "no forces" if frame.forces is None or found.forces is None else None


def _predicted(found: Sequence[Evaluation]) -> tuple[np.ndarray, list[np.ndarray]]:
    for e in found:
        if e.error is not None or e.energy is None or e.forces is None:
            raise InputError(e.error or "no energy and forces")
    return (
        np.array([e.energy for e in found], dtype=float),
        [e.forces for e in found if e.forces is not None],
    )


def _labelled(frame: LabelledFrame) -> Atoms:
    atoms = frame.atoms.copy()
    atoms.calc = SinglePointCalculator(atoms, energy=frame.energy, forces=frame.forces)
    return atoms
