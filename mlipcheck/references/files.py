"""A user's own relaxed structures: VASP runs, extended XYZ, ASE databases, folders of them."""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from ase import Atoms
from ase.calculators.calculator import InputError

from . import vasp
from .crystals import acwf_unaries, dcdft_crystals, wbm_crystals
from .folders import Known, known_below, list_once
from .labels import read_results
from .structures import RelaxedReference, from_atoms, morse_clusters

# What is looked for in a folder that holds no VASP run.
ENERGY_NOISE = 1e-3  # eV/atom that the end of a relaxation may lie above its lowest frame
SUFFIXES = (".xyz", ".extxyz", ".db", ".traj", ".cif")
# What can be named; the last two are downloaded where they are not at hand.
COLLECTIONS: dict[str, Callable[[], list[RelaxedReference]]] = {
    "dcdft": dcdft_crystals,
    "morse-clusters": morse_clusters,
    "acwf-unaries": acwf_unaries,
    "wbm-equilibrium": wbm_crystals,
}
_NAMES = ", ".join(map(repr, COLLECTIONS))


def as_references(
    items: Iterable[RelaxedReference | Atoms | str | Path] | RelaxedReference | Atoms | str | Path,
) -> list[RelaxedReference]:
    """Turn what a user names into references.

    Parameters
    ----------
    items : one or several of
        `RelaxedReference`; Atoms; the name of a collection (``"dcdft"``, ``"morse-clusters"``,
        ``"acwf-unaries"``, ``"wbm-equilibrium"``); paths that `load_references` reads.

    Raises
    ------
    InputError
        For nothing, or something else.
    """
    if isinstance(items, (RelaxedReference, Atoms, str, Path)):
        items = [items]
    references: list[RelaxedReference] = []
    for item in items:
        if isinstance(item, RelaxedReference):
            references.append(item)
        elif isinstance(item, Atoms):
            references.append(from_atoms(item))
        elif isinstance(item, str) and item in COLLECTIONS:
            references += COLLECTIONS[item]()
        elif isinstance(item, (str, Path)):
            references += load_references([item])
        else:
            raise InputError(f"{item!r} is no reference; give Atoms, a file, or {_NAMES}")
    if not references:
        raise InputError(f"no reference structures; give Atoms, a file, or {_NAMES}")
    return references


def load_references(paths: Iterable[str | Path]) -> list[RelaxedReference]:
    """Read relaxed structures; a file that cannot be read is a reference with its error.

    Parameters
    ----------
    paths : iterable of path
        ``vasprun.xml[.gz]``, ``OUTCAR``, ``CONTCAR``, anything else that ASE reads, or folders.
        A folder's VASP files are one run (or several, where restarts were kept); what else is in
        it, and below, is read too. Consecutive frames of one composition are one relaxation where
        all have energies and the last is lowest (a note says so); others, and the rows of a
        database, stand for themselves.
    """
    found = list(itertools.chain.from_iterable(_load(Path(path)) for path in paths))
    sources: dict[str, set[str]] = {}
    for reference in found:
        sources.setdefault(reference.name, set()).add(reference.source)
    return [_told_apart(r) if len(sources[r.name]) > 1 else r for r in found]


def _told_apart(reference: RelaxedReference) -> RelaxedReference:
    """Put the folder before a name that another file has too."""
    folder = Path(reference.source).resolve().parent.name
    return dataclasses.replace(reference, name=f"{folder}/{reference.name}")


def _load(path: Path) -> Iterator[RelaxedReference]:
    if path.is_dir():
        yield from _load_folder(path, known_below(path))
        return
    try:
        yield from read_file(path)
    except InputError as error:
        yield _failed(path, str(error))


def _failed(path: Path, why: str) -> RelaxedReference:
    return RelaxedReference(name=path.name, source=str(path), relaxed=None, error=why)


def _load_folder(folder: Path, known: Known) -> Iterator[RelaxedReference]:
    inside = list_once(folder, known)
    runs = vasp.list_runs(inside)
    for candidates in runs:
        alone = folder.resolve().name if len(runs) == 1 else None
        yield _first_that_reads(folder, candidates, alone)
    found = bool(runs)
    for child in inside:
        if child.is_dir():
            below = [r for r in _load_folder(child, known) if r.error != NOTHING_FOUND]
            found = found or bool(below)
            yield from below
        elif child.suffix.lower() in SUFFIXES:
            found = True
            yield from _load(child)
    if not found:
        yield _failed(folder, NOTHING_FOUND)


NOTHING_FOUND = (
    "no structures in this folder; looked for vasprun.xml, OUTCAR, CONTCAR, "
    + ", ".join("*" + s for s in SUFFIXES)
)


def _first_that_reads(folder: Path, candidates: list[Path], name: str | None) -> RelaxedReference:
    """Read one run from the best of its files; what went wrong with better ones is a note."""
    wrong: list[str] = []
    for path in candidates:
        try:
            reference = list(read_file(path))[-1]
        except InputError as error:
            wrong.append(str(error))
            continue
        notes = tuple(f"{w}; read {path.name} instead" for w in wrong)
        # one run of a folder bears its name; where restarts were kept, each bears its own
        name = name or path.name.removesuffix(".gz").removesuffix(".xml")
        return dataclasses.replace(reference, name=name, notes=notes + reference.notes)
    return _failed(folder, "; ".join(wrong))


