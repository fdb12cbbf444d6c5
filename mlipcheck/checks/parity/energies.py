"""Energies of a model against a reference's, in the convention that the model predicts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase.calculators.calculator import CalculatorSetupError, InputError

from ...analysis.jackknife import POSITIVE, jackknife, sum_by_unit
from ...analysis.offsets import fit_offsets
from ...references.frames import FrameSet, LabelledFrame
from ...references.mp2020 import correction
from .record import EnergyParity

CONVENTIONS = ("raw", "mp2020", "fit-offsets")
# A convention that leaves less than this part of another's error explains most of it.
EXPLAINS = 0.5
NOTICEABLE = 0.01  # eV/atom; below it no convention is suspected
ANOTHER_ZERO = 1.0  # eV/atom; no model is so wrong by a constant
FEWEST = 3  # frames, and compositions beyond the number of elements


@dataclass(frozen=True, eq=False)
class Conventions:
    """E_model - E_reference in eV/atom, frame by frame, in each convention; NaN where it has none.

    ``plain`` holds the labels as they are; ``why_not`` tells why by (convention, index).
    """

    errors: dict[str, np.ndarray]
    plain: np.ndarray
    why_not: dict[tuple[str, int], str]
    offsets: dict[str, float]


OF_CHECKPOINT = "what the checkpoint predicts"


def default_convention(checkpoint: str | None) -> tuple[str, str]:
    """Return the convention to compare in, and why.

    ``checkpoint`` is what the checkpoint predicts: ``raw``, ``mp2020`` or ``own``; None where
    nobody says.
    """
    if checkpoint in ("raw", "mp2020"):
        return checkpoint, OF_CHECKPOINT
    return "fit-offsets", "the model's zero of energy is not known to be the labels'"


def compare_energies_in(
    conventions: Conventions, convention: str, why: str, frames: Sequence[LabelledFrame]
) -> EnergyParity | None:
    """Return the errors in one convention beside the others; None where no frame has it."""
    errors = conventions.errors[convention]
    kept = np.flatnonzero(np.isfinite(errors)).tolist()
    if not kept:
        return None
    values = errors[kept]
    rows = np.column_stack([np.abs(values), np.ones(len(values))])
    alternatives = {
        name: (float(np.abs(found[good]).mean()), int(good.sum()))
        for name, found in conventions.errors.items()
        if (good := np.isfinite(found)).any()
    }
    return EnergyParity(
        of_checkpoint=why == OF_CHECKPOINT,
        convention=convention,
        why=why,
        frames=len(kept),
        mae=jackknife(
            lambda s: s[..., 0] / s[..., 1],
            sum_by_unit(rows, [frames[k].run for k in kept]),
            POSITIVE,
        ),
        rmse=float(np.sqrt(np.mean(values**2))),
        bias=float(values.mean()),
        alternatives=alternatives,
        offsets=conventions.offsets,
        suspicion=_suspicion(conventions, convention, frames),
        names=tuple(frames[k].name for k in kept),
        errors=values,
        left_out=tuple(
            (frames[k].name, conventions.why_not.get((convention, k), "not comparable"))
            for k in np.flatnonzero(np.isnan(errors)).tolist()
        ),
    )


def find_conventions(
    labels: FrameSet, frames: Sequence[LabelledFrame], model: np.ndarray, *, corrected: bool = True
) -> Conventions:
    """Compute the errors in every convention that the labels can be brought to.

    Parameters
    ----------
    labels : FrameSet
        What the frames belong to; its ``energy_convention`` is ``raw`` or ``mp2020``.
    frames : sequence of LabelledFrame
        Those with an energy.
    model : ndarray of shape (n,)
        Total energies in eV.
    corrected : bool
        Whether the Materials Project's corrections are needed, which take time.
    """
    n_atoms = np.array([len(f.atoms) for f in frames])
    plain = (model - np.array([f.energy for f in frames], dtype=float)) / n_atoms
    counts = [Counter(f.atoms.get_chemical_symbols()) for f in frames]
    fitted, offsets = fit_offsets(counts, plain)
    why_not = {
        ("fit-offsets", int(k)): "the other frames do not fix its elements' constants"
        for k in np.flatnonzero(np.isnan(fitted))
    }
    own = "mp2020" if labels.energy_convention == "mp2020" else "raw"
    errors = {own: plain, "fit-offsets": fitted}
    if corrected:
        other, sign = ("raw", -1) if own == "mp2020" else ("mp2020", 1)
        errors[other] = np.full(len(frames), np.nan)
        for k, frame in enumerate(frames):
            try:
                shift = sign * correction(frame.atoms, _applied_u(labels)) / n_atoms[k]
            except (InputError, CalculatorSetupError) as error:
                why_not[other, k] = str(error)
            else:
                errors[other][k] = plain[k] - shift
    return Conventions(errors, plain, why_not, offsets)


def _applied_u(labels: FrameSet) -> dict[str, float] | None:
    """Return the U of the user's own runs; None where the Materials Project's scheme is meant."""
    return labels.settings.hubbard_u if labels.settings is not None else None


def _suspicion(
    conventions: Conventions, chosen: str, frames: Sequence[LabelledFrame]
) -> str | None:
    """Say which other convention explains most of the error, on the frames that have both."""
    if chosen == "fit-offsets":
        return None
    best = None
    for name, errors in conventions.errors.items():
        mine = conventions.errors[chosen]
        both = np.isfinite(errors) & np.isfinite(mine)
        if name == chosen or both.sum() < FEWEST:
            continue
        before, after = float(np.abs(mine[both]).mean()), float(np.abs(errors[both]).mean())
        # constants explain whatever few compositions share, a model's own error too
        if name == "fit-offsets" and before < ANOTHER_ZERO and not _many_compositions(frames):
            continue
        if before > NOTICEABLE and after < EXPLAINS * before and (best is None or after < best[2]):
            best = (name, before, after, int(both.sum()))
    if best is None:
        return None
    name, before, after, n = best
    meaning = (
        "the zeros of energy differ by a constant an element"
        if name == "fit-offsets"
        else f"the model's energies are {name} ones"
    )
    return (
        f"{chosen} is the wrong convention: {1000 * before:.0f} meV/atom in it, "
        f"{1000 * after:.0f} in {name} ({n} frames); {meaning}"
    )


def _many_compositions(frames: Sequence[LabelledFrame]) -> bool:
    elements = {x for f in frames for x in f.atoms.get_chemical_symbols()}
    compositions = {f.atoms.symbols.formula.reduce()[0].format("hill") for f in frames}
    return len(compositions) >= len(elements) + FEWEST
