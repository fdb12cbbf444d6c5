"""From the words of a command line to calculators, elements and structures."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from ase.calculators.calculator import BaseCalculator, InputError

    from ..record import RunRecord


def mistake(text: str) -> InputError:
    """Return what to raise for a mistake of the user's; ASE is not loaded before there is one."""
    from ase.calculators.calculator import InputError

    return InputError(text)


def load_calculator(spec: str, device: str, options: list[str] | None) -> BaseCalculator:
    """Return the calculator of ``--backend`` with its ``--option KEY=VALUE``."""
    from ..calculators.registry import get_calculator

    return get_calculator(**read_recipe(spec, device, options))


def read_recipe(spec: str, device: str, options: list[str] | None) -> dict[str, Any]:
    """Return what `get_calculator` is given for them."""
    from ..calculators.backends import list_backends
    from ..calculators.base import read_literal

    parsed: dict[str, Any] = {}
    for item in options or []:
        key, equals, value = item.partition("=")
        if not equals:
            raise mistake(f"option {item!r} has no value; write KEY=VALUE")
        if key in ("device", "spec"):  # what get_calculator is given beside the options
            own = "--device" if key == "device" else "--backend"
            raise mistake(f"option {item!r} has an option of its own; write {own} {value}")
        parsed[key] = read_literal(value)
    # a factory of the user's own may lie where they work; a package that a backend looks for, not
    if spec.partition(":")[0] not in {b.name for b in list_backends()}:
        _look_here()
    return {"spec": spec, "device": device, **parsed}


def find_executor(
    workers: int | None, executor: str | None, timeout: float | None
) -> Callable[[], AbstractContextManager[Executor | int | None]]:
    """Return what opens ``--workers`` or ``--executor``, refused before any work is done."""
    from ..calculators.base import FAILURES, brief
    from ..calculators.registry import import_callable
    from ..checkup.workers import check_workers

    if workers is not None and executor is not None:
        raise mistake(f"--workers {workers} and --executor {executor}: give one of them")
    check_workers(workers if executor is None else 1, timeout)
    if executor is None:
        return lambda: nullcontext(workers)
    _look_here()
    factory = import_callable(executor, "--executor")

    def make() -> AbstractContextManager[Executor]:
        try:
            made = factory()
        except FAILURES as error:
            raise mistake(f"--executor {executor} cannot be had ({brief(error)})") from error
        if not (hasattr(made, "submit") and hasattr(made, "__exit__")):
            kind = type(made).__name__
            raise mistake(f"--executor {executor} returned a {kind}, which is no Executor")
        return cast("AbstractContextManager[Executor]", made)

    return make


def _look_here() -> None:
    """Find modules where the user works, too."""
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())


def split(text: str) -> tuple[str, ...]:
    """Return the names of a list with commas."""
    return tuple(text.split(",")) if text else ()


def parse_sizes(text: str) -> tuple[int, ...]:
    """Return the numbers of ``--sizes``."""
    try:
        return tuple(int(x) for x in text.split(","))
    except ValueError as error:
        raise mistake(f"--sizes is {text!r}; give whole numbers, as in 1,3,10") from error


def parse_keys(text: str) -> dict[str, str]:
    """Return the keys of ``--label-keys``."""
    pairs = [item.partition("=") for item in split(text)]
    if any(not key for _, _, key in pairs):
        raise mistake(f"--label-keys is {text!r}; write energy=my_E,forces=my_F")
    return {label: key for label, _, key in pairs}


def parse_time(text: str) -> float:
    """Return the fs of ``--time``; a number without a unit is fs."""
    found = re.fullmatch(r"\s*([\d.]+(?:e\d+)?)\s*(fs|ps|ns)?\s*", text)
    try:
        return float(found[1]) * {"fs": 1.0, "ps": 1e3, "ns": 1e6}[found[2] or "fs"]  # type: ignore[index]
    except (TypeError, ValueError) as error:
        raise mistake(f"--time is {text!r}; give a time as in 200fs or 10ps") from error


def load_runs(paths: list[Path]) -> tuple[list[RunRecord], list[str]]:
    """Return the records of ``report``, and what to call each where they differ."""
    from ..results_file import load_runs

    records, names = [], []
    for path in paths:
        try:
            found = load_runs(path)
        except (OSError, ValueError) as error:
            why = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else error
            raise mistake(f"{why}; give what --json or --out of a run has written") from error
        records += found
        # a file of several is named with its models
        names += [f"{path} ({r.calculator.spec})" if len(found) > 1 else str(path) for r in found]
    return records, names
