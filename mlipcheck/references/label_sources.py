"""The labels of one frame, put together from the places where they stand."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import InputError
from ase.calculators.singlepoint import SinglePointCalculator
from ase.stress import full_3x3_to_voigt_6_stress

from .doubts import Doubt
from .label_keys import PER_ATOM, Source, numbers, numeric_keys, sources_in
from .label_units import unit_factor

# Å, eV per atom, eV/Å or eV/Å^3: beyond any atom's total energy (1.5e6 eV) and any force.
LARGEST = 1e8
CALCULATOR = "the calculator's "
# What two places of one frame may differ by, digits of a file: eV per atom, eV/Å, eV/Å^3.
ROUNDING = {"energy": 1e-4, "free_energy": 1e-4, "forces": 1e-3, "stress": 1e-4}
UNCHECKED = "the stresses are made of virials, whose sign and size no energies confirm"


@dataclass(frozen=True, eq=False)
class Label:
    """One label in eV and Å; None and why, where it is of no use. A virial is one as a stress."""

    place: str
    value: np.ndarray | None
    why: str = ""
    unit: str = ""
    doubt: Doubt | None = None
    virial: bool = False

    @property
    def sound(self) -> bool:
        return self.value is not None


def put_together(
    atoms: Atoms,
    carried: Mapping[str, Any],
    results: Source,
    stated: Mapping[str, str],
    keys: Mapping[str, str],
) -> tuple[dict[str, Label], list[str]]:
    """Return each label as the first place has it that no earlier one contradicts."""
    held = getattr(atoms.calc, "results", {})
    there = {label: (key, carried.get(key, held.get(key))) for label, key in keys.items()}
    taken = _read({k: v for k, v in there.items() if v[1] is not None}, atoms, stated)
    for label, (key, value) in there.items():
        if value is None:
            listed = ", ".join(numeric_keys(atoms)) or "none"
            why = f"no {key} in it (numeric keys: {listed}), {label}"
            taken["stress" if label == "virial" else label] = Label(key, None, why)
    chosen = {*taken, "free_energy"} if "energy" in taken else set(taken)
    notes = []
    for source in sources_in(atoms, results):
        # a live calculator has ASE's units, wherever its structure came from
        live = source is results and not isinstance(atoms.calc, SinglePointCalculator)
        found = _read(source, atoms, {} if live else stated)
        found = {label: one for label, one in found.items() if label not in chosen}
        both = [labels["stress"] for labels in (found, taken) if "stress" in labels]
        mixed = len(both) == 2 and both[0].virial != both[1].virial
        shared = [k for k in found if k in taken and not (mixed and k == "stress")]
        clash = next((k for k in shared if _differ(k, found[k], taken[k], atoms)), None)
        if clash is not None:
            notes.append(_aside(found, taken, clash))
            continue
        joined = {"stress": _joined(both[0], both[1], atoms)} if mixed else {}
        taken = found | taken | joined
    return taken, notes


def _aside(found: Mapping[str, Label], taken: Mapping[str, Label], label: str) -> str:
    """Say that one place is another calculation's, and how to read what it alone has."""
    places = ", ".join(one.place for one in found.values())
    text = f"{places} not read: {label} differs from {taken[label].place}"
    alone = [
        f"{'virial' if one.virial else kind}={one.place.removeprefix(CALCULATOR)}"
        for kind, one in found.items()
        if kind not in taken and kind != "free_energy"
    ]
    return f"{text} (--label-keys {','.join(alone)} reads it)" if alone else text


def _read(source: Source, atoms: Atoms, stated: Mapping[str, str]) -> dict[str, Label]:
    """Read what stands in one place, and a virial there as a stress."""
    found = {
        label: _converted(label, place, value, atoms, stated)
        for label, (place, value) in source.items()
    }
    if (virial := found.pop("virial", None)) is None:
        return found
    if virial.value is not None:
        doubt = virial.doubt or Doubt("convention", UNCHECKED, ("stresses",))
        stress = -virial.value / atoms.cell.volume
        virial = dataclasses.replace(virial, value=stress, doubt=doubt, virial=True)
    beside = found.get("stress")
    found["stress"] = virial if beside is None else _joined(beside, virial, atoms)
    return found


