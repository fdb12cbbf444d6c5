"""Labelled frames from files, folders, data sets and Atoms: what a model is compared with."""

from __future__ import annotations

import dataclasses
import itertools
import reprlib
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeAlias

from ase import Atoms
from ase.calculators.calculator import InputError

from . import datasets, vasp
from .crystals import wbm_crystals
from .folders import first_that_reads, name_by_folder, own_name, runs_below
from .frame_sets import FrameSet, make_set, make_sets
from .images import read_images
from .labels import LabelledFrame, read_frame

__all__ = ["FrameSet", "LabelledFrame", "frames_from_atoms", "load_frame_sets"]

Item: TypeAlias = FrameSet | Sequence[Atoms] | Atoms | str | Path
# What is looked for in a folder beside VASP runs.
SUFFIXES = (".xyz", ".extxyz", ".db", ".traj")
DATA_SETS = ("mptrj-random-1k", "random-TP", "wbm-equilibrium")
# What else can be named elsewhere, and who uses it.
OTHERS = {
    "diatomics-pbe": "mlipcheck dimer --reference pbe",
    "acwf-unaries": "mlipcheck relax acwf-unaries",
    "dcdft": "mlipcheck relax dcdft",
    "morse-clusters": "mlipcheck relax morse-clusters",
    "kitchin-111": "benchmarks/volcano.py",
    "angsten-vacancies": "mlipcheck run --only vacancies Cu",
}
# Keys of info that say which run a frame is of, and its level of theory.
RUN_KEYS = ("mptrj_traj_id", "internal_id")
LEVEL_KEYS = ("level_of_theory", "functional", "xc")
# A frame, and the facts about its calculation.
_Row = tuple[LabelledFrame, vasp.Settings]


def frames_from_atoms(
    images: Iterable[Atoms], name: str = "frames", source: str = "Atoms"
) -> FrameSet:
    """Take the labels that structures carry; never starts a calculation.

    Frames that follow each other with the same atoms in the same order are one run, unless
    ``mptrj_traj_id`` or ``internal_id`` in their info differ.
    """
    (found,) = make_sets(name, source, _rows(list(images), name), split=False)
    return found


def load_frame_sets(items: Iterable[Item] | Item) -> list[FrameSet]:
    """Load labelled frames; what cannot be read is a set with its error.

    Parameters
    ----------
    items : one or several of
        paths of files that ASE reads, and of folders, which are searched; the name of a data set
        (``"mptrj-random-1k"``, ``"random-TP"``, ``"wbm-equilibrium"``), for which a file of that
        name is not taken unless its path has a separator; lists of Atoms; `FrameSet`.

    Notes
    -----
    What lies below a folder is one set, or one for each level of theory. A VASP run is one run,
    and so are frames that follow each other with the same atoms in the same order; the rows of a
    database are not.

    Raises
    ------
    InputError
        For nothing, something else, or a data set without labelled frames or that cannot be had.
    """
    if isinstance(items, (str, Atoms)) or not isinstance(items, Iterable):
        items = [items]
    given = list(items)
    if given and all(isinstance(item, Atoms) for item in given):
        given = [given]  # a list of Atoms is one set
    found = [loaded for item in given for loaded in _load(item)]
    if not found:
        raise InputError(f"no frames; give files, folders, or {', '.join(DATA_SETS)}")
    return _numbered(found)


def _load(item: Item) -> list[FrameSet]:
    if isinstance(item, FrameSet):
        return [item]
    if isinstance(item, Atoms):
        item = [item]
    if isinstance(item, str) and (item in DATA_SETS or item in OTHERS):
        return [_load_dataset(item)]
    if isinstance(item, (str, Path)):
        path = Path(item)
        return _load_folder(path) if path.is_dir() else _load_file(path)
    images = list(item) if isinstance(item, Iterable) else [item]
    if not all(isinstance(image, Atoms) for image in images):
        what = reprlib.repr(item)
        raise InputError(f"{what} holds no frames; give a file, a folder, or a list of Atoms")
    return make_sets("frames", "Atoms", _rows(images, "frames"))


def _load_dataset(name: str) -> FrameSet:
    if name in OTHERS:
        raise InputError(
            f"{name} has no labelled frames, it is for {OTHERS[name]}; "
            f"give a file, a folder, or {', '.join(DATA_SETS)}"
        )
    dataset = datasets.get_dataset(name)
    if name == "wbm-equilibrium":
        frames = [
            LabelledFrame(r.name, r.relaxed.copy(), r.energy, None, None, run=r.name)
            for r in wbm_crystals()
            if r.relaxed is not None
        ]
        loaded = make_set(name, name, frames, vasp.Settings())
    else:
        (path,) = datasets.fetch(name)
        images, _ = read_images(path)
        loaded = frames_from_atoms(images, name, name)
    return dataclasses.replace(
        loaded,
        level_of_theory=dataset.level_of_theory,
        energy_convention=dataset.energy_convention or "raw",
        distribution=dataset.distribution,
    )


