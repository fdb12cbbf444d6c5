"""The energy, forces and stress that one structure carries, read without computing anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import InputError
from ase.data import chemical_symbols

from ..calculators.neighbours import check_geometry
from .doubts import Doubt
from .label_keys import LABELS, Source, carried_by
from .label_sources import CALCULATOR, LARGEST, differ, put_together
from .label_units import not_in_angstrom, stated_units
from .structure_faults import find_fault, notes_on

NAMES = ("energy", "forces", "stress")
NO_LABELS = "no labels"
SMEARED = 1e-3  # eV/atom between energy and free energy that is worth a note


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
    doubts : tuple of Doubt
        About single labels: a unit that the file does not say, a virial that nothing confirms.
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
    doubts: tuple[Doubt, ...] = ()


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


def read_frame(
    atoms: Atoms, name: str, run: str, zero: str = "", keys: Mapping[str, str] | None = None
) -> LabelledFrame:
    """Read the labels of a structure; never starts a calculation.

    Parameters
    ----------
    keys : mapping of str to str
        Under which name energy, forces, stress or virial stand in info, arrays or a calculator's
        results; each is then read from there alone.

    Notes
    -----
    Labels stand under ``REF_``, under ``dft_``, in the calculator's results, or bare in info and
    arrays. They are put together in this order; a place that contradicts what was found before is
    another calculation's, and nothing of it is read. Units are those that info states, else eV
    and Å. A virial W is the stress -W/V, as in QUIP, GAP, MACE, DeePMD-kit and GPUMD. Where there
    are ``energy`` and ``free_energy``, the first is read: ASE's extrapolation to zero smearing.
    What is no number, beyond `LARGEST`, of a wrong shape or of an unknown unit is left out, and a
    note says so.

    Raises
    ------
    InputError
        For keys of something else.
    """
    if wrong := sorted(set(keys or ()) - set(LABELS)):
        raise InputError(f"label is {wrong[0]!r}; give keys of {', '.join(LABELS)}")
    carried = carried_by(atoms)
    stated = stated_units(carried)
    try:
        check_structure(atoms)
        if (length := not_in_angstrom(stated)) is not None:
            raise InputError(f"positions in {length!r}, as the file says; convert them to Å")
    except InputError as error:
        return LabelledFrame(name, Atoms(), None, None, None, run, zero, str(error))
    bare = atoms.copy()
    fixed = tuple(bare.constraints)
    bare.set_constraint()
    results, stale = _results(atoms)
    taken, notes = put_together(atoms, carried, results, stated, keys or {})
    free = taken.pop("free_energy", None)
    if free is not None and free.value is not None:
        if "energy" not in taken:
            taken["energy"] = free
            notes.append(f"the energy is {free.place}: there is no other")
        elif differ(free, taken["energy"], SMEARED * len(atoms)):
            notes.append(f"{taken['energy'].place} read, not {free.place}")
    kept = {label: taken[label] for label in NAMES if label in taken and taken[label].sound}
    left_out = [stale] if stale else []
    left_out += [f"{one.why} left out" for one in taken.values() if not one.sound]
    if not kept:
        why = "; ".join(left_out) or NO_LABELS
        told = notes_on(atoms)
        return LabelledFrame(
            name, bare, None, None, None, run, zero, why, notes=told, constraints=fixed
        )
    if not all(one.place.startswith(CALCULATOR) for one in kept.values()):
        notes.insert(0, f"labels read from {', '.join(one.place for one in kept.values())}")
    if units := [f"{label} from {one.unit}" for label, one in kept.items() if one.unit]:
        notes.append(f"{', '.join(units)} converted, as the file says")
    energy, forces, stress = (kept[label].value if label in kept else None for label in NAMES)
    return LabelledFrame(
        name,
        bare,
        None if energy is None else float(energy),
        forces,
        stress,
        run,
        zero,
        notes=(*notes_on(atoms), *notes, *left_out),
        constraints=fixed,
        doubts=tuple(one.doubt for one in kept.values() if one.doubt is not None),
    )


def _results(atoms: Atoms) -> tuple[Source, str]:
    """Return what the calculator holds, or why that is of no use."""
    calc = atoms.calc
    held = getattr(calc, "results", {})
    results = {
        name: (f"{CALCULATOR}{name}", held[name])
        for name in ("energy", "free_energy", "forces", "stress", "virial")
        if held.get(name) is not None
    }
    # one calculator of many images holds the results of the last one only
    if results and getattr(calc, "atoms", None) is not None and hasattr(calc, "check_state"):
        changed = {"numbers", "positions", "cell", "pbc"} & set(calc.check_state(atoms))
        if changed:
            return {}, f"the calculator's results are of other {' and '.join(sorted(changed))}"
    return results, ""
