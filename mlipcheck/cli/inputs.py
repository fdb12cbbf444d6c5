"""From the words of a command line to calculators, elements and structures."""

from __future__ import annotations

import os
import sys
from itertools import combinations_with_replacement
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ase.calculators.calculator import BaseCalculator

    from ..references.frames import FrameSet
    from ..references.structures import RelaxedReference
    from ..results import RunRecord

# What a real model is shown on where nobody names a system.
DEMONSTRATION = ("Cu", "Si", "O")
# eV; differences on the hydrogen-evolution volcano are 0.1 to 0.2.
SIGNAL = 0.1


def load_calculator(spec: str, device: str, options: list[str] | None) -> BaseCalculator:
    """Return the calculator of ``--backend`` with its ``--option KEY=VALUE``."""
    from ase.calculators.calculator import InputError

    from ..calculators.base import read_literal
    from ..calculators.registry import get_calculator

    parsed: dict[str, Any] = {}
    for item in options or []:
        key, equals, value = item.partition("=")
        if not equals:
            raise InputError(f"option {item!r} has no value; write KEY=VALUE")
        parsed[key] = read_literal(value)
    # a factory of the user's own may lie where they work
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    return get_calculator(spec, device=device, **parsed)


def default_elements(calculator: BaseCalculator) -> list[str]:
    """Return what to scan where nobody said."""
    from ase.calculators.calculator import InputError

    from ..calculators.registry import describe

    backend = describe(calculator).backend
    if backend == "toy":
        return ["N"]
    if backend == "ase":
        raise InputError("which elements? Name those that the calculator knows, as in Cu Al")
    return list(DEMONSTRATION)


def default_structures(calculator: BaseCalculator, elements: list[str]) -> list[RelaxedReference]:
    """Return clusters for the toy, whose crystals collapse, else the elements' own crystals."""
    from ..calculators.registry import describe
    from ..references.crystals import dcdft_crystals
    from ..references.structures import morse_clusters

    if describe(calculator).backend == "toy":
        return morse_clusters()
    # a pair like Cu-O counts for both of its elements
    return dcdft_crystals(x for e in elements for x in e.split("-"))


def load_structures(
    calculator: BaseCalculator, files: list[Path], collection: str | None
) -> list[RelaxedReference]:
    """Return the references of ``relax``: files, and a collection by name."""
    from ase.calculators.calculator import InputError

    from ..references.files import COLLECTIONS, as_references

    if collection is not None and collection not in COLLECTIONS:
        known = ", ".join(COLLECTIONS)
        raise InputError(f"--reference is {collection!r}; give one of {known}, or files")
    items = [*files, *([collection] if collection else [])]
    if not items:
        return default_structures(calculator, default_elements(calculator))
    return _some_readable(as_references(items))


def sort_arguments(what: list[str]) -> tuple[list[str], list[Path]]:
    """Tell elements and pairs from files; a missing file among others is kept, for a row."""
    from ase.calculators.calculator import InputError
    from ase.data import atomic_numbers

    from ..references.curves import parse_pair

    elements, files = [], []
    for item in what:
        path = Path(item)
        if atomic_numbers.get(item, 0) > 0 or parse_pair(item):
            elements.append(item)
        elif path.exists() or (len(what) > 1 and (path.suffix or len(path.parts) > 1)):
            files.append(path)
        else:
            raise InputError(f"{item!r} is no element, no pair of elements, and no file")
    return elements, files


def choose_system(
    calculator: BaseCalculator, elements: list[str], files: list[Path]
) -> tuple[list[str], list[RelaxedReference]]:
    """Return what to scan, the files' own pairs too, and the structures to relax."""
    from ..references.files import as_references

    if not files:
        chosen = elements or default_elements(calculator)
        return chosen, default_structures(calculator, chosen)
    references = as_references(files)
    if not elements:
        _some_readable(references)
    # the pairs that some structure has, and not those across structures
    met = {
        f"{a}-{b}"
        for r in references
        if r.relaxed is not None
        for a, b in combinations_with_replacement(sorted(set(r.relaxed.get_chemical_symbols())), 2)
    }
    return elements + sorted(met), references


def _some_readable(references: list[RelaxedReference]) -> list[RelaxedReference]:
    """Return the references, or raise the first one's error where none could be read."""
    from ase.calculators.calculator import InputError

    if all(r.relaxed is None for r in references):
        more = f" (and {len(references) - 1} more)" if len(references) > 1 else ""
        raise InputError(f"{references[0].error}{more}")
    return references


def parse_sizes(text: str | None) -> list[int] | None:
    """Return the numbers of ``--sizes``."""
    from ase.calculators.calculator import InputError

    if text is None:
        return None
    try:
        return [int(x) for x in text.split(",")]
    except ValueError as error:
        raise InputError(f"--sizes is {text!r}; give whole numbers, as in 1,3,10") from error


def one_set(calculator: BaseCalculator, what: list[str], independent: bool) -> FrameSet:
    """Return the one set of frames that ``learn`` takes."""
    from ase.calculators.calculator import InputError

    sets = load_frames(calculator, what, independent)
    if len(sets) != 1:
        names = ", ".join(s.name for s in sets)
        raise InputError(f"learning takes one set of frames, {len(sets)} given: {names}")
    return sets[0]


def refuse_without_frames(calculator: BaseCalculator) -> None:
    """Raise where nobody named frames for a model that is no toy."""
    load_frames(calculator, [])


def load_frames(
    calculator: BaseCalculator, what: list[str], independent: bool = False
) -> list[FrameSet]:
    """Return the frames of ``parity``: files, folders and data sets, or clusters for the toy."""
    from ase.calculators.calculator import InputError

    from ..calculators.registry import describe
    from ..references.frames import DATA_SETS, load_frame_sets
    from ..references.morse_frames import NAMES, morse_frames

    if not what and describe(calculator).backend != "toy":
        raise InputError(f"which frames? Name files, folders, or {', '.join(DATA_SETS)}")
    items = [morse_frames(item) if item in NAMES else item for item in what or NAMES]
    sets = load_frame_sets(items)
    return [s.independent() for s in sets] if independent else sets


def load_runs(paths: list[Path]) -> list[RunRecord]:
    """Return the records of ``report``."""
    from ase.calculators.calculator import InputError

    from ..storage import load_run

    records = []
    for path in paths:
        try:
            records.append(load_run(path))
        except (OSError, ValueError) as error:
            why = f"{path}: {error.strerror}" if isinstance(error, OSError) else error
            raise InputError(f"{why}; give what --json of a run has written") from error
    return records
