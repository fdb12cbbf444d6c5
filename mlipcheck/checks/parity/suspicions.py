"""What is suspicious about labels beside any reasonable model: units, and signs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import units

from .record import Suspicion

CORRELATED = 0.5  # R² below which a ratio of sizes says nothing about units
TOLERANCE = 0.25  # of a factor, as its logarithm: no model is off by that in size and correlated
# R² from which the model follows but for a factor, and how large or small that must be to be of a
# unit that is not in the table.
EXACT, FAR = 0.9999, 5.0
ALIKE = 0.1  # factors this near, as logarithms, are both named
# Numbers to compare: a dimer has 6 components of one force, a stress 6 of one pressure, and few
# energies or one direction always correlate.
FEWEST = {"energies": 3, "forces": 12, "stresses": 18}
# rms labels above which a turned sign is no model's error: a pressure of a few GPa is.
SIGN_ABOVE = {"energies": 0.01, "forces": 0.01, "stresses": 3 * units.GPa}

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
    },
    "stresses": {
        "GPa": units.GPa,
        "kbar": units.GPa / 10,
        "Hartree/Bohr^3": units.Hartree / units.Bohr**3,
    },
}
ASE_UNITS = {"energies": "eV", "forces": "eV/Å", "stresses": "eV/Å^3"}


def suspect_unit(kind: str, reference: np.ndarray, model: np.ndarray) -> Suspicion | None:
    """Say which unit, or sign, the labels seem to have; None where nothing is suspicious.

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
    near = _nearest(ratio, kind)
    turned = " with the other sign" if cross < 0 else ""
    unit = ASE_UNITS[kind]
    size = f"{ratio:.1f} times too small" if ratio > 1 else f"{1 / ratio:.1f} times too large"
    if near:
        text = f"{kind} look {size}: are they {' or '.join(near)}{turned}? {unit} expected"
        return Suspicion(kind, "unit", text, cross < 0)
    if cross**2 > EXACT * FF * ff and not 1 / FAR < ratio < FAR:
        text = f"{kind} look {size}{turned}: are they in another unit? {unit} expected"
        return Suspicion(kind, "unit", text, cross < 0)
    if cross < 0 and np.sqrt(FF / len(reference)) > SIGN_ABOVE[kind]:
        text = f"{kind} look as if their sign were turned round; ASE's sign expected, in {unit}"
        return Suspicion(kind, "sign", text, True)
    return None


def _nearest(ratio: float, kind: str) -> list[str]:
    """Return what labels are that have to be multiplied by ``ratio``; several where they are near.

    A conversion done twice is thought of only where no unit is about as near.
    """
    once = {f"in {name}": abs(np.log(ratio / x)) for name, x in FACTORS[kind].items()}
    twice = {
        f"converted from {name} twice": abs(np.log(ratio * x)) for name, x in FACTORS[kind].items()
    }
    best = min(*once.values(), *twice.values())
    for off in (once, twice):
        near = [name for name, x in off.items() if x < TOLERANCE and x < best + ALIKE]
        if near:
            return near
    return []


def suspect_energies(
    compositions: Sequence[str], n_atoms: np.ndarray, reference: np.ndarray, model: np.ndarray
) -> Suspicion | None:
    """Compare total energies: differences within each composition first, then energies per atom.

    Differences are free of any zero of energy, and settle it where the model follows them; where
    there are none, the sums themselves can only show what has the model's zero and another unit.
    """
    dE, predicted = [], []
    for composition in sorted(set(compositions)):
        same = np.array([c == composition for c in compositions])
        if same.sum() > 1:
            dE.append((reference[same] - reference[same].mean()) / n_atoms[same])
            predicted.append((model[same] - model[same].mean()) / n_atoms[same])
    if dE and _correlated("energies", np.concatenate(dE), np.concatenate(predicted)):
        return suspect_unit("energies", np.concatenate(dE), np.concatenate(predicted))
    # an energy turned round is one of another zero: only units are told from sums
    found = suspect_unit("energies", reference / n_atoms, model / n_atoms)
    return found if found and found.kind == "unit" and not found.turned else None


def _correlated(kind: str, reference: np.ndarray, model: np.ndarray) -> bool:
    """Tell whether there is enough in common for the ratio of sizes to mean anything."""
    FF, ff = float(np.sum(reference**2)), float(np.sum(model**2))
    if len(reference) < FEWEST[kind] or FF == 0 or ff == 0:
        return False
    return float(np.sum(reference * model)) ** 2 >= CORRELATED * FF * ff
