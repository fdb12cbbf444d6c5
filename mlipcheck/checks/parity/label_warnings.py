"""What speaks against labels, whatever the model: units, signs, placeholders, own labels."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

import numpy as np
from ase import units

from ...analysis.statistics import sum_by_group
from ...calculators.base import Evaluation
from ...references.doubts import Doubt
from ...references.label_keys import unit_factor
from ...references.labels import LabelledFrame
from .forces import FLOOR
from .pieces import Frames, merge, reduce_frames

# R² below which a ratio of sizes says nothing about units, of many numbers and of fewer than MANY.
CORRELATED, CORRELATED_FEW, MANY = 0.5, 0.9, 12
TOLERANCE = 0.25  # of a factor, as its logarithm: no model is off by that in size and correlated
# R² from which the model follows but for a factor, and how large or small that must be to be of a
# unit that is not in the table.
EXACT, FAR = 0.9999, 5.0
ALIKE = 0.1  # factors this near, as logarithms, are both named
# Numbers to compare: a dimer has 6 components of one force, a stress 6 of one pressure, and few
# energies or one direction always correlate. Differences of energy need more, zeros taken off.
MIN_NUMBERS = {"energies": 4, "forces": 12, "stresses": 18}
MIN_DIFFERENCES = 5
# rms labels above which a turned sign is no model's error: a pressure of a few GPa is.
SIGN_ABOVE = {"energies": 0.01, "forces": 0.01, "stresses": 3 * units.GPa}
PLACEHOLDERS = 0.1  # eV/Å that a model has where symmetry makes no force vanish
# eV/atom and eV/Å within which a model writes the same labels again: digits of files, float32.
SAME_ENERGY, SAME_FORCE = 2e-5, 5e-4
# So many times these are numbers that agree by no chance: energies and forces that both do, or
# one of them alone.
BOTH, ALONE = 10, 100
# Components of shear as ASE has them, the GPa and frames that show another order, and R² in it.
SHEAR, MIN_SHEAR, MIN_FRAMES, IN_ORDER = ("yz", "xz", "xy"), 0.1 * units.GPa, 4, 0.95

# What labels may be in, and what they have to be multiplied by then.
_UNITS = {
    "energies": ("energy", "Hartree Rydberg kcal/mol kJ/mol"),
    "forces": (
        "forces",
        "Hartree/Bohr Rydberg/Å Hartree/Å Rydberg/Bohr kcal/mol/Å kJ/mol/Å eV/Bohr",
    ),
    "stresses": ("stress", "GPa kbar bar MPa Hartree/Bohr^3 Rydberg/Bohr^3"),
}
FACTORS = {
    kind: {unit: unit_factor(label, unit) for unit in names.split()}
    for kind, (label, names) in _UNITS.items()
}
# A unit so near that a stiff model has to follow and be just so for it; done twice, it is how soft
# models are.
SMALL, FOLLOWS, NARROW = "eV/Bohr", 0.9, 0.12
ASE_UNITS = {"energies": "eV", "forces": "eV/Å", "stresses": "eV/Å^3"}


def doubt_unit(kind: str, reference: np.ndarray, model: np.ndarray) -> Doubt | None:
    """Say which unit, or sign, labels seem to have; None where nothing speaks against them.

    ``kind`` is energies, forces or stresses; ``reference`` and ``model`` (n,) are the labels as
    they were read, and what the model says, both in ASE's units.
    """
    sums = (np.vdot(a, b) for a, b in ((reference, reference), (model, model), (reference, model)))
    return _doubt_sums(kind, len(reference), *map(float, sums))


def _doubt_sums(kind: str, n: int, rr: float, mm: float, rm: float) -> Doubt | None:
    """Say the same of n numbers by their sums of squares and of products."""
    follows = rm / np.sqrt(rr * mm) if rr * mm else 0.0
    if not _correlated(kind, n, follows):
        return None
    ratio, unit = float(np.sqrt(mm / rr)), ASE_UNITS[kind]
    turned = " with the other sign" if follows < 0 else ""
    size = f"{ratio:.1f} times too small" if ratio > 1 else f"{1 / ratio:.1f} times too large"
    near = " or ".join(_nearest(ratio, kind, follows**2))
    if near or (follows**2 > EXACT and not 1 / FAR < ratio < FAR):
        text = f"{size}: are they {near or 'in another unit'}{turned}? {unit} expected"
        return Doubt("unit", f"{kind} look {text}", (kind,))
    if follows < 0 and np.sqrt(rr / n) > SIGN_ABOVE[kind]:
        text = f"{kind} look as if their sign were reversed; ASE's sign expected, in {unit}"
        return Doubt("sign", text, (kind,))
    return None


def _nearest(ratio: float, kind: str, r_squared: float) -> list[str]:
    """Return what labels are that have to be multiplied by ``ratio``; several where they are near.

    A conversion done twice is thought of only where no unit is about as near.
    """
    factors = {n: x for n, x in FACTORS[kind].items() if n != SMALL}
    once = {f"in {n}": abs(np.log(ratio / x)) for n, x in factors.items()}
    twice = {f"converted from {n} twice": abs(np.log(ratio * x)) for n, x in factors.items()}
    small = abs(np.log(ratio * units.Bohr))
    if kind == "forces" and small < NARROW and r_squared > FOLLOWS:
        once[f"in {SMALL}"] = small
    best = min(*once.values(), *twice.values())
    most = min(TOLERANCE, best + ALIKE)
    found = ([name for name, x in way.items() if x < most] for way in (once, twice))
    return next(filter(None, found), [])


def doubt_energies(
    compositions: Sequence[str] | np.ndarray,
    n_atoms: np.ndarray,
    reference: np.ndarray,
    model: np.ndarray,
) -> Doubt | None:
    """Compare total energies: differences within each composition first, then energies per atom.

    Differences are free of any zero of energy, and settle it where the model follows them. Where
    there are too few, energies per atom can show a unit: it scales what lies between compositions
    as it scales the whole, and another zero does not.
    """
    _, which, sizes = np.unique(compositions, return_inverse=True, return_counts=True)
    per_atom = [x / n_atoms for x in (reference, model)]
    means = [np.bincount(which, x) / sizes for x in per_atom]
    several = sizes[which] > 1
    pairs = zip(per_atom, means, strict=True)
    dE = [(x - mean[which])[several] for x, mean in pairs]
    free = len(reference) - len(sizes)
    if free >= MIN_DIFFERENCES and _correlated("energies", len(dE[0]), _follow(*dE)):
        return doubt_unit("energies", *dE)
    found = doubt_unit("energies", *means)
    between = doubt_unit("energies", *(x - x.mean() for x in means))
    if found and between and found.kind == between.kind == "unit" and np.vdot(*means) > 0:
        unit, other = (doubt.text.partition(":")[2] for doubt in (found, between))
        return found if unit == other else None
    return None


def doubt_forces(frames: Frames) -> Doubt | None:
    """Return the doubt about forces: unit, sign, or zeros that are placeholders."""
    FF, fF, ff, _, atoms = frames.forces.sum(axis=0).tolist()
    size = np.sqrt(ff / (3 * atoms))
    if not FF and size > PLACEHOLDERS:
        text = f"forces look like placeholders: all are zero, and the model's {size:.2g} eV/Å (rms)"
        return Doubt("placeholder", text, ("forces",))
    if max(size, np.sqrt(FF / (3 * atoms))) < FLOOR:
        return None  # at rest both are noise, which symmetry correlates
    return _doubt_sums("forces", int(3 * atoms), FF, ff, fF)


def doubt_stresses(
    reference: np.ndarray, model: np.ndarray, volumes: np.ndarray
) -> tuple[Doubt | None, Doubt | None]:
    """Return the doubts about stresses of shape (n, 6): unit or sign, and the order of shear."""
    return _doubt_virials(reference, model, volumes), _doubt_order(reference, model)


def _doubt_virials(reference: np.ndarray, model: np.ndarray, volumes: np.ndarray) -> Doubt | None:
    """Return what speaks against unit and sign, also where labels are times the volume."""
    labels, virials = reference.ravel(), -(model * volumes[:, None]).ravel()
    found, follows = doubt_unit("stresses", labels, model.ravel()), _follow(labels, virials)
    if not _correlated("stresses", len(labels), follows):
        return found
    if abs(np.log(np.linalg.norm(virials) / np.linalg.norm(labels))) > TOLERANCE:
        return found
    if found and found.kind == "unit" and _follow(labels, model.ravel()) ** 2 > follows**2 - 1e-3:
        return Doubt("unit", f"{found.text}; or virials in eV?", found.about)
    text = f"stresses look like {'-' * (follows > 0)}stress times volume in eV; eV/Å^3 expected"
    return Doubt("unit", text, ("stresses",))


def _doubt_order(reference: np.ndarray, model: np.ndarray) -> Doubt | None:
    """Say where shear follows the model's in another order of its components only."""
    labels, shear = reference[:, 3:], model[:, 3:]
    if len(shear) < MIN_FRAMES or np.sqrt(np.mean(shear**2)) < MIN_SHEAR:
        return None
    follow = {k: _follow(labels, shear[:, list(k)]) for k in permutations(range(3))}
    best = max(follow, key=lambda k: follow[k])
    if follow[best] ** 2 < IN_ORDER or follow[0, 1, 2] ** 2 > CORRELATED:
        return None
    order, expected = " ".join(SHEAR[k] for k in best), " ".join(SHEAR)
    text = f"shear stresses look to be in the order {order}; {expected} expected"
    return Doubt("component order", text, ("shear",))


