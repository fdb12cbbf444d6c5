"""The one reader of a user's files: each is opened and parsed once, whatever comes of it."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import InputError
from ase.formula import Formula

from ..drawing.tables import count, some
from . import vasp
from .disk_list import DiskList
from .folders import Links, runs_below, short_names
from .images import ReadOptions, is_large, iterate_images, read_images
from .labels import LabelledFrame, read_frame
from .vasp_settings import Settings, join_settings

# What is looked for in a folder beside VASP runs.
SUFFIXES = (".xyz", ".extxyz", ".db", ".traj", ".cif")
ATOMS = "Atoms"  # the source of what no file has; "Atoms #2" that of a second list of them
# Keys of info that say which run a frame is of.
RUN_KEYS = ("mptrj_traj_id", "internal_id")
Named = tuple[Atoms, str, str]  # with its name and its run


@dataclass(frozen=True, eq=False)
class Run:
    """What one file holds; of a VASP run, what its best file holds.

    Attributes
    ----------
    name, source, given : str
        What to call it; its file; what the user named, that file or a folder above it.
    frames : sequence of LabelledFrame
        Their ``run`` says which belong together; the rows of a database only where info says it.
        Those of a large file are on disk, in a `DiskList`.
    settings : Settings or None
        What a VASP run says of itself; None for other files.
    notes, copies : tuple of str
        Also what is wrong with files that come before this one; others with the same frames.
    error : str or None
        Why there are no frames.
    """

    name: str
    source: str
    given: str = ""
    frames: Sequence[LabelledFrame] = ()
    settings: Settings | None = None
    notes: tuple[str, ...] = ()
    copies: tuple[str, ...] = ()
    error: str | None = None

    @property
    def labelled(self) -> bool:
        """Whether any of its frames has a label that can be used."""
        return any(frame.error is None for frame in self.frames)


def read_runs(paths: Iterable[str | Path], options: ReadOptions | None = None) -> list[Run]:
    """Read files and folders; what cannot be read is a run with its error.

    A folder's VASP files are one run (or several, where restarts were kept), read from the best of
    them that is whole; what else is in it, and below, is read too. Files with the same frames and
    labels count once.
    """
    links: Links = {}
    found: list[tuple[Path, list[Path], str]] = []
    for path in map(Path, paths):
        below = list(runs_below(path, SUFFIXES, links)) if path.is_dir() else []
        found += [(path, files, zero) for files, zero in below or [([path], "")]]
    names = short_names(files[0] for _, files, _ in found)
    runs = []
    for given, files, zero in found:
        copies = tuple(str(link) for file in files for link in links.get(file, ()))
        run = _read_best(files, names[files[0]], zero, options or ReadOptions())
        if run.error is not None and given != files[0]:
            run = replace(run, name=files[0].relative_to(given).as_posix())
        runs.append(replace(run, given=str(given), copies=copies))
    return _leave_out_copies(runs)


def run_of_atoms(
    images: Iterable[Atoms],
    name: str = "frames",
    source: str = ATOMS,
    options: ReadOptions | None = None,
) -> Run:
    """Take the labels that structures carry; never starts a calculation."""
    named = _name_frames(list(images), name)
    return Run(name, source, source, tuple(_label(named, options or ReadOptions())))


def formula_as_written(atoms: Atoms) -> str:
    """Return the formula, elements in the order of the atoms: NaCl, not ClNa."""
    return str(Formula.from_dict(atoms.symbols.formula.count()))


def fingerprint(frames: Iterable[LabelledFrame], digits: int = 6, start: str = "") -> str:
    """Return the same for the same frames and labels, whatever their file is called."""
    digest = hashlib.sha256(start.encode())
    for f in frames:
        digest.update(f.atoms.numbers.astype("<i8").tobytes() + f.atoms.pbc.tobytes())
        for value in (f.atoms.positions, f.atoms.cell[:], f.energy, f.forces, f.stress):
            if value is not None:
                # rounded, and no minus at a zero: another machine reads the same numbers
                digest.update((np.round(value, digits) + 0.0).astype("<f8").tobytes())
    return digest.hexdigest()[:16]


def _read_best(files: Sequence[Path], name: str, zero: str, options: ReadOptions) -> Run:
    """Read one run from the best of its files, a finished one where there is one.

    What the other output says of the run's settings is joined to what this one says.
    """
    if files[0].is_dir():
        wanted = ", ".join("*" + suffix for suffix in SUFFIXES)
        why = f"nothing to read in it; looked for vasprun.xml, OUTCAR, CONTCAR, {wanted}"
        return Run(files[0].name, str(files[0]), error=f"{files[0]}: {why}")
    if len(files) == 1 and is_large(files[0]):
        return _read_large(files[0], name, options)
    read: list[tuple[Path, list[Atoms], Settings]] = []
    wrong: list[str] = []
    unread: list[str] = []
    for path in files:
        if read and vasp.file_kind(path) == "vasp":
            continue
        try:
            read.append((path, *read_images(path, options)))
        except InputError as error:
            (unread if read else wrong).append(str(error))
    if not read:
        return Run(files[0].name, str(files[0]), error="; ".join(wrong))
    best = next((one for one in read if one[2].finished), read[0])
    wrong += [f"{read[0][0]}: truncated, its run did not finish"] if best is not read[0] else []
    path, images, settings = best
    # the first: what follows may be of another restart
    for _, _, other in [one for one in read if one is not best][:1]:
        settings = join_settings(settings, other)
    of_vasp = settings if vasp.file_kind(path) is not None else None
    named = _name_frames(images, name, apart=path.suffix.lower() == ".db")
    frames = tuple(_label(named, options, zero, of_vasp))
    notes = (
        *(f"{why}; read {path.name} instead" for why in wrong),
        *(f"{why}; what it says of the run is not known" for why in unread),
    )
    if of_vasp is not None:
        cut = f"truncated, its run did not finish: {count(len(frames), 'complete step')} read"
        notes += of_vasp.notes if of_vasp.finished else (cut, *of_vasp.notes)
    return Run(name, str(path), "", frames, of_vasp, notes)


def _read_large(path: Path, name: str, options: ReadOptions) -> Run:
    """Read a file whose frames do not fit in memory; they go to disk one by one."""

    def named() -> Iterator[Named]:
        stretch, run = None, ""
        for k, atoms in enumerate(iterate_images(path)):
            label, inside = f"{name}[{k}]", _stretch(atoms)
            if inside != stretch or path.suffix.lower() == ".db":
                stretch, run = inside, _run_in_info(atoms) or f"{label}..."
            yield atoms, label, run

    try:
        return Run(name, str(path), "", DiskList(_label(named(), options)))
    except InputError as error:
        return Run(name, str(path), error=str(error))


def _name_frames(images: Sequence[Atoms], name: str, apart: bool = False) -> Iterator[Named]:
    """Yield each structure with its name and its run; ``apart``, info alone joins them."""
    names = [name] if len(images) == 1 else [f"{name}[{k}]" for k in range(len(images))]
    own = (_run_in_info(image) or one for image, one in zip(images, names, strict=True))
    return zip(images, names, own if apart else _runs(images, name), strict=True)


def _label(
    named: Iterable[Named], options: ReadOptions, zero: str = "", settings: Settings | None = None
) -> Iterator[LabelledFrame]:
    """Read the labels of frames; those that their run says are none are frames with an error."""
    keys = None if settings else options.label_keys
    none: Any = {"energy": None, "forces": None, "stress": None, "notes": ()}
    for step, (atoms, label, run) in enumerate(named):
        frame = read_frame(atoms, label, run, zero, keys)
        if settings and (doubt := settings.label_doubt(step)):
            frame = replace(frame, **none, error=doubt.text)
        frame.atoms.info.update(atoms.info)  # of what is no structure, too
        yield frame


def _runs(images: Sequence[Atoms], name: str) -> list[str]:
    """Name the run of each frame: by what its info says, or by the frames that it spans."""
    runs: list[str] = []
    for _, group in itertools.groupby(images, key=_stretch):
        run, start = list(group), len(runs)
        whole = name if len(run) == len(images) else f"{name}[{start}:{start + len(run)}]"
        runs += [_run_in_info(run[0]) or whole] * len(run)
    return runs


def _stretch(atoms: Atoms) -> tuple[object, ...]:
    """Return what frames that follow each other have in common where they are of one run."""
    return atoms.numbers.tobytes(), atoms.pbc.tobytes(), _run_in_info(atoms)


def _run_in_info(atoms: Atoms) -> str | None:
    if "mptrj_snapshot_id" in atoms.info and RUN_KEYS[0] not in atoms.info:
        # task-calculation-step
        return str(atoms.info["mptrj_snapshot_id"]).rsplit("-", 2)[0]
    return next((str(atoms.info[key]) for key in RUN_KEYS if key in atoms.info), None)


def _leave_out_copies(runs: Sequence[Run]) -> list[Run]:
    """Keep one of the runs that have the same frames and labels: the first, or VASP's own."""
    kept: list[Run] = []
    places: dict[str, list[int]] = {}
    for run in runs:
        known = len(runs) > 1 and run.frames and all(len(f.atoms) for f in run.frames)
        alike = places.setdefault(fingerprint(run.frames) if known else run.source, [])
        place = next((k for k in alike if known and _one_level(kept[k], run)), None)
        if place is None:
            alike.append(len(kept))
            kept.append(run)
            continue
        first = kept[place]
        if run.settings is not None and first.settings is None:
            first, run = replace(run, given=first.given), first
        kept[place] = replace(first, copies=(*first.copies, run.source, *run.copies))
    for k, run in enumerate(kept):
        if run.copies:
            note = f"counted once, with the same in {some(run.copies)}"
            kept[k] = replace(run, notes=(*run.notes, note))
    return kept


def _one_level(one: Run, other: Run) -> bool:
    a, b = one.settings, other.settings
    if a is None or b is None:
        return True
    return (a.level_of_theory, a.charge, a.hubbard_u) == (b.level_of_theory, b.charge, b.hubbard_u)
