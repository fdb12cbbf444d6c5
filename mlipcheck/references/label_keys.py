"""What labels are called in people's files, and what looks like one under another name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from ase import Atoms

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


def numeric_keys(atoms: Atoms) -> list[str]:
    """Name what a structure carries as numbers beside its atoms."""
    carried = carried_by(atoms) | getattr(atoms.calc, "results", {})
    found = {key for key, value in carried.items() if numbers(value) is not None}
    return sorted(found - {"numbers", "positions"})
