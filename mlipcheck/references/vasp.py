"""VASP runs: which files make one, whether they are complete, and what was switched on."""

from __future__ import annotations

import bz2
import gzip
import io
import itertools
import lzma
import re
import xml.etree.ElementTree as ElementTree
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, NamedTuple

from ase.calculators.calculator import InputError

from .doubts import Doubt
from .incar import dispersion_of, functional_of, hubbard_u_of

# What reading a damaged file raises.
DAMAGE = (OSError, EOFError, zlib.error, lzma.LZMAError, ElementTree.ParseError, ValueError)
# ISIF values that let volume and shape go; the others fix both, or the volume.
FREE_CELL = (3, 6)
# ASE's names of the formats, best first.
KINDS = ("vasp-xml", "vasp-out", "vasp")
# vasprun.xml.relax2, vasprun.relax2.xml, vasprun.xml.2, OUTCAR.relax2
RESTART = re.compile(
    r"(?:vasprun\.xml|outcar)\.((?:relax)?\d+)|vasprun\.((?:relax)?\d+)\.xml", re.I
)
OUTCAR_TAGS = (
    *("ISIF", "NSW", "IBRION", "IMAGES", "ICHARG", "NELM", "NELECT"),
    *("GGA", "METAGGA", "LHFCALC", "AEXX", "HFSCREEN", "LDAU", "IVDW", "LVDW", "LUSE_VDW"),
)
# What the atoms did, by IBRION; without steps it is a single point.
RELAXATION, SINGLE_POINT = "relaxation", "single point"
MOTIONS = {"0": "molecular dynamics", **dict.fromkeys("123", RELAXATION)}
MOTIONS |= dict.fromkeys("5678", "finite differences")


class Species(NamedTuple):
    """Atoms of one POTCAR: its title, how many, and the valence electrons of each."""

    element: str
    title: str
    atoms: int
    valence: float


@dataclass(frozen=True)
class Settings:
    """What the run says of itself; None where it does not.

    Attributes
    ----------
    cell_free : bool or None
        Whether volume and shape could change.
    motion : str or None
        What the atoms did: relaxation, single point, molecular dynamics, ...
    steps : int
        How many ionic steps it might take (NSW).
    unconverged : tuple of int
        The ionic steps, from 0, whose electronic steps ended at NELM.
    fixed_density : bool
        Whether the charge density was kept (ICHARG >= 10), as for a band structure.
    charge : float
        Of the cell, in e; 0 where it is not known.
    finished : bool
        Whether the file goes on to the end of the run; its complete steps are labels in any case.
    level_of_theory, functional, dispersion : str or None
    hubbard_u : dict or None
        The U in eV of each element (U - J in Dudarev's scheme), 0 for those that have none beside
        others that do; empty where +U is off.
    """

    cell_free: bool | None = None
    motion: str | None = None
    steps: int = 0
    unconverged: tuple[int, ...] = ()
    fixed_density: bool = False
    charge: float = 0.0
    level_of_theory: str | None = None
    functional: str | None = None
    hubbard_u: dict[str, float] | None = None
    dispersion: str | None = None
    finished: bool = True

    def label_doubt(self, step: int) -> Doubt | None:
        """Say why the energy and forces of an ionic step are not labels; None where they are."""
        if self.fixed_density:
            text = "its charge density was fixed (ICHARG >= 10)"
            return Doubt("not self-consistent", text)
        if step in self.unconverged:
            return Doubt("scf", "its SCF did not converge (stopped at NELM)")
        return None

    @property
    def doubts(self) -> tuple[Doubt, ...]:
        """What bears on all that the run computed."""
        text = f"the reference cell has a charge of {self.charge:+g} e, which no model knows"
        return (Doubt("charged", text),) if self.charge else ()


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


def list_runs(inside: Sequence[Path]) -> list[list[Path]]:
    """Return the runs among what is in a folder, each as its files, best first.

    One run where there is one vasprun.xml, with OUTCAR and CONTCAR to fall back on; where several
    of the best kind were kept (vasprun.xml.relax1, ...) each is a run of its own.
    """
    files = [p for p in inside if p.is_file()]
    outputs = [p for p in files if not p.name.upper().startswith("POSCAR")]
    kinds = [[p for p in outputs if file_kind(p) == kind] for kind in KINDS]
    found = [paths for paths in kinds if paths]
    if found and len(found[0]) > 1:
        return [[path] for path in found[0]]
    return [[path for paths in found for path in paths]] if found else []


