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
from .base import FAILURES, brief, refuse_unknown, stays_here
from .records import CalculatorInfo


@stays_here
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
    name, _, rest = spec.partition(":")
    parts = (*name.split("."), rest)
    if find_backend(name) is None and all(part.isidentifier() for part in parts):
        return _from_factory(spec, device, dtype, options)
    backend = get_backend(name)
    if backend.error is not None:
        raise CalculatorSetupError(f"{name}: {backend.error}")
    checkpoint = _choose_checkpoint(backend, rest)
    if options and not backend.takes_options:
        raise InputError(f"{name} takes no options, got {', '.join(sorted(options))}")
    dtype = dtype or next(iter(backend.dtypes), None)
    if backend.dtypes and dtype not in backend.dtypes:
        raise InputError(f"dtype is {dtype!r}; {name} computes in {', '.join(backend.dtypes)}")
    _check_installed(backend)
    loader = _import(backend.loader, name)
    accepted = _keywords(loader)
    if accepted is not None:
        refuse_unknown(options, accepted - {"checkpoint", "device", "dtype"}, name)
    calculator = _construct(spec, loader, checkpoint, device=device, dtype=dtype, **options)
    # what a loader has set itself stands where the row knows nothing
    own = describe(calculator)
    facts = next((c for c in backend.checkpoints if c.name == checkpoint), own)
    path = getattr(calculator, "checkpoint_path", None)
    calculator.mlipcheck_info = CalculatorInfo(
        spec=spec,
        backend=name,
        version=backend.version,
        checkpoint=checkpoint,
        checkpoint_sha256=None if path is None else checksum(path),
        options={key: str(value) for key, value in options.items()},
        level_of_theory=facts.level_of_theory,
        energy_convention=facts.energy_convention,
        cutoff=getattr(calculator, "cutoff", None) or backend.cutoff or own.cutoff,
        bond_scale=backend.bond_scale or own.bond_scale,
        **_numerics(calculator),
    )
    return calculator


def check_safe(spec: str, options: Iterable[str]) -> Path | None:
    """Return the file of the checkpoint of a calculator that a file may name, None without one.

    Whoever opens a file from elsewhere has not read it: it must not start a program, run code that
    came with it, or download anything.

    Raises
    ------
    InputError
        For what a file may not name or set, and for a checkpoint that is not here.
    """
    name, _, rest = spec.partition(":")
    backend = find_backend(name)
    safe = backend.safe if backend is not None else False
    checkpoint = _choose_checkpoint(backend, rest) if backend is not None and safe else ""
    if backend is None or not (checkpoint in safe if isinstance(safe, tuple) else safe):
        raise InputError(
            f"a file may not name {spec!r}, only {_safe_names()}: it must not run code of its "
            "own; use RescaledCalculator in your script"
        )
    _check_installed(backend)
    for option in options:
        if option not in backend.safe_options:
            allowed = ", ".join(backend.safe_options) or "none"
            raise InputError(f"a file may not set {option!r} of {spec}; it may set: {allowed}")
    facts = next((c for c in backend.checkpoints if c.name == checkpoint), None)
    if facts is None:
        if backend.takes_path and backend.runs_code:
            raise InputError(
                f"a file may not name {spec!r}, only {name}'s own checkpoints: loading it would "
                "run code in it; use RescaledCalculator in your script"
            )
        return Path(checkpoint) if backend.takes_path else None
    if not facts.found:
        raise InputError(
            f"the checkpoint of {spec} is not here, and a file downloads nothing; get it with "
            f"'mlipcheck run --only interface -b {spec}'"
        )
    return facts.path if facts.files else None


def _safe_names() -> str:
    names = []
    for backend in list_backends():
        if isinstance(backend.safe, tuple):
            names += [f"{backend.name}:{checkpoint}" for checkpoint in backend.safe]
        elif backend.safe:
            names.append(backend.name)
    return ", ".join(names)


def describe(calculator: BaseCalculator) -> CalculatorInfo:
    """Return what is known about a calculator; of a third-party one, its class."""
    info = getattr(calculator, "mlipcheck_info", None)
    if isinstance(info, CalculatorInfo):
        return replace(info, **_numerics(calculator))
    cls = type(calculator)
    return CalculatorInfo(spec=f"{cls.__module__}.{cls.__qualname__}", **_numerics(calculator))


