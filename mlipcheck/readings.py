"""The numbers that the verdict holds against its limits, one function a question.

Each takes one record and returns a `Reading`, or None where the question does not arise.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .results import ContractResult, DimerScan, Relaxation

LOWEST_WALL = 1.0  # eV; what rises less down to the shortest distance does not repel
FARTHEST_NEIGHBOUR = 6.0  # Å; nothing is farther from its nearest neighbour in a crystal
WORTH_A_WORD = 0.1  # a slope this far from 1 is called soft, stiff or uncorrelated


@dataclass(frozen=True)
class Reading:
    """One number of one pair or structure.

    ``value`` is held against the limits; None: could not be judged, for the reason in ``text``.
    """

    value: float | None
    text: str


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
    word = f", {wall.word}" if off > WORTH_A_WORD else ""
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


def _judged(row: Relaxation) -> bool:
    return row.error is None


def _of_relaxed(
    read: Callable[[Relaxation], Reading | None],
) -> Callable[[Relaxation], Reading | None]:
    """Judge nothing by where a structure goes that its own reference never relaxed."""

    @functools.wraps(read)
    def reading(row: Relaxation) -> Reading | None:
        found = read(row)
        if found is not None and row.single_point:
            return Reading(None, "the reference is a single point")
        return found

    return reading


def read_converged(row: Relaxation) -> Reading:
    if row.n_atoms == 0:
        return Reading(None, f"not read: {row.error}")
    if row.error is not None:
        return Reading(math.inf, row.error)
    if not row.converged:
        return Reading(1, f"fmax {row.fmax:.3g} eV/Å after {row.steps} {row.optimizer} steps")
    if row.steps == 0:
        return Reading(0, "0 steps, forces were below fmax from the start")
    return Reading(0, f"{row.steps} {row.optimizer} steps")


@_of_relaxed
def read_volume(row: Relaxation) -> Reading | None:
    if not _judged(row) or row.volume_change_percent is None or row.cell == "fixed":
        return None
    if row.stress_error is None:
        return Reading(None, "the stress could not be tested: nothing shows what holds it")
    return Reading(abs(row.volume_change_percent), f"{row.volume_change_percent:+.2f} %")


def read_stress(row: Relaxation) -> Reading | None:
    if not _judged(row) or row.cell == "fixed":
        return None
    if row.stress_error is None:
        return Reading(None, "no stress, or one lost in rounding")
    return Reading(row.stress_error, f"{100 * row.stress_error:.2g} % off")


@_of_relaxed
def read_angles(row: Relaxation) -> Reading | None:
    if not _judged(row) or not row.angle_changes or row.cell == "fixed":
        return None
    worst = max(row.angle_changes, key=abs)
    return Reading(abs(worst), f"{worst:+.2f}°")


@_of_relaxed
def read_bonds(row: Relaxation) -> Reading | None:
    worst = max(row.bond_changes, key=lambda b: abs(b.largest_change_percent), default=None)
    if not _judged(row) or worst is None:
        return None
    percent = worst.largest_change_percent
    return Reading(abs(percent), f"{'-'.join(worst.pair)} {percent:+.2f} %")


@_of_relaxed
def read_topology(row: Relaxation) -> Reading | None:
    if not _judged(row) or not row.bond_changes:
        return None
    return Reading(
        row.broken_bonds + row.new_bonds, f"{row.broken_bonds} broken, {row.new_bonds} new"
    )


@_of_relaxed
def read_symmetry(row: Relaxation) -> Reading | None:
    # P1 cannot be lost
    if not _judged(row) or row.reference_space_group in (None, "P1 (1)"):
        return None
    if row.space_group == row.reference_space_group:
        return Reading(0, f"stays {row.space_group}")
    return Reading(1, f"{row.reference_space_group} becomes {row.space_group}")


@_of_relaxed
def read_energy(row: Relaxation) -> Reading | None:
    if not _judged(row) or row.reference_energy is None or not row.converged:
        return None
    if row.energy_error_per_atom is None:
        return Reading(None, "the other structures do not fix its elements' energy zeros")
    error = row.energy_error_per_atom
    return Reading(abs(error), f"{1000 * error:+.1f} meV/atom")


def read_reference(row: Relaxation) -> Reading | None:
    if row.n_atoms == 0:
        return None
    nearest = row.reference_shortest_distance
    if nearest is not None and nearest > FARTHEST_NEIGHBOUR:
        return Reading(math.inf, f"no two atoms within {nearest:.1f} Å: is its unit right?")
    if row.single_point:
        return Reading(math.inf, "a single point (NSW is 0 or 1), not a relaxation")
    if row.reference_fmax is None:
        return None
    return Reading(row.reference_fmax, f"left {row.reference_fmax:.3f} eV/Å")


def read_promise(result: ContractResult) -> Reading | None:
    crossed = {"failed": 2.0, "expected failure": 1.0, "passed": 0.0}.get(result.status)
    if crossed is None:
        return None
    return Reading(crossed, f"{result.question}: {result.message}" if crossed else "kept")
