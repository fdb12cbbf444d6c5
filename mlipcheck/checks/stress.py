"""Whether the stress is the derivative of the energy with respect to strain."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator
from ase.stress import voigt_6_to_full_3x3_stress

from ..calculators.evaluate import evaluate

# Linear strain of the structure that is tested: at equilibrium there is no stress to test.
COMPRESSION = -0.02
# A direction in the space of strains that mixes all six, so that no component can hide.
DIRECTION = np.array([[0.8, 0.3, -0.2], [0.3, 0.5, 0.4], [-0.2, 0.4, 0.7]])


def stress_error(calculator: BaseCalculator, atoms: Atoms) -> float | None:
    """Return |σ:D - V^-1 dE/dλ| over the size of the latter, along the strain λ D.

    The structure is compressed by 2 % first and the derivative taken by central difference. None
    where the calculator gives no energy or stress there, or the stress along D vanishes.
    """
    squeezed = strained(atoms, COMPRESSION * np.eye(3))
    (middle,) = evaluate(calculator, [squeezed], properties=("energy", "stress"))
    if middle.stress is None:
        return None
    # in float32 the step must lift the difference above rounding
    h = 1e-3 if middle.stress.dtype == np.float32 else 1e-4
    images = [strained(squeezed, x * DIRECTION) for x in (-h, h)]
    low, high = (e.energy for e in evaluate(calculator, images, properties=("energy",)))
    if low is None or high is None:
        return None
    derivative = (high - low) / (2 * h) / squeezed.get_volume()
    if derivative == 0:
        return None
    claimed = float(np.sum(voigt_6_to_full_3x3_stress(middle.stress) * DIRECTION))
    return float(abs(claimed - derivative) / abs(derivative))


def strained(atoms: Atoms, strain: np.ndarray) -> Atoms:
    """Return a copy, without constraints, whose cell and positions are strained."""
    image = atoms.copy()
    image.set_constraint()
    image.set_cell(atoms.cell[:] @ (np.eye(3) + strain), scale_atoms=True)
    return image
