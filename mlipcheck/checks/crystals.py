"""What several checks share about crystals: what they are evidence for, and which are few."""

from __future__ import annotations

from collections.abc import Sequence

from ..check import Skip, Task
from ..drawing.tables import Column
from ..references.files import COLLECTIONS
from ..uses import ELEMENTS, MOLECULAR, OWN, PUBLIC, TOY

# As crystals these are molecules or atoms that dispersion holds together.
HALOGENS, NOBLE_GASES = ["F", "Cl", "Br", "I"], ["He", "Ne", "Ar", "Kr", "Xe", "Rn"]
MOLECULAR_ELEMENTS = frozenset(["H", "N", "O", "P", "S", "Se", *HALOGENS, *NOBLE_GASES])
KNOWN_ELEMENTS = ("dcdft", "acwf-unaries", "angsten-vacancies")
SOURCES = {"exact Morse": TOY, **dict.fromkeys(KNOWN_ELEMENTS, ELEMENTS)}
METHODS = (
    Column("from", lambda row: row.source or "-"),
    Column("level of theory", lambda row: row.level_of_theory or "not known"),
)


def tested_on(source: str, formula: str) -> str:
    """Return what kind of evidence a crystal is: one of `mlipcheck.uses.TESTED_ON`."""
    found = SOURCES.get(source, PUBLIC if source in COLLECTIONS else OWN)
    molecular = formula.rstrip("0123456789") in MOLECULAR_ELEMENTS
    return MOLECULAR if found == ELEMENTS and molecular else found


def keep_few(tasks: Sequence[Task], most: int, most_atoms: int, what: str) -> list[Task | Skip]:
    """Return the first tasks that have at most so many atoms together, and how many are left."""
    kept: list[Task | Skip] = []
    room = most_atoms
    for task in tasks:
        atoms = len(task.atoms or ())
        if atoms <= room and len(kept) < most:
            kept.append(task)
            room -= atoms
    if left := len(tasks) - len(kept):
        why = f"--quick leaves out {left} of {len(tasks)} {what}: it takes {most_atoms} atoms"
        kept.append(Skip(f"{why} at most"))
    return kept
