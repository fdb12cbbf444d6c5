"""Parity: a model's energies, forces and stresses against those of labelled frames."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

import numpy as np
from ase.calculators.calculator import BaseCalculator, InputError

from ...analysis import statistics
from ...calculators.backends import get_demonstration
from ...calculators.base import CalculatorInfo
from ...calculators.evaluate import Progress
from ...calculators.registry import as_calculator, describe
from ...check import Context
from ...drawing.tables import count
from ...references.doubts import Doubt
from ...references.frame_sets import FrameSet
from ...references.inputs import FrameItem, load_frame_sets
from ...references.level_of_theory import level_doubt
from ...system import Settings
from .energies import CONVENTIONS, OF_CHECKPOINT, find_conventions, find_other_zeros
from .forces import BEST_FIT, FLOOR, compare_forces, fit_factor
from .label_warnings import doubt_energies, doubt_forces, doubt_own_labels, doubt_stresses
from .pieces import MAX_LISTED, STRESS, Frames, Piece, iterate_pieces, merge
from .ranking import compare_ranking
from .record import Parity, StressParity

MIN_PAIRS = 10  # to know how errors of differences are spread


def parity(
    calculator: BaseCalculator | str,
    images: FrameItem | Iterable[FrameItem],
    *,
    energies: str | None = None,
    energy_resolution: float | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Parity:
    """Compare a calculator with labelled frames.

    Parameters
    ----------
    calculator : any ASE calculator, or its name
    images : FrameSet, Atoms with results (one or many), path or name of a data set
        One set of one level of theory.
    energies : str, optional
        ``raw``, ``mp2020`` or ``fit-offsets``; by default what the checkpoint predicts, and
        offsets fitted where its zero is not known.
    energy_resolution : float, optional
        The energy difference between two states that matters, in eV.
    seed : int
        Of the draw of force components that a figure shows.
    progress : callable, optional
        Called with the number of frames finished since the last call.

    Returns
    -------
    Parity
        What could not be judged is None, and ``not_assessed`` says why.

    Raises
    ------
    InputError
        For an unknown convention, an energy resolution that is no positive number,
        several sets, and frames that cannot be read or have no labels.

    Notes
    -----
    Slopes as in Deng et al., npj Comput. Mater. 11, 9 (2025), doi 10.1038/s41524-024-01500-6, with
    the second regression beside the first; see `Slope`.
    """
    settings = Settings(energies=energies, energy_resolution=energy_resolution, seed=seed)
    check_settings(settings)
    calculator, sets = as_calculator(calculator), load_frame_sets(images)
    if len(sets) != 1:
        names = ", ".join(s.name for s in sets)
        raise InputError(f"{len(sets)} sets of frames ({names}); compare one at a time")
    (labels,) = sets
    if labels.error is not None and not isinstance(images, FrameSet):
        raise InputError(labels.error)
    context = Context(settings, advance=progress or Context().advance)
    return summarise(calculator, labels, iterate_pieces(calculator, labels, context), settings)


def check_settings(settings: Settings) -> None:
    """Raise `InputError` for what `parity` cannot do, before any work is done."""
    energies, resolution = settings.energies, settings.energy_resolution
    if energies not in (None, *CONVENTIONS):
        raise InputError(f"energies is {energies!r}; give one of {', '.join(CONVENTIONS)}")
    if resolution is not None and not 0 < resolution < np.inf:
        wrong = f"energy_resolution is {resolution}"
        raise InputError(f"{wrong}; give a positive energy difference in eV")


def summarise(
    calculator: BaseCalculator, labels: FrameSet, pieces: Iterable[Piece], settings: Settings
) -> Parity:
    """Return the `Parity` of all pieces of a set; see `parity`."""
    info = describe(calculator)
    frames = merge(labels.every, pieces)
    failures, unlabelled = (
        tuple((labels.every[k].name, why) for k, why in islice(found.items(), MAX_LISTED))
        for found in (frames.failed, frames.unlabelled)
    )
    row = Parity(
        name=labels.name,
        source=labels.source,
        typed=labels.typed,
        fingerprint=labels.fingerprint,
        distribution=_distribution(labels, info),
        level_of_theory=labels.level_of_theory,
        frames=len(labels.every),
        runs=frames.runs,
        failures=failures,
        unlabelled=unlabelled,
        failed=len(frames.failed),
        without_labels=len(frames.unlabelled),
        notes=labels.notes,
    )
    if labels.error is not None or not len(frames):
        why = f"the model fails on every frame: {failures[0][1]}" if failures else "no labels"
        return replace(row, error=labels.error or why)
    parts = _Parts()
    _add_forces(parts, frames, settings.seed)
    _add_energies(parts, labels, frames, info.energy_convention, settings)
    _add_stresses(parts, frames)
    said = labels.level_of_theory
    own = None if said == "analytic" else doubt_own_labels(frames)
    level = level_doubt(said, info.level_of_theory, labels.compositions, labels.settings)
    every = [own] if own else [level, *labels.doubts, *parts.doubts]
    doubts = tuple(d for d in every if d is not None)
    against = tuple(d.text for d in doubts if d.bears_on(["forces"]))
    if against and (fitted := parts.results.get("rescaling")):
        parts.results["rescaling"] = replace(fitted, refused=against)
    return replace(row, **parts.results, not_assessed=parts.not_assessed, doubts=doubts)


def _distribution(labels: FrameSet, info: CalculatorInfo) -> str | None:
    """Return whether the set is in the distribution of this model; None where it is not known."""
    known = "PBE / PBE+U" in (info.level_of_theory or "")
    if labels.level_of_theory == "analytic":
        known = get_demonstration(info.backend).morse
    return labels.distribution if known else None


@dataclass
class _Parts:
    """Fields of a `Parity`, why others have none, and what speaks against the labels."""

    results: dict[str, Any] = field(default_factory=dict)
    not_assessed: dict[str, str] = field(default_factory=dict)
    doubts: list[Doubt | None] = field(default_factory=list)

    def with_both(
        self, frames: Frames, label: str, columns: tuple[str, str], noun: str, *quantities: str
    ) -> Frames | None:
        """Return the frames that have a label and the model's number; note why there are none."""
        labelled, given = (np.isfinite(frames[column]) for column in columns)
        if (labelled & given).any():
            return frames.only(labelled & given)
        why = "the model gives none" if labelled.any() else f"no frame has {noun}"
        self.not_assessed |= dict.fromkeys((label, *quantities), why)
        return None


