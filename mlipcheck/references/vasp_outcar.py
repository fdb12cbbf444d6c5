"""OUTCAR: ASE's parser stops at columns of vdW corrections and at lines of force fields."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import InputError
from ase.calculators.singlepoint import SinglePointCalculator

from .incar import SOME, UNSAID, one_word
from .vasp_output import check_steps, element_of, stars_note
from .vasp_settings import Settings, Species, settings_of

TAGS = (
    *("ISIF", "NSW", "IBRION", "IMAGES", "LCLIMB", "ICHAIN", "ICHARG", "NELM", "NELECT", "ALGO"),
    *("GGA", "METAGGA", "LHFCALC", "AEXX", "HFSCREEN", "LDAU", "IVDW", "LVDW", "LUSE_VDW"),
    *("ISPIN", "LNONCOLLINEAR", "LSORBIT", "ML_LMLFF"),
)
TAG = re.compile(rf"(?:^|;)[ \t]*({'|'.join(TAGS)})[ \t]*=[ \t]*([^;\n]*)", re.MULTILINE)
# The end of an ionic step; with ML before it, it is none of DFT.
END = re.compile(
    r"^ *FREE ENERGIE OF THE ION-ELECTRON SYSTEM(?s:.{,300}?)TOTEN *= *(\S+)"
    r"(?s:.{,300}?)energy\(sigma->0\) *= *(\S+)",
    re.MULTILINE,
)
ITERATION = re.compile(r"^-+ *Iteration .*\n", re.MULTILINE)
POSITIONS = re.compile(r"^ *POSITION +TOTAL-FORCE(?!.*\(ML\)).*\n.*\n", re.MULTILINE)
LATTICE = re.compile(r"^ *direct lattice vectors.*\n", re.MULTILINE)
STRESS = re.compile(r"^ *in kB ", re.MULTILINE)
# Fortran leaves no space before a minus, and writes stars for what does not fit.
NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:E[-+]?\d+)?|\*+|NaN", re.IGNORECASE)
VDW = re.compile(r"w/o vdW|^ *Edisp \(eV\)", re.MULTILINE)
NEB = re.compile(r"each image running on|^ *CHAIN-FORCE|^ *NEB: ", re.MULTILINE)
STOPPED = "stop encountered"  # soft or hard, by a STOPCAR


def read_outcar(data: bytes) -> tuple[list[Atoms], Settings]:
    """Read an ``OUTCAR``; where it is truncated, its complete ionic steps."""
    text = data.decode(errors="replace")
    ends = list(END.finditer(text))
    finished = "General timing and accounting" in text
    if not (ends or finished):
        raise InputError("truncated before its first ionic step was complete")
    head = text[: ends[0].end() if ends else None]
    tags, species = _tags(head), _species(head)
    symbols = [one.element for one in species for _ in range(min(one.atoms, len(text)))]
    if len(symbols) < (total := sum(one.atoms for one in species)):
        raise InputError(f"it announces {total} atoms and has {len(text)} bytes")
    check_steps(tags, len(ends))
    notes: list[str] = []
    steps = list(_steps(text, ends, symbols, notes))
    if missing := len(ends) - len(steps):
        notes.append(f"{missing} of {len(ends)} ionic steps have no lattice or positions in it")
    if not steps:
        raise InputError(f"{notes[-1]}; give the vasprun.xml of this run")
    if re.search(r"^ *ML FREE ENERGIE", text, re.MULTILINE):
        notes.append("what its machine-learned force field says is left out")
    loops, frames = zip(*steps, strict=True)
    finished = finished and STOPPED not in text
    return list(frames), settings_of(tags, species, loops, finished, notes)


def _tags(head: str) -> dict[str, str]:
    tags: dict[str, str] = {}
    for name, words in TAG.findall(head):
        value = one_word(words)
        # METAGGA = F is a line of its own, and says something else
        if tags.get(name, "") in UNSAID and not (name == "METAGGA" and value in ("T", "F")):
            tags[name] = value
    if VDW.search(head):
        tags.setdefault("IVDW", SOME)
    if NEB.search(head):
        tags.setdefault("IMAGES", "1")
    if found := re.search(r"LDA\+U is selected, type is set to LDAUTYPE\s*=\s*(\d)", head):
        tags |= {"LDAU": "T", "LDAUTYPE": found.group(1)}  # +U stands in sentences
    for name, values in re.findall(r"for each species (LDAU[LUJ])\s*=(.*)", head):
        tags[name] = values
    return tags


def _species(head: str) -> list[Species]:
    # more than ten go on in the next line
    found = re.search(r"ions per type\s*=([\d\s]+)", head)
    counts = [int(n) for n in found.group(1).split()] if found else []
    titles = re.findall(r"TITEL\s*=\s*(.*)", head) or re.findall(r"POTCAR:\s*(.*)", head)
    names = re.findall(r"VRHFIN\s*=\s*([^\s:]*)", head)  # of each, also what is no element
    valences = [float(z) for z in re.findall(r"POMASS\s*=.*ZVAL\s*=\s*([\d.]+)", head)]
    titles = titles[: len(counts) or None]  # POTCAR: stands there twice
    return [
        Species(element_of(name or "", title or ""), (title or "").strip(), n or 0, z or 0.0)
        for title, name, n, z in itertools.zip_longest(titles, names, counts, valences)
    ]


def _steps(
    text: str, ends: Sequence[re.Match[str]], symbols: list[str], notes: list[str]
) -> Iterator[tuple[tuple[int, bool | None], Atoms]]:
    """Yield each step that has a lattice, positions and forces: its electronic loop, its frame."""

    def numbers(after: re.Match[str], rows: int, columns: int) -> np.ndarray | None:
        lines = text[after.end() : end.start()].split("\n", rows)[:rows]
        found = [NUMBER.findall(line)[:columns] for line in lines]
        if len(found) < rows or any(len(row) < columns for row in found):
            return None
        starred = next((k for k, row in enumerate(found) if "*" in "".join(row)), None)
        if starred is not None and not notes:
            notes.append(stars_note(text.count("\n", 0, after.end()) + starred + 1))
        return np.array([_floats(row) for row in found])

    lattice: np.ndarray | None = None
    begin = 0
    for end in ends:
        loops = list(ITERATION.finditer(text, begin, end.start()))
        own = loops[-1].end() if loops else begin  # before it may be steps that are not DFT's
        first = POSITIONS.search(text, own, end.start())
        table = numbers(first, len(symbols), 6) if first else None
        stop = first.start() if first else end.start()
        for found in LATTICE.finditer(text, begin, stop):
            lattice = numbers(found, 3, 3)
        kbar = None
        for found in STRESS.finditer(text, own, stop):
            kbar = numbers(found, 1, 6)
        said = text[own : end.start()]
        begin = end.end()
        if table is None or lattice is None:
            continue
        settled = True if "EDIFF is reached" in said else None
        if settled is None and ("EDIFF was not reached" in said or STOPPED in said):
            settled = False
        free, energy = _floats(end.groups())
        atoms = Atoms(symbols, positions=table[:, :3], cell=lattice, pbc=True)
        # xx yy zz xy yz zx, with the sign of a pressure
        stress = None if kbar is None else -kbar[0, [0, 1, 2, 4, 5, 3]] * 0.1 * units.GPa
        labels = {"free_energy": free, "forces": table[:, 3:], "stress": stress}
        atoms.calc = SinglePointCalculator(atoms, energy=energy, **labels)
        yield (len(loops), settled), atoms


def _floats(words: Sequence[str]) -> list[float]:
    return [np.nan if "*" in word else float(word) for word in words]