def read_frames(path: Path) -> list[Atoms]:
    """Read every structure of one file.

    Raises
    ------
    InputError
        If it is missing, empty, truncated, or nothing that ASE reads.
    """
    return read_with_settings(path)[0]


def read_with_settings(path: Path) -> tuple[list[Atoms], vasp.Settings]:
    """Read every structure of one file, and what a VASP run says of itself, as `read_frames`."""
    import ase.io
    from ase.io.formats import filetype

    if path.is_dir():
        raise InputError(f"{path}: a folder; give a file")
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    if path.stat().st_size == 0:
        raise InputError(f"{path}: empty file")
    kind = vasp.file_kind(path)
    settings = vasp.Settings()
    if kind in ("vasp-xml", "vasp-out"):
        settings = vasp.read_settings(path, kind)
    # as ASE's it must be no "-", which is stdin, and no "postgres..."
    name = os.path.join(os.curdir, path)
    try:
        _check_counts(path, kind or filetype(name))
        frames = ase.io.read(name, index=":", format=kind, do_not_split_by_at_sign=True)
    except InputError:
        raise
    except Exception as error:
        text = " ".join(str(error).split())
        raise InputError(
            f"{path}: not readable as {kind or 'any format ASE knows'} "
            f"({type(error).__name__}{': ' + text if text else ''}); is it complete?"
        ) from error
    if not isinstance(frames, list) or not frames or any(len(a) == 0 for a in frames):
        raise InputError(f"{path}: no atoms in it; give a structure")
    return frames, settings


def _check_counts(path: Path, kind: str) -> None:
    """Refuse what announces more atoms than it has lines: ASE would make room for all of them."""
    with vasp.opened(path) as stream:
        if kind in ("extxyz", "xyz"):
            head = stream.readline()
            while head.strip().isdigit():
                claimed = int(head)
                found = sum(1 for _ in itertools.islice(stream, min(claimed, 1 << 60) + 1))
                _check_count(path, claimed, found - 1)  # without the comment
                head = stream.readline()
                while head.lstrip().startswith(b"VEC"):
                    head = stream.readline()
        elif kind in ("vasp", "vasp-xdatcar"):
            lines = stream.read().splitlines()
            # on the sixth line, or below the elements if VASP names them
            rows = [line.split() for line in lines[5:7]]
            counts: list[bytes] = next((row for row in rows if row and row[0].isdigit()), [])
            atoms = sum(map(int, itertools.takewhile(bytes.isdigit, counts)))
            _check_count(path, atoms, len(lines))


def _check_count(path: Path, claimed: int, lines: int) -> None:
    if claimed > lines:
        raise InputError(
            f"{path}: it announces {claimed} atoms and has {lines} lines for them; is it complete?"
        )


def read_file(path: Path) -> list[RelaxedReference]:
    """Read the relaxed structures of one file; raises as `read_frames` does."""
    frames, settings = read_with_settings(path)
    is_vasp = vasp.file_kind(path) is not None
    # the rows of a database stand each for themselves
    is_database = path.suffix.lower() == ".db"
    runs = [frames] if is_vasp else [[a] for a in frames] if is_database else _split_runs(frames)
    # a file with VASP's own name is told by its folder
    plain = path.name.lower().removesuffix(".gz").removesuffix(".xml")
    in_folder = plain in ("vasprun", "outcar", "contcar", "poscar")
    stem = path.resolve().parent.name if in_folder else path.name.removesuffix(".gz")
    stem = stem if in_folder else stem.rsplit(".", 1)[0]
    references = []
    end = 0
    for run in runs:
        # as ASE counts frames: where in the file the run ends
        end += len(run)
        name = stem if len(runs) == 1 else f"{stem}[{end - 1}]"
        reference = from_atoms(run[-1], name, str(path))
        first = from_atoms(run[0], name, str(path)) if len(run) > 1 else None
        told = [f"its first frame is left out: {first.error}"] if first and first.error else []
        if len(run) > 1 and not is_vasp:
            told.append(f"{len(run)} frames taken as one relaxation, the last as its end")
        references.append(
            dataclasses.replace(
                reference,
                first=first.relaxed if first else None,
                cell_free=settings.cell_free,
                level_of_theory=settings.level_of_theory,
                single_point=settings.single_point,
                notes=(*reference.notes, *told),
            )
        )
    return references


def _split_runs(frames: list[Atoms]) -> list[list[Atoms]]:
    """Tell relaxations, which end at their lowest energy, from structures of equal composition."""
    runs: list[list[Atoms]] = []
    for _, group in itertools.groupby(frames, key=lambda a: (a.numbers.tolist(), a.pbc.tolist())):
        run = list(group)
        energies = [read_results(a)[0].get("energy") for a in run]
        known = [float(e) for e in energies if e is not None]
        falls = len(known) == len(run) and known[-1] <= min(known) + ENERGY_NOISE * len(run[-1])
        runs += [run] if falls else [[a] for a in run]
    return runs
