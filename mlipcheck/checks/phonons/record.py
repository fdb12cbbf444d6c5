"""Records of phonons, and the questions about them: forces on displaced cells, and frequencies."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

import numpy as np

from ...analysis.slope import Slope
from ...criterion import OWN_CONVENTION, Criterion, Reading
from ...references.doubts import Doubt
from ...storage import Record

STEPS = (0.01, 0.03)  # Å that atoms of a crystal without a file are displaced by
HEIGHT = 7.0  # Å between the supercell's faces: forces reach about as far
IMAGINARY = 0.1  # THz: less is the interpolation between wave vectors
SIGNAL = 10.0  # times the noise
# % by which functionals, which phonopy files do not name, part: of force constants, of frequencies
FUNCTIONALS = (10.0, 5.0)


@dataclass(frozen=True, eq=False)
class Spectrum(Record):
    """Frequencies on a mesh of 11 x 11 x 11 wave vectors, in THz; imaginary ones are negative.

    In ``mean`` these are zero. ``density`` of shape (200,): modes a THz, ``lowest`` to ``highest``.
    """

    lowest: float
    highest: float
    mean: float
    density: np.ndarray = field(default_factory=lambda: np.array([]))


@dataclass(frozen=True, eq=False)
class CrystalPhonons(Record):
    """The phonons of one crystal, of a file's displaced cells or of the model's own.

    Attributes
    ----------
    n_atoms, cells : int
        Of the supercell; how many displaced ones.
    height : float or None
        The smallest distance between the supercell's faces, Å.
    model, small, reference : Spectrum or None
        With the file's or the larger displacements; with the smaller ones; of the file's forces.
    slope : Slope or None
        Of the model's forces on displaced cells over the file's, undisplaced ones taken off.
    signal, noise : float or None
        rms forces that displacements make, and that moving the whole cell makes, eV/Å.
    floor : float or None
        |frequency| (THz) that such noise alone would make: less is no imaginary mode.
    roughness : float or None
        Difference of the force constants between both steps, over their size (root mean squares).
    sum_rule : float or None
        Net force on displaced cells over the length of all forces on them.
    """

    name: str
    source: str = ""
    fingerprint: str = field(default="", metadata={"input": "displaced cells"})
    doubts: tuple[Doubt, ...] = ()
    n_atoms: int = 0
    cells: int = 0
    height: float | None = None
    model: Spectrum | None = None
    small: Spectrum | None = None
    reference: Spectrum | None = None
    slope: Slope | None = None
    signal: float | None = None
    noise: float | None = None
    floor: float | None = None
    roughness: float | None = None
    sum_rule: float | None = None
    error: str | None = None

    def ratio(self, what: str) -> float | None:
        """Return the ``highest`` or ``mean`` frequency over the reference's."""
        if self.model is None or self.reference is None:
            return None
        return float(getattr(self.model, what) / getattr(self.reference, what))


def _depth(spectrum: Spectrum | None, row: CrystalPhonons) -> float:
    """Return how far below zero frequencies go, in THz; 0 where noise alone may do that."""
    if spectrum is None or -spectrum.lowest <= max(IMAGINARY, row.floor or 0.0):
        return 0.0
    return -spectrum.lowest


def _drowned(row: CrystalPhonons) -> str | None:
    if row.signal is None or row.noise is None or row.signal >= SIGNAL * row.noise:
        return None
    return f"forces of {row.signal:.1g} eV/Å are not {SIGNAL:g} x the noise of {row.noise:.1g}"


def read_forces(row: CrystalPhonons) -> Reading | None:
    if row.slope is None:
        return None  # a crystal without a file, or an error, which the modes say
    if why := _drowned(row):
        return Reading(None, why)
    r_squared = row.slope.r_squared or 0.0
    return Reading(r_squared, f"R² {r_squared:.3f}, {row.cells} displaced cells")


def read_softening(row: CrystalPhonons) -> Reading | None:
    slope = row.slope
    if slope is None or _drowned(row):
        return None  # said by the forces
    word = f", {slope.remark}" if slope.remark else ""
    text = f"slope {slope.s_lo:.3f}{word}"
    if slope.remark in ("scattered", "uncorrelated"):
        return Reading(None, f"{text}: no factor describes the error")
    off = 100 * slope.off
    return Reading(off, text, max(off - FUNCTIONALS[0], 0.0))


def read_ratio(row: CrystalPhonons, what: str) -> Reading | None:
    ratio = row.ratio(what)
    if ratio is None or _drowned(row):
        return None
    off = 100 * abs(ratio - 1)
    text = f"{ratio:.3f} of the reference's {getattr(row.reference, what):.2f} THz"
    return Reading(off, text, max(off - FUNCTIONALS[1], 0.0))


