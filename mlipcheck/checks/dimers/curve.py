"""The shape of a dimer curve: well, wall, ripples and jumps, alone and beside a reference.

Distances in Å, ascending; energies in eV; axial forces in eV/Å, positive when repulsive.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.interpolate import CubicHermiteSpline, CubicSpline
from scipy.signal import find_peaks, savgol_filter

from ...analysis.slope import Slope
from ...references.curves import ReferenceCurve
from .record import Attraction, CurveComparison, Extremum

INNERMOST_BOND = 0.55  # of s = r_a + r_b: Cr2 and Mo2, at 0.6 s, still are bonds
PROMINENCE = 0.005  # eV; smaller wells and ripples are taken for noise
ATTRACTION_FALL = 0.05  # eV that E must fall, going inward, behind a maximum
COLLAPSE_FALL = 0.5  # eV
LOWEST_WALL = 2.0  # eV; behind a lower one the smaller fall is a collapse too
WALL_TOP = 10.0  # eV above the minimum: how high a wall is asked about
SUSPECT_JUMP = 0.005  # eV; where a jump seems larger, the interval is evaluated more finely
SMOOTHING = 0.1  # Å over which a force is smoothed
SAME_EXTREMUM = 0.3  # Å; the reference's points are up to so far apart
WALL_HEIGHTS = (1.0, 5.0, 10.0)  # eV
STEP = 0.025  # Å, at most, between points


@dataclass(frozen=True)
class Well:
    """The bond: where E is lowest (Å), how low (eV), and its curvature E'' (eV/Å^2)."""

    distance: float
    energy: float
    force_constant: float


def find_well(r: np.ndarray, energies: np.ndarray, bond_scale: float) -> Well | None:
    """Return the lowest minimum at r >= 0.55 s that is `PROMINENCE` deep towards larger r.

    A hole inside the wall can be deeper than the bond, and is not looked at.
    """
    kept = r >= (INNERMOST_BOND - 0.05) * bond_scale
    r, energies = r[kept], energies[kept]
    if len(r) < 4:
        return None
    spline = CubicSpline(r, energies)
    turning = spline.derivative().roots(extrapolate=False)
    turning = turning[np.isfinite(turning) & (turning >= INNERMOST_BOND * bond_scale)]
    wells = [
        Well(float(x), float(spline(x)), float(spline(x, 2)))
        for x in turning
        if spline(x, 2) > 0 and energies[r > x].max(initial=-np.inf) - spline(x) >= PROMINENCE
    ]
    return min(wells, key=lambda well: well.energy, default=None)


def find_attractions(
    r: np.ndarray, energies: np.ndarray, forces: np.ndarray, start: float, floor: float
) -> tuple[Attraction | None, Attraction | None]:
    """Return the first attraction going inward from a bond at ``start``, and the collapse.

    The first is the outermost maximum from which E falls by 0.05 eV. The collapse is the outermost
    from which it falls by 0.5 eV (0.05 eV behind less than 2 eV) and to which it never comes back,
    or not before it was below the bond's energy, ``floor``. Elsewhere the first is a dip.
    """
    first = None
    descends = np.append(energies[1:] <= energies[:-1], False)  # outwards, and from no end
    for k in np.flatnonzero(descends & (r <= start))[::-1]:
        higher = np.flatnonzero(energies[:k] >= energies[k])
        basin = energies[higher[-1] + 1 if len(higher) else 0 : k + 1]
        lowest = float(basin.min())
        fall = energies[k] - lowest
        if fall < ATTRACTION_FALL:
            continue
        deep = fall >= COLLAPSE_FALL or energies[k] < floor + LOWEST_WALL
        collapses = deep and (not len(higher) or lowest < floor)
        if first is None or collapses:
            distance, top = _vertex(r, energies, forces, k)
            found = Attraction(distance, top - floor, lowest - floor)
            first = first or found
            if collapses:
                return first, found
    return first, None


def find_extrema(
    r: np.ndarray, energies: np.ndarray, well: Well | None, known: Sequence[Extremum] = ()
) -> tuple[Extremum, ...]:
    """Return the extrema with a prominence of 5 meV or more, the bond left out.

    Of those within 0.3 Å of a ``known`` one only what is more prominent than that counts.
    """
    found = []
    for kind, curve in (("maximum", energies), ("minimum", -energies)):
        peaks, facts = find_peaks(curve, prominence=PROMINENCE)
        for k, prominence in zip(peaks, facts["prominences"], strict=True):
            is_bond = well is not None and abs(well.distance - r[k]) <= np.diff(r).max()
            if kind == "minimum" and is_bond:
                continue
            same = (e for e in known if e.kind == kind and abs(e.distance - r[k]) < SAME_EXTREMUM)
            beyond = float(prominence) - max((e.prominence for e in same), default=0.0)
            if beyond >= PROMINENCE:
                found.append(Extremum(kind, float(r[k]), beyond))
    return tuple(sorted(found, key=lambda e: e.distance))


def find_roughness(r: np.ndarray, forces: np.ndarray) -> float | None:
    """Return rms(f - its local parabola over 0.1 Å) / rms(f); None where the grid cannot show it.

    A parabola leaves nothing of a wall's own curvature, which a mean would.
    """
    steps = np.diff(r)
    if len(r) < 8 or not np.allclose(steps, steps[0], rtol=1e-3):
        return None
    points = 2 * round(SMOOTHING / steps[0] / 2) + 1
    size = float(np.sqrt(np.mean(forces**2)))
    if not 5 <= points <= len(r) or size == 0:
        return None
    return float(np.sqrt(np.mean((forces - savgol_filter(forces, points, 2)) ** 2)) / size)


def find_jumps(r: np.ndarray, energies: np.ndarray, forces: np.ndarray) -> np.ndarray:
    """Return the discontinuity of E (eV) in each interval, shape (n - 1,).

    The smooth curve's own variation is taken off in three ways, and what all three leave is the
    jump: each side of an interval extrapolated to its middle from its own three points (which
    places a step right) and from four (which leaves less of a steep wall), and the energy step
    compared with the integral of the force (trapezoid rule with its end correction; it leaves
    nothing of a kink). Zero for the outer three intervals, which lack points on one side.
    """
    jumps = np.zeros(max(len(r) - 1, 0))
    if len(r) < 8:
        return jumps
    middle = ((r[1:] + r[:-1]) / 2)[3:-3]
    step = np.diff(r)
    work = step / 2 * (forces[1:] + forces[:-1]) - step**2 / 12 * np.diff(np.gradient(forces, r))
    found = np.abs(np.diff(energies) + work)[3:-3]
    for n in (3, 4):
        x, y = sliding_window_view(r, n), sliding_window_view(energies, n)
        left, right = slice(4 - n, 4 - n + len(middle)), slice(4, 4 + len(middle))
        inner = _extrapolate(x[left], y[left], middle)
        outer = _extrapolate(x[right], y[right], middle)
        found = np.minimum(found, np.abs(outer - inner))
    jumps[3:-3] = found
    return jumps


def wall_radius(
    r: np.ndarray, energies: np.ndarray, floor: float, height: float, bond: float
) -> float | None:
    """Return where the wall inside ``bond`` is ``height`` eV above ``floor``; None where nowhere.

    Radii and energies are those outside of a collapse.
    """
    crossings = CubicSpline(r, energies - floor).solve(height, extrapolate=False)
    crossings = crossings[np.isfinite(crossings) & (crossings < bond)]
    return float(crossings.max()) if len(crossings) else None


def fit_slope(model: np.ndarray, reference: np.ndarray, weights: np.ndarray) -> Slope | None:
    """Return the slopes of `Slope`, or None for fewer than two points or no reference force."""
    ff = float(np.sum(weights * reference**2))
    if len(reference) < 2 or ff == 0:
        return None
    cross = float(np.sum(weights * model * reference))
    mm = float(np.sum(weights * model**2))
    s_lo, s_hi = cross / ff, mm / cross if cross != 0 else None
    r_squared, magnitude = s_lo / s_hi if s_hi else None, float(np.sqrt(mm / ff))
    return Slope(s_lo, s_hi, r_squared, magnitude, len(reference))


def compare_curves(
    reference: ReferenceCurve,
    r: np.ndarray,
    energies: np.ndarray,
    forces: np.ndarray,
    bond_scale: float,
    difference: str | None,
) -> CurveComparison | None:
    """Compare a model with a reference; None where they share fewer than 8 radii.

    Parameters
    ----------
    reference : ReferenceCurve
    r, energies, forces : ndarray of shape (n,)
        The model outside of a collapse.
    bond_scale : float
        s = r_a + r_b in Å.
    difference : str or None
        How the reference's level of theory differs from the checkpoint's.

    Notes
    -----
    Bonds are those of splines through the model and the reference at the reference's radii, whose
    errors are then the same; a bond outside of these is that of the model's own scan. The wall's
    slope, with radii weighed by the trapezoid rule, is taken with both bonds in one place: at
    fixed radii a shift of 0.02 Å looks soft.
    """
    shared = (reference.distances >= r[0]) & (reference.distances <= r[-1])
    if shared.sum() < 8:
        return None
    at, end = reference.distances[shared], reference.energies[shared][-1]
    curve = CubicSpline(r, energies)
    true = find_well(reference.distances, reference.energies, bond_scale)
    well = find_well(r, energies, bond_scale)
    if well and at[0] < well.distance < at[-1]:
        well = find_well(at, curve(at), bond_scale) or well
    true_floor, true_bond = (true.energy, true.distance) if true else (end, np.inf)
    floor, bond = (well.energy, well.distance) if well else (float(curve(at[-1])), np.inf)
    shift = bond - true_bond if true and well else 0.0

    displacements: dict[str, float | None] = {}
    for height in WALL_HEIGHTS:
        there = wall_radius(reference.distances, reference.energies, true_floor, height, true_bond)
        if there is not None:
            here = wall_radius(r, energies, floor, height, bond)
            displacements[f"{height:g}"] = None if here is None else here - there

    true_forces, moved = reference.forces, CubicSpline(r, forces)(at + shift)
    if true_forces is None:  # both curves differentiated alike
        true_forces = -CubicSpline(reference.distances, reference.energies)(reference.distances, 1)
        moved = -CubicSpline(at, curve(at + shift))(at, 1)
    low = reference.energies[shared] < true_floor + WALL_TOP
    # the trapezoid rule's (Å), of the whole grid: a point counts alike wherever the model's begins
    weights = np.convolve(np.diff(reference.distances), (0.5, 0.5))[shared]
    wall = low & (at < true_bond) & (at + shift >= r[0]) & (at + shift <= r[-1])
    return CurveComparison(
        reference=reference.name,
        level_of_theory=reference.level_of_theory,
        difference=difference,
        distances=reference.distances,
        reference_energies=reference.energies - true_floor,
        reference_forces=true_forces,
        reference_equilibrium_distance=true.distance if true else None,
        reference_well_depth=float(end - true_floor),
        equilibrium_distance_error=shift if true and well else None,
        well_depth_error=float(curve(at[-1]) - floor - (end - true_floor)),
        wall=fit_slope(moved[wall], true_forces[shared][wall], weights[wall]),
        wall_displacements=displacements,
    )


def reference_extrema(reference: ReferenceCurve, bond_scale: float) -> tuple[Extremum, ...]:
    """Return the extrema of the reference itself, between its points by its forces too."""
    r, energies, forces = reference.distances, reference.energies, reference.forces
    fine = np.linspace(r[0], r[-1], int((r[-1] - r[0]) / STEP) + 2)
    well = find_well(r, energies, bond_scale)
    found = find_extrema(fine, CubicSpline(r, energies)(fine), well)
    if forces is not None:
        found += find_extrema(fine, CubicHermiteSpline(r, energies, -forces)(fine), well)
    return found


def _vertex(r: np.ndarray, energies: np.ndarray, forces: np.ndarray, k: int) -> tuple[float, float]:
    """Return a sampled maximum refined by the spline through its surroundings.

    The forces are its slopes where they turn round there too. By energies alone it is 0.1 eV too
    high on CHGNet's O-O, whose rough top bends within a step.
    """
    near = slice(max(k - 4, 0), k + 5)
    spline: CubicSpline | CubicHermiteSpline = CubicSpline(r[near], energies[near])
    if forces[max(k - 1, 0)] < 0 < forces[min(k + 1, len(r) - 1)]:
        spline = CubicHermiteSpline(r[near], energies[near], -forces[near])
    turning = spline.derivative().roots(extrapolate=False)
    turning = turning[(turning >= r[max(k - 1, 0)]) & (turning <= r[min(k + 1, len(r) - 1)])]
    candidates = np.append(turning, r[k])
    top = candidates[spline(candidates).argmax()]
    return float(top), float(spline(top))


def _extrapolate(x: np.ndarray, y: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Lagrange polynomials through the points of each row, at one place a row."""
    total = np.zeros(len(at))
    for k in range(x.shape[1]):
        others = np.delete(x, k, axis=1)
        weights = np.prod((at[:, None] - others) / (x[:, [k]] - others), axis=1)
        total += weights * y[:, k]
    return total
