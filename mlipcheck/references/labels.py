"""The energy, forces and stress that one structure carries, read without computing anything."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import InputError
from ase.calculators.singlepoint import SinglePointCalculator
from ase.stress import full_3x3_to_voigt_6_stress

from . import label_keys
from .doubts import Doubt
from .structure_faults import find_fault, notes_on

NAMES = ("energy", "forces", "stress")
NO_LABELS = "no labels"
CALCULATOR = "the calculator's "
UNCHECKED = "the stresses are made of virials, whose sign and size no energies confirm"
SMEARED = 1e-3  # eV/atom between energy and free energy that is worth a note
# eV per atom, eV/Å or eV/Å^3: beyond any atom's total energy (1.5e6 eV) and any force.
LARGEST = 1e8
# What two places of one frame may differ by, digits of a file: eV per atom, eV/Å, eV/Å^3.
ROUNDING = {"energy": 1e-4, "free_energy": 1e-4, "forces": 1e-3, "stress": 1e-4, "virial": 1e-4}
_MEANS = {"free_energy": "energy", "virial": "stress"}


@dataclass(frozen=True, eq=False)
class LabelledFrame:
    """A structure and what the reference says of it.

    Attributes
    ----------
    name : str
        ``set[3]``, counted from 0 as ASE does; the set's name alone where it has one frame.
    atoms : Atoms
        Without calculator and constraints; empty where the error is that it is no structure.
    energy, forces, stress : float, ndarray of shape (n_atoms, 3), of shape (6,), or None
        eV; eV/Å, constraints not applied; eV/Å^3 in Voigt order with ASE's sign, only of what is
        periodic in three directions.
    run, zero : str
        Frames of one run are not independent of each other; energies of equal composition are
        comparable only where ``zero`` is equal.
    error : str or None
        Why its labels cannot be used; none is then kept.
    notes : tuple of str
        What was left out and why; where the labels were read, where not from a calculator.
    constraints : tuple
        ASE's, as read.
    doubts : tuple of Doubt
        About single labels: a unit that the file does not say, a virial that nothing confirms.
    """

    name: str
    atoms: Atoms
    energy: float | None = None
    forces: np.ndarray | None = None
    stress: np.ndarray | None = None
    run: str = ""
    zero: str = ""
    error: str | None = None
    notes: tuple[str, ...] = ()
    constraints: tuple[Any, ...] = ()
    doubts: tuple[Doubt, ...] = ()


@dataclass(frozen=True, eq=False)
class _Label:
    """One label in eV and Å, a virial as a stress; None and why, where it is of no use."""

    place: str
    value: np.ndarray | None
    why: str = ""
    unit: str = ""
    doubt: Doubt | None = None


_Labels = dict[str, _Label]


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
    if wrong := sorted(set(keys or ()) - set(label_keys.LABELS)):
        raise InputError(f"label is {wrong[0]!r}; give keys of {', '.join(label_keys.LABELS)}")
    stated = label_keys.stated_units(label_keys.carried_by(atoms))
    if fault := find_fault(atoms) or label_keys.not_in_angstrom(stated):
        return LabelledFrame(name, Atoms(), run=run, zero=zero, error=fault)
    bare = atoms.copy()
    bare.set_constraint()
    results, stale = _results(atoms)
    taken, notes = _put_together(atoms, results, stated, keys or {})
    free = taken.pop("free_energy", None)
    if free is not None and free.value is not None:
        if "energy" not in taken:
            taken["energy"] = free
            notes.append(f"the energy is {free.place}: there is no other")
        elif _differ(free, taken["energy"], SMEARED * len(atoms)):
            notes.append(f"{taken['energy'].place} read, not {free.place}")
    left_out = [f"{one.why} left out" for one in taken.values() if one.value is None]
    left_out = [stale, *left_out] if stale else left_out
    kept = _join_virial({k: one for k, one in taken.items() if one.value is not None})
    energy, forces, stress = (kept[label].value if label in kept else None for label in NAMES)
    if not all(one.place.startswith(CALCULATOR) for one in kept.values()):
        notes.insert(0, f"labels read from {', '.join(one.place for one in kept.values())}")
    if units := [f"{label} from {one.unit}" for label, one in kept.items() if one.unit]:
        notes.append(f"{', '.join(units)} converted, as the file says")
    return LabelledFrame(
        name,
        bare,
        None if energy is None else float(energy),
        forces,
        stress,
        run,
        zero,
        error=None if kept else "; ".join(left_out) or NO_LABELS,
        notes=(*notes_on(atoms), *notes, *left_out) if kept else notes_on(atoms),
        constraints=tuple(atoms.constraints),
        doubts=tuple(one.doubt for one in kept.values() if one.doubt is not None),
    )


def _results(atoms: Atoms) -> tuple[label_keys.Source, str]:
    """Return what the calculator holds, or why that is of no use."""
    calc = atoms.calc
    held = getattr(calc, "results", {})
    results = {
        name: (f"{CALCULATOR}{name}", held[name])
        for name in (*label_keys.LABELS, "free_energy")
        if held.get(name) is not None
    }
    # one calculator of many images holds the results of the last one only
    if results and getattr(calc, "atoms", None) is not None and hasattr(calc, "check_state"):
        changed = {"numbers", "positions", "cell", "pbc"} & set(calc.check_state(atoms))
        if changed:
            return {}, f"the calculator's results are of other {' and '.join(sorted(changed))}"
    return results, ""


def _put_together(
    atoms: Atoms, results: label_keys.Source, stated: Mapping[str, str], keys: Mapping[str, str]
) -> tuple[_Labels, list[str]]:
    """Return each label as the first place has it that no earlier one contradicts, and notes."""
    carried = getattr(atoms.calc, "results", {}) | label_keys.carried_by(atoms)
    taken: _Labels = {}
    for label, key in keys.items():
        if carried.get(key) is None:
            listed = ", ".join(label_keys.numeric_keys(carried)) or "none"
            taken[label] = _Label(key, None, f"no {key} in it (numeric keys: {listed}), {label}")
        else:
            taken[label] = _read(label, key, carried[key], atoms, stated)
    chosen = {_MEANS.get(label, label) for label in taken}
    notes = []
    for source in label_keys.sources_in(atoms, results):
        # a live calculator has ASE's units, wherever its structure came from
        live = source is results and not isinstance(atoms.calc, SinglePointCalculator)
        found = {
            label: _read(label, place, value, atoms, {} if live else stated)
            for label, (place, value) in source.items()
            if _MEANS.get(label, label) not in chosen
        }
        each = {k: ROUNDING[k] * (len(atoms) if "energy" in k else 1) for k in found if k in taken}
        clash = [k for k, tolerance in each.items() if _differ(found[k], taken[k], tolerance)]
        if clash:
            notes.append(_aside(found, taken, clash[0]))
        else:
            taken = found | taken
    return taken, notes


def _aside(found: _Labels, taken: _Labels, label: str) -> str:
    """Say that one place is another calculation's, and how to read what it alone has."""
    places = ", ".join(one.place for one in found.values())
    text = f"{places} not read: {label} differs from {taken[label].place}"
    alone = [
        f"{kind}={one.place.removeprefix(CALCULATOR)}"
        for kind, one in found.items()
        if kind not in (*taken, "free_energy")
    ]
    return f"{text} (--label-keys {','.join(alone)} reads it)" if alone else text


