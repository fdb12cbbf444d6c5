"""A crystal's energy against its volume, and its elastic constants."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ...analysis.eos import BirchMurnaghan
from ...storage import Record
from ..crystals import CrystalRow


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
class EquationOfState(CrystalRow):
    """The energy of one crystal against its volume, shape and fractional positions kept.

    Volumes in Å^3 and energies in eV, both per atom; pressures and moduli in eV/Å^3.

    ``volumes`` and ``energies`` (n,) go from half of the equilibrium volume to 1.3 times it, NaN
    where the model has no answer. ``start_volume`` is the input's, ``start_only`` says that
    nothing shows it to be at rest, and ``bulk_modulus_at_start`` is V d²E/dV² there. ``fit`` and
    ``reference`` are equations of state; ``epsilon`` and ``delta`` compare them, see
    `compare_curves`. ``bulk_modulus_spread`` is half of the range of B0 over windows of ±3, ±6 and
    ±10 %, over B0, and ``pressure_error`` |p + dE/dV| over dE/dV at the worse end of the fit.
    Without a reference ``volumes`` and ``energies`` are of the model's own cell, where that was
    ``relaxed``, and in the fit ions are relaxed at each volume; where they are ``clamped`` they
    were not, though they would move. ``no_curve`` says why there is no equation of state.
    ``same_functional`` is where the reference's is known to be the model's.

    ``minima`` are over V0; below ``turnover`` (V / V0) the energy falls again when pressed, from
    ``barrier`` above the minimum. What is not ``bound`` does not depend on the volume. A row
    ``of_frames`` is of labelled strained cells, which have a tensor and no curve.
    """

    same_functional: bool = False
    start_only: bool = False
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
    clamped: bool = False
    relaxed: bool = False
    no_curve: str = ""
    error: str | None = None

    @property
    def start_words(self) -> str:
        """Whose ``start_volume`` is, in words."""
        return "the reference's volume" if self.reference else "the input's volume"
