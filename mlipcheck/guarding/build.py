"""From scans in vacuum and in crystals to a repulsion for each pair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from ase import units
from ase.calculators.calculator import BaseCalculator, InputError
from ase.data import atomic_numbers, covalent_radii
from scipy.ndimage import maximum_filter1d, uniform_filter1d

from ..calculators.around import base_facts
from ..calculators.guarded import INNERMOST, Guard, PairRepulsion
from ..checks.compression.record import CompressedPair
from ..checks.dimers.curve import find_attractions
from ..checks.dimers.record import Attraction, DimerScan
from ..references.curves import Pair
from .record import GuardedCurve, GuardedPair

# Å; the distances of the scans in vacuum that a guard is built from
DISTANCES = np.linspace(INNERMOST, 6.0, 237)
SCANNED = 0.4  # Å: as far in as attractions are looked for, and a guard starts without one
INSIDE = 0.8  # of the bond: attractions that are holes, and not bonds
OUTSIDE, MARGIN = 1.25, 0.2  # of the attraction, and Å: how far out the guard starts
CAP = 0.85  # of the shortest distance that is to stay as it is
SWITCH = 0.2  # Å over which it is switched on
WIDENED, FACTOR = 0.05, 1.5  # Å and 1: by how much it is more than the attraction
STEP = 0.01  # Å between tabulated forces

Closest = Mapping[Pair, tuple[float, str]]


def build_guard(
    calculator: BaseCalculator,
    scans: Sequence[DimerScan],
    pushed: Sequence[CompressedPair] = (),
    closest: Closest | None = None,
    built_from: Sequence[str] = (),
) -> tuple[Guard, list[GuardedPair]]:
    """Build a repulsion that no curve of these scans falls behind.

    For each pair the outermost attraction inside 0.8 of the bond, r_a, sets the radius:
    max(1.25 r_a, r_a + 0.2 Å), at most 0.85 of the shortest distance in the structures, of the
    bond, and of the distance in the crystals. Inside, the force is 1.5 times the largest
    attraction of all curves, widened by 0.05 Å, and the repulsion of Ziegler, Biersack and
    Littmark, switched on over the outer 0.2 Å.

    Parameters
    ----------
    calculator : ase.calculators.calculator.BaseCalculator
        The one that was scanned.
    scans : sequence of DimerScan
        Of every pair of the elements, best at `DISTANCES`.
    pushed : sequence of CompressedPair
        Neighbours pushed together in crystals.
    closest : mapping of pair to (float, str), optional
        What `mlipcheck.analysis.closest.find_closest` returns: the shortest distance in Å, and
        the structure that has it.
    built_from : sequence of str
        What to name on the command line to build it again.

    Returns
    -------
    Guard, list of GuardedPair
        The guard, and what it does to each pair.

    Raises
    ------
    InputError
        For a pair that could not be scanned, and for a collapse that the guard could only cover
        by acting on bonds or on distances that the structures have; both distances are named.
    """
    found = []
    for scan in scans:
        if scan.error is not None:
            raise InputError(f"{scan.name} could not be scanned: {scan.error}")
        curves = [_of_scan(scan)]
        curves += [
            _Curve(p.name.removesuffix(f": {scan.name}"), p, p.contact, True, SCANNED)
            for p in pushed
            if p.pair == scan.pair and p.error is None and p.contact
        ]
        found.append(_build(scan.pair, curves, (closest or {}).get(scan.pair)))
    repulsions = tuple(repulsion for repulsion, _ in found)
    try:
        guard = Guard(**base_facts(calculator), pairs=repulsions, built_from=tuple(built_from))
    except ValueError as error:
        raise InputError(str(error)) from error
    return replace(guard, checksum=guard.content_sha256), [pair for _, pair in found]


def zbl_force(pair: Pair, r: np.ndarray) -> np.ndarray:
    """Return the universal screened repulsion of two nuclei in eV/Å at distances in Å.

    Ziegler, Biersack and Littmark, The Stopping and Range of Ions in Solids, Pergamon (1985).
    """
    z = np.array([atomic_numbers[x] for x in pair], dtype=float)
    x = r / (0.88534 * units.Bohr / (z**0.23).sum())
    weights = np.array([0.18175, 0.50986, 0.28022, 0.02817])
    decays = np.array([3.19980, 0.94229, 0.40290, 0.20162])
    terms = weights * np.exp(-np.multiply.outer(x, decays))
    coulomb = z.prod() * units.Hartree * units.Bohr / r
    return coulomb / r * (terms.sum(axis=-1) + x * (terms @ decays))


def _of_scan(scan: DimerScan) -> _Curve:
    s = sum(float(covalent_radii[atomic_numbers[x]]) for x in scan.pair)
    bond = scan.equilibrium_distance
    return _Curve("vacuum", scan, bond or s, bond is not None, min(0.3 * s, SCANNED))


class _Curve:
    """Energies of a pair above those at its bond, where they are known."""

    def __init__(
        self, where: str, scan: DimerScan | CompressedPair, bond: float, bound: bool, inner: float
    ) -> None:
        good = np.isfinite(scan.energies) & np.isfinite(scan.forces)
        self.where, self.bond, self.bound, self.inner = where, bond, bound, inner
        self.r = scan.distances[good]
        self.forces = scan.forces[good].astype(float)
        energies = scan.energies[good].astype(float)
        self.energies = energies - np.interp(bond, self.r, energies)
        self.first, _ = self.attractions(INSIDE * bond)
        _, self.collapse = self.attractions(bond)

    def attractions(
        self, start: float, added: PairRepulsion | None = None
    ) -> tuple[Attraction | None, Attraction | None]:
        """Return the first attraction inside ``start``, and the collapse."""
        seen = self.r >= self.inner - 1e-9
        energies, forces = added.evaluate(self.r) if added else (0.0, 0.0)
        energies, forces = self.energies + energies, self.forces + forces
        return find_attractions(self.r[seen], energies[seen], forces[seen], start, 0.0)

    def guarded(self, repulsion: PairRepulsion) -> GuardedCurve:
        return GuardedCurve(
            where=self.where,
            bond=self.bond,
            distances=self.r,
            before=self.energies,
            after=self.energies + repulsion.evaluate(self.r)[0],
            collapse=self.collapse,
            left=self.attractions(INSIDE * self.bond, repulsion)[0],
        )

    def slope(self, r: np.ndarray) -> np.ndarray:
        """Return the attraction dE/dr (eV/Å) at ``r``: of energies or of forces, the larger."""
        between = np.diff(self.energies) / np.diff(self.r)
        k = np.clip(np.searchsorted(self.r, r, side="right") - 1, 0, len(between) - 1)
        return np.maximum(between[k], np.interp(r, self.r, -self.forces))


def _build(
    pair: Pair, curves: Sequence[_Curve], shortest: tuple[float, str] | None
) -> tuple[PairRepulsion, GuardedPair]:
    hole = max((c.first.distance for c in curves if c.first), default=None)
    kept = [(c.bond, f"the bond in {c.where}") for c in curves if c.bound]
    limit, whose = min([*kept, *([shortest] if shortest else [])], default=(np.inf, ""))
    start = SCANNED if hole is None else hole
    radius = float(min(max(OUTSIDE * start, start + MARGIN), CAP * limit))
    falls = max((c.collapse.distance for c in curves if c.collapse), default=0.0)
    closed = falls <= radius and radius > INNERMOST + SWITCH
    if closed:
        repulsion = PairRepulsion(pair, radius, _tabulate(pair, radius, curves))
        found = tuple(c.guarded(repulsion) for c in curves)
        closed = all(c.attractions(c.bond, repulsion)[1] is None for c in curves)
    if not closed:
        hole_at = f"collapses from {falls:.2f} Å inward" if falls else "has no room for a guard"
        raise InputError(
            f"{'-'.join(pair)} {hole_at}, too near to {limit:.2f} Å ({whose}): a guard acts "
            f"inside of {CAP:g} of that, {CAP * limit:.2f} Å, and cannot close it"
        )
    distance, structure = shortest or (None, "")
    return repulsion, GuardedPair(pair, radius, hole, distance, structure, found)


def _tabulate(pair: Pair, radius: float, curves: Sequence[_Curve]) -> np.ndarray:
    """Return the forces of a repulsion at even distances from `INNERMOST` to its radius."""
    r = np.linspace(INNERMOST, radius, int(np.ceil((radius - INNERMOST) / STEP)) + 1)
    pull = np.max([c.slope(r) for c in curves], axis=0, initial=0.0)
    pull = maximum_filter1d(pull, 2 * round(WIDENED / STEP) + 1, mode="nearest")
    # smoothed over less than it is widened by, so that it stays above what it covers
    pull = uniform_filter1d(pull, round(WIDENED / STEP), mode="nearest")
    depth = np.clip((radius - r) / SWITCH, 0.0, 1.0)
    switch = depth**3 * (10 - 15 * depth + 6 * depth**2)
    return np.asarray(switch * (FACTOR * pull + zbl_force(pair, r)))
