"""A dimer curve against a reference: softer or stiffer, shifted, or merely different."""

from __future__ import annotations

import numpy as np

from ...analysis.slope import Slope
from ...references.curves import ReferenceCurve
from .curve import WALL_TOP, derivative_force, find_well, fit_slope, trapezoid_weights, wall_radius
from .record import CurveComparison

WELL_END = 1.3  # of the reference's r_e: the well ends, the tail begins
WALL_HEIGHTS = (1.0, 5.0, 10.0)  # eV


def compare_curves(
    reference: ReferenceCurve,
    energies: np.ndarray,
    forces: np.ndarray,
    *,
    bond_scale: float,
    collapse: float | None,
) -> CurveComparison:
    """Hold a model against a reference at the reference's own radii.

    Parameters
    ----------
    reference : ReferenceCurve
    energies, forces : ndarray of shape (n,)
        The model at ``reference.distances``; NaN where it failed.
    bond_scale : float
        s = r_a + r_b in Å.
    collapse : float or None
        Where the model's wall turns over (Å): the wall is compared outside only.

    Notes
    -----
    Slopes weigh each radius by the trapezoid rule. The wall is r < r_e of the reference with
    E_ref < 10 eV above its minimum, the well r_e to 1.3 r_e, the tail what is beyond.
    """
    kept = np.isfinite(energies) & np.isfinite(forces)
    r, reference_energies = reference.distances[kept], reference.energies[kept]
    energies, forces = energies[kept], forces[kept]
    reference_forces = None if reference.forces is None else reference.forces[kept]
    notes = []
    if not kept.all():
        notes.append(f"{int((~kept).sum())} of {len(kept)} radii failed and are left out")
    if reference_forces is None:
        notes.append("the reference has no forces: both curves differentiated by spline")
        reference_forces = derivative_force(r, reference_energies)
        forces = derivative_force(r, energies)
    true_well = find_well(r, reference_energies, bond_scale)
    well = find_well(r, energies, bond_scale)
    slopes: dict[str, Slope | None] = {"wall": None, "well": None, "tail": None}
    displacements: dict[str, float | None] = {}
    inner = -np.inf if collapse is None else collapse
    if true_well is None:
        notes.append("the reference is unbound: no wall or well to compare")
    else:
        weights = trapezoid_weights(r)
        end = WELL_END * true_well.distance
        height = reference_energies - true_well.energy
        regions = {
            "wall": (r < true_well.distance) & (height < WALL_TOP) & (r > inner),
            "well": (r >= true_well.distance) & (r <= end),
            "tail": r > end,
        }
        for name, region in regions.items():
            slopes[name] = fit_slope(forces[region], reference_forces[region], weights[region])
        if well is not None:
            for level in WALL_HEIGHTS:
                there = wall_radius(r, reference_energies, true_well, level)
                if there is not None:
                    here = wall_radius(r, energies, well, level, inner)
                    displacements[f"{level:g}"] = None if here is None else here - there
    both = true_well is not None and well is not None
    return CurveComparison(
        reference=reference.name,
        level_of_theory=reference.level_of_theory,
        distances=r,
        energies=energies - (well.energy if well else energies[-1]),
        forces=forces,
        reference_energies=reference_energies
        - (true_well.energy if true_well else reference_energies[-1]),
        reference_forces=reference_forces,
        reference_equilibrium_distance=true_well.distance if true_well else None,
        equilibrium_distance_error=(
            well.distance - true_well.distance if both else None  # type: ignore[union-attr]
        ),
        force_constant_ratio=(
            well.force_constant / true_well.force_constant  # type: ignore[union-attr]
            if both
            else None
        ),
        wall_displacements=displacements,
        note="; ".join(notes) or None,
        **slopes,
    )