def _joined(one: Label, other: Label, atoms: Atoms) -> Label:
    """Return the stress of a stress and a virial; in doubt where they contradict each other."""
    stress, virial = (other, one) if one.virial else (one, other)
    if not (stress.sound and virial.sound):
        return stress if stress.sound else virial
    if not _differ("stress", stress, virial, atoms):
        return stress
    text = f"{stress.place} is not -{virial.place}/volume: its unit or sign is in doubt"
    return dataclasses.replace(stress, doubt=Doubt("unit", text, ("stresses",)))


def _converted(
    label: str, place: str, value: Any, atoms: Atoms, stated: Mapping[str, str]
) -> Label:
    """Read one label in its shape, in eV and Å."""
    array, why = _checked(label, value, atoms)
    if array is None:
        return Label(place, None, why)
    kind = "energy" if label == "free_energy" else label
    unit = stated.get(place.lower().replace("-", "_"), stated.get(kind, ""))
    if not unit and kind == "energy" and PER_ATOM.search(place):
        unit = "eV/atom"
    try:
        factor = unit_factor(kind, unit, len(atoms)) if unit else 1.0
    except InputError as error:
        return Label(place, None, str(error))
    array = array * factor
    largest = float(np.abs(array).max(initial=0.0))
    if largest > LARGEST * (len(atoms) if kind == "energy" else 1):
        return Label(place, None, f"{label} of {largest:.0e}, which no structure has,")
    doubt = None if unit else _doubt_unsaid(kind, stated)
    return Label(place, array, unit=unit if factor != 1.0 else "", doubt=doubt)


def _doubt_unsaid(label: str, stated: Mapping[str, str]) -> Doubt | None:
    """Doubt a label whose unit a file does not say that says another of energy or forces."""
    about = {"energy": "energies", "forces": "forces"}.get(label, "stresses")
    for other in ("energy", "forces"):
        try:
            foreign = other in stated and unit_factor(other, stated[other]) != 1.0
        except InputError:
            foreign = True
        if foreign:
            text = f"the file says the unit of {other}, {stated[other]}, and not that of {label}"
            return Doubt("unit", text, (about,))
    return None


def _differ(label: str, one: Label, other: Label, atoms: Atoms) -> bool:
    return differ(one, other, ROUNDING[label] * (len(atoms) if "energy" in label else 1))


def differ(one: Label, other: Label, tolerance: float) -> bool:
    """Tell whether two labels, both of use, differ by more than the digits of a file."""
    if one.value is None or other.value is None:
        return False
    relative = 1e-3 if one.value.ndim else 0.0
    return not np.allclose(one.value, other.value, relative, tolerance)


def _checked(name: str, value: Any, atoms: Atoms) -> tuple[np.ndarray | None, str]:
    """Return a label in its proper shape, or None and why it is left out."""
    is_tensor = name in ("stress", "virial")
    if is_tensor and not atoms.pbc.all():
        return None, f"{name} of what is not periodic in three directions"
    shape = (len(atoms), 3) if name == "forces" else (6,) if is_tensor else ()
    if (array := numbers(value)) is None:
        return None, f"{name} that cannot be read as numbers"
    array = array.astype(float)
    if is_tensor and array.size == 9:
        array = full_3x3_to_voigt_6_stress(array.reshape(3, 3))
    elif array.size == 1 and shape == ():
        array = array.reshape(())
    if array.shape != shape:
        return None, f"{name} of shape {array.shape}, where {shape} is expected,"
    if not np.isfinite(array).all():
        return None, f"{'NaN' if np.isnan(array).any() else 'infinite'} {name}"
    return array, ""
