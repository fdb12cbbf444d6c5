"""VASP runs: which files make one, what each says of itself, and its ionic steps."""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
import xml.etree.ElementTree as ElementTree
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import IO, Any

from ase import Atoms
from ase.calculators.calculator import InputError

from .incar import IMAGE
from .vasp_output import read_outcar, read_vasprun
from .vasp_settings import Settings

# What reading a damaged file raises.
DAMAGE = (OSError, EOFError, zlib.error, lzma.LZMAError, ElementTree.ParseError)
# How compressed files begin, whatever they are called.
OPENERS: dict[bytes, Any] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
# ASE's names of the formats, best first.
KINDS = ("vasp-xml", "vasp-out", "vasp")
# Files that are not looked into to find out whether VASP wrote them.
OTHERS = (".xyz", ".extxyz", ".db", ".traj", ".cif", ".json", ".py", ".png", ".svg")
# vasprun.xml.relax2, vasprun.relax2.xml, vasprun.xml.2, OUTCAR.relax2
RESTART = re.compile(
    r"(?:vasprun\.xml|outcar)\.((?:relax)?\d+)|vasprun\.((?:relax)?\d+)\.xml", re.I
)


def file_kind(path: Path) -> str | None:
    """Return ASE's name of the format, None for what ASE is to find out by itself.

    A file's first bytes say it, whatever it is called; its name where they do not.
    """
    name = path.name.lower()
    if path.suffix.lower() in OTHERS:
        return None
    if name.startswith(("contcar", "poscar")):
        return "vasp"
    if path.is_file():
        try:
            with opened(path) as stream:
                head = stream.read(500)
        except DAMAGE:
            head = b""
        if b"<modeling>" in head:
            return "vasp-xml"
        if re.match(rb"\s*vasp\.\d", head):
            return "vasp-out"
    if "vasprun" in name and ".xml" in name:
        return "vasp-xml"
    return "vasp-out" if name.startswith("outcar") else None


def list_runs(inside: Sequence[Path]) -> list[list[Path]]:
    """Return the runs among what is in a folder, each as its files, best first.

    A vasprun.xml and the OUTCAR whose name says the same (vasprun.xml.relax1, OUTCAR.relax1) are
    one run, and so are the only two; what is left are runs of their own. A CONTCAR is what is left
    of a run whose output cannot be read.
    """
    files = [p for p in inside if p.is_file() and not p.name.upper().startswith("POSCAR")]
    kinds = {path: file_kind(path) for path in files}
    best, others, structures = ([p for p in files if kinds[p] == kind] for kind in KINDS)
    runs = []
    for path in best:
        same = [q for q in others if _said(q) == _said(path)]
        if len(best) == len(others) == 1 and "" in (_said(path), _said(others[0])):
            same = others
        runs.append([path, *same])
        others = [q for q in others if q not in same]
    runs += [[path] for path in others]
    for run in runs:
        run += [q for q in structures if len(runs) == 1 or _said(q) == _said(run[0])]
    return runs or [[path] for path in structures]


def _said(path: Path) -> str:
    """Return what a file's name says beside VASP's: relax1, Si; nothing for OUTCAR.gz."""
    return re.sub(r"vasprun|outcar|contcar|\.(xml|gz|bz2|xz)\b|[._-]", "", path.name.lower())


def restart(path: Path) -> str:
    """Return which restart of a run a file's name says that it is, empty where it does not."""
    found = RESTART.fullmatch(unpacked_name(path))
    return next(part for part in found.groups() if part).lower() if found else ""


def unpacked_name(path: Path) -> str:
    """Return the name of a file without the suffix of its compression."""
    return re.sub(r"\.(gz|bz2|xz)$", "", path.name)


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a file that may be compressed, which its first bytes say."""
    with path.open("rb") as stream:
        head = stream.read(5)
        stream.seek(0)
        opener = next((o for magic, o in OPENERS.items() if head.startswith(magic)), nullcontext)
        with opener(stream) as unpacked:
            yield unpacked


def read_vasp(path: Path, kind: str) -> tuple[list[Atoms], Settings]:
    """Read the ionic steps of a ``vasprun.xml`` or ``OUTCAR``, and what it says of the run.

    A file that ends before the run did gives its complete steps; ``finished`` is then false.

    Raises
    ------
    InputError
        If it is damaged, or no ionic step in it is complete and of DFT.
    """
    try:
        with opened(path) as stream:
            data = stream.read()
        frames, settings = (read_vasprun if kind == "vasp-xml" else read_outcar)(data)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    except (*DAMAGE, ValueError) as error:
        why = f"damaged or truncated ({type(error).__name__}: {error})"
        raise InputError(f"{path}: {why}") from error
    if kind == "vasp-out":
        _add_constraints(frames, path.parent)
    if settings.motion == IMAGE:
        for atoms in frames:  # its energy is a label
            atoms.calc.results.pop("forces", None)
    return frames, settings


def _add_constraints(frames: Sequence[Atoms], folder: Path) -> None:
    """Take selective dynamics from the CONTCAR or POSCAR beside an OUTCAR, which has none."""
    import ase.io

    for name in ("CONTCAR", "CONTCAR.gz", "POSCAR", "POSCAR.gz"):
        try:
            beside = ase.io.read(folder / name, format="vasp")
        except Exception:  # missing, empty, or another file's trouble
            continue
        if isinstance(beside, Atoms) and list(beside.numbers) == list(frames[0].numbers):
            for atoms in frames:
                atoms.set_constraint(beside.constraints)
            return
