"""The toy's learning curve: one Morse curve learnt from a few points, with and without another.

The truth is exact and a fit takes no time, so that every number can be looked into.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from ase.calculators.calculator import InputError

from ...calculators.base import check_seed
from ...calculators.evaluate import Progress
from ...calculators.toy.rbf_ridge import RBFRidge
from ...calculators.toy.toy import SEED, Morse, fit_toy
from .needed import make_curve
from .record import FINE_TUNED, SCRATCH, LearningCurve, LearningPoint

GENERAL, SYSTEM = Morse(1.0, 1.7, 1.1), Morse(1.4, 1.5, 1.25)
SIZES = (3, 5, 10, 20, 40, 80)
TRIALS = 30
PRETRAINING = (0.8, 2.4)  # Å, 600 distances
DRAWN = (0.9, 2.0)  # Å, the user's own; the test reaches beyond them at both ends
TEST = np.linspace(0.85, 2.3, 200)

FIXED = {FINE_TUNED: 0.5, SCRATCH: 1e-4}
GRID = np.logspace(-8, 4, 25)  # of ridges to choose from, the same for both


def toy_learning_curve(
    *,
    tuned: bool = False,
    trials: int = TRIALS,
    seed: int = SEED,
    target: float | None = None,
    shuffled: bool = False,
    pretrain: Morse = GENERAL,
    progress: Progress | None = None,
) -> LearningCurve:
    """Learn `SYSTEM` from N energies, from scratch and anchored to a model of ``pretrain``.

    Errors are the rms over the 200 distances of `TEST`, of energies that are zero at r0; both
    methods learn from the same draws, without forces and without noise.

    Parameters
    ----------
    tuned : bool
        Choose each ridge from `GRID`, by the rms error of leaving one out of the N points; else
        they are those of `FIXED`, which favour one side.
    trials, seed : int
        Draws an N, each anew.
    target : float, optional
        The error in eV to find the needed N for.
    shuffled : bool
        Deal the energies of each draw out to the wrong distances, where nothing is to be learnt.
    pretrain : Morse
        What the pretrained model was fitted to; with `SYSTEM` there is nothing left to gain.
    progress : callable, optional
        Called with 1 after each of the ``len(SIZES) * trials`` draws.

    Raises
    ------
    InputError
        Without a single trial, for a negative seed, or for a target that no error can reach.
    """
    if trials < 1:
        raise InputError(f"trials is {trials}; give 1 or more")
    check_seed(seed)
    # One generator in this order is what the published table was drawn from. Its first numbers,
    # distances near equilibrium, were for another model: they are drawn to get past them.
    rng, dealer = np.random.default_rng(seed), np.random.default_rng((seed, 1))
    rng.uniform(0.95 * pretrain.r0, 1.30 * pretrain.r0, 60)
    r = rng.uniform(*PRETRAINING, 600)
    features = fit_toy().features()
    pretrained = RBFRidge(**features).fit(r, pretrain.energy(r), ridge=1e-6)
    priors = {FINE_TUNED: pretrained, SCRATCH: RBFRidge(**features)}
    misses: dict[tuple[str, int], list[np.ndarray]] = {(m, n): [] for m in priors for n in SIZES}
    ridges: dict[str, list[float]] = {method: [] for method in priors}
    for n in np.repeat(SIZES, trials).tolist():
        r = rng.uniform(*DRAWN, n)
        energies = dealer.permutation(SYSTEM.energy(r)) if shuffled else SYSTEM.energy(r)
        for method, prior in priors.items():
            ridge = choose_ridge(r, energies, prior) if tuned else FIXED[method]
            model = RBFRidge(**features).fit(r, energies, ridge=ridge, prior=prior)
            misses[method, n].append(_miss(model))
            ridges[method].append(ridge)
        if progress is not None:
            progress(1)
    grid = f"leave-one-out, {len(GRID)} values from {GRID[0]:.0e} to {GRID[-1]:.0e}"
    settings = {
        "pretrained on": f"{_morse(pretrain)}, 600 in {_range(PRETRAINING)}, ridge 1e-06",
        "system": f"{_morse(SYSTEM)}, N in {_range(DRAWN)}",
        "test": f"{len(TEST)} in {_range((TEST[0], TEST[-1]))}",
        **{f"ridge {m}": grid if tuned else f"{ridge:g}" for m, ridge in FIXED.items()},
        "labels": "shuffled energies" if shuffled else "energies",
        "draws": f"{trials} an N, each anew, the same for both",
        "seed": str(seed),
    }
    everywhere, inside = (
        make_curve(
            [
                LearningPoint(m, n, tuple(_rms(miss[where]) for miss in found))
                for (m, n), found in misses.items()
            ],
            _rms(_miss(pretrained)[where]),
            target,
            name="toy, ridges tuned" if tuned else "toy, fixed ridges",
            quantity="RMSE of the energy",
            unit="eV",
            test_size=len(TEST),
            settings=settings,
        )
        for where in (slice(None), (DRAWN[0] <= TEST) & (DRAWN[1] >= TEST))
    )
    notes = [f"inside {_range(DRAWN)}, where the draws are, {_continued(inside.sentence)}"]
    if tuned:  # without noise in the labels no ridge is too small
        count = {m: f"{m} in {x.count(GRID[0])} of {len(x)} fits" for m, x in ridges.items()}
        found = f"the smallest ridge was chosen {', '.join(count.values())}"
        notes.append(f"{found}: how far errors fall depends on where the grid ends")
    if shuffled:
        notes.append("the energies are shuffled: there is nothing to learn")
    how = "each ridge chosen on the N points alone" if tuned else "fixed ridges"
    sentence = f"With {how}, {_continued(everywhere.sentence)}."
    return replace(everywhere, sentence=sentence, notes=tuple(notes))


def choose_ridge(r: np.ndarray, energies: np.ndarray, prior: RBFRidge) -> float:
    """Return the ridge of `GRID` with the least rms error on points left out of the fit."""
    features = np.column_stack([prior.gaussians(r), np.ones(len(r))])
    missed = leave_one_out(features, energies, GRID, prior.weights)
    return float(GRID[np.argmin(np.mean(missed**2, axis=1))])


def leave_one_out(
    features: np.ndarray, labels: np.ndarray, ridges: np.ndarray, prior: np.ndarray
) -> np.ndarray:
    """Return what ridge regression misses each label by when fitted to all the others.

    ``features`` (n, p), ``labels`` (n,) and the weights ``prior`` (p,) give a row of n for each of
    the positive ``ridges`` λ of ||A w - y||^2 + λ ||w - w_prior||^2: label less prediction. That is
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


def _miss(model: RBFRidge) -> np.ndarray:
    return np.asarray(model.predict(TEST) - SYSTEM.energy(TEST))


def _rms(miss: np.ndarray) -> float:
    return float(np.sqrt(np.mean(miss**2)))


def _continued(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:].rstrip(".")


def _morse(morse: Morse) -> str:
    return f"Morse {morse.well_depth:g} eV, {morse.a:g} 1/Å, {morse.r0:g} Å"


def _range(ends: tuple[float, float]) -> str:
    return f"{ends[0]:g} to {ends[1]:g} Å"
