"""Parts of a check-up that are finished, kept until the whole is."""

from __future__ import annotations

import contextlib
import hashlib
import json
from pathlib import Path
from typing import Any

from ..storage import (
    dumps,
    from_plain,
    lost_is_told,
    to_plain,
    write_atomically,
)


class PartStore:
    """One small file a part; what is there is not computed again.

    Parameters
    ----------
    folder : Path or None
        None keeps nothing.
    identity : object
        Everything that all parts depend on: the model, its checkpoint, versions. Records and plain
        values.
    """

    def __init__(self, folder: Path | None, identity: Any) -> None:
        self.folder = folder
        self.identity = to_plain(identity)
        self.used = 0
        self._touched: set[Path] = set()

    def get(self, cls: Any, *name: Any) -> Any | None:
        """Return the part of type ``cls`` that depends on ``name``, None where there is none."""
        if self.folder is None:
            return None
        path = self._path(name)
        try:
            part = from_plain(cls, json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None  # not there, or of another version: it is computed
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
            with lost_is_told(self.folder):
                self.folder.mkdir(parents=True, exist_ok=True)
                write_atomically(path, dumps(part))
                self._touched.add(path)
        return from_plain(cls, to_plain(part))

    def clear(self) -> None:
        """Remove the parts of this check-up, and the folder where nothing else is in it."""
        with contextlib.suppress(OSError):  # not there, not ours to remove, or parts of others
            for path in self._touched:
                path.unlink(missing_ok=True)
            if self.folder is not None:
                self.folder.rmdir()

    @property
    def kept(self) -> bool:
        """Whether there is anything to go on from."""
        return bool(self._touched)

    def _path(self, name: tuple[Any, ...]) -> Path:
        assert self.folder is not None
        text = json.dumps([self.identity, to_plain(name)], sort_keys=True)
        return self.folder / f"part-{hashlib.sha256(text.encode()).hexdigest()[:20]}.json"
