"""Readings of the dimer scan."""

from __future__ import annotations

import math

import numpy as np

from ...check import Reading
from .record import DimerScan

LOWEST_WALL = 1.0  # eV; what rises less down to the shortest distance does not repel


def read_points(scan: DimerScan) -> Reading:
    if scan.error:
        return Reading(math.inf, scan.error)
    n = len(scan.failed_points)
    if not n:
        return Reading(0, f"all {len(scan.distances)} points")
    at = ", ".join(f"{d:.2f}" for d, _ in scan.failed_points[:3]) + (" ..." if n > 3 else "")
    why = scan.failed_points[0][1]
    return Reading(n, f"{n} of {len(scan.distances)} points failed, at {at} Å: {why}")


def read_wall(scan: DimerScan) -> Reading | None:
    if scan.error:
        return None
    if scan.wall_collapse_distance is None:
        return _standing_wall(scan)
    barrier = scan.wall_collapse_barrier or 0.0
    return Reading(
        barrier, f"turns over at {scan.wall_collapse_distance:.2f} Å behind {barrier:.2f} eV"
    )


def _standing_wall(scan: DimerScan) -> Reading:
    good = np.isfinite(scan.energies)
    innermost, energies = float(scan.distances[good].min()), scan.energies[good]
    height = float(energies[0] - energies.min())
    if height < LOWEST_WALL:
        return Reading(height, f"no wall: {height:.2f} eV at {innermost:.2f} Å")
    return Reading(math.inf, f"holds down to {innermost:.2f} Å")


def read_softening(scan: DimerScan) -> Reading | None:
    if scan.error:
        return None
    comparison = scan.comparison
    if comparison is None:
        return Reading(None, "no reference curve")
    wall = comparison.wall
    if wall is None:
        return Reading(None, comparison.note or "no stretch of wall that both curves have")
    off = abs(wall.s_lo - 1)
    word = f", {wall.remark}" if wall.remark else ""
    return Reading(off, f"{wall.s_lo:.2f} of {comparison.reference}{word}")


def read_dimer_length(scan: DimerScan) -> Reading | None:
    comparison = scan.comparison
    if comparison is None or comparison.reference_equilibrium_distance is None:
        return None
    true = comparison.reference_equilibrium_distance
    error = comparison.equilibrium_distance_error
    if error is None:
        return Reading(math.inf, f"unbound, {comparison.reference} has {true:.3f} Å")
    return Reading(100 * abs(error) / true, f"{error:+.3f} Å ({100 * error / true:+.1f} %)")


def read_extrema(scan: DimerScan) -> Reading | None:
    if scan.error:
        return None
    worst = max(scan.spurious_extrema, key=lambda e: e.prominence, default=None)
    if worst is None:
        return Reading(0, "none" if scan.equilibrium_distance else "none, and no bond")
    text = f"{worst.kind} at {worst.distance:.2f} Å, {worst.prominence:.3f} eV"
    more = len(scan.spurious_extrema) - 1
    return Reading(worst.prominence, text + (f", and {more} more" if more else ""))


def read_jump(scan: DimerScan) -> Reading | None:
    if scan.error:
        return None
    if scan.largest_jump is None:
        return Reading(None, "too few points")
    return Reading(
        scan.largest_jump, f"{scan.largest_jump:.4f} eV at {scan.largest_jump_distance:.2f} Å"
    )


def read_conservation(scan: DimerScan) -> Reading | None:
    if scan.error:
        return None
    if scan.conservation_error is None:
        return Reading(None, "no forces to compare")
    return Reading(scan.conservation_error, f"{100 * scan.conservation_error:.2g} %")


def read_dissociation(scan: DimerScan) -> Reading | None:
    if scan.error:
        return None
    if scan.dissociation_error is None:
        return Reading(None, "no energy at the end, or of the single atoms")
    text = f"{scan.dissociation_error:+.3f} eV at {scan.distances[-1]:.1f} Å"
    return Reading(abs(scan.dissociation_error), text)
