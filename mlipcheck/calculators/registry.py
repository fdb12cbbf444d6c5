"""From a name to a calculator, and from a calculator to what is known about it."""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import inspect
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ase.calculators.calculator import BaseCalculator, CalculatorSetupError, InputError

from .backend import Backend
from .backends import find_backend, get_backend, list_backends
from .base import FAILURES, CalculatorInfo, brief, refuse_unknown, stays_here


@stays_here()
def get_calculator(
    spec: str, *, device: str = "auto", dtype: str | None = None, **options: Any
) -> BaseCalculator:
    """Return the ASE calculator of a name.

    Parameters
    ----------
    spec : str
        ``backend`` or ``backend:checkpoint``: ``toy``, ``toy:wide``, ``chgnet:r2scan``,
        ``sevennet:7net-l3i5``, ``mace:PATH``, ``ase:emt``; or ``package.module:factory`` for
        your own.
    device : str
        ``auto`` takes a GPU where the backend can use one.
    dtype : str, optional
        ``float32`` or ``float64``, where the model offers the choice.
    **options
        Passed to the backend's loader, which refuses what it does not know.

    Raises
    ------
    InputError
        For an unknown backend, checkpoint or option.
    CalculatorSetupError
        Where the package is missing (with the pip line), or a checkpoint cannot be read.
    """
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", device):
        raise InputError(f"device is {device!r}; give auto, cpu, cuda or cuda:0")
    # for workers, which load their own
    recipe = {"spec": spec, "device": device, "dtype": dtype, **options}
    name, _, rest = spec.partition(":")
    if find_backend(name) is None and all(x.isidentifier() for x in (*name.split("."), rest)):
        calculator = _from_factory(spec, device, dtype, options)
        calculator.mlipcheck_recipe = recipe
        return calculator
    backend = get_backend(name)
    checkpoint = _choose_checkpoint(backend, rest)
    if options and not backend.takes_options:
        where = "" if backend.checkpoints else "; give them to the command that makes its file"
        raise InputError(f"{name} takes no options, got {', '.join(sorted(options))}{where}")
    dtype = dtype or next(iter(backend.dtypes), None)
    if backend.dtypes and dtype not in backend.dtypes:
        raise InputError(f"dtype is {dtype!r}; {name} computes in {', '.join(backend.dtypes)}")
    _check_installed(backend)
    loader = import_callable(backend.loader, name)
    accepted = _keywords(loader)
    if accepted is not None:
        refuse_unknown(options, accepted - {"checkpoint", "device", "dtype"}, name)
    calculator = _construct(spec, loader, checkpoint, device=device, dtype=dtype, **options)
    # what a loader has set itself stands where the row knows nothing
    own = describe(calculator)
    facts = next((c for c in backend.checkpoints if c.name == checkpoint), own)
    path = getattr(calculator, "checkpoint_path", None)
    calculator.mlipcheck_info = replace(
        own,
        spec=spec,
        backend=name,
        version=backend.version,
        checkpoint=checkpoint,
        checkpoint_sha256=None if path is None else checksum(path),
        options={key: str(value) for key, value in options.items()},
        level_of_theory=getattr(calculator, "level_of_theory", None) or facts.level_of_theory,
        energy_convention=facts.energy_convention,
        cutoff=getattr(calculator, "cutoff", None) or backend.cutoff or own.cutoff,
        bond_scale=backend.bond_scale or own.bond_scale,
    )
    calculator.mlipcheck_recipe = recipe
    return calculator


def _from_factory(
    spec: str, device: str, dtype: str | None, options: dict[str, Any]
) -> BaseCalculator:
    """Return what ``package.module:factory`` makes; device and dtype go where it takes them."""
    module = spec.partition(":")[0]
    try:
        factory = import_callable(spec, spec)
    except CalculatorSetupError as error:
        cause = error.__cause__
        absent = cause.name if isinstance(cause, ModuleNotFoundError) else None
        if not absent or not f"{module}.".startswith(f"{absent}."):
            raise
        known = ", ".join(b.name for b in list_backends())
        raise InputError(
            f"no backend is called {module!r}, nor any module; known backends: {known}"
        ) from error
    # auto is our word, which a factory need not know: its own default stands then
    asked = {"device": None if device == "auto" else device, "dtype": dtype}
    given = {key: value for key, value in asked.items() if value is not None}
    accepted = _keywords(factory)
    if accepted is not None:
        refuse_unknown(options, accepted, spec)
        if dtype is not None and "dtype" not in accepted:
            raise InputError(f"{spec} takes no dtype, got {dtype!r}")
        given = {key: value for key, value in given.items() if key in accepted}
    calculator = _construct(spec, factory, **given, **options)
    packages = importlib.metadata.packages_distributions().get(module.partition(".")[0])
    calculator.mlipcheck_info = CalculatorInfo(
        spec=spec,
        version=importlib.metadata.version(packages[0]) if packages else None,
        options={key: str(value) for key, value in options.items()},
        cutoff=getattr(calculator, "cutoff", None),
    )
    return calculator


