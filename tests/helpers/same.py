"""Records compared field by field."""

from __future__ import annotations

import dataclasses
import json

import numpy as np

from mlipcheck.storage import dumps, from_plain


def assert_same(found, expected, where="record"):
    """Compare two records field by field, NaN equal to NaN, types too."""
    if isinstance(expected, np.ndarray):
        assert isinstance(found, np.ndarray), where
        np.testing.assert_array_equal(found, expected, err_msg=where)
        assert found.shape == expected.shape, where
    elif dataclasses.is_dataclass(expected):
        assert type(found) is type(expected), where
        for f in dataclasses.fields(expected):
            old, new = getattr(expected, f.name), getattr(found, f.name)
            assert_same(new, old, f"{where}.{f.name}")
    elif isinstance(expected, dict):
        assert found.keys() == expected.keys(), where
        for key, old in expected.items():
            assert_same(found[key], old, f"{where}[{key!r}]")
    elif isinstance(expected, (tuple, list)):
        assert type(found) is type(expected), where
        assert len(found) == len(expected), where
        for k, (new, old) in enumerate(zip(found, expected, strict=True)):
            assert_same(new, old, f"{where}[{k}]")
    else:
        assert found == expected, where


def there_and_back(record):
    return from_plain(type(record), json.loads(dumps(record)))
