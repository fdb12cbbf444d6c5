"""The output of VASP, vasprun.xml and OUTCAR: tags, atoms, and the ionic steps that are DFT's.

OUTCARs are not left to ASE: its parser stops at columns of vdW corrections and at lines of force
fields.
"""

from __future__ import annotations

import io
import itertools
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Sequence

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import InputError
from ase.calculators.singlepoint import SinglePointCalculator
from ase.data import atomic_numbers

from .incar import SOME, UNSAID, is_on, one_word
from .vasp_settings import Settings, Species, settings_of

# Large, not needed here, and where Fortran's stars often stand.
HEAVY = re.compile(rb"<(eigenvalues|dos|projected|dielectricfunction|dynmat)\b.*?</\1>", re.DOTALL)
CALCULATION = re.compile(rb"<calculation>.*?</calculation>", re.DOTALL)
ELECTRONIC = re.compile(rb"<scstep>.*?</scstep>", re.DOTALL)
SC_ENERGY = re.compile(rb'<scstep>.*?e_fr_energy">([^<]*)', re.DOTALL)
STARS = re.compile(rb"\*{3,}")
LOOSE = 10  # EDIFF that the last electronic step of a converged SCF may be off
ROUNDING = 2e-8  # eV that the difference of two printed energies may be off
# What an OUTCAR is searched for.
TAGS = (
    *("ISIF", "NSW", "IBRION", "IMAGES", "LCLIMB", "ICHAIN", "ICHARG", "NELM", "NELECT", "ALGO"),
    *("GGA", "METAGGA", "LHFCALC", "AEXX", "HFSCREEN", "LDAU", "IVDW", "LVDW", "LUSE_VDW"),
    *("ISPIN", "LNONCOLLINEAR", "LSORBIT", "ML_LMLFF"),
)
TAG = re.compile(rf"(?:^|;)[ \t]*({'|'.join(TAGS)})[ \t]*=[ \t]*([^;\n]*)", re.MULTILINE)
# The end of an ionic step; with ML before it, it is none of DFT.
END = re.compile(
    r"(?m)^ *FREE ENERGIE OF THE ION-ELECTRON SYSTEM(?s:.{,300}?)TOTEN *= *(\S+)"
    r"(?s:.{,300}?)energy\(sigma->0\) *= *(\S+)"
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


def element_of(name: str, title: str) -> str:
    """Return the element that a POTCAR is of; older files have X for Xe, and r for Zr."""
    for found in (re.match(r"([A-Z][a-z]?)$", name), re.match(r"\S+\s+([A-Z][a-z]?)", title)):
        if found and atomic_numbers.get(found.group(1), 0) > 0:
            return found.group(1)
    raise InputError(f"species {name!r} is not an element, nor is one in its POTCAR {title!r}")


def stars_note(line: int) -> str:
    """Say where Fortran had no room for a number."""
    return f"line {line} has '****' where a number should stand"


def check_steps(tags: dict[str, str], good: int, notes: Sequence[str] = ()) -> None:
    """Refuse a file that has no ionic step with a total energy of DFT."""
    if good:
        return
    if is_on(tags, "ML_LMLFF"):
        raise InputError(
            "all its steps are of a machine-learned force field, none of DFT; "
            "give the DFT runs that it was trained on"
        )
    why = f" ({notes[0]})" if notes else ""
    raise InputError(f"no ionic step in it is complete and has a total energy{why}")


def read_vasprun(data: bytes) -> tuple[list[Atoms], Settings]:
    """Read a ``vasprun.xml``; where it is truncated, its complete ionic steps."""
    finished = b"</modeling>" in data[-200:]
    if not finished:
        complete, end, _ = data.rpartition(b"</calculation>")
        if not end:
            raise InputError("truncated before its first ionic step was complete")
        data = complete + end + b"\n</modeling>\n"
    data = HEAVY.sub(_lines_only, data)
    start = data.find(b"<calculation>") if b"<calculation>" in data else len(data)
    head, body = data[:start], data[start:]
    tags, species, renamed = _head(head)
    for old, new in renamed.items():
        pattern = rb"<c>\s*%s\s*</c>" % re.escape(old.encode())
        head = re.sub(pattern, b"<c>%s</c>" % new.encode(), head)
    notes = []
    if found := STARS.search(body):
        notes.append(stars_note(data.count(b"\n", 0, start + found.start()) + 1))
    # labels that are no number are left out later; stars and minus signs may touch what is before
    body = re.sub(rb"(\d)-(\d)", rb"\1 -\2", STARS.sub(b" nan ", body))
    loops: list[tuple[int, bool | None]] = []

    def ground_state(found: re.Match[bytes]) -> bytes:
        """Keep what has an energy, without the electronic steps of a response, which come later."""
        scf, structure, rest = found[0].partition(b"<structure")
        rest = ELECTRONIC.sub(_lines_only, rest)
        if b"e_0_energy" not in scf or b"e_fr_energy" not in rest:
            return _lines_only(found)
        energies = SC_ENERGY.findall(scf)
        loops.append((len(energies), _settled(energies, tags)))
        return scf + structure + rest

    slim = head + CALCULATION.sub(ground_state, body)
    check_steps(tags, len(loops), notes)
    # VASP writes the other steps of a run that learns beside the calculations
    learned = re.findall(rb"<structure\s*>", CALCULATION.sub(b"", body))
    if learned and is_on(tags, "ML_LMLFF"):
        notes.append(f"{len(learned)} steps of its machine-learned force field left out")
    return _frames(slim), settings_of(tags, species, loops, finished, notes)


def _lines_only(found: re.Match[bytes]) -> bytes:
    """Leave the lines of something empty: their numbers stay what they were."""
    return b"\n" * found[0].count(b"\n")


def _head(head: bytes) -> tuple[dict[str, str], list[Species], dict[str, str]]:
    """Return tags, species, and what is no element with the element that it stands for."""
    given: dict[str, str] = {}
    tags: dict[str, str] = {}
    species: list[Species] = []
    renamed: dict[str, str] = {}
    for _, element in ElementTree.iterparse(io.BytesIO(head)):
        name = element.get("name")
        if element.tag in ("i", "v") and name:
            text = element.text or ""
            tags.setdefault(name, " ".join(text.split()) if element.tag == "v" else one_word(text))
        elif element.tag == "incar":
            given, tags = tags, {}
        elif element.tag == "array" and name == "atomtypes":
            for rc in element.iter("rc"):
                count, symbol, *_, valence, title = ((c.text or "").strip() for c in rc)
                known = element_of(symbol, title)
                renamed |= {symbol: known} if known != symbol else {}
                species.append(Species(known, title, int(count), float(valence)))
        elif element.tag == "atominfo":
            break  # the settings stand before the structures
    # what VASP made of the INCAR counts
    used = {k: v for k, v in tags.items() if v not in UNSAID}
    return given | used, species, renamed


def _settled(energies: Sequence[bytes], tags: dict[str, str]) -> bool | None:
    """Judge the last electronic step by how much it changed the energy, in EDIFF."""
    try:
        change = abs(float(energies[-1]) - float(energies[-2])) - ROUNDING
        ratio = change / float(tags["EDIFF"])
    except (IndexError, ValueError, KeyError, ZeroDivisionError):
        return None
    # between the two, VASP knew better: it looks at the sum of eigenvalues, too
    return True if ratio <= 1 else False if ratio > LOOSE else None


def _frames(data: bytes) -> list[Atoms]:
    import ase.io

    try:
        return list(ase.io.iread(io.BytesIO(data), index=":", format="vasp-xml"))
    except Exception as error:
        why = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise InputError(f"ASE's reader stops in it ({why}); give its OUTCAR") from error


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
