"""From the words of a command line to calculators, elements and structures."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ase.calculators.calculator import BaseCalculator

    from ..record import RunRecord


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


def split(text: str | None) -> tuple[str, ...]:
    """Return the names of a list with commas."""
    return tuple(text.split(",")) if text else ()


def parse_sizes(text: str | None) -> tuple[int, ...] | None:
    """Return the numbers of ``--sizes``."""
    from ase.calculators.calculator import InputError

    if text is None:
        return None
    try:
        return tuple(int(x) for x in text.split(","))
    except ValueError as error:
        raise InputError(f"--sizes is {text!r}; give whole numbers, as in 1,3,10") from error


def parse_keys(text: str | None) -> dict[str, str]:
    """Return the keys of ``--label-keys``."""
    from ase.calculators.calculator import InputError

    pairs = [item.partition("=") for item in split(text)]
    if any(not key for _, _, key in pairs):
        raise InputError(f"--label-keys is {text!r}; write energy=my_E,forces=my_F")
    return {label: key for label, _, key in pairs}


def parse_time(text: str | None) -> float | None:
    """Return the fs of ``--time``; a number without a unit is fs."""
    from ase.calculators.calculator import InputError

    if text is None:
        return None
    found = re.fullmatch(r"\s*([\d.]+(?:e\d+)?)\s*(fs|ps|ns)?\s*", text)
    try:
        return float(found[1]) * {"fs": 1.0, "ps": 1e3, "ns": 1e6}[found[2] or "fs"]  # type: ignore[index]
    except (TypeError, ValueError) as error:
        raise InputError(f"--time is {text!r}; give a time as in 200fs or 10ps") from error


def load_runs(paths: list[Path]) -> tuple[list[RunRecord], list[str]]:
    """Return the records of ``report``, and what to call each where they differ."""
    from ase.calculators.calculator import InputError

    from ..results_file import load_runs

    records, names = [], []
    for path in paths:
        try:
            found = load_runs(path)
        except (OSError, ValueError) as error:
            why = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else error
            raise InputError(f"{why}; give what --json or --out of a run has written") from error
        records += found
        # a file of several is named with its models
        names += [f"{path} ({r.calculator.spec})" if len(found) > 1 else str(path) for r in found]
    return records, names
