"""Paths: ordered sets of labelled frames, from images of a NEB, or from what a user names."""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from ase.calculators.calculator import InputError

from .doubts import Doubt
from .folders import listed
from .frame_sets import settings_in_info, split_levels
from .images import read_images
from .incar import IMAGE
from .labels import NO_LABELS, LabelledFrame, read_frame
from .reader import Run, fingerprint
from .states import part_states
from .vasp_settings import Settings

Row = tuple[LabelledFrame, Settings]

IMAGE_FOLDER = re.compile(r"\d{2,3}")
MIN_IMAGES = 3
SHUFFLED = 1.3  # times the length of the chain of nearest neighbours: another order was meant
MAX_ORDERED = 300  # images whose order is looked at
DIRECT = 1.5  # times the distance of the ends that images of no NEB may be long as a path
SAME = 0.01  # Å between an end point and a run of its own
STRAINED = 1e-3  # that fractional positions differ by where all of a crystal is strained


@dataclass(frozen=True, eq=False)
class ReferencePath:
    """Images in their order along a path, all of the same atoms and of one level of theory.

    Attributes
    ----------
    name, source : str
    frames : tuple of LabelledFrame
        Those without an energy (``error`` says why) count along the path, too.
    coordinate : ndarray of shape (n,)
        Å; the cumulated length of the displacements from one image to the next, of all atoms and
        of the lattice vectors, without mass, by minimum images, without the mean displacement.
        Where ``area`` is given, how far the crystal is pulled apart.
    strained : bool
        Whether images differ by a strain of the whole crystal alone, as in E(V).
    ends : tuple of (bool, bool)
        Whether the first and the last image are end points with energies.
    area : float or None
        Å^2, of the cross-section, where one lattice vector alone changes, as in a cleavage.
    notes : tuple of str
    error : str or None
        Why it is no path that can be judged.
    """

    name: str
    source: str
    frames: tuple[LabelledFrame, ...] = ()
    coordinate: np.ndarray = field(default_factory=lambda: np.array([]))
    ends: tuple[bool, bool] = (True, True)
    strained: bool = False
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
    Folders of images are a path by themselves where their settings say so, or where they lie in
    the order of their names. An end point without a run of its own is read from its CONTCAR or
    POSCAR; its energy is that of a run of the same structure, where there is one.
    """
    named = [str(Path(name)) for name in named]
    images: dict[Path, dict[str, Run]] = {}
    for run in runs:
        folder = Path(run.source).parent
        if run.settings is not None and IMAGE_FOLDER.fullmatch(folder.name):
            images.setdefault(folder.parent, {})[folder.name] = run
    found = [_of_folders(folder, inside, runs, named) for folder, inside in images.items()]
    paths = [path for path in found if path is not None]
    taken = {id(run) for inside in images.values() for run in inside.values()}
    for name in named:
        own = [r for r in runs if r.given == name and r.frames and id(r) not in taken]
        several = [r for r in own if r.settings is not None]
        if len(several) > 1:
            rows = [(r.frames[-1], r.settings or Settings()) for r in several]
            paths.append(_build(Path(name).resolve().name, name, rows))
        for run in own if len(several) < 2 else [r for r in own if r.settings is None]:
            paths += _of_file(run)
    return paths


def _of_folders(
    folder: Path, inside: dict[str, Run], runs: Sequence[Run], named: Sequence[str]
) -> ReferencePath | None:
    """Return the path of folders 00, 01, ...; None where they are other calculations."""
    rows: list[Row] = []
    present = [c.name for c in folder.iterdir() if c.is_dir() and IMAGE_FOLDER.fullmatch(c.name)]
    for name in sorted({*present, *inside}):
        run, row = inside.get(name), None
        if run is not None and run.frames:
            row = run.frames[-1], run.settings or Settings()
        if row := row or _structure(folder / name, runs):
            rows.append((dataclasses.replace(row[0], name=name), row[1]))
    if not rows:
        return None
    numbers = [int(frame.name) for frame, _ in rows]
    notes = [
        f"no image between {a:02d} and {b:02d}" for a, b in itertools.pairwise(numbers) if b > a + 1
    ]
    images = [settings.motion == IMAGE for _, settings in rows]
    sure = any(images) or any(run.given in named for run in inside.values())
    path = _build(folder.resolve().name, str(folder), rows, notes, direct=not sure)
    if not sure and (path.error is not None or notes or numbers[0] > 1):
        return None
    # what VASP has run as an image is no end point, unless all folders have the same INCAR
    first = numbers[0] == 0 or not images[0]
    last = (first and images[0]) or not images[-1]
    return dataclasses.replace(path, ends=(path.ends[0] and first, path.ends[1] and last))


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

    groups = [list(group) for _, group in itertools.groupby(run.frames, key)]
    if min(map(len, groups)) < MIN_IMAGES:  # those of several paths in turn
        ordered = sorted(run.frames, key=key)
        groups = [list(group) for _, group in itertools.groupby(ordered, key)]
    again: dict[str, int] = {}
    for frames in groups:
        kind = str(frames[0].atoms.info.get("config_type", ""))
        name = kind or (frames[0].atoms.get_chemical_formula() if len(groups) > 1 else run.name)
        again[name] = again.get(name, 0) + 1
        more = f" #{again[name]}" if again[name] > 1 else ""
        settings = run.settings or settings_in_info(frames[0].atoms)
        yield _build(name + more, run.source, [(f, settings) for f in frames])


def _build(
    name: str, source: str, rows: Sequence[Row], notes: Sequence[str] = (), direct: bool = False
) -> ReferencePath:
    """Return a path, or one with the error.

    ``direct``: images have to lead from the first to the last as they are.
    """
    try:
        path = _put_in_order(rows, direct)
    except InputError as error:
        return ReferencePath(name, source, error=str(error))
    return dataclasses.replace(path, name=name, source=source, notes=(*notes, *path.notes))


def _put_in_order(rows: Sequence[Row], direct: bool) -> ReferencePath:
    """Put images in order and sum up what is to be said of them; raise `InputError` for none."""
    states, left_out = part_states([frame for frame, _ in rows])
    frames = [f for f in states if len(f.atoms)]
    labelled = sum(f.energy is not None for f in frames)
    if labelled < MIN_IMAGES:
        reasons = [f.error for f in states if f.error not in (None, NO_LABELS)]
        text = f"{labelled} of {len(rows)} images with an energy, {MIN_IMAGES} needed"
        raise InputError("; ".join([text, *map(str, reasons[:1])]))
    for f in frames:
        if list(f.atoms.numbers) != list(frames[0].atoms.numbers):
            raise InputError(f"{f.name} has other atoms than {frames[0].name}, or in another order")
    levels = split_levels([(f, s) for f, s in rows if f.energy is not None])
    if len(levels) > 1:
        words = ", ".join(level.words for level in levels)
        raise InputError(f"images of several levels of theory: {words}")
    lengths, given = _lengths(frames), list(range(len(frames)))
    if direct and _total(lengths, given) > DIRECT * lengths[0, -1]:
        raise InputError("images do not lead from the first to the last")
    order = _order(lengths)
    notes = ["images were not in order; put into that of nearest neighbours"] * (order != given)
    frames = [frames[k] for k in order]
    reasons_of: dict[str, list[str]] = {}
    for f in (*left_out, *(f for f in frames if f.energy is None)):
        reasons_of.setdefault(f.error or "no energy", []).append(f.name)
    for why, names in reasons_of.items():
        notes.append(f"{len(names)} of {len(rows)} images do not count: {why} ({listed(names)})")
    strained, area = _change_of_cell(frames)
    steps = np.array([lengths[pair] for pair in itertools.pairwise(order)])
    if area is not None:
        steps = np.abs(np.diff([f.atoms.get_volume() for f in frames])) / area
    settings = levels[0].settings
    return ReferencePath(
        "",
        "",
        tuple(frames),
        coordinate=np.cumsum([0.0, *steps]),
        ends=(frames[0].energy is not None, frames[-1].energy is not None),
        strained=strained,
        area=area,
        settings=settings,
        doubts=(*settings.doubts, *dict.fromkeys(d for f in frames for d in f.doubts)),
        notes=tuple(notes),
    )


def _lengths(frames: Sequence[LabelledFrame]) -> np.ndarray:
    """Return how far images are apart (Å), by minimum images, without their mean displacement."""
    cells = np.array([f.atoms.cell.complete()[:] for f in frames])
    scaled = np.array(
        [f.atoms.positions @ np.linalg.inv(h) for f, h in zip(frames, cells, strict=True)]
    )
    found = np.zeros((len(frames), len(frames)))
    for k, (s, h) in enumerate(zip(scaled, cells, strict=True)):
        off = scaled - s
        off -= np.round(off) * frames[0].atoms.pbc
        moved = (s + off) @ cells - s @ h
        moved -= moved.mean(axis=1, keepdims=True)
        found[k] = np.sqrt((moved**2).sum(axis=(1, 2)) + ((cells - h) ** 2).sum(axis=(1, 2)))
    return (found + found.T) / 2


def _order(lengths: np.ndarray) -> list[int]:
    """Return the order along the path: as given, or that of nearest neighbours."""
    given = list(range(len(lengths)))
    if len(given) > MAX_ORDERED:
        return given
    ends = np.unravel_index(np.argmax(lengths), lengths.shape)
    one, other = (_chain(lengths, int(end)) for end in ends)
    if _total(lengths, given) <= SHUFFLED * min(_total(lengths, one), _total(lengths, other)):
        return given
    if one != other[::-1]:
        raise InputError("images are not in order, and their distances show none")
    return min(one, other)


def _total(lengths: np.ndarray, order: Sequence[int]) -> float:
    return float(sum(lengths[a, b] for a, b in itertools.pairwise(order)))


def _chain(lengths: np.ndarray, start: int) -> list[int]:
    """Go from an image to the nearest that is left, and so on."""
    chain, left = [start], set(range(len(lengths))) - {start}
    while left:
        chain.append(min(left, key=lambda k: lengths[chain[-1], k]))
        left.remove(chain[-1])
    return chain


def _change_of_cell(frames: Sequence[LabelledFrame]) -> tuple[bool, float | None]:
    """Return whether a crystal is strained, or the cross-section (Å^2) where it is pulled apart."""
    cells = np.array([f.atoms.cell[:] for f in frames])
    changed = np.ptp(cells, axis=0).max(axis=1) > SAME
    if not frames[0].atoms.pbc.all() or not changed.any():
        return False, None
    scaled = np.array([f.atoms.get_scaled_positions(wrap=False) for f in frames])
    off = scaled - scaled[0]
    off -= np.round(off)
    if np.abs(off - off.mean(axis=1, keepdims=True)).max() < STRAINED:
        return True, None
    a, b = cells[0][np.argsort(changed, kind="stable")[:2]]
    return False, float(np.linalg.norm(np.cross(a, b))) if changed.sum() == 1 else None