def _join_virial(kept: _Labels) -> _Labels:
    """Return labels in the order of `NAMES`: a stress beside a virial is doubted if they differ."""
    stress, virial = kept.get("stress"), kept.get("virial")
    if virial is not None and stress is None:
        doubt = virial.doubt or Doubt("convention", UNCHECKED, ("stresses",))
        kept["stress"] = replace(virial, doubt=doubt)
    elif virial is not None and stress is not None and _differ(stress, virial, ROUNDING["stress"]):
        text = f"{stress.place} is not -{virial.place}/volume: its unit or sign is in doubt"
        kept["stress"] = replace(stress, doubt=Doubt("unit", text, ("stresses",)))
    return {label: kept[label] for label in NAMES if label in kept}


def _differ(one: _Label, other: _Label, tolerance: float) -> bool:
    """Tell whether two labels, both of use, differ by more than the digits of a file."""
    if one.value is None or other.value is None:
        return False
    return not np.allclose(one.value, other.value, 1e-3 if one.value.ndim else 0.0, tolerance)


def _read(label: str, place: str, value: Any, atoms: Atoms, stated: Mapping[str, str]) -> _Label:
    """Read one label in its shape, in eV and Å."""
    kind = label.removeprefix("free_")
    unit = stated.get(place.lower().replace("-", "_"), stated.get(kind, ""))
    if not unit and kind == "energy" and label_keys.PER_ATOM.search(place):
        unit = "eV/atom"
    try:
        factor = label_keys.unit_factor(kind, unit, len(atoms)) if unit else 1.0
        array = factor * _array(label, value, atoms)
    except InputError as error:
        return _Label(place, None, str(error))
    largest = float(np.abs(array).max(initial=0.0))
    if largest > LARGEST * (len(atoms) if kind == "energy" else 1):
        return _Label(place, None, f"{label} of {largest:.0e}, which no structure has,")
    if kind == "virial":
        array = -array / atoms.cell.volume
    doubt = None if unit else _doubt_unsaid(kind, stated)
    return _Label(place, array, unit=unit if factor != 1.0 else "", doubt=doubt)


def _doubt_unsaid(label: str, stated: Mapping[str, str]) -> Doubt | None:
    """Doubt a label whose unit a file does not say that says another of energy or forces."""
    about = {"energy": "energies", "forces": "forces"}.get(label, "stresses")
    for other in filter(stated.get, ("energy", "forces")):
        with contextlib.suppress(InputError):
            if label_keys.unit_factor(other, stated[other]) == 1.0:
                continue
        text = f"the file says the unit of {other}, {stated[other]}, and not that of {label}"
        return Doubt("unit", text, (about,))
    return None


def _array(name: str, value: Any, atoms: Atoms) -> np.ndarray:
    """Return a label in its proper shape, or raise why it is left out."""
    is_tensor = name in ("stress", "virial")
    if is_tensor and not atoms.pbc.all():
        raise InputError(f"{name} of what is not periodic in three directions")
    shape = (len(atoms), 3) if name == "forces" else (6,) if is_tensor else ()
    if (array := label_keys.numbers(value)) is None:
        raise InputError(f"{name} that cannot be read as numbers")
    array = array.astype(float)
    if is_tensor and array.size == 9:
        array = full_3x3_to_voigt_6_stress(array.reshape(3, 3))
    elif array.size == 1 and shape == ():
        array = array.reshape(())
    if array.shape != shape:
        raise InputError(f"{name} of shape {array.shape}, where {shape} is expected,")
    if not np.isfinite(array).all():
        raise InputError(f"{'NaN' if np.isnan(array).any() else 'infinite'} {name}")
    return array
