"""A user's own relaxed structures: VASP runs, extended XYZ, ASE databases, folders of them."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from ase import Atoms
from ase.calculators.calculator import InputError

from . import vasp
from .crystals import acwf_unaries, dcdft_crystals, wbm_crystals
from .folders import first_that_reads, name_by_folder, own_name, runs_below
from .images import read_images
from .labels import read_frame
from .structures import RelaxedReference, from_atoms, from_run, morse_clusters

ENERGY_NOISE = 1e-3  # eV/atom that the end of a relaxation may lie above its lowest frame
# What is looked for in a folder beside VASP runs.
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
            raise InputError(f"{item!r} is not a reference; give Atoms, a file, or {_NAMES}")
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
    return name_by_folder([reference for path in paths for reference in _load(Path(path))])


def _load(path: Path) -> Iterator[RelaxedReference]:
    runs = [([path], "")]
    if path.is_dir() and not (runs := list(runs_below(path, SUFFIXES))):
        wanted = ", ".join("*" + suffix for suffix in SUFFIXES)
        why = f"no structures in this folder; looked for vasprun.xml, OUTCAR, CONTCAR, {wanted}"
        yield RelaxedReference(path.name, str(path), None, error=why)
    for candidates, _ in runs:
        try:
            found, notes = first_that_reads(candidates, read_file)
        except InputError as error:
            first = candidates[0]
            yield RelaxedReference(first.name, str(first), None, error=str(error))
            continue
        yield from (dataclasses.replace(r, notes=(*notes, *r.notes)) for r in found)


def read_file(path: Path) -> list[RelaxedReference]:
    """Read the relaxed structures of one file; raises as `read_images` does."""
    frames, settings = read_images(path)
    is_vasp = vasp.file_kind(path) is not None
    runs = [frames] if is_vasp else _split_runs(frames)
    if path.suffix.lower() == ".db":  # its rows stand each for themselves
        runs = [[atoms] for atoms in frames]
    stem = own_name(path) or path.resolve().parent.name
    references = []
    end = 0
    for run in runs:
        # as ASE counts frames: where in the file the run ends
        end += len(run)
        name = stem if len(runs) == 1 else f"{stem}[{end - 1}]"
        reference = from_run(run, name, str(path), settings)
        if len(run) > 1 and not is_vasp:
            note = f"{len(run)} frames taken as one relaxation, the last as its end"
            reference = dataclasses.replace(reference, notes=(*reference.notes, note))
        references.append(reference)
    return references


def _split_runs(frames: list[Atoms]) -> list[list[Atoms]]:
    """Part relaxations, which end at their lowest energy, from structures of one composition."""
    runs: list[list[Atoms]] = []
    for _, group in itertools.groupby(frames, key=lambda a: (a.numbers.tolist(), a.pbc.tolist())):
        run = list(group)
        read = [read_frame(a, "", "") for a in run]
        energies = [f.energy for f in read if len(f.atoms)]  # an empty frame has none
        known = [e for e in energies if e is not None]
        falls = len(known) == len(energies) > 0
        falls = falls and known[-1] <= min(known) + ENERGY_NOISE * len(run[-1])
        runs += [run] if falls else [[a] for a in run]
    return runs