def read_other_modes(row: CrystalPhonons) -> Reading | None:
    if row.model is None or row.reference is None:
        return None
    found, expected = _depth(row.model, row), _depth(row.reference, row)
    text = f"lowest {row.model.lowest:.2f} THz, the reference's {row.reference.lowest:.2f}"
    return Reading(0.0 if found and expected else found or expected, text)


def read_instability(row: CrystalPhonons) -> Reading | None:
    if row.reference is not None:
        return None
    if why := row.error or _drowned(row):
        return Reading(None, why)
    small = "" if (row.height or HEIGHT) >= HEIGHT else f", in a cell of only {row.height:.1f} Å"
    depth = _depth(row.model, row)
    where = f"down to {-depth:.2f} THz, {STEPS[-1]:g} Å displaced" if depth else "none"
    if not depth and (row.floor or 0.0) > IMAGINARY:
        where = f"none beyond noise of {row.floor:.1f} THz"
    return Reading(depth, f"{where}{small}")


def read_roughness(row: CrystalPhonons) -> Reading | None:
    if row.roughness is None or not row.signal or row.noise is None:
        return None
    small, large = STEPS
    drowned = row.noise / row.signal * large / small  # forces go with the displacement
    if drowned > row.roughness:
        text = f"noise of {row.noise:.1g} eV/Å is {100 * drowned:.1g} % of forces at {small:g} Å"
        return Reading(100 * drowned, text)
    text = f"{100 * row.roughness:.1f} % between {small:g} and {large:g} Å"
    if row.small and row.model and -row.small.lowest > IMAGINARY > -row.model.lowest:
        text += f"; imaginary modes ({row.small.lowest:.2f} THz) at the smaller step only"
    return Reading(100 * row.roughness, text)


def read_sum(row: CrystalPhonons) -> Reading | None:
    if row.sum_rule is None:
        return None
    return Reading(100 * row.sum_rule, f"net force {100 * row.sum_rule:.1g} % of all forces")


CRITERIA = (
    Criterion(
        "forces on displaced cells",
        read_forces,
        caution=0.9,
        fail=0.5,
        unit="in R²",
        source=f"{OWN_CONVENTION}: as for labelled frames",
        good="forces follow the reference's",
        bad="part of their error has nothing to do with the reference's: no factor corrects it",
        why="force constants are these forces over the displacement",
        below=True,
        rests_on=("forces",),
    ),
    Criterion(
        "softening of displaced cells",
        read_softening,
        caution=10.0,
        fail=30.0,
        unit="% off",
        source="Deng et al., npj Comput. Mater. 11, 9 (2025); functionals differ by 10 %",
        good="force constants are those of the reference",
        bad="the crystal is too soft or too stiff",
        why="frequencies go with the square root of force constants",
        rests_on=("forces",),
    ),
    *(
        Criterion(
            f"{what} frequency",
            partial(read_ratio, what=what),
            caution=10.0,
            fail=20.0,
            unit="% off",
            source=f"{OWN_CONVENTION}: half of the slope's; functionals differ by 5 %",
            good="frequencies are those of the reference",
            bad="vibrations are too soft or too stiff",
            why=why,
            rests_on=("forces",),
        )
        for what, why in (
            ("highest", "bonds set the highest frequency"),
            ("mean", "zero-point energy is its multiple"),
        )
    ),
    Criterion(
        "imaginary modes beside the reference's",
        read_other_modes,
        caution=0.0,
        fail=1.0,
        unit="THz",
        source=f"{OWN_CONVENTION}: functionals and smearing move soft modes by less than 1 THz",
        good="the model and the reference agree on whether the crystal is stable",
        bad="only one of the model and the reference has imaginary modes",
        why="an imaginary mode is a distortion that lowers the energy",
        rests_on=("forces",),
    ),
    Criterion(
        "imaginary modes",
        read_instability,
        caution=0.0,
        unit="THz",
        source=f"{OWN_CONVENTION}: a reference has to say whether an instability is real",
        good="the model's own crystal shows no instability beyond what noise may hide",
        bad="the model's own crystal is unstable: that may be true, compare with DFT",
        why="from an unstable crystal no vibrational property follows",
    ),
    Criterion(
        "roughness of force constants",
        read_roughness,
        caution=5.0,
        unit="%",
        source=f"{OWN_CONVENTION}: anharmonicity makes at most 1 %",
        good="force constants hardly depend on the displacement",
        bad="forces are rough: frequencies depend on the displacement, take 0.03 Å or more",
        why="phonopy's default of 0.01 Å may show instabilities that are none",
    ),
    Criterion(
        "acoustic sum rule",
        read_sum,
        caution=1.0,
        unit="%",
        source=f"{OWN_CONVENTION}: conservative forces cancel to rounding",
        good="forces on a displaced cell cancel",
        bad="forces on a displaced cell do not cancel: they are no gradient of an energy",
        why="acoustic modes start at zero only where they cancel",
    ),
)
