"""Elastic constants: of a crystal at the model's own minimum, and on a reference's strained cells."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator, InputError
from ase.optimize import BFGS
from ase.stress import voigt_6_to_full_3x3_stress

from ...analysis.strain import strained
from ...analysis.tensor import enough_modes, fit_tensors, invariant_tensors
from ...calculators.base import stays_here
from ...calculators.evaluate import evaluate
from ...calculators.registry import describe
from ...references.level_of_theory import level_doubt
from ...references.strained import StrainedCells
from ..parity.label_warnings import doubt_own, doubt_unit
from ..relaxation.optimize import optimize
from ..relaxation.settings import RelaxSettings
from .record import ElasticTensor, EquationOfState

STRAINS = (0.005, 0.01, -0.005, -0.01)  # the norm of each
FMAX = 0.005  # eV/Å of ions, and of the cell
MOST_STEPS = 200
PROPERTIES = ("energy", "forces", "stress")


@stays_here
def measure_tensor(calculator: BaseCalculator, atoms: Atoms) -> ElasticTensor:
    """Return the elastic constants of a crystal, after its cell and ions are relaxed.

    As few of the six strains are taken as the crystal's symmetry allows. Ions relax in each
    strained cell, where the strain gives them forces.
    """
    start = atoms.copy()
    start.set_constraint()
    start.calc = calculator
    found = optimize(calculator, start, [True] * 6, RelaxSettings(FMAX, MOST_STEPS))
    if not found["converged"]:
        return ElasticTensor(why="the model brings no cell to rest at zero pressure")
    invariants = invariant_tensors(start)
    modes = enough_modes(invariants)
    strains = np.array([size * mode for mode in modes for size in STRAINS])
    images = [strained(start, strain) for strain in strains]
    forces, clamped = _evaluate(calculator, images, strains, invariants)
    if forces < FMAX:
        return ElasticTensor(fits=clamped, cells=len(images))
    for k in range(0, len(images), len(STRAINS)):
        shift = np.zeros_like(start.positions)  # for a strain of 1: the next one starts near its end
        for size, image in zip(STRAINS, images[k : k + len(STRAINS)], strict=True):
            clamp = image.positions.copy()
            image.positions += size * shift
            image.calc = calculator
            if not BFGS(image, logfile=None).run(fmax=FMAX, steps=MOST_STEPS):
                return ElasticTensor(why="ions of a strained cell do not come to rest")
            shift = (image.positions - clamp) / size
    _, fits = _evaluate(calculator, images, strains, invariants)
    return ElasticTensor(fits=fits, clamped=clamped, cells=len(images))


def _evaluate(
    calculator: BaseCalculator, images: list[Atoms], strains: np.ndarray, invariants: np.ndarray
) -> tuple[float, np.ndarray | None]:
    """Return the largest force, and what `fit_tensors` makes of the stresses."""
    found = evaluate(calculator, images, properties=PROPERTIES)
    if error := next((e.error for e in found if e.error), None):
        raise InputError(f"a strained cell: {error}")
    if any(e.stress is None or e.forces is None for e in found):
        raise InputError("the model gives no stress")
    forces = max(float(np.linalg.norm(e.forces, axis=1).max()) for e in found)
    stresses = np.array([voigt_6_to_full_3x3_stress(e.stress) for e in found])
    return forces, fit_tensors(strains, stresses, invariants)


def compare_tensors(
    calculator: BaseCalculator, cells: StrainedCells, row: EquationOfState
) -> EquationOfState:
    """Return the row of a reference's strained cells, with the tensor of the very same cells."""
    frames = cells.labels.frames
    found = evaluate(calculator, [f.atoms for f in frames], properties=PROPERTIES)
    if error := next((e.error for e in found if e.error), None):
        return replace(row, error=error)
    if any(e.stress is None for e in found):
        return replace(row, error="the model gives no stress")
    model, labels = (np.array([x.stress for x in side]) for side in (found, frames))
    levels = row.level_of_theory, describe(calculator).level_of_theory
    level = level_doubt(*levels, cells.labels.compositions, cells.labels.settings)
    own = doubt_own(list(zip(frames, found, strict=True)))
    unit = doubt_unit("stresses", labels.ravel(), model.ravel())
    doubts = (own,) if own else (level, unit, *cells.labels.doubts)
    tensor = ElasticTensor(cells.fit(model), reference=cells.tensors, cells=len(frames))
    return replace(row, tensor=tensor, doubts=tuple(d for d in doubts if d))
