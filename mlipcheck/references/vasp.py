"""VASP runs: which files make one, whether they are complete, and what was switched on."""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
import xml.etree.ElementTree as ElementTree
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ase.calculators.calculator import InputError

# ISIF values that let volume and shape go; the others fix both, or the volume.
FREE_CELL = (3, 6)
# ASE's names of the formats, best first.
KINDS = ("vasp-xml", "vasp-out", "vasp")
# VASP's GGA tags, as they are called in print.
FUNCTIONALS = {"PE": "PBE", "PS": "PBEsol", "RP": "RPBE", "91": "PW91", "RE": "revPBE"}


@dataclass(frozen=True)
class Settings:
    """What the run says of itself; None where it does not."""

    cell_free: bool | None = None
    single_point: bool = False
    level_of_theory: str | None = None


def file_kind(path: Path) -> str | None:
    """Return ASE's name of the format, None for what ASE is to find out by itself."""
    name = path.name
    if "vasprun" in name.lower() and ".xml" in name.lower():
        return "vasp-xml"
    if name.upper().startswith("OUTCAR"):
        return "vasp-out"
    if name.upper().startswith(("CONTCAR", "POSCAR")):
        return "vasp"
    return None


def list_runs(folder: Path) -> list[list[Path]]:
    """Return the runs of a folder, each as its files, best first.

    One run where there is one vasprun.xml, with OUTCAR and CONTCAR to fall back on; where several
    of the best kind were kept (vasprun.xml.relax1, ...) each is a run of its own.
    """
    files = sorted(p for p in folder.iterdir() if p.is_file())
    outputs = [p for p in files if not p.name.upper().startswith("POSCAR")]
    kinds = [[p for p in outputs if file_kind(p) == kind] for kind in KINDS]
    found = [paths for paths in kinds if paths]
    if found and len(found[0]) > 1:
        return [[path] for path in found[0]]
    return [[path for paths in found for path in paths]] if found else []


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    openers: dict[str, Any] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
    with openers.get(path.suffix, open)(path, "rb") as stream:
        yield stream


def read_settings(path: Path, kind: str) -> Settings:
    """Read what a ``vasprun.xml`` or ``OUTCAR`` says of the run.

    Raises
    ------
    InputError
        If the file ends before the run did: its last structure is then no relaxed one.
    """
    try:
        return _vasprun_settings(path) if kind == "vasp-xml" else _outcar_settings(path)
    except (OSError, EOFError, zlib.error, lzma.LZMAError, ElementTree.ParseError) as error:
        raise InputError(
            f"{path}: damaged or truncated ({type(error).__name__}: {error})"
        ) from error


def _vasprun_settings(path: Path) -> Settings:
    tags: dict[str, str] = {}
    potentials: list[str] = []
    end = b""
    with _opened(path) as stream:
        while block := stream.read(1 << 20):
            end = (end + block)[-200:]
    if b"</modeling>" not in end:
        raise InputError(f"{path}: truncated, </modeling> is missing; did the run finish?")
    with _opened(path) as stream:
        for _, element in ElementTree.iterparse(stream):
            name = element.get("name")
            if element.tag in ("i", "v") and name and name not in tags:
                tags[name] = (element.text or "").strip()
            elif element.tag == "array" and name == "atomtypes":
                potentials = [(c.text or "").strip() for c in element.iter("c")]
            elif element.tag == "atominfo":
                break  # the settings stand before the structures
    return _settings(tags, " ".join(potentials))


def _outcar_settings(path: Path) -> Settings:
    with _opened(path) as stream:
        text = stream.read().decode("utf-8", errors="replace")
    if "General timing and accounting" not in text:
        raise InputError(
            f"{path}: truncated, the timing at its end is missing; did the run finish?"
        )
    tags = {
        name: found.group(1)
        for name in ("ISIF", "NSW", "GGA", "METAGGA", "LDAU", "IVDW")
        if (found := re.search(rf"^\s*{name}\s*=\s*(\S+)", text, re.MULTILINE))
    }
    return _settings(tags, " ".join(re.findall(r"TITEL\s*=\s*(.*)", text)))


def _settings(tags: dict[str, str], potentials: str) -> Settings:
    isif = tags.get("ISIF")
    gga = tags.get("GGA", "--")
    functional: str | None
    if tags.get("METAGGA", "--") not in ("--", "", "F", "none"):
        functional = tags["METAGGA"]
    elif gga in ("--", ""):  # the POTCAR decides
        functional = "PBE" if "PBE" in potentials else "LDA" if potentials else None
    else:
        functional = FUNCTIONALS.get(gga, gga)
    if functional and tags.get("LDAU", "F").upper().startswith("T"):
        functional += "+U"
    if functional and tags.get("IVDW", "0") != "0":
        functional += f" + IVDW {tags['IVDW']}"
    return Settings(
        cell_free=None if isif is None else int(isif) in FREE_CELL,
        single_point=int(tags.get("NSW", 2)) <= 1,
        level_of_theory=None if functional is None else f"{functional}, VASP",
    )
