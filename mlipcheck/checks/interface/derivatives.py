"""Forces and stress against the derivatives of the energy, by central differences."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.calculators.calculator import CalculationFailed
from ase.stress import voigt_6_to_full_3x3_stress

from ...analysis.strain import TOO_NOISY, rounding_noise, strained
from ...calculators.evaluate import evaluate
from .deviation import Deviation, NotApplicable
from .subject import Subject

RANDOM_DIRECTIONS = 4


def forces_are_gradient(subject: Subject) -> list[Deviation]:
    """Forces are minus the derivative of the energy."""
    _require(subject, "forces")
    (here,) = subject.ask([subject.sample], "energy", "forces")
    forces = np.asarray(here.forces, float)
    size = float(np.linalg.norm(forces))
    draws = np.random.default_rng(2).normal(size=(RANDOM_DIRECTIONS, *forces.shape))
    # along the forces, where their sign and size show best, and across them
    directions = [x / np.linalg.norm(x) for x in (forces, *draws)]
    h = subject.precision.step
    images = [_moved(subject.sample, s * h * x) for x in directions for s in (-1, 1)]
    slopes = _slopes(subject, images, h)
    claimed = [-float(np.sum(forces * x)) for x in directions]
    return _deviations(subject, slopes, claimed, size, 1.0, here.energy, "eV/Å")


def stress_is_gradient(subject: Subject) -> list[Deviation]:
    """The stress is the derivative of the energy with respect to strain, over the volume."""
    if "stress" not in subject.properties("stress"):
        raise NotApplicable("no stress is declared")
    # a left-handed cell is a cell like any other, and some models take its volume as negative
    mirrored = subject.sample.copy()
    mirrored.set_cell(subject.sample.cell[[1, 0, 2]])
    deviations = []
    for atoms in (subject.sample, mirrored):
        (here,) = subject.ask([atoms], "energy", "stress")
        stress = np.asarray(here.stress, float)
        volume = atoms.get_volume()
        # in float32 the curvature of a rough model asks for a smaller strain than displacement
        h = min(subject.precision.step, 1e-3)
        # Voigt order; half of a shear on either side of the diagonal, so that the slope is σ V
        directions = voigt_6_to_full_3x3_stress(np.eye(6)) * np.where(np.eye(3) == 1, 1, 0.5)
        images = [strained(atoms, s * h * x) for x in directions for s in (-1, 1)]
        slopes = _slopes(subject, images, h) / volume
        size = float(np.abs(stress).max())
        deviations += _deviations(
            subject, slopes, list(stress), size, volume, here.energy, "eV/Å^3", h
        )
    return deviations


def _require(subject: Subject, name: str) -> None:
    if name not in subject.calculator.implemented_properties:
        raise NotApplicable(f"no {name} declared")


def _moved(atoms: Atoms, shift: np.ndarray) -> Atoms:
    image = atoms.copy()
    image.positions += shift
    return image


def _slopes(subject: Subject, images: list[Atoms], h: float) -> np.ndarray:
    """Return dE/dx from pairs of images at -h and +h, batched where the calculator can."""
    found = evaluate(subject.calculator, images, properties=("energy",))
    for evaluation in found:
        if evaluation.error is not None:
            raise CalculationFailed(f"a strained or moved structure fails: {evaluation.error}")
    energies = np.array([e.energy for e in found]).reshape(-1, 2)
    return (energies[:, 1] - energies[:, 0]) / (2 * h)


def _deviations(
    subject: Subject,
    slopes: np.ndarray,
    claimed: list[float],
    size: float,
    volume: float,
    energy: float | None,
    unit: str,
    step: float | None = None,
) -> list[Deviation]:
    """Hold claimed derivatives against the slopes, by the larger of the two."""
    precision = subject.precision
    size = max(size, float(np.abs(slopes).max()))
    # the energy's own rounding, as it comes through the difference
    noise = rounding_noise(energy or 0.0, precision.kind, step or precision.step) / volume
    if size == 0 or noise > TOO_NOISY * size:
        raise NotApplicable(f"{size:.1e} {unit} is too small to be told from rounding")
    tolerance = precision.derivative * size + noise
    return [
        Deviation(f"{abs(c - s):.1e} {unit} off, of {size:.2g}", abs(c - s), tolerance, unit)
        for c, s in zip(claimed, slopes, strict=True)
    ]
