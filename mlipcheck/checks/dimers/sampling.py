"""What a calculator says of pairs of atoms: every radius at once, then a second look.

Energies in eV, distances in Å, axial forces in eV/Å, positive when repulsive.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator

from ...calculators.evaluate import Progress, evaluate, floating_type
from ...calculators.records import Evaluation
from ...references.curves import Pair
from .curve import WALL_TOP, Well, find_attractions, find_jumps, find_well
from .record import Attraction

MIN_POINTS = 8
CONSERVATION_RADII = 16
SUSPECT_JUMP = 0.005  # eV; where a jump seems larger, the interval is looked at more finely
FINER = 5  # times
BOX = 30.0  # Å; at least twice any usual cutoff plus the longest distance


@dataclass(frozen=True, eq=False)
class Sample:
    """What the calculator said about one pair."""

    r: np.ndarray
    energies: np.ndarray
    forces: np.ndarray
    failed: tuple[tuple[float, str], ...]
    boxed: bool
    single_precision: bool


@dataclass(frozen=True, eq=False)
class Shape:
    """Where the well and the wall of one pair are, and the curve outside a collapse.

    ``outside`` indexes the good points with r > r_c, ``near`` those of them that can be reached
    from the bond over 10 eV; ``jumps`` has one number for each interval of ``outside``, zero where
    that is not near.
    """

    well: Well | None
    floor: float
    attraction: Attraction | None
    collapse: Attraction | None
    outside: np.ndarray
    near: np.ndarray
    jumps: np.ndarray


def _dimer(pair: Pair, distance: float, boxed: bool) -> Atoms:
    if boxed:
        return Atoms(pair, [[0, 0, 0], [distance, 0, 0]], cell=[BOX + distance, BOX, BOX], pbc=True)
    return Atoms(pair, [[0, 0, 0], [distance, 0, 0]])


def sample_pairs(
    calculator: BaseCalculator, grids: Mapping[Pair, np.ndarray], progress: Progress | None
) -> dict[Pair, Sample]:
    """Evaluate every pair at every radius."""

    def ask(boxed: bool) -> list[Evaluation]:
        images = [_dimer(pair, d, boxed) for pair, grid in grids.items() for d in grid]
        return evaluate(calculator, images, progress=progress)

    found, boxed = ask(boxed=False), False
    if all(e.error for e in found):
        # A calculator that does not take molecules may take them in a box; if neither goes, what
        # it said of the molecule is the reason to show.
        in_box = ask(boxed=True)
        if not all(e.error for e in in_box):
            found, boxed = in_box, True
    single = floating_type(calculator, found) == "float32"
    samples, rest = {}, iter(found)
    for pair, grid in grids.items():
        rows = list(itertools.islice(rest, len(grid)))
        energies, forces = np.array([_numbers(e) for e in rows]).T
        failed = tuple((float(d), e.error) for d, e in zip(grid, rows, strict=True) if e.error)
        samples[pair] = Sample(grid, energies, forces, failed, boxed, single)
    return samples


def find_shape(sample: Sample, bond_scale: float) -> Shape | None:
    """Find the well and the wall; None where too few points are left to say anything."""
    good = np.flatnonzero(np.isfinite(sample.energies))
    if len(good) < MIN_POINTS:
        return None
    r, energies, forces = sample.r[good], sample.energies[good], sample.forces[good]
    well = find_well(r, energies, bond_scale)
    floor = well.energy if well else float(energies[-1])
    bond = well.distance if well else float(r[-1])
    attraction, collapse = find_attractions(r, energies, forces, bond, floor)
    outside = good[r > collapse.distance] if collapse else good
    r, energies, forces = (x[outside] for x in (sample.r, sample.energies, sample.forces))
    high = np.flatnonzero((energies >= floor + WALL_TOP) & (r < bond))
    innermost = high[-1] + 1 if len(high) else 0
    is_near = energies < floor + WALL_TOP
    is_near[:innermost] = False
    jumps = find_jumps(r, energies, forces)
    return Shape(
        well=well,
        floor=floor,
        attraction=attraction,
        collapse=collapse,
        outside=outside,
        near=outside[is_near],
        jumps=np.where(is_near[1:] & is_near[:-1], jumps, 0.0),
    )


def look_again(
    calculator: BaseCalculator,
    samples: Mapping[Pair, Sample],
    shapes: Mapping[Pair, Shape],
    progress: Progress | None,
) -> dict[Pair, dict[str, Any]]:
    """Evaluate the radii for conservation, and the suspected jumps finely, all in one batch.

    Returns the fields of a `DimerScan` that this is for.
    """
    images: list[Atoms] = []
    plans: dict[Pair, tuple[np.ndarray, float, list[tuple[int, np.ndarray]]]] = {}
    for pair, shape in shapes.items():
        sample = samples[pair]
        spread = np.linspace(0, len(shape.near) - 1, CONSERVATION_RADII).round().astype(int)
        chosen = shape.near[np.unique(spread)] if len(shape.near) else shape.near
        # in float32 the step must lift the difference above rounding
        h = 1e-3 if sample.single_precision else 1e-5
        r = sample.r[shape.outside]
        # three more points on either side, so that every part of the interval is scored
        parts = np.arange(-3, FINER + 4) / FINER
        suspects = [
            (int(k), r[k] + parts * (r[k + 1] - r[k]))
            for k in np.flatnonzero(shape.jumps > SUSPECT_JUMP)
        ]
        plans[pair] = (chosen, h, suspects)
        radii = [d + x for d in sample.r[chosen] for x in (-h, h)]
        radii += [d for _, fine in suspects for d in fine]
        images += [_dimer(pair, d, sample.boxed) for d in radii]
    found = iter(evaluate(calculator, images, progress=progress))
    looks: dict[Pair, dict[str, Any]] = {}
    for pair, (chosen, h, suspects) in plans.items():
        moved = np.array([_numbers(next(found))[0] for _ in range(2 * len(chosen))]).reshape(-1, 2)
        slope = (moved[:, 1] - moved[:, 0]) / (2 * h)
        jumps = shapes[pair].jumps.copy()
        for k, fine in suspects:
            energies, forces = np.array([_numbers(next(found)) for _ in fine]).T
            if np.isfinite(energies).all():  # else the suspicion stands
                jumps[k] = find_jumps(fine, energies, forces).max()
        looks[pair] = {"conservation_error": _mismatch(samples[pair].forces[chosen], -slope)}
        if len(jumps):
            k = int(jumps.argmax())
            r = samples[pair].r[shapes[pair].outside]
            looks[pair]["largest_jump"] = float(jumps[k])
            looks[pair]["largest_jump_distance"] = float(r[k] + r[k + 1]) / 2
    return looks


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
