"""Zeros of energy: one constant for each element, fitted to the other structures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np


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
        What constants fitted to the others leave, in eV/atom; NaN where these do not fix them.
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
