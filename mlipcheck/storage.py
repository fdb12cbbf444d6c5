"""Records to JSON and back, and files written whole or not at all."""

from __future__ import annotations

import collections.abc
import dataclasses
import json
import math
import os
import tempfile
import types
import typing
from pathlib import Path
from typing import Any

import numpy as np


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
    return os.fspath(value) if isinstance(value, os.PathLike) else value


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
        # fields that a later version has written are none of this one's
        hints = typing.get_type_hints(cls)
        known = {f.name for f in dataclasses.fields(cls)}
        return typing.cast(Any, cls)(
            **{key: from_plain(hints[key], item) for key, item in value.items() if key in known}
        )
    if cls is np.ndarray:
        array = np.array(value, dtype=object if value is None else None)
        return np.array(value, dtype=float) if array.dtype == object else array
    if origin is tuple:
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return tuple(from_plain(arguments[0], item) for item in value)
        return tuple(from_plain(a, item) for a, item in zip(arguments, value, strict=True))
    if origin is list:
        return [from_plain(arguments[0], item) for item in value]
    if origin in (dict, collections.abc.Mapping):
        return {key: from_plain(arguments[1], item) for key, item in value.items()}
    return value


def dumps(record: Any) -> str:
    """Return a record as JSON text that ends in a newline."""
    return json.dumps(to_plain(record), indent=1, allow_nan=False) + "\n"


def write_atomically(path: str | os.PathLike[str], content: str | bytes) -> None:
    """Write a file whole or not at all: to a neighbour first, then renamed over ``path``.

    A device or a pipe is written to, since there is nothing in it to replace.
    """
    path = Path(path)
    data = content.encode("utf-8") if isinstance(content, str) else content
    if path.exists() and not path.is_file():
        path.write_bytes(data)
        return
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
