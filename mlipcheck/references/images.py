"""From one file to structures: every format that ASE reads, opened and parsed once."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from ase import Atoms
from ase.calculators.calculator import InputError

from . import vasp
from .label_keys import parse_header
from .sites import is_ase_database, read_cif, read_json
from .species import HEAD, lammps_kind, read_lammps, read_text, read_vasp_structures, refuse_claim
from .structure_faults import find_fault, mark_dropped_cells
from .vasp_settings import Settings

READABLE = (
    "extended XYZ, CIF, POSCAR, vasprun.xml, OUTCAR, .traj or .db of ASE, LAMMPS dumps and data, "
    "JSON of pymatgen, or whatever else ASE reads"
)
LARGE = 16 * 2**20  # bytes of a file, whose frames take about ten times as much of memory
PIECE = 500  # frames that are parsed together
STREAMED = ("extxyz", "xyz", "traj", "db")
HEADER: dict[str, Any] = {"extxyz": {"properties_parser": parse_header}}


@dataclass(frozen=True)
class ReadOptions:
    """What a user says about their files, where these do not say it themselves.

    Attributes
    ----------
    label_keys : mapping of str to str
        Names in ``info`` or ``arrays`` of energy, forces, stress, virial, beside those known.
    species : tuple of str
        The elements of types 1, 2, ..., where a file has types only.
    """

    label_keys: Mapping[str, str] = field(default_factory=dict)
    species: tuple[str, ...] = ()


def read_images(path: Path, options: ReadOptions | None = None) -> tuple[list[Atoms], Settings]:
    """Read every structure of one file, and what a VASP run says of itself.

    Raises
    ------
    InputError
        If it is missing, empty, truncated, or nothing that ASE reads; if it does not name its
        elements, or none of its frames is a structure.
    """
    if path.is_dir():
        raise InputError(f"{path}: a folder; give a file")
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    if path.stat().st_size == 0:
        raise InputError(f"{path}: empty file")
    kind = vasp.file_kind(path)
    try:
        kind = kind or _kind(path)
        frames, settings = _read(path, kind, options.species if options else ())
    except Exception as error:
        raise _explained(path, kind, error) from error
    if not frames or any(len(a) == 0 for a in frames):
        raise InputError(f"{path}: no atoms in it; give a structure")
    mark_dropped_cells(frames)
    # of several frames, one that is no structure is left out by whoever uses them
    if all(map(find_fault, frames)):
        raise InputError(f"{path}: {find_fault(frames[0])}")
    return frames, settings


def is_large(path: Path) -> bool:
    """Tell whether a file has more frames than are held in memory, in a format read in pieces."""
    large = path.is_file() and path.stat().st_size > LARGE and vasp.file_kind(path) is None
    with contextlib.suppress(Exception):  # which reading it says in words
        return large and _kind(path) in STREAMED
    return False


def iterate_images(path: Path) -> Iterator[Atoms]:
    """Yield the structures of a large file, of which a piece is in memory at a time."""
    kind, done = _kind(path), 0
    try:
        frames = _stream(path, kind)
        while piece := list(islice(frames, PIECE)):
            mark_dropped_cells(piece)
            if any(len(atoms) == 0 for atoms in piece):
                raise InputError(f"{path}: no atoms in it; give a structure")
            yield from piece
            done += len(piece)
    except Exception as error:
        where = f" after {done} frames" if done else ""
        raise _explained(path, kind, error, where) from error


def _stream(path: Path, kind: str) -> Iterator[Atoms]:
    """Yield the structures of one of `STREAMED`, or of a database in JSON."""
    if kind == "traj":
        from ase.io.trajectory import Trajectory

        with Trajectory(_local(path)) as frames:
            yield from frames
    elif kind in ("db", "json"):
        from ase.db import connect

        with connect(_local(path)) as rows:
            for row in rows.select():
                atoms = row.toatoms()
                atoms.info = {**row.data, **row.key_value_pairs}  # left out by ASE's own reader
                yield atoms
    else:
        for text in _pieces(path):
            yield from read_text(text, kind, **HEADER.get(kind, {}))


def _pieces(path: Path) -> Iterator[str]:
    """Yield the text of some frames of an XYZ file at a time."""
    with vasp.opened(path) as stream:
        lines: list[bytes] = []
        frames = 0
        for line in stream:
            claimed = int(line) if line.strip().isdigit() else None
            if frames == PIECE and claimed is not None:
                yield b"".join(lines).decode()
                lines, frames = [], 0
            lines.append(line)
            if claimed is not None:
                lines += (own := list(islice(stream, min(claimed, sys.maxsize - 1) + 1)))
                refuse_claim(path, claimed, own[1:])
                frames += 1
        yield b"".join(lines).decode()


def _explained(path: Path, kind: str | None, error: Exception, where: str = "") -> InputError:
    """Return an error as one that says in words what is wrong with a file."""
    if isinstance(error, InputError):
        return error
    return InputError(f"{path}: {_reason(path, kind, error)}{where}")


def _kind(path: Path) -> str:
    """Return the format by what a file begins with, else as ASE finds it."""
    from ase.io.formats import filetype

    with vasp.opened(path) as stream:
        head = stream.read(HEAD)
    if kind := lammps_kind(head):
        return kind
    if head.lstrip()[:1] in (b"{", b"["):
        return "json" if is_ase_database(path) else "pymatgen JSON"
    if b"_atom_site" in head and re.search(rb"(?m)^data_", head):
        return "cif"
    return filetype(_local(path))


def _read(path: Path, kind: str, species: Sequence[str]) -> tuple[list[Atoms], Settings]:
    import ase.io

    if kind in ("vasp-xml", "vasp-out"):
        return vasp.read_vasp(path, kind)
    if kind == "pymatgen JSON":
        frames = read_json(path)
    elif kind == "cif":
        frames = read_cif(path)
    elif kind in ("lammps-dump-text", "lammps-data"):
        frames = read_lammps(path, _text(path), kind, species)
    elif kind in ("vasp", "vasp-xdatcar"):
        frames = read_vasp_structures(path, _text(path), kind, species)
    elif kind in (*STREAMED, "json"):
        frames = list(_stream(path, kind))
    else:
        frames = ase.io.read(_local(path), index=":", format=kind, do_not_split_by_at_sign=True)
    return frames, Settings()


def _text(path: Path) -> str:
    with vasp.opened(path) as stream:
        return stream.read().decode(errors="replace")


def _local(path: Path) -> str:
    """Return a name that ASE takes for no "-", which is stdin, and no "postgres..."."""
    return os.path.join(os.curdir, path)


def _reason(path: Path, kind: str | None, error: Exception) -> str:
    """Say in words why a file cannot be read, and what would help."""
    from ase.io.formats import UnknownFileTypeError

    if isinstance(error, UnknownFileTypeError):
        return f"no file type that can be read; give {READABLE}"
    text = " ".join(str(error).split()).rstrip(".")
    if isinstance(error, KeyError):
        key = error.args[0]
        element = isinstance(key, str) and re.fullmatch(r"[A-Za-z]{1,3}[\d+-]*", key)
        text = f"{key!r} is not an element" if element else f"{key!r} is missing in it"
    elif isinstance(error, UnicodeDecodeError):
        text = "it is not a text file"
    elif not text or isinstance(error, (IndexError, StopIteration, EOFError)):
        text = "it ends early, or has fewer columns than this format"
    with contextlib.suppress(Exception), vasp.opened(path) as stream:
        for k, line in enumerate(stream, 1):
            # others are ornament; without stars the search takes the square of a line's length
            if b"***" in line and re.search(rb"\d\.\d.*\*\*\*|\*\*\*.*\d\.\d", line):
                return (
                    f"line {k} has *** where a number did not fit its column ({text}); "
                    "leave that frame out, or give another file of the run"
                )
    return f"not readable as {kind}: {text}; correct it, or give it in another format"
