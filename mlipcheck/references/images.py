"""From one file to structures: every format that ASE reads, opened and parsed once."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ase import Atoms
from ase.calculators.calculator import InputError

from . import vasp
from .cif import read_cif
from .label_keys import parse_header
from .pymatgen_json import is_ase_database, read_json
from .species import HEAD, ISOTOPES, isotopes_as_hydrogen, lammps_kind, read_lammps, read_old_vasp
from .structure_faults import add_note, find_fault, mark_dropped_cells
from .vasp_settings import Settings

READABLE = (
    "extended XYZ, CIF, POSCAR, vasprun.xml, OUTCAR, .traj or .db of ASE, LAMMPS dumps and data, "
    "JSON of pymatgen, or whatever else ASE reads"
)


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
    species = options.species if options else ()
    try:
        kind = kind or _kind(path)
        _check_counts(path, kind)
        frames, settings = _read_isotopes(path, kind, species)
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{path}: {_reason(path, kind, error)}") from error
    if not frames or any(len(a) == 0 for a in frames):
        raise InputError(f"{path}: no atoms in it; give a structure")
    mark_dropped_cells(frames)
    # of several frames, one that is no structure is left out by whoever uses them
    if all(map(find_fault, frames)):
        raise InputError(f"{path}: {find_fault(frames[0])}")
    return frames, settings


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


def _read_isotopes(path: Path, kind: str, species: Sequence[str]) -> tuple[list[Atoms], Settings]:
    """Read D and T, which ASE does not know, as H, and note it."""
    try:
        return _read(path, kind, species)
    except Exception as error:
        unknown = [x for e in (error, error.__cause__) if isinstance(e, KeyError) for x in e.args]
        if not (isotopes := set(unknown) & set(ISOTOPES)):
            raise
        with isotopes_as_hydrogen():
            frames, settings = _read(path, kind, species)
        for atoms in frames:
            add_note(atoms, f"{' and '.join(isotopes)} read as H, with the mass of H")
        return frames, settings


def _read(path: Path, kind: str, species: Sequence[str]) -> tuple[list[Atoms], Settings]:
    import ase.io

    settings = Settings()
    if kind in ("vasp-xml", "vasp-out"):
        return vasp.read_vasp(path, kind)
    if kind == "pymatgen JSON":
        return read_json(path), settings
    if kind in ("lammps-dump-text", "lammps-data"):
        return read_lammps(path, kind, species), settings
    if kind in ("vasp", "vasp-xdatcar") and (named := read_old_vasp(path, kind, species)):
        return named, settings
    if kind == "cif":
        with warnings.catch_warnings():  # of equivalent sites that are listed twice
            warnings.simplefilter("ignore")
            return read_cif(path), settings
    parser = {"properties_parser": parse_header} if kind == "extxyz" else {}
    found = ase.io.read(
        _local(path), index=":", format=kind, do_not_split_by_at_sign=True, **parser
    )
    return found if isinstance(found, list) else [], settings


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
        # beside numbers: others are ornament
        lines = (re.search(rb"\d\.\d.*\*\*\*|\*\*\*.*\d\.\d", line) for line in stream)
        starred = next((k for k, found in enumerate(lines, 1) if found), None)
        if starred is not None:
            return (
                f"line {starred} has *** where a number did not fit its column ({text}); "
                "leave that frame out, or give another file of the run"
            )
    return f"not readable as {kind}: {text}; correct it, or give it in another format"


def _check_counts(path: Path, kind: str) -> None:
    """Refuse what announces more atoms than it has lines: ASE would make room for all of them."""
    with vasp.opened(path) as stream:
        if kind in ("extxyz", "xyz"):
            head = stream.readline()
            while head.strip().isdigit():
                claimed = int(head)
                found = sum(1 for _ in itertools.islice(stream, min(claimed, 1 << 60) + 1))
                _check_count(path, claimed, found - 1)  # without the comment
                head = stream.readline()
                while head.lstrip().startswith(b"VEC"):
                    head = stream.readline()
        elif kind in ("vasp", "vasp-xdatcar"):
            lines = stream.read().splitlines()
            # on the sixth line, or below the elements if VASP names them
            rows = [line.split() for line in lines[5:7]]
            counts: list[bytes] = next((row for row in rows if row and row[0].isdigit()), [])
            atoms = sum(map(int, itertools.takewhile(bytes.isdigit, counts)))
            _check_count(path, atoms, len(lines))


def _check_count(path: Path, claimed: int, lines: int) -> None:
    if claimed > lines:
        raise InputError(
            f"{path}: it announces {claimed} atoms and has {lines} lines for them; is it complete?"
        )
