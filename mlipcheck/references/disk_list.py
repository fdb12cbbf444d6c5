"""A list whose items lie in a temporary file: frames of files that do not fit in memory."""

from __future__ import annotations

import pickle
import tempfile
import threading
import weakref
from array import array
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar, overload

Item = TypeVar("Item")


class DiskList(Sequence[Item]):
    """Items that are pickled to a file without a name in ``$TMPDIR``, and read when asked for.

    Memory holds eight bytes an item. Another process is given a tuple of them all.
    """

    def __init__(self, items: Iterable[Item] = ()) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115
        weakref.finalize(self, self._file.close)
        self._starts = array("q")
        self._lock = threading.Lock()  # threads send tasks to their workers
        for item in items:
            self.append(item)

    def append(self, item: Item) -> None:
        with self._lock:
            self._file.seek(0, 2)
            self._starts.append(self._file.tell())
            pickle.dump(item, self._file, pickle.HIGHEST_PROTOCOL)

    def __len__(self) -> int:
        return len(self._starts)

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> list[Item]: ...
    def __getitem__(self, index: int | slice) -> Item | list[Item]:
        if isinstance(index, slice):
            return [self[k] for k in range(*index.indices(len(self)))]
        with self._lock:
            self._file.seek(self._starts[index])
            return pickle.load(self._file)

    def __reduce__(self) -> Any:
        return tuple, (list(self),)


def list_like(items: Sequence[Any]) -> Any:
    """Return an empty list: on disk where the items are, too."""
    return DiskList() if isinstance(items, DiskList) else []
