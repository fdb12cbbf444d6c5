"""Strained cells: whether the stress is the energy's derivative, and the volume at rest."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator, InputError
from ase.stress import voigt_6_to_full_3x3_stress

from ..calculators.base import FAILURES
from ..calculators.evaluate import evaluate, floating_type

# How many roundings of its last digit an energy may be off by, summed over a model's layers.
ROUNDINGS = 8
# A comparison whose noise is this share of what it compares cannot tell right from wrong.
TOO_NOISY = 0.3
# A direction in the space of strains that mixes all six, so that no component can hide.
DIRECTION = np.array([[0.8, 0.3, -0.2], [0.3, 0.5, 0.4], [-0.2, 0.4, 0.7]])
# Where it is tested: at equilibrium there is no stress, and in an unsheared cubic cell no shear.
STRAIN = -0.02 * np.sign(DIRECTION)
VOLUME_STEP = 0.01  # of the volume, on either side
UNEVEN = 2.0  # sides whose stiffness differs by this factor are those of no minimum
FAR = 0.1  # of the volume: no minimum near by


def stress_error(
    calculator: BaseCalculator, atoms: Atoms, mask: Sequence[bool] = (True,) * 6
) -> float | None:
    """Return how far the stress is from the energy's derivative, relative to it.

    As `derivative_error`, along a strain that mixes the components (xx yy zz yz xz xy) of the mask,
    of the structure compressed and sheared by 2 % in them.
    """
    free = voigt_6_to_full_3x3_stress(np.array(mask, float))
    return derivative_error(calculator, strained(atoms, STRAIN * free), DIRECTION * free)


def derivative_error(
    calculator: BaseCalculator, atoms: Atoms, direction: np.ndarray, step: float | None = None
) -> float | None:
    """Return |σ:D - V^-1 dE/dλ| over the size of the latter, along the strain λ D.

    The derivative is a central difference; what the energy's own rounding can make of it is taken
    off the difference. None where the calculator gives no energy or stress there, or the stress
    along D is lost in rounding.
    """
    for kind in dict.fromkeys((floating_type(calculator, []), "float32")):
        # in float32 the step must lift the difference above rounding
        h = step or (1e-3 if kind == "float32" else 1e-4)
        images = [atoms, *(strained(atoms, x * direction) for x in (-h, h))]
        found = evaluate(calculator, images, properties=("energy", "stress"))
        if floating_type(calculator, found) == kind:
            break
    middle, low, high = found[0], found[1].energy, found[2].energy
    if not atoms.pbc.all():  # of which `evaluate` gives none, but a filter for the cell uses it
        image = atoms.copy()
        image.calc = calculator
        with contextlib.suppress(*FAILURES):
            middle = replace(middle, stress=image.get_stress())
    if middle.stress is None or low is None or high is None:
        return None
    volume = atoms.get_volume()
    derivative = (high - low) / (2 * h) / volume
    noise = rounding_noise(low, kind, h) / volume
    if derivative == 0 or noise > TOO_NOISY * abs(derivative):
        return None
    given = float(np.sum(voigt_6_to_full_3x3_stress(middle.stress) * direction))
    return float(max(abs(given - derivative) - noise, 0.0) / abs(derivative))


def rounding_noise(energy: float, kind: str, step: float) -> float:
    """Return what rounding of energies of this size may add to a difference over 2 ``step``."""
    return float(ROUNDINGS * np.finfo(kind).eps * abs(energy) / step)


@dataclass(frozen=True, eq=False)
class VolumeAtRest:
    """What two more cells say of a crystal whose forces are small.

    ``mode`` (3, 3) is the strain for a change of volume of 1, ``modulus`` -V dp/dV along it in
    eV/Å^3, p = -σ:mode. ``to_go`` = p / modulus is the share of the volume to the minimum, infinite
    where there is none near by, ``downhill`` 1 where the crystal expands and -1 where it shrinks,
    and ``bound`` False where there is no stress at all.
    """

    mode: np.ndarray
    modulus: float
    to_go: float
    downhill: float
    bound: bool


def look_around(
    calculator: BaseCalculator, atoms: Atoms, stress: np.ndarray, mode: np.ndarray
) -> VolumeAtRest:
    """Compare the pressure of a crystal with those at ±1 % of its volume.

    ``stress`` (3, 3) is the crystal's own.

    There is a minimum near by where the pressure changes its sign between them, or where both
    sides resist, neither twice as much as the other: rough models (CHGNet's W, Be, Ba) are stiffer
    on one side of a minimum by a factor of 2 to 4.

    Raises
    ------
    InputError
        Where the calculator fails on one of these cells.
    """
    images = [strained(atoms, x * mode) for x in (-VOLUME_STEP, VOLUME_STEP)]
    found = evaluate(calculator, images, properties=("energy", "stress"))
    ends = [voigt_6_to_full_3x3_stress(e.stress) for e in found if e.stress is not None]
    if len(ends) < len(images):
        errors = [e.error for e in found if e.error]
        raise InputError(f"at ±1 % of the volume: {errors[0] if errors else 'no stress'}")
    stresses = (ends[0], stress, ends[1])
    low, here, high = (-float(np.sum(x * mode)) for x in stresses)
    sides = np.array([low - here, here - high]) / VOLUME_STEP
    modulus = float(sides.mean())
    even = 0 < sides.max() < UNEVEN * sides.min() and abs(here) < FAR * modulus
    return VolumeAtRest(
        mode=mode,
        modulus=modulus,
        to_go=here / modulus if even or low > 0 > high else math.inf,
        downhill=1.0 if (found[1].energy or 0.0) < (found[0].energy or 0.0) else -1.0,
        bound=any(x.any() for x in stresses),
    )


def strained(atoms: Atoms, strain: np.ndarray) -> Atoms:
    """Return a copy, without constraints, whose cell and positions are strained."""
    image = atoms.copy()
    image.set_constraint()
    image.set_cell(atoms.cell[:] @ (np.eye(3) + strain), scale_atoms=True)
    return image
