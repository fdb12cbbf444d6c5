"""Records of labelled frames, made by hand."""

from __future__ import annotations

import numpy as np

from mlipcheck.analysis.statistics import Estimate
from mlipcheck.checks.parity.record import (
    EnergyParity,
    ForceParity,
    Parity,
    Ranking,
    RankingBin,
)


def make_slopes(F, f):
    """Return the numbers of `Slope`, without intervals."""
    with np.errstate(divide="ignore", invalid="ignore"):
        s_lo, s_hi = np.sum(f * F) / np.sum(F**2), np.sum(f**2) / np.sum(f * F)
    numbers = {"s_lo": s_lo, "s_hi": s_hi, "r_squared": s_lo / s_hi}
    numbers["magnitude"] = np.linalg.norm(f) / np.linalg.norm(F)
    return {name: Estimate(float(x)) for name, x in numbers.items() if np.isfinite(x)}


def make_forces(reference, model, slope=True, **changes):
    F, f = np.array(reference, dtype=float), np.array(model, dtype=float)
    facts = {
        "name": "all",
        "frames": 2,
        "atoms": F.size // 3,
        "groups": 2,
        "mae": Estimate(0.25),
        "component_mae": 0.125,
        "reference_rms": 1.0,
        **(make_slopes(F, f) if slope else {}),
        "medians": None,
        "median_frames": 0,
        "largest_share": 0.3,
        "largest_frame": "a",
        "by_element": (),
        "by_magnitude": (),
        "reference_sample": F,
        "model_sample": f,
    }
    return ForceParity(**{**facts, **changes})


def make_energy(errors, convention="raw"):
    errors = np.array(errors, dtype=float)
    return EnergyParity(
        convention=convention,
        why="as asked",
        mae=Estimate(float(np.abs(errors).mean()), 0.01, 0.09),
        bias=float(errors.mean()),
        alternatives={},
        offsets={},
        names=tuple(map(str, range(len(errors)))),
        errors=errors,
    )


BINS = (
    RankingBin(0.0, 0.02, 5, 0.4, 0.52),
    RankingBin(0.1, 0.2, 170000, 0.7, 0.75),
    RankingBin(2.0, None, 1, 1.0, 0.99),
)


def make_ranking(sigma=0.25, **changes):
    facts = {
        "states": 20,
        "compositions": 2,
        "pairs": 170006,
        "sigma": Estimate(sigma),
        "resolved": 1.645 * sigma,
        "difference": 0.1,
        "chance": 0.655,
        "observed": 0.7,
        "observed_pairs": 12,
        "bins": BINS,
    }
    return Ranking(**{**facts, **changes})


def make_parity(name="made", **changes):
    F = np.linspace(-2, 2, 60)
    facts = {
        "distribution": "out",
        "frames": 2,
        "runs": 2,
        "energy": make_energy([0.01, -0.02]),
        "forces": make_forces(F, 0.5 * F),
        "ranking": make_ranking(),
    }
    return Parity(name, **{**facts, **changes})
