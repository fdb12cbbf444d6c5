"""The units of labels: what a file states of them, and what it means in eV and Å."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import numpy as np
from ase import units
from ase.calculators.calculator import InputError

from .label_keys import LABELS

_POSITIONS = ("pos", "position", "positions", "coord", "coordinates", "length", "cell", "lattice")
_SUBJECTS = {
    "energy": ("energy", "energies"),
    "forces": ("forces", "force"),
    "stress": ("stress", "stresses"),
    "virial": ("virial", "virials"),
}

# In eV and Å; powers of energy, length, and number of atoms.
_Unit = tuple[float, int, int, int]
_DIMENSIONS = {"energy": (1, 0), "forces": (1, -1), "stress": (1, -3), "virial": (1, 0)}
_UNITS: dict[str, _Unit] = {
    name: (value, *powers, 0)
    for names, value, powers in (
        ("ev electronvolt", 1.0, (1, 0)),
        ("mev", 1e-3, (1, 0)),
        ("MeV", 1e6, (1, 0)),
        ("hartree hartrees ha eh au", units.Hartree, (1, 0)),
        ("mhartree mha", 1e-3 * units.Hartree, (1, 0)),
        ("rydberg rydbergs ry", units.Rydberg, (1, 0)),
        ("mry", 1e-3 * units.Rydberg, (1, 0)),
        ("kcal", units.kcal, (1, 0)),
        ("kj", units.kJ, (1, 0)),
        ("mol", units.mol, (0, 0)),
        ("å angstrom angstroms ang angst a", 1.0, (0, 1)),
        ("bohr bohrs a0", units.Bohr, (0, 1)),
        ("nm", units.nm, (0, 1)),
        ("pa", units.Pascal, (1, -3)),
        ("mpa", 1e6 * units.Pascal, (1, -3)),
        ("gpa", units.GPa, (1, -3)),
        ("bar", units.bar, (1, -3)),
        ("kbar kb", 1e3 * units.bar, (1, -3)),
        ("Mbar", 1e6 * units.bar, (1, -3)),
        ("atm", 101325 * units.Pascal, (1, -3)),
    )
    for name in names.split()
} | {"atom": (1.0, 0, 0, 1)}
# Systems of units: one word for all labels.
_ATOMIC = {"energy": "Ha", "forces": "Ha/Bohr", "stress": "Ha/Bohr^3", "virial": "Ha"}
_SYSTEMS = dict.fromkeys(("au", "a.u.", "atomic", "atomicunits"), _ATOMIC) | {
    "metal": {"energy": "eV", "forces": "eV/Å"},  # LAMMPS'
    "real": {"energy": "kcal/mol", "forces": "kcal/mol/Å"},
}
_FACTOR = re.compile(r"(/?)([a-zå]+0?)\^?([+-]?\d+)?[ *.]*", re.I)


def unit_factor(label: str, text: str, n_atoms: int = 1) -> float:
    """Return what a label in this unit is multiplied by to be in eV and Å.

    Raises
    ------
    InputError
        For a unit that is not known, or one of something else.
    """
    text = _SYSTEMS.get(_plain(text).replace(" ", ""), {}).get(label, text)
    unit = _parse(text)
    if unit is None:
        raise InputError(f"{label} in {text!r}, a unit that is not known,")
    value, energy, length, atoms = unit
    if (energy, length) != _DIMENSIONS[label] or atoms not in ((0, -1) if energy == 1 else (0,)):
        raise InputError(f"{label} in {text!r}, which is no unit of it,")
    return value * float(n_atoms) ** -atoms


def stated_units(carried: Mapping[str, Any]) -> dict[str, str]:
    """Return the units that a file states, by what they are of: a label, a key, ``positions``."""
    stated: dict[str, str] = {}
    for key, value in carried.items():
        words = key.lower().replace("-", "_")
        if (found := re.fullmatch(r"(?:(.+)_)?units?", words)) is None:
            continue
        subject = found[1] or ""
        if isinstance(value, Mapping):
            stated |= {_subject(str(k)): str(v) for k, v in value.items()}
        elif isinstance(value, str) and subject:
            stated[_subject(subject)] = value
        elif isinstance(value, str):
            for label, text in _general(value):
                stated.setdefault(label, text)
    return stated


def _general(text: str) -> Iterable[tuple[str, str]]:
    """Say of which label each unit is in ``eV, eV/Å`` or ``energy: eV``."""
    if _plain(text).replace(" ", "") in _SYSTEMS:
        return [(label, text) for label in LABELS]
    found: list[tuple[str, str]] = []
    for piece in re.split(r"[,;]", text):
        subject, colon, unit = (part.strip() for part in piece.rpartition(":"))
        if colon:
            found.append((_subject(subject), unit))
        elif (parsed := _parse(unit)) is None:
            found += [(label, unit) for label in LABELS]  # each is refused with its name
        elif parsed[1:3] == (0, 1):
            found.append(("positions", unit))
        else:
            found += [(label, unit) for label, d in _DIMENSIONS.items() if d == parsed[1:3]]
    return found


def _subject(words: str) -> str:
    words = words.lower().replace("-", "_")
    if words in _POSITIONS:
        return "positions"
    bare = re.sub(r"^(ref_|dft_)", "", words)
    return next((label for label, names in _SUBJECTS.items() if bare in names), words)


def not_in_angstrom(stated: Mapping[str, str]) -> str | None:
    """Return the unit of length that a file states for its positions, where it is not Å."""
    text = stated.get("positions")
    return None if text is None or _parse(text) == (1.0, 0, 1, 0) else text


def _plain(text: str) -> str:
    """Write a unit with ``/``, ``^`` and spaces only."""
    text = unicodedata.normalize("NFKC", text).replace("−", "-").replace("**", "^")
    text = re.sub(r"[ _]per[ _]", "/", text.strip(" '\"[]")).replace("_", "").replace("·", " ")
    text = re.sub(r"/\s*\(([^()]*)\)", lambda m: "/" + re.sub(r"[ *]+", "/", m[1].strip()), text)
    return re.sub(r"\s*/\s*", "/", re.sub(r"[()]", "", text))


@cache
def _parse(text: str) -> _Unit | None:
    value, powers = 1.0, np.zeros(3, dtype=int)
    plain = _plain(text)
    if not plain or _FACTOR.sub("", plain):
        return None
    for slash, name, exponent in _FACTOR.findall(plain):
        unit = _UNITS.get(name, _UNITS.get(name.lower()))
        if unit is None:
            return None
        power = int(exponent or 1) * (-1 if slash else 1)
        value *= unit[0] ** power
        powers += power * np.array(unit[1:])
    return value, int(powers[0]), int(powers[1]), int(powers[2])
