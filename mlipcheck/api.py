"""The public API: checks from Python, and what they found."""

from __future__ import annotations

import dataclasses
import os
import re
import reprlib
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from numbers import Integral, Real
from pathlib import Path
from typing import Any, TypeAlias

from ase import Atoms
from ase.calculators.calculator import BaseCalculator, InputError

from .calculators.base import as_list, refuse_unknown
from .calculators.registry import as_calculator
from .checks import read_names
from .checkup.plan import plan_checkup
from .checkup.run import run_checkup
from .checkup.workers import check_workers, find_recipe
from .comparison import compare_runs
from .references.inputs import as_inputs
from .report.report import Report
from .system import Settings

# what settings are, by the first word of their type
KINDS = {
    "int": (Integral, "a whole number"),
    "float": (Real, "a number"),
    "str": (str, "text"),
    "dict": (Mapping, "a dict"),
}
Model: TypeAlias = BaseCalculator | str
Input: TypeAlias = Atoms | str | os.PathLike[str] | Sequence[Atoms]


def run_checks(
    calculators: Model | Sequence[Model],
    inputs: Input | Iterable[Input] = (),
    *,
    only: str | Sequence[str] | None = None,
    quick: bool = False,
    device: str = "auto",
    executor: Executor | int | None = None,
    timeout: float | None = None,
    **settings: Any,
) -> Report:
    """Run every check that what was given allows, with one model or several, and judge.

    Parameters
    ----------
    calculators : one or several of
        any ASE calculator; a name such as ``"chgnet"`` or ``"toy:wide"``, see `get_calculator`.
    inputs : one or several of
        Atoms; lists of Atoms, which are frames of one set (a list of nothing but Atoms is one,
        too); paths of files and folders; elements (``"Cu"``), pairs (``"Cu-O"``), and names of data
        sets. Nothing is a demonstration, of a model that has one. A structure is a start, and what
        moves is reported, unless it has stored results (a `SinglePointCalculator`, as
        ``ase.io.read`` leaves it): they are labels. Any other calculator on it is not asked.
    only : str or several, optional
        The checks to run, by their names or those of their commands: ``"dimers,relax"``.
    quick : bool
        Do less, by fixed amounts of work.
    device : str
        Of models that are named.
    executor : concurrent.futures.Executor or int, optional
        Whose workers do the work, or how many processes; models then have to be named. The report
        is that of a run without.
    timeout : float, optional
        Seconds that a task of a worker may take.
    **settings
        Fields of `mlipcheck.system.Settings`, those of the command line: ``reference="pbe"``,
        ``energy_resolution=0.1``, ``paths="neb/"``, ...

    Returns
    -------
    Report
        Also of what is finished, where the run was interrupted. What failed is in its rows.

    Raises
    ------
    InputError
        For what cannot be read or cannot be, an unknown setting, and models that were not given
        the same.
    """
    chosen = make_settings(only=read_names(only or ()), quick=quick, **settings)
    what = as_inputs(inputs, chosen.reading)
    models = [as_calculator(given, device) for given in as_list(calculators)]
    if not models:
        raise InputError("no calculator; give one, or a name such as 'chgnet'")
    check_workers(executor, timeout)
    for model in models if executor is not None else ():
        find_recipe(model)
    # a mistake in any of them is reported before any work is done
    plans = [plan_checkup(model, what, chosen) for model in models]
    runs = []
    for model, plan in zip(models, plans, strict=True):
        runs.append(run_checkup(model, plan, executor=executor, timeout=timeout))
        if runs[-1].interrupted:  # half a model is not to be compared with a whole one
            runs = runs[:-1] or runs
            break
    return Report(compare_runs(runs))


def make_settings(**given: Any) -> Settings:
    """Return settings of keywords: one value is taken where several may be, None is the default."""
    fields = {f.name: re.split(r"\W", str(f.type))[0] for f in dataclasses.fields(Settings)}
    refuse_unknown(given, fields, "run_checks")
    chosen = {name: value for name, value in given.items() if value is not None}
    for name, value in chosen.items():
        if fields[name] == "tuple":
            chosen[name] = tuple(as_list(value))
        kind, words = KINDS.get(fields[name], (object, ""))
        if not isinstance(value, kind):
            raise InputError(f"{name} is {reprlib.repr(value)}; give {words}")
    chosen["paths"] = tuple(map(os.fspath, chosen.get("paths", ())))
    if "fits" in chosen:
        chosen["fits"] = Path(chosen["fits"])
    return Settings(**chosen)
