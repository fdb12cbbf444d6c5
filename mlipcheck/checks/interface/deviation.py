"""How far one number of a contract is from what it should be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...calculators.records import Evaluation
from .subject import Precision


class NotApplicable(Exception):  # noqa: N818 (a check's answer, and no error)
    """A check that has nothing to look at, with the reason."""


@dataclass(frozen=True)
class Deviation:
    """``value`` against ``tolerance``, both in ``unit``; ``text`` says of what."""

    text: str
    value: float
    tolerance: float
    unit: str = ""

    @property
    def ratio(self) -> float:
        if not np.isfinite(self.value):
            return np.inf
        return self.value / self.tolerance if self.tolerance else np.inf * bool(self.value)


def broken(text: str) -> Deviation:
    """Return the deviation of a promise that is kept or not, and was not."""
    return Deviation(text, np.inf, 0.0)


def kept(text: str) -> Deviation:
    """Return the deviation of a promise that is kept or not, and was."""
    return Deviation(text, 0.0, 1.0)


def compare(
    found: Evaluation, expected: Evaluation, precision: Precision, what: str
) -> list[Deviation]:
    """Return the deviations of energy, forces and stress, those that both have.

    Energies agree to the precision's share of their size, and of 1 eV an atom; forces to that of
    the largest, and of 1 eV/Å; stresses to that of the largest, and of 1e-2 eV/Å^3.
    """
    atoms = 1 if expected.forces is None else len(expected.forces)
    deviations = []
    for name, unit, share, least in (
        ("energy", "eV", precision.energy, float(atoms)),
        ("forces", "eV/Å", precision.forces, 1.0),
        ("stress", "eV/Å^3", precision.forces, 1e-2),
    ):
        one, other = getattr(found, name), getattr(expected, name)
        if one is None or other is None:
            continue
        one, other = np.asarray(one, float), np.asarray(other, float)
        if one.shape != other.shape:
            deviations.append(broken(f"{name} of shape {one.shape} {what}, not {other.shape}"))
            continue
        size = max(float(np.abs(other).max()), least)
        value = float(np.abs(one - other).max())
        deviations.append(Deviation(f"{name} {what}", value, share * size, unit))
    return deviations
