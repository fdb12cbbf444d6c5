"""What lies below a folder, each real file and folder once, however many links lead to it."""

from __future__ import annotations

import os
from pathlib import Path

# Of each file and folder, by what the system knows it by: the path that it counts under.
Known = dict[tuple[int, int], Path]


def known_below(top: Path) -> Known:
    """Return what lies below a folder by its own name; links to it do not count beside it."""
    known = {_identity(top): top}
    for folder, names, files in os.walk(top):
        names[:] = sorted(name for name in names if not name.startswith("."))
        for name in sorted([*names, *files]):
            path = Path(folder, name)
            if not path.is_symlink():
                known.setdefault(_identity(path), path)
    return known


def list_once(folder: Path, known: Known) -> list[Path]:
    """Return what is in a folder, without hidden folders and what counts under another path.

    What lies elsewhere counts under the first link that leads there, which is noted in ``known``.
    """
    return [
        path
        for path in sorted(folder.iterdir())
        if not (path.is_dir() and path.name.startswith("."))
        and known.setdefault(_identity(path), path) == path
    ]


def _identity(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:  # a link to nowhere is itself
        found = path.lstat()
    return found.st_dev, found.st_ino
