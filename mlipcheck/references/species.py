"""Files that number their species: types of LAMMPS, POSCAR and XDATCAR of VASP 4."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import InputError
from ase.data import atomic_numbers, chemical_symbols

from .structure_faults import DEUTERIUM, FAULT, add_note

HEAD = 4096  # bytes that show what a file is
DATA = rb"(?m)^\s*\d+\s+atoms\b[^\n]*$.*^[^\n]*\bxlo\s+xhi\b"


def lammps_kind(head: bytes) -> str | None:
    """Return ASE's name of a LAMMPS format by what a file begins with."""
    if b"ITEM: TIMESTEP" in head.split(b"ITEM: ATOMS")[0]:
        return "lammps-dump-text"
    return "lammps-data" if re.search(DATA, head, re.S) else None


def refuse_claim(path: Path, claimed: int, lines: Sequence[str | bytes]) -> None:
    """Refuse what announces more atoms than it has lines: ASE would make room for all of them."""
    if claimed > len(lines):
        raise InputError(
            f"{path}: it announces {claimed} atoms and has {len(lines)} lines; complete it"
        )


def read_text(text: str, kind: str, **options: Any) -> list[Atoms]:
    """Read structures through ASE; D, which it does not know, is H with a note."""
    import ase.io

    def read() -> list[Atoms]:
        return ase.io.read(io.StringIO(text, newline=None), index=":", format=kind, **options)

    try:
        return read()
    except KeyError as error:
        if "D" not in error.args:
            raise
    try:
        atomic_numbers["D"] = 1
        frames = read()
    finally:
        del atomic_numbers["D"]
    for atoms in frames:
        add_note(atoms, DEUTERIUM)
    return frames


def read_lammps(path: Path, text: str, kind: str, species: Sequence[str]) -> list[Atoms]:
    """Read a dump or data file; refuse one whose types neither it nor the user names."""
    dump = kind == "lammps-dump-text"
    claimed = [int(n) for n in re.findall(r"NUMBER OF ATOMS\s+(\d+)", text)]
    refuse_claim(path, max(claimed, default=0), text.split("\n"))
    units = re.search(r"^ITEM: UNITS\s+(\w+)" if dump else r"\bunits = (\w+)", text, re.M)
    style = units[1] if units else "metal"
    frames = read_text(text, kind, units=style)
    if dump:
        _check_dump(path, text, frames, claimed, named=bool(species))
    elif not species:
        raise InputError(f"{path}: it has types 1, 2, ... without names; give --species Na,Cl")
    for atoms in frames if species else ():
        _name(path, atoms, species)
    return frames


def _check_dump(
    path: Path, text: str, frames: Sequence[Atoms], claimed: Sequence[int], named: bool
) -> None:
    """Refuse a dump that does not name its elements; mark the frame within which it ends."""
    columns = text.split("ITEM: ATOMS", 1)[1].split("\n", 1)[0].split()
    types = {t for a in frames for t in a.arrays.get("type", ())}
    # which is C for every type where no dump_modify names them
    unnamed = len(types) > 1 and all(set(a.symbols) == {"C"} for a in frames)
    if not named and ("element" not in columns or unnamed):
        raise InputError(
            f"{path}: it has types 1, 2, ... and no column element{' but C' * unnamed}; write it "
            "with dump_modify element Na Cl, or give --species Na,Cl"
        )
    for atoms, n in zip(frames, claimed, strict=False):
        if atoms.calc is not None:
            atoms.calc.results.pop("energy", None)  # ASE's zero, no dump has one
        if len(atoms) != n:
            atoms.info[FAULT] = f"the file ends within it, after {len(atoms)} of {n} atoms; dump it"


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


def read_vasp_structures(path: Path, text: str, kind: str, species: Sequence[str]) -> list[Atoms]:
    """Read a POSCAR or XDATCAR; one of VASP 4 has no elements in it.

    The user names them, or the first line where that is their symbols and nothing else; else it is
    refused.
    """
    lines = text.splitlines(keepends=True)
    # on the sixth line, or below the elements if VASP names them
    old, new = ([*takewhile(str.isdigit, row.split())] for row in (*lines[5:7], "", "")[:2])
    counts = old or new
    refuse_claim(path, sum(map(int, counts)), lines)
    if not old:
        return read_text(text, kind)
    by, names = "--species", list(species)
    if not names:
        by, names = "the first line", [re.sub(r"\d+$", "", word) for word in lines[0].split()]
    unknown = not species and any(atomic_numbers.get(name, 0) < 1 for name in names)
    if unknown or len(names) != len(counts):
        raise InputError(
            f"{path}: it has {len(counts)} species and --species names {len(names)}; name each"
            if species
            else f"{path}: it does not name its elements (VASP 4); write them above the numbers of "
            "atoms, or give --species Na,Cl in their order"
        )
    symbols = " ".join(chemical_symbols[_number(name)] for name in names)
    if kind == "vasp":
        text = "".join([*lines[:5], symbols, "\n", *lines[5:]])
    else:  # each change of the cell repeats the head
        counted = r"(?m)^([ \t\d]+\n)(?=\s*Direct configuration)"
        text = re.sub(counted, rf"{symbols}\n\1", text)
    frames = read_text(text, kind)
    for atoms in frames:
        add_note(atoms, f"elements named by {by}: {symbols}")
    return frames
