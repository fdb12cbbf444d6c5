"""Where outputs go: refused before any work where they cannot, written whole or not at all."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer


@dataclass(frozen=True)
class Destination:
    """Where the results of a command go."""

    json: str | None = None
    figures: Path | None = None
    out: Path | None = None
    markdown: bool = False
    verbose: bool = False
    strict: bool = False
    uses: tuple[str, ...] = ()

    def check(self, inputs: Iterable[str | Path]) -> None:
        """Refuse outputs that cannot be written, or would replace an input, before any work."""
        from ase.calculators.calculator import InputError

        from ..uses import ALL_USES

        if self.uses and not self.strict:
            raise InputError(f"--use {self.uses[0]} says what --strict is about; give --strict too")
        for use in self.uses:
            if use not in ALL_USES:
                raise InputError(f"--use {use} is not known; give one of {', '.join(ALL_USES)}")
        check_writable(self.json, self.figures, out=self.out, inputs=inputs)


def check_writable(
    json: str | None,
    figures: Path | None = None,
    *,
    out: Path | None = None,
    option: str = "--json",
    inputs: Iterable[str | Path] = (),
) -> None:
    """Refuse outputs that cannot be written, before any work is done.

    Nor do they replace one of the ``inputs``: files, folders that are searched, words in which a
    file may stand (``mace:FILE``, ``KEY=FILE``), or any other.
    """
    from ase.calculators.calculator import InputError

    from ..results_file import RESULTS

    given = list(inputs)
    if json and json != "-":
        if not _takes_a_file(Path(json)):
            raise InputError(f"{option} {json}: not writable; give a file in a folder that exists")
        _refuse_inputs(option, Path(json), given)
    if out is not None:
        _refuse_others_files(out)
        for name in (RESULTS, "report.html", "report.md"):
            _refuse_inputs("--out", out / name, given)
    for name, place in (("--figures", figures), ("--out", out)):
        if place is not None:
            present = next(p for p in (place, *place.absolute().parents) if p.exists())
            if not present.is_dir() or not os.access(present, os.W_OK):
                raise InputError(f"{name} {place}: not writable; give a folder")


def _takes_a_file(place: Path) -> bool:
    """Tell whether a file can be put there, or written to where it is a device or a pipe."""
    if place.exists() and not place.is_file():
        return not place.is_dir() and not place.is_block_device() and os.access(place, os.W_OK)
    return place.parent.is_dir() and os.access(place.parent, os.W_OK)


def _refuse_inputs(option: str, place: Path, inputs: Iterable[str | Path]) -> None:
    from ase.calculators.calculator import InputError

    from ..references.reader import SUFFIXES
    from ..references.vasp import file_kind

    if not place.is_file():
        return
    read = place.suffix.lower() in SUFFIXES or file_kind(place) is not None
    for word in map(str, inputs):
        for name in (word, *re.split("[:=]", word, maxsplit=1)[1:]):
            given = Path(name)
            inside = given.is_dir() and place.resolve().is_relative_to(given.resolve())
            if (inside and read) or (given.is_file() and given.samefile(place)):
                raise InputError(f"{option} {place}: it is read, as {name}; give another place")


def _refuse_others_files(out: Path) -> None:
    """Refuse a folder whose report.html or results.json is not of mlipcheck."""
    from ase.calculators.calculator import InputError

    from ..results_file import RESULTS, load_runs

    if not any((out / name).exists() for name in (RESULTS, "report.html")):
        return
    try:
        load_runs(out)
    except (OSError, ValueError) as error:
        raise InputError(
            f"--out {out}: what is in it is not of a report ({error}); give another folder"
        ) from error


def say(text: str) -> None:
    """Print a line on stderr."""
    from ..drawing.tables import clean

    typer.echo(clean(text).replace("\n", " "), err=True)


def write_json(path: str, record: Any) -> None:
    """Write a record whole or not at all; ``-`` is stdout."""
    from ..storage import dumps

    write_json_text(path, dumps(record))


def write_json_text(path: str, text: str) -> None:
    """Write JSON whole or not at all; ``-`` is stdout."""
    from ..storage import write_atomically

    if path == "-":
        typer.echo(text, nl=False)
        return
    with as_mistake(f"--json {path}"):
        write_atomically(path, text)


@contextmanager
def as_mistake(option: str) -> Iterator[None]:
    """Turn what the system says of an output into one line."""
    from ase.calculators.calculator import InputError

    try:
        yield
    except OSError as error:
        raise InputError(f"{option}: not written, {error.strerror}; give another place") from error
