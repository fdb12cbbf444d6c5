"""Forces of a model against a reference's: errors, and slopes where forces are large enough."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from ...analysis.estimate import Estimate
from ...analysis.jackknife import CONFIDENCE, POSITIVE, jackknife, median, sum_by_group
from .record import ForceGroup, ForceParity

# eV/Å of rms reference force, below which a slope is one of the error that a model has at any
# minimum, 0.01 to 0.02 eV/Å.
FLOOR = 0.1
EDGES = (0.0, 0.1, 0.3, 1.0, 3.0, 10.0, np.inf)  # eV/Å
BOUNDS = {"r_squared": (0.0, 1.0), "magnitude": POSITIVE}
MAX_SHOWN = 4000  # components that a figure gets

# From ΣF², Σf·F, Σf², ... to the numbers of `Slope`.
STATISTICS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "s_lo": lambda s: s[..., 1] / s[..., 0],
    "s_hi": lambda s: s[..., 2] / s[..., 1],
    "r_squared": lambda s: s[..., 1] ** 2 / (s[..., 0] * s[..., 2]),
    "magnitude": lambda s: np.sqrt(s[..., 2] / s[..., 0]),
}


def compare_forces(
    names: Sequence[str],
    groups: Sequence[str],
    symbols: Sequence[Sequence[str]],
    reference: Sequence[np.ndarray],
    model: Sequence[np.ndarray],
    seed: int = 0,
) -> ForceParity:
    """Compare forces frame by frame, all together, by element and by size.

    Of each frame ``names`` are its name, ``groups`` what it shares with frames that are not
    independent of it, ``symbols`` the elements of its atoms, ``reference`` and ``model`` forces
    (n_atoms, 3) in eV/Å. ``seed`` is of the draw of components for a figure.
    """
    F, f = np.concatenate(reference), np.concatenate(model).astype(float)
    frame = np.repeat(np.arange(len(names)), [len(x) for x in reference])
    # what each atom adds: ΣF², Σf·F, Σf², ||f - F||, one atom
    off = np.linalg.norm(f - F, axis=1)
    atoms = np.column_stack([(F**2).sum(1), (f * F).sum(1), (f**2).sum(1), off, np.ones(len(F))])
    frames = sum_by_group(atoms, frame)
    of_group = np.asarray(groups)[frame]
    elements, sizes = np.concatenate([np.asarray(s) for s in symbols]), np.sqrt(atoms[:, 0])
    kinds = np.unique(elements)
    each = 1 - (1 - CONFIDENCE) / len(kinds)  # Bonferroni: so many elements are tried

    def part(name: str, inside: np.ndarray, confidence: float = CONFIDENCE) -> ForceGroup:
        return _summarise(name, sum_by_group(atoms[inside], of_group[inside]), confidence)

    total = part("all", sizes >= 0)
    largest, squares = int(np.argmax(frames[:, 0])), frames[:, 0].sum()
    medians, counted = _medians(frames, groups)
    shown = np.arange(F.size)
    if F.size > MAX_SHOWN:
        shown = np.sort(np.random.default_rng(seed).choice(F.size, MAX_SHOWN, replace=False))
    return ForceParity(
        **vars(total),
        frames=len(names),
        component_mae=float(np.mean(np.abs(f - F))),
        medians=medians,
        median_frames=counted,
        largest_share=float(frames[largest, 0] / squares) if squares else 0.0,
        largest_frame=names[largest],
        by_element=tuple(part(str(kind), elements == kind, each) for kind in kinds),
        by_magnitude=tuple(
            part(_interval(low, high), inside)
            for low, high in pairwise(EDGES)
            if (inside := (sizes >= low) & (sizes < high)).any()
        ),
        reference_sample=F.ravel()[shown],
        model_sample=f.ravel()[shown],
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


def _medians(frames: np.ndarray, groups: Sequence[str]) -> tuple[ForceGroup | None, int]:
    """Return the medians over frames above the floor, and how many these are."""
    counted = np.sqrt(frames[:, 0] / (3 * frames[:, 4])) >= FLOOR
    kept, of_group = frames[counted], np.asarray(groups)[counted]
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


def _interval(low: float, high: float) -> str:
    if low == 0:
        return f"< {high:g}"
    return f"{low:g} to {high:g}" if np.isfinite(high) else f"> {low:g}"
