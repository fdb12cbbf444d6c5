"""Elastic constants: from strains and stresses to a tensor, its moduli and stability.

Tensors are 6x6 in Voigt's order xx yy zz yz xz xy, in the unit of the stresses, ASE's sign.
"""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.stress import voigt_6_to_full_3x3_stress
from scipy.linalg import polar

from .structures import find_symmetry

RANK = 1e-2  # of the largest: strains that are this much smaller are noise of a file
# Mandel's basis: six orthonormal strains, in which a rotation is orthogonal and eigenvalues are
# those of the tensor; Voigt's counts shears half.
WEIGHTS = np.sqrt([1.0, 1, 1, 2, 2, 2])
MANDEL = np.outer(WEIGHTS, WEIGHTS)
MODES = voigt_6_to_full_3x3_stress(np.diag(1 / WEIGHTS))
ISOTROPIC = np.kron([[1, 0], [0, 0]], np.full((3, 3), 1 / 3))  # projects on a change of volume


def strain_between(start: Atoms, end: Atoms) -> tuple[np.ndarray, np.ndarray]:
    """Return the symmetric strain (3, 3) from one cell to another, and the rotation after it."""
    rotation, stretch = polar(np.linalg.solve(start.cell[:], end.cell[:]), side="left")
    return stretch - np.eye(3), rotation


def invariant_tensors(atoms: Atoms) -> np.ndarray:
    """Return a basis (m, 6, 6) of the tensors that the crystal's symmetry allows: 3 if cubic."""
    symmetry, lattice = find_symmetry(atoms), atoms.cell[:].T
    turns = np.eye(3)[None]
    if symmetry is not None:
        turns = lattice @ symmetry.rotations @ np.linalg.inv(lattice)
    six = np.einsum("iab,gac,jcd,gbd->gij", MODES, turns, MODES, turns)
    pairs = [np.outer(a, b) + np.outer(b, a) for a in np.eye(6) for b in np.eye(6)]
    mean = [np.mean(six @ pair @ six.transpose(0, 2, 1), axis=0).ravel() for pair in pairs]
    _, sizes, basis = np.linalg.svd(np.array(mean))
    return basis[: int((sizes > RANK * sizes[0]).sum())].reshape(-1, 6, 6)


def enough_modes(invariants: np.ndarray) -> np.ndarray:
    """Return those of the six strains `MODES` that determine every constant: 2 of them if cubic."""
    ranks = [_rank(invariants, np.eye(6)[:k]) for k in range(7)]
    return MODES[np.diff(ranks) > 0]


def fit_tensors(
    strains: np.ndarray, stresses: np.ndarray, invariants: np.ndarray
) -> np.ndarray | None:
    """Return tensors (3, 6, 6) by least squares: from all strains, the smaller and the larger ones.

    Where the last two are not determined there is the first alone, and None where that is not
    either. ``strains`` and ``stresses`` are (n, 3, 3); a stress that all cells share is taken off.
    """
    e, s = (np.einsum("iab,nab->ni", MODES, x) for x in (strains, stresses))
    sizes, mode = np.linalg.norm(e, axis=1), np.abs(e).argmax(axis=1)
    middle = 1.1 * np.array([np.median(sizes[mode == k]) for k in mode])
    parts = (sizes >= 0, sizes <= middle, sizes > middle)
    fits = [c / MANDEL for part in parts if (c := _fit(e[part], s[part], invariants)) is not None]
    return np.array(fits if len(fits) == len(parts) else fits[:1]) if fits else None


def _fit(e: np.ndarray, s: np.ndarray, invariants: np.ndarray) -> np.ndarray | None:
    if len(e) < 2:
        return None
    e, s = e - e.mean(axis=0), s - s.mean(axis=0)
    if _rank(invariants, e) < len(invariants):
        return None
    parts, *_ = np.linalg.lstsq(_design(invariants, e), s.ravel(), rcond=None)
    return np.einsum("k,kij->ij", parts, invariants)


def _design(invariants: np.ndarray, e: np.ndarray) -> np.ndarray:
    """Return the stresses of each invariant at strains (n, 6), as columns."""
    return np.einsum("kij,nj->nik", invariants, e).reshape(-1, len(invariants))


def _rank(invariants: np.ndarray, e: np.ndarray) -> int:
    sizes = np.linalg.svd(_design(invariants, e), compute_uv=False)
    return int((sizes > RANK * sizes.max(initial=0.0)).sum())


def eigenvalues(tensor: np.ndarray) -> np.ndarray:
    """Return the six stiffnesses in rising order; a crystal is stable where all are positive.

    See Mouhat and Coudert, Phys. Rev. B 90, 224104 (2014).
    """
    return np.linalg.eigvalsh(tensor * MANDEL)


def moduli(tensor: np.ndarray) -> tuple[float, float]:
    """Return bulk and shear modulus, the means of Voigt's and Reuss' bounds.

    Hill, Proc. Phys. Soc. A 65, 349 (1952). Without stability there are no bounds: Voigt's bulk
    modulus, and a shear modulus of 0.
    """
    stiff, shear = tensor * MANDEL, np.eye(6) - ISOTROPIC
    bulk = np.sum(stiff * ISOTROPIC) / 3
    if eigenvalues(tensor)[0] <= 0:
        return float(bulk), 0.0
    soft = np.linalg.inv(stiff)
    both = np.sum(stiff * shear) / 10, 5 / (2 * np.sum(soft * shear))
    return float(bulk + 1 / (3 * np.sum(soft * ISOTROPIC))) / 2, float(sum(both)) / 2


def distance(tensor: np.ndarray, other: np.ndarray) -> float:
    """Return the norm of the difference over that of the other, whatever the axes."""
    return float(np.linalg.norm((tensor - other) * MANDEL) / np.linalg.norm(other * MANDEL))
