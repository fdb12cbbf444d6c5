"""Files of sites and their occupancies: CIF, and JSON of pymatgen as MPtrj and MatPES ship it.

Both are read as data, and what is an average or lacks atoms is no structure. Units of stresses in
JSON, all with VASP's sign: kB in MPtrj (CHGNet's own trainer multiplies by -0.1 to GPa,
https://github.com/CederGroupHub/chgnet/issues/228), in MatPES (Voigt order, by the data set's page
at https://matpes.ai) and in the ``outputs`` of the maml data sets (xx yy zz xy yz zx). Others do
not write their unit and are not read.
"""

from __future__ import annotations

import io
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import InputError
from ase.calculators.singlepoint import SinglePointCalculator
from ase.data import atomic_numbers
from ase.io.vasp import set_constraints
from ase.stress import full_3x3_to_voigt_6_stress

from . import vasp
from .structure_faults import DEUTERIUM, FAULT, OCCUPIED, add_note, say_disorder

DIGITS = 3  # of coordinates that tell two sites apart
ROUNDED = 0.02  # of a number in a formula like Al0.67 O
KB = -0.1 * units.GPa  # VASP's sign to ASE's
VASP_ORDER = [0, 1, 2, 4, 5, 3]  # xx yy zz xy yz zx to xx yy zz yz xz xy
# What stands beside a stress in kB: in MPtrj, in MatPES.
IN_KB = {"force", "uncorrected_total_energy", "matpes_id"}
# Names of energies in eV, the first that is there is the label.
ENERGIES = ("uncorrected_total_energy", "uncorrected_energy", "energy", "e_0_energy")
KEPT = ("functional", "matpes_id", "entry_id", "material_id", "mp_id")


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


def is_ase_database(path: Path) -> bool:
    """Tell an ASE database in JSON by how it ends; a compressed one ASE cannot read."""
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - 100))
        return re.search(rb'"nextid":\s*\d+\s*}\s*$', stream.read()) is not None


def read_json(path: Path) -> list[Atoms]:
    """Read every structure of pymatgen that a JSON file (or one of a record a line) has."""
    with vasp.opened(path) as stream:
        text = stream.read().decode("utf-8")
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        try:
            found = [json.loads(line) for line in text.splitlines() if line.strip()]
        except json.JSONDecodeError:
            raise InputError(f"{path}: not readable as JSON: {error}; write it again") from error
    images = list(_walk(found, ""))
    if not images:
        raise InputError(
            f"{path}: JSON without structures; give pymatgen's Structure.as_dict(), entries with "
            "a 'structure', or an ASE database that is not compressed"
        )
    return images


def _walk(found: Any, name: str) -> Iterator[Atoms]:
    if isinstance(found, list):
        for one in found:
            yield from _walk(one, name)
    elif not isinstance(found, Mapping):
        return
    elif "coords" in found and "species" in found:
        raise ValueError("it has a Trajectory; write its structures one by one")
    elif "sites" in found:
        yield read_structure(found)
    elif isinstance(held := found.get("structure", found.get("molecule")), Mapping):
        yield _record(found, read_structure(held), name)
    else:
        for key, one in found.items():
            yield from _walk(one, key)


def read_structure(found: Mapping[str, Any]) -> Atoms:
    """Return the atoms of a ``Structure`` or ``Molecule`` from pymatgen's dictionary of it.

    Sites that hold more or less than one atom are its fault, which its info has.
    """
    sites, lattice = found["sites"], found.get("lattice") or {}
    cell = np.array(lattice["matrix"], float) if lattice else None
    places = [s["xyz"] if cell is None or "abc" not in s else s["abc"] @ cell for s in sites]
    shares = [_shares(s["species"]) for s in sites]
    symbols = [max(share, key=lambda s: share[s], default="X") for share in shares]
    numbers = [1 if s == "D" else atomic_numbers[s] for s in symbols]
    pbc = lattice.get("pbc", bool(lattice))
    atoms = Atoms(numbers, np.array(places, float).reshape(-1, 3), cell=cell, pbc=pbc)
    if found.get("charge"):
        atoms.info["charge"] = float(found["charge"])
    if "D" in symbols:
        add_note(atoms, DEUTERIUM)
    mixed = [s for s in shares if len(s) > 1 or any(abs(x - 1) > OCCUPIED for x in s.values())]
    if mixed:
        atoms.info[FAULT] = say_disorder(["/".join(share) for share in mixed])
    moves = [(s.get("properties") or {}).get("selective_dynamics") for s in sites]
    if moves and all(m is not None for m in moves):
        set_constraints(atoms, ~np.array(moves, bool))
    return atoms


def _shares(species: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return the occupancy of each element of a site."""
    shares: dict[str, float] = defaultdict(float)
    for one in species:
        found = re.match("[A-Z][a-z]?", one["element"])  # Fe of Fe2+, X of a dummy
        shares[found.group() if found else one["element"]] += float(one.get("occu", 1))
    return shares


def _record(found: Mapping[str, Any], atoms: Atoms, name: str) -> Atoms:
    """Return a structure with the labels that stand beside it."""
    inner = [found.get(key) for key in ("outputs", "data")]
    labels = {k: v for one in (*inner, found) if isinstance(one, Mapping) for k, v in one.items()}
    energy, notes = _energy(labels, len(atoms))
    results = {"energy": energy, "forces": labels.get("forces", labels.get("force"))}
    if labels.get("stress") is not None:
        stress = np.array(labels["stress"], float)
        if stress.shape == (3, 3):
            stress = full_3x3_to_voigt_6_stress(stress)
        elif "outputs" in found:
            stress = stress[VASP_ORDER]
        if "outputs" in found or IN_KB & labels.keys():
            results["stress"] = KB * stress
        else:
            notes.append("stress left out: its unit is not written")
    known = {key: np.array(x, float) for key, x in results.items() if x is not None}
    if known:
        atoms.calc = SinglePointCalculator(atoms, **known)
    for note in notes:
        add_note(atoms, note)
    atoms.info.update({key: labels[key] for key in KEPT if isinstance(labels.get(key), str)})
    if re.fullmatch(r".+-\d+-\d+", name):  # MPtrj names frames by task, calculation and step
        atoms.info["mptrj_snapshot_id"] = name
    return atoms


def _energy(labels: Mapping[str, Any], n_atoms: int) -> tuple[float | None, list[str]]:
    """Return the energy as it was computed; a corrected one is never taken for it."""
    corrected = [k for k in labels if k.startswith("corrected_") and labels[k] is not None]
    corrected += ["correction"] * bool(labels.get("correction"))
    name = next((key for key in ENERGIES if labels.get(key) is not None), None)
    beside = f"{', '.join(corrected)} not read"
    if name is not None:
        return float(labels[name]), [f"energy from {name}; {beside}"] if corrected else []
    if corrected:
        return None, [f"only a corrected energy: {beside}; give the energy without corrections"]
    if labels.get("energy_per_atom") is None:
        return None, []
    note = "energy from energy_per_atom; whether it is corrected is not written"
    return float(labels["energy_per_atom"]) * n_atoms, [note]
