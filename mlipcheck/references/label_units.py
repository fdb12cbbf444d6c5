"""The units of labels: what a file states of them, and what it means in eV and Å."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import cache
from typing import Any

from ase import units
from ase.calculators.calculator import InputError

from .label_keys import LABELS, label_of

_POSITIONS = ("pos", "position", "positions", "coord", "coordinates", "length", "cell", "lattice")
_DIMENSIONS = {"energy": (1, 0), "forces": (1, -1), "stress": (1, -3), "virial": (1, 0)}
# By powers of energy, length and number of atoms: names, and the value in eV and Å.
_UNITS = {
    name: (value, *powers)
    for powers, rows in {
        (0, 0, 0): {"mol": units.mol},
        (0, 0, 1): {"atom": 1.0},
        (0, 1, 0): {"å angstrom angstroms angst ang a": 1.0, "bohr a0": units.Bohr, "nm": units.nm},
        (1, 0, 0): {
            "ev electronvolt": 1.0,
            "mev": 1e-3,
            "MeV": 1e6,
            "hartree hartrees ha eh au": units.Hartree,
            "rydberg ry": units.Rydberg,
            "kcal": units.kcal,
            "kj": units.kJ,
        },
        (1, -3, 0): {
            "pa": units.Pascal,
            "mpa": 1e6 * units.Pascal,
            "gpa": units.GPa,
            "bar": units.bar,
            "kbar kb": 1e3 * units.bar,
        },
    }.items()
    for names, value in rows.items()
    for name in names.split()
}
# Systems of units: one word for all labels.
_ATOMIC = {"energy": "Ha", "forces": "Ha/Bohr", "stress": "Ha/Bohr^3", "virial": "Ha"}
_SYSTEMS = dict.fromkeys(("au", "a.u.", "atomic", "atomicunits"), _ATOMIC) | {
    "metal": {"energy": "eV", "forces": "eV/Å"},  # LAMMPS'
    "real": {"energy": "kcal/mol", "forces": "kcal/mol/Å"},
}
_FACTOR = re.compile(r"(/?)([a-zå]+0?)\^?([+-]?\d+)?[ *.]*", re.I)


def unit_factor(label: str, text: str, n_atoms: int = 1) -> float:
    """Return what a label in this unit is multiplied by to be in eV and Å, or refuse the unit."""
    unit = _parse(_system(text).get(label, text))
    if unit is None:
        raise InputError(f"{label} in {text!r}, a unit that is not known,")
    value, *powers, atoms = unit
    if tuple(powers) != _DIMENSIONS[label] or atoms not in ((0, -1) if powers[0] == 1 else (0,)):
        raise InputError(f"{label} in {text!r}, which is no unit of it,")
    return value * float(n_atoms) ** -atoms


def stated_units(carried: Mapping[str, Any]) -> dict[str, str]:
    """Return the units that a file states, by what they are of: a label, a key, ``positions``.

    One text under ``units`` may state several: ``eV, eV/Å``, or a system.
    """
    stated: dict[str, str] = {}
    for key, value in carried.items():
        found = re.fullmatch(r"(?:(.+)[_-])?units?", key, re.I)
        if found is None or not isinstance(value, str):
            continue
        if found[1]:
            words = found[1].lower().replace("-", "_")
            named = label_of(words)
            subject = "positions" if words in _POSITIONS else named[1] if named else words
            stated[subject] = value
            continue
        for unit in re.split(r"[,;]", value):
            of = None if _system(unit) else _parse(unit)
            if of is not None and of[1:3] == (0, 1):
                stated.setdefault("positions", unit.strip())
            for label in LABELS:  # what is unknown is refused by name
                if of is None or of[1:3] == _DIMENSIONS[label]:
                    stated.setdefault(label, unit.strip())
    return stated


def _system(text: str) -> dict[str, str]:
    return _SYSTEMS.get(_plain(text).replace(" ", ""), {})


def not_in_angstrom(stated: Mapping[str, str]) -> str | None:
    """Say what is wrong with a unit of length that a file states for its positions."""
    text = stated.get("positions", "Å")
    good = _parse(text) == (1.0, 0, 1, 0)
    return None if good else f"positions in {text!r}, as the file says; convert them to Å"


def _plain(text: str) -> str:
    """Write a unit with ``/``, ``^`` and spaces only."""
    text = unicodedata.normalize("NFKC", text).replace("−", "-").replace("**", "^")
    text = re.sub(r"[ _]per[ _]", "/", text.strip(" '\"[]")).replace("_", "").replace("·", " ")
    text = re.sub(r"/\s*\(([^()]*)\)", lambda m: "/" + re.sub(r"[ *]+", "/", m[1].strip()), text)
    return re.sub(r"\s*/\s*", "/", re.sub(r"[()]", "", text))


@cache
def _parse(text: str) -> tuple[float, int, int, int] | None:
    """Return the value, and the powers of energy, length and number of atoms."""
    found = (1.0, 0, 0, 0)
    plain = _plain(text)
    if not plain or _FACTOR.sub("", plain):
        return None
    for slash, name, exponent in _FACTOR.findall(plain):
        name = "bohr" if slash and name == "au" else name  # Ry/au, as Quantum ESPRESSO prints
        unit = _UNITS.get(name, _UNITS.get(name.lower()))
        if unit is None:
            return None
        power = int(exponent or 1) * (-1 if slash else 1)
        a, b, c = (have + power * one for have, one in zip(found[1:], unit[1:], strict=True))
        found = found[0] * unit[0] ** power, a, b, c
    return found
