"""The energy and the pressure of a crystal at many volumes, and what their curve says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator
from scipy.interpolate import CubicSpline
from scipy.signal import find_peaks

from ...analysis.eos import BirchMurnaghan, compare_curves, fit_birch_murnaghan
from ...analysis.strain import derivative_error, strained
from ...calculators.evaluate import evaluate
from ...calculators.registry import describe
from ...references.level_of_theory import level_doubt
from .record import EquationOfState

WIDEST = (0.45, 1.40)  # of the start volume: reaches 0.5 to 1.3 of a V0 that is 8 % off
SHAPE = (0.5, 1.3)  # of V0, what is reported
STEP = 0.025
FIT, WINDOWS = 0.06, (0.03, 0.10)  # of V0, on either side; the others give the uncertainty
POINTS = 7
FLAT = 1e-5  # eV per atom over ±6 % of the volume; no crystal is as soft
DEPTH = 1e-3  # eV per atom of a minimum, or of what falls beyond a maximum, beside noise
DERIVATIVE_STEP = 3e-3  # of the volume: smaller ones drown in the rounding of float32
EVALUATIONS = 39 + 5 * POINTS + 6

Curve = tuple[np.ndarray, np.ndarray, np.ndarray]  # volumes, energies, pressures


def scan_volumes(calculator: BaseCalculator, atoms: Atoms, row: EquationOfState) -> EquationOfState:
    """Return the row of a crystal, completed with what the model says of it.

    ``atoms`` are periodic in three directions; their volume is scaled by 0.45 to 1.4.
    """
    start = atoms.get_volume() / len(atoms)
    n = round((WIDEST[1] - WIDEST[0]) / STEP) + 1
    wide, failed = _at(calculator, atoms, start * np.linspace(*WIDEST, n))
    levels = row.level_of_theory, describe(calculator).level_of_theory
    doubt = level_doubt(*levels, [set(atoms.symbols)]) if row.reference else None
    doubts = (doubt,) if doubt else ()
    row = replace(row, start_volume=start, doubts=doubts, **_within(wide, start))
    if np.isfinite(wide[1]).sum() < POINTS:
        return replace(row, error=failed or "too few volumes have an energy")
    (volumes, energies, _), _ = _at(calculator, atoms, _around(start, FIT))
    bound, bend = not np.ptp(energies) < FLAT, None
    if np.isfinite(energies).all():
        bend = float(2 * start * np.polyfit(volumes - start, energies, 2)[0])
    row = replace(row, bound=bound, bulk_modulus_at_start=bend)
    minima = _extrema(wide, -1)
    if not (bound and minima):
        return row
    v0 = min(minima, key=lambda v: abs(v / start - 1))
    first, failed = _fit(calculator, atoms, v0, FIT)
    # about the minimum of the fit, and not that of a spline
    fit, failed = _fit(calculator, atoms, first.v0, FIT) if first else (None, failed)
    if fit is None:
        why = failed or f"no equation of state fits about {v0:.2f} Å^3/atom"
        return replace(row, error=why)
    v0 = fit.v0
    others = [_fit(calculator, atoms, v0, window)[0] for window in WINDOWS]
    moduli = [fit.b0, *(other.b0 for other in others if other is not None)]
    ends = _scaled(atoms, v0 * np.array([1 - FIT, 1 + FIT]))
    errors = [derivative_error(calculator, end, np.eye(3) / 3, DERIVATIVE_STEP) for end in ends]
    epsilon, delta = compare_curves(fit, row.reference) if row.reference else (None, None)
    maxima = [v for v in _extrema(wide, 1) if SHAPE[0] * v0 <= v < v0]
    if maxima:
        height = np.diff(_spline(wide)([v0, max(maxima)]))
        row = replace(row, turnover=max(maxima) / v0, barrier=float(height[0]))
    return replace(
        row,
        **_within(wide, v0),
        fit=fit,
        bulk_modulus_spread=float(np.ptp(moduli) / 2 / abs(fit.b0)),
        pressure_error=max((x for x in errors if x is not None), default=None),
        minima=tuple(v / v0 for v in minima if SHAPE[0] <= v / v0 <= SHAPE[1]),
        epsilon=epsilon,
        delta=delta,
    )


def _around(volume: float, window: float) -> np.ndarray:
    return volume * np.linspace(1 - window, 1 + window, POINTS)


def _scaled(atoms: Atoms, volumes: np.ndarray) -> list[Atoms]:
    scales = (volumes * len(atoms) / atoms.get_volume()) ** (1 / 3)
    return [strained(atoms, (scale - 1) * np.eye(3)) for scale in scales]


def _at(calculator: BaseCalculator, atoms: Atoms, volumes: np.ndarray) -> tuple[Curve, str | None]:
    """Return volumes, energies and pressures per atom, and the first error."""
    found = evaluate(calculator, _scaled(atoms, volumes), properties=("energy", "stress"))
    energies = np.array([np.nan if e.energy is None else e.energy / len(atoms) for e in found])
    pressures = np.array([np.nan if e.stress is None else -e.stress[:3].mean() for e in found])
    return (volumes, energies, pressures), next((e.error for e in found if e.error), None)


def _fit(
    calculator: BaseCalculator, atoms: Atoms, volume: float, window: float
) -> tuple[BirchMurnaghan | None, str | None]:
    (volumes, energies, _), failed = _at(calculator, atoms, _around(volume, window))
    good = np.isfinite(energies).all()
    return fit_birch_murnaghan(volumes, energies) if good else None, failed


def _within(curve: Curve, v0: float) -> dict[str, Any]:
    """Return the part of a curve that is reported, as fields of the record."""
    inside = (curve[0] > (SHAPE[0] - STEP) * v0) & (curve[0] < (SHAPE[1] + STEP) * v0)
    return dict(zip(("volumes", "energies", "pressures"), (x[inside] for x in curve), strict=True))


def _spline(curve: Curve) -> CubicSpline:
    good = np.isfinite(curve[1])
    return CubicSpline(curve[0][good], curve[1][good])


def _extrema(curve: Curve, sign: int) -> list[float]:
    """Return where the energy has minima (-1) or maxima (1) that are deeper than noise."""
    smooth = _spline(curve)
    fine = np.linspace(smooth.x[0], smooth.x[-1], 20 * len(smooth.x))
    peaks, _ = find_peaks(sign * smooth(fine), prominence=DEPTH)
    return [float(v) for v in fine[peaks]]
