"""Dimer scan: pull two atoms apart and push them together, and look at what the model does."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import units
from ase.calculators.calculator import BaseCalculator, InputError
from ase.data import atomic_masses, atomic_numbers, covalent_radii

from ...calculators.backends import get_demonstration
from ...calculators.evaluate import Progress
from ...calculators.records import CalculatorInfo
from ...calculators.registry import describe
from ...references.curves import Pair, ReferenceCurve, find_curves, parse_pair, sorted_pair
from ...references.level_of_theory import differences
from .compare import compare_curves, reference_extrema
from .curve import find_extrema, find_roughness
from .record import DimerScan, Extremum
from .sampling import MIN_POINTS, Sample, Shape, find_shape, look_again, sample_pairs

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
    """Scan the distance of pairs of atoms in vacuum, all pairs and distances in one batch.

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
    plan = plan_scan(
        describe(calculator), elements_or_pairs, distances=distances, reference=reference
    )
    return scan_pairs(calculator, plan, progress)


@dataclass(frozen=True, eq=False)
class ScanPlan:
    """What is scanned: for each pair its sum of radii (Å), its distances, and a reference.

    ``level_of_theory`` is the checkpoint's.
    """

    scales: Mapping[Pair, float]
    grids: Mapping[Pair, np.ndarray]
    curves: Mapping[Pair, ReferenceCurve]
    level_of_theory: str | None = None

    def of(self, pair: Pair) -> ScanPlan:
        """Return the plan of one pair."""
        curves = {pair: self.curves[pair]} if pair in self.curves else {}
        grids = {pair: self.grids[pair]}
        return ScanPlan({pair: self.scales[pair]}, grids, curves, self.level_of_theory)


def plan_scan(
    info: CalculatorInfo,
    elements_or_pairs: Iterable[str | tuple[str, str]],
    *,
    distances: Sequence[float] | np.ndarray | None = None,
    reference: Any = None,
) -> ScanPlan:
    """Return what `scan_dimers` would scan; raises as it does."""
    pairs = list_pairs(elements_or_pairs)
    scales = {pair: info.bond_scale or sum(_radius(x) for x in pair) for pair in pairs}
    grids = {pair: _grid(scales[pair], distances) for pair in pairs}
    curves: Mapping[Pair, ReferenceCurve] = {}
    if reference is not None:
        curves = find_curves(reference, grids, exact=get_demonstration(info.backend).morse)
    return ScanPlan(scales, grids, curves, info.level_of_theory)


def scan_pairs(
    calculator: BaseCalculator, plan: ScanPlan, progress: Progress | None = None
) -> list[DimerScan]:
    """Scan what is planned, all pairs and distances in one batch."""
    samples = sample_pairs(calculator, plan.grids, progress)
    found = {pair: find_shape(s, plan.scales[pair]) for pair, s in samples.items()}
    shapes = {pair: shape for pair, shape in found.items() if shape is not None}
    looks = look_again(calculator, samples, shapes, progress)
    return [_scan(pair, s, found[pair], plan, looks.get(pair)) for pair, s in samples.items()]


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
        pair = parse_pair(item) if isinstance(item, str) else None
        if pair is not None:
            explicit.append(pair)
            continue
        for symbol in (item,) if isinstance(item, str) else item:
            if atomic_numbers.get(symbol, 0) < 1:
                raise InputError(f"{symbol!r} is not an element; give symbols like Cu, or Cu-O")
        if isinstance(item, str):
            elements.append(item)
        else:
            explicit.append(sorted_pair(*item))
    crossed = itertools.combinations_with_replacement(dict.fromkeys(elements), 2)
    pairs = list(dict.fromkeys([sorted_pair(*p) for p in crossed] + explicit))
    if not pairs:
        raise InputError("no elements; give symbols like Cu, or pairs like Cu-O")
    return pairs


def _radius(symbol: str) -> float:
    return float(covalent_radii[atomic_numbers[symbol]])


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


def _scan(pair: Pair, sample: Sample, shape: Shape | None, plan: ScanPlan, look: Any) -> DimerScan:
    """Put one pair's record together; ``look`` is what `look_again` returns."""
    facts: dict[str, Any] = {
        "pair": pair,
        "distances": sample.r,
        "energies": sample.energies,
        "forces": sample.forces,
        "failed_points": sample.failed,
        "environment": "periodic box" if sample.boxed else "vacuum",
    }
    if shape is None:
        why = sample.failed[0][1] if sample.failed else "no finite energy with forces"
        left = len(sample.r) - len(sample.failed)
        return DimerScan(**facts, error=f"{left} of {len(sample.r)} points left; first: {why}")
    well, scale, curve = shape.well, plan.scales[pair], plan.curves.get(pair)
    outside = [x[shape.outside] for x in (sample.r, sample.energies, sample.forces)]
    r, energies, forces = (x[shape.near] for x in (sample.r, sample.energies, sample.forces))
    comparison = None
    known: tuple[Extremum, ...] = ()
    if curve is not None and len(outside[0]) >= MIN_POINTS:
        differs = differences(curve.level_of_theory, plan.level_of_theory, [pair])
        comparison = compare_curves(curve, *outside, bond_scale=scale, difference=differs)
        known = reference_extrema(curve, scale)
    return DimerScan(
        **facts,
        **look,
        equilibrium_distance=well.distance if well else None,
        force_constant=well.force_constant if well else None,
        wavenumber=_wavenumber(pair, well.force_constant) if well else None,
        attraction=shape.attraction,
        collapse=shape.collapse,
        spurious_extrema=find_extrema(r, energies, well, known),
        roughness=find_roughness(r, forces),
        comparison=comparison,
    )


def _wavenumber(pair: Pair, force_constant: float) -> float:
    """Return √(k/μ) / 2πc in 1/cm of the harmonic oscillator."""
    masses = [atomic_masses[atomic_numbers[x]] for x in pair]
    reduced = masses[0] * masses[1] / sum(masses)
    hbar_omega = units._hbar * 1e10 / np.sqrt(units._e * units._amu)
    return float(hbar_omega * np.sqrt(force_constant / reduced) / units.invcm)
