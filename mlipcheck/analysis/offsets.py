"""Energies against references whose zeros differ by a constant for each element."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence

import numpy as np

from ..checks.relaxation.record import Relaxation


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
        difference = [
            ((rows[k].energy or 0) - (rows[k].reference_energy or 0)) / rows[k].n_atoms
            for k in group
        ]
        errors, _ = fit_offsets(counts, np.array(difference))
        for k, error in zip(group, errors, strict=True):
            if np.isfinite(error):
                found[k] = dataclasses.replace(rows[k], energy_error_per_atom=float(error))
    return found


def fit_offsets(
    counts: Sequence[Counter[str]], difference: np.ndarray
) -> tuple[np.ndarray, dict[str, float]]:
    """Take a constant for each element off energy differences.

    Parameters
    ----------
    counts : sequence of Counter
        How many atoms of each element a structure has.
    difference : ndarray of shape (n,)
        E_model - E_reference in eV/atom.

    Returns
    -------
    errors : ndarray of shape (n,)
        What constants fitted without a structure leave of it, in eV/atom; NaN where the others do
        not fix its constants.
    offsets : dict of str to float
        The constants fitted to all, eV an atom; those of least norm where some are not fixed.

    Notes
    -----
    Least squares: the error of a point that was left out is its residual over 1 - h, h the
    diagonal of the hat matrix (Allen, Technometrics 16, 125 (1974)).
    """
    elements = sorted(set().union(*counts))
    design = np.array([[c.get(x, 0) / c.total() for x in elements] for c in counts])
    inverse = np.linalg.pinv(design)
    constants = inverse @ difference
    leverage = np.einsum("ij,ji->i", design, inverse)
    errors = np.full(len(difference), np.nan)
    free = leverage < 1 - 1e-9
    errors[free] = (difference - design @ constants)[free] / (1 - leverage[free])
    return errors, dict(zip(elements, constants.tolist(), strict=True))


def _composition(formula: str) -> Counter[str]:
    from ase.formula import Formula

    return Counter(Formula(formula).count())
