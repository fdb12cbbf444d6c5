"""The energy, forces and stress that one structure carries, read without computing anything."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import InputError
from ase.data import chemical_symbols
from ase.stress import full_3x3_to_voigt_6_stress

from ..calculators.neighbours import check_geometry
from .structure_faults import find_fault, notes_on

NAMES = ("energy", "forces", "stress")
# The names of labels in info and arrays, where no calculator carries them.
PREFIXES = ("REF_", "dft_")
NO_LABELS = "no labels"
# Å, eV per atom, eV/Å or eV/Å^3: beyond any atom's total energy (1.5e6 eV) and any force.
LARGEST = 1e8


@dataclass(frozen=True, eq=False)
class LabelledFrame:
    """A structure and what the reference says of it.

    Attributes
    ----------
    name : str
        ``set[3]``, counted from 0 as ASE does; the set's name alone where it has one frame.
    atoms : Atoms
        Without calculator and constraints; empty where the error is that it is no structure.
    energy : float or None
        eV.
    forces : ndarray of shape (n_atoms, 3) or None
        eV/Å, constraints not applied.
    stress : ndarray of shape (6,) or None
        eV/Å^3, Voigt order, ASE's sign; only of what is periodic in three directions.
    run : str
        Frames of one run are not independent of each other.
    zero : str
        Energies of equal composition are comparable only where this is equal.
    error : str or None
        Why its labels cannot be used; none is then kept.
    notes : tuple of str
        What was left out and why; where the labels were read, where not from a calculator.
    constraints : tuple
        ASE's, of the structure as it was read; ``atoms`` has none.
    """

    name: str
    atoms: Atoms
    energy: float | None
    forces: np.ndarray | None
    stress: np.ndarray | None
    run: str
    zero: str = ""
    error: str | None = None
    notes: tuple[str, ...] = ()
    constraints: tuple[Any, ...] = ()


def check_structure(atoms: Atoms) -> None:
    """Raise `InputError` for an unknown element, beyond `LARGEST`, and as `check_geometry`."""
    strange = atoms.numbers[(atoms.numbers < 1) | (atoms.numbers >= len(chemical_symbols))]
    if len(strange):
        raise InputError(f"no element has the atomic number {strange[0]}; fix the structure")
    farthest = max(np.abs(x).max(initial=0.0) for x in (atoms.positions, atoms.cell[:]))
    if LARGEST < farthest < np.inf:
        raise InputError(f"positions or a cell of {farthest:.0e} Å; is their unit right?")
    check_geometry(atoms)
    if fault := find_fault(atoms):
        raise InputError(fault)


def read_frame(atoms: Atoms, name: str, run: str, zero: str = "") -> LabelledFrame:
    """Read the labels of a structure; never starts a calculation.

    Those of its calculator, or of ``REF_energy``, ``REF_forces`` and ``REF_stress``, or of
    ``dft_...``: of these the one that has most of the three, the first where several do. What is
    no number, beyond `LARGEST` or of a wrong shape is left out, and a note says so.
    """
    try:
        check_structure(atoms)
    except InputError as error:
        return LabelledFrame(name, Atoms(), None, None, None, run, zero, str(error))
    bare = atoms.copy()
    fixed = tuple(bare.constraints)
    bare.set_constraint()
    results, stale = _results(atoms)
    carried = {"": results} | {prefix: _named(atoms, prefix) for prefix in PREFIXES}
    found = {prefix: values for prefix, values in carried.items() if values}
    prefix = max(found, key=lambda p: len(found[p]), default="")  # the first of equal ones
    checked = {label: _checked(label, v, atoms) for label, v in found.pop(prefix, {}).items()}
    kept = {label: array for label, (array, _) in checked.items() if array is not None}
    wrong = [stale] if stale else []
    wrong += [f"{why} left out" for array, why in checked.values() if array is None]
    if not kept:
        why = "; ".join(wrong) or NO_LABELS
        told = notes_on(atoms)
        return LabelledFrame(name, bare, None, None, None, run, zero, why, told, fixed)
    read = [f"labels read from {', '.join(prefix + label for label in kept)}"] if prefix else []
    aside = [(p or "the calculator's ") + label for p, values in found.items() for label in values]
    read += [f"{', '.join(aside)} not read"] if aside else []
    energy = float(kept["energy"]) if "energy" in kept else None
    labels = energy, kept.get("forces"), kept.get("stress")
    notes = (*notes_on(atoms), *read, *wrong)
    return LabelledFrame(name, bare, *labels, run, zero, notes=notes, constraints=fixed)


def lookalikes(images: Iterable[Atoms]) -> list[str]:
    """Name what looks like labels in info and arrays, but has a name that is not read."""
    read = {prefix + name for prefix in PREFIXES for name in NAMES}
    return sorted(
        {
            key
            for atoms in images
            for key, value in (*atoms.info.items(), *atoms.arrays.items())
            if ("energy" in key.lower() or "force" in key.lower())
            and key not in read
            and np.asarray(value).dtype.kind in "fi"
        }
    )


def _results(atoms: Atoms) -> tuple[dict[str, Any], str]:
    """Return what the calculator holds, or why that is of no use."""
    calc = atoms.calc
    held = getattr(calc, "results", {})
    results = {name: held[name] for name in NAMES if held.get(name) is not None}
    # one calculator of many images holds the results of the last one only
    if results and getattr(calc, "atoms", None) is not None and hasattr(calc, "check_state"):
        changed = {"numbers", "positions", "cell", "pbc"} & set(calc.check_state(atoms))
        if changed:
            return {}, f"the calculator's results are of other {' and '.join(sorted(changed))}"
    return results, ""


def _named(atoms: Atoms, prefix: str) -> dict[str, Any]:
    carried = {**atoms.info, **atoms.arrays}
    return {n: carried[prefix + n] for n in NAMES if carried.get(prefix + n) is not None}


def _checked(name: str, value: Any, atoms: Atoms) -> tuple[np.ndarray | None, str]:
    """Return a label in its proper shape, or None and why it is left out."""
    if name == "stress" and not atoms.pbc.all():
        return None, "stress of what is not periodic in three directions"
    shape = {"energy": (), "forces": (len(atoms), 3), "stress": (6,)}[name]
    try:
        # true is no energy of 1 eV, and text is none although numpy reads some
        if np.asarray(value).dtype.kind not in "fiu":
            raise TypeError
        array = np.array(value, dtype=float)
    except (TypeError, ValueError):
        return None, f"{name} that cannot be read as numbers"
    if name == "stress" and array.size == 9:
        array = full_3x3_to_voigt_6_stress(array.reshape(3, 3))
    if name == "energy" and array.size == 1:
        array = array.reshape(())
    if array.shape != shape:
        return None, f"{name} of shape {array.shape}, where {shape} is expected,"
    if not np.isfinite(array).all():
        return None, f"{'NaN' if np.isnan(array).any() else 'infinite'} {name}"
    largest = float(np.abs(array).max(initial=0.0))
    if largest > LARGEST * (len(atoms) if name == "energy" else 1):
        return None, f"{name} of {largest:.0e}, which no structure has,"
    return array, ""
