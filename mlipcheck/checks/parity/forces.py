"""Forces of a model against a reference's: errors, slopes where they are large enough, one factor.

A factor on all forces is fitted, and judged on what was left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from ase.calculators.calculator import BaseCalculator
from ase.data import chemical_symbols

from ...analysis.statistics import CONFIDENCE, POSITIVE, Estimate, jackknife, median, sum_by_group
from ...calculators.evaluate import Progress
from ...drawing.tables import count
from ...references.frame_sets import FrameSet
from ...references.labels import LabelledFrame
from ...references.structures import RelaxedReference
from ..relaxation.optimize import RelaxSettings
from ..relaxation.relax import relax_structure
from .pieces import EDGES, SIZES, Frames
from .record import ForceGroup, ForceParity, Rescaling

# eV/Å of rms reference force, below which a slope is one of the error that a model has at any
# minimum, 0.01 to 0.02 eV/Å.
FLOOR = 0.1
BOUNDS = {"r_squared": (0.0, 1.0), "magnitude": POSITIVE}
MAX_SHOWN = 4000  # components that a figure gets
# Of one factor on all forces:
IMPROVED = 0.95  # of the folds must get better, in MAE and in RMSE
BEST_FIT = 0.9  # R² that the fit must have
NO_CHANGE = 0.01  # a factor this close to 1 corrects nothing worth the trouble
MIN_VOTES = 5  # independent groups with a vote, each left out in turn

# From ΣF², Σf·F, Σf², ... to the numbers of `Slope`.
STATISTICS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "s_lo": lambda s: s[..., 1] / s[..., 0],
    "s_hi": lambda s: s[..., 2] / s[..., 1],
    "r_squared": lambda s: s[..., 1] ** 2 / (s[..., 0] * s[..., 2]),
    "magnitude": lambda s: np.sqrt(s[..., 2] / s[..., 0]),
}


def compare_forces(frames: Frames, seed: int = 0) -> ForceParity:
    """Compare forces frame by frame, all together, by element and by size.

    ``frames`` have forces of both; ``seed`` is of the draw of components for a figure.
    """
    kinds = np.unique(frames.kinds)
    elements = int((kinds < SIZES).sum())
    each = 1 - (1 - CONFIDENCE) / max(elements, 1)  # Bonferroni: so many elements are tried
    parts = {
        k: _summarise(
            _kind_name(k),
            sum_by_group(frames.sums[frames.kinds == k], frames.groups[frames.kinds == k]),
            each if k < SIZES else CONFIDENCE,
        )
        for k in kinds.tolist()
    }
    total = _summarise("all", sum_by_group(frames.forces, frames.run))
    largest, squares = int(np.argmax(frames["FF"])), frames["FF"].sum()
    medians, counted, typically_off = _medians(frames.forces, frames.run)
    shown = np.arange(len(frames.reference))
    if len(shown) > MAX_SHOWN:
        shown = np.sort(np.random.default_rng(seed).choice(len(shown), MAX_SHOWN, replace=False))
    return ForceParity(
        **vars(total),
        frames=len(frames),
        component_mae=float(frames["component_off"].sum() / (3 * frames["atoms"].sum())),
        medians=medians,
        median_frames=counted,
        typically_off=typically_off,
        largest_share=float(frames["FF"][largest] / squares) if squares else 0.0,
        largest_frame=frames.name(largest),
        by_element=tuple(
            sorted((g for k, g in parts.items() if k < SIZES), key=lambda group: group.name)
        ),
        by_magnitude=tuple(group for k, group in parts.items() if k >= SIZES),
        reference_sample=frames.reference[shown],
        model_sample=frames.model[shown],
    )


def _kind_name(kind: int) -> str:
    """Return an element, or a range of |F| in eV/Å."""
    if kind < SIZES:
        return chemical_symbols[kind]
    low, high = EDGES[kind - SIZES : kind - SIZES + 2]
    if low == 0:
        return f"< {high:g}"
    return f"{low:g} to {high:g}" if np.isfinite(high) else f"> {low:g}"


def _summarise(name: str, sums: np.ndarray, confidence: float = CONFIDENCE) -> ForceGroup:
    """Return errors and slopes from what each independent group adds."""
    rms = float(np.sqrt(sums[:, 0].sum() / (3 * sums[:, 4].sum())))
    slopes: dict[str, Estimate] = {}
    with np.errstate(divide="ignore", invalid="ignore"):  # a model without any force
        for key, statistic in STATISTICS.items() if rms >= FLOOR else ():
            e = jackknife(statistic, sums, BOUNDS.get(key, (-np.inf, np.inf)), confidence)
            slopes |= {key: e} if np.isfinite(e.value) else {}
    mae = jackknife(lambda s: s[..., 3] / s[..., 4], sums, POSITIVE)
    return ForceGroup(name, int(sums[:, 4].sum()), len(sums), mae, rms, **slopes)


def _medians(frames: np.ndarray, groups: np.ndarray) -> tuple[ForceGroup | None, int, float | None]:
    """Return medians over frames above the floor, how many these are, and that of |s_lo - 1|."""
    counted = np.sqrt(frames[:, 0] / (3 * frames[:, 4])) >= FLOOR
    kept, of = frames[counted], groups[counted]
    if not len(kept):
        return None, 0, None
    pooled = _summarise("median of frames", sum_by_group(kept, of))
    with np.errstate(divide="ignore", invalid="ignore"):
        found = {key: statistic(kept) for key, statistic in STATISTICS.items()}
    middle: dict[str, Any] = {"mae": median(kept[:, 3] / kept[:, 4], of)}
    middle |= {key: median(x, of) if np.isfinite(x).all() else None for key, x in found.items()}
    return replace(pooled, **middle), len(kept), median(np.abs(found["s_lo"] - 1), of).value


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
    return replace(found, refused=_reasons(found, len(sums)))


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
    energies: dict[str, float] = {}
    failed = []
    for formula, frame in lowest.items():
        start = RelaxedReference(formula, labels.source, frame.atoms, cell_free=free)
        row = relax_structure(calculator, start, RelaxSettings())
        if row.converged and row.energy is not None:
            energies[row.name] = row.energy / row.n_atoms
        else:
            failed.append((row.name, row.error or f"not converged in {row.steps} steps"))
        if progress is not None:
            progress(1)
    return energies, tuple(failed)


def _reasons(found: Rescaling, runs: int) -> tuple[str, ...]:
    """Say what speaks against the factor that was fitted to so many runs."""
    if abs(found.factor - 1) < NO_CHANGE:
        return (f"the factor is {found.factor:.3f}: there is nothing to rescale",)
    reasons = []
    if found.groups < MIN_VOTES:
        given = "all frames are of one run" if runs == 1 else count(found.groups, "group")
        how = "were frames made independently: --independent, or FrameSet.independent()"
        reasons.append(f"{given}: {MIN_VOTES} independent ones are needed to judge it on ({how})")
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