def check_safe(spec: str, options: Iterable[str]) -> Path | None:
    """Return the file of the checkpoint of a calculator that a file may name, None without one.

    Whoever opens a file from elsewhere has not read it: it must not start a program, run code that
    came with it, or download anything. `InputError` for what it may not name or set, and for a
    checkpoint that is not here.
    """
    name, _, rest = spec.partition(":")
    rows = {b.name: b for b in list_backends() if b.safe}
    some = {key: row.safe for key, row in rows.items() if isinstance(row.safe, tuple)}
    checkpoint = _choose_checkpoint(rows[name], rest) if name in rows else ""
    if name not in rows or checkpoint not in some.get(name, [checkpoint]):
        names = [f"{key}:{x}" if x else key for key in rows for x in some.get(key, [""])]
        raise InputError(
            f"a file may not name {spec!r}, only {', '.join(names)}: it must not run code of "
            "its own; in Python any calculator can be put inside"
        )
    backend = rows[name]
    _check_installed(backend)
    for option in options:
        if option not in backend.safe_options:
            allowed = ", ".join(backend.safe_options) or "none"
            raise InputError(f"a file may not set {option!r} of {spec}; it may set: {allowed}")
    known = next((c for c in backend.checkpoints if c.name == checkpoint), None)
    if known is not None:
        if not known.found:
            raise InputError(
                f"the checkpoint of {spec} is not here, and a file downloads nothing; get it with "
                f"'mlipcheck run --only interface -b {spec}'"
            )
        return known.path if known.files else None
    if backend.takes_path and backend.runs_code:
        raise InputError(
            f"a file may not name {spec!r}, only {name}'s own checkpoints: loading it would run "
            "code in it; in Python any calculator can be put inside"
        )
    return Path(checkpoint) if backend.takes_path else None


def as_calculator(given: BaseCalculator | str, device: str = "auto") -> BaseCalculator:
    """Return a calculator as it is, or that of a name; `InputError` for what is neither."""
    if isinstance(given, str):
        return get_calculator(given, device=device)
    if isinstance(given, type) or not hasattr(given, "get_property"):
        wrong = f"the class {given.__name__}" if isinstance(given, type) else repr(given)
        raise InputError(f"{wrong} is no calculator; give one, as EMT(), or a name, as 'chgnet'")
    return given


def describe(calculator: BaseCalculator) -> CalculatorInfo:
    """Return what is known about a calculator; of a third-party one, its class."""
    info = getattr(calculator, "mlipcheck_info", None)
    if not isinstance(info, CalculatorInfo):
        cls = type(calculator)
        info = CalculatorInfo(spec=f"{cls.__module__}.{cls.__qualname__}")
    found = (getattr(calculator, name, None) for name in ("dtype", "device"))
    dtype, device = (None if value is None else str(value) for value in found)
    return replace(info, dtype=dtype, device=device)


def get_trainer(calculator: BaseCalculator) -> Any | None:
    """Return the module that fine-tunes this calculator's models, None where there is none.

    It has ``fine_tune(calculator, frames, *, seed)``, ``save(calculator, path)`` and
    ``SETTINGS``, words for what is fixed beforehand.
    """
    backend = find_backend(describe(calculator).backend)
    trainer = backend.trainer if backend else None
    return importlib.import_module(trainer) if trainer else None


def _choose_checkpoint(backend: Backend, asked: str) -> str:
    if backend.error is not None:
        raise CalculatorSetupError(f"{backend.name}: {backend.error}")
    if asked and backend.takes_path and Path(asked).is_file():
        return asked
    if backend.checkpoints:
        return backend.checkpoint(asked or backend.checkpoints[0].name).name
    if backend.takes_path:
        which = f"no file {asked!r}" if asked else "no file is named"
        needs = f", {backend.needs}" if backend.needs else ""
        raise InputError(f"{backend.name}: {which}; give {backend.name}:FILE{needs}")
    if not asked:
        raise InputError(
            f"{backend.name!r} names no calculator; give {backend.name}:NAME, as in ase:emt"
        )
    return asked


def _check_installed(backend: Backend) -> None:
    if not backend.installed:
        also = f" ({backend.needs})" if backend.needs else ""
        raise CalculatorSetupError(
            f"{backend.name} needs the package {backend.distribution or backend.package}{also}, "
            f"which is not installed; type: {backend.pip_line}"
        )


def import_callable(place: str, owner: str) -> Callable[..., Any]:
    """Return what ``module:name`` is; what another package raises is one line."""
    module, _, name = place.partition(":")
    try:
        found = getattr(importlib.import_module(module), name, None)
    except FAILURES as error:
        raise CalculatorSetupError(
            f"{owner}: {module} cannot be imported ({brief(error)})"
        ) from error
    if not callable(found):
        raise InputError(f"{owner}: {module} has no function or class {name!r}")
    return found


def _construct(spec: str, make: Callable[..., Any], *args: Any, **kwargs: Any) -> BaseCalculator:
    """Call a constructor with the user's words; what it raises is one line."""
    try:
        calculator = make(*args, **kwargs)
    except (CalculatorSetupError, MemoryError):
        raise
    except FAILURES as error:
        given = ", ".join(f"{key}={value!r}" for key, value in kwargs.items()) or "no options"
        raise CalculatorSetupError(
            f"{spec} could not be set up with {given} ({brief(error)})"
        ) from error
    if not isinstance(calculator, BaseCalculator):
        kind = type(calculator).__name__
        raise CalculatorSetupError(f"{spec} returned a {kind}, which is not an ASE calculator")
    return calculator


def _keywords(function: Callable[..., Any]) -> set[str] | None:
    """Return the keywords that a function takes, None where it takes any or does not say."""
    try:
        parameters = inspect.signature(function).parameters
    except ValueError:  # some compiled functions have no signature
        return None
    anything = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    return None if anything else set(parameters)


def checksum(path: Path) -> str:
    """Return the sha256 of a file."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
