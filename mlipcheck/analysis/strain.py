"""Whether the stress is the derivative of the energy with respect to strain."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator
from ase.stress import voigt_6_to_full_3x3_stress

from ..calculators.evaluate import evaluate, floating_type

# Linear strain of the structure that is tested: at equilibrium there is no stress to test.
COMPRESSION = -0.02
# How many roundings of its last digit an energy may be off by, summed over a model's layers.
ROUNDINGS = 8
# A comparison whose noise is this share of what it compares cannot tell right from wrong.
TOO_NOISY = 0.3
# A direction in the space of strains that mixes all six, so that no component can hide.
DIRECTION = np.array([[0.8, 0.3, -0.2], [0.3, 0.5, 0.4], [-0.2, 0.4, 0.7]])


def stress_error(calculator: BaseCalculator, atoms: Atoms) -> float | None:
    """Return |σ:D - V^-1 dE/dλ| over the size of the latter, along the strain λ D.

    The structure is compressed by 2 % first and the derivative taken by central difference; what
    the energy's own rounding can make of it is taken off the difference. None where the calculator
    gives no energy or stress there, or the stress along D is lost in rounding.
    """
    squeezed = strained(atoms, COMPRESSION * np.eye(3))
    (middle,) = evaluate(calculator, [squeezed], properties=("energy", "stress"))
    if middle.stress is None:
        return None
    kind = floating_type(calculator, [middle])
    # in float32 the step must lift the difference above rounding
    h = 1e-3 if kind == "float32" else 1e-4
    images = [strained(squeezed, x * DIRECTION) for x in (-h, h)]
    low, high = (e.energy for e in evaluate(calculator, images, properties=("energy",)))
    if low is None or high is None:
        return None
    volume = squeezed.get_volume()
    derivative = abs(high - low) / (2 * h) / volume
    noise = rounding_noise(low, kind, h) / volume
    if derivative == 0 or noise > TOO_NOISY * derivative:
        return None
    claimed = float(np.sum(voigt_6_to_full_3x3_stress(middle.stress) * DIRECTION))
    difference = abs(claimed - (high - low) / (2 * h) / volume)
    return float(max(difference - noise, 0.0) / derivative)


def rounding_noise(energy: float, kind: str, step: float) -> float:
    """Return what rounding of energies of this size may add to a difference over 2 ``step``."""
    return float(ROUNDINGS * np.finfo(kind).eps * abs(energy) / step)


def strained(atoms: Atoms, strain: np.ndarray) -> Atoms:
    """Return a copy, without constraints, whose cell and positions are strained."""
    image = atoms.copy()
    image.set_constraint()
    image.set_cell(atoms.cell[:] @ (np.eye(3) + strain), scale_atoms=True)
    return image
