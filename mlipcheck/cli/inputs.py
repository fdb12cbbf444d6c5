"""From the words of a command line to calculators, elements and structures."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ase.calculators.calculator import BaseCalculator

    from ..record import RunRecord
    from ..references.frames import FrameSet
    from ..references.structures import RelaxedReference


def load_calculator(spec: str, device: str, options: list[str] | None) -> BaseCalculator:
    """Return the calculator of ``--backend`` with its ``--option KEY=VALUE``."""
    from ase.calculators.calculator import InputError

    from ..calculators.backends import list_backends
    from ..calculators.base import read_literal
    from ..calculators.registry import get_calculator

    parsed: dict[str, Any] = {}
    for item in options or []:
        key, equals, value = item.partition("=")
        if not equals:
            raise InputError(f"option {item!r} has no value; write KEY=VALUE")
        if key in ("device", "spec"):  # what get_calculator is given beside the options
            own = "--device" if key == "device" else "--backend"
            raise InputError(f"option {item!r} has an option of its own; write {own} {value}")
        parsed[key] = read_literal(value)
    # a factory of the user's own may lie where they work; a package that a backend looks for, not
    factory = spec.partition(":")[0] not in {b.name for b in list_backends()}
    if factory and os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    return get_calculator(spec, device=device, **parsed)


def load_structures(
    calculator: BaseCalculator, files: list[Path], collection: str | None
) -> list[RelaxedReference]:
    """Return the references of ``relax``: files, and a collection by name."""
    from ase.calculators.calculator import InputError

    from ..checkup.system import default_elements, default_structures
    from ..references.files import COLLECTIONS, as_references

    if collection is not None and collection not in COLLECTIONS:
        known = ", ".join(COLLECTIONS)
        raise InputError(f"--reference is {collection!r}; give one of {known}, or files")
    items = [*files, *([collection] if collection else [])]
    if not items:
        return default_structures(calculator, default_elements(calculator))
    return _some_readable(as_references(items))


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


def load_runs(paths: list[Path]) -> tuple[list[RunRecord], list[str]]:
    """Return the records of ``report``, and what to call each where they differ."""
    from ase.calculators.calculator import InputError

    from ..storage import load_runs

    records, names = [], []
    for path in paths:
        try:
            found = load_runs(path)
        except (OSError, ValueError) as error:
            why = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else error
            raise InputError(f"{why}; give what --json or --out of a run has written") from error
        records += found
        # a file of several is told by its models
        names += [f"{path} ({r.calculator.spec})" if len(found) > 1 else str(path) for r in found]
    return records, names
