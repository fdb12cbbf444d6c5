"""Sets of labelled frames: one level of theory each, and what is to be said of the whole."""

from __future__ import annotations

import dataclasses
import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.calculators.calculator import InputError

from ..calculators.base import check_seed
from ..drawing.tables import count
from ..storage import Record
from .doubts import Doubt
from .energy_work import check_stresses
from .folders import listed
from .label_keys import LABELS, PREFIXES, advice
from .labels import NAMES, NO_LABELS, LabelledFrame
from .reader import ATOMS, Run, fingerprint, run_of_atoms
from .states import part_states
from .vasp import file_kind
from .vasp_settings import Settings

# Keys of info that say a level of theory.
LEVEL_KEYS = ("level_of_theory", "functional", "xc")


@dataclass(frozen=True, eq=False)
class FrameSet(Record):
    """Frames of one source and one level of theory.

    Attributes
    ----------
    name, source : str
        What to call it; the file, folder or data set that it comes from.
    frames, left_out : tuple of LabelledFrame
        States, none where ``error`` says why; what was read beside them and is none, with why.
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

    @property
    def typed(self) -> str | None:
        """What to type to have the same frames again, None where they have no name."""
        if self.level_of_theory == "analytic":
            return self.name
        return None if self.source.partition(" #")[0] in ("", ATOMS) else self.source

    @property
    def compositions(self) -> frozenset[frozenset[str]]:
        """The elements of each frame."""
        found = (frozenset(f.atoms.get_chemical_symbols()) for f in self.frames)
        return frozenset(elements for elements in found if elements)

    @property
    def fingerprint(self) -> str:
        """The same for the same frames and labels, whatever their file is called."""
        return fingerprint(self.frames)

    def independent(self) -> FrameSet:
        """Take every frame for a run of its own."""
        frames = tuple(dataclasses.replace(f, run=f.name) for f in self.frames)
        return dataclasses.replace(
            self, frames=frames, notes=(*self.notes, "frames taken as independent, as asked")
        )

    def sample(self, n: int, seed: int) -> FrameSet:
        """Draw ``n`` frames without replacement, in their order; all where there are no more."""
        if n < 1:
            raise InputError(f"a sample of {n} frames is empty; give 1 or more")
        check_seed(seed)
        total = len(self.frames)
        if n >= total:
            return self
        drawn = np.sort(np.random.default_rng(seed).choice(total, n, replace=False))
        frames = tuple(self.frames[k] for k in drawn)
        notes = (*self.notes, f"{n} of {total} frames, seed {seed}")
        return dataclasses.replace(self, frames=frames, notes=notes)


@dataclass
class Level:
    """The frames of one level of theory."""

    settings: Settings
    frames: list[LabelledFrame] = field(default_factory=list)

    @property
    def words(self) -> str:
        text = self.settings.level_of_theory or "level of theory unknown"
        charge = f", charge {self.settings.charge:+g}" if self.settings.charge else ""
        return text.removesuffix(", VASP") + charge


def split_levels(rows: Sequence[tuple[LabelledFrame, Settings]]) -> list[Level]:
    """Put together what is of one level of theory, in the order in which the levels appear.

    Runs of different elements are of one level although each has the values of U of its own.
    """
    levels: list[Level] = []
    for frame, settings in rows:
        for level in levels:
            if (joined := _join(level.settings, settings)) is not None:
                level.settings = joined
                break
        else:
            levels.append(level := Level(settings))
        level.frames.append(frame)
    return levels


def _join(a: Settings, b: Settings) -> Settings | None:
    """Return what holds for both, None where they are of different levels of theory."""
    if a is b:
        return a
    if (a.level_of_theory, a.charge) != (b.level_of_theory, b.charge):
        return None
    if a.hubbard_u is None or b.hubbard_u is None:
        return dataclasses.replace(a, hubbard_u=None)
    both = a.hubbard_u.keys() & b.hubbard_u.keys()
    if any(a.hubbard_u[element] != b.hubbard_u[element] for element in both):
        return None
    return dataclasses.replace(a, hubbard_u=a.hubbard_u | b.hubbard_u)


def frames_from_atoms(
    images: Iterable[Atoms], name: str = "frames", source: str = ATOMS
) -> FrameSet:
    """Take the labels that structures carry; never starts a calculation.

    Frames that follow each other with the same atoms are one run, unless their info has others.
    """
    (found,) = _of_levels(name, source, [run_of_atoms(images, name, source)], split=False)
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


def _of_levels(name: str, source: str, runs: Sequence[Run], split: bool = True) -> list[FrameSet]:
    """Return one set for each level of theory, or one of all; a note says where there are more."""
    rows = [(f, run.settings or settings_in_info(f.atoms)) for run in runs for f in run.frames]
    notes = [note for run in runs for note in run.notes]
    levels = split_levels(rows)
    if len(levels) > 1 and not split:
        notes.append(f"mixed levels of theory: {', '.join(level.words for level in levels)}")
    if len(levels) < 2 or not split:
        settings = levels[0].settings if len(levels) == 1 else Settings()
        return [make_set(name, source, [frame for frame, _ in rows], settings, notes)]
    notes.append("mixed levels of theory: split")
    found = []
    for level in levels:
        words = level.words
        if sum(words == other.words for other in levels) > 1:  # the values of U differ
            values = (level.settings.hubbard_u or {}).items()
            words += ", U " + " ".join(f"{element} {u:g}" for element, u in values if u)
        found.append(make_set(f"{name} ({words})", source, level.frames, level.settings, notes))
    return found


def settings_in_info(atoms: Atoms) -> Settings:
    level = next((str(atoms.info[key]) for key in LEVEL_KEYS if key in atoms.info), None)
    return Settings(level_of_theory=level)


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
        error = f"{source}: {_error([*states, *left_out])}"
        return dataclasses.replace(found, notes=tuple(notes), error=error)
    return dataclasses.replace(found, frames=tuple(states), left_out=tuple(left_out))


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
    total = len(frames)
    runs = len({frame.run for frame in frames})
    notes = [f"{total} frames of {count(runs, 'run')}"] if runs < total else []
    for error, n in Counter(frame.error for frame in left_out).items():
        notes.append(f"{count(n, 'frame')} left out: {error}")
    usable = [frame for frame in frames if not frame.error]
    for label in NAMES:
        missing = sum(getattr(frame, label) is None for frame in usable)
        # often nothing has a stress
        if missing and not (label == "stress" and missing == len(usable)):
            notes.append(f"{missing} of {total} frames have no {label}")
    wanted = {n for n in NAMES if any(getattr(frame, n) is None for frame in usable)}
    wanted |= {"virial"} if "stress" in wanted else set()
    if what_to_do := advice([f.atoms for f in usable], [n for n in LABELS if n in wanted]):
        notes.append(what_to_do)
    noted: dict[str, list[str]] = {}
    for frame in frames:
        for note in frame.notes:
            noted.setdefault(note, []).append(frame.name)
    for note, names in noted.items():
        which = "" if len(names) == total else f" ({len(names)} of {total} frames: {listed(names)})"
        notes.append(note + which)
    for error, n in Counter(frame.error for frame in frames if frame.error).items():
        notes.append(f"{n} of {total} frames cannot be used: {error}")
    return notes
