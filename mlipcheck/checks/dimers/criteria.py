"""Questions, their numbers and limits."""

from __future__ import annotations

import math

import numpy as np

from ...calculators.evaluate import NOT_FINITE
from ...criterion import OWN_CONVENTION, Criterion, Reading
from ...drawing.tables import some
from .curve import LOWEST_WALL, SUSPECT_JUMP
from .record import Attraction, DimerScan

DEEPEST = 100.0  # eV; what is deeper depends on the grid
FAINT = 0.1  # eV; the place of a shallower bond is not asked about


def energy_text(energy: float) -> str:
    """Return an energy relative to the bond; of a deep hole only that it is one."""
    return f"< -{DEEPEST:g} eV" if energy < -DEEPEST else f"{energy:.2f} eV"


def describe_wall(scan: DimerScan) -> str:
    """Say where a pair attracts inside its bond, and whether the wall comes back."""
    dip = f"dip of {scan.dip.fall:.2f} eV at {_place(scan.dip)}; " if scan.dip else ""
    if scan.collapse is not None:
        return f"{dip}collapse at {_place(scan.collapse)}"
    innermost = scan.distances[np.isfinite(scan.energies)].min()
    return f"{dip}no collapse down to {innermost:.2f} Å"


def _place(at: Attraction) -> str:
    return f"{at.distance:.2f} Å, barrier {at.barrier:.2f} eV"


def read_points(scan: DimerScan) -> Reading:
    failed = scan.failed_points
    raised = [why for _, why in failed if not why.startswith(NOT_FINITE)]
    if raised and len(raised) == len(scan.distances):  # as for an element that it does not know
        return Reading(None, scan.error or raised[0])
    if scan.error:
        return Reading(math.inf, scan.error)
    if not failed:
        return Reading(0, f"all {len(scan.distances)} points")
    at = some([f"{distance:.2f}" for distance, _ in failed], 3)
    text = f"{len(failed)} of {len(scan.distances)} points failed, at {at} Å: {failed[0][1]}"
    return Reading(len(failed), text)


def read_wall(scan: DimerScan) -> Reading | None:
    """Read the first barrier, but for a dip of the reference's own; only a collapse can fail."""
    if scan.error:
        return None
    energies = scan.energies[np.isfinite(scan.energies)]
    height = float(energies[0] - energies.min())
    if scan.attraction is None and height < LOWEST_WALL:
        return Reading(height, f"no wall: {height:.2f} eV at the shortest distance")
    last = scan.collapse.barrier if scan.collapse else math.inf
    tops = [e.distance for e in scan.spurious_extrema]
    spurious = scan.dip is not None and any(abs(x - scan.dip.distance) < 0.05 for x in tops)
    first = scan.dip.barrier if scan.dip and spurious else last
    return Reading(first, describe_wall(scan), sure=last)


def read_missing_wall(scan: DimerScan) -> Reading | None:
    c = scan.comparison
    if c is None:
        return None
    height = float(c.reference_energies.max())
    barrier = scan.collapse.barrier if scan.collapse else math.inf
    text = f"{c.reference} rises to {height:.0f} eV; {describe_wall(scan)}"
    return Reading(max(height - barrier, 0.0), text)


def read_displacement(scan: DimerScan) -> Reading | None:
    """Read where the wall is off most, up to the height that the model's own has."""
    c = scan.comparison
    if c is None:
        return None if scan.error else Reading(None, "no reference curve")
    if not c.wall_displacements:
        return Reading(None, f"{c.reference} has no wall of 1 eV")
    found = {h: x for h, x in c.wall_displacements.items() if x is not None}
    if not found:
        lowest = next(iter(c.wall_displacements))
        return Reading(math.inf, f"no wall of {lowest} eV, {c.reference} has one")
    height = max(found, key=lambda h: abs(found[h]))
    x = found[height]
    return Reading(abs(x), f"{x:+.3f} Å from that of {c.reference}, at {height} eV")


def read_bond(scan: DimerScan) -> Reading | None:
    c = scan.comparison
    true = c.reference_equilibrium_distance if c else None
    if c is None or true is None or c.reference_well_depth < FAINT:
        return None
    error = c.equilibrium_distance_error
    if error is None:
        return Reading(math.inf, f"unbound, {c.reference} has {true:.3f} Å")
    return Reading(100 * abs(error) / true, f"{error:+.3f} Å ({100 * error / true:+.1f} %)")


def read_depth(scan: DimerScan) -> Reading | None:
    c = scan.comparison
    if c is None:
        return None
    depth = c.reference_well_depth + c.well_depth_error
    text = f"{depth:.2f} eV, {c.reference} has {c.reference_well_depth:.2f} eV"
    return Reading(abs(c.well_depth_error), text)


