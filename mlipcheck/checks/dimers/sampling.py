"""What a calculator says of pairs of atoms: every radius at once, then a second look.

Energies in eV, distances in Å, axial forces in eV/Å, positive when repulsive.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator

from ...calculators.evaluate import Progress, evaluate, floating_type
from ...calculators.records import Evaluation
from ...references.curves import Pair, ReferenceCurve
from .curve import WALL_TOP, Well, find_collapse, find_jumps, find_well

FEWEST_POINTS = 8
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
    reference_energies: np.ndarray
    reference_forces: np.ndarray
    atoms_energy: float | None
    boxed: bool
    single_precision: bool


@dataclass(frozen=True, eq=False)
class Shape:
    """Where the well and the wall of one pair are, and the curve outside a collapse.

    ``outside`` indexes the good points with r > r_c; ``low`` those of them below 10 eV; ``jumps``
    has one number for each interval of ``outside``, zero above 10 eV.
    """

    well: Well | None
    floor: float
    collapse: float | None
    barrier: float | None
    outside: np.ndarray
    low: np.ndarray
    jumps: np.ndarray


@dataclass(frozen=True)
class SecondLook:
    """What needs the well to be known first: conservation, and jumps on a finer grid."""

    conservation: float | None
    jump: tuple[float, float] | None


def _dimer(pair: Pair, distance: float, boxed: bool) -> Atoms:
    if boxed:
        return Atoms(pair, [[0, 0, 0], [distance, 0, 0]], cell=[BOX + distance, BOX, BOX], pbc=True)
    return Atoms(pair, [[0, 0, 0], [distance, 0, 0]])


def sample_pairs(
    calculator: BaseCalculator,
    grids: Mapping[Pair, np.ndarray],
    curves: Mapping[Pair, ReferenceCurve],
    progress: Progress | None,
) -> dict[Pair, Sample]:
    """Evaluate every pair at every radius, its own and its reference's, and the single atoms."""
    radii = {
        pair: np.concatenate([grid, curves[pair].distances if pair in curves else []])
        for pair, grid in grids.items()
    }
    elements = sorted({x for pair in grids for x in pair})

    def ask(boxed: bool) -> list[Evaluation]:
        images = [_dimer(pair, d, boxed) for pair, rs in radii.items() for d in rs]
        cell = {"cell": [BOX] * 3, "pbc": True} if boxed else {}
        images += [Atoms(x, [[0, 0, 0]], **cell) for x in elements]
        return evaluate(calculator, images, progress=progress)

    found, boxed = ask(boxed=False), False
    if all(e.error for e in found[: -len(elements)]):
        # A calculator that does not take molecules may take them in a box; if neither goes, what
        # it said of the molecule is the reason to show.
        in_box = ask(boxed=True)
        if not all(e.error for e in in_box[: -len(elements)]):
            found, boxed = in_box, True
    single = floating_type(calculator, found) == "float32"
    atoms_energy = {x: e.energy for x, e in zip(elements, found[-len(elements) :], strict=True)}
    samples, start = {}, 0
    for pair, rs in radii.items():
        rows = found[start : start + len(rs)]
        start += len(rs)
        energies, forces = np.array([_numbers(e) for e in rows]).T
        n = len(grids[pair])
        parts = [atoms_energy[x] for x in pair]
        samples[pair] = Sample(
            r=grids[pair],
            energies=energies[:n],
            forces=forces[:n],
            failed=tuple(
                (float(d), e.error) for d, e in zip(grids[pair], rows[:n], strict=True) if e.error
            ),
            reference_energies=energies[n:],
            reference_forces=forces[n:],
            atoms_energy=None if None in parts else float(sum(p for p in parts if p is not None)),
            boxed=boxed,
            single_precision=single,
        )
    return samples


def find_shape(sample: Sample, bond_scale: float) -> Shape | None:
    """Find the well and the wall; None where too few points are left to say anything."""
    good = np.flatnonzero(np.isfinite(sample.energies))
    if len(good) < FEWEST_POINTS:
        return None
    r, energies, forces = sample.r[good], sample.energies[good], sample.forces[good]
    well = find_well(r, energies, bond_scale)
    floor = well.energy if well else float(energies[-1])
    collapse = find_collapse(r, energies, forces, well.distance if well else r[-1])
    outside = good[r > collapse.distance] if collapse else good
    is_low = sample.energies[outside] < floor + WALL_TOP
    jumps = find_jumps(sample.r[outside], sample.energies[outside], sample.forces[outside])
    return Shape(
        well=well,
        floor=floor,
        collapse=collapse.distance if collapse else None,
        barrier=collapse.energy - floor if collapse else None,
        outside=outside,
        low=outside[is_low],
        jumps=np.where(is_low[1:] & is_low[:-1], jumps, 0.0),
    )


def look_again(
    calculator: BaseCalculator,
    samples: Mapping[Pair, Sample],
    shapes: Mapping[Pair, Shape | None],
    progress: Progress | None,
) -> dict[Pair, SecondLook | None]:
    """Evaluate the radii for conservation, and the suspected jumps finely, all in one batch."""
    images: list[Atoms] = []
    plans: dict[Pair, tuple[np.ndarray, float, list[tuple[int, np.ndarray]]]] = {}
    for pair, shape in shapes.items():
        if shape is None:
            continue
        sample = samples[pair]
        spread = np.linspace(0, len(shape.low) - 1, CONSERVATION_RADII).round().astype(int)
        chosen = shape.low[np.unique(spread)] if len(shape.low) else shape.low
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
    looks: dict[Pair, SecondLook | None] = dict.fromkeys(samples)
    for pair, (chosen, h, suspects) in plans.items():
        shape = shapes[pair]
        assert shape is not None
        moved = np.array([_numbers(next(found))[0] for _ in range(2 * len(chosen))]).reshape(-1, 2)
        slope = (moved[:, 1] - moved[:, 0]) / (2 * h)
        jumps = shape.jumps.copy()
        for k, fine in suspects:
            energies, forces = np.array([_numbers(next(found)) for _ in fine]).T
            if np.isfinite(energies).all():  # else the suspicion stands
                jumps[k] = find_jumps(fine, energies, forces).max()
        r = samples[pair].r[shape.outside]
        k = int(jumps.argmax()) if len(jumps) else -1
        looks[pair] = SecondLook(
            conservation=_mismatch(samples[pair].forces[chosen], -slope),
            jump=(float(jumps[k]), float(r[k] + r[k + 1]) / 2) if k >= 0 else None,
        )
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
