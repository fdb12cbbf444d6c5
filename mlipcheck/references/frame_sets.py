"""Sets of labelled frames: one level of theory each, and what is to be said of the whole."""

from __future__ import annotations

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from ase.calculators.calculator import InputError

from ..calculators.base import check_seed
from .doubts import Doubt
from .labels import NAMES, NO_LABELS, PREFIXES, LabelledFrame, lookalikes
from .states import part_states
from .vasp import Settings

MAX_LISTED = 3  # frames that are named, of however many


@dataclass(frozen=True, eq=False)
class FrameSet:
    """Frames of one source and one level of theory.

    Attributes
    ----------
    name, source : str
        What to call it; the file, folder or data set that it comes from.
    frames : tuple of LabelledFrame
        Empty where ``error`` says why.
    level_of_theory : str or None
        None where nothing says it.
    energy_convention : str
        ``raw`` as DFT printed them, or ``mp2020``.
    distribution : str or None
        ``in`` or ``out`` of that of models trained on MPtrj; None where it is not known.
    notes : tuple of str
        What is missing, was left out or decided.
    settings : Settings or None
        What the VASP runs say of themselves.
    doubts : tuple of Doubt
        Why the labels, and not a model, may be what is wrong.
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

    @property
    def typed(self) -> str | None:
        """What to type to have the same frames again, None where they have no name."""
        if self.level_of_theory == "analytic":
            return self.name
        return self.source if self.source not in ("", "Atoms") else None

    @property
    def compositions(self) -> frozenset[frozenset[str]]:
        """The elements of each frame."""
        found = (frozenset(f.atoms.get_chemical_symbols()) for f in self.frames)
        return frozenset(elements for elements in found if elements)

    @property
    def fingerprint(self) -> str:
        """The same for the same frames and labels, whatever their file is called."""
        digest = hashlib.sha256()
        for f in self.frames:
            digest.update(f.atoms.numbers.astype("<i8").tobytes() + f.atoms.pbc.tobytes())
            numbers = [f.atoms.positions, f.atoms.cell[:], f.energy, f.forces, f.stress]
            for value in numbers:
                if value is not None:
                    # rounded, and no minus at a zero: another machine reads the same numbers
                    digest.update((np.round(value, 6) + 0.0).astype("<f8").tobytes())
        return digest.hexdigest()[:16]

    def independent(self) -> FrameSet:
        """Take every frame for a run of its own."""
        frames = tuple(dataclasses.replace(f, run=f.name) for f in self.frames)
        return dataclasses.replace(
            self, frames=frames, notes=(*self.notes, "frames taken as independent, as asked")
        )

    def sample(self, n: int, seed: int) -> FrameSet:
        """Draw ``n`` frames without replacement, in their order; all where there are no more.

        Raises
        ------
        InputError
            For fewer than one, or a negative seed.
        """
        if n < 1:
            raise InputError(f"a sample of {n} frames is empty; give 1 or more")
        check_seed(seed)
        total = len(self.frames)
        if n >= total:
            return self
        drawn = np.sort(np.random.default_rng(seed).choice(total, n, replace=False))
        return dataclasses.replace(
            self,
            frames=tuple(self.frames[k] for k in drawn),
            notes=(*self.notes, f"{n} of {total} frames, seed {seed}"),
        )


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

    @property
    def values_of_u(self) -> str:
        values = (self.settings.hubbard_u or {}).items()
        return " ".join(f"{element} {u:g}" for element, u in values if u)


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
            level = Level(settings)
            levels.append(level)
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


def make_sets(
    name: str,
    source: str,
    rows: Sequence[tuple[LabelledFrame, Settings]],
    notes: Sequence[str] = (),
    split: bool = True,
) -> list[FrameSet]:
    """Return one set for each level of theory, or one of all; a note says where there are more."""
    levels = split_levels(rows)
    if len(levels) > 1 and not split:
        notes = (*notes, f"mixed levels of theory: {', '.join(level.words for level in levels)}")
    if len(levels) < 2 or not split:
        settings = levels[0].settings if len(levels) == 1 else Settings()
        return [make_set(name, source, [frame for frame, _ in rows], settings, notes)]
    count = Counter(level.words for level in levels)
    # levels that differ in the values of U only are named by these
    tails = [f", U {v.values_of_u}" if count[v.words] > 1 else "" for v in levels]
    notes = (*notes, "mixed levels of theory: split")
    return [
        make_set(f"{name} ({level.words}{tail})", source, level.frames, level.settings, notes)
        for level, tail in zip(levels, tails, strict=True)
    ]


def make_set(
    name: str,
    source: str,
    frames: Sequence[LabelledFrame],
    settings: Settings,
    notes: Sequence[str] = (),
) -> FrameSet:
    """Sum up frames of one level of theory: what is missing in them is a note, or the error."""
    frames, left_out = part_states(frames)
    found = FrameSet(
        name,
        source,
        level_of_theory=settings.level_of_theory,
        notes=(*notes, *_notes(frames), *_left_out(left_out)),
        settings=settings if settings.functional else None,
        doubts=settings.doubts,
    )
    if all(frame.error for frame in frames):
        return dataclasses.replace(
            found, notes=tuple(notes), error=f"{source}: {_error([*frames, *left_out])}"
        )
    return dataclasses.replace(found, frames=tuple(frames))


def _left_out(frames: Sequence[LabelledFrame]) -> list[str]:
    counts = Counter(frame.error for frame in frames)
    return [f"{n} frame{'s' * (n > 1)} left out: {why}" for why, n in counts.items()]


def _error(frames: Sequence[LabelledFrame]) -> str:
    """Say why none of these frames can be used, and what would correct it."""
    if not frames:
        return "no frames in it; give structures with energies or forces"
    reasons = Counter(frame.error for frame in frames)
    if set(reasons) != {NO_LABELS}:
        each = [f"{why} ({n} of {len(frames)} frames)" for why, n in reasons.most_common()]
        return f"no frame has a label that can be used: {'; '.join(each)}"
    wanted = ", ".join(f"{prefix}energy, {prefix}forces" for prefix in PREFIXES)
    text = f"no labels; looked for a calculator's results and for {wanted}"
    if others := lookalikes(frame.atoms for frame in frames):
        text += f"; rename {', '.join(others)} to REF_energy, REF_forces if that is what they are"
    return text


def _notes(frames: Sequence[LabelledFrame]) -> list[str]:
    total = len(frames)
    runs = len({frame.run for frame in frames})
    notes = [f"{total} frames of {runs} run{'s' * (runs > 1)}"] if runs < total else []
    usable = [frame for frame in frames if not frame.error]
    for label in NAMES:
        missing = sum(getattr(frame, label) is None for frame in usable)
        # often nothing has a stress
        if missing and not (label == "stress" and missing == len(usable)):
            notes.append(f"{missing} of {total} frames have no {label}")
    if any(frame.energy is None or frame.forces is None for frame in usable) and (
        others := lookalikes(frame.atoms for frame in usable)
    ):
        notes.append(f"{', '.join(others)} not read: rename to REF_energy, REF_forces if meant")
    noted: dict[str, list[str]] = {}
    for frame in frames:
        for note in frame.notes:
            noted.setdefault(note, []).append(frame.name)
    for note, names in noted.items():
        some = ", ".join(names[:MAX_LISTED]) + (", ..." if len(names) > MAX_LISTED else "")
        which = "" if len(names) == total else f" ({len(names)} of {total} frames: {some})"
        notes.append(note + which)
    for error, count in Counter(frame.error for frame in frames if frame.error).items():
        notes.append(f"{count} of {total} frames cannot be used: {error}")
    return notes
