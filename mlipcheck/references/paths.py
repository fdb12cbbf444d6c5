"""Paths: ordered sets of labelled frames, from images of a NEB, or from what a user names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby, pairwise
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.calculators.calculator import InputError

from ..analysis.structures import empty_directions
from ..drawing.tables import some
from .doubts import Doubt
from .folders import own_name
from .images import read_images
from .incar import IMAGE
from .labels import NO_LABELS, LabelledFrame, read_frame
from .level_of_theory import settings_in_info, split_levels
from .reader import Run, fingerprint
from .states import part_states
from .vasp_settings import Settings

Row = tuple[LabelledFrame, Settings]

CRYSTAL, STRAIN, MOLECULE = "crystal", "strain", "molecule"
IMAGE_FOLDER = re.compile(r"\d{2,3}")
MIN_IMAGES = 3
SHUFFLED = 1.3  # times the length of the path in another order: that was meant
STRAIGHT = 0.95  # of two steps is the distance that both make, where they turn by less than 36°
SAME = 0.01  # Å between an end point and a run of its own
RANDOM = "no smooth path: atoms displaced at random from image to image, or images not in order"
STRAINED = 1e-3  # that fractional positions differ by where all of a crystal is strained


@dataclass(frozen=True, eq=False)
class ReferencePath:
    """Images in their order along a path, all of the same atoms and of one level of theory.

    Attributes
    ----------
    frames : tuple of LabelledFrame
        Those without an energy (``error`` says why) count along the path, too.
    coordinate : ndarray of shape (n,)
        Å; the cumulated displacements of all atoms and lattice vectors from image to image, by
        minimum images, without the mean one; where ``area`` is given, how far it is pulled apart.
    kind : str
        Images of a ``crystal``, of its ``strain`` alone, as in E(V), or of a ``molecule``.
    ends : tuple of (bool, bool)
        Whether the first and the last image are end points with energies.
    area : float or None
        Å^2, of the cross-section, where one lattice vector alone changes, as in a cleavage.
    error : str or None
        Why it is no path that can be judged.
    """

    name: str
    source: str
    frames: tuple[LabelledFrame, ...] = ()
    coordinate: np.ndarray = field(default_factory=lambda: np.array([]))
    kind: str = CRYSTAL
    ends: tuple[bool, bool] = (True, True)
    area: float | None = None
    settings: Settings = field(default_factory=Settings)
    doubts: tuple[Doubt, ...] = ()
    notes: tuple[str, ...] = ()
    error: str | None = None

    @property
    def fingerprint(self) -> str:
        """The same for the same images, labels and order."""
        return fingerprint(self.frames)


def find_paths(runs: Sequence[Run], named: Iterable[str] = ()) -> list[ReferencePath]:
    """Find paths: images in folders 00, 01, ..., and what was named as one.

    Parameters
    ----------
    runs : sequence of Run
        All that was read.
    named : iterable of str
        Files and folders that are paths because their user says so: of a folder, the last frames
        of its VASP runs, and each of its other files.

    Notes
    -----
    Folders of images are a path by themselves where their settings say so, or where their names
    are in the order of a smooth path. An end point without a run of its own is read from its
    CONTCAR or POSCAR; its energy is that of a run of the same structure, where there is one.
    """
    named = [str(Path(name)) for name in named]
    images: dict[Path, dict[str, Run]] = {}
    others = []
    for run in runs:
        folder = Path(run.source).parent
        if run.settings is not None and IMAGE_FOLDER.fullmatch(folder.name):
            inside = images.setdefault(folder.parent, {})
            # of several the last, unless one is called as VASP does: others are of before
            if folder.name not in inside or own_name(Path(inside[folder.name].source)):
                inside[folder.name] = run
        elif run.frames:
            others.append(run)
    found = (_of_folders(folder, inside, runs, named) for folder, inside in images.items())
    paths = list(filter(None, found))
    for name in named:
        own = [r for r in others if r.given == name]
        several = [(r.frames[-1], r.settings) for r in own if r.settings is not None]
        if len(several) > 1:
            paths.append(_build(Path(name).resolve().name, name, several))
            own = [r for r in own if r.settings is None]
        paths += [path for run in own for path in _of_file(run)]
    return paths


def _of_folders(
    folder: Path, inside: dict[str, Run], runs: Sequence[Run], named: Sequence[str]
) -> ReferencePath | None:
    """Return the path of folders 00, 01, ...; None where they are other calculations."""
    rows: list[Row] = []
    present = [c.name for c in folder.iterdir() if c.is_dir() and IMAGE_FOLDER.fullmatch(c.name)]
    for name in sorted({*present, *inside}):
        run = inside.get(name)
        own = (run.frames[-1], run.settings or Settings()) if run and run.frames else None
        if row := own or _structure(folder / name, runs):
            rows.append((replace(row[0], name=name), row[1]))
    if not rows:
        return None
    images = [settings.motion == IMAGE for _, settings in rows]
    numbers = [int(frame.name) for frame, _ in rows]
    notes = [f"no image between {a:02d} and {b:02d}" for a, b in pairwise(numbers) if b > a + 1]
    path = _build(folder.resolve().name, str(folder), rows, notes)
    sure = any(images) or any(run.given in named for run in inside.values())
    if not sure and (path.error or path.notes or numbers[0] > 1):
        return None
    # what VASP has run as an image is no end point, unless all folders have the same INCAR
    alike = numbers[0] == 0 and images[0]
    first, last = path.ends
    return replace(
        path, ends=(first and (alike or not images[0]), last and (alike or not images[-1]))
    )


def _structure(folder: Path, runs: Sequence[Run]) -> Row | None:
    """Read an image without a run, and take the labels of a run of the same structure."""
    for name in ("CONTCAR", "POSCAR"):
        try:
            images, settings = read_images(folder / name)
        except InputError:
            continue
        frame = read_frame(images[0], folder.name, folder.name)
        for run in runs:
            last = run.frames[-1] if run.frames else frame
            same = np.array_equal(last.atoms.numbers, frame.atoms.numbers)
            if same and last.energy is not None and _lengths([frame, last])[0, 1] < SAME:
                return last, run.settings or settings
        return frame, settings
    return None


def _of_file(run: Run) -> Iterator[ReferencePath]:
    """Part the frames of one file into paths: by run, and by what config_type says."""

    def key(frame: LabelledFrame) -> tuple[str, str, str]:
        formula = frame.atoms.get_chemical_formula()
        return frame.run.split("[")[0], formula, str(frame.atoms.info.get("config_type", ""))

    groups = [list(group) for _, group in groupby(run.frames, key)]
    seen = Counter[str]()
    for frames in groups:
        _, formula, kind = key(frames[0])
        name = kind or (formula if len(groups) > 1 else run.name)
        seen[name] += 1
        more = f" #{seen[name]}" if seen[name] > 1 else ""
        settings = run.settings or settings_in_info(frames[0].atoms)
        yield _build(name + more, run.source, [(f, settings) for f in frames])


def _build(name: str, source: str, rows: Sequence[Row], notes: Sequence[str] = ()) -> ReferencePath:
    """Return a path with its images in order, or with the error."""
    try:
        return _put_in_order(ReferencePath(name, source, notes=tuple(notes)), rows)
    except InputError as error:
        return ReferencePath(name, source, error=str(error))


def _put_in_order(path: ReferencePath, rows: Sequence[Row]) -> ReferencePath:
    states, left_out = part_states([frame for frame, _ in rows])
    frames = [f for f in states if len(f.atoms)]
    labelled = sum(f.energy is not None for f in frames)
    if labelled < MIN_IMAGES:
        why = next((f"; {f.error}" for f in states if f.error not in (None, NO_LABELS)), "")
        text = f"{labelled} of {len(rows)} images with an energy, {MIN_IMAGES} needed"
        raise InputError(text + why)
    for f in frames:
        if list(f.atoms.numbers) != list(frames[0].atoms.numbers):
            raise InputError(f"{f.name} has other atoms than {frames[0].name}, or in another order")
    levels = split_levels([(f, s) for f, s in rows if f.energy is not None])
    if len(levels) > 1:
        words = ", ".join(level.words for level in levels)
        raise InputError(f"images of several levels of theory: {words}")
    lengths = _lengths(frames)
    order = _order(lengths)
    lengths = lengths[np.ix_(order, order)]
    if _turns_at_random(lengths):
        raise InputError(RANDOM)
    notes = list(path.notes)
    if (np.diff(order) != 1).any():
        notes.append("images were not in order; put into that of their distances from one end")
    frames = [frames[k] for k in order]
    reasons_of: dict[str, list[str]] = {}
    for f in (*left_out, *(f for f in frames if f.energy is None)):
        reasons_of.setdefault(f.error or "no energy", []).append(f.name)
    for why, names in reasons_of.items():
        notes.append(f"{len(names)} of {len(rows)} images do not count: {why} ({some(names)})")
    kind, area = _kind([f.atoms for f in frames])
    steps = np.diagonal(lengths, 1)
    if area is not None:
        steps = np.abs(np.diff([f.atoms.get_volume() for f in frames])) / area
    return replace(
        path,
        frames=tuple(frames),
        coordinate=np.cumsum([0.0, *steps]),
        kind=kind,
        ends=(frames[0].energy is not None, frames[-1].energy is not None),
        area=area,
        settings=levels[0].settings,
        doubts=(*levels[0].settings.doubts, *dict.fromkeys(d for f in frames for d in f.doubts)),
        notes=tuple(notes),
    )


def _lengths(frames: Sequence[LabelledFrame]) -> np.ndarray:
    """Return how far images are apart (Å), by minimum images, without their mean displacement."""
    cells = np.array([f.atoms.cell.complete()[:] for f in frames])
    scaled = np.array([f.atoms.positions for f in frames]) @ np.linalg.inv(cells)
    found = np.zeros((len(frames), len(frames)))
    for k, (s, h) in enumerate(zip(scaled, cells, strict=True)):
        off = scaled - s
        off -= np.round(off) * frames[0].atoms.pbc
        moved = (s + off) @ cells - s @ h
        moved -= moved.mean(axis=1, keepdims=True)
        found[k] = np.sqrt((moved**2).sum(axis=(1, 2)) + ((cells - h) ** 2).sum(axis=(1, 2)))
    return (found + found.T) / 2


def _order(lengths: np.ndarray) -> np.ndarray:
    """Return the order along the path: as given, or by the distance from an end if much shorter."""
    given = np.arange(len(lengths))
    end = min(np.unravel_index(np.argmax(lengths), lengths.shape))
    found = np.argsort(lengths[end], kind="stable")
    along, shortest = (lengths[k[:-1], k[1:]].sum() for k in (given, found))
    return found if along > SHUFFLED * shortest else given


def _turns_at_random(lengths: np.ndarray) -> bool:
    """Tell whether images do not lie on a curve: most turn sharply, each against the last.

    A curve's second differences point the same way from image to image; those of displacements
    that know nothing of each other do not (their products are -2/3 of their squares).
    """
    steps = np.diagonal(lengths, 1)
    sharp = np.median(np.diagonal(lengths, 2) - STRAIGHT * (steps[:-1] + steps[1:])) < 0
    second = np.diff(np.eye(len(lengths)), 2, axis=0)
    products = -0.5 * second @ lengths**2 @ second.T  # of second differences with each other
    return bool(sharp and np.diagonal(products, 1).sum() < 0)


def _kind(images: Sequence[Atoms]) -> tuple[str, float | None]:
    """Return what images are of, and the cross-section (Å^2) of what is pulled apart."""
    if any(empty_directions(atoms).all() for atoms in images):
        return MOLECULE, None
    cells = np.array([atoms.cell[:] for atoms in images])
    changed = np.ptp(cells, axis=0).max(axis=1) > SAME
    if not images[0].pbc.all() or not changed.any():
        return CRYSTAL, None
    scaled = np.array([atoms.get_scaled_positions(wrap=False) for atoms in images])
    off = scaled - scaled[0]
    off -= np.round(off)
    if np.abs(off - off.mean(axis=1, keepdims=True)).max() < STRAINED:
        return STRAIN, None
    a, b = cells[0][np.argsort(changed, kind="stable")[:2]]
    return CRYSTAL, float(np.linalg.norm(np.cross(a, b))) if changed.sum() == 1 else None
