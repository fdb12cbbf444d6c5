"""Files that number their species: types of LAMMPS, POSCAR and XDATCAR of VASP 4."""

from __future__ import annotations

import io
import itertools
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.calculators.calculator import InputError
from ase.data import atomic_masses, atomic_numbers, chemical_symbols

from . import vasp
from .structure_faults import FAULT, add_note

ISOTOPES = ("D", "T")
MASS_ERROR = 0.1  # u, between an element's mass and one in a file; Co and Ni are 0.24 apart
HEAD = 4096  # bytes that show what a file is
DATA = rb"(?m)^\s*\d+\s+atoms\b[^\n]*$.*^[^\n]*\bxlo\s+xhi\b"


def lammps_kind(head: bytes) -> str | None:
    """Return ASE's name of a LAMMPS format by what a file begins with."""
    if b"ITEM: TIMESTEP" in head.split(b"ITEM: ATOMS")[0]:
        return "lammps-dump-text"
    return "lammps-data" if re.search(DATA, head, re.S) else None


def read_lammps(path: Path, kind: str, species: Sequence[str]) -> list[Atoms]:
    """Read a dump or data file whose types are elements by what it says, or the user does.

    Raises
    ------
    InputError
        Where neither says.
    """
    import ase.io

    with vasp.opened(path) as stream:
        text = stream.read().decode("utf-8", errors="replace")
    dump, lines = kind == "lammps-dump-text", text.count("\n")
    claimed = max(map(int, re.findall(r"NUMBER OF ATOMS\s+(\d+)", text)), default=0)
    if claimed > lines:  # as many ASE would read
        raise InputError(f"{path}: it announces {claimed} atoms and has {lines} lines; complete it")
    units = re.search(r"^ITEM: UNITS\s+(\w+)" if dump else r"\bunits = (\w+)", text, re.M)
    style = units[1] if units else "metal"
    frames = ase.io.read(io.StringIO(text), index=":", format=kind, units=style)
    note = None
    if dump:
        _check_dump(path, text, frames, bool(species))
    else:
        labels = re.search(r"^\s*Atom Type Labels.*\n\s*\n((?:.*\S.*\n)+)", text, re.M)
        names = [row.split()[1] for row in labels[1].splitlines()] if labels else []
        species = species or [n for n in names if all(x in atomic_numbers for x in names)]
        note = None if species else _by_masses(path, frames[0])
    for atoms in frames:
        if species:
            _name(path, atoms, species)
        if note:
            atoms.numbers = np.maximum(atoms.numbers, 1)  # ASE has a mass of 1 for X
            add_note(atoms, note)
    return frames


def _check_dump(path: Path, text: str, frames: Sequence[Atoms], named: bool) -> None:
    """Refuse a dump that does not name its elements; mark the frame within which it ends."""
    columns = text.split("ITEM: ATOMS", 1)[1].split("\n", 1)[0].split()
    types = {t for a in frames for t in a.arrays.get("type", ())}
    remedy = "write it with dump_modify element Na Cl"
    if not named and "element" not in columns:
        raise _nameless(path, "it has types 1, 2, ... and no column element", remedy)
    # which is C for every type where no dump_modify names them
    if not named and len(types) > 1 and all(set(a.symbols) == {"C"} for a in frames):
        raise _nameless(path, "its element column says C for every type", remedy)
    for atoms, n in zip(frames, re.findall(r"NUMBER OF ATOMS\s+(\d+)", text), strict=False):
        if atoms.calc is not None:
            atoms.calc.results.pop("energy", None)  # ASE's zero, no dump has one
        if len(atoms) != int(n):
            atoms.info[FAULT] = f"the file ends within it, after {len(atoms)} of {n} atoms; dump it"


