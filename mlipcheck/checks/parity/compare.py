"""Parity: a model's energies, forces and stresses against those of labelled frames."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from ase.calculators.calculator import BaseCalculator, InputError

from ...analysis import jackknife
from ...calculators.backends import get_demonstration
from ...calculators.base import check_seed
from ...calculators.evaluate import Progress, evaluate
from ...calculators.records import CalculatorInfo, Evaluation
from ...calculators.registry import as_calculator, describe
from ...drawing.tables import count
from ...references.doubts import Doubt
from ...references.frame_sets import FrameSet
from ...references.inputs import FrameItem, load_frame_sets
from ...references.labels import LabelledFrame
from ...references.level_of_theory import level_doubt
from .energies import (
    CONVENTIONS,
    OF_CHECKPOINT,
    compare_energies_in,
    doubt_zero,
    find_conventions,
    find_other_zeros,
)
from .forces import FLOOR, compare_forces
from .label_warnings import doubt_energies, doubt_forces, doubt_own, doubt_stresses
from .ranking import compare_ranking
from .record import Parity, StressParity
from .rescaling import BEST_FIT, fit_factor

PROPERTIES = ("energy", "forces", "stress")
MIN_PAIRS = 10  # to know how errors of differences are spread

Pairs = list[tuple[LabelledFrame, Evaluation]]


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
    check_settings(energies, energy_resolution, seed)
    calculator, sets = as_calculator(calculator), load_frame_sets(images)
    if len(sets) != 1:
        names = ", ".join(s.name for s in sets)
        raise InputError(f"{len(sets)} sets of frames ({names}); compare one at a time")
    if sets[0].error is not None and not isinstance(images, FrameSet):
        raise InputError(sets[0].error)
    atoms = [f.atoms for f in sets[0].frames]
    found = evaluate(calculator, atoms, properties=PROPERTIES, progress=progress)
    return compare_frames(calculator, sets[0], found, energies, energy_resolution, seed)


def check_settings(energies: str | None, energy_resolution: float | None, seed: int = 0) -> None:
    """Raise `InputError` for what `parity` cannot do, before any work is done."""
    if energies not in (None, *CONVENTIONS):
        raise InputError(f"energies is {energies!r}; give one of {', '.join(CONVENTIONS)}")
    if energy_resolution is not None and not 0 < energy_resolution < np.inf:
        wrong = f"energy_resolution is {energy_resolution}"
        raise InputError(f"{wrong}; give a positive energy difference in eV")
    check_seed(seed)


def compare_frames(
    calculator: BaseCalculator,
    labels: FrameSet,
    found: Sequence[Evaluation],
    energies: str | None = None,
    energy_resolution: float | None = None,
    seed: int = 0,
) -> Parity:
    """Return the `Parity` of frames that were evaluated already; see `parity`."""
    info = describe(calculator)
    states = [(f, e) for f, e in zip(labels.frames, found, strict=True) if f.error is None]
    good = [(f, e) for f, e in states if e.error is None]
    row = Parity(
        name=labels.name,
        source=labels.source,
        typed=labels.typed,
        fingerprint=labels.fingerprint,
        distribution=_distribution(labels, info),
        level_of_theory=labels.level_of_theory,
        frames=len(labels.frames),
        runs=len({f.run for f, _ in states}),
        failures=tuple((f.name, e.error) for f, e in states if e.error is not None),
        unlabelled=tuple((f.name, f.error) for f in labels.frames if f.error is not None),
        notes=labels.notes,
    )
    if labels.error is not None or not good:
        why = f"the model fails on every frame: {states[0][1].error}" if states else "no labels"
        return replace(row, error=labels.error or why)
    parts = _Parts()
    _add_forces(parts, good, seed)
    _add_energies(parts, labels, good, energies, info.energy_convention, energy_resolution)
    _add_stresses(parts, good)
    said = labels.level_of_theory
    own = None if said == "analytic" else doubt_own(good)
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

    def with_both(self, good: Pairs, label: str, noun: str, *quantities: str) -> Pairs:
        """Return the pairs that have a label and the model's number; note why there are none."""
        labelled = [(f, e) for f, e in good if getattr(f, label) is not None]
        both = [(f, e) for f, e in labelled if getattr(e, label) is not None]
        if not both:
            why = "the model gives none" if labelled else f"no frame has {noun}"
            self.not_assessed |= dict.fromkeys((label, *quantities), why)
        return both


