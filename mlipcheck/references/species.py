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
    dump = kind == "lammps-dump-text"
    claimed = max(map(int, re.findall(r"NUMBER OF ATOMS\s+(\d+)", text)), default=0)
    if claimed > text.count("\n"):  # ASE would read as many lines
        raise InputError(
            f"{path}: it announces {claimed} atoms and has {text.count(chr(10))} lines for them; "
            "is it complete?"
        )
    units = re.search(r"^ITEM: UNITS\s+(\w+)" if dump else r"\bunits = (\w+)", text, re.M)
    frames = ase.io.read(
        io.StringIO(text), index=":", format=kind, units=units.group(1) if units else "metal"
    )
    if dump:
        note = None if species else _by_column(path, text, frames)
        _mark_short(text, frames)
    else:
        labels = re.search(r"^\s*Atom Type Labels[^\n]*\n\s*\n((?:[^\n]*\S[^\n]*\n)+)", text, re.M)
        names = [row.split()[1] for row in labels.group(1).splitlines()] if labels else []
        species = species or [n for n in names if all(x in atomic_numbers for x in names)]
        note = None if species else _by_section(path, frames)
    for atoms in frames:
        if species:
            _name(path, atoms, species)
        if note:
            _renumber(atoms, np.maximum(atoms.numbers, 1))  # ASE has a mass of 1 for X
            add_note(atoms, note)
    return frames


def _by_column(path: Path, text: str, frames: Sequence[Atoms]) -> str | None:
    """Refuse a dump that does not name its elements; those taken from masses are noted."""
    columns, *rows = text.split("ITEM: ATOMS", 2)[1].split("ITEM:")[0].splitlines()
    remedy = "write it with dump_modify element Na Cl"
    if "element" in columns.split():
        # which is C for every type where no dump_modify names them
        types = {t for a in frames for t in a.arrays.get("type", ())}
        if len(types) > 1 and all(set(a.symbols) == {"C"} for a in frames):
            raise _nameless(path, "its element column says C for every type", remedy)
        return None
    if "mass" not in columns.split():
        raise _nameless(path, "it has types 1, 2, ... and no column element", remedy)
    where = columns.split().index("mass")
    return _by_masses(path, {float(row.split()[where]) for row in rows if row.strip()}, remedy)


def _mark_short(text: str, frames: Sequence[Atoms]) -> None:
    """Mark the frame within which a dump ends; and no frame's ``energy``, which is ASE's zero."""
    for atoms, n in zip(frames, re.findall(r"NUMBER OF ATOMS\s+(\d+)", text), strict=False):
        if atoms.calc is not None:
            atoms.calc.results.pop("energy", None)
        if len(atoms) != int(n):
            atoms.info[FAULT] = f"the file ends within it, after {len(atoms)} of {n} atoms; dump it"


def _by_section(path: Path, frames: Sequence[Atoms]) -> str:
    remedy = "name them in its Atom Type Labels"
    if "masses" not in frames[0].arrays:
        raise _nameless(path, "it has types 1, 2, ... and no masses or type labels", remedy)
    return _by_masses(path, set(frames[0].get_masses().tolist()), remedy)


def _by_masses(path: Path, masses: set[float], remedy: str) -> str:
    """Return which elements masses are; raise where one is none's, or all are 1."""
    nearest = {m: 1 + int(np.argmin(np.abs(atomic_masses[1:] - m))) for m in sorted(masses)}
    strange = [m for m, z in nearest.items() if abs(atomic_masses[z] - m) > MASS_ERROR]
    if strange or all(abs(m - 1) < 1e-3 for m in masses):  # 1 is that of reduced units, too
        mass = (strange or [1.0])[0]
        raise _nameless(path, f"types without names, one of mass {mass:g}", remedy)
    named = ", ".join(f"{m:g} is {chemical_symbols[z]}" for m, z in nearest.items())
    return f"elements taken from masses: {named}"


def _name(path: Path, atoms: Atoms, species: Sequence[str]) -> None:
    types = atoms.arrays.get("type")
    if types is None:
        raise InputError(f"{path}: it has no types to name by --species; leave that out")
    if not 1 <= types.min() <= types.max() <= len(species):
        raise InputError(
            f"{path}: it has types {types.min()} to {types.max()} and --species names "
            f"{len(species)}; name each type"
        )
    _renumber(atoms, np.array([_number(s) for s in species])[types - 1])


def _renumber(atoms: Atoms, numbers: np.ndarray) -> None:
    for one in (atoms, getattr(atoms.calc, "atoms", None)):  # whose forces are of these atoms
        if one is not None:
            one.numbers = numbers


def _number(symbol: str) -> int:
    if atomic_numbers.get(symbol, 0) < 1:
        raise InputError(f"--species has {symbol!r}, which is not an element; give symbols like Na")
    return atomic_numbers[symbol]


def _nameless(path: Path, what: str, remedy: str) -> InputError:
    return InputError(f"{path}: {what}; {remedy}, or give --species Na,Cl")


def read_old_vasp(path: Path, kind: str, species: Sequence[str]) -> list[Atoms] | None:
    """Read a POSCAR or XDATCAR that does not name its elements; None for one that does.

    By the user, by the first line where that is symbols and nothing else, or by a POTCAR or OUTCAR
    beside it.

    Raises
    ------
    InputError
        Where none of them says.
    """
    import ase.io
    from ase.io.vasp import atomtypes_outpot

    with vasp.opened(path) as stream:
        lines = [line.decode(errors="replace") for line in itertools.islice(stream, 6)]
        counts = lines[-1].split("!")[0].split() if len(lines) == 6 else []
        if not (counts and all(word.isdigit() for word in counts)):
            return None
        lines.append(stream.read().decode(errors="replace"))
    by, names = "--species", list(species)
    if not names:
        by = "the first line"
        names = [re.sub(r"\d+$", "", word) for word in lines[0].split()]
    if not species and (len(names) != len(counts) or any(n not in atomic_numbers for n in names)):
        by = "the POTCAR or OUTCAR beside it"
        try:
            names = atomtypes_outpot(str(path), len(counts))
        except Exception as error:
            raise InputError(
                f"{path}: it does not name its elements (VASP 4); write them above the numbers of "
                "atoms, or give --species Na,Cl in their order"
            ) from error
    if len(names) != len(counts):
        raise InputError(
            f"{path}: it has {len(counts)} species and --species names {len(names)}; name each"
        )
    numbers = [_number(name) for name in names]
    symbols = " ".join(chemical_symbols[z] for z in numbers) + "\n"
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
