"""What speaks against labels, whatever the model: units, signs, placeholders, own labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import units

from ...calculators.records import Evaluation
from ...references.doubts import Doubt
from ...references.labels import LabelledFrame
from .forces import FLOOR

CORRELATED = 0.5  # R² below which a ratio of sizes says nothing about units
TOLERANCE = 0.25  # of a factor, as its logarithm: no model is off by that in size and correlated
# R² from which the model follows but for a factor, and how large or small that must be to be of a
# unit that is not in the table.
EXACT, FAR = 0.9999, 5.0
ALIKE = 0.1  # factors this near, as logarithms, are both named
# Numbers to compare: a dimer has 6 components of one force, a stress 6 of one pressure, and few
# energies or one direction always correlate.
MIN_NUMBERS = {"energies": 3, "forces": 12, "stresses": 18}
# rms labels above which a turned sign is no model's error: a pressure of a few GPa is.
SIGN_ABOVE = {"energies": 0.01, "forces": 0.01, "stresses": 3 * units.GPa}
PLACEHOLDERS = 0.1  # eV/Å that a model has where symmetry makes no force vanish
# eV/atom and eV/Å within which a model writes the same labels again: digits of files, float32.
SAME_ENERGY, SAME_FORCE = 2e-5, 5e-4

# What labels of another unit have to be multiplied by.
FACTORS: dict[str, dict[str, float]] = {
    "energies": {
        "Hartree": units.Hartree,
        "Rydberg": units.Rydberg,
        "kcal/mol": units.kcal / units.mol,
        "kJ/mol": units.kJ / units.mol,
    },
    "forces": {
        "Hartree/Bohr": units.Hartree / units.Bohr,
        "Rydberg/Å": units.Rydberg,
        "Hartree/Å": units.Hartree,
        "Rydberg/Bohr": units.Rydberg / units.Bohr,
        "kcal/mol/Å": units.kcal / units.mol,
        "kJ/mol/Å": units.kJ / units.mol,
        "eV/Bohr": 1 / units.Bohr,
    },
    "stresses": {
        "GPa": units.GPa,
        "kbar": units.GPa / 10,
        "Hartree/Bohr^3": units.Hartree / units.Bohr**3,
        "Rydberg/Bohr^3": units.Rydberg / units.Bohr**3,
    },
}
# A unit so near that the model has to follow for it, and done twice, it is how soft models are.
SMALL, FOLLOWS = "eV/Bohr", 0.9
ASE_UNITS = {"energies": "eV", "forces": "eV/Å", "stresses": "eV/Å^3"}


def doubt_unit(kind: str, reference: np.ndarray, model: np.ndarray) -> Doubt | None:
    """Say which unit, or sign, the labels seem to have; None where nothing speaks against them.

    Parameters
    ----------
    kind : str
        ``energies``, ``forces`` or ``stresses``.
    reference, model : ndarray of shape (n,)
        The labels as they were read, and what the model says, both in ASE's units.
    """
    if not _correlated(kind, reference, model):
        return None
    FF, ff = float(np.sum(reference**2)), float(np.sum(model**2))
    cross = float(np.sum(reference * model))
    ratio = np.sqrt(ff / FF)
    turned = " with the other sign" if cross < 0 else ""
    unit = ASE_UNITS[kind]
    size = f"{ratio:.1f} times too small" if ratio > 1 else f"{1 / ratio:.1f} times too large"
    if near := _nearest(ratio, kind, cross**2 / (FF * ff)):
        text = f"{kind} look {size}: are they {' or '.join(near)}{turned}? {unit} expected"
        return Doubt("unit", text, (kind,))
    if cross**2 > EXACT * FF * ff and not 1 / FAR < ratio < FAR:
        text = f"{kind} look {size}{turned}: are they in another unit? {unit} expected"
        return Doubt("unit", text, (kind,))
    if cross < 0 and np.sqrt(FF / len(reference)) > SIGN_ABOVE[kind]:
        text = f"{kind} look as if their sign were reversed; ASE's sign expected, in {unit}"
        return Doubt("sign", text, (kind,))
    return None


def _nearest(ratio: float, kind: str, r_squared: float) -> list[str]:
    """Return what labels are that have to be multiplied by ``ratio``; several where they are near.

    A conversion done twice is thought of only where no unit is about as near.
    """
    factors = {n: x for n, x in FACTORS[kind].items() if n != SMALL or r_squared > FOLLOWS}
    once = {f"in {n}": abs(np.log(ratio / x)) for n, x in factors.items()}
    twice = {
        f"converted from {n} twice": abs(np.log(ratio * x))
        for n, x in factors.items()
        if n != SMALL
    }
    best = min(*once.values(), *twice.values())
    for off in (once, twice):
        near = [name for name, x in off.items() if x < TOLERANCE and x < best + ALIKE]
        if near:
            return near
    return []


def doubt_energies(
    compositions: Sequence[str], n_atoms: np.ndarray, reference: np.ndarray, model: np.ndarray
) -> Doubt | None:
    """Compare total energies: differences within each composition first, then energies per atom.

    Differences are free of any zero of energy, and settle it where the model follows them; where
    there are none, the sums themselves can only show what has the model's zero and another unit.
    """
    _, which, sizes = np.unique(compositions, return_inverse=True, return_counts=True)
    several = sizes[which] > 1
    dE, predicted = (
        ((x - np.bincount(which, x)[which] / sizes[which]) / n_atoms)[several]
        for x in (reference, model)
    )
    if _correlated("energies", dE, predicted):
        return doubt_unit("energies", dE, predicted)
    # a negative sum is one of another zero: only units are found from sums
    if np.sum(reference * model / n_atoms**2) < 0:
        return None
    found = doubt_unit("energies", reference / n_atoms, model / n_atoms)
    return found if found and found.kind == "unit" else None


def doubt_forces(reference: np.ndarray, model: np.ndarray) -> Doubt | None:
    """Return the doubt about forces of shape (n, 3): unit, sign, or zeros that are placeholders."""
    size = float(np.sqrt(np.mean(model**2)))
    if not reference.any() and size > PLACEHOLDERS:
        text = f"forces look like placeholders: all are zero, and the model's {size:.2g} eV/Å (rms)"
        return Doubt("placeholder", text, ("forces",))
    if max(size, float(np.sqrt(np.mean(reference**2)))) < FLOOR:
        return None  # at rest both are noise, which symmetry correlates
    return doubt_unit("forces", reference.ravel(), model.ravel())


def doubt_own(pairs: Sequence[tuple[LabelledFrame, Evaluation]]) -> Doubt | None:
    """Say where all frames have this very model's energies and forces, to the digits of a file."""
    compared = 0
    for frame, found in pairs:
        if frame.energy is not None and found.energy is not None:
            compared += 1
            if abs(found.energy - frame.energy) > SAME_ENERGY * len(frame.atoms):
                return None
        if frame.forces is not None and found.forces is not None:
            compared += int(np.abs(frame.forces).max(initial=0.0) > 10 * SAME_FORCE)
            if np.abs(found.forces - frame.forces).max(initial=0.0) > SAME_FORCE:
                return None
    return Doubt("own labels", "these labels are this model's own") if compared else None


def _correlated(kind: str, reference: np.ndarray, model: np.ndarray) -> bool:
    """Find out whether there is enough in common for the ratio of sizes to mean anything."""
    FF, ff = float(np.sum(reference**2)), float(np.sum(model**2))
    if len(reference) < MIN_NUMBERS[kind] or FF == 0 or ff == 0:
        return False
    return float(np.sum(reference * model)) ** 2 >= CORRELATED * FF * ff
