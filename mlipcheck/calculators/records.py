"""What a calculator is, and what it says of one structure."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..storage import Record


@dataclass(frozen=True)
class CalculatorInfo(Record):
    """Where a calculator comes from, as far as it is known.

    ``bond_scale`` (Å) replaces the sum of covalent radii where a calculator draws one curve for
    every element; ``cutoff`` (Å) is the range of the model.
    """

    spec: str
    backend: str | None = None
    version: str | None = None
    checkpoint: str | None = None
    checkpoint_sha256: str | None = None
    options: dict[str, str] = field(default_factory=dict)
    level_of_theory: str | None = None
    energy_convention: str | None = None
    dtype: str | None = None
    device: str | None = None
    cutoff: float | None = None
    bond_scale: float | None = None


@dataclass(frozen=True, eq=False)
class Evaluation(Record):
    """One structure through one calculator.

    Attributes
    ----------
    energy : float or None
        Potential energy in eV.
    forces : ndarray of shape (n_atoms, 3) or None
        eV/Å, constraints not applied, in the calculator's own floating-point type.
    stress : ndarray of shape (6,) or None
        eV/Å^3, Voigt order, ASE's sign; None without a cell that is periodic in three directions.
    energies, magmoms : ndarray of shape (n_atoms,) or None
        eV; Bohr magnetons.
    error : str or None
        Why the structure could not be evaluated; everything else is then None.
    """

    energy: float | None = None
    forces: np.ndarray | None = None
    stress: np.ndarray | None = None
    energies: np.ndarray | None = None
    magmoms: np.ndarray | None = None
    error: str | None = None
