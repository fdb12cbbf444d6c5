"""What labels are called in people's files, what looks like one, and in which units they are."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import InputError

LABELS = ("energy", "forces", "stress", "virial")
# Before a label's name, in any case: what says that it is the reference. The first is preferred.
PREFIXES = ("REF_", "dft_")
_WORDS = {label: label for label in (*LABELS, "free_energy")}
_WORDS |= {"energies": "energy", "force": "forces", "stresses": "stress", "virials": "virial"}
PER_ATOM = re.compile(r"per_?atom", re.I)
# What looks like each label under a name that is not read, and what is certainly none of them.
_LIKE = {
    "energy": re.compile(r"energ|toten|etot|(^|_)(e|u|pe)(_|$)", re.I),
    "forces": re.compile(r"forc|(^|_)f(_|$)", re.I),
    "stress": re.compile(r"stress", re.I),
    "virial": re.compile(r"viri|(^|_)w(_|$)", re.I),
}
_OTHER = re.compile(
    r"kinetic|fermi|hull|formation|atomi[sz]ation|cohesive|binding|std|err|var|uncert", re.I
)
_SIZES = {"energy": (1,), "stress": (6, 9), "virial": (6, 9)}  # numbers in each
# For each label where it stands, and what stands there.
Source = dict[str, tuple[str, Any]]
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


def parse_header(line: str) -> dict[str, Any]:
    """Read an extended XYZ header as ASE does, which refuses six components of a stress."""
    from ase.io.extxyz import key_val_str_to_dict

    def full(found: re.Match[str]) -> str:
        numbers = found[3].split()
        if len(numbers) != 6:
            return found[0]
        return f"{found[1]}={found[2]}{' '.join(numbers[k] for k in (0, 5, 4, 5, 1, 3, 4, 3, 2))}"

    return dict(key_val_str_to_dict(re.sub(r"\b(stress|virial)=([\"'{[])([^\"'}\]]*)", full, line)))


def carried_by(atoms: Atoms) -> dict[str, Any]:
    """Return what stands in info and arrays; of a database's rows, what their users stored."""
    rows = (atoms.info.get(name) for name in ("key_value_pairs", "data"))
    stored = {k: v for row in rows if isinstance(row, Mapping) for k, v in row.items()}
    carried = {**stored, **atoms.info, **atoms.arrays}
    return {key: value for key, value in carried.items() if isinstance(key, str)}


def numbers(value: Any) -> np.ndarray | None:
    """Return an array of numbers; None for text, truth, and lists of unequal length."""
    try:
        array = np.asarray(value)
    except ValueError:
        return None
    # true is no energy of 1 eV, and text is none although numpy reads some
    return array if array.dtype.kind in "fiu" else None


def label_of(key: str) -> tuple[str, str] | None:
    """Return the prefix of a key, as it is written, and the label that it names."""
    words = key.lower().replace("-", "_")
    start = next((len(p) for p in PREFIXES if words.startswith(p.lower())), 0)
    label = _WORDS.get(words[start:])
    return None if label is None else (key[:start], label)


def sources_in(atoms: Atoms, results: Source) -> list[Source]:
    """Return what stands under each of `PREFIXES`, the calculator's results, and what is bare."""
    found: list[tuple[str, Source]] = [("results", results)]
    for key, value in carried_by(atoms).items():
        if value is None or (named := label_of(key)) is None:
            continue
        prefix, label = named
        # what is stored for each atom, or for each under a plural, is no total
        plural = key.lower().endswith(("energies", "stresses"))
        if label != "forces" and (key in atoms.arrays or (plural and not _fits(label, value))):
            continue
        # two spellings of one name are two places
        places = (one for p, one in found if p == prefix and label not in one)
        if (place := next(places, None)) is None:
            found.append((prefix, place := {}))
        place[label] = key, value
    order = [*(prefix.lower() for prefix in PREFIXES), "results", ""]
    found.sort(key=lambda item: order.index(item[0].lower().replace("-", "_")))
    return [one for _, one in found]


def _fits(label: str, value: Any, n_atoms: int = 0) -> bool:
    """Tell whether a value has the numbers of a label."""
    if (array := numbers(value)) is None:
        return False
    return array.shape == (n_atoms, 3) if label == "forces" else array.size in _SIZES[label]


def advice(images: Iterable[Atoms], missing: Sequence[str]) -> str:
    """Name what looks like the labels that are missing, with the option that reads it."""
    alike: dict[str, set[str]] = {}  # to what each key looks like
    found: dict[str, set[str]] = {}
    for atoms in images:
        for key, value in carried_by(atoms).items():
            if key not in alike:
                none = label_of(key) is not None or _OTHER.search(key)
                alike[key] = {n for n in missing if not none and _LIKE[n].search(key)}
            for label in alike[key]:
                if _fits(label, value, len(atoms)):
                    found.setdefault(label, set()).add(key)
    if "stress" in found:
        found.pop("virial", None)
    if not found:
        return ""
    found = {label: found[label] for label in missing if label in found}
    best = {k: min(v, key=lambda n: ("total" not in n, len(n), n)) for k, v in found.items()}
    listed = ", ".join(sorted({key for keys in found.values() for key in keys}))
    option = ",".join(f"{label}={key}" for label, key in best.items())
    return f"{listed} not read; if these are the labels: --label-keys {option}"


def numeric_keys(carried: Mapping[str, Any]) -> list[str]:
    """Name what a structure carries as numbers beside its atoms."""
    found = {key for key, value in carried.items() if numbers(value) is not None}
    return sorted(found - {"numbers", "positions"})


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
