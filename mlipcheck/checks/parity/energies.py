"""Energies of a model against a reference's, in the convention that the model predicts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from ase.calculators.calculator import CalculatorSetupError, InputError

from ...analysis import jackknife
from ...analysis.offsets import fit_offsets, fit_robustly
from ...calculators.records import Evaluation
from ...references.doubts import Doubt
from ...references.frame_sets import FrameSet
from ...references.labels import LabelledFrame
from ...references.mp2020 import correction
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

    ``plain`` holds the labels as they are; ``why_not`` says why by (convention, index).
    ``relative`` says why offsets could be fitted to the same composition or run only.
    """

    frames: Sequence[LabelledFrame]
    plain: np.ndarray
    errors: dict[str, np.ndarray]
    offsets: dict[str, float]
    why_not: dict[tuple[str, int], str] = field(default_factory=dict)
    relative: str = ""


def find_conventions(
    labels: FrameSet, frames: Sequence[LabelledFrame], model: np.ndarray, *, corrected: bool = True
) -> Conventions:
    """Compute the errors in every convention that the labels can be brought to.

    ``frames`` are those of ``labels`` with an energy, ``model`` (n,) total energies in eV. The
    Materials Project's corrections take time, and are computed where ``corrected``.
    """
    plain = _per_atom(frames, model)
    counts = [Counter(f.atoms.get_chemical_symbols()) for f in frames]
    fitted, offsets = fit_offsets(counts, plain, [f.run for f in frames])
    own = "mp2020" if labels.energy_convention == "mp2020" else "raw"
    found = Conventions(frames, plain, {own: plain, "fit-offsets": fitted}, offsets)
    if np.isnan(fitted).all():
        found.errors["fit-offsets"] = fitted = fit_offsets(counts, plain)[0]
        found.relative = "one composition does not fix the zero of energy"
    found.why_not = {
        ("fit-offsets", int(k)): "the other frames do not determine its elements' constants"
        for k in np.flatnonzero(np.isnan(fitted))
    }
    if corrected:
        # the U of the user's own runs; by default the Materials Project's scheme is meant
        applied_u = labels.settings.hubbard_u if labels.settings is not None else None
        other, sign = ("raw", -1) if own == "mp2020" else ("mp2020", 1)
        found.errors[other] = np.full(len(frames), np.nan)
        for k, frame in enumerate(frames):
            try:
                shift = sign * correction(frame.atoms, applied_u) / len(frame.atoms)
            except (InputError, CalculatorSetupError) as error:
                found.why_not[other, k] = str(error)
            else:
                found.errors[other][k] = plain[k] - shift
    return found


def find_other_zeros(
    pairs: Sequence[tuple[LabelledFrame, Evaluation]],
    follows: Sequence[bool | None],
    *,
    fitted: bool,
) -> dict[int, float]:
    """Return which few frames have a zero of energy of their own, and how far off, in eV/atom.

    ``follows`` says whether the model has the forces of each frame; None where these are too small
    to say. Where constants an element are ``fitted`` anyway, only what they leave is off.
    """
    off = _per_atom([f for f, _ in pairs], np.array([e.energy for _, e in pairs]))
    off = off - np.median(off)
    if fitted:
        off = fit_robustly([Counter(f.atoms.get_chemical_symbols()) for f, _ in pairs], off)
    least = np.array([{True: FAR_OFF, None: NO_STRUCTURE, False: np.inf}[x] for x in follows])
    found = np.flatnonzero(np.abs(off) > least).tolist()
    return {k: float(off[k]) for k in found} if 2 * len(found) < len(pairs) else {}


def _per_atom(frames: Sequence[LabelledFrame], model: np.ndarray) -> np.ndarray:
    """Return E_model - E_reference in eV/atom."""
    labels = np.array([f.energy for f in frames], dtype=float)
    return np.asarray((model - labels) / [len(f.atoms) for f in frames])


def compare_energies_in(found: Conventions, convention: str, why: str) -> EnergyParity | None:
    """Return the errors in one convention beside the others; None where no frame has it."""
    errors = found.errors.get(convention, np.array([]))
    kept = np.flatnonzero(np.isfinite(errors)).tolist()
    if not kept:
        return None
    values = errors[kept]
    # on the frames that all have: another convention's other frames would be compared with these
    had = {name: e for name, e in found.errors.items() if np.isfinite(e).any()}
    common = np.isfinite(list(had.values())).all(axis=0)
    return EnergyParity(
        convention=convention,
        why=why,
        mae=jackknife.mean(np.abs(values), [found.frames[k].run for k in kept]),
        bias=float(values.mean()),
        alternatives={
            name: (float(np.abs(other[common]).mean()), int(common.sum()))
            for name, other in had.items()
            if common.any()
        },
        offsets=found.offsets,
        relative=found.relative if convention == "fit-offsets" else "",
        names=tuple(found.frames[k].name for k in kept),
        errors=values,
        left_out=tuple(
            (found.frames[k].name, found.why_not.get((convention, k), "not comparable"))
            for k in np.flatnonzero(np.isnan(errors)).tolist()
        ),
    )


def doubt_zero(found: Conventions, chosen: str, *, astray: bool) -> Doubt | None:
    """Say where labels have another zero of energy than the model, so that no error is known.

    Where the model's forces are ``astray``, a large error of one sign is the model's own.
    """
    if chosen == "fit-offsets" or chosen not in found.errors:
        return None
    mine, best = found.errors[chosen], None
    formulas = [f"{f.atoms.symbols.formula.reduce()[0]:hill}" for f in found.frames]
    _, composition = np.unique(formulas, return_inverse=True)
    for name, errors in found.errors.items():
        both = np.isfinite(errors) & np.isfinite(mine)
        if name == chosen or both.sum() < MIN_FRAMES:
            continue
        explains = EXPLAINS
        if name == "fit-offsets":
            if found.relative or composition.max() + 1 < len(found.offsets) + MIN_FRAMES:
                continue  # constants explain whatever few compositions share
            if max(map(abs, found.offsets.values())) > LARGEST_CONSTANT:
                explains = EXPLAINS_ALL
        before, after = float(np.abs(mine[both]).mean()), float(np.abs(errors[both]).mean())
        if before > NOTICEABLE and after < explains * before and (best is None or after < best[2]):
            best = (name, before, after)
    if best is not None:
        name, before, after = best
        text = f"{1000 * before:.0f} meV/atom in it, {1000 * after:.0f} in {name}"
        return Doubt(ZERO, f"{chosen} seems the wrong convention: {text}", (ZERO,))
    known = np.isfinite(mine)
    if typical := _constant(mine[known], composition[known], astray):
        return Doubt(ZERO, f"its zero of energy seems to be {typical:.3g} eV/atom off", (ZERO,))
    return None


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
    one_way = not astray and bool(len(errors)) and min(errors * np.sign(typical)) > ANOTHER_ZERO
    if abs(typical) > NO_STRUCTURE or one_way or (abs(typical) > ANOTHER_ZERO and alike):
        return typical
    return None
