"""Energies of relaxed structures against references whose zeros differ by constants."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence

import numpy as np
from ase.formula import Formula

from ...analysis.offsets import fit_offsets
from .record import Relaxation


def compare_energies(rows: Sequence[Relaxation]) -> list[Relaxation]:
    """Fill in the energy errors where there are enough structures to judge them.

    Zeros of energy differ by one constant an element, and perhaps by corrections. For each level
    of theory the constants are fitted to (E_model - E_reference) / n over the converged rows by
    least squares. The error of a row, in eV/atom, is what the constants fitted without it leave
    of it; where the others do not fix its constants it stays None.
    """
    found = list(rows)
    groups: dict[str | None, list[int]] = {}
    for k, row in enumerate(rows):
        if row.converged and row.energy is not None and row.reference_energy is not None:
            groups.setdefault(row.level_of_theory, []).append(k)
    for group in groups.values():
        counts = [Counter(Formula(rows[k].formula).count()) for k in group]
        differences = [
            ((rows[k].energy or 0.0) - (rows[k].reference_energy or 0.0)) / rows[k].n_atoms
            for k in group
        ]
        errors, _ = fit_offsets(counts, np.array(differences))
        for k, error in zip(group, errors, strict=True):
            if np.isfinite(error):
                found[k] = dataclasses.replace(rows[k], energy_error_per_atom=float(error))
    return found
