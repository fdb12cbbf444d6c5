"""Dimer scan: pull two atoms apart and push them together, and look at what the model does."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator, InputError
from ase.data import atomic_numbers, covalent_radii

from ...calculators.backends import get_demonstration
from ...calculators.base import CalculatorInfo, Evaluation, as_list
from ...calculators.evaluate import Progress, evaluate, floating_type
from ...calculators.registry import as_calculator, describe
from ...references.curves import Pair, ReferenceCurve, find_curves, parse_pair, sorted_pair
from ...references.images import ReadOptions
from ...references.level_of_theory import level_doubt
from . import curve
from .record import DimerScan, Extremum

OUTERMOST = 6.0  # Å
MIN_POINTS = 8
CONSERVATION_RADII = 16
FINER = 5  # times
Ask = Callable[[Iterable[float]], np.ndarray]  # distances to energies and forces, (n, 2)
BOX = 30.0  # Å; at least twice any usual cutoff plus the longest distance


def scan_dimers(
    calculator: BaseCalculator | str,
    elements_or_pairs: str | Iterable[str | tuple[str, str]],
    *,
    distances: Sequence[float] | np.ndarray | None = None,
    reference: Any = None,
    progress: Progress | None = None,
) -> list[DimerScan]:
    """Scan the distance of pairs of atoms in vacuum, all distances of a pair in one batch.

    Parameters
    ----------
    calculator : any ASE calculator, or its name
    elements_or_pairs : str, or several of str or pairs
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
    calculator = as_calculator(calculator)
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
    elements_or_pairs: str | Iterable[str | tuple[str, str]],
    *,
    distances: Sequence[float] | np.ndarray | None = None,
    reference: Any = None,
    options: ReadOptions | None = None,
) -> list[ScanPlan]:
    """Return what `scan_dimers` would scan; raises as it does."""
    pairs = list_pairs(elements_or_pairs)
    radii = {pair: sum(float(covalent_radii[atomic_numbers[x]]) for x in pair) for pair in pairs}
    scales = {pair: info.bond_scale or radius for pair, radius in radii.items()}
    grids = {pair: _grid(scales[pair], distances) for pair in pairs}
    curves: Mapping[Pair, ReferenceCurve] = {}
    if reference is not None:
        exact = get_demonstration(info.backend).morse
        curves = find_curves(reference, grids, exact=exact, options=options)
    return [ScanPlan(p, scales[p], grids[p], curves.get(p), info.level_of_theory) for p in pairs]


def scan_pair(
    calculator: BaseCalculator, plan: ScanPlan, progress: Progress | None = None
) -> DimerScan:
    """Scan one pair, all distances in one batch; then look again where its wall and jumps are."""
    scan, step = _sample(calculator, plan.pair, plan.distances, progress)
    good = np.isfinite(scan.energies)
    if good.sum() < MIN_POINTS:
        why = scan.failed_points[0][1] if scan.failed_points else "no finite energy with forces"
        return replace(scan, error=f"{good.sum()} of {len(good)} points left; first: {why}")
    r, energies, forces = scan.distances[good], scan.energies[good], scan.forces[good]
    reference, scale = plan.reference, plan.bond_scale
    well = curve.find_well(r, energies, scale)
    bond, floor = (well.distance, well.energy) if well else (float(r[-1]), float(energies[-1]))
    attraction, collapse = curve.find_attractions(r, energies, forces, bond, floor)
    outside = r > (collapse.distance if collapse else 0.0)
    r, energies, forces = r[outside], energies[outside], forces[outside]
    # what can be reached from the bond over 10 eV, and of that what no attraction lies before
    high = np.flatnonzero((energies >= floor + curve.WALL_TOP) & (r < bond))
    near = np.arange(len(r)) > high.max(initial=-1)
    calm = near & (r > (attraction.distance if attraction else 0.0))
    jumps = np.where(calm[1:] & calm[:-1], curve.find_jumps(r, energies, forces), 0.0)

    def ask(radii: Iterable[float]) -> np.ndarray:
        images = [_dimer(scan.pair, d, scan.environment != "vacuum") for d in radii]
        found = evaluate(calculator, images, progress=progress)
        return np.array([_numbers(e) for e in found]).reshape(-1, 2)

    jump, between = _find_jump(ask, r, jumps)
    comparison = None
    known: tuple[Extremum, ...] = ()
    if reference is not None and len(r) >= MIN_POINTS:
        doubt = level_doubt(reference.level_of_theory, plan.level_of_theory, [plan.pair])
        difference = doubt.text if doubt else None
        comparison = curve.compare_curves(reference, r, energies, forces, scale, difference)
        known = curve.reference_extrema(reference, scale)
    return replace(
        scan,
        equilibrium_distance=well.distance if well else None,
        force_constant=well.force_constant if well else None,
        attraction=attraction,
        collapse=collapse,
        spurious_extrema=curve.find_extrema(r[near], energies[near], well, known),
        roughness=curve.find_roughness(r[calm], forces[calm]),
        largest_jump=jump,
        largest_jump_distance=between,
        conservation_error=_find_curl(ask, r[calm], forces[calm], step),
        comparison=comparison,
    )