def restart(path: Path) -> str:
    """Return which restart of a run a file's name says that it is, empty where it does not."""
    found = RESTART.fullmatch(re.sub(r"\.(gz|bz2|xz)$", "", path.name))
    return next(part for part in found.groups() if part).lower() if found else ""


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a file that may be compressed, as ASE does."""
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
    except DAMAGE as error:
        raise InputError(
            f"{path}: damaged or truncated ({type(error).__name__}: {error})"
        ) from error


def join_settings(best: Settings, other: Settings) -> Settings:
    """Add what only another file of the same run says."""
    if best.dispersion or not other.dispersion or not best.functional:
        return best
    level = f"{best.functional}{'' if best.hubbard_u == {} else '+U'} + {other.dispersion}, VASP"
    return replace(best, dispersion=other.dispersion, level_of_theory=level)


def _vasprun_settings(path: Path) -> Settings:
    with opened(path) as stream:
        data = stream.read()
    if b"</modeling>" not in data[-200:]:
        raise InputError(f"{path}: truncated, </modeling> is missing; did the run finish?")
    head, *calculations = data.split(b"<calculation>")
    tags: dict[str, str] = {}
    species: list[Species] = []
    for _, element in ElementTree.iterparse(io.BytesIO(head)):
        name = element.get("name")
        if element.tag in ("i", "v") and name and name not in tags:
            tags[name] = (element.text or "").strip()
        elif element.tag == "array" and name == "atomtypes":
            rows = [[(c.text or "").strip() for c in rc] for rc in element.iter("rc")]
            species = [Species(row[1], row[-1], int(row[0]), float(row[-2])) for row in rows]
        elif element.tag == "atominfo":
            break  # the settings stand before the structures
    energies = [re.findall(rb'<scstep>.*?e_fr_energy">([^<]*)', c, re.DOTALL) for c in calculations]
    return _settings(tags, species, [(len(e), _settled(e, tags)) for e in energies])


def _settled(energies: list[bytes], tags: dict[str, str]) -> bool:
    """Return whether the last electronic step changed the energy by less than EDIFF."""
    try:
        change = abs(float(energies[-1]) - float(energies[-2]))
    except (IndexError, ValueError):
        return False
    return change <= float(tags.get("EDIFF", 1e-4))


def _outcar_settings(path: Path) -> Settings:
    with opened(path) as stream:
        text = stream.read().decode("utf-8", errors="replace")
    if "General timing and accounting" not in text:
        raise InputError(
            f"{path}: truncated, the timing at its end is missing; did the run finish?"
        )
    found = re.search(r"ions per type\s*=([\d \t]+)", text)
    counts = [int(n) for n in found.group(1).split()] if found else []
    if sum(counts) > len(text):  # ASE would make room for all
        raise InputError(f"{path}: it announces {sum(counts)} atoms and has {len(text)} bytes")
    tags = {
        name: found.group(1).strip(";")
        for name in OUTCAR_TAGS
        if (found := re.search(rf"^\s*{name}\s*=\s*(\S+)", text, re.MULTILINE))
    }
    # +U stands in sentences
    if found := re.search(r"LDA\+U is selected, type is set to LDAUTYPE\s*=\s*(\d)", text):
        tags |= {"LDAU": "T", "LDAUTYPE": found.group(1)}
    for name, values in re.findall(r"for each species (LDAU[LUJ])\s*=(.*)", text):
        tags[name] = values
    # TITEL  = PAW_PBE Fe_pv 06Sep2000
    titles = re.findall(r"TITEL\s*=\s*(\S+\s+([A-Z][a-z]?).*)", text)
    valences = [float(z) for z in re.findall(r"POMASS\s*=.*ZVAL\s*=\s*([\d.]+)", text)]
    species = [
        Species(element, title, n or 0, z or 0.0)
        for (title, element), n, z in itertools.zip_longest(titles, counts, valences)
    ]
    loops = [
        (len(re.findall(r"Iteration +\d+\( *\d+\)", part)), "EDIFF is reached" in part)
        for part in text.split("TOTAL-FORCE")[:-1]
    ]
    return _settings(tags, species, loops)


def _settings(
    tags: dict[str, str], species: list[Species], loops: list[tuple[int, bool]]
) -> Settings:
    """Put into words what the tags say, ``loops`` being electronic steps and whether they settled.

    One loop for each ionic step.
    """
    isif, nsw = tags.get("ISIF"), int(tags.get("NSW", 2))
    motion = MOTIONS.get(tags.get("IBRION", "")) if nsw > 1 else SINGLE_POINT
    functional = functional_of(tags, " ".join(one.title for one in species))
    hubbard_u = hubbard_u_of(tags, [one.element for one in species])
    dispersion = dispersion_of(tags)
    level = functional
    if level and hubbard_u != {}:
        level += "+U"
    if level and dispersion:
        level += f" + {dispersion}"
    nelm = float(tags.get("NELM", "inf"))
    return Settings(
        cell_free=None if isif is None else int(isif) in FREE_CELL,
        motion="image of a path" if int(tags.get("IMAGES", 0)) > 0 else motion,
        steps=nsw,
        unconverged=tuple(k for k, (n, settled) in enumerate(loops) if n >= nelm and not settled),
        fixed_density=int(tags.get("ICHARG", 0)) >= 10,
        charge=_charge(tags, species),
        level_of_theory=None if level is None else f"{level}, VASP",
        functional=functional,
        hubbard_u=hubbard_u,
        dispersion=dispersion,
    )


def _charge(tags: dict[str, str], species: list[Species]) -> float:
    """Return the charge of the cell in e: the valence electrons of its atoms less NELECT."""
    known = "NELECT" in tags and all(one.atoms and one.valence for one in species)
    valence = sum(one.atoms * one.valence for one in species)
    return round(valence - float(tags["NELECT"]), 2) + 0.0 if known and species else 0.0