def read_extrema(scan: DimerScan) -> Reading | None:
    worst = max(scan.spurious_extrema, key=lambda e: e.prominence, default=None)
    if worst is None:
        return None if scan.error else Reading(0, "none")
    text = f"{worst.kind} at {worst.distance:.2f} Å, {worst.prominence:.3f} eV"
    more = len(scan.spurious_extrema) - 1
    return Reading(worst.prominence, text + (f", and {more} more" if more else ""))


def read_roughness(scan: DimerScan) -> Reading | None:
    if scan.roughness is None:
        missing = "needs an even grid with steps of 0.03 Å or less"
        return None if scan.error else Reading(None, missing)
    return Reading(100 * scan.roughness, f"{100 * scan.roughness:.2g} % of the force")


def read_jump(scan: DimerScan) -> Reading | None:
    jump = scan.largest_jump
    if jump is None:
        return None if scan.error else Reading(None, "too few points")
    if jump < SUSPECT_JUMP:
        return Reading(jump, f"below {SUSPECT_JUMP:g} eV")
    return Reading(jump, f"{jump:.4f} eV at {scan.largest_jump_distance:.2f} Å")


def read_conservation(scan: DimerScan) -> Reading | None:
    if scan.conservation_error is None:
        return None if scan.error else Reading(None, "no forces to compare")
    percent = 100 * scan.conservation_error
    return Reading(percent, f"{percent:.2g} %")


CRITERIA: tuple[Criterion, ...] = (
    Criterion(
        "points",
        read_points,
        fail=0,
        source=f"{OWN_CONVENTION}: a potential must answer everywhere",
        good="every point was answered",
        bad="no finite answer there: a run that comes this close stops",
        why="a relaxation or a trajectory may come to any distance",
    ),
    Criterion(
        "repulsive wall",
        read_wall,
        caution=LOWEST_WALL,
        fail=LOWEST_WALL,
        unit="eV",
        words=f"caution: dip behind < {LOWEST_WALL:g} eV; fail: collapse behind it",
        source=f"{OWN_CONVENTION}: chemistry reaches 2 eV; contacts judges higher barriers",
        good="no attraction that chemistry reaches",
        bad="atoms attract inside their bond",
        why="atoms fall into each other inside an unphysical maximum of the energy",
        below=True,
    ),
    Criterion(
        "height of the wall",
        read_missing_wall,
        caution=0,
        words="caution: a collapse where the reference stands higher",
        source=OWN_CONVENTION,
        good="the wall is as high as the reference's",
        bad="hot, random or dense structures can fall in where the reference repels",
        why="fast or crowded atoms climb high walls",
        rests_on=("curve",),
        decides=(),
    ),
    Criterion(
        "wall displacement",
        read_displacement,
        caution=0.03,
        fail=0.10,
        unit="Å",
        source=f"{OWN_CONVENTION}, at 1, 5 and 10 eV",
        good="the wall is where the reference has it",
        bad="short distances, pressures and barriers are off",
        why="where the wall stands is how large the atoms are",
        rests_on=("curve",),
    ),
    Criterion(
        "bond length",
        read_bond,
        caution=1.0,
        fail=3.0,
        unit="%",
        source=f"{OWN_CONVENTION}: 1 % is about PBE's own error against experiment",
        good="the bond is as long as the reference's",
        bad="the bond of the free molecule is elsewhere",
        why="a free molecule is far from the crystals that such models are trained on",
        rests_on=("curve",),
        hints=(),
    ),
    Criterion(
        "well depth",
        read_depth,
        caution=0.3,
        fail=1.0,
        unit="eV off",
        source=f"{OWN_CONVENTION}: 0.3 eV is about PBE's own error",
        good="the bond is as strong as the reference's",
        bad="atomization and reaction energies of molecules are off",
        why="energies of free molecules enter formation and adsorption energies",
        rests_on=("curve",),
        hints=(),
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
        why="a false well binds, and a false bump is a barrier",
    ),
    Criterion(
        "roughness",
        read_roughness,
        caution=5.0,
        fail=20.0,
        unit="%",
        source=f"{OWN_CONVENTION}; PBE's own curves reach 3 %",
        good="the force is smooth near the bond",
        bad="force constants depend on the step, and relaxations stop early",
        why="vibrations are differences of forces over small steps",
        hints=(),
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
        why="dynamics and optimizers suppose that the energy has no steps",
    ),
    Criterion(
        "conservation",
        read_conservation,
        caution=1.0,
        fail=5.0,
        unit="%",
        source=f"{OWN_CONVENTION}; CHGNet has 0.01 to 0.3 %",
        good="the forces are the derivative of the energy",
        bad="dynamics drift, relaxations end beside the minimum",
        why="forces that are not the derivative of the energy lead elsewhere than to its minimum",
    ),
)
