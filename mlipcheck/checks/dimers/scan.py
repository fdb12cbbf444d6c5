"""Dimer scan: pull two atoms apart and push them together, and look at what the model does."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from ase.calculators.calculator import BaseCalculator, InputError
from ase.data import atomic_numbers, covalent_radii

from ...calculators.backends import get_demonstration
from ...calculators.evaluate import Progress
from ...calculators.records import CalculatorInfo
from ...calculators.registry import describe
from ...references.curves import Pair, ReferenceCurve, find_curves, parse_pair, sorted_pair
from ...references.level_of_theory import differences
from .compare import compare_curves, reference_extrema
from .curve import find_extrema, find_roughness
from .record import DimerScan, Extremum
from .sampling import MIN_POINTS, find_shape, look_again, sample_pair

STEP = 0.025  # Å, at most
OUTERMOST = 6.0  # Å


def scan_dimers(
    calculator: BaseCalculator,
    elements_or_pairs: Iterable[str | tuple[str, str]],
    *,
    distances: Sequence[float] | np.ndarray | None = None,
    reference: Any = None,
    progress: Progress | None = None,
) -> list[DimerScan]:
    """Scan the distance of pairs of atoms in vacuum, all distances of a pair in one batch.

    Parameters
    ----------
    calculator : any ASE calculator
    elements_or_pairs : iterable of str or of pairs
        Elements give all their homo- and heteronuclear pairs; ``"Cu-O"`` and ``("Cu", "O")``
        give that one.
    distances : array_like, optional
        Å, ascending. By default from min(0.3 s, 0.4 Å) to 6 Å in steps of at most 0.025 Å, with
        s the sum of ASE's covalent radii (1.42 Å for the toy).
    reference : optional
        What `mlipcheck.references.curves.find_curves` takes: ``"auto"``, ``"pbe"``, a path, a
        `ReferenceCurve`, ... None: no reference.
    progress : callable, optional
        Called with the number of structures done since the last call.

    Returns
    -------
    list of DimerScan
        One a pair, in order; points that failed are marked and the others kept.

    Raises
    ------
    InputError
        For an unknown element, distances or a reference that are none.
    """
    info = describe(calculator)
    plans = plan_scan(info, elements_or_pairs, distances=distances, reference=reference)
    return [scan_pair(calculator, plan, progress) for plan in plans]


@dataclass(frozen=True, eq=False)
class ScanPlan:
    """How one pair is scanned: its sum of radii (Å), its distances (Å), and its reference.

    ``level_of_theory`` is the checkpoint's.
    """

    pair: Pair
    bond_scale: float
    distances: np.ndarray
    reference: ReferenceCurve | None
    level_of_theory: str | None


def plan_scan(
    info: CalculatorInfo,
    elements_or_pairs: Iterable[str | tuple[str, str]],
    *,
    distances: Sequence[float] | np.ndarray | None = None,
    reference: Any = None,
) -> list[ScanPlan]:
    """Return what `scan_dimers` would scan; raises as it does."""
    pairs = list_pairs(elements_or_pairs)
    radii = {pair: sum(float(covalent_radii[atomic_numbers[x]]) for x in pair) for pair in pairs}
    scales = {pair: info.bond_scale or radius for pair, radius in radii.items()}
    grids = {pair: _grid(scales[pair], distances) for pair in pairs}
    curves: Mapping[Pair, ReferenceCurve] = {}
    if reference is not None:
        curves = find_curves(reference, grids, exact=get_demonstration(info.backend).morse)
    level = info.level_of_theory
    return [ScanPlan(p, scales[p], grids[p], curves.get(p), level) for p in pairs]


def scan_pair(
    calculator: BaseCalculator, plan: ScanPlan, progress: Progress | None = None
) -> DimerScan:
    """Scan one pair, all distances in one batch."""
    scan, step = sample_pair(calculator, plan.pair, plan.distances, progress)
    shape = find_shape(scan, plan.bond_scale)
    if shape is None:
        why = scan.failed_points[0][1] if scan.failed_points else "no finite energy with forces"
        n = len(scan.distances)
        left = n - len(scan.failed_points)
        return replace(scan, error=f"{left} of {n} points left; first: {why}")
    conservation, jump, between = look_again(calculator, scan, shape, step, progress)
    well, curve = shape.well, plan.reference
    comparison = None
    known: tuple[Extremum, ...] = ()
    if curve is not None and len(shape.outside) >= MIN_POINTS:
        outside = (x[shape.outside] for x in (scan.distances, scan.energies, scan.forces))
        comparison = compare_curves(
            curve,
            *outside,
            bond_scale=plan.bond_scale,
            difference=differences(curve.level_of_theory, plan.level_of_theory, [plan.pair]),
        )
        known = reference_extrema(curve, plan.bond_scale)
    r, energies, forces = (x[shape.near] for x in (scan.distances, scan.energies, scan.forces))
    return replace(
        scan,
        equilibrium_distance=well.distance if well else None,
        force_constant=well.force_constant if well else None,
        attraction=shape.attraction,
        collapse=shape.collapse,
        spurious_extrema=find_extrema(r, energies, well, known),
        roughness=find_roughness(r, forces),
        largest_jump=jump,
        largest_jump_distance=between,
        conservation_error=conservation,
        comparison=comparison,
    )


def list_pairs(elements_or_pairs: Iterable[str | tuple[str, str]]) -> list[Pair]:
    """Return the pairs asked for, each once, in order of first mention.

    Raises
    ------
    InputError
        For what is not an element or a pair of elements, or for nothing.
    """
    elements: list[str] = []
    explicit: list[Pair] = []
    for item in elements_or_pairs:
        pair = parse_pair(item) if isinstance(item, str) else item
        symbols = (str(item),) if pair is None else pair
        for symbol in symbols:
            if atomic_numbers.get(symbol, 0) < 1:
                raise InputError(f"{symbol!r} is not an element; give symbols like Cu, or Cu-O")
        if pair is None:
            elements += symbols
        else:
            explicit.append(sorted_pair(*pair))
    crossed = itertools.combinations_with_replacement(dict.fromkeys(elements), 2)
    pairs = list(dict.fromkeys([sorted_pair(*p) for p in crossed] + explicit))
    if not pairs:
        raise InputError("no elements; give symbols like Cu, or pairs like Cu-O")
    return pairs


def _grid(bond_scale: float, distances: Sequence[float] | np.ndarray | None) -> np.ndarray:
    if distances is None:
        innermost = min(0.3 * bond_scale, 0.4)
        return np.linspace(
            innermost, OUTERMOST, int(np.ceil((OUTERMOST - innermost) / STEP - 1e-9)) + 1
        )
    grid = np.array(distances, dtype=float)
    if grid.ndim != 1 or len(grid) < MIN_POINTS or not (np.isfinite(grid) & (grid > 0)).all():
        raise InputError(f"{grid.size} distances; give {MIN_POINTS} or more positive ones in Å")
    if (np.diff(grid) <= 0).any():
        raise InputError("distances are not ascending; sort them and leave out repeated ones")
    return grid
