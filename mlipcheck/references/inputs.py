"""What a user names, as references and as labelled frames: files, folders, data sets, Atoms."""

from __future__ import annotations

import dataclasses
import itertools
import os
import reprlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from ase import Atoms
from ase.calculators.calculator import InputError
from ase.calculators.singlepoint import SinglePointCalculator

from ..calculators.base import as_list
from ..calculators.toy.toy import MorseCalculator
from . import datasets
from .crystals import acwf_unaries, dcdft_crystals, wbm_crystals
from .frame_sets import FrameSet, frames_from_atoms, make_set, make_sets
from .images import ReadOptions, read_images
from .labels import LabelledFrame
from .reader import ATOMS, Run, formula_as_written, read_runs, run_of_atoms
from .structures import RelaxedReference, from_atoms, make_references, morse_clusters
from .vasp_settings import Settings

ReferenceItem: TypeAlias = RelaxedReference | Atoms | str | Path
FrameItem: TypeAlias = FrameSet | Sequence[Atoms] | Atoms | str | Path
# Relaxed structures that can be named; the last two are downloaded where they are not at hand.
COLLECTIONS: dict[str, Callable[[], list[RelaxedReference]]] = {
    "dcdft": dcdft_crystals,
    "morse-clusters": morse_clusters,
    "acwf-unaries": acwf_unaries,
    "wbm-equilibrium": wbm_crystals,
}
# Labelled frames that can be named; then what else can be elsewhere, and who uses it.
DATA_SETS = ("mptrj-random-1k", "random-TP", "wbm-equilibrium")
OTHERS = {
    "diatomics-pbe": "mlipcheck dimer --reference pbe",
    "acwf-unaries": "mlipcheck relax acwf-unaries",
    "dcdft": "mlipcheck relax dcdft",
    "morse-clusters": "mlipcheck relax morse-clusters",
    "kitchin-111": "mlipcheck run Cu Pt",
    "metal-slabs": "mlipcheck run W Mo Nb",
    "angsten-vacancies": "mlipcheck run Cu Al",
}
# The toy's own, which need no file.
MORSE = ("morse-near", "morse-far")
SIZE = 4  # a tetrahedron: all atoms are neighbours of each other
FRAMES = 60
# How clusters are scaled, from and to, and rattled (Å): the toy has learnt the near ones.
NEAR = (0.97, 1.2, 0.015)
FAR = (0.8, 1.9, 0.1)
SEED = 20260611
_NAMES = ", ".join(map(repr, COLLECTIONS))


def load_references(
    items: Iterable[ReferenceItem] | ReferenceItem, options: ReadOptions | None = None
) -> list[RelaxedReference]:
    """Load relaxed structures; what cannot be read is a reference with its error.

    Parameters
    ----------
    items : one or several of
        `RelaxedReference`; Atoms; the name of one of `COLLECTIONS`; paths of files and folders, as
        `make_references` finds them there.
    options : ReadOptions, optional

    Raises
    ------
    InputError
        For nothing, or something else.
    """
    references: list[RelaxedReference] = []
    for is_path, group in itertools.groupby(as_list(items), _is_file):
        if is_path:
            references += make_references(read_runs(group, options))
            continue
        for item in group:
            if isinstance(item, Atoms):
                references.append(from_atoms(item))
            elif isinstance(item, str):
                references += COLLECTIONS[item]()
            elif isinstance(item, RelaxedReference):
                references.append(item)
            else:
                raise InputError(f"{item!r} is not a reference; give Atoms, a file, or {_NAMES}")
    if not references:
        raise InputError(f"no reference structures; give Atoms, a file, or {_NAMES}")
    return references


def _is_file(item: Any) -> bool:
    return isinstance(item, (str, Path)) and item not in COLLECTIONS


def as_inputs(given: Any, options: ReadOptions | None = None) -> list[str | Run]:
    """Turn what `mlipcheck.run_checks` is given into words, and into runs what is Atoms.

    A calculator on them is never asked: labels are stored results, as ``ase.io.read`` leaves them.

    Raises
    ------
    InputError
        For something else.
    """
    found: list[str | Run] = []
    names: list[str] = []
    if isinstance(given, list) and not given:  # of a pattern that no file has
        raise InputError("inputs are an empty list; give structures, paths or elements")
    for item in _as_sets(given):
        if isinstance(item, (str, os.PathLike)):
            found.append(os.fspath(item))
            continue
        images = as_list(item)
        if not images or not all(isinstance(image, Atoms) for image in images):
            wanted = "Atoms, a list of them, a path, or a name such as Cu, Cu-O, random-TP"
            raise InputError(f"{reprlib.repr(item)} is no input; give {wanted}")
        one = len({image.get_chemical_formula() for image in images}) == 1
        name = formula_as_written(images[0]) if one else "frames"
        if len(images) == 1:
            name = str(images[0].info.get("name", name))
        names.append(name)
        source = ATOMS if len(names) == 1 else f"{ATOMS} #{len(names)}"
        again = f" #{names.count(name)}" if names.count(name) > 1 else ""
        stored = [i if isinstance(i.calc, SinglePointCalculator) else i.copy() for i in images]
        found.append(run_of_atoms(stored, name + again, source, options))
    return found


