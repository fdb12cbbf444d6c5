"""A crystal's energy against its volume, its elastic constants, and the questions about them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from ase import units

from ...analysis.eos import BirchMurnaghan
from ...analysis.tensor import distance, eigenvalues, moduli
from ...criterion import OWN_CONVENTION, Criterion, Reading
from ...references.doubts import Doubt
from ...references.inputs import COLLECTIONS
from ...storage import Record


@dataclass(frozen=True, eq=False)
class ElasticTensor(Record):
    """Elastic constants (k, 6, 6) in eV/Å^3, Voigt's order xx yy zz yz xz xy, at zero pressure.

    ``fits`` are from all strains, from the smaller and from the larger ones, or from all alone.
    ``reference`` are those of the reference's stresses in the same ``cells``; ``why`` says why
    there are no fits.
    """

    fits: np.ndarray | None = None
    reference: np.ndarray | None = None
    cells: int = 0
    why: str = ""


@dataclass(frozen=True, eq=False)
class EquationOfState(Record):
    """The energy of one crystal against its volume, shape and fractional positions kept.

    Volumes in Å^3 and energies in eV, both per atom; pressures and moduli in eV/Å^3.

    ``volumes`` and ``energies`` (n,) go from half of the equilibrium volume to 1.3 times it, NaN
    where the model has no answer. ``start_volume`` is the structure's own, ``start_only`` says that
    nothing shows it to be at rest, and ``bulk_modulus_at_start`` is V d²E/dV² there. ``fit`` and
    ``reference`` are equations of state; ``epsilon`` and ``delta`` compare them, see
    `compare_curves`. ``bulk_modulus_spread`` is half of the range of B0 over windows of ±3, ±6 and
    ±10 %, over B0, and ``pressure_error`` |p + dE/dV| over dE/dV at the worse end of the fit.
    ``minima`` are over V0; below ``turnover`` (V / V0) the energy falls again when pressed, from
    ``barrier`` above the minimum. What is not ``bound`` does not depend on the volume. A row
    ``of_frames`` is of labelled strained cells, which have a tensor and no curve.
    """

    name: str
    formula: str = ""
    source: str = ""
    fingerprint: str = field(default="", metadata={"input": "structure"})
    level_of_theory: str | None = None
    start_only: bool = False
    doubts: tuple[Doubt, ...] = ()
    volumes: np.ndarray = field(default_factory=lambda: np.array([]))
    energies: np.ndarray = field(default_factory=lambda: np.array([]))
    start_volume: float | None = None
    fit: BirchMurnaghan | None = None
    bulk_modulus_spread: float = 0.0
    bulk_modulus_at_start: float | None = None
    pressure_error: float | None = None
    minima: tuple[float, ...] = ()
    turnover: float | None = None
    barrier: float | None = None
    reference: BirchMurnaghan | None = None
    epsilon: float | None = None
    delta: float | None = None
    bound: bool = True
    tensor: ElasticTensor | None = None
    of_frames: bool = False
    error: str | None = None


def _gpa(value: float) -> str:
    return f"{value / units.GPa:.3g}"


def read_minimum(row: EquationOfState) -> Reading | None:
    """Count what speaks against one minimum: none at all, or none at the structure's volume."""
    if row.of_frames:
        return None
    if row.error:
        return Reading(2, row.error)
    none = None if row.start_only else 2  # a guess may lie anywhere
    if not row.bound:
        return Reading(none, "the model sees no bond, the energy does not depend on the volume")
    if row.fit is None:
        return Reading(none, "no minimum between 0.45 and 1.4 times its volume")
    away = f"{100 * (row.fit.v0 / (row.start_volume or row.fit.v0) - 1):+.1f} %"
    bend = row.bulk_modulus_at_start
    if bend is not None and bend <= 0:
        return Reading(none, f"a maximum here (B {_gpa(bend)} GPa), its minimum {away} away")
    if len(row.minima) > 1:
        places = ", ".join(f"{v:.2f}" for v in row.minima)
        return Reading(1, f"{len(row.minima)} minima, at {places} V0")
    return Reading(0, f"one minimum, {away} from its volume, B {_gpa(row.fit.b0)} GPa")


def read_modulus(row: EquationOfState) -> Reading | None:
    if row.fit is None or row.reference is None:
        return None
    b0, reference = row.fit.b0, row.reference.b0
    ratio, spread = b0 / reference, b0 * row.bulk_modulus_spread
    off = 100 * abs(ratio - 1)
    text = f"B0 {_gpa(b0)} ± {spread / units.GPa:.2g} GPa, reference {_gpa(reference)}"
    return Reading(off, f"{text} ({ratio:.2f})", sure=max(0.0, off - 100 * spread / reference))


def read_epsilon(row: EquationOfState) -> Reading | None:
    if row.epsilon is None or row.delta is None:
        return None
    return Reading(row.epsilon, f"ε {row.epsilon:.2f}, Δ {1000 * row.delta:.1f} meV/atom")


def read_pressure(row: EquationOfState) -> Reading | None:
    if row.fit is None or row.pressure_error is None:
        return Reading(None, "no stress") if row.fit else None
    return Reading(100 * row.pressure_error, f"{100 * row.pressure_error:.2g} % off")


