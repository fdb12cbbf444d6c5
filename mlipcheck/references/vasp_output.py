"""vasprun.xml: tags, atoms, and the ionic steps that are DFT's."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence

from ase import Atoms
from ase.calculators.calculator import InputError
from ase.data import atomic_numbers

from .incar import UNSAID, is_on, one_word
from .vasp_settings import Settings, Species, settings_of

# Large, not needed here, and where Fortran's stars often stand.
HEAVY = re.compile(rb"<(eigenvalues|dos|projected|dielectricfunction|dynmat)\b.*?</\1>", re.DOTALL)
CALCULATION = re.compile(rb"<calculation>.*?</calculation>", re.DOTALL)
ELECTRONIC = re.compile(rb"<scstep>.*?</scstep>", re.DOTALL)
SC_ENERGY = re.compile(rb'<scstep>.*?e_fr_energy">([^<]*)', re.DOTALL)
STARS = re.compile(rb"\*{3,}")
LOOSE = 10  # EDIFF that the last electronic step of a converged SCF may be off
ROUNDING = 2e-8  # eV that the difference of two printed energies may be off


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
