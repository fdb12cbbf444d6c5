"""From scans in vacuum and in crystals to a repulsion for each pair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace

import numpy as np
from ase import units
from ase.calculators.calculator import BaseCalculator, InputError
from ase.data import atomic_numbers, covalent_radii
from scipy.ndimage import maximum_filter1d, uniform_filter1d

from ..analysis.structures import find_closest
from ..calculators.base import as_list
from ..calculators.guarded import INNERMOST, Guard, PairRepulsion
from ..calculators.registry import as_calculator
from ..check import Context, Skip, Task
from ..checks.compression.check import Compression
from ..checks.compression.push import CompressedPair
from ..checks.dimers.curve import find_attractions
from ..checks.dimers.record import Attraction, DimerScan
from ..checks.dimers.scan import list_pairs, scan_dimers
from ..checkup.find import find_system
from ..checkup.run import Progress
from ..references.curves import Pair
from ..system import Settings

# Å; the distances of the scans in vacuum that a guard is built from
DISTANCES = np.linspace(INNERMOST, 6.0, 237)
SCANNED = 0.4  # Å: as far in as attractions are looked for, and a guard starts without one
INSIDE = 0.8  # of the bond: attractions that are holes, and not bonds
WEAK = 0.5  # of the force farther out: where a wall gives way, as it does in front of a hole
OUTSIDE, MARGIN = 1.25, 0.2  # of that distance, and Å: how far out the guard starts
CAP = 0.85  # of the shortest distance that is to stay as it is
SWITCH = 0.2  # Å over which it is switched on
WIDENED, FACTOR = 0.05, 1.5  # Å and 1: by how much it is more than the attraction
STEP = 0.01  # Å between tabulated forces


@dataclass(frozen=True, eq=False)
class GuardedCurve:
    """One scan of a pair, in vacuum or in a crystal, without the guard and with it.

    ``bond`` (Å) is r_e or the distance in the crystal, where energies (eV) are zero, or where a
    bond would be; ``weak`` (Å) where the wall gives way in front of its first attraction, and
    ``left`` the attraction that the guard leaves inside 0.8 of the bond.
    """

    where: str
    bond: float
    bound: bool
    distances: np.ndarray
    before: np.ndarray
    forces: np.ndarray
    after: np.ndarray
    attraction: Attraction | None
    collapse: Attraction | None
    weak: float | None = None
    left: Attraction | None = None
    closed: bool = False


@dataclass(frozen=True, eq=False)
class GuardedPair:
    """What a guard does to one pair, inside of ``radius``.

    ``attraction`` is the outermost first attraction of all curves, ``weak`` where the first wall
    gives way, ``shortest`` the shortest distance in the user's ``structure``; all in Å.
    """

    pair: Pair
    radius: float
    attraction: float | None
    weak: float | None
    shortest: float | None
    structure: str
    curves: tuple[GuardedCurve, ...]

    @property
    def name(self) -> str:
        return "-".join(self.pair)

    @property
    def collapse(self) -> float | None:
        return max((c.collapse.distance for c in self.curves if c.collapse), default=None)


def build_guard(
    calculator: BaseCalculator | str,
    scans: str | Sequence[DimerScan | str],
    pushed: Sequence[CompressedPair] = (),
    closest: Mapping[Pair, tuple[float, str]] | None = None,
    built_from: Sequence[str] = (),
) -> tuple[Guard, list[GuardedPair]]:
    """Build a repulsion that closes the holes of these scans; `make_guard` does them, too.

    A pair has a hole where it attracts inside 0.8 of its bond; in front of it the wall gives way
    from r_w inward, where the repulsion is half of what it was farther out. In between, a third
    atom can make a hole of it. The outermost r_w of all curves sets the radius: max(1.25 r_w,
    r_w + 0.2 Å), at most 0.85 of the shortest distance in the structures, of the bond, and of the
    distance in the crystals. Inside, the force is 1.5 times the largest
    attraction of all curves, widened by 0.05 Å, and the repulsion of Ziegler, Biersack and
    Littmark, switched on over the outer 0.2 Å.

    Parameters
    ----------
    calculator : any ASE calculator, or its name
        The one that was scanned.
    scans : sequence of DimerScan, or str or several
        Of every pair of the elements, best at `DISTANCES`; elements and pairs are scanned there.
    pushed : sequence of CompressedPair
        Of neighbours in crystals.
    closest : mapping of pair to (float, str), optional
        What `mlipcheck.analysis.structures.find_closest` returns of the user's structures.
    built_from : sequence of str
        What to name on the command line to build it again.

    Raises
    ------
    InputError
        For what is no scan, for a pair that could not be scanned, and for a collapse that the guard
        could only close by acting on bonds or on distances that the structures have; both distances
        are named.
    """
    calculator, found = as_calculator(calculator), []
    for scan in _scan(calculator, as_list(scans)):
        if scan.error is not None:
            raise InputError(f"{scan.name} could not be scanned: {scan.error}")
        s = sum(float(covalent_radii[atomic_numbers[x]]) for x in scan.pair)
        curves = [_read("vacuum", scan, scan.equilibrium_distance, s)]
        curves += [
            _read(p.name.removesuffix(f": {scan.name}"), p, p.contact, s)
            for p in pushed
            if p.pair == scan.pair and p.error is None
        ]
        found.append(_build(scan.pair, curves, (closest or {}).get(scan.pair)))
    repulsions = tuple(repulsion for repulsion, _ in found)
    try:
        guard = Guard.of(calculator, pairs=repulsions, built_from=tuple(built_from))
    except ValueError as error:
        raise InputError(str(error)) from error
    return replace(guard, checksum=guard.content_sha256), [pair for _, pair in found]


def make_guard(
    calculator: BaseCalculator | str,
    what: str | Sequence[str],
    settings: Settings | None = None,
    progress: Progress | None = None,
) -> tuple[Guard, list[GuardedPair], list[str]]:
    """Scan every pair of the elements in vacuum and in the crystals, and build the guard.

    ``what`` are elements, files and folders; of elements, the crystals that dcdft has of them.
    ``settings`` say how files are read, ``progress`` is as of `run_checkup`. Returns the guard,
    what it does to each pair, and what was not scanned and why.

    Raises
    ------
    InputError
        For what cannot be read, and as `build_guard` does.
    """
    calculator, what = as_calculator(calculator), as_list(what)
    settings = settings or Settings()
    progress = progress or (lambda name, total: nullcontext(lambda n: None))
    system = find_system(calculator, what, settings)
    pairs = list_pairs(dict.fromkeys(x for word in system.elements for x in word.split("-")))
    check = Compression()
    found = check.tasks(system, settings)
    tasks = [t for t in found if isinstance(t, Task)]
    with progress("pairs in vacuum", len(pairs)) as advance:
        scans = []
        for pair in pairs:
            scans += scan_dimers(calculator, [pair], distances=DISTANCES)
            advance(1)
    pushed: list[CompressedPair] = []
    with progress("pairs in crystals", sum(t.steps for t in tasks)) as advance:
        for task in tasks:
            pushed += check.run(calculator, task, Context(settings, advance=advance))
    notes = [t.reason for t in found if isinstance(t, Skip)]
    notes += [f"{p.name}: {p.error or p.failed}" for p in pushed if p.error or p.failed]
    closest = find_closest(system.structures)
    return *build_guard(calculator, scans, pushed, closest, what), notes


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


def _scan(calculator: BaseCalculator, given: Sequence[DimerScan | str]) -> list[DimerScan]:
    """Return scans as they are, and those of elements and pairs that are named."""
    words = [x for x in given if isinstance(x, str)]
    scans = [x for x in given if isinstance(x, DimerScan)]
    if len(words) + len(scans) < len(given) or not given:
        raise InputError(f"{given!r} are no scans; give those of scan_dimers, or elements like Cu")
    return [*scans, *(scan_dimers(calculator, words, distances=DISTANCES) if words else ())]


def _read(
    where: str, scan: DimerScan | CompressedPair, bond: float | None, sum_of_radii: float
) -> GuardedCurve:
    good = np.isfinite(scan.energies) & np.isfinite(scan.forces)
    r, energies, forces = scan.distances[good], scan.energies[good], scan.forces[good]
    place = bond or sum_of_radii
    energies = energies - np.interp(place, r, energies)
    first, collapse = _attractions(r, energies, forces, place)
    curve = GuardedCurve(where, place, bool(bond), r, energies, forces, energies, first, collapse)
    return replace(curve, weak=_gives_way(curve))


def _gives_way(curve: GuardedCurve) -> float | None:
    """Return where the force, going inward, first is half of what it was, outside of a hole."""
    if curve.attraction is None:
        return None
    inner, outer = curve.attraction.distance, INSIDE * curve.bond
    wall = (inner < curve.distances) & (curve.distances <= outer)
    r, forces = curve.distances[wall][::-1], curve.forces[wall][::-1]
    weak = r[forces < WEAK * np.maximum.accumulate(forces)]
    return float(weak.max(initial=inner))


def _attractions(
    r: np.ndarray, energies: np.ndarray, forces: np.ndarray, bond: float
) -> tuple[Attraction | None, Attraction | None]:
    """Return the first attraction inside 0.8 of the bond, and the collapse anywhere inside it."""
    seen = r >= min(SCANNED, 0.3 * bond) - 1e-9
    curve = (r[seen], energies[seen], forces[seen])
    first, _ = find_attractions(*curve, INSIDE * bond, 0.0)
    _, collapse = find_attractions(*curve, bond, 0.0)
    return first, collapse


def _guarded(curve: GuardedCurve, repulsion: PairRepulsion) -> GuardedCurve:
    energies, forces = repulsion.evaluate(curve.distances)
    after = curve.before + energies
    left, collapse = _attractions(curve.distances, after, curve.forces + forces, curve.bond)
    return replace(curve, after=after, left=left, closed=collapse is None)


def _pull(curve: GuardedCurve, r: np.ndarray) -> np.ndarray:
    """Return the attraction dE/dr (eV/Å) at ``r``: of energies or of forces, the larger."""
    between = np.diff(curve.before) / np.diff(curve.distances)
    k = np.searchsorted(curve.distances, r, side="right") - 1
    slope = between[np.clip(k, 0, len(between) - 1)]
    return np.maximum(slope, np.interp(r, curve.distances, -curve.forces))


def _build(
    pair: Pair, curves: Sequence[GuardedCurve], shortest: tuple[float, str] | None
) -> tuple[PairRepulsion, GuardedPair]:
    hole = max((c.attraction.distance for c in curves if c.attraction), default=None)
    kept = [(c.bond, f"the bond in {c.where}") for c in curves if c.bound]
    limit, whose = min([*kept, *([shortest] if shortest else [])], default=(np.inf, ""))
    weak = max((c.weak for c in curves if c.weak), default=None)
    start = weak or SCANNED
    radius = float(min(max(OUTSIDE * start, start + MARGIN), CAP * limit))
    distance, structure = shortest or (None, "")
    row = GuardedPair(pair, radius, hole, weak, distance, structure, tuple(curves))
    falls = row.collapse or 0.0
    closed = falls <= radius and radius > INNERMOST + SWITCH
    if closed:
        repulsion = PairRepulsion(pair, radius, _tabulate(pair, radius, curves))
        row = replace(row, curves=tuple(_guarded(c, repulsion) for c in curves))
        closed = all(c.closed for c in row.curves)
    if not closed:
        hole_at = f"collapses from {falls:.2f} Å inward" if falls else "has no room for a guard"
        raise InputError(
            f"{row.name} {hole_at}, too near to {limit:.2f} Å ({whose}): a guard acts "
            f"inside of {CAP:g} of that, {CAP * limit:.2f} Å, and cannot close it"
        )
    return repulsion, row


def _tabulate(pair: Pair, radius: float, curves: Sequence[GuardedCurve]) -> np.ndarray:
    """Return the forces of a repulsion at even distances from `INNERMOST` to its radius."""
    r = np.linspace(INNERMOST, radius, int(np.ceil((radius - INNERMOST) / STEP)) + 1)
    pull = np.max([_pull(c, r) for c in curves], axis=0, initial=0.0)
    pull = maximum_filter1d(pull, 2 * round(WIDENED / STEP) + 1, mode="nearest")
    # smoothed over less than it is widened by, so that it stays above what it covers
    pull = uniform_filter1d(pull, round(WIDENED / STEP), mode="nearest")
    depth = np.clip((radius - r) / SWITCH, 0.0, 1.0)
    switch = depth**3 * (10 - 15 * depth + 6 * depth**2)
    return np.asarray(switch * (FACTOR * pull + zbl_force(pair, r)))