def _add_energies(
    parts: _Parts,
    labels: FrameSet,
    good: Pairs,
    asked: str | None,
    checkpoint: str | None,
    energy_resolution: float | None,
) -> None:
    kept = parts.with_both(good, "energy", "an energy", "ranking")
    if not kept:
        return
    convention, why = "fit-offsets", "the model's zero of energy is not known to be the labels'"
    if asked is not None:
        convention, why = asked, "as asked"
    elif checkpoint in ("raw", "mp2020"):
        convention, why = checkpoint, OF_CHECKPOINT
    follows = [_follows(*pair) for pair in kept]
    apart = find_other_zeros(kept, follows, fitted=convention == "fit-offsets")
    another = tuple(
        (kept[k][0].name, f"another zero of energy: {off:.3g} eV/atom from the others'")
        for k, off in apart.items()
    )
    kept = [pair for k, pair in enumerate(kept) if k not in apart]
    frames = [f for f, _ in kept]
    reference, model = (np.array([x.energy for x in side]) for side in zip(*kept, strict=True))
    corrected = "mp2020" in (asked, checkpoint, labels.energy_convention)
    conventions = find_conventions(labels, frames, model, corrected=corrected)
    energy = compare_energies_in(conventions, convention, why)
    if energy is None:
        not_had = {w for (c, _), w in conventions.why_not.items() if c == convention}
        why = f"{convention}: {'; '.join(sorted(not_had)[:2]) or 'the labels are not raw'}"
        if asked is None:
            convention = "fit-offsets"
            energy = compare_energies_in(conventions, convention, why)
    if energy is None:
        parts.not_assessed["energy"] = why
    else:
        energy = replace(energy, left_out=energy.left_out + another)
    n_atoms = np.array([len(f.atoms) for f in frames])
    # a state's own correction belongs to differences of energy; constants of elements cancel
    own_zero = convention == "fit-offsets" or convention not in conventions.errors
    shift = conventions.plain if own_zero else conventions.errors[convention]
    comparable = np.isfinite(shift)
    ranking = compare_ranking(
        [f for f, c in zip(frames, comparable, strict=True) if c],
        model[comparable] - (shift * n_atoms)[comparable],
        model[comparable],
        energy_resolution,
    )
    if ranking is None:
        alone = "no two states of one composition"
        parts.not_assessed["ranking"] = alone if comparable.any() else why
    elif ranking.pairs < MIN_PAIRS:
        pairs = count(ranking.pairs, "pair")
        parts.not_assessed["ranking"] = f"{pairs} of states, {MIN_PAIRS} needed"
        ranking = None
    parts.results |= {"energy": energy, "ranking": ranking}
    formulas = [f.atoms.get_chemical_formula() for f in frames]
    unit = doubt_energies(formulas, n_atoms, reference, model)
    r_squared = parts.results["forces"].r_squared if "forces" in parts.results else None
    astray = r_squared is not None and r_squared.value < BEST_FIT
    parts.doubts.append(unit or doubt_zero(conventions, convention, astray=astray))


def _follows(frame: LabelledFrame, found: Evaluation) -> bool | None:
    """Find out whether the model has a frame's forces; None where they are too small to say."""
    if frame.forces is None or found.forces is None:
        return None
    size, off = (float(np.sqrt(np.mean(x**2))) for x in (frame.forces, found.forces - frame.forces))
    if off < max(size, FLOOR) / 2:
        return True if size > FLOOR else None
    return False


def _add_forces(parts: _Parts, good: Pairs, seed: int) -> None:
    kept = parts.with_both(good, "forces", "forces", "slope", "rescaling")
    if not kept:
        return
    frames = [f for f, _ in kept]
    reference, model = ([x.forces for x in side] for side in zip(*kept, strict=True))
    names, runs = [f.name for f in frames], [f.run for f in frames]
    symbols = [f.atoms.get_chemical_symbols() for f in frames]
    found = compare_forces(names, runs, symbols, reference, model, seed)
    parts.results["forces"] = found
    parts.doubts.append(doubt_forces(np.concatenate(reference), np.concatenate(model)))
    if found.s_lo is None:
        size = f"the reference's rms force is {found.reference_rms:.2g} eV/Å, under {FLOOR:g}"
        parts.not_assessed |= dict.fromkeys(
            ("slope", "rescaling"), f"too small for a slope: {size}"
        )
        return
    if found.groups < 2:
        parts.not_assessed["intervals"] = "all frames are of one run, none is independent"
    parts.results["rescaling"] = fit_factor(runs, reference, model)
    if parts.results["rescaling"] is None:
        parts.not_assessed["rescaling"] = "all forces of the model are zero"


def _add_stresses(parts: _Parts, good: Pairs) -> None:
    kept = parts.with_both(good, "stress", "a stress")
    if not kept:
        return
    reference, model = (np.array([x.stress for x in side]) for side in zip(*kept, strict=True))
    off = model - reference
    mean = off[:, :3].mean(axis=1)
    off[:, :3] -= mean[:, None]
    mises = np.sqrt(1.5 * (off**2 @ [1, 1, 1, 2, 2, 2]))
    runs = [f.run for f, _ in kept]
    means = [jackknife.mean(sizes, runs) for sizes in (np.abs(mean), mises)]
    parts.results["stress"] = StressParity(len(kept), *means)
    volumes = np.array([f.atoms.get_volume() for f, _ in kept])
    parts.doubts += doubt_stresses(reference, model, volumes)
