"""Energies of a model against a reference's, in the convention that the model predicts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase.formula import Formula

from ...analysis.statistics import fit_offsets, fit_robustly, mean
from ...references.doubts import Doubt
from ...references.frame_sets import FrameSet
from .pieces import MAX_LISTED, Frames
from .record import EnergyParity

CONVENTIONS = ("raw", "mp2020", "fit-offsets")
# A convention that leaves less than this part of another's error explains most of it, and a
# constant that leaves less than that part all of it.
EXPLAINS, EXPLAINS_ALL = 0.5, 0.05
NOTICEABLE = 0.01  # eV/atom; below it no convention is doubted
LARGEST_CONSTANT = 3.0  # eV an atom between conventions; beyond, constants fit a model's own error
ANOTHER_ZERO = 1.0  # eV/atom; no model is so wrong by a constant
NO_STRUCTURE = 20.0  # eV/atom; none is so far from another
FAR_OFF = 5.0  # eV/atom; a model whose forces follow is not so wrong (random-TP: up to 4)
MIN_FRAMES = 3  # and compositions beyond the number of elements
OF_CHECKPOINT = "what the checkpoint predicts"
ZERO = "zero of energy"


@dataclass(eq=False)
class Conventions:
    """E_model - E_reference in eV/atom, frame by frame, in each convention; NaN where it has none.

    ``frames`` have energies of both. ``plain`` holds the labels as they are. ``relative`` says why
    offsets could be fitted to the same composition or run only.
    """

    frames: Frames
    plain: np.ndarray
    errors: dict[str, np.ndarray]
    offsets: dict[str, float]
    relative: str = ""

    def reason(self, convention: str, k: int) -> str:
        if convention == "fit-offsets":
            return "the other frames do not determine its elements' constants"
        return self.frames.not_corrected.get(int(self.frames.index[k]), "not comparable")

    def compare(self, convention: str, why: str) -> EnergyParity | None:
        """Return the errors in one convention beside the others; None where no frame has it."""
        errors = self.errors.get(convention, np.array([]))
        kept = np.flatnonzero(np.isfinite(errors))
        if not len(kept):
            return None
        values, frames = errors[kept], self.frames
        # on the frames that all have: another convention's other frames would be compared with
        # these
        had = {name: e for name, e in self.errors.items() if np.isfinite(e).any()}
        common = np.isfinite(list(had.values())).all(axis=0)
        missing = np.flatnonzero(np.isnan(errors))
        # of very many, those that are furthest off and others spread evenly
        shown = np.arange(len(kept))
        if len(kept) > MAX_LISTED:
            worst = np.argsort(np.abs(values))[-MAX_LISTED // 10 :]
            shown = np.union1d(worst, np.linspace(0, len(kept) - 1, MAX_LISTED).astype(int))
        return EnergyParity(
            convention=convention,
            why=why,
            mae=mean(np.abs(values), frames.run[kept]),
            bias=float(values.mean()),
            alternatives={
                name: (float(np.abs(other[common]).mean()), int(common.sum()))
                for name, other in had.items()
                if common.any()
            },
            offsets=self.offsets,
            relative=self.relative if convention == "fit-offsets" else "",
            names=tuple(frames.name(k) for k in kept[shown]),
            errors=values[shown],
            more=len(kept) - len(shown),
            left_out=tuple(
                (frames.name(k), self.reason(convention, k)) for k in missing[:MAX_LISTED]
            ),
            more_left_out=max(len(missing) - MAX_LISTED, 0),
        )

    def doubt_zero(self, chosen: str, *, astray: bool) -> Doubt | None:
        """Say where labels have another zero of energy than the model, so that no error is known.

        Where the model's forces are ``astray``, a large error of one sign is the model's own.
        """
        if chosen == "fit-offsets" or chosen not in self.errors:
            return None
        mine, explained = self.errors[chosen], []
        composition = _compositions(self.frames)
        for name, errors in self.errors.items():
            both = np.isfinite(errors) & np.isfinite(mine)
            if name == chosen or both.sum() < MIN_FRAMES:
                continue
            explains = EXPLAINS
            if name == "fit-offsets":
                if self.relative or composition.max() + 1 < len(self.offsets) + MIN_FRAMES:
                    continue  # constants explain whatever few compositions share
                if max(map(abs, self.offsets.values())) > LARGEST_CONSTANT:
                    explains = EXPLAINS_ALL
            before, after = float(np.abs(mine[both]).mean()), float(np.abs(errors[both]).mean())
            if before > NOTICEABLE and after < explains * before:
                explained.append((after, before, name))
        if explained:
            after, before, name = min(explained)
            text = f"{1000 * before:.0f} meV/atom in it, {1000 * after:.0f} by --energies {name}"
            return Doubt(ZERO, f"{chosen} seems the wrong convention: {text}", (ZERO,))
        known = np.isfinite(mine)
        if typical := _constant(mine[known], composition[known], astray):
            return Doubt(ZERO, f"its zero of energy seems to be {typical:.3g} eV/atom off", (ZERO,))
        return None


def _compositions(frames: Frames) -> np.ndarray:
    """Return the number of each frame's composition, whatever the size of its cell: 0, 1, ..."""
    formulas = [f"{Formula(x).reduce()[0]:hill}" for x in frames.formulas]
    return np.unique(formulas, return_inverse=True)[1].ravel()[frames.formula]


