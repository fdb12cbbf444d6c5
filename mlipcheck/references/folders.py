"""What lies below a folder: runs, each real file once however many links lead to it, and names."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from . import vasp

Links = dict[Path, list[Path]]


def runs_below(
    folder: Path,
    suffixes: Collection[str],
    links: Links,
    top: Path | None = None,
    known: dict[str, Path] | None = None,
) -> Iterator[tuple[list[Path], str]]:
    """Yield the files of each run below a folder, best first, and the zero of its energies.

    A folder's VASP files are one run, or several where restarts were kept; each other file that
    has one of the suffixes is a run. A link to what is below ``top`` does not count beside it;
    what lies elsewhere counts under the first link to it; ``links`` collects the others.
    """
    top, known = top or folder, {} if known is None else known
    inside = []
    for path in sorted(folder.iterdir()):
        if path.is_dir() and path.name.startswith("."):
            continue
        real = os.path.realpath(path)
        below = os.path.relpath(real, os.path.realpath(top))
        first = known.setdefault(real, path if re.search(r"(^|/)\.[^/]", below) else top / below)
        if first == path or not path.exists():  # a link to nowhere is reported
            inside.append(path)
        else:
            links.setdefault(first, []).append(path)
    runs = vasp.list_runs(inside)
    for candidates in runs:
        # a restart has another basis set, and with it another zero, than what it goes on from
        yield candidates, vasp.restart(candidates[0]) if len(runs) > 1 else ""
    for child in inside:
        if child.is_dir():
            yield from runs_below(child, suffixes, links, top, known)
        elif Path(vasp.unpacked_name(child)).suffix.lower() in suffixes:
            yield [child], ""


def own_name(path: Path) -> str:
    """Return the name of a file without its suffixes; nothing for a name that VASP gives."""
    name = vasp.unpacked_name(path)
    if vasp.file_kind(path) is None:
        return name.rsplit(".", 1)[0]
    name = name.replace(".xml", "")
    return "" if name.lower() in ("vasprun", "outcar", "contcar", "poscar") else name


def short_names(paths: Iterable[Path]) -> dict[Path, str]:
    """Return the shortest end of each path, without suffixes, that tells it from the others."""
    ends: dict[Path, list[str]] = {}
    distinct = list(dict.fromkeys(paths))
    own = Counter((path.parent, own_name(path)) for path in distinct)
    for path in distinct:
        name = own_name(path)
        name = path.name if own[path.parent, name] > 1 else name
        ends[path] = [*path.resolve().parent.parts, *([name] if name else [])]
    names = {path: end[-1] for path, end in ends.items()}
    for n in range(2, max(map(len, ends.values()), default=0) + 1):
        count = Counter(names.values())
        names |= {p: "/".join(end[-n:]) for p, end in ends.items() if count[names[p]] > 1}
    return names
