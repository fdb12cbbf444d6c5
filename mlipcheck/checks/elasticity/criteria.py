"""Questions about a crystal's energy against its volume, and about its elastic constants."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np
from ase import units

from ...analysis.tensor import distance, eigenvalues, moduli
from ...criterion import OWN_CONVENTION, Criterion, Reading
from ...references.inputs import COLLECTIONS
from .record import EquationOfState


def _gpa(value: float) -> str:
    return f"{value / units.GPa:.3g}"


def read_minimum(row: EquationOfState) -> Reading | None:
    """Count what speaks against one minimum: none at all, or none at the structure's volume."""
    if row.of_frames:
        return None
    if row.error:
        return Reading(2, row.error)
    if row.no_curve:
        return Reading(None, row.no_curve)
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
    how = ", clamped ions" if row.clamped else ""
    text = f"one minimum, {away} from {row.start_words}, B {_gpa(row.fit.b0)} GPa{how}"
    return Reading(0, text)


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
    """Return the smallest stiffness; only an element's own lattice is known to be stable.

    What it is of was relaxed to zero pressure, wherever it started.
    """
    if row.tensor is None or row.of_frames:
        return None
    if row.tensor.fits is None:
        return Reading(None, row.tensor.why)
    stiff = np.array([eigenvalues(c)[[0, -1]] for c in row.tensor.fits])
    softest = 100 * stiff[:, 0] / stiff[:, 1]
    known = len(softest) > 1 and row.source in COLLECTIONS
    smallest = _with_spread(stiff[:, 0])
    text = f"smallest stiffness {smallest} GPa at zero pressure"
    return Reading(float(softest[0]), text, float(softest.max()) if known else math.inf)


def _with_spread(values: np.ndarray) -> str:
    """Return a modulus by all strains, and half of the range over the sizes of strains."""
    spread = f" ± {np.ptp(values) / 2 / units.GPa:.2g}" if len(values) > 1 else ""
    return f"{_gpa(values[0])}{spread}"


def read_roughness(row: EquationOfState) -> Reading | None:
    """Compare B0 with K, which are the same where the energy is smooth and ions are at rest."""
    fits = None if row.tensor is None else row.tensor.fits
    if row.fit is None or row.clamped or fits is None or len(fits) < 2:
        return None
    # a change of volume at fixed shape is Voigt's bound, whatever the lattice
    small, b0 = fits[:, :3, :3].mean(axis=(1, 2)), row.fit.b0
    own, other = b0 * row.bulk_modulus_spread, float(np.ptp(small)) / 2
    wrong = b0 * (row.pressure_error or 0.0)  # a stress that is off has a finding of its own
    gap = max(0.0, abs(b0 - small[0]) - own - other - wrong)
    percent = 100 * float(gap / max(abs(b0), abs(small[0])))
    both = f"B0 {_gpa(b0)} ± {own / units.GPa:.2g} GPa from E(V), K {_with_spread(small)} GPa"
    beyond = f"{percent:.2g} % apart beyond both" if gap else "the same within both"
    return Reading(percent, f"{both} from strains of 1 %: {beyond}")


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


def _of_functional(
    read: Callable[[EquationOfState], Reading | None], row: EquationOfState, *, same: bool
) -> Reading | None:
    """Read what has limits of its own where the reference's functional is the model's."""
    return read(row) if row.same_functional == same else None


_of_curve = partial(
    Criterion,
    "equation of state",
    good="the equation of state is the reference's",
    bad="the equation of state differs",
    why="volume, stiffness and anharmonicity are one curve, and ε compares it as a whole",
    unit="ε",
    rests_on=("curve",),
)
_of_modulus = partial(
    Criterion,
    "bulk modulus",
    good="the crystal is as stiff as the reference's",
    bad="the crystal is stiffer or softer than the reference's",
    why="sound, elastic constants and thermal expansion follow the stiffness",
    unit="%",
    rests_on=("curve",),
)
CRITERIA = (
    Criterion(
        "one minimum",
        read_minimum,
        caution=0,
        fail=1,
        words="caution: more than one; fail: none, a maximum at the given volume, or no answer",
        source=f"{OWN_CONVENTION}: a crystal has one volume at rest",
        good="the energy has one minimum against the volume",
        bad="the energy has no minimum, or several, against the volume",
        why="a relaxation stops wherever the pressure is zero, at a maximum too",
    ),
    _of_curve(
        partial(_of_functional, read_epsilon, same=True),
        caution=0.5,
        fail=1.0,
        source=f"{OWN_CONVENTION}; codes with different pseudopotentials agree within 0.2 "
        "(Bosoni et al., Nat. Rev. Phys. 6, 45 (2024))",
    ),
    _of_curve(
        partial(_of_functional, read_epsilon, same=False),
        caution=1.4,
        fail=1.9,
        source=f"{OWN_CONVENTION}: a volume that is 3 or 10 % off, as for a relaxed volume; "
        "functionals differ by 3 %",
    ),
    _of_modulus(
        partial(_of_functional, read_modulus, same=True),
        caution=15.0,
        fail=40.0,
        source=f"{OWN_CONVENTION}; fail: beyond its uncertainty, the spread between fit windows",
    ),
    _of_modulus(
        partial(_of_functional, read_modulus, same=False),
        caution=30.0,
        fail=60.0,
        source=f"{OWN_CONVENTION}: functionals differ by up to half for a soft metal; fail: "
        "beyond its uncertainty, the spread between fit windows",
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
        "roughness of the stiffness",
        read_roughness,
        caution=15.0,
        source=f"{OWN_CONVENTION}: as for the bulk modulus; beyond both uncertainties, the spreads "
        "between fit windows and between sizes of strain",
        good="the bulk modulus is the same by E(V) and by small strains",
        bad="the bulk modulus by E(V) and by small strains contradict: the energy is rough",
        why="where the stiffness depends on the size of the strain, sound and phonons do, too",
        unit="%",
        decides=("vibrations",),
        hints=("dynamics", "hot"),
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
