"""From one file to structures: every format that ASE reads, opened and parsed once."""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ase import Atoms
from ase.calculators.calculator import InputError

from . import vasp
from .label_keys import parse_header


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


def read_images(
    path: Path, options: ReadOptions | None = None
) -> tuple[list[Atoms], vasp.Settings]:
    """Read every structure of one file, and what a VASP run says of itself.

    Raises
    ------
    InputError
        If it is missing, empty, truncated, or nothing that ASE reads.
    """
    import ase.io
    from ase.io.formats import filetype

    if path.is_dir():
        raise InputError(f"{path}: a folder; give a file")
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    if path.stat().st_size == 0:
        raise InputError(f"{path}: empty file")
    kind = vasp.file_kind(path)
    settings = vasp.Settings()
    if kind in ("vasp-xml", "vasp-out"):
        settings = vasp.read_settings(path, kind)
    # as ASE's it must be no "-", which is stdin, and no "postgres..."
    name = os.path.join(os.curdir, path)
    try:
        form = kind or filetype(name)
        _check_counts(path, form)
        parser = {"properties_parser": parse_header} if form == "extxyz" else {}
        frames = ase.io.read(name, index=":", format=kind, do_not_split_by_at_sign=True, **parser)
    except InputError:
        raise
    except Exception as error:
        text = " ".join(str(error).split())
        raise InputError(
            f"{path}: not readable as {kind or 'any format ASE knows'} "
            f"({type(error).__name__}{': ' + text if text else ''}); is it complete?"
        ) from error
    if not isinstance(frames, list) or not frames or any(len(a) == 0 for a in frames):
        raise InputError(f"{path}: no atoms in it; give a structure")
    return frames, settings


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
