"""Records to JSON and back, and files written whole or not at all."""

from __future__ import annotations

import collections.abc
import contextlib
import dataclasses
import importlib.metadata
import json
import math
import os
import platform
import reprlib
import secrets
import sys
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

LONGEST = 60  # characters of a value that a repr shows
DEEPEST = 20  # levels of a setting, which has 3


class Record:
    """What every result has: its fields as plain values, and a repr that fits on a screen."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.__repr__ = Record.__repr__  # type: ignore[method-assign]  # or dataclass puts its own

    def to_dict(self) -> dict[str, Any]:
        """Return its fields as plain values, as results.json has them; NaN is None."""
        found: dict[str, Any] = to_plain(self)
        return found

    def __repr__(self) -> str:
        fields = dataclasses.fields(self)  # type: ignore[arg-type]
        values = ((f, getattr(self, f.name)) for f in fields)
        shown = (f"{f.name}={_short(x)}" for f, x in values if not _same(x, f.default))
        return f"{type(self).__name__}({', '.join(shown)})"


def check_lengths(record: Any, *names: str) -> None:
    """Raise ValueError where the fields ``names`` of a record are not equally long."""
    lengths = [len(getattr(record, name)) for name in names]
    if len(set(lengths)) > 1:
        raise ValueError(f"{', '.join(names)} have {', '.join(map(str, lengths))} points")


def _same(value: Any, default: Any) -> bool:
    return type(value) is type(default) and not isinstance(value, np.ndarray) and value == default


def _short(value: Any) -> str:
    """Return a value as text: of arrays their shape, of what is long its length."""
    if isinstance(value, np.ndarray):
        return f"array{value.shape}"
    if dataclasses.is_dataclass(value):
        return f"{type(value).__name__}(...)"
    if isinstance(value, (tuple, list, dict)):
        text = f"({', '.join(map(_short, value))})" if len(value) <= 4 else ""
        whole = isinstance(value, tuple) and 0 < len(text) <= LONGEST
        return text if whole else f"<{len(value)} items>"
    return f"{value:.6g}" if isinstance(value, float) else reprlib.repr(value)


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
    if isinstance(value, collections.abc.Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_plain(item) for item in value]
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def from_plain(cls: Any, value: Any, where: str = "") -> Any:
    """Rebuild a record of type ``cls`` from what `to_plain` wrote; a missing number is NaN.

    Raises
    ------
    ValueError
        For what is not of its type, saying ``where`` it stands.
    """
    origin = typing.get_origin(cls)
    arguments = typing.get_args(cls)
    if cls is Any:
        return _shallow(value, where)
    if origin in (types.UnionType, typing.Union):
        if value is None:
            return None
        return from_plain(next(a for a in arguments if a is not type(None)), value, where)
    if dataclasses.is_dataclass(cls):
        return _read_fields(typing.cast(Any, cls), _of_type(dict, value, where), where)
    if cls is np.ndarray:
        return _read_array(_of_type(list, value, where), where)
    if origin in (tuple, list):
        items = _of_type(list, value, where)
        fixed = origin is tuple and arguments[-1] is not Ellipsis
        kinds = arguments if fixed else arguments[:1] * len(items)
        if len(kinds) != len(items):
            raise ValueError(f"{where} has {len(items)} items, expected {len(kinds)}")
        pairs = enumerate(zip(kinds, items, strict=True))
        return origin(from_plain(kind, item, f"{where}[{k}]") for k, (kind, item) in pairs)
    if origin in (dict, collections.abc.Mapping):
        items = _of_type(dict, value, where)
        return {key: from_plain(arguments[1], x, f"{where}.{key}") for key, x in items.items()}
    if cls is float:
        return math.nan if value is None else _of_type((int, float), value, where)
    return _of_type(cls, value, where)


def _shallow(value: Any, where: str, depth: int = 0) -> Any:
    """Return a setting; what is nested deeper than any is refused, not followed."""
    if depth > DEEPEST:
        raise ValueError(f"{where} is nested more than {DEEPEST} deep")
    if isinstance(value, (dict, list)):
        for item in value.values() if isinstance(value, dict) else value:
            _shallow(item, where, depth + 1)
    return value


def _of_type(kind: type | tuple[type, ...], value: Any, where: str) -> Any:
    # true and false are numbers for Python
    wrong = not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool)
    if wrong or (isinstance(value, int) and abs(value) > sys.maxsize):
        names = [k.__name__ for k in (kind if isinstance(kind, tuple) else (kind,))]
        raise ValueError(f"{where} is {reprlib.repr(value)}, expected {names[-1]}")
    return value


def _read_fields(cls: type[Any], items: dict[str, Any], where: str) -> Any:
    hints = typing.get_type_hints(cls)
    made = {}
    for f in dataclasses.fields(cls):  # those that a later version has written are none of them
        if f.name in items:
            place = f"{where}.{f.name}" if where else f.name
            made[f.name] = from_plain(hints[f.name], items[f.name], place)
        elif f.default is f.default_factory is dataclasses.MISSING:
            raise ValueError(f"{where or 'it'} has no {f.name!r}")
    try:
        return cls(**made)
    except ValueError as error:
        raise ValueError(f"{where or 'it'}: {error}") from error


def _read_array(value: list[Any], where: str) -> np.ndarray:
    """Return numbers in as many directions as they have; nulls are NaN."""
    try:
        array = np.array(value)
        if array.dtype == object:  # nulls, and nothing else but numbers
            array = np.array(value, dtype=float)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{where} is not an array of numbers ({error})") from error
    if array.dtype.kind not in "fiu":
        raise ValueError(f"{where} is not an array of numbers but of {array.dtype.name}")
    return array


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


_reported: set[Path] = set()


@contextlib.contextmanager
def report_loss(folder: Path) -> Iterator[None]:
    """Let a folder that cannot be written cost the resumption, not the run; say so once."""
    try:
        yield
    except OSError as error:
        if folder not in _reported:
            _reported.add(folder)
            why = error.strerror or type(error).__name__
            print(f"nothing is kept in {folder}: {why}; the run goes on", file=sys.stderr)


def write_atomically(path: str | os.PathLike[str], content: str | bytes) -> None:
    """Write a file whole or not at all: to a neighbour first, then renamed over ``path``.

    A device or a pipe is written to, since there is nothing in it to replace.
    """
    path = Path(path)
    data = content.encode("utf-8") if isinstance(content, str) else content
    if path.exists() and not path.is_file():
        path.write_bytes(data)
        return
    temporary = path.parent / f".{path.name}.{secrets.token_hex(8)}"
    try:
        # as any new file: asking for the umask would change it, for other threads' processes too
        with open(temporary, "xb") as stream:
            stream.write(data)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