def _by_masses(path: Path, atoms: Atoms) -> str:
    """Return which elements masses are; raise where one is none's, or all are 1."""
    remedy = "name them in its Atom Type Labels"
    if "masses" not in atoms.arrays:
        raise _nameless(path, "it has types 1, 2, ... and no masses or type labels", remedy)
    masses = np.unique(atoms.get_masses())
    nearest = 1 + np.abs(atomic_masses[1:] - masses[:, None]).argmin(axis=1)
    strange = masses[np.abs(atomic_masses[nearest] - masses) > MASS_ERROR]
    if len(strange) or np.allclose(masses, 1):  # as in reduced units
        mass = [*strange, 1.0][0]
        raise _nameless(path, f"types without names, one of mass {mass:g}", remedy)
    named = (f"{m:g} is {chemical_symbols[z]}" for m, z in zip(masses, nearest, strict=True))
    return f"elements taken from masses: {', '.join(named)}"


def _name(path: Path, atoms: Atoms, species: Sequence[str]) -> None:
    types = atoms.arrays.get("type")
    if types is None:
        raise InputError(f"{path}: it has no types to name by --species; leave that out")
    if not 1 <= types.min() <= types.max() <= len(species):
        raise InputError(
            f"{path}: it has types {types.min()} to {types.max()} and --species names "
            f"{len(species)}; name each type"
        )
    atoms.numbers = np.array([_number(s) for s in species])[types - 1]
    if atoms.calc is not None:  # its forces are of these atoms
        atoms.calc.atoms.numbers = atoms.numbers


def _number(symbol: str) -> int:
    if atomic_numbers.get(symbol, 0) < 1:
        raise InputError(f"--species has {symbol!r}, which is not an element; give symbols like Na")
    return atomic_numbers[symbol]


def _nameless(path: Path, what: str, remedy: str) -> InputError:
    return InputError(f"{path}: {what}; {remedy}, or give --species Na,Cl")


def read_old_vasp(path: Path, kind: str, species: Sequence[str]) -> list[Atoms] | None:
    """Read a POSCAR or XDATCAR that does not name its elements; None for one that does.

    The user does, or the first line where that is their symbols and nothing else.

    Raises
    ------
    InputError
        Where neither does.
    """
    import ase.io

    with vasp.opened(path) as stream:
        lines = [line.decode(errors="replace") for line in itertools.islice(stream, 6)]
        counts = lines[-1].split("!")[0].split() if len(lines) == 6 else []
        if not (counts and all(word.isdigit() for word in counts)):
            return None
        lines.append(stream.read().decode(errors="replace"))
    by, names = "--species", list(species)
    if not names:
        by, names = "the first line", [re.sub(r"\d+$", "", word) for word in lines[0].split()]
        if len(names) != len(counts) or any(n not in atomic_numbers for n in names):
            raise InputError(
                f"{path}: it does not name its elements (VASP 4); write them above the numbers of "
                "atoms, or give --species Na,Cl in their order"
            )
    if len(names) != len(counts):
        raise InputError(
            f"{path}: it has {len(counts)} species and --species names {len(names)}; name each"
        )
    symbols = " ".join(chemical_symbols[_number(name)] for name in names) + "\n"
    if kind == "vasp":
        text = "".join([*lines[:5], symbols, *lines[5:]])
    else:  # each change of the cell repeats the head
        text = re.sub(
            r"(?m)^([ \t\d]+\n)(?=\s*Direct configuration)", symbols + r"\1", "".join(lines)
        )
    frames = ase.io.read(io.StringIO(text), index=":", format=kind)
    for atoms in frames:
        add_note(atoms, f"elements named by {by}: {symbols.strip()}")
    return frames


@contextmanager
def isotopes_as_hydrogen() -> Iterator[None]:
    """Let ASE take D and T for H, which it does not know."""
    try:
        atomic_numbers.update(dict.fromkeys(ISOTOPES, 1))
        yield
    finally:
        for symbol in ISOTOPES:
            atomic_numbers.pop(symbol, None)