def _add_energies(
    parts: _Parts, labels: FrameSet, frames: Frames, checkpoint: str | None, settings: Settings
) -> None:
    columns = "energy", "model_energy"
    kept = parts.with_both(frames, "energy", columns, "an energy", "ranking")
    if kept is None:
        return
    convention, why = "fit-offsets", "the model's zero of energy is not known to be the labels'"
    if settings.energies is not None:
        convention, why = settings.energies, "as asked"
    elif checkpoint in ("raw", "mp2020"):
        convention, why = checkpoint, OF_CHECKPOINT
    off = find_other_zeros(kept, _follows(kept), fitted=convention == "fit-offsets")
    another = [
        (kept.name(k), f"another zero of energy: {off[k]:.3g} eV/atom from the others'")
        for k in np.flatnonzero(off)[:MAX_LISTED].tolist()
    ]
    n_apart, kept = int(np.count_nonzero(off)), kept.only(off == 0)
    conventions = find_conventions(labels, kept)
    energy = conventions.compare(convention, why)
    if energy is None:
        known = range(len(kept)) if convention in conventions.errors else ()
        not_had = {conventions.reason(convention, k) for k in known}
        why = f"{convention}: {'; '.join(sorted(not_had)[:2]) or 'the labels are not raw'}"
        if settings.energies is None:
            convention = "fit-offsets"
            energy = conventions.compare(convention, why)
    if energy is None:
        parts.not_assessed["energy"] = why
    else:
        more = energy.more_left_out + n_apart - len(another)
        energy = replace(energy, left_out=(*energy.left_out, *another), more_left_out=more)
    # a state's own correction belongs to differences of energy; constants of elements cancel
    own_zero = convention == "fit-offsets" or convention not in conventions.errors
    shift = conventions.plain if own_zero else conventions.errors[convention]
    comparable = np.isfinite(shift)
    reference, model, n_atoms = kept["energy"], kept["model_energy"], kept["n_atoms"]
    ranking = compare_ranking(
        (kept.formula + len(kept.formulas) * kept.zero)[comparable],
        kept.run[comparable],
        (model - shift * n_atoms)[comparable],
        model[comparable],
        settings.energy_resolution,
    )
    if ranking is None:
        alone = "no two states of one composition"
        parts.not_assessed["ranking"] = alone if comparable.any() else why
    elif ranking.pairs < MIN_PAIRS:
        pairs = count(ranking.pairs, "pair")
        parts.not_assessed["ranking"] = f"{pairs} of states, {MIN_PAIRS} needed"
        ranking = None
    parts.results |= {"energy": energy, "ranking": ranking}
    unit = doubt_energies(kept.formula, n_atoms, reference, model)
    r_squared = parts.results["forces"].r_squared if "forces" in parts.results else None
    astray = r_squared is not None and r_squared.value < BEST_FIT
    parts.doubts.append(unit or conventions.doubt_zero(convention, astray=astray))


def _follows(frames: Frames) -> np.ndarray:
    """Find out whether the model has each frame's forces; 0 where they are too small to say."""
    FF, fF, ff, _, atoms = frames.forces.T
    size, off = (np.sqrt(np.maximum(x, 0) / (3 * atoms)) for x in (FF, ff - 2 * fF + FF))
    near = off < np.maximum(size, FLOOR) / 2
    return np.where(np.isnan(off), 0, np.where(near, size > FLOOR, -1)).astype(int)


def _add_forces(parts: _Parts, frames: Frames, seed: int) -> None:
    kept = parts.with_both(frames, "forces", ("FF", "ff"), "forces", "slope", "rescaling")
    if kept is None:
        return
    found = compare_forces(kept, seed)
    parts.results["forces"] = found
    parts.doubts.append(doubt_forces(kept))
    if found.s_lo is None:
        size = f"{found.reference_rms:.2g} eV/Å, under {FLOOR:g}"
        why = f"too small for a slope: the reference's rms force is {size}"
        parts.not_assessed |= dict.fromkeys(("slope", "rescaling"), why)
        return
    if found.groups < 2:
        parts.not_assessed["intervals"] = "all frames are of one run, none is independent"
    parts.results["rescaling"] = fit_factor(kept)
    if parts.results["rescaling"] is None:
        parts.not_assessed["rescaling"] = "all forces of the model are zero"


def _add_stresses(parts: _Parts, frames: Frames) -> None:
    kept = parts.with_both(frames, "stress", ("stress 0", "model_stress 0"), "a stress")
    if kept is None:
        return
    reference, model = np.split(kept.numbers[:, STRESS:], 2, axis=1)
    off = model - reference
    mean = off[:, :3].mean(axis=1)
    off[:, :3] -= mean[:, None]
    mises = np.sqrt(1.5 * (off**2 @ [1, 1, 1, 2, 2, 2]))
    means = [statistics.mean(sizes, kept.run) for sizes in (np.abs(mean), mises)]
    parts.results["stress"] = StressParity(len(kept), *means)
    parts.doubts += doubt_stresses(reference, model, kept["volume"])