def _as_sets(given: Any) -> list[Any]:
    """Return what was given as a list, in which a list of Atoms is one item."""
    items = as_list(given)
    return [items] if items and all(isinstance(item, Atoms) for item in items) else items


def load_frame_sets(
    items: Iterable[FrameItem] | FrameItem, options: ReadOptions | None = None
) -> list[FrameSet]:
    """Load labelled frames; what cannot be read is a set with its error.

    Parameters
    ----------
    items : one or several of
        paths of files and folders; the name of a data set (`DATA_SETS`; ``morse-near`` and
        ``morse-far``, the toy's), for which a file of that name is not taken unless its path has a
        separator; lists of Atoms; `FrameSet`. What lies below a folder is one set, or one for each
        level of theory.
    options : ReadOptions, optional

    Raises
    ------
    InputError
        For nothing, something else, or a data set without labelled frames or that cannot be had.
    """
    given = _as_sets(items)
    found = make_sets(map(_hint, read_runs(filter(_is_path, given), options)))
    found += [one for item in given if not _is_path(item) for one in _load(item)]
    if not found:
        raise InputError(f"no frames; give files, folders, or {', '.join(DATA_SETS)}")
    names: list[str] = []
    for one in found:
        again = sum(n == one.name or n.startswith(f"{one.name} #") for n in names)
        names.append(f"{one.name} #{again + 1}" if again else one.name)
    return [dataclasses.replace(one, name=n) for one, n in zip(found, names, strict=True)]


def _is_path(item: Any) -> bool:
    return isinstance(item, (str, Path)) and item not in {*DATA_SETS, *OTHERS, *MORSE}


def _hint(run: Run) -> Run:
    """Name the data sets where a single word is no file."""
    if run.error is None or len(Path(run.given).parts) > 1 or Path(run.given).exists():
        return run
    return dataclasses.replace(run, error=f"{run.error}; data sets: {', '.join(DATA_SETS)}")


def _load(item: Any) -> list[FrameSet]:
    if isinstance(item, FrameSet):
        return [item]
    if isinstance(item, str):
        return [morse_frames(item) if item in MORSE else _load_dataset(item)]
    images = as_list(item)
    if not all(isinstance(image, Atoms) for image in images):
        what = reprlib.repr(item)
        raise InputError(f"{what} holds no frames; give a file, a folder, or a list of Atoms")
    return make_sets([run_of_atoms(images)])


def _load_dataset(name: str) -> FrameSet:
    if name in OTHERS:
        raise InputError(
            f"{name} has no labelled frames, it is for {OTHERS[name]}; "
            f"give a file, a folder, or {', '.join(DATA_SETS)}"
        )
    dataset = datasets.get_dataset(name)
    if name == "wbm-equilibrium":
        rows = [(r.name, r.relaxed, r.energy) for r in wbm_crystals() if r.relaxed is not None]
        frames = [LabelledFrame(id_, atoms, e, None, None, run=id_) for id_, atoms, e in rows]
        loaded = make_set(name, name, frames, Settings())
    else:
        (path,) = datasets.fetch(name)
        loaded = frames_from_atoms(read_images(path)[0], name, name)
    return dataclasses.replace(
        loaded,
        level_of_theory=dataset.level_of_theory,
        energy_convention=dataset.energy_convention or "raw",
        distribution=dataset.distribution,
    )


def morse_frames(name: str) -> FrameSet:
    """Return 60 rattled tetrahedra with the exact energies and forces of Morse.

    Parameters
    ----------
    name : str
        ``morse-near``, in the distribution that the toy was fitted to, or ``morse-far``.
    """
    rng = np.random.default_rng([SEED, MORSE.index(name)])
    low, high, rattle = NEAR if name == "morse-near" else FAR
    (cluster,) = morse_clusters([SIZE])
    assert cluster.relaxed is not None
    images = []
    for k in range(FRAMES):
        atoms = cluster.relaxed.copy()
        atoms.positions *= rng.uniform(low, high)
        atoms.positions += rng.normal(0, rattle, atoms.positions.shape)
        atoms.info["internal_id"] = f"{name} {k}"  # each was drawn on its own
        atoms.calc = MorseCalculator()
        atoms.get_forces()
        images.append(atoms)
    made = frames_from_atoms(images, name, "exact Morse")
    distribution = "in" if name == "morse-near" else "out"
    return dataclasses.replace(made, level_of_theory="analytic", distribution=distribution)
