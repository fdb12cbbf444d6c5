"""What a check-up is given, sorted: elements, relaxed structures, labelled frames."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ase import Atoms, units
from ase.calculators.calculator import BaseCalculator, InputError
from ase.data import atomic_numbers

from ..calculators.registry import describe
from ..checks.relaxation.readings import MOST_PRESSED
from ..references.crystals import dcdft_crystals
from ..references.curves import parse_pair
from ..references.files import COLLECTIONS, as_references, load_references
from ..references.frames import (
    DATA_SETS,
    OTHERS,
    FrameSet,
    load_frame_sets,
)
from ..references.morse_frames import NAMES, morse_frames
from ..references.structures import RelaxedReference, morse_clusters

# What a real model is shown on where nobody names a system.
DEMONSTRATION = ("Cu", "Si", "O")
# eV; differences on the hydrogen-evolution volcano are 0.1 to 0.2.
SIGNAL = 0.1
AT_REST = 0.1  # eV/Å that a frame may have and be taken for relaxed: the verdict's limit, too


@dataclass(frozen=True, eq=False)
class System:
    """What a check-up looks at.

    Attributes
    ----------
    elements : tuple of str
        Elements and pairs to scan.
    references : tuple of RelaxedReference
    frames : tuple of FrameSet
    structures : tuple of (str, Atoms)
        All that is the user's own, for how close atoms come.
    missing : dict of str to str
        Why a check has nothing to work on.
    notes : tuple of str
        What was given and not used, and why.
    demonstration : bool
        Whether nobody named anything.
    """

    elements: tuple[str, ...] = ()
    references: tuple[RelaxedReference, ...] = ()
    frames: tuple[FrameSet, ...] = ()
    structures: tuple[tuple[str, Atoms], ...] = ()
    missing: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    demonstration: bool = False


def find_system(
    calculator: BaseCalculator, what: Sequence[str], *, independent: bool = False
) -> System:
    """Find out what was given: elements and pairs, data sets, files and folders.

    Labelled frames are held against their labels; what is relaxed is relaxed again: runs, and
    structures whose forces are small or unknown. Elements are those asked for, and the pairs that
    some structure of the user's has.

    Raises
    ------
    InputError
        For a word that is none of these, or where nothing of what was given can be read.
    """
    elements, names = sort_words(what)
    if not names:
        return _of_elements(calculator, elements)
    references, left = _find_references(names)
    sets, unlabelled = _find_frames(names, independent)
    readable = [r for r in references if r.relaxed is not None]
    if not (elements or readable or sets or left):
        errors = [r.error for r in references if r.error] or list(unlabelled)
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise InputError(f"{errors[0]}{more}")
    own = _own_structures(references, sets)
    pairs = sorted(
        {
            f"{a}-{b}"
            for _, atoms in own
            for a, b in itertools.combinations_with_replacement(sorted(set(atoms.symbols)), 2)
        }
    )
    missing = {}
    if not (elements or pairs):
        missing["dimer"] = "a public set is nobody's system: name the elements of yours"
    if not own:
        missing["distances"] = "no structures of your own given"
    if not references:
        missing["relax"] = "; ".join(["no relaxed structures given", *left])
    if not sets:
        missing["parity"] = "; ".join(unlabelled) or "no labelled frames given"
    return System(
        elements=(*elements, *pairs),
        references=tuple(references),
        frames=tuple(sets),
        structures=own,
        missing=missing,
        notes=(*(left if references else ()), *(unlabelled if sets else ())),
    )


def sort_words(what: Sequence[str]) -> tuple[list[str], list[str]]:
    """Tell elements and pairs from data sets and files.

    A missing file among others is kept, for a row that says so.
    """
    elements, names = [], []
    known = {*DATA_SETS, *OTHERS, *COLLECTIONS, *NAMES}
    for item in what:
        path = Path(item)
        if atomic_numbers.get(item, 0) > 0 or parse_pair(item):
            elements.append(item)
        elif (
            item in known
            or path.exists()
            or (len(what) > 1 and (path.suffix or len(path.parts) > 1))
        ):
            names.append(item)
        else:
            raise InputError(
                f"{item!r} is no element, no pair of elements, no data set, and no file"
            )
    return elements, names


def default_elements(calculator: BaseCalculator) -> list[str]:
    """Return what to scan where nobody said."""
    backend = describe(calculator).backend
    if backend == "toy":
        return ["N"]
    if backend == "ase":
        raise InputError("which elements? Name those that the calculator knows, as in Cu Al")
    return list(DEMONSTRATION)


def default_structures(
    calculator: BaseCalculator, elements: Iterable[str]
) -> list[RelaxedReference]:
    """Return clusters for the toy, whose crystals collapse, else the elements' own crystals."""
    if describe(calculator).backend == "toy":
        return morse_clusters()
    # a pair like Cu-O counts for both of its elements
    return dcdft_crystals(x for e in elements for x in e.split("-"))


