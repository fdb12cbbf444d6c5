"""How closely numbers of a calculator must agree, and how far they are from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...calculators.base import Evaluation


@dataclass(frozen=True)
class Precision:
    """What can be asked of numbers whose noise is at most ``noise``.

    Each is relative, or in eV an atom and eV/Å where that is more: ``repeat`` for the same
    structure again (a hundred roundings are what a sum in another order may cost, on a GPU),
    ``energy`` and ``forces`` for two ways to one number, ``derivative`` for a central difference.
    Its ``step`` (Å) and ``strain`` are such that it neither drowns in rounding nor feels the
    curvature of a rough model.
    """

    kind: str
    noise: float
    repeat: float
    energy: float
    forces: float
    derivative: float
    step: float
    strain: float


PRECISIONS = (
    Precision("float64", 1e-10, 2.2e-14, 1e-9, 1e-9, 1e-5, step=1e-4, strain=1e-4),
    Precision("float32", 1e-5, 1.2e-5, 1e-5, 1e-4, 1e-2, step=5e-3, strain=1e-3),
    Precision("self-consistent", 1e-3, 1e-2, 1e-4, 1e-2, 5e-2, step=1e-2, strain=1e-2),
)


class NotApplicable(Exception):  # noqa: N818 (an answer, and no error)
    """A test that has nothing to look at, with the reason."""


@dataclass(frozen=True)
class Deviation:
    """``value`` and what it may be, both in ``unit``; by default a failure that has no size."""

    text: str
    value: float = np.inf
    tolerance: float = 0.0
    unit: str = ""

    @property
    def ratio(self) -> float:
        """Passed up to 1; NaN never passes."""
        if not np.isfinite(self.value):
            return np.inf
        return self.value / self.tolerance if self.value else 0.0


def compare(
    found: Evaluation, expected: Evaluation, precision: Precision, what: str
) -> list[Deviation]:
    """Return the deviations of energy, forces and stress, those that both have.

    Energies agree to the precision's share of their size, and of 1 eV an atom; forces to that of
    the largest, and of 1 eV/Å; stresses to that of the largest, and of 1e-2 eV/Å^3.
    """
    n_atoms = 1 if expected.forces is None else len(expected.forces)
    deviations = []
    for name, unit, share, least in (
        ("energy", "eV", precision.energy, float(n_atoms)),
        ("forces", "eV/Å", precision.forces, 1.0),
        ("stress", "eV/Å^3", precision.forces, 1e-2),
    ):
        one, other = getattr(found, name), getattr(expected, name)
        if one is None or other is None:
            continue
        if np.shape(one) != np.shape(other):
            text = f"{name} of shape {np.shape(one)} {what}, not {np.shape(other)}"
            deviations.append(Deviation(text))
            continue
        value = float(np.abs(np.subtract(one, other, dtype=float)).max())
        size = max(float(np.abs(other).max()), least)
        deviations.append(Deviation(f"{name} {what}", value, share * size, unit))
    return deviations