def _load_file(path: Path) -> list[FrameSet]:
    name = own_name(path) or path.resolve().parent.name
    try:
        return make_sets(name, str(path), _read_file(path, name))
    except InputError as error:
        known = f"; data sets: {', '.join(DATA_SETS)}" if len(path.parts) == 1 else ""
        why = f"{error}{known}" if not path.exists() else str(error)
        return [FrameSet(path.name, str(path), error=why)]


def _load_folder(folder: Path) -> list[FrameSet]:
    """Read all that lies below; what holds no labels is a set of its own, with the error."""
    name = folder.resolve().name
    found = list(runs_below(folder, SUFFIXES))
    if not found:
        wanted = ", ".join("*" + suffix for suffix in SUFFIXES)
        why = f"no labelled frames in this folder; looked for vasprun.xml, OUTCAR, {wanted}"
        return [FrameSet(name, str(folder), error=f"{folder}: {why}")]
    rows: list[_Row] = []
    notes: list[str] = []
    failed: list[FrameSet] = []
    used: set[str] = set()
    for candidates, zero in found:
        below = candidates[0].relative_to(folder)
        whole, source = f"{name}/{below.as_posix()}", str(candidates[0])
        parts = [part for part in (*below.parts[:-1], own_name(below)) if part]
        label = name if len(found) == 1 else "/".join(parts) or name
        label = below.as_posix() if label in used else label
        used.add(label)
        outputs = [path for path in candidates if vasp.file_kind(path) != "vasp"] or candidates
        try:
            read, wrong = first_that_reads(outputs, partial(_read_file, name=label, zero=zero))
        except InputError as error:
            failed.append(FrameSet(whole, source, error=str(error)))
            continue
        if all(frame.error for frame, _ in read):
            failed += make_sets(whole, source, read)
            continue
        rows += read
        notes += wrong
    return (make_sets(name, str(folder), rows, notes) if rows else []) + failed


def _read_file(path: Path, name: str, zero: str = "") -> list[_Row]:
    """Read the frames of one file; `InputError` if it cannot be read or is a mere structure."""
    kind = vasp.file_kind(path)
    if kind == "vasp" and path.is_file():
        raise InputError(f"{path}: a structure without labels; give its vasprun.xml or OUTCAR")
    images, settings = read_images(path)
    runs = None if kind is None else [name] * len(images)
    if path.suffix.lower() == ".db":  # rows stand each for themselves
        runs = _names(images, name)
    return _rows(images, name, runs, zero, settings if kind is not None else None)


def _rows(
    images: Sequence[Atoms],
    name: str,
    runs: Sequence[str] | None = None,
    zero: str = "",
    settings: vasp.Settings | None = None,
) -> list[_Row]:
    runs = _runs(images, name) if runs is None else runs
    rows = []
    for step, (atoms, label, run) in enumerate(
        zip(images, _names(images, name), runs, strict=True)
    ):
        frame = read_frame(atoms, label, run, zero)
        doubt = settings.label_doubt(step) if settings is not None else None
        if doubt is not None:
            frame = LabelledFrame(label, frame.atoms, None, None, None, run, zero, doubt.text)
        rows.append((frame, settings or _settings_in_info(atoms)))
    return rows


def _names(images: Sequence[Atoms], name: str) -> list[str]:
    return [name] if len(images) == 1 else [f"{name}[{k}]" for k in range(len(images))]


def _runs(images: Sequence[Atoms], name: str) -> list[str]:
    """Name the run of each frame: by what its info says, or by the frames that it spans."""
    runs: list[str] = []
    for _, group in itertools.groupby(
        images, key=lambda a: (a.numbers.tobytes(), a.pbc.tobytes(), _run_in_info(a))
    ):
        run, start = list(group), len(runs)
        whole = name if len(run) == len(images) else f"{name}[{start}:{start + len(run)}]"
        runs += [_run_in_info(run[0]) or whole] * len(run)
    return runs


def _run_in_info(atoms: Atoms) -> str | None:
    if "mptrj_snapshot_id" in atoms.info and RUN_KEYS[0] not in atoms.info:
        # task-calculation-step
        return str(atoms.info["mptrj_snapshot_id"]).rsplit("-", 2)[0]
    return next((str(atoms.info[key]) for key in RUN_KEYS if key in atoms.info), None)


def _settings_in_info(atoms: Atoms) -> vasp.Settings:
    level = next((str(atoms.info[key]) for key in LEVEL_KEYS if key in atoms.info), None)
    return vasp.Settings(level_of_theory=level)


def _numbered(sets: list[FrameSet]) -> list[FrameSet]:
    """Give sets of one name names of their own: by their folders, then by numbers."""
    names: list[str] = []
    for one in (sets := name_by_folder(sets)):
        again = sum(n == one.name or n.startswith(f"{one.name} #") for n in names)
        names.append(f"{one.name} #{again + 1}" if again else one.name)
    return [dataclasses.replace(one, name=n) for one, n in zip(sets, names, strict=True)]
