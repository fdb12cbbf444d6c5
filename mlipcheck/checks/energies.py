"""Energies against references whose zeros differ by a constant for each element."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence

import numpy as np

from ..results import Relaxation


def compare_energies(rows: Sequence[Relaxation]) -> list[Relaxation]:
    """Fill in the energy errors where there are enough structures to judge them.

    Zeros of energy differ by one constant an element, and perhaps by corrections. For each level
    of theory the constants are fitted to (E_model - E_reference) / n over the converged rows by
    least squares. The error of a row, in eV/atom, is what the constants fitted without it leave
    of it; where the others do not fix its constants it stays None.
    """
    found = list(rows)
    judged = [
        k
        for k, row in enumerate(rows)
        if row.converged and row.energy is not None and row.reference_energy is not None
    ]
    for level in {rows[k].level_of_theory for k in judged}:
        group = [k for k in judged if rows[k].level_of_theory == level]
        counts = [_composition(rows[k].formula) for k in group]
        elements = sorted(set().union(*counts))
        design = np.array([[c.get(x, 0) / c.total() for x in elements] for c in counts])
        difference = np.array(
            [
                ((rows[k].energy or 0) - (rows[k].reference_energy or 0)) / rows[k].n_atoms
                for k in group
            ]
        )
        hat = design @ np.linalg.pinv(design)
        left, leverage = difference - hat @ difference, np.diag(hat)
        for k, residual, h in zip(group, left, leverage, strict=True):
            if h < 1 - 1e-9:
                error = float(residual / (1 - h))
                found[k] = dataclasses.replace(rows[k], energy_error_per_atom=error)
    return found


def _composition(formula: str) -> Counter[str]:
    from ase.formula import Formula

    return Counter(Formula(formula).count())
