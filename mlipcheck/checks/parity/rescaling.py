"""One factor on all forces: fitted, and judged on what was left out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from ase.calculators.calculator import BaseCalculator

from ...analysis.jackknife import sum_by_group
from ...calculators.evaluate import Progress
from ...references.frame_sets import FrameSet
from ...references.labels import LabelledFrame
from ...references.structures import RelaxedReference
from ..relaxation.optimize import RelaxSettings
from ..relaxation.relax import relax_structure
from .forces import FLOOR
from .record import Rescaling
from .reduced import Frames

IMPROVED = 0.95  # of the folds must get better, in MAE and in RMSE
BEST_FIT = 0.9  # R² that the fit must have
NO_CHANGE = 0.01  # a factor this close to 1 corrects nothing worth the trouble
MIN_GROUPS = 5  # independent ones with a vote, each left out in turn


def fit_factor(frames: Frames) -> Rescaling | None:
    """Fit a factor to forces and judge it, each run left out in turn.

    ``frames`` have forces of both; of very many, errors are those of the components that are
    kept. None where either has no forces at all.

    Notes
    -----
    k = Σ f·F / Σ f² is what makes Σ (k f - F)² least. 1/s_lo = Σ F² / Σ f·F is not: it blows up
    what is uncorrelated with F too. Groups where neither has rms forces of 0.1 eV/Å have no vote.
    """
    sums = sum_by_group(frames.forces, frames.run)
    FF, cross, ff = sums[:, :3].sum(axis=0)
    if ff == 0 or FF == 0:
        return None
    factor = float(cross / ff)
    left = sums.sum(axis=0) - sums
    # of one group nothing is left out, and where the others have no forces nothing changes
    factors = np.full(len(sums), factor if len(sums) == 1 else 1.0)
    np.divide(left[:, 1], left[:, 2], out=factors, where=left[:, 2] > 0)
    _, place = np.unique(frames.run, return_inverse=True)
    of, F, f = place.ravel()[frames.owners], frames.reference, frames.model
    sizes = np.bincount(of, minlength=len(sums))
    kept = sizes > 0
    before, after = (
        np.array([np.bincount(of, x, len(sums)) for x in (np.abs(off), off**2)]).T[kept]
        / sizes[kept, None]
        for off in (f - F, factors[of] * f - F)
    )
    voting = (np.sqrt(sums[:, [0, 2]].max(axis=1) / (3 * sums[:, 4])) >= FLOOR)[kept]
    better = (after < before)[voting].sum(axis=0) / max(voting.sum(), 1)
    (mae, mse), (rescaled_mae, rescaled_mse) = (
        np.average(errors, axis=0, weights=sizes[kept]).tolist() for errors in (before, after)
    )
    found = Rescaling(
        factor=factor,
        groups=1 if len(sums) == 1 else int(voting.sum()),
        mae=mae,
        rmse=float(np.sqrt(mse)),
        rescaled_mae=rescaled_mae,
        rescaled_rmse=float(np.sqrt(rescaled_mse)),
        mae_improved=float(better[0]),
        rmse_improved=float(better[1]),
        r_squared=float(cross**2 / (ff * FF)),
    )
    return replace(found, refused=_reasons(found))


def relaxed_energies(
    calculator: BaseCalculator, labels: FrameSet, progress: Progress | None = None
) -> tuple[dict[str, float], tuple[tuple[str, str], ...]]:
    """Return the model's own energy of each composition at rest, in eV/atom, and what failed.

    Of each composition the frame that the reference finds lowest is relaxed with the model, its
    cell where the reference's run says so, or else where it is periodic in three directions.
    """
    lowest: dict[str, LabelledFrame] = {}
    good = [f for f in labels.frames if f.error is None]
    for frame in sorted(
        good, key=lambda f: np.inf if f.energy is None else f.energy / len(f.atoms)
    ):
        lowest.setdefault(f"{frame.atoms.symbols.formula.reduce()[0]:hill}", frame)
    free = labels.settings.cell_free if labels.settings is not None else None
    starts = [
        RelaxedReference(formula, labels.source, frame.atoms, cell_free=free)
        for formula, frame in lowest.items()
    ]
    energies: dict[str, float] = {}
    failed = []
    for start in starts:
        row = relax_structure(calculator, start, RelaxSettings())
        if row.converged and row.energy is not None:
            energies[row.name] = row.energy / row.n_atoms
        else:
            failed.append((row.name, row.error or f"not converged in {row.steps} steps"))
        if progress is not None:
            progress(1)
    return energies, tuple(failed)


def _reasons(found: Rescaling) -> tuple[str, ...]:
    """Say what speaks against the factor."""
    if abs(found.factor - 1) < NO_CHANGE:
        return (f"the factor is {found.factor:.3f}: there is nothing to rescale",)
    reasons = []
    if found.groups < MIN_GROUPS:
        runs = "all frames are of one run" if found.groups == 1 else f"{found.groups} groups"
        how = "were frames made independently: --independent, or FrameSet.independent()"
        reasons.append(f"{runs}: {MIN_GROUPS} independent ones are needed to judge it on ({how})")
    elif min(found.mae_improved, found.rmse_improved) < IMPROVED:
        fall = (
            f"{100 * found.mae_improved:.0f} % (MAE) and {100 * found.rmse_improved:.0f} % (RMSE)"
        )
        folds = f"{found.groups} folds, {100 * IMPROVED:.0f} % needed"
        reasons.append(f"held-out errors fall in {fall} of {folds}")
    if found.r_squared < BEST_FIT:
        why = "a factor leaves too much of the error"
        reasons.append(f"R² is {found.r_squared:.2f}, {BEST_FIT} needed: {why}")
    if found.factor <= 0:
        reasons.append(f"the factor is {found.factor:.2f}: forces would be reversed")
    return tuple(reasons)