def read_turnover(row: EquationOfState) -> Reading | None:
    if row.turnover is None or row.barrier is None:
        return Reading(0.0, "resists down to half of its volume") if row.fit else None
    text = f"falls again below {row.turnover:.2f} V0, {row.barrier:.2g} eV/atom"
    return Reading(row.turnover, text)


def read_stability(row: EquationOfState) -> Reading | None:
    """Return the smallest stiffness; only an element's own lattice is known to be stable."""
    if row.tensor is None or row.of_frames:
        return None
    if row.tensor.fits is None:
        return Reading(None, row.tensor.why)
    stiff = np.array([eigenvalues(c)[[0, -1]] for c in row.tensor.fits])
    softest = 100 * stiff[:, 0] / stiff[:, 1]
    known = len(softest) > 1 and row.source in COLLECTIONS
    text = f"smallest stiffness {_gpa(stiff[0, 0])} GPa at zero pressure"
    value = None if row.start_only else float(softest[0])
    return Reading(value, text, float(softest.max()) if known else math.inf)


def read_tensor(row: EquationOfState) -> Reading | None:
    """Compare the whole tensor, and the shear modulus, which the whole may hide."""
    if not row.of_frames:
        return None
    if row.tensor is None:
        return Reading(math.nan, row.error or "not strained")
    if row.tensor.fits is None or row.tensor.reference is None:
        return Reading(None, "the strains do not determine all constants")
    off, words = [], []
    for pair in zip(row.tensor.fits, row.tensor.reference, strict=True):
        (k, g), (k_ref, g_ref) = map(moduli, pair)
        off.append(100 * max(distance(*pair), abs(g / g_ref - 1) if g_ref else 0.0))
        shear = f"G {_gpa(g)}" if g else "unstable in shear"
        words.append(f"K {_gpa(k)} GPa, reference {_gpa(k_ref)}; {shear}, reference {_gpa(g_ref)}")
    # strains of one size do not show how far to trust them
    return Reading(off[0], words[0], sure=min(off) if len(off) > 1 else 0.0)


CRITERIA = (
    Criterion(
        "one minimum",
        read_minimum,
        caution=0,
        fail=1,
        words="caution: more than one; fail: none, a maximum at its own volume, or no answer",
        source=f"{OWN_CONVENTION}: a crystal has one volume at rest",
        good="the energy has one minimum against the volume",
        bad="the energy has no minimum, or several, against the volume",
        why="a relaxation stops wherever the pressure is zero, at a maximum too",
    ),
    Criterion(
        "equation of state",
        read_epsilon,
        caution=0.5,
        fail=1.0,
        source=f"{OWN_CONVENTION}; codes with different pseudopotentials agree within 0.2 "
        "(Bosoni et al., Nat. Rev. Phys. 6, 45 (2024))",
        good="the equation of state is the reference's",
        bad="the equation of state differs",
        why="volume, stiffness and anharmonicity are one curve, and ε compares it as a whole",
        unit="ε",
        rests_on=("curve",),
    ),
    Criterion(
        "bulk modulus",
        read_modulus,
        caution=15.0,
        fail=40.0,
        source=f"{OWN_CONVENTION}; fail: beyond its uncertainty, the spread between fit windows",
        good="the crystal is as stiff as the reference's",
        bad="the crystal is stiffer or softer than the reference's",
        why="sound, elastic constants and thermal expansion follow the stiffness",
        unit="%",
        rests_on=("curve",),
    ),
    Criterion(
        "pressure",
        read_pressure,
        caution=1.0,
        fail=5.0,
        source=f"{OWN_CONVENTION}: as for the stress under strain",
        good="the pressure is the derivative of the energy",
        bad="the pressure is not the derivative of the energy: relaxed volumes are wrong",
        why="the pressure moves the cell, and the energy says where it should stop",
        unit="%",
    ),
    Criterion(
        "compression",
        read_turnover,
        caution=0.5,
        fail=0.75,
        source=f"{OWN_CONVENTION}: half the volume is 500 GPa and more for a metal",
        good="the crystal resists when it is pressed to half of its volume",
        bad="pressed further, the crystal collapses",
        why="a run under pressure, or from a dense random start, goes where the energy falls",
        unit="V0",
        decides=(),
        hints=("dynamics", "hot"),
    ),
    Criterion(
        "mechanical stability",
        read_stability,
        caution=-0.1,
        fail=-0.1,
        source="Born's criterion, as Mouhat and Coudert, Phys. Rev. B 90, 224104 (2014); a tenth "
        "of a percent of the largest stiffness is noise",
        good="every strain raises the energy",
        bad="a strain lowers the energy: the crystal shears into another",
        why="an unstable crystal has imaginary sound, and does not survive a relaxation or a run",
        unit="% of the largest",
        below=True,
    ),
    Criterion(
        "elastic constants",
        read_tensor,
        caution=15.0,
        fail=40.0,
        source=f"{OWN_CONVENTION}: of the tensor's norm, or of G; fail: at all sizes of strain",
        good="the crystal resists strains as the reference's",
        bad="under strain the crystal is stiffer or softer than the reference's",
        why="sound, internal stresses and the shape of a cell follow them, dislocations the shear",
        unit="%",
        rests_on=("stresses",),
        decides=("vibrations",),  # they move no minimum: the volume and E(V) decide about relaxing
        hints=("relax", "dynamics", "hot"),
    ),
)