def get_trainer(calculator: BaseCalculator) -> Any | None:
    """Return the module that fine-tunes this calculator's models, None where there is none.

    It has ``fine_tune(calculator, frames, *, seed, progress)``, ``save(calculator, path)`` and
    ``SETTINGS``, words for what is fixed beforehand.
    """
    backend = find_backend(describe(calculator).backend)
    if backend is None or backend.trainer is None:
        return None
    return importlib.import_module(backend.trainer)


def _choose_checkpoint(backend: Backend, asked: str) -> str:
    if not backend.checkpoints:
        if backend.takes_path and not Path(asked).is_file():
            which = f"no file {asked!r}" if asked else "no file is named"
            needs = f", {backend.needs}" if backend.needs else ""
            raise InputError(f"{backend.name}: {which}; give {backend.name}:FILE{needs}")
        if not asked:
            raise InputError(
                f"{backend.name!r} names no calculator; give {backend.name}:NAME, as in ase:emt"
            )
        return asked
    if asked and backend.takes_path and Path(asked).is_file():
        return asked
    return backend.checkpoint(asked or backend.checkpoints[0].name).name


def _check_installed(backend: Backend) -> None:
    if not backend.installed:
        also = f" ({backend.needs})" if backend.needs else ""
        raise CalculatorSetupError(
            f"{backend.name} needs the package {backend.distribution or backend.package}{also}, "
            f"which is not installed; type: {backend.pip_line}"
        )


def _import(place: str, owner: str) -> Callable[..., Any]:
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
        given = ", ".join(f"{key}={value!r}" for key, value in kwargs.items())
        raise CalculatorSetupError(
            f"{spec} could not be set up with {given or 'no options'} ({brief(error)})"
        ) from error
    if not isinstance(calculator, BaseCalculator):
        raise CalculatorSetupError(
            f"{spec} returned a {type(calculator).__name__}, which is not an ASE calculator"
        )
    return calculator


def _keywords(function: Callable[..., Any]) -> set[str] | None:
    """Return the keywords that a function takes, None where it takes any or does not say."""
    try:
        parameters = inspect.signature(function).parameters
    except ValueError:  # some compiled functions have no signature
        return None
    anything = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    return None if anything else set(parameters)


def _from_factory(
    spec: str, device: str, dtype: str | None, options: dict[str, Any]
) -> BaseCalculator:
    """Return what ``package.module:factory`` makes; device and dtype go where it takes them."""
    module = spec.partition(":")[0]
    try:
        factory = _import(spec, spec)
    except CalculatorSetupError as error:
        absent = getattr(error.__cause__, "name", None)  # of a ModuleNotFoundError
        if not absent or not f"{module}.".startswith(f"{absent}."):
            raise
        known = ", ".join(b.name for b in list_backends())
        raise InputError(
            f"no backend is called {module!r}, nor any module; known backends: {known}"
        ) from error
    accepted = _keywords(factory)
    if accepted is not None:
        refuse_unknown(options, accepted, spec)
        if dtype is not None and "dtype" not in accepted:
            raise InputError(f"{spec} takes no dtype, got {dtype!r}")
    # auto is our word, which a factory need not know: its own default stands then
    asked = {"device": None if device == "auto" else device, "dtype": dtype}
    given = {
        k: v for k, v in asked.items() if v is not None and (accepted is None or k in accepted)
    }
    calculator = _construct(spec, factory, **given, **options)
    calculator.mlipcheck_info = CalculatorInfo(
        spec=spec,
        version=_version_of_module(module),
        options={key: str(value) for key, value in options.items()},
        cutoff=getattr(calculator, "cutoff", None),
        **_numerics(calculator),
    )
    return calculator


def _version_of_module(name: str) -> str | None:
    top = name.partition(".")[0]
    found = importlib.metadata.packages_distributions().get(top)
    return importlib.metadata.version(found[0]) if found else None


def _numerics(calculator: BaseCalculator) -> dict[str, Any]:
    found = {name: getattr(calculator, name, None) for name in ("dtype", "device")}
    return {name: None if value is None else str(value) for name, value in found.items()}


def checksum(path: Path) -> str:
    """Return the sha256 of a file."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
