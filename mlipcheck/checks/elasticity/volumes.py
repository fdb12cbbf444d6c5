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
from ...analysis.strain import TOO_NOISY, rounding_noise
from ...calculators.evaluate import evaluate, floating_type
from .record import EquationOfState

WIDEST = (0.45, 1.40)  # of the start volume: reaches 0.5 to 1.3 of a V0 that is 8 % off
SHAPE = (0.5, 1.3)  # of V0, what is told
STEP = 0.025
FIT, WINDOWS = 0.06, (0.03, 0.10)  # of V0, on either side; the others tell the uncertainty
POINTS = 7
FLAT = 1e-5  # eV per atom over ±6 % of the volume; no crystal is as soft
DEPTH = 1e-3  # eV per atom of a minimum, or of what falls beyond a maximum, beside noise
DERIVATIVE_STEP = 3e-3  # of the volume: smaller ones drown in the rounding of float32
EVALUATIONS = 39 + 5 * POINTS + 6

Curve = tuple[np.ndarray, np.ndarray, np.ndarray]  # volumes, energies, pressures


def scan_volumes(
    calculator: BaseCalculator,
    atoms: Atoms,
    row: EquationOfState,
    reference: BirchMurnaghan | None,
) -> EquationOfState:
    """Return the row with what the model says of a crystal at 0.5 to 1.3 of its volume.

    Parameters
    ----------
    calculator : any ASE calculator
    atoms : Atoms
        Periodic in three directions.
    row : EquationOfState
        What is known of the crystal already.
    reference : BirchMurnaghan or None
        Per atom.
    """
    start = atoms.get_volume() / len(atoms)
    n = round((WIDEST[1] - WIDEST[0]) / STEP) + 1
    wide, failed = _at(calculator, atoms, start * np.linspace(*WIDEST, n))
    row = replace(row, start_volume=start, reference=reference, **_within(wide, start))
    if np.isfinite(wide[1]).sum() < POINTS:
        return replace(row, error=failed or "too few volumes have an energy")
    near, _ = _at(calculator, atoms, _around(start, FIT))
    here = _fit(near)
    row = replace(
        row,
        bound=not np.ptp(near[1]) < FLAT,
        bulk_modulus_at_start=here.bulk_modulus(start) if here else _bend(near, start),
    )
    minima = _extrema(wide, -1)
    if not (row.bound and minima):
        return row
    v0 = min(minima, key=lambda v: abs(v / start - 1))
    curve, failed = _at(calculator, atoms, _around(v0, FIT))
    first = _fit(curve)
    if first is not None:  # about the minimum of the fit, and not that of a spline
        curve, failed = _at(calculator, atoms, _around(first.v0, FIT))
    fit = _fit(curve)
    if first is None or fit is None:
        why = failed or f"no equation of state fits about {v0:.2f} Å^3/atom"
        return replace(row, error=why)
    others = (_fit(_at(calculator, atoms, _around(fit.v0, w))[0]) for w in WINDOWS)
    moduli = [fit.b0, *(other.b0 for other in others if other is not None)]
    epsilon, delta = compare_curves(fit, reference) if reference is not None else (None, None)
    return replace(
        row,
        **_within(wide, fit.v0),
        **_turnover(wide, fit.v0),
        fit=fit,
        bulk_modulus_spread=float(np.ptp(moduli) / 2 / abs(fit.b0)),
        pressure_error=_pressure_error(calculator, atoms, fit.v0),
        minima=tuple(v / fit.v0 for v in minima if SHAPE[0] <= v / fit.v0 <= SHAPE[1]),
        epsilon=epsilon,
        delta=delta,
    )


def _fit(curve: Curve) -> BirchMurnaghan | None:
    return fit_birch_murnaghan(curve[0], curve[1]) if np.isfinite(curve[1]).all() else None


def _around(volume: float, window: float) -> np.ndarray:
    return volume * np.linspace(1 - window, 1 + window, POINTS)


def _at(calculator: BaseCalculator, atoms: Atoms, volumes: np.ndarray) -> tuple[Curve, str | None]:
    """Return volumes, energies and pressures per atom, and the first error."""
    images = []
    for volume in volumes:
        image = atoms.copy()
        image.set_constraint()
        scale = (volume * len(atoms) / atoms.get_volume()) ** (1 / 3)
        image.set_cell(atoms.cell * scale, scale_atoms=True)
        images.append(image)
    found = evaluate(calculator, images, properties=("energy", "stress"))
    energies = np.array([np.nan if e.energy is None else e.energy / len(atoms) for e in found])
    pressures = np.array([np.nan if e.stress is None else -e.stress[:3].mean() for e in found])
    return (volumes, energies, pressures), next((e.error for e in found if e.error), None)


def _within(curve: Curve, v0: float) -> dict[str, Any]:
    """Return the part of a curve that is told, as fields of the record."""
    inside = (curve[0] > (SHAPE[0] - STEP) * v0) & (curve[0] < (SHAPE[1] + STEP) * v0)
    return dict(zip(("volumes", "energies", "pressures"), (x[inside] for x in curve), strict=True))


def _bend(curve: Curve, volume: float) -> float | None:
    """Return V d²E/dV² of a parabola through a curve that has no minimum."""
    good = np.isfinite(curve[1])
    if good.sum() < 3:
        return None
    return float(2 * volume * np.polyfit(curve[0][good] - volume, curve[1][good], 2)[0])


def _extrema(curve: Curve, sign: int) -> list[float]:
    """Return where the energy has minima (-1) or maxima (1) that are deeper than noise."""
    good = np.isfinite(curve[1])
    volumes, energies = curve[0][good], curve[1][good]
    fine = np.linspace(volumes[0], volumes[-1], 20 * len(volumes))
    smooth = CubicSpline(volumes, energies)(fine)
    peaks, _ = find_peaks(sign * smooth, prominence=DEPTH)
    return [float(v) for v in fine[peaks]]


def _turnover(curve: Curve, v0: float) -> dict[str, Any]:
    """Return where pressing turns into attraction, the outermost such place, and its height."""
    inside = [v for v in _extrema(curve, 1) if SHAPE[0] * v0 <= v < v0]
    if not inside:
        return {"turnover": None, "barrier": None}
    good = np.isfinite(curve[1])
    energy = CubicSpline(curve[0][good], curve[1][good])
    height = float(energy(max(inside)) - energy(v0))
    return {"turnover": max(inside) / v0, "barrier": height}


def _pressure_error(calculator: BaseCalculator, atoms: Atoms, v0: float) -> float | None:
    """Compare the pressure at both ends of the fit with -dE/dV by central differences.

    What the energy's own rounding can make of it is taken off; where that is most of it, there is
    nothing to compare.
    """
    errors = []
    for volume in v0 * np.array([1 - FIT, 1 + FIT]):
        h = DERIVATIVE_STEP * volume
        steps = volume + h * np.array([-1.0, 0.0, 1.0])
        (_, energies, pressures), _ = _at(calculator, atoms, steps)
        if not (np.isfinite(energies).all() and np.isfinite(pressures[1])):
            return None
        derivative = (energies[0] - energies[2]) / (2 * h)
        noise = rounding_noise(energies[1], floating_type(calculator, []), h)
        if noise > TOO_NOISY * abs(derivative):
            continue
        off = max(0.0, abs(pressures[1] - derivative) - noise)
        errors.append(float(off / abs(derivative)))
    return max(errors, default=None)
