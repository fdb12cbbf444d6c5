"""A crystal at many volumes, and in small strains: what the energy and the stress say."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator, InputError
from ase.stress import voigt_6_to_full_3x3_stress
from scipy.interpolate import CubicSpline
from scipy.signal import find_peaks

from ...analysis.eos import BirchMurnaghan, compare_curves, fit_birch_murnaghan
from ...analysis.strain import derivative_error, strained
from ...analysis.tensor import enough_modes, fit_tensors, invariant_tensors
from ...calculators.base import FAILURES, Evaluation, stays_here
from ...calculators.evaluate import describe_error, evaluate
from ...calculators.registry import describe
from ...references.level_of_theory import level_doubt
from ...references.strained import StrainedCells
from ..crystals import bring_to_rest, find_doubts
from ..parity.label_warnings import doubt_own, doubt_unit
from .record import ElasticTensor, EquationOfState

WIDEST = (0.45, 1.40)  # of the start volume: reaches 0.5 to 1.3 of a V0 that is 8 % off
SHAPE = (0.5, 1.3)  # of V0, what is reported
STEP = 0.025
FIT, WINDOWS = 0.06, (0.03, 0.10)  # of V0, on either side; the others give the uncertainty
POINTS = 7
FLAT = 1e-5  # eV per atom over ±5 % of the volume; no crystal is as soft
DEPTH = 1e-3  # eV per atom of a minimum, or of what falls beyond a maximum, beside noise
DERIVATIVE_STEP = 3e-3  # of the volume: smaller ones drown in the rounding of float32
COARSE = round((WIDEST[1] - WIDEST[0]) / STEP) + 1
EVALUATIONS = COARSE + 4 * POINTS + 6
STRAINS = (0.005, 0.01, -0.005, -0.01)  # the norm of each
FMAX = 0.005  # eV/Å of ions and cell
CELL_STEPS = 60  # in the time of as many points in a batch


@dataclass(frozen=True, eq=False)
class _Scan:
    """The energy (eV per atom) of a crystal at volumes (Å^3 per atom) of 0.45 to 1.4 of its own."""

    volumes: np.ndarray
    energies: np.ndarray
    failed: str | None

    @property
    def known(self) -> np.ndarray:
        return np.isfinite(self.energies)

    @property
    def curve(self) -> CubicSpline:
        return CubicSpline(self.volumes[self.known], self.energies[self.known])

    def shown(self, v0: float) -> dict[str, Any]:
        """Return what is reported where the volume at rest is ``v0``."""
        low, high = np.add(SHAPE, (-STEP, STEP)) * v0
        inside = (self.volumes > low) & (self.volumes < high)
        return {"volumes": self.volumes[inside], "energies": self.energies[inside]}


@stays_here()
def scan_volumes(
    calculator: BaseCalculator, atoms: Atoms, row: EquationOfState, free_ions: bool = False
) -> tuple[EquationOfState, Atoms]:
    """Return the row of a crystal, completed with what the model says of it, and its cell at V0.

    ``atoms`` are periodic in three directions; their volume is scaled by 0.45 to 1.4. Without a
    reference the curve is that of the model's own relaxed cell; in the fit ions with forces are
    relaxed at each volume where ``free_ions``, and the row is ``clamped`` where they are not.
    """
    scan, start = _scan(calculator, atoms), atoms.get_volume() / len(atoms)
    row = replace(row, start_volume=start, **scan.shown(start))
    if row.reference:
        doubts = find_doubts(calculator, row.level_of_theory, atoms.symbols)
        known = describe(calculator).level_of_theory and row.level_of_theory
        row = replace(row, doubts=doubts, same_functional=bool(known and not doubts))
    if scan.known.sum() < POINTS:
        return replace(row, error=scan.failed or "too few volumes have an energy"), atoms
    close = np.abs(scan.volumes / start - 1) < FIT
    bound, bend = not np.ptp(scan.energies[close]) < FLAT, None
    if scan.known[close].all():
        shifts = scan.volumes[close] - start
        bend = float(2 * start * np.polyfit(shifts, scan.energies[close], 2)[0])
    row = replace(row, bound=bound, bulk_modulus_at_start=bend)
    minima = _extrema(scan.curve, -1)
    if not (bound and minima):
        return row, atoms
    guess = min(minima, key=lambda v: abs(v / start - 1))
    (atoms,) = scaled(atoms, np.array([guess]))
    if row.reference is None:
        try:
            atoms = bring_to_rest(calculator, atoms, FMAX, cell=True)
            row = replace(row, relaxed="stress" in calculator.implemented_properties)
        except FAILURES:  # the cell stays as given; the tensor, which needs it too, says why
            free_ions = False
        again = _scan(calculator, atoms)
        scan = again if again.known.sum() >= POINTS else scan
    return _fit_about(calculator, atoms, row, scan, free_ions)


def _fit_about(
    calculator: BaseCalculator, atoms: Atoms, row: EquationOfState, scan: _Scan, free_ions: bool
) -> tuple[EquationOfState, Atoms]:
    """Return the row with the equation of state about the volume of ``atoms``."""
    fit = _fit(calculator, atoms, atoms.get_volume() / len(atoms), FIT)
    if not isinstance(fit, str):  # about the minimum of the fit, and not that of a spline
        fit = _fit(calculator, atoms, fit.v0, FIT)
    if isinstance(fit, str):
        return replace(row, error=fit), atoms
    ends = scaled(atoms, fit.v0 * np.array([1 - FIT, 1 + FIT]))
    relax = False
    if row.reference is None and _largest_force(calculator, ends) > FMAX:
        freed = _fit(calculator, atoms, fit.v0, FIT, relax=True) if free_ions else ""
        relax = not isinstance(freed, str)
        row, fit = replace(row, clamped=not relax), fit if isinstance(freed, str) else freed
    others = [_fit(calculator, atoms, fit.v0, window, relax=relax) for window in WINDOWS]
    moduli = [x.b0 for x in (fit, *others) if not isinstance(x, str)]
    errors = [derivative_error(calculator, end, np.eye(3) / 3, DERIVATIVE_STEP) for end in ends]
    epsilon, delta = compare_curves(fit, row.reference) if row.reference else (None, None)
    curve = scan.curve
    minima = [v / fit.v0 for v in _extrema(curve, -1)]
    turn = max((v for v in _extrema(curve, 1) if SHAPE[0] * fit.v0 <= v < fit.v0), default=None)
    row = replace(
        row,
        **scan.shown(fit.v0),
        fit=fit,
        bulk_modulus_spread=float(np.ptp(moduli) / 2 / abs(fit.b0)),
        pressure_error=max((x for x in errors if x is not None), default=None),
        minima=tuple(v for v in minima if SHAPE[0] <= v <= SHAPE[1]),
        turnover=turn and turn / fit.v0,
        barrier=turn and float(curve(turn) - curve(fit.v0)),
        epsilon=epsilon,
        delta=delta,
    )
    return row, scaled(atoms, np.array([fit.v0]))[0]


def _largest_force(calculator: BaseCalculator, images: list[Atoms]) -> float:
    """Return the largest force on an ion, eV/Å; 0 where the calculator has none."""
    found = [e.forces for e in evaluate(calculator, images) if e.forces is not None]
    return max((float(np.linalg.norm(f, axis=1).max()) for f in found), default=0.0)


def scaled(atoms: Atoms, volumes: np.ndarray) -> list[Atoms]:
    """Return a crystal at each of the volumes, Å^3 per atom."""
    scales = (volumes * len(atoms) / atoms.get_volume()) ** (1 / 3)
    return [strained(atoms, (scale - 1) * np.eye(3)) for scale in scales]


def _scan(calculator: BaseCalculator, atoms: Atoms) -> _Scan:
    volumes = atoms.get_volume() / len(atoms) * np.linspace(*WIDEST, COARSE)
    return _Scan(volumes, *_energies(calculator, scaled(atoms, volumes)))


def _energies(calculator: BaseCalculator, images: list[Atoms]) -> tuple[np.ndarray, str | None]:
    """Return energies per atom, and the first error."""
    found = evaluate(calculator, images, properties=("energy",))
    energies = [
        np.nan if e.energy is None else e.energy / len(image)
        for e, image in zip(found, images, strict=True)
    ]
    return np.array(energies), next((e.error for e in found if e.error), None)


def _fit(
    calculator: BaseCalculator, atoms: Atoms, v0: float, window: float, *, relax: bool = False
) -> BirchMurnaghan | str:
    """Return the equation of state about a volume, or why there is none.

    Where told to ``relax`` the ions are at rest at each volume, in the cell's shape.
    """
    volumes = v0 * np.linspace(1 - window, 1 + window, POINTS)
    images = scaled(atoms, volumes)
    try:
        images = [bring_to_rest(calculator, x, FMAX) for x in images] if relax else images
    except FAILURES as error:
        return describe_error(error)
    energies, failed = _energies(calculator, images)
    fit = fit_birch_murnaghan(volumes, energies) if np.isfinite(energies).all() else None
    return fit or failed or f"no equation of state fits about {v0:.2f} Å^3/atom"


def _extrema(curve: CubicSpline, sign: int) -> list[float]:
    """Return where the energy has minima (-1) or maxima (1) that are deeper than noise."""
    fine = np.linspace(curve.x[0], curve.x[-1], 20 * len(curve.x))
    return fine[find_peaks(sign * curve(fine), prominence=DEPTH)[0]].tolist()


def count_evaluations(atoms: Atoms, own: bool, curve: bool, wanted: bool) -> int:
    """Return about how many evaluations a crystal takes; ions need a step for each atom.

    ``own`` crystals are relaxed, and their ions at each volume of three fits where strains are
    ``wanted``, too.
    """
    strains = len(STRAINS) * len(enough_modes(invariant_tensors(atoms)))
    cells = strains * wanted + 3 * POINTS * (own and curve and wanted)
    steps = CELL_STEPS * (own or wanted) + cells * len(atoms)
    return steps + EVALUATIONS * curve + COARSE * (own and curve)


@stays_here()
def measure_tensor(calculator: BaseCalculator, atoms: Atoms) -> ElasticTensor:
    """Return the elastic constants of a crystal, after its cell and ions are relaxed.

    As few of the six strains are taken as the crystal's symmetry allows. Ions relax in each
    strained cell, where the strain gives them forces.

    Raises
    ------
    InputError
        Where the model has no answer, or no rest.
    """
    start = bring_to_rest(calculator, atoms, FMAX, cell=True)
    invariants = invariant_tensors(start)
    strains = np.array([size * mode for mode in enough_modes(invariants) for size in STRAINS])
    images = [bring_to_rest(calculator, strained(start, strain), FMAX) for strain in strains]
    stresses = [voigt_6_to_full_3x3_stress(e.stress) for e in _evaluate(calculator, images)]
    return ElasticTensor(fit_tensors(strains, np.array(stresses), invariants), cells=len(images))


def _evaluate(calculator: BaseCalculator, images: list[Atoms]) -> list[Evaluation]:
    found = evaluate(calculator, images, properties=("energy", "forces", "stress"))
    if error := next((e.error for e in found if e.error), None):
        raise InputError(f"in a strained cell: {error}")
    if any(e.stress is None or e.forces is None for e in found):
        raise InputError("the model gives no stress")
    return found


def compare_tensors(
    calculator: BaseCalculator, cells: StrainedCells, row: EquationOfState
) -> EquationOfState:
    """Return the row of a reference's strained cells, with tensors of both from these very cells.

    Raises
    ------
    InputError
        Where the model has no answer.
    """
    labels, frames = cells.labels, cells.labels.frames
    found = _evaluate(calculator, [f.atoms for f in frames])
    model, reference = (np.array([x.stress for x in side]) for side in (found, frames))
    level = describe(calculator).level_of_theory
    other = level_doubt(labels.level_of_theory, level, labels.compositions, labels.settings)
    own = doubt_own(list(zip(frames, found, strict=True)))
    unit = doubt_unit("stresses", reference.ravel(), model.ravel())
    doubts = tuple(d for d in ((own,) if own else (other, unit, *labels.doubts)) if d)
    tensor = ElasticTensor(cells.fit(model), reference=cells.fit(reference), cells=len(frames))
    return replace(row, tensor=tensor, doubts=doubts)
