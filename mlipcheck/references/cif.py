"""CIF files: what is a structure in them, and what an average or an incomplete one."""

from __future__ import annotations

import io
import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from itertools import compress
from pathlib import Path
from typing import Any

from ase import Atoms

from . import vasp
from .structure_faults import DEUTERIUM, FAULT, OCCUPIED, add_note, say_disorder

DIGITS = 3  # of coordinates that tell two sites apart
ROUNDED = 0.02  # of a number in a formula like Al0.67 O


def read_cif(path: Path) -> list[Atoms]:
    """Read the structures of a CIF; an average, or one that lacks atoms, has its fault in info."""
    from ase.io.cif import parse_cif

    with vasp.opened(path) as stream:
        data = io.BytesIO(stream.read())
    images = []
    for block in parse_cif(data):
        if not block.has_structure():
            continue
        if fault := _find_disorder(block):
            atoms = Atoms(block.get_symbols())
        else:
            atoms = block.get_atoms(fractional_occupancies=False)
            fault = _find_missing(str(block.get("_chemical_formula_sum", "")), atoms)
        atoms.info = {FAULT: fault} if fault else {}
        if unknown := sum(str(x) in "?." for x in block.get("_atom_site_occupancy") or ()):
            add_note(atoms, f"occupancies of {unknown} sites are not given and taken as 1")
        if "D" in _symbols(block):
            add_note(atoms, DEUTERIUM)
            atoms.set_masses("defaults")
        images.append(atoms)
    return images


def _symbols(block: Mapping[str, Any]) -> list[str]:
    """Return the element of each listed site, as it is written: D stays D."""
    labels = block.get("_atom_site_type_symbol") or block.get("_atom_site_label") or ()
    return [m[0] if (m := re.search("[A-Z][a-z]?", str(x))) else "" for x in labels]


def _find_disorder(block: Mapping[str, Any]) -> str | None:
    """Name the sites that are nowhere, whose occupancy is not 1, or that two species share."""
    symbols = _symbols(block)
    kind, period = ("fract", 1.0) if "_atom_site_fract_x" in block else ("cartn", 1e6)
    places = list(zip(*(block[f"_atom_site_{kind}_{axis}"] for axis in "xyz"), strict=True))
    unknown = [any(isinstance(x, str) for x in place) for place in places]
    if nowhere := list(compress(symbols, unknown)):
        return f"{len(nowhere)} {nowhere[0]} without coordinates; complete them, or leave them out"
    sites = defaultdict(list)
    for k, place in enumerate(places):
        sites[tuple(round(x % period, DIGITS) % period for x in place)].append(k)
    given = block.get("_atom_site_occupancy") or ()
    off = {k for k, x in enumerate(given) if not isinstance(x, str) and abs(x - 1) > OCCUPIED}
    names = [
        "/".join(symbols[k] for k in site)
        for site in sites.values()
        if off & {*site} or len({symbols[k] for k in site}) > 1
    ]
    return say_disorder(names, "partial occupancies" if off else "two species") if names else None


def _find_missing(formula: str, atoms: Atoms) -> str | None:
    """Compare the atoms with ``_chemical_formula_sum``; whatever the number of formula units."""
    parts = re.findall(r"([A-Z][a-z]?)(\d*\.?\d*)", formula)
    if not parts or "".join(map("".join, parts)) != "".join(formula.split()):
        return None  # unknown, or with brackets
    wanted: dict[str, float] = defaultdict(float)
    for symbol, count in parts:
        wanted["H" if symbol == "D" else symbol] += float(count or 1)
    found = Counter(atoms.symbols)
    units = max(found[symbol] / n for symbol, n in wanted.items() if n)
    rounded = 0.0 if all(n.is_integer() for n in wanted.values()) else ROUNDED * units
    off = (abs(units * wanted[s] - found[s]) - rounded * wanted[s] for s in {**wanted, **found})
    if max(off) <= 0.4:
        return None
    missing = ", ".join(symbol for symbol in wanted if symbol not in found)
    return (
        f"its atoms ({atoms.get_chemical_formula()}) are not those of its _chemical_formula_sum "
        f"({' '.join(formula.split())}){f', without {missing}' * bool(missing)}; "
        "complete the atoms, or correct the formula"
    )
