"""From a user's words to a system: elements, relaxed structures, labelled frames."""

from __future__ import annotations

import difflib
import itertools
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from ase import Atoms
from ase.calculators.calculator import BaseCalculator, InputError
from ase.data import atomic_numbers
from ase.formula import Formula

from ..calculators.backends import get_demonstration
from ..calculators.registry import describe
from ..drawing.tables import count
from ..record import Subject
from ..references.crystals import dcdft_crystals
from ..references.curves import parse_pair
from ..references.frame_sets import FrameSet, make_sets
from ..references.inputs import COLLECTIONS, DATA_SETS, MORSE, OTHERS, load_frame_sets
from ..references.paths import find_paths
from ..references.phonons import find_phonons
from ..references.reader import Run, read_runs
from ..references.structures import RelaxedReference, from_atoms, make_references, morse_clusters
from ..system import Settings, System

# eV; differences on the hydrogen-evolution volcano are 0.1 to 0.2.
ENERGY_RESOLUTION = 0.1
MAX_FORMULAS = 3  # that a report names
KNOWN = tuple(dict.fromkeys((*DATA_SETS, *OTHERS, *COLLECTIONS, *MORSE)))


def find_system(
    calculator: BaseCalculator, what: Sequence[str | Run], settings: Settings | None = None
) -> System:
    """Find out what was given: elements and pairs, data sets, files and folders, or runs as read.

    Each file is read once. Labelled frames are compared with their labels; what is relaxed is
    relaxed again: runs, and structures whose forces are small or unknown. Elements are those asked
    for, and the pairs that some structure of the user's has. What ``settings.paths`` name is read,
    too, and is compared with its labels; none of it is relaxed.

    Raises
    ------
    InputError
        For an unknown word, or where nothing that was given can be read.
    """
    settings = settings or Settings()
    paths, given = settings.paths, [run for run in what if isinstance(run, Run)]
    elements, names = sort_words([word for word in what if isinstance(word, str)])
    for path in paths:
        if not Path(path).exists():
            raise InputError(f"--path {path}: no such file or folder")
    along = [path for path in paths if path not in names]
    if not (names or along or given):
        return _of_elements(calculator, elements)
    phonons, names = find_phonons(names)
    with_phonons = {p.given for p in phonons}  # a folder of theirs needs nothing else
    runs = read_runs([*(name for name in names if name not in KNOWN), *along], settings.reading)
    runs = [run for run in runs if not (run.error and run.source in with_phonons)]
    files, runs = runs, [*runs, *given]
    relaxed = [r for name in names if name in COLLECTIONS for r in COLLECTIONS[name]()]
    only_along = {str(Path(path)) for path in along}
    relaxed += make_references(run for run in runs if run.given not in only_along)
    references = [r for r in relaxed if r.not_relaxed is None]
    references += [from_atoms(p.unitcell, p.name, p.source) for p in phonons if not p.error]
    sets, failed = _find_frames(names, runs, settings.independent)
    readable = [r for r in references if r.relaxed is not None]
    if not (elements or readable or sets or len(references) < len(relaxed)):
        errors = [p.error for p in phonons if p.error]
        errors += [r.error for r in references if r.error] or [s.error or "" for s in failed]
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise InputError(f"{errors[0]}{more}")
    own = _own_structures(references, sets)
    couples = itertools.combinations_with_replacement
    kinds = {frozenset(atoms.symbols) for _, atoms in own}
    kinds |= {kind for s in sets if s.stored is not None for kind in s.compositions}
    pairs = {f"{a}-{b}" for kind in kinds for a, b in couples(sorted(kind), 2)}
    return System(
        calculator=describe(calculator),
        elements=(*elements, *sorted(pairs)),
        named=tuple(elements),
        references=tuple(references),
        frames=tuple(sets),
        phonons=tuple(phonons),
        structures=own,
        paths=tuple(find_paths(runs, paths)),
        not_relaxed=tuple((r.name, r.not_relaxed) for r in relaxed if r.not_relaxed),
        unlabelled=tuple((s.name, (s.error or "").removeprefix(f"{s.source}: ")) for s in failed),
        left_out=_left_out(runs, sets),
        found=_found(files, sets, readable),
    )


def sort_words(what: Sequence[str]) -> tuple[list[str], list[str]]:
    """Part elements and pairs from data sets and files.

    A missing file among others is kept, for a row that says so.
    """
    elements, names = [], []
    for item in what:
        path = Path(item)
        missing = len(what) > 1 and (path.suffix or len(path.parts) > 1)
        if _is_element_or_pair(item):
            elements.append(item)
        elif item in KNOWN or os.path.exists(item) or missing:  # of any length
            names.append(item)
        else:
            raise InputError(
                f"{item!r} is not an element, a pair of elements, a data set, or a file; "
                f"{_hint(item)}"
            )
    return elements, names


def _is_element_or_pair(word: str) -> bool:
    return atomic_numbers.get(word, 0) > 0 or parse_pair(word) is not None


