"""From a name to a calculator, and from a calculator to what is known of it."""

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
from .backends import get_backend, list_backends
from .base import brief, refuse_unknown, stays_here
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
    if rest and name not in {b.name for b in list_backends()} and _is_factory(name, rest):
        return _from_factory(spec, device=device, dtype=dtype, **options)
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
    loader = _loader_of(backend)
    accepted = _keywords(loader)
    if accepted is not None:
        refuse_unknown(options, accepted - {"checkpoint", "device", "dtype"}, name)
    calculator = _construct(spec, loader, checkpoint, device=device, dtype=dtype, **options)
    facts = {c.name: c for c in backend.checkpoints}.get(checkpoint)
    path = getattr(calculator, "checkpoint_path", None)
    # what a loader has hung on it stands where the row knows nothing
    own = describe(calculator)
    calculator.mlipcheck_info = CalculatorInfo(
        spec=spec,
        backend=name,
        version=backend.version,
        checkpoint=checkpoint,
        checkpoint_sha256=None if path is None else checksum(path),
        options={key: str(value) for key, value in options.items()},
        level_of_theory=facts.level_of_theory if facts else own.level_of_theory,
        energy_convention=facts.energy_convention if facts else own.energy_convention,
        cutoff=getattr(calculator, "cutoff", None) or backend.cutoff or own.cutoff,
        bond_scale=backend.bond_scale or own.bond_scale,
        **_numerics(calculator),
    )
    return calculator


def check_safe(spec: str, options: Iterable[str]) -> Path | None:
    """Return the file of the checkpoint of a calculator that a file may name, None without one.

    Whoever opens a file of somebody else's has not read it: it is to start no program, run no
    code that came with it, and fetch nothing.

    Raises
    ------
    InputError
        For what a file may not name or set, and for a checkpoint that is not here.
    """
    name, _, rest = spec.partition(":")
    backend = next((b for b in list_backends() if b.name == name and b.safe), None)
    checkpoint = _choose_checkpoint(backend, rest) if backend is not None else ""
    if backend is None or (isinstance(backend.safe, tuple) and checkpoint not in backend.safe):
        raise InputError(
            f"a file may not name {spec!r}, only {_safe_names()}: it is to run nobody's code; take "
            "RescaledCalculator in your script"
        )
    _check_installed(backend)
    for option in options:
        if option not in backend.safe_options:
            allowed = ", ".join(backend.safe_options) or "none"
            raise InputError(f"a file may not set {option!r} of {spec}; it may set: {allowed}")
    facts = {c.name: c for c in backend.checkpoints}.get(checkpoint)
    if facts is not None:
        if not facts.found:
            raise InputError(
                f"the checkpoint of {spec} is not here, and a file fetches nothing; get it with "
                f"'mlipcheck contract -b {spec}'"
            )
        return facts.path if facts.files else None
    if backend.takes_path and backend.runs_code:
        raise InputError(
            f"a file may not name {spec!r}, only {name}'s own checkpoints: loading it would run "
            "code in it; take RescaledCalculator in your script"
        )
    return Path(checkpoint) if backend.takes_path else None


def _safe_names() -> str:
    rows = [b for b in list_backends() if b.safe]
    only = {b.name: b.safe for b in rows if isinstance(b.safe, tuple)}
    return ", ".join(
        f"{b.name}{f':{n}' if n else ''}" for b in rows for n in only.get(b.name, [""])
    )


def describe(calculator: BaseCalculator) -> CalculatorInfo:
    """Return what is known of a calculator; of a stranger, its class."""
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
    name = describe(calculator).backend
    row = next((b for b in list_backends() if b.name == name), None)
    return importlib.import_module(row.trainer) if row is not None and row.trainer else None


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


def _loader_of(backend: Backend) -> Callable[..., BaseCalculator]:
    module, _, function = backend.loader.partition(":")
    try:
        loader: Callable[..., BaseCalculator] = getattr(importlib.import_module(module), function)
    except Exception as error:  # somebody else's package, or one that does not fit its neighbours
        raise CalculatorSetupError(
            f"{backend.name}: {backend.loader} cannot be imported ({brief(error)})"
        ) from error
    return loader


def _construct(spec: str, make: Callable[..., Any], *args: Any, **kwargs: Any) -> BaseCalculator:
    """Call somebody else's constructor with the user's words; what it raises is one line."""
    try:
        calculator = make(*args, **kwargs)
    except (CalculatorSetupError, MemoryError):
        raise
    except Exception as error:
        given = ", ".join(f"{key}={value!r}" for key, value in kwargs.items())
        raise CalculatorSetupError(
            f"{spec} could not be set up with {given or 'no options'} ({brief(error)})"
        ) from error
    if not isinstance(calculator, BaseCalculator):
        raise CalculatorSetupError(
            f"{spec} returned a {type(calculator).__name__}, which is no ASE calculator"
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


def _is_factory(module: str, function: str) -> bool:
    return all(part.isidentifier() for part in (*module.split("."), function))


def _from_factory(spec: str, *, device: str, dtype: str | None, **options: Any) -> BaseCalculator:
    """Return what ``package.module:factory`` makes; device and dtype go where it takes them."""
    name, _, function = spec.partition(":")
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if not (error.name and f"{name}.".startswith(f"{error.name}.")):
            raise CalculatorSetupError(f"{spec}: {name} cannot be imported ({error})") from error
        known = ", ".join(b.name for b in list_backends())
        raise InputError(
            f"no backend is called {name!r}, nor any module; known backends: {known}"
        ) from error
    except Exception as error:  # anyone's module
        raise CalculatorSetupError(f"{spec}: {name} cannot be imported ({brief(error)})") from error
    factory = getattr(module, function, None)
    if not callable(factory):
        raise InputError(f"{spec}: {name} has no function or class {function!r}")
    accepted = _keywords(factory)
    if accepted is not None:
        refuse_unknown(options, accepted, spec)
        if dtype is not None and "dtype" not in accepted:
            raise InputError(f"{spec} takes no dtype, got {dtype!r}")
    # auto is our word, and a stranger may not know it: its own default stands then
    asked = {"device": None if device == "auto" else device, "dtype": dtype}
    given = {
        k: v for k, v in asked.items() if v is not None and (accepted is None or k in accepted)
    }
    calculator = _construct(spec, factory, **given, **options)
    calculator.mlipcheck_info = CalculatorInfo(
        spec=spec,
        version=_version_of_module(name),
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