def _of_elements(calculator: BaseCalculator, elements: Sequence[str]) -> System:
    chosen = elements or default_elements(calculator)
    references = default_structures(calculator, chosen)
    sets: list[FrameSet] = []
    if not elements and describe(calculator).backend == "toy":
        sets = [morse_frames(name) for name in NAMES]
    missing = {} if sets else {"parity": "no labelled frames given"}
    if not sets:
        missing["distances"] = "no structures of your own given"
    if not references:
        missing["relax"] = f"no crystal is known of {', '.join(chosen)}"
    return System(
        elements=tuple(chosen),
        references=tuple(references),
        frames=tuple(sets),
        structures=_own_structures((), sets),
        missing=missing,
        demonstration=not elements,
    )


def _find_references(names: Sequence[str]) -> tuple[list[RelaxedReference], list[str]]:
    """Return what is relaxed, and in words what was given and is not."""
    found: list[RelaxedReference] = []
    for name in names:
        if name in COLLECTIONS:
            found += as_references([name])
    files = [name for name in names if _is_file(name)]
    found += load_references(files) if files else []
    moving = [r for r in found if r.first is None and (r.fmax or 0.0) > AT_REST]
    pressed = [r for r in found if r.first is None and (r.stress or 0.0) > MOST_PRESSED * units.GPa]
    pressed = [r for r in pressed if r not in moving and not r.single_point]
    single = [r for r in found if r.single_point and r not in moving]
    others = [*moving, *pressed, *single]
    left = []
    if moving:
        left.append(f"not relaxed again, forces above {AT_REST} eV/Å: {_told(moving)}")
    if pressed:
        left.append(f"not relaxed again, stress above {MOST_PRESSED} GPa: {_told(pressed)}")
    if single:
        left.append(f"not relaxed again, single points: {_told(single)}")
    return [r for r in found if r not in others], left


def _find_frames(names: Sequence[str], independent: bool) -> tuple[list[FrameSet], list[str]]:
    """Return what has labels, and in words what was given and has none."""
    items = [
        morse_frames(name) if name in NAMES else name
        for name in names
        if name not in COLLECTIONS or name in DATA_SETS
    ]
    sets = load_frame_sets(items) if items else []
    good = [s for s in sets if s.error is None]
    if independent:
        good = [s.independent() for s in good]
    return good, [f"no labels: {s.error}" for s in sets if s.error is not None]


def _is_file(name: str) -> bool:
    return name not in {*DATA_SETS, *OTHERS, *COLLECTIONS, *NAMES}


def _own_structures(
    references: Iterable[RelaxedReference], sets: Iterable[FrameSet]
) -> tuple[tuple[str, Atoms], ...]:
    """Return the structures of the user's own files; for the toy, those that it is shown on."""
    frames = [
        (f.name, f.atoms)
        for s in sets
        if s.name not in DATA_SETS
        for f in s.frames
        if len(f.atoms)  # what is no structure has none
    ]
    relaxed = [
        (r.name, r.relaxed)
        for r in references
        if r.relaxed is not None and r.source not in COLLECTIONS
    ]
    return (*frames, *relaxed)


def _told(references: Sequence[RelaxedReference], many: int = 3) -> str:
    names = ", ".join(r.name for r in references[:many])
    return names + (f" and {len(references) - many} more" if len(references) > many else "")
