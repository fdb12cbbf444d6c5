"""Parts of a check-up that are finished, kept until the whole is."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

from ase.calculators.calculator import BaseCalculator

from ..calculators.registry import describe
from ..checks.kept import probe, read_kept, seal
from ..storage import collect_versions, from_plain, report_loss, to_plain, write_atomically
from ..system import System


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
        self.folder = folder and folder.absolute()  # a calculator may go elsewhere
        self.identity = to_plain(identity)
        self.probe = probe
        self.used = 0
        self._touched: set[Path] = set()

    def keep(self, cls: Any, key: Any, compute: Callable[[], Any]) -> Any:
        """Return the part of type ``cls`` that depends on ``key``: kept, or computed and kept.

        It comes as it would be read again, so that a run that goes on has the numbers of one that
        was never interrupted. What failed is not kept: it may be tried again.
        """
        part = self.find(cls, key)
        if part is None:
            before = set(self._touched)
            part = compute()
            part = self.put(cls, key, part, self._touched - before)
        return part

    def find(self, cls: Any, key: Any) -> Any:
        """Return a part that is kept, None where it is not."""
        path = self._path(key)
        found = read_kept(path, self.probe) if path is not None else None
        if path is None or found is None:
            return None
        with contextlib.suppress(ValueError):  # of another version: it is computed
            part = from_plain(cls, found)
            self.used += 1
            self._touched.add(path)
            return part
        return None

    def put(self, cls: Any, key: Any, part: Any, pieces: Collection[Path] = ()) -> Any:
        """Keep a part instead of the ``pieces`` that it is made of; return it as it is read."""
        path = self._path(key)
        if path is not None and not _failed(part):
            with report_loss(path.parent):
                path.parent.mkdir(parents=True, exist_ok=True)
                write_atomically(path, seal(part, self.probe))
                for piece in pieces:
                    piece.unlink(missing_ok=True)
                self._touched = {*self._touched.difference(pieces), path}
        return from_plain(cls, to_plain(part))

    def within(self, *names: Any) -> Callable[[Any, Any, Callable[[], Any]], Any]:
        """Return `keep` for the parts of one check."""
        return lambda cls, key, compute: self.keep(cls, [*names, key], compute)

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

    def _path(self, key: Any) -> Path | None:
        if self.folder is None:
            return None
        text = json.dumps([self.identity, to_plain(key)], sort_keys=True)
        return self.folder / f"part-{hashlib.sha256(text.encode()).hexdigest()[:20]}.json"


def make_store(calculator: BaseCalculator, folder: Path, system: System | None = None) -> PartStore:
    """Return where the parts of check-ups of a system with this model are kept."""
    info = describe(calculator)
    return PartStore(folder, [info, collect_versions(info.backend)], probe_of(calculator, system))


def probe_of(calculator: BaseCalculator, system: System | None) -> list[float]:
    """Return what a model computes on a few crystals of a system's elements."""
    words = system.elements if system is not None else ()  # elements and pairs
    return probe(calculator, (x for word in words for x in word.split("-")))


def _failed(part: Any) -> bool:
    rows = part if isinstance(part, (list, tuple)) else [part]
    return any(getattr(row, "error", None) is not None for row in rows)
