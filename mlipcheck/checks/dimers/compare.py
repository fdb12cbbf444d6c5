"""A dimer curve beside a reference: where the bond and the wall are, how deep, how steep."""

from __future__ import annotations

import numpy as np
from scipy.interpolate import CubicHermiteSpline, CubicSpline

from ...references.curves import ReferenceCurve
from .curve import WALL_TOP, find_extrema, find_well, fit_slope, trapezoid_weights, wall_radius
from .record import CurveComparison, Extremum

WALL_HEIGHTS = (1.0, 5.0, 10.0)  # eV
STEP = 0.025  # Å


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
    # of the whole grid: a point counts alike wherever the model's curve begins
    weights = trapezoid_weights(reference.distances)[shared]
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
