"""Elastic constants: of a crystal at the model's own minimum, and in a reference's cells."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator, InputError
from ase.stress import voigt_6_to_full_3x3_stress

from ...analysis.strain import strained
from ...analysis.tensor import enough_modes, fit_tensors, invariant_tensors
from ...calculators.base import stays_here
from ...calculators.evaluate import evaluate
from ...calculators.records import Evaluation
from ...calculators.registry import describe
from ...references.level_of_theory import level_doubt
from ...references.strained import StrainedCells
from ..crystals import bring_to_rest
from ..parity.label_warnings import doubt_own, doubt_unit
from .record import ElasticTensor, EquationOfState

STRAINS = (0.005, 0.01, -0.005, -0.01)  # the norm of each
FMAX = 0.005  # eV/Å of ions and cell
CELL_STEPS = 60  # in the time of as many points in a batch


def count_evaluations(atoms: Atoms) -> int:
    """Return about how many evaluations `measure_tensor` takes; ions need a step for each atom."""
    cells = len(STRAINS) * len(enough_modes(invariant_tensors(atoms)))
    return CELL_STEPS + cells * len(atoms)


@stays_here
def measure_tensor(calculator: BaseCalculator, atoms: Atoms) -> ElasticTensor:
    """Return the elastic constants of a crystal, after its cell and ions are relaxed.

    As few of the six strains are taken as the crystal's symmetry allows. Ions relax in each
    strained cell, where the strain gives them forces.

    Raises
    ------
    InputError
        Where the model has no answer, or no rest.
    """
    start = bring_to_rest(calculator, atoms, FMAX, cell=True)
    invariants = invariant_tensors(start)
    strains = np.array([size * mode for mode in enough_modes(invariants) for size in STRAINS])
    images = [bring_to_rest(calculator, strained(start, strain), FMAX) for strain in strains]
    stresses = [voigt_6_to_full_3x3_stress(e.stress) for e in _evaluate(calculator, images)]
    return ElasticTensor(fit_tensors(strains, np.array(stresses), invariants), cells=len(images))


def _evaluate(calculator: BaseCalculator, images: list[Atoms]) -> list[Evaluation]:
    found = evaluate(calculator, images, properties=("energy", "forces", "stress"))
    if error := next((e.error for e in found if e.error), None):
        raise InputError(f"in a strained cell: {error}")
    if any(e.stress is None or e.forces is None for e in found):
        raise InputError("the model gives no stress")
    return found


def compare_tensors(
    calculator: BaseCalculator, cells: StrainedCells, row: EquationOfState
) -> EquationOfState:
    """Return the row of a reference's strained cells, with tensors of both from these very cells.

    Raises
    ------
    InputError
        Where the model has no answer.
    """
    labels, frames = cells.labels, cells.labels.frames
    found = _evaluate(calculator, [f.atoms for f in frames])
    model, reference = (np.array([x.stress for x in side]) for side in (found, frames))
    level = describe(calculator).level_of_theory
    other = level_doubt(labels.level_of_theory, level, labels.compositions, labels.settings)
    own = doubt_own(list(zip(frames, found, strict=True)))
    unit = doubt_unit("stresses", reference.ravel(), model.ravel())
    doubts = tuple(d for d in ((own,) if own else (other, unit, *labels.doubts)) if d)
    tensor = ElasticTensor(cells.fit(model), reference=cells.fit(reference), cells=len(frames))
    return replace(row, tensor=tensor, doubts=doubts)
