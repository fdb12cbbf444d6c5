"""Zeros of energy: one constant for each element, fitted to the other structures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

DETERMINED = 1e-9  # of 1 - leverage: what is less is rounding
ROUNDS, SMALLEST = 50, 1e-2  # of reweighting; eV/atom


def fit_offsets(
    counts: Sequence[Counter[str]], difference: np.ndarray, runs: Sequence[str] | None = None
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
    elements = sorted(set().union(*counts))
    design = np.array([[c.get(x, 0) / c.total() for x in elements] for c in counts])
    constants = np.linalg.pinv(design) @ difference
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
    means = np.bincount(cell.ravel(), difference) / sizes
    weights = np.sqrt(sizes)
    weighted = design[first] * weights[:, None]
    hat = weighted @ np.linalg.pinv(weighted)
    residuals = (means - design[first] @ constants) * weights
    errors = np.full(len(cells), np.nan)
    for k, (a, b) in enumerate(cells):
        same_composition = runs is not None and cells[:, 0] == a
        out = np.flatnonzero(same_composition | (cells[:, 1] == b))
        leverages, modes = np.linalg.eigh(hat[np.ix_(out, out)])
        here, free = modes[out == k][0], leverages < 1 - DETERMINED
        if np.abs(here[~free]).max(initial=0.0) < np.sqrt(DETERMINED):
            shares = here[free] / (1 - leverages[free])
            errors[k] = shares @ (modes[:, free].T @ residuals[out]) / weights[k]
    found = errors[cell.ravel()] + difference - means[cell.ravel()]
    return found, dict(zip(elements, constants.tolist(), strict=True))


def fit_robustly(counts: Sequence[Counter[str]], difference: np.ndarray) -> np.ndarray:
    """Return what constants of elements leave of differences in eV/atom, few of which are far off.

    Their sum of sizes is made least by least squares that are weighted again and again.
    """
    elements = sorted(set().union(*counts))
    design = np.array([[c.get(x, 0) / c.total() for x in elements] for c in counts])
    left = difference
    for _ in range(ROUNDS):
        weights = 1 / np.sqrt(np.maximum(np.abs(left), SMALLEST))
        left = difference - design @ (
            np.linalg.pinv(design * weights[:, None]) @ (difference * weights)
        )
    return left
