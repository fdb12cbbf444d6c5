"""Sets of labelled frames: one level of theory each, and what is to be said of the whole."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.calculators.calculator import InputError
from ase.data import chemical_symbols

from ..calculators.base import check_seed
from ..drawing.tables import count
from ..storage import Record
from .disk_list import DiskList
from .doubts import Doubt
from .energy_work import check_stresses
from .label_keys import LABELS, PREFIXES, advice
from .labels import NAMES, NO_LABELS, LabelledFrame
from .level_of_theory import settings_in_info, split_levels
from .reader import ATOMS, Run, fingerprint, run_of_atoms
from .states import part_states
from .vasp import file_kind
from .vasp_settings import Settings

MAX_LISTED = 3  # names of frames in a note
MAX_IN_MEMORY = 1000  # frames of a file that is read in pieces


@dataclass(frozen=True, eq=False)
class FrameSet(Record):
    """Frames of one source and one level of theory.

    Attributes
    ----------
    name, source : str
        What to call it; the file, folder or data set that it comes from.
    frames, left_out : tuple of LabelledFrame
        States, none where ``error`` says why; what was read beside them and is none, with why. Of
        more than fit in memory a sample.
    stored : DiskList or None
        All states, where ``frames`` is a sample.
    energy_convention : str
        ``raw`` as DFT printed them, or ``mp2020``.
    distribution : str or None
        ``in`` or ``out`` of that of models trained on MPtrj; None where it is not known.
    notes : tuple of str
        What is missing, was left out or decided.
    settings : Settings or None
        What the VASP runs say of themselves.
    """

    name: str
    source: str
    frames: tuple[LabelledFrame, ...] = ()
    level_of_theory: str | None = None
    energy_convention: str = "raw"
    distribution: str | None = None
    notes: tuple[str, ...] = ()
    error: str | None = None
    settings: Settings | None = None
    doubts: tuple[Doubt, ...] = ()
    left_out: tuple[LabelledFrame, ...] = ()
    stored: DiskList[LabelledFrame] | None = None

    @property
    def every(self) -> Sequence[LabelledFrame]:
        """All states, in memory or not."""
        return self.frames if self.stored is None else self.stored

    @property
    def typed(self) -> str | None:
        """What to type to have the same frames again, None where they have no name."""
        if self.level_of_theory == "analytic":
            return self.name
        return None if self.source.partition(" #")[0] in ("", ATOMS) else self.source

    @property
    def compositions(self) -> frozenset[frozenset[str]]:
        """The elements of each frame."""
        return self._looked_through[1]

    @property
    def runs(self) -> int:
        """The number of independent runs."""
        return self._looked_through[2]

    @property
    def fingerprint(self) -> str:
        """The same for the same frames and labels, whatever their file is called."""
        return self._looked_through[0]

    @property
    def key(self) -> tuple[object, ...]:
        """What results depend on: frames and labels, which are of one run, and what is said."""
        said = self.name, self.source, self.level_of_theory, self.notes, self.doubts
        return self.fingerprint, self.runs, *said

    @property
    def usable(self) -> int:
        """The number of frames that have labels."""
        return self._looked_through[3]

    @property
    def atoms(self) -> int:
        """The number of atoms of all frames."""
        return self._looked_through[4]

    @cached_property
    def _looked_through(self) -> tuple[str, frozenset[frozenset[str]], int, int, int]:
        atoms = 0
        numbers: set[frozenset[int]] = set()
        runs = Counter[str]()

        def pass_on() -> Iterator[LabelledFrame]:
            nonlocal atoms
            for frame in self.every:
                atoms += len(frame.atoms)
                numbers.add(frozenset(frame.atoms.numbers.tolist()))
                runs.update([frame.run] if frame.error is None else [])
                yield frame

        found = fingerprint(pass_on())
        symbols = (frozenset(chemical_symbols[z] for z in kind) for kind in numbers if kind)
        return found, frozenset(symbols), len(runs), runs.total(), atoms

    def independent(self) -> FrameSet:
        """Take every frame for a run of its own."""
        frames = (replace(f, run=f.name) for f in self.every)
        return self._of(frames, "frames taken as independent, as asked")

    def sample(self, n: int, seed: int) -> FrameSet:
        """Draw ``n`` frames without replacement, in their order; all where there are no more."""
        if n < 1:
            raise InputError(f"a sample of {n} frames is empty; give 1 or more")
        check_seed(seed)
        total = len(self.every)
        if n >= total:
            return self
        drawn = np.sort(np.random.default_rng(seed).choice(total, n, replace=False))
        frames = (self.every[k] for k in drawn.tolist())
        return self._of(frames, f"{n} of {total} frames, seed {seed}", n)

    def _of(self, frames: Iterable[LabelledFrame], note: str, size: int | None = None) -> FrameSet:
        """Return the same with other frames; a small sample of what is on disk is in memory."""
        new = replace(self, notes=(*self.notes, note))
        small = self.stored is None or (size is not None and size <= MAX_IN_MEMORY)
        return _keep(new, tuple(frames) if small else DiskList(frames))


def _keep(found: FrameSet, states: Sequence[LabelledFrame]) -> FrameSet:
    """Return a set with its states; where they are on disk, some spread evenly are in memory."""
    if not isinstance(states, DiskList) or len(states) <= MAX_IN_MEMORY:
        return replace(found, frames=tuple(states), stored=None)
    drawn = np.linspace(0, len(states) - 1, MAX_IN_MEMORY).round().astype(int)
    frames = tuple(states[k] for k in drawn.tolist())
    return replace(found, frames=frames, stored=states)


def frames_from_atoms(
    images: Iterable[Atoms], name: str = "frames", source: str = ATOMS
) -> FrameSet:
    """Take the labels that structures of one level carry; never starts a calculation.

    Frames that follow each other with the same atoms are one run, unless their info has others.
    """
    (found,) = make_sets([run_of_atoms(images, name, source)])
    return found


def make_sets(runs: Iterable[Run]) -> list[FrameSet]:
    """Return the labelled frames of each thing that a user named: a set for each level of theory.

    A run without labels is a set of its own, with the error.
    """
    found: list[FrameSet] = []
    for given, group in itertools.groupby(runs, key=lambda run: run.given):
        inside = list(group)
        name = inside[0].name if inside[0].source == given else Path(given).resolve().name
        good = [run for run in inside if run.labelled]
        found += _of_levels(name, given, good) if good else []
        bad = [run for run in inside if not run.labelled]
        found += [FrameSet(run.name, run.source, error=_why_none(run)) for run in bad]
    return found


def _why_none(run: Run) -> str:
    """Say why a run has no labels."""
    if run.error is None and file_kind(Path(run.source)) == "vasp":
        why = "a structure without labels; give its vasprun.xml or OUTCAR"
        return "; ".join(run.notes) or f"{run.source}: {why}"
    return run.error or f"{run.source}: {_error(run.frames)}"


def _of_levels(name: str, source: str, runs: Sequence[Run]) -> list[FrameSet]:
    """Return one set for each level of theory; a note says where there are several."""
    rows = ((f, run.settings or settings_in_info(f.atoms)) for run in runs for f in run.frames)
    notes = [note for run in runs for note in run.notes]
    levels = split_levels(rows, max((run.frames for run in runs), key=len))
    if len(levels) == 1:
        return [make_set(name, source, levels[0].frames, levels[0].settings, notes)]
    notes.append("mixed levels of theory: split")
    found = []
    for level in levels:
        words = level.words
        if sum(words == other.words for other in levels) > 1:  # the values of U differ
            values = (level.settings.hubbard_u or {}).items()
            words += ", U " + " ".join(f"{element} {u:g}" for element, u in values if u)
        found.append(make_set(f"{name} ({words})", source, level.frames, level.settings, notes))
    return found


def make_set(
    name: str,
    source: str,
    frames: Sequence[LabelledFrame],
    settings: Settings,
    notes: Sequence[str] = (),
) -> FrameSet:
    """Sum up frames of one level of theory: what is missing in them is a note, or the error."""
    states, left_out = part_states(frames)
    doubts, confirmed = check_stresses(states)
    found = FrameSet(
        name,
        source,
        level_of_theory=settings.level_of_theory,
        notes=(*notes, *_notes(states, left_out), *confirmed),
        settings=settings if settings.functional else None,
        doubts=(*settings.doubts, *doubts),
    )
    if all(frame.error for frame in states):
        error = f"{source}: {_error(list(states) + list(left_out))}"
        return replace(found, notes=tuple(notes), error=error)
    found = replace(found, left_out=tuple(itertools.islice(left_out, MAX_IN_MEMORY)))
    return _keep(found, states)


def _error(frames: Sequence[LabelledFrame]) -> str:
    """Say why none of these frames can be used, and what would correct it."""
    if not frames:
        return "no frames in it; give structures with energies or forces"
    reasons = Counter(frame.error for frame in frames)
    if set(reasons) != {NO_LABELS}:
        each = [f"{why} ({n} of {len(frames)} frames)" for why, n in reasons.most_common()]
        return f"no frame has a label that can be used: {'; '.join(each)}"
    text = f"no labels; looked for {', '.join(LABELS)}, also after {' or '.join(PREFIXES)}"
    what_to_do = advice([frame.atoms for frame in frames], LABELS)
    return f"{text}; {what_to_do}" if what_to_do else text


def _notes(frames: Sequence[LabelledFrame], left_out: Sequence[LabelledFrame]) -> list[str]:
    total, runs = len(frames), set()
    missing, errors, noted = Counter[str](), Counter[str](), Counter[str]()
    named: dict[str, list[str]] = {}
    for frame in frames:
        runs.add(frame.run)
        if frame.error:
            errors[frame.error] += 1
        else:
            missing.update(label for label in NAMES if getattr(frame, label) is None)
        for note in dict.fromkeys(frame.notes):
            noted[note] += 1
            if noted[note] <= MAX_LISTED:
                named.setdefault(note, []).append(frame.name)
    notes = [f"{total} frames of {count(len(runs), 'run')}"] if len(runs) < total else []
    for error, n in Counter(frame.error for frame in left_out).items():
        notes.append(f"{count(n, 'frame')} left out: {error}")
    for label in NAMES:
        # often nothing has a stress
        if missing[label] and (label != "stress" or missing[label] < total - errors.total()):
            notes.append(f"{missing[label]} of {total} frames have no {label}")
    wanted = [n for n in LABELS if missing["stress" if n == "virial" else n]]
    images = (f.atoms for f in frames if not f.error)
    if wanted and (what_to_do := advice(images, wanted)):
        notes.append(what_to_do)
    for note, n in noted.items():
        names = ", ".join(named[note]) + ", ..." * (n > MAX_LISTED)
        which = "" if n == total else f" ({n} of {total} frames: {names})"
        notes.append(note + which)
    for error, n in errors.items():
        notes.append(f"{n} of {total} frames cannot be used: {error}")
    return notes
