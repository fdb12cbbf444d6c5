"""Forces and stress against the derivatives of the energy, by central differences."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from ase import Atoms
from ase.stress import voigt_6_to_full_3x3_stress

from ...analysis.strain import TOO_NOISY, rounding_noise, strained
from ...calculators.evaluate import evaluate
from .precision import Deviation, NotApplicable
from .subject import CalculatorError, Subject, moved

RANDOM_DIRECTIONS = 4
# A strain after which no shear component of the stress is small: in a cubic cell they vanish.
SHEAR = np.array([[0, -0.25, 0.2], [-0.25, 0, -0.15], [0.2, -0.15, 0]])
VACUUM = 10.0  # Å
# Components in Voigt's order: xx, yy, zz, yz, xz, xy.
ALL, NORMAL, SHEARS, IN_PLANE = (0, 1, 2, 3, 4, 5), (0, 1, 2), (3, 4, 5), (0, 1, 5)


@dataclass(frozen=True, eq=False)
class _Pairs:
    """Structures at -h and +h along some directions, in turn, and the derivatives claimed there."""

    images: list[Atoms]
    h: float
    claimed: np.ndarray
    unit: str
    volume: float = 1.0

    def slopes(self, energies: Sequence[Any]) -> np.ndarray:
        values = np.array(energies, float)
        return (values[1::2] - values[::2]) / (2 * self.h) / self.volume


def forces_are_gradient(subject: Subject) -> list[Deviation]:
    """Forces are minus the derivative of the energy, or of the free energy where they differ."""
    return _compare_derivatives(subject, _along_forces(subject, RANDOM_DIRECTIONS))


def free_energy(subject: Subject) -> list[Deviation]:
    """The free energy has the derivative that the forces claim, or that of the energy."""
    subject.require("free_energy")
    pairs = _along_forces(subject, 1)
    # of one calculation each; where both are alike, whether the forces are too is asked elsewhere
    both = [[subject.get(atoms, n) for n in ("energy", "free_energy")] for atoms in pairs.images]
    energies, free = zip(*both, strict=True)
    by_energy = replace(pairs, claimed=pairs.slopes(energies))
    return min((_deviations(subject, p, free) for p in (pairs, by_energy)), key=_worst)


def stress_is_gradient(subject: Subject) -> list[Deviation]:
    """The stress is the derivative of the energy with respect to strain, over the volume."""
    deviations = _stress_deviations(subject, subject.sample)
    # a left-handed cell is a cell like any other, and some models take its volume as negative
    sheared = strained(subject.sample, SHEAR)
    sheared.set_cell(sheared.cell[[1, 0, 2]])
    where = " in a sheared, left-handed cell"
    for part in (NORMAL, SHEARS):  # each by its own size
        with contextlib.suppress(NotApplicable):
            deviations += _stress_deviations(subject, sheared, where, part)
    return deviations


def stress_of_slabs(subject: Subject) -> list[Deviation]:
    """The stress of a slab is too, in a cell that is periodic across the vacuum or is not."""
    slab = subject.sample.copy()
    slab.cell[2] *= 1 + VACUUM / slab.cell.lengths()[2]
    deviations = _stress_deviations(subject, slab, " in a slab")
    slab.pbc = (True, True, False)
    with contextlib.suppress(CalculatorError, NotApplicable):  # none has to have one here
        deviations += _stress_deviations(subject, slab, " in a slab with pbc TTF", IN_PLANE)
    if _worst(deviations) > 1 and _worst(_stress_deviations(subject, subject.sample)) > 1:
        raise NotApplicable("the stress of a crystal is not its derivative either")
    return deviations


def _along_forces(subject: Subject, n_random: int) -> _Pairs:
    subject.require("energy", "forces")
    forces = np.asarray(subject.get(subject.sample, "forces"), float)
    draws = np.random.default_rng(2).normal(size=(n_random, *forces.shape))
    # along the forces, where their sign and size show best, and across them
    directions = [x / (np.linalg.norm(x) or 1.0) for x in (forces, *draws)]
    h = subject.precision.step
    images = [moved(subject.sample, s * h * x) for x in directions for s in (-1, 1)]
    return _Pairs(images, h, np.array([-np.sum(forces * x) for x in directions]), "eV/Å")


def _stress_deviations(
    subject: Subject, atoms: Atoms, where: str = "", components: Sequence[int] = ALL
) -> list[Deviation]:
    subject.require("energy", "stress")
    stress = np.asarray(subject.get(atoms, "stress"), float)
    if stress.shape != (6,):
        return [Deviation(f"stress of shape {stress.shape}{where}, not (6,)")]
    h = subject.precision.strain
    # half of a shear on either side of the diagonal, so that the slope is σ V
    strains = voigt_6_to_full_3x3_stress(np.eye(6)) * np.where(np.eye(3) == 1, 1, 0.5)
    images = [strained(atoms, s * h * strains[k]) for k in components for s in (-1, 1)]
    pairs = _Pairs(images, h, stress[list(components)], "eV/Å^3", atoms.get_volume())
    return [replace(d, text=d.text + where) for d in _compare_derivatives(subject, pairs)]


def _compare_derivatives(subject: Subject, pairs: _Pairs) -> list[Deviation]:
    """Compare with the derivatives of the energy, or of the free energy where they fit better."""
    found = evaluate(subject.calculator, pairs.images, properties=("energy",))
    for error in (e.error for e in found if e.error is not None):
        raise CalculatorError(f"a strained or moved structure fails: {error}")
    deviations = _deviations(subject, pairs, [e.energy for e in found])
    if _worst(deviations) > 1 and subject.properties("free_energy"):
        free = [subject.get(atoms, "free_energy") for atoms in pairs.images]
        return min(deviations, _deviations(subject, pairs, free), key=_worst)
    return deviations


def _deviations(subject: Subject, pairs: _Pairs, energies: Sequence[Any]) -> list[Deviation]:
    """Compare claimed derivatives with central differences, by the larger of the two."""
    slopes, unit = pairs.slopes(energies), pairs.unit
    size = float(np.abs([slopes, pairs.claimed]).max())
    # an energy's own noise, as it comes through the difference
    kind = "float64" if subject.precision.kind == "float64" else "float32"
    rounding = rounding_noise(energies[0], kind, pairs.h)
    noise = max(rounding, subject.noise / pairs.h) / pairs.volume
    if size == 0 or noise > TOO_NOISY * size:
        raise NotApplicable(f"{size:.1e} {unit} is lost in rounding")
    tolerance = subject.precision.derivative * size + noise
    off = np.abs(pairs.claimed - slopes)
    return [Deviation(f"{x:.1e} {unit} off, of {size:.2g}", x, tolerance, unit) for x in off]


def _worst(deviations: list[Deviation]) -> float:
    return max(d.ratio for d in deviations)