def _hint(word: str) -> str:
    """Say what a word may have been meant for: other capitals, a name with a slip, a formula."""
    capitals = "-".join(part.capitalize() for part in word.split("-"))
    meant = [capitals] if _is_element_or_pair(capitals) else []
    files = [str(path) for path in Path(word).parent.glob("*")]
    close = difflib.get_close_matches
    meant += close(word, KNOWN, n=1, cutoff=0.7) or close(word, files, n=1, cutoff=0.82)
    hints = [f"did you mean {', or '.join(meant)}?"] if meant else []
    try:
        elements = list(Formula(word).count())
    except ValueError:
        elements = []
    if elements and all(map(_is_element_or_pair, elements)):
        pair = f", or their pair: {'-'.join(elements)}" if len(elements) == 2 else ""
        hints.append(f"of a compound, give a file, or its elements: {' '.join(elements)}{pair}")
    return "; ".join(hints) or f"data sets: {', '.join(KNOWN)}"


def _of_elements(calculator: BaseCalculator, elements: Sequence[str]) -> System:
    info = describe(calculator)
    shown = get_demonstration(info.backend)
    chosen = elements or shown.elements
    if not chosen:
        raise InputError(
            "which system? Name elements that the calculator knows, as in Cu Al, or files"
        )
    # crystals of a Morse curve collapse; a pair like Cu-O counts for both of its elements
    single = [x for e in chosen for x in e.split("-")]
    references = morse_clusters() if shown.morse else dcdft_crystals(single)
    sets = load_frame_sets(MORSE) if shown.morse and not elements else []
    return System(
        calculator=info,
        elements=tuple(chosen),
        named=tuple(elements),
        references=tuple(references),
        frames=tuple(sets),
        structures=_own_structures((), sets),
        demonstration=not elements,
    )


def _find_frames(
    names: Sequence[str], runs: Sequence[Run], independent: bool
) -> tuple[list[FrameSet], list[FrameSet]]:
    """Return what has labels, and what was given and has none."""
    of_files = make_sets(runs)
    known = {*DATA_SETS, *MORSE, *(OTHERS.keys() - COLLECTIONS.keys())}
    public = [name for name in names if name in known]
    sets = load_frame_sets([*of_files, *public]) if of_files or public else []
    good = [s.independent() if independent else s for s in sets if s.error is None]
    return good, [s for s in sets if s.error is not None]


def _left_out(runs: Iterable[Run], sets: Iterable[FrameSet]) -> tuple[tuple[str, str], ...]:
    """Return what was read and does not count, and why."""
    copies = [
        (_below(copy, run.given), f"a copy, counted once (of {run.name})")
        for run in runs
        for copy in run.copies
    ]
    frames = [(f.name, f"left out, {f.error}") for s in sets for f in s.left_out]
    samples = [
        (s.name, f"only parity takes all {len(s.every)} frames, other checks {len(s.frames)}")
        for s in sets
        if s.stored is not None
    ]
    return (*copies, *frames, *samples)


def _below(path: str, given: str) -> str:
    inside = Path(path).is_relative_to(given) and path != given
    return Path(path).relative_to(given).as_posix() if inside else path


def _found(
    runs: Sequence[Run], sets: Iterable[FrameSet], references: Sequence[RelaxedReference]
) -> str:
    """Say what was found in files; nothing where there are none."""
    if not runs:
        return ""
    files = sum(1 + len(run.copies) for run in runs)
    good = files - sum(run.error is not None for run in runs)
    read = count(files, "file") if good == files else f"{good} of {count(files, 'file')}"
    counted = [s for s in sets if s.name not in DATA_SETS]
    own = [r for r in references if r.source not in COLLECTIONS]
    labelled = count(sum(s.usable for s in counted), "labelled frame")
    of_runs = count(sum(s.runs for s in counted), "run")
    return f"read {read}: {labelled} of {of_runs}, {count(len(own), 'structure')} to relax"


def _own_structures(
    references: Iterable[RelaxedReference], sets: Iterable[FrameSet]
) -> tuple[tuple[str, Atoms], ...]:
    """Return the structures of the user's own files; for the toy, those that it is shown on."""
    found = [(f.name, f.atoms) for s in sets if s.name not in DATA_SETS for f in s.frames]
    own = (r for r in references if r.source not in COLLECTIONS)
    found += [(r.name, r.relaxed) for r in own if r.relaxed is not None]
    return tuple(pair for pair in found if len(pair[1]))  # what is not a structure has no atoms


def name_subject(system: System) -> Subject:
    """Return what a record says of a system."""
    kinds = {f"{atoms.symbols.formula.reduce()[0]:hill}": atoms for _, atoms in system.structures}
    formulas = [f"{atoms.symbols.formula.reduce()[0]:reduce}" for atoms in kinds.values()]
    return Subject(
        formulas=tuple(formulas[:MAX_FORMULAS]),
        compound=any(len(set(atoms.numbers)) > 1 for atoms in kinds.values()),
        elements=system.named,
        frames=sum(len(s.every) for s in system.frames),
        runs=sum(s.runs for s in system.frames),
        levels=tuple(dict.fromkeys(s.level_of_theory or "" for s in system.frames)),
        demonstration=system.demonstration,
    )