def list_pairs(elements_or_pairs: str | Iterable[str | tuple[str, str]]) -> list[Pair]:
    """Return the pairs asked for, each once, in order of first mention.

    Raises
    ------
    InputError
        For what is not an element or a pair of elements, or for nothing.
    """
    asked = as_list(elements_or_pairs)
    given = [parse_pair(x) or (str(x),) if isinstance(x, str) else x for x in asked]
    for symbol in itertools.chain(*given):
        if atomic_numbers.get(symbol, 0) < 1:
            raise InputError(f"{symbol!r} is not an element; give symbols like Cu, or Cu-O")
    elements = dict.fromkeys(x[0] for x in given if len(x) == 1)
    crossed = itertools.combinations_with_replacement(elements, 2)
    pairs = [sorted_pair(*p) for p in (*crossed, *(x for x in given if len(x) > 1))]
    if not pairs:
        raise InputError("no elements; give symbols like Cu, or pairs like Cu-O")
    return list(dict.fromkeys(pairs))


def _grid(bond_scale: float, distances: Sequence[float] | np.ndarray | None) -> np.ndarray:
    if distances is None:
        innermost = min(0.3 * bond_scale, 0.4)
        steps = int(np.ceil((OUTERMOST - innermost) / curve.STEP - 1e-9))
        return np.linspace(innermost, OUTERMOST, steps + 1)
    grid = np.array(distances, dtype=float)
    if grid.ndim != 1 or len(grid) < MIN_POINTS or not (np.isfinite(grid) & (grid > 0)).all():
        raise InputError(f"{grid.size} distances; give {MIN_POINTS} or more positive ones in Å")
    if (np.diff(grid) <= 0).any():
        raise InputError("distances are not ascending; sort them and leave out repeated ones")
    return grid


def _dimer(pair: Pair, distance: float, boxed: bool) -> Atoms:
    box = {"cell": [BOX + distance, BOX, BOX], "pbc": True} if boxed else {}
    return Atoms(pair, [[0, 0, 0], [distance, 0, 0]], **box)


def _sample(
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


def _find_jump(ask: Ask, r: np.ndarray, jumps: np.ndarray) -> tuple[float | None, float | None]:
    """Return the largest jump (eV) and where it is (Å); a possible jump is evaluated finely."""
    jumps = jumps.copy()
    suspects = np.flatnonzero(jumps > curve.SUSPECT_JUMP)
    # three more points on either side, so that every part of the interval is scored
    parts = np.arange(-3, FINER + 4) / FINER
    fine = r[suspects, None] + parts * np.diff(r)[suspects, None]
    points = ask(fine.ravel()).reshape(*fine.shape, 2)
    for k, x, (energies, forces) in zip(suspects, fine, points.transpose(0, 2, 1), strict=True):
        if np.isfinite(energies).all():  # else it stands
            jumps[k] = curve.find_jumps(x, energies, forces).max()
    if not len(jumps):
        return None, None
    at = int(jumps.argmax())
    return float(jumps[at]), float(r[at : at + 2].mean())


def _find_curl(ask: Ask, r: np.ndarray, forces: np.ndarray, step: float) -> float | None:
    """Return rms(f + dE/dr) / rms(f) at some of the radii, None where there is no force."""
    if not len(r):
        return None
    chosen = np.unique(np.linspace(0, len(r) - 1, CONSERVATION_RADII).round().astype(int))
    below, above = ask(np.concatenate([r[chosen] - step, r[chosen] + step]))[:, 0].reshape(2, -1)
    slope = (above - below) / (2 * step)
    kept = np.isfinite(slope)
    f = forces[chosen][kept]
    size = float(np.sum(f**2))
    return float(np.sqrt(np.sum((f + slope[kept]) ** 2) / size)) if size else None


def _numbers(evaluation: Evaluation) -> tuple[float, float]:
    """Return energy and axial force, NaN where they failed."""
    if evaluation.energy is None or evaluation.forces is None:
        return np.nan, np.nan
    return evaluation.energy, float(evaluation.forces[1, 0])
