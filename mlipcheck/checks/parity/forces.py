"""Forces of a model against a reference's: errors, slopes, and what they are called."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from ...analysis.estimate import Estimate
from ...analysis.jackknife import POSITIVE, jackknife, median, sum_by_unit
from ...analysis.slope import Slope
from ..dimers.curve import fit_slope
from .record import ForceGroup, ForceParity

SMALLEST_RMS = 1e-3  # eV/Å; below it a slope would be one of rounding and noise
MEDIAN_ABOVE = 0.1  # eV/Å of a frame's rms force, for its slope to count in the median
EDGES = (0.0, 0.1, 0.3, 1.0, 3.0, 10.0, np.inf)  # eV/Å
BOUNDS = {"r_squared": (0.0, 1.0), "magnitude": POSITIVE}
SHOWN = 4000  # components that a figure gets


def compare_forces(
    names: Sequence[str],
    units: Sequence[str],
    symbols: Sequence[Sequence[str]],
    reference: Sequence[np.ndarray],
    model: Sequence[np.ndarray],
    seed: int = 0,
) -> ForceParity:
    """Compare forces frame by frame, all together, by element and by size.

    Parameters
    ----------
    names, units : sequence of str
        The frame's name, and what it shares with frames that are not independent of it.
    symbols : sequence of sequence of str
        The element of each atom.
    reference, model : sequence of ndarray of shape (n_atoms, 3)
        eV/Å.
    seed : int
        Of the draw of components for a figure.
    """
    own = np.array([_sums(f, F) for f, F in zip(model, reference, strict=True)])
    sums = sum_by_unit(own, units)
    F, f = np.concatenate(reference), np.concatenate(model).astype(float)
    off, size = np.linalg.norm(f - F, axis=1), np.linalg.norm(F, axis=1)
    squares = own[:, 0]
    largest = int(np.argmax(squares))
    shown = np.arange(F.size)
    if F.size > SHOWN:
        shown = np.sort(np.random.default_rng(seed).choice(F.size, SHOWN, replace=False))
    rms = float(np.sqrt(np.mean(F**2)))
    slopes = _pooled(sums) if rms >= SMALLEST_RMS else {}
    middle, counted = _median_slope(own, units)
    elements = np.concatenate([np.asarray(s) for s in symbols])
    return ForceParity(
        frames=len(names),
        atoms=len(F),
        units=len(sums),
        mae=jackknife(lambda s: s[..., 6] / s[..., 7], sums, POSITIVE),
        component_mae=float(np.mean(np.abs(f - F))),
        rmse=float(np.sqrt(np.mean((f - F) ** 2))),
        reference_rms=rms,
        slope=_slope(f, F),
        s_lo=slopes.get("s_lo"),
        s_hi=slopes.get("s_hi"),
        r_squared=slopes.get("r_squared"),
        magnitude=slopes.get("magnitude"),
        with_intercept=slopes.get("with_intercept"),
        intercept=slopes.get("intercept"),
        median=middle,
        median_frames=counted,
        median_above=MEDIAN_ABOVE,
        largest_share=float(squares[largest] / squares.sum()) if squares.any() else 0.0,
        largest_frame=names[largest],
        by_element=tuple(
            _group(symbol, elements == symbol, f, F, off) for symbol in np.unique(elements)
        ),
        by_magnitude=tuple(
            _group(_interval(low, high), inside, f, F, off)
            for low, high in pairwise(EDGES)
            if (inside := (size >= low) & (size < high)).any()
        ),
        reference_sample=F.ravel()[shown],
        model_sample=f.ravel()[shown],
    )


def _sums(f: np.ndarray, F: np.ndarray) -> tuple[float, ...]:
    """Return what a frame adds: ΣF², Σf·F, Σf², ΣF, Σf, components, Σ||f-F||, atoms."""
    f = f.astype(float)
    norms = np.linalg.norm(f - F, axis=1).sum()
    return (F**2).sum(), (f * F).sum(), (f**2).sum(), F.sum(), f.sum(), F.size, norms, len(F)


def _pooled(sums: np.ndarray) -> dict[str, Estimate]:
    """Return the slopes over all components; see `Slope` for the first four."""

    def with_intercept(s: np.ndarray) -> np.ndarray:
        FF, fF, F, f, n = (s[..., k] for k in (0, 1, 3, 4, 5))
        return (n * fF - f * F) / (n * FF - F**2)

    def intercept(s: np.ndarray) -> np.ndarray:
        return (s[..., 4] - with_intercept(s) * s[..., 3]) / s[..., 5]

    statistics = {
        "s_lo": lambda s: s[..., 1] / s[..., 0],
        "s_hi": lambda s: s[..., 2] / s[..., 1],
        "r_squared": lambda s: s[..., 1] ** 2 / (s[..., 0] * s[..., 2]),
        "magnitude": lambda s: np.sqrt(s[..., 2] / s[..., 0]),
        "with_intercept": with_intercept,
        "intercept": intercept,
    }
    with np.errstate(divide="ignore", invalid="ignore"):  # a model without any force
        found = {
            name: jackknife(statistic, sums, BOUNDS.get(name, (-np.inf, np.inf)))
            for name, statistic in statistics.items()
        }
    return {name: e for name, e in found.items() if np.isfinite(e.value)}


def _median_slope(own: np.ndarray, units: Sequence[str]) -> tuple[Estimate | None, int]:
    """Return the median of the frames' own slopes, and over how many frames it is."""
    rms = np.sqrt(own[:, 0] / own[:, 5])
    kept = rms > MEDIAN_ABOVE
    if not kept.any():
        return None, 0
    slopes = own[kept, 1] / own[kept, 0]
    return median(slopes, [u for u, k in zip(units, kept, strict=True) if k]), int(kept.sum())


def _slope(f: np.ndarray, F: np.ndarray) -> Slope | None:
    if np.sqrt(np.mean(F**2)) < SMALLEST_RMS:
        return None
    return fit_slope(f.ravel(), F.ravel(), np.ones(F.size))


def _group(
    name: str, inside: np.ndarray, f: np.ndarray, F: np.ndarray, off: np.ndarray
) -> ForceGroup:
    return ForceGroup(
        name=str(name),
        atoms=int(inside.sum()),
        mae=float(off[inside].mean()),
        slope=_slope(f[inside], F[inside]),
    )


def _interval(low: float, high: float) -> str:
    if low == 0:
        return f"< {high:g}"
    return f"{low:g} to {high:g}" if np.isfinite(high) else f"> {low:g}"
