"""What a calculator says of pairs of atoms: every radius at once, then a second look.

Energies in eV, distances in Å, axial forces in eV/Å, positive when repulsive.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator

from ...calculators.evaluate import Progress, evaluate, floating_type
from ...calculators.records import Evaluation
from ...references.curves import Pair
from .curve import WALL_TOP, Well, find_attractions, find_jumps, find_well
from .record import Attraction, DimerScan

MIN_POINTS = 8
CONSERVATION_RADII = 16
SUSPECT_JUMP = 0.005  # eV; where a jump seems larger, the interval is looked at more finely
FINER = 5  # times
BOX = 30.0  # Å; at least twice any usual cutoff plus the longest distance


@dataclass(frozen=True, eq=False)
class Shape:
    """Where the well and the wall of one pair are, and the curve outside a collapse.

    ``outside`` indexes the good points with r > r_c, ``near`` those of them that can be reached
    from the bond over 10 eV; ``jumps`` has one number for each interval of ``outside``, zero where
    that is not near.
    """

    well: Well | None
    attraction: Attraction | None
    collapse: Attraction | None
    outside: np.ndarray
    near: np.ndarray
    jumps: np.ndarray


def _dimer(pair: Pair, distance: float, boxed: bool) -> Atoms:
    if boxed:
        return Atoms(pair, [[0, 0, 0], [distance, 0, 0]], cell=[BOX + distance, BOX, BOX], pbc=True)
    return Atoms(pair, [[0, 0, 0], [distance, 0, 0]])


def sample_pair(
    calculator: BaseCalculator, pair: Pair, distances: np.ndarray, progress: Progress | None
) -> tuple[DimerScan, float]:
    """Evaluate a pair at every distance.

    Returns the scan, and the step (Å) of a derivative that rounding leaves something of.
    """
    found = evaluate(calculator, [_dimer(pair, d, False) for d in distances], progress=progress)
    environment = "vacuum"
    if all(e.error for e in found):
        # A calculator that does not take molecules may take them in a box; if neither goes, what
        # it said of the molecule is the reason to show.
        in_box = evaluate(calculator, [_dimer(pair, d, True) for d in distances], progress=progress)
        if not all(e.error for e in in_box):
            found, environment = in_box, "periodic box"
    energies, forces = np.array([_numbers(e) for e in found]).T
    failed = tuple((float(d), e.error) for d, e in zip(distances, found, strict=True) if e.error)
    step = 1e-3 if floating_type(calculator, found) == "float32" else 1e-5
    return DimerScan(pair, distances, energies, forces, failed, environment), step


def find_shape(scan: DimerScan, bond_scale: float) -> Shape | None:
    """Find the well and the wall; None where too few points are left to say anything."""
    good = np.flatnonzero(np.isfinite(scan.energies))
    if len(good) < MIN_POINTS:
        return None
    r, energies, forces = scan.distances[good], scan.energies[good], scan.forces[good]
    well = find_well(r, energies, bond_scale)
    floor = well.energy if well else float(energies[-1])
    bond = well.distance if well else float(r[-1])
    attraction, collapse = find_attractions(r, energies, forces, bond, floor)
    outside = good[r > collapse.distance] if collapse else good
    r, energies, forces = scan.distances[outside], scan.energies[outside], scan.forces[outside]
    near = energies < floor + WALL_TOP
    high = np.flatnonzero(~near & (r < bond))
    near[: high[-1] + 1 if len(high) else 0] = False
    jumps = np.where(near[1:] & near[:-1], find_jumps(r, energies, forces), 0.0)
    return Shape(well, attraction, collapse, outside, outside[near], jumps)


def look_again(
    calculator: BaseCalculator, scan: DimerScan, shape: Shape, h: float, progress: Progress | None
) -> tuple[float | None, float | None, float | None]:
    """Evaluate some radii for conservation, and the suspected jumps finely.

    Returns the conservation error, the largest jump (eV), and where it is (Å).
    """
    spread = np.linspace(0, len(shape.near) - 1, CONSERVATION_RADII).round().astype(int)
    chosen = shape.near[np.unique(spread)] if len(shape.near) else shape.near
    r, jumps = scan.distances[shape.outside], shape.jumps.copy()
    suspects = np.flatnonzero(jumps > SUSPECT_JUMP)
    # three more points on either side, so that every part of the interval is scored
    parts = np.arange(-3, FINER + 4) / FINER
    fine = [r[k] + parts * (r[k + 1] - r[k]) for k in suspects]
    radii = np.concatenate([scan.distances[chosen] - h, scan.distances[chosen] + h, *fine])
    images = [_dimer(scan.pair, d, scan.environment != "vacuum") for d in radii]
    found = np.array([_numbers(e) for e in evaluate(calculator, images, progress=progress)])
    found = found.reshape(-1, 2)
    below, above = found[: 2 * len(chosen), 0].reshape(2, -1)
    points = found[2 * len(chosen) :].reshape(len(fine), len(parts), 2)
    for k, x, (energies, forces) in zip(suspects, fine, points.transpose(0, 2, 1), strict=True):
        if np.isfinite(energies).all():  # else the suspicion stands
            jumps[k] = find_jumps(x, energies, forces).max()
    conservation = _mismatch(scan.forces[chosen], (below - above) / (2 * h))
    if not len(jumps):
        return conservation, None, None
    at = int(jumps.argmax())
    return conservation, float(jumps[at]), float(r[at : at + 2].mean())


def _mismatch(forces: np.ndarray, derivatives: np.ndarray) -> float | None:
    """Return rms(f + dE/dr) / rms(f), None where there is no force."""
    kept = np.isfinite(derivatives)
    size = np.sqrt(np.mean(forces[kept] ** 2)) if kept.any() else 0.0
    if size == 0:
        return None
    return float(np.sqrt(np.mean((forces - derivatives)[kept] ** 2)) / size)


def _numbers(evaluation: Evaluation) -> tuple[float, float]:
    """Return energy and axial force, NaN where they failed."""
    if evaluation.energy is None or evaluation.forces is None:
        return np.nan, np.nan
    return evaluation.energy, float(evaluation.forces[1, 0])
