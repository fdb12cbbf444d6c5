"""Elastic constants: from strains and stresses to a symmetric tensor, its moduli and stability.

Tensors are 6x6 in Voigt's order xx yy zz yz xz xy, in the unit of the stresses, ASE's sign.
"""

from __future__ import annotations

import warnings

import numpy as np
from ase import Atoms
from ase.stress import voigt_6_to_full_3x3_stress
from scipy.linalg import polar

SYMPREC = 0.01  # Å
RANK = 1e-2  # of the largest: strains that are this much smaller are noise of a file
# Mandel's basis: six orthonormal strains, in which a rotation is orthogonal and eigenvalues are
# those of the tensor; Voigt's counts shears half.
WEIGHTS = np.sqrt([1.0, 1, 1, 2, 2, 2])
MODES = np.array([voigt_6_to_full_3x3_stress(e) for e in np.diag(1 / WEIGHTS)])


def strain_between(start: Atoms, end: Atoms) -> tuple[np.ndarray, np.ndarray]:
    """Return the symmetric strain (3, 3) from one cell to another, and the rotation after it."""
    rotation, stretch = polar(np.linalg.solve(start.cell[:], end.cell[:]), side="left")
    return stretch - np.eye(3), rotation


def invariant_tensors(atoms: Atoms) -> np.ndarray:
    """Return a basis (m, 6, 6) of the tensors that the crystal's symmetry allows: 3 if cubic."""
    import spglib

    with warnings.catch_warnings():
        # spglib 2.7 warns of its coming error handling; until then a failure is None
        warnings.filterwarnings("ignore", message="Set OLD_ERROR_HANDLING")
        crystal = (atoms.cell[:], atoms.get_scaled_positions(), atoms.numbers)
        symmetry = spglib.get_symmetry_dataset(crystal, symprec=SYMPREC)
    lattice = atoms.cell[:].T
    turns = np.eye(3)[None] if symmetry is None else symmetry.rotations
    turns = lattice @ turns @ np.linalg.inv(lattice)
    six = np.einsum("iab,gac,jcd,gbd->gij", MODES, turns, MODES, turns)
    pairs = [np.outer(a, b) for a in np.eye(6) for b in np.eye(6)]
    mean = [np.mean(six @ (p + p.T) @ six.transpose(0, 2, 1), axis=0).ravel() for p in pairs]
    _, sizes, basis = np.linalg.svd(np.array(mean))
    return basis[: int((sizes > RANK * sizes[0]).sum())].reshape(-1, 6, 6)


def enough_modes(invariants: np.ndarray) -> np.ndarray:
    """Return those of the six strains `MODES` that determine every constant: 2 of them if cubic."""
    kept: list[int] = []
    for k in range(6):
        if _rank(invariants, np.eye(6)[[*kept, k]]) > _rank(invariants, np.eye(6)[kept]):
            kept.append(k)
    return MODES[kept]


def fit_tensors(
    strains: np.ndarray, stresses: np.ndarray, invariants: np.ndarray
) -> np.ndarray | None:
    """Return tensors (3, 6, 6) by least squares: from all cells, the smaller and the larger strains.

    The last two show how far a tensor can be trusted; where they are not determined, there is the
    first alone, and None where that is not either. ``strains`` and ``stresses`` are (n, 3, 3); a
    stress that all cells share is taken off.
    """
    e, s = (np.einsum("iab,nab->ni", MODES, x) for x in (strains, stresses))
    sizes, mode = np.linalg.norm(e, axis=1), np.abs(e).argmax(axis=1)
    middle = np.array([np.median(sizes[(mode == k) & (sizes > 0)]) for k in mode])
    parts = [sizes >= 0, sizes <= middle, sizes > middle]
    found = [_fit(e[part], s[part], invariants) for part in parts]
    if found[0] is None:
        return None
    kept = [c for c in found if c is not None]
    return np.array(kept if len(kept) == 3 else kept[:1]) / np.outer(WEIGHTS, WEIGHTS)


def _fit(e: np.ndarray, s: np.ndarray, invariants: np.ndarray) -> np.ndarray | None:
    e, s = (x - np.mean(x, axis=0) if len(x) else x for x in (e, s))
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
    return np.linalg.eigvalsh(tensor * np.outer(WEIGHTS, WEIGHTS))


def voigt_bulk_modulus(tensor: np.ndarray) -> float:
    """Return V d²E/dV² at a fixed shape."""
    return float(tensor[:3, :3].sum() / 9)


def hill_moduli(tensor: np.ndarray) -> tuple[float, float]:
    """Return bulk and shear modulus, the means of Voigt's and Reuss' bounds.

    Hill, Proc. Phys. Soc. A 65, 349 (1952); NaN where the tensor is not positive definite.
    """
    if eigenvalues(tensor)[0] <= 0:
        return np.nan, np.nan
    soft = np.linalg.inv(tensor)
    bulk = voigt_bulk_modulus(tensor), 1 / soft[:3, :3].sum()
    diagonal, sides = np.trace(tensor[:3, :3]), tensor[:3, :3].sum() - np.trace(tensor[:3, :3])
    voigt = (diagonal - sides / 2 + 3 * np.trace(tensor[3:, 3:])) / 15
    diagonal, sides = np.trace(soft[:3, :3]), soft[:3, :3].sum() - np.trace(soft[:3, :3])
    reuss = 15 / (4 * diagonal - 2 * sides + 3 * np.trace(soft[3:, 3:]))
    return float(np.mean(bulk)), float(np.mean([voigt, reuss]))


def distance(tensor: np.ndarray, other: np.ndarray) -> float:
    """Return the norm of the difference over that of the other, whatever the axes."""
    weights = np.outer(WEIGHTS, WEIGHTS)
    return float(np.linalg.norm((tensor - other) * weights) / np.linalg.norm(other * weights))