def doubt_own(pairs: Sequence[tuple[LabelledFrame, Evaluation]]) -> Doubt | None:
    """Say where all frames that a model answers for have its very labels, to a file's digits.

    Energies may be shifted, by one constant for each composition, and either may be missing.
    """
    frames, found = zip(*pairs, strict=True) if pairs else ((), ())
    return doubt_own_labels(merge(frames, [reduce_frames(frames, found)]))


def doubt_own_labels(frames: Frames) -> Doubt | None:
    """Say the same of frames that are reduced already."""
    compared = np.isfinite(frames["off"])
    if (frames["largest_off"][compared] > SAME_FORCE).any():
        return None
    largest = frames["largest_F"][compared].max(initial=0.0)
    known = frames.only(np.isfinite(frames["energy"] + frames["model_energy"]))
    per_atom = np.column_stack([known["model_energy"], known["energy"]]) / known["n_atoms"][:, None]
    exact = (np.abs(per_atom[:, 0] - per_atom[:, 1]) <= SAME_ENERGY).all()
    _, place, sizes = np.unique(known.formula, return_inverse=True, return_counts=True)
    centred = per_atom - (sum_by_group(per_atom, place) / sizes[:, None])[place]
    shifted = (np.abs(centred[:, 0] - centred[:, 1]) <= SAME_ENERGY).all()
    free = len(known) - len(sizes)
    varied = np.abs(centred).max(initial=0.0) > ALONE * SAME_ENERGY
    if (
        largest > ALONE * SAME_FORCE
        or (exact and (len(known) or largest > BOTH * SAME_FORCE))
        or (not compared.any() and shifted and varied and free >= MIN_DIFFERENCES)
    ):
        return Doubt("own labels", "these labels are this model's own")
    return None


def _follow(a: np.ndarray, b: np.ndarray) -> float:
    """Return the correlation about zero."""
    size = float(np.sqrt(np.sum(a**2) * np.sum(b**2)))
    return float(np.sum(a * b)) / size if size else 0.0


def _correlated(kind: str, n: int, follows: float) -> bool:
    """Find out whether n numbers have enough in common for the ratio of sizes to mean anything."""
    return n >= MIN_NUMBERS[kind] and follows**2 >= (CORRELATED if n >= MANY else CORRELATED_FEW)
