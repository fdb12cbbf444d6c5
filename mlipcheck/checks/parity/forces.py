"""Forces of a model against a reference's: errors, and slopes where forces are large enough."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...analysis.estimate import Estimate
from ...analysis.jackknife import CONFIDENCE, POSITIVE, jackknife, median, sum_by_group
from .pieces import SIZES
from .record import ForceGroup, ForceParity
from .reduced import Frames, kind_name

# eV/Å of rms reference force, below which a slope is one of the error that a model has at any
# minimum, 0.01 to 0.02 eV/Å.
FLOOR = 0.1
BOUNDS = {"r_squared": (0.0, 1.0), "magnitude": POSITIVE}
MAX_SHOWN = 4000  # components that a figure gets

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
            kind_name(k),
            sum_by_group(frames.sums[frames.kinds == k], frames.groups[frames.kinds == k]),
            each if k < SIZES else CONFIDENCE,
        )
        for k in kinds.tolist()
    }
    total = _summarise("all", sum_by_group(frames.forces, frames.run))
    largest, squares = int(np.argmax(frames["FF"])), frames["FF"].sum()
    medians, counted = _medians(frames.forces, frames.run)
    shown = np.arange(len(frames.reference))
    if len(shown) > MAX_SHOWN:
        shown = np.sort(np.random.default_rng(seed).choice(len(shown), MAX_SHOWN, replace=False))
    return ForceParity(
        **vars(total),
        frames=len(frames),
        component_mae=float(frames["component_off"].sum() / (3 * frames["atoms"].sum())),
        medians=medians,
        median_frames=counted,
        largest_share=float(frames["FF"][largest] / squares) if squares else 0.0,
        largest_frame=frames.name(largest),
        by_element=tuple(
            sorted((g for k, g in parts.items() if k < SIZES), key=lambda group: group.name)
        ),
        by_magnitude=tuple(group for k, group in parts.items() if k >= SIZES),
        reference_sample=frames.reference[shown],
        model_sample=frames.model[shown],
    )


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


def _medians(frames: np.ndarray, groups: np.ndarray) -> tuple[ForceGroup | None, int]:
    """Return the medians over frames above the floor, and how many these are."""
    counted = np.sqrt(frames[:, 0] / (3 * frames[:, 4])) >= FLOOR
    kept, of_group = frames[counted], groups[counted]
    if not counted.any():
        return None, 0
    middle: dict[str, Estimate] = {}
    with np.errstate(divide="ignore", invalid="ignore"):
        for key, statistic in STATISTICS.items():
            values = statistic(kept)
            if np.isfinite(values).all():
                middle[key] = median(values, of_group)
    rms = float(np.sqrt(kept[:, 0].sum() / (3 * kept[:, 4].sum())))
    mae = median(kept[:, 3] / kept[:, 4], of_group)
    atoms, n = int(kept[:, 4].sum()), len(set(of_group))
    return ForceGroup("median of frames", atoms, n, mae, rms, **middle), int(counted.sum())
