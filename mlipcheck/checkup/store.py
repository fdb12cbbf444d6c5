"""Parts of a check-up that are finished, kept until the whole is."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..checks.kept import read_kept, seal
from ..storage import from_plain, to_plain, write_atomically


class PartStore:
    """One small file a part; what is there is not computed again.

    Parameters
    ----------
    folder : Path or None
        None keeps nothing.
    identity : object
        Everything that all parts depend on: the model, its checkpoint, versions. Records and plain
        values.
    probe : sequence of float
        What the model computes, of `checks.kept.probe`: it says more than a name.
    """

    def __init__(self, folder: Path | None, identity: Any, probe: Sequence[float] = ()) -> None:
        self.folder = folder
        self.identity = to_plain(identity)
        self.probe = probe
        self.used = 0
        self._touched: set[Path] = set()

    def get(self, cls: Any, *name: Any) -> Any | None:
        """Return the part of type ``cls`` that depends on ``name``, None where there is none."""
        if self.folder is None:
            return None
        path = self._path(name)
        try:
            kept = read_kept(path, self.probe)
            part = None if kept is None else from_plain(cls, kept)
        except (ValueError, TypeError, KeyError, AttributeError):  # of another version
            part = None
        if part is None:  # it is computed
            return None
        self.used += 1
        self._touched.add(path)
        return part

    def put(self, cls: Any, part: Any, *name: Any, keep: bool = True) -> Any:
        """Keep a part, whole or not at all; return it as it would be read again.

        So a check-up that goes on has the numbers of one that was never interrupted. What failed
        is not kept: it may be tried again.
        """
        if self.folder is not None and keep:
            path = self._path(name)
            self.folder.mkdir(parents=True, exist_ok=True)
            write_atomically(path, seal(part, self.probe))
            self._touched.add(path)
        return from_plain(cls, to_plain(part))

    def clear(self) -> None:
        """Remove the parts of this check-up, and the folder where nothing else is in it."""
        for path in self._touched:
            path.unlink(missing_ok=True)
        if self.folder is not None:
            with contextlib.suppress(OSError):  # not there, or parts of others are in it
                self.folder.rmdir()

    def _path(self, name: tuple[Any, ...]) -> Path:
        assert self.folder is not None
        text = json.dumps([self.identity, to_plain(name)], sort_keys=True)
        return self.folder / f"part-{hashlib.sha256(text.encode()).hexdigest()[:20]}.json"
