"""Questions, their numbers and limits."""

from __future__ import annotations

import math

import numpy as np

from ...check import OWN_CONVENTION, Criterion, Reading
from .record import DimerScan

LOW_BARRIER = 10.0  # eV, over which walls are compared
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
    off = 100 * abs(wall.s_lo - 1)
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
    percent = 100 * scan.conservation_error
    return Reading(percent, f"{percent:.2g} %")


def read_dissociation(scan: DimerScan) -> Reading | None:
    if scan.error:
        return None
    if scan.dissociation_error is None:
        return Reading(None, "no energy at the end, or of the single atoms")
    text = f"{scan.dissociation_error:+.3f} eV at {scan.distances[-1]:.1f} Å"
    return Reading(abs(scan.dissociation_error), text)


CRITERIA: tuple[Criterion, ...] = (
    Criterion(
        "points",
        read_points,
        caution=None,
        fail=0,
        source=f"{OWN_CONVENTION}: a potential must answer everywhere",
        good="every point was answered",
        bad="the model gives no finite answer there; anything that comes this close stops",
        why="a relaxation or a trajectory may come to any distance, and needs an answer there",
    ),
    Criterion(
        "repulsive wall",
        read_wall,
        caution=math.inf,
        fail=LOW_BARRIER,
        unit="eV",
        words=f"caution: turns over; fail: behind < {LOW_BARRIER:g} eV",
        source=f"{OWN_CONVENTION}: the 10 eV over which walls are compared",
        good="atoms cannot fall into each other",
        bad="closer than this nothing keeps atoms apart: hot, random or pressed structures can "
        "fall in",
        why="only the repulsive wall keeps atoms apart; inside of where it turns over they fall "
        "into each other",
        below=True,
    ),
    Criterion(
        "softening of the wall",
        read_softening,
        caution=10.0,
        fail=30.0,
        unit="% off",
        source=f"{OWN_CONVENTION}; slope after Deng et al., npj Comput. Mater. 11, 9 (2025)",
        good="the repulsion is as strong as the reference's",
        bad="the repulsion has another strength: short distances, pressures and barriers are off",
        why="a wall of another strength looks as smooth as the right one, and shifts whatever "
        "squeezes atoms",
        rests_on=("curve",),
    ),
    Criterion(
        "bond length",
        read_dimer_length,
        caution=1.0,
        fail=3.0,
        unit="%",
        source=f"{OWN_CONVENTION}: 1 % is about PBE's own error against experiment",
        good="the bond is where the reference has it",
        bad="the bond of the free molecule is elsewhere",
        why="a free molecule is far from the crystals that such models learnt from, and shows "
        "where their knowledge ends",
        rests_on=("curve",),
    ),
    Criterion(
        "spurious extrema",
        read_extrema,
        caution=0.005,
        fail=0.1,
        unit="eV",
        source=f"{OWN_CONVENTION}: 0.1 eV is a difference that people read from such models",
        good="no well or bump beside the bond",
        bad="atoms can be caught where there is no bond",
        why="a well that is not there binds, and a bump that is not there is a barrier",
    ),
    Criterion(
        "energy jumps",
        read_jump,
        caution=0.01,
        fail=0.1,
        unit="eV",
        source=f"{OWN_CONVENTION}: a tenth of 0.1 eV, and 0.1 eV",
        good="the energy is continuous",
        bad="the energy is not continuous: dynamics will not conserve it",
        why="dynamics and optimizers follow the forces, and suppose that the energy has no steps",
    ),
    Criterion(
        "conservation",
        read_conservation,
        caution=1.0,
        fail=5.0,
        unit="%",
        source=f"{OWN_CONVENTION}; CHGNet has 0.01 to 0.3 %",
        good="the forces are the derivative of the energy",
        bad="the forces are not the derivative of the energy: dynamics drift, relaxations end "
        "beside the minimum",
        why="forces that are not the derivative of the energy lead elsewhere than to its minimum",
    ),
    Criterion(
        "dissociation",
        read_dissociation,
        caution=0.1,
        fail=1.0,
        unit="eV",
        source=f"{OWN_CONVENTION}: 0.1 eV as above",
        good="far apart, the atoms are single atoms",
        bad="far apart, the energy is not that of single atoms: do not read atomization or "
        "cohesive energies",
        why="an energy against free atoms is right only where those of the free atoms are",
    ),
)
