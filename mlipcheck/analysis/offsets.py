"""Zeros of energy: one constant for each element, fitted to the other structures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

DETERMINED = 1e-9  # of 1 - leverage: what is less is rounding
RANK = 1e-12  # of the largest singular value: what is less is rounding
ROUNDS, SMALLEST = 50, 1e-2  # of reweighting; eV/atom


def fit_offsets(
    counts: Sequence[Counter[str]],
    difference: np.ndarray,
    runs: Sequence[str] | np.ndarray | None = None,
) -> tuple[np.ndarray, dict[str, float]]:
    """Take a constant for each element off energy differences.

    Parameters
    ----------
    counts : sequence of Counter
        How many atoms of each element a structure has.
    difference : ndarray of shape (n,)
        E_model - E_reference in eV/atom.
    runs : sequence of str, optional
        What each structure shares with others. With it, all of its composition and all of its run
        are left out of its fit; else the structure alone.

    Returns
    -------
    errors : ndarray of shape (n,)
        What constants fitted without a structure leave of it, in eV/atom; NaN where the others do
        not determine its constants.
    offsets : dict of str to float
        The constants fitted to all, eV an atom; those of least norm where some are not fixed.

    Notes
    -----
    Least squares: the errors e of points that were left out together follow from their residuals
    r by (1 - H) e = r, H their block of the hat matrix (Allen, Technometrics 16, 125 (1974), for
    one point). What the others do not determine is where H has an eigenvalue of 1.
    """
    elements, design = _shares(counts)
    _, composition = np.unique(np.round(design, 9), axis=0, return_inverse=True)
    run = np.unique(np.arange(len(counts)) if runs is None else runs, return_inverse=True)[1]
    # structures of one composition and run are left out with the same others: a cell of them all
    cells, first, cell, sizes = np.unique(
        np.column_stack([composition.ravel(), run]),
        axis=0,
        return_index=True,
        return_inverse=True,
        return_counts=True,
    )
    means, weights = np.bincount(cell.ravel(), difference) / sizes, np.sqrt(sizes)
    left, scales, right = np.linalg.svd(design[first] * weights[:, None], full_matrices=False)
    used = scales > RANK * scales.max(initial=0.0)
    modes = left[:, used]  # of which the hat matrix is the product with their transpose
    projected = modes.T @ (means * weights)
    constants = right[used].T @ (projected / scales[used])
    residuals = means * weights - modes @ projected
    of_run, of_composition = places(cells[:, 1]), places(cells[:, 0])
    errors = np.full(len(cells), np.nan)
    for same in of_composition if runs is not None else [[k] for k in range(len(cells))]:
        # with each cell all of its composition is left out, and what else is of its run
        basis = modes[same] if len(same) <= modes.shape[1] else np.linalg.qr(modes[same], "r")
        known: dict[tuple[int, ...], tuple[np.ndarray, ...]] = {}
        for k in same:
            more = tuple(j for j in of_run[cells[k, 1]] if cells[j, 0] != cells[k, 0])
            if more not in known:
                out = [*same, *more]
                inside = np.vstack([basis, modes[[*more]]])
                _, roots, axes = np.linalg.svd(inside, full_matrices=False)
                free = roots**2 < 1 - DETERMINED
                pull = axes @ (modes[out].T @ residuals[out])
                known[more] = axes[~free], pull[free] / (1 - roots[free] ** 2) @ axes[free]
            fixed, solved = known[more]
            if np.abs(fixed @ modes[k]).max(initial=0.0) < np.sqrt(DETERMINED):
                errors[k] = (residuals[k] + modes[k] @ solved) / weights[k]
    found = errors[cell.ravel()] + difference - means[cell.ravel()]
    return found, dict(zip(elements, constants.tolist(), strict=True))


def _shares(counts: Sequence[Counter[str]]) -> tuple[list[str], np.ndarray]:
    """Return the elements, and what share of each structure's atoms each is."""
    elements = sorted(set().union(*counts))
    return elements, np.array([[c.get(x, 0) / c.total() for x in elements] for c in counts])


def places(labels: Sequence[str] | np.ndarray) -> list[np.ndarray]:
    """Return the indices of each label, the labels in rising order."""
    sizes = np.unique(labels, return_counts=True)[1]
    return np.split(np.argsort(labels, kind="stable"), np.cumsum(sizes)[:-1])


def fit_robustly(counts: Sequence[Counter[str]], difference: np.ndarray) -> np.ndarray:
    """Return what constants of elements leave of differences in eV/atom, few of which are far off.

    Their sum of sizes is made least by least squares that are weighted again and again.
    """
    _, design = _shares(counts)
    left = difference
    for _ in range(ROUNDS):
        weights = 1 / np.sqrt(np.maximum(np.abs(left), SMALLEST))
        left = difference - design @ (
            np.linalg.pinv(design * weights[:, None]) @ (difference * weights)
        )
    return left