def find_conventions(labels: FrameSet, frames: Frames) -> Conventions:
    """Compute the errors in every convention that the labels can be brought to."""
    plain, counts = per_atom(frames), frames.counts()
    fitted, offsets = fit_offsets(counts, plain, frames.run)
    own = "mp2020" if labels.energy_convention == "mp2020" else "raw"
    found = Conventions(frames, plain, {own: plain, "fit-offsets": fitted}, offsets)
    if np.isnan(fitted).all():
        found.errors["fit-offsets"] = fit_offsets(counts, plain)[0]
        found.relative = (
            "the zero of energy of no composition follows from the others"
            if _compositions(frames).any()
            else "one composition does not fix the zero of energy"
        )
    if frames.not_corrected or np.isfinite(frames["correction"]).any():
        other, sign = ("raw", -1) if own == "mp2020" else ("mp2020", 1)
        found.errors[other] = plain - sign * frames["correction"] / frames["n_atoms"]
    return found


def find_other_zeros(frames: Frames, follows: np.ndarray, *, fitted: bool) -> np.ndarray:
    """Return how far off, in eV/atom, the few frames are that have a zero of energy of their own.

    It is zero for all others. ``follows`` (n,) says whether the model has the forces of each frame:
    1, -1, or 0 where these are too small to say. Where constants an element are ``fitted`` anyway,
    only what they leave is off.
    """
    off = per_atom(frames)
    off = off - np.median(off)
    if fitted:
        off = fit_robustly(frames.counts(), off)
    least = np.choose(follows + 1, [np.inf, NO_STRUCTURE, FAR_OFF])
    apart = np.abs(off) > least
    return np.where(apart & (2 * apart.sum() < len(off)), off, 0.0)


def per_atom(frames: Frames) -> np.ndarray:
    """Return E_model - E_reference in eV/atom."""
    return np.asarray((frames["model_energy"] - frames["energy"]) / frames["n_atoms"])


def _constant(errors: np.ndarray, composition: np.ndarray, astray: bool) -> float | None:
    """Return the typical error where it is one of another zero of energy, as of another code.

    So it is where it is a constant of each composition, or large and of one sign in every frame
    of a model whose forces are not astray.
    """
    typical = float(np.median(errors)) if len(errors) else 0.0
    sizes = np.bincount(composition)
    sums = np.bincount(composition, errors)
    several = sizes[composition] > 1
    within = (errors - sums[composition] / sizes[composition])[several]
    alike = len(within) >= MIN_FRAMES and np.sqrt(np.mean(within**2)) < EXPLAINS_ALL * abs(typical)
    one_way = not astray and bool(len(errors)) and np.min(errors * np.sign(typical)) > ANOTHER_ZERO
    if abs(typical) > NO_STRUCTURE or one_way or (abs(typical) > ANOTHER_ZERO and alike):
        return typical
    return None
