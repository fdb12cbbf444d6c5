"""Records to JSON and back, and files written whole or not at all."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import importlib.metadata
import json
import math
import os
import platform
import sys
import tempfile
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from .record import SCHEMA, RunRecord

RESULTS = "results.json"  # the one file of a report that all others are made from


def to_plain(value: Any) -> Any:
    """Turn records, arrays and numpy numbers into what ``json`` writes; NaN becomes None."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, np.ndarray):
        return to_plain(value.tolist())
    if isinstance(value, np.generic):
        return to_plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_plain(item) for item in value]
    return value


def from_plain(cls: Any, value: Any) -> Any:
    """Rebuild a record of type ``cls`` from what `to_plain` wrote."""
    if cls is Any:
        return value
    origin = typing.get_origin(cls)
    arguments = typing.get_args(cls)
    if origin in (types.UnionType, typing.Union):
        if value is None:
            return None
        return from_plain(next(a for a in arguments if a is not type(None)), value)
    if dataclasses.is_dataclass(cls):
        hints = typing.get_type_hints(cls)
        return typing.cast(Any, cls)(
            **{key: from_plain(hints[key], item) for key, item in value.items()}
        )
    if cls is np.ndarray:
        array = np.array(value, dtype=object if value is None else None)
        return np.array(value, dtype=float) if array.dtype == object else array
    if origin is tuple:
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return tuple(from_plain(arguments[0], item) for item in value)
        return tuple(from_plain(a, item) for a, item in zip(arguments, value, strict=True))
    if origin is dict:
        return {key: from_plain(arguments[1], item) for key, item in value.items()}
    return value


def dumps(record: Any) -> str:
    """Return a record as JSON text that ends in a newline."""
    return json.dumps(to_plain(record), indent=1, allow_nan=False) + "\n"


def collect_versions(*packages: str | None) -> dict[str, str]:
    """Return the versions of Python, mlipcheck, what it stands on, and of ``packages``."""
    names = ["mlipcheck", "ase", "numpy", "scipy", "vesin", "spglib", *packages]
    found = {"python": platform.python_version()}
    for name in names:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            if name:
                found[name] = importlib.metadata.version(name)
    return found


def today() -> str:
    """Return the day in UTC, as 2026-11-23."""
    return datetime.datetime.now(datetime.UTC).date().isoformat()


def load_run(path: str | os.PathLike[str]) -> RunRecord:
    """Read a `RunRecord` that `write_atomically` and `dumps` wrote.

    Raises
    ------
    ValueError
        If the file is not JSON of this schema.
    """
    return _as_record(path, _read_json(path))


def load_runs(path: str | os.PathLike[str]) -> list[RunRecord]:
    """Read the runs of a file: one, or those that are compared; of a report, its folder will do.

    Raises
    ------
    ValueError
        As `load_run`.
    """
    path = Path(path)
    if path.is_dir():
        path /= RESULTS
    data = _read_json(path)
    together = data.get("runs") if isinstance(data, dict) else None
    if isinstance(together, list) and together:
        return [_as_record(path, run) for run in together]
    return [_as_record(path, data)]


def _read_json(path: str | os.PathLike[str]) -> Any:
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: not JSON ({error})") from error


def _as_record(path: str | os.PathLike[str], data: Any) -> RunRecord:
    found = data.get("schema") if isinstance(data, dict) else None
    if found != SCHEMA:
        raise ValueError(f"{path}: schema is {found!r}, expected {SCHEMA!r}")
    try:
        record: RunRecord = from_plain(RunRecord, data)
    except (TypeError, KeyError, AttributeError, ValueError) as error:
        raise ValueError(f"{path}: not a complete record ({error})") from error
    return record


_told: set[Path] = set()


@contextlib.contextmanager
def lost_is_told(folder: Path) -> Iterator[None]:
    """Let a folder that cannot be written cost the resumption, not the run; say so once."""
    try:
        yield
    except OSError as error:
        if folder not in _told:
            _told.add(folder)
            why = error.strerror or type(error).__name__
            print(f"nothing is kept in {folder}: {why}; the run goes on", file=sys.stderr)


def write_atomically(path: str | os.PathLike[str], content: str | bytes) -> None:
    """Write a file whole or not at all: to a neighbour first, then renamed over ``path``."""
    path = Path(path)
    data = content.encode("utf-8") if isinstance(content, str) else content
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
