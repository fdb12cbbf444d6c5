"""Parity: a model's energies, forces and stresses against those of labelled frames."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator, InputError

from ...analysis.jackknife import POSITIVE, jackknife, sum_by_unit
from ...calculators.backends import get_demonstration
from ...calculators.base import check_seed
from ...calculators.evaluate import Progress, evaluate
from ...calculators.records import CalculatorInfo, Evaluation
from ...calculators.registry import describe
from ...references.frames import FrameSet, LabelledFrame, load_frame_sets
from ...references.level_of_theory import differences
from .energies import CONVENTIONS, compare_energies_in, default_convention, find_conventions
from .forces import SMALLEST_RMS, compare_forces
from .ordering import compare_order
from .record import Parity, StressParity, Suspicion
from .rescaling import fit_factor
from .suspicions import suspect_energies, suspect_unit

PLACEHOLDERS = 0.1  # eV/Å that a model has where symmetry makes no force vanish
PROPERTIES = ("energy", "forces", "stress")

Pairs = list[tuple[LabelledFrame, Evaluation]]


def parity(
    calculator: BaseCalculator,
    images: FrameSet | Iterable[Atoms] | str | Path,
    *,
    energies: str | None = None,
    energy_resolution: float | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Parity:
    """Hold a calculator against labelled frames.

    Parameters
    ----------
    calculator : any ASE calculator
    images : FrameSet, Atoms with results, path or name of a data set
        One set of one level of theory.
    energies : str, optional
        ``raw``, ``mp2020`` or ``fit-offsets``; by default what the checkpoint predicts, and
        offsets fitted where nobody says.
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
        For an unknown convention, an energy resolution that is no positive number, or several sets.

    Notes
    -----
    Slopes as in Deng et al., npj Comput. Mater. 11, 9 (2025), doi 10.1038/s41524-024-01500-6, with
    the second regression beside the first; see `Slope`.
    """
    check_settings(energies, energy_resolution, seed)
    sets = load_frame_sets(images if isinstance(images, FrameSet) else [images])
    if len(sets) != 1:
        names = ", ".join(s.name for s in sets)
        raise InputError(f"{len(sets)} sets of frames ({names}); compare one at a time")
    found = evaluate(
        calculator, [f.atoms for f in sets[0].frames], properties=PROPERTIES, progress=progress
    )
    return compare_frames(
        calculator,
        sets[0],
        found,
        energies=energies,
        energy_resolution=energy_resolution,
        seed=seed,
    )


def check_settings(energies: str | None, energy_resolution: float | None, seed: int = 0) -> None:
    """Raise `InputError` for what `parity` cannot do, before any work is done."""
    if energies not in (None, *CONVENTIONS):
        raise InputError(f"energies is {energies!r}; give one of {', '.join(CONVENTIONS)}")
    if energy_resolution is not None and not (
        np.isfinite(energy_resolution) and energy_resolution > 0
    ):
        raise InputError(
            f"energy_resolution is {energy_resolution}; give a positive energy difference in eV"
        )
    check_seed(seed)


def compare_frames(
    calculator: BaseCalculator,
    labels: FrameSet,
    found: Sequence[Evaluation],
    *,
    energies: str | None = None,
    energy_resolution: float | None = None,
    seed: int = 0,
) -> Parity:
    """Return the `Parity` of frames that were evaluated already; see `parity`."""
    usable = [(f, e) for f, e in zip(labels.frames, found, strict=True) if f.error is None]
    good = [(f, e) for f, e in usable if e.error is None]
    facts: dict[str, Any] = {
        "name": labels.name,
        "source": labels.source,
        "typed": labels.typed,
        "fingerprint": labels.fingerprint,
        "distribution": _distribution(labels, describe(calculator)),
        "level_of_theory": labels.level_of_theory,
        "frames": len(labels.frames),
        "runs": len({f.run for f, _ in usable}),
        "failures": tuple((f.name, e.error) for f, e in usable if e.error is not None),
        "unlabelled": tuple((f.name, f.error) for f in labels.frames if f.error is not None),
        "notes": labels.notes,
    }
    if labels.error is not None or not good:
        why = f"the model fails on every frame: {usable[0][1].error}" if usable else "no labels"
        return Parity(**facts, error=labels.error or why)
    info = describe(calculator)
    parts = [
        _energies(labels, good, energies, info.energy_convention, energy_resolution),
        _forces(good, seed),
        _stresses(good),
    ]
    theory = differences(
        labels.level_of_theory, info.level_of_theory, labels.compositions, labels.settings
    )
    return Parity(
        **facts,
        **{name: value for part in parts for name, value in part.results.items()},
        not_assessed={name: why for part in parts for name, why in part.not_assessed.items()},
        suspicions=tuple(x for x in (_of_level(theory), *(p.suspicion for p in parts)) if x),
    )


def _distribution(labels: FrameSet, info: CalculatorInfo) -> str | None:
    """Return whether the set is in the distribution of this model; None where nobody knows."""
    of_mptrj = info.level_of_theory is not None and "PBE / PBE+U" in info.level_of_theory
    of_morse = get_demonstration(info.backend).morse
    known = of_morse if labels.level_of_theory == "analytic" else of_mptrj
    return labels.distribution if known else None


@dataclass(frozen=True)
class _Part:
    """Some fields of a `Parity`, why others have none, and what is odd about the labels."""

    results: dict[str, Any] = field(default_factory=dict)
    not_assessed: dict[str, str] = field(default_factory=dict)
    suspicion: Suspicion | None = None


def _energies(
    labels: FrameSet,
    good: Pairs,
    asked: str | None,
    checkpoint: str | None,
    energy_resolution: float | None,
) -> _Part:
    kept = [(f, e) for f, e in good if f.energy is not None and e.energy is not None]
    if not kept:
        why = "no frame has an energy" if _none_has(good, "energy") else "the model gives none"
        return _Part(not_assessed={"energy": why, "ordering": why})
    frames = [f for f, _ in kept]
    reference = np.array([f.energy for f in frames], dtype=float)
    model = np.array([e.energy for _, e in kept], dtype=float)
    corrected = "mp2020" in (asked, checkpoint, labels.energy_convention)
    conventions = find_conventions(labels, frames, model, corrected=corrected)
    convention, why = default_convention(checkpoint)
    if asked is not None:
        convention, why = asked, "as asked"
    found = None
    if convention in conventions.errors:
        found = compare_energies_in(conventions, convention, why, frames)
    if found is None:
        not_had = {w for (c, _), w in conventions.why_not.items() if c == convention}
        reason = f"{convention}: {'; '.join(sorted(not_had)[:2]) or 'the labels are not raw'}"
        if asked is None:
            found = compare_energies_in(conventions, "fit-offsets", reason, frames)
    n_atoms = np.array([len(f.atoms) for f in frames])
    # a state's own correction belongs to differences of energy; constants of elements cancel
    used = found.convention if found is not None else convention
    own_zero = used == "fit-offsets" or used not in conventions.errors
    shift = conventions.plain if own_zero else conventions.errors[used]
    comparable = np.isfinite(shift)
    order = compare_order(
        [f for f, c in zip(frames, comparable, strict=True) if c],
        model[comparable] - (shift * n_atoms)[comparable],
        model[comparable],
        energy_resolution,
    )
    results = {"energy": found, "ordering": order}
    alone = "no two states of one composition" if comparable.any() else reason
    reasons = {"energy": "" if found else reason, "ordering": alone}
    return _Part(
        {name: value for name, value in results.items() if value is not None},
        {name: why for name, why in reasons.items() if results[name] is None},
        suspect_energies(
            [f.atoms.get_chemical_formula() for f in frames], n_atoms, reference, model
        ),
    )


def _forces(good: Pairs, seed: int) -> _Part:
    kept = [
        (f, f.forces, e.forces) for f, e in good if f.forces is not None and e.forces is not None
    ]
    if not kept:
        why = "no frame has forces" if _none_has(good, "forces") else "the model gives none"
        return _Part(not_assessed=dict.fromkeys(("forces", "slope", "rescaling"), why))
    frames, reference, model = (list(x) for x in zip(*kept, strict=True))
    runs = [f.run for f in frames]
    found = compare_forces(
        [f.name for f in frames],
        runs,
        [f.atoms.get_chemical_symbols() for f in frames],
        reference,
        model,
        seed,
    )
    doubt = suspect_unit("forces", np.concatenate(reference).ravel(), np.concatenate(model).ravel())
    size = float(np.sqrt(np.mean(np.concatenate(model) ** 2)))
    if found.reference_rms == 0 and size > PLACEHOLDERS:
        text = f"forces look like placeholders: all are zero, and the model's {size:.2g} eV/Å (rms)"
        doubt = Suspicion("forces", "placeholders", text)
    if found.slope is None:
        small = f"its rms force is {found.reference_rms:.1e} eV/Å, under {SMALLEST_RMS:g}"
        why = "all its forces are zero" if found.reference_rms == 0 else small
        why_not = dict.fromkeys(("slope", "rescaling"), why)
        return _Part({"forces": found}, why_not, doubt)
    why_not = {}
    if found.units < 2:
        why_not["intervals"] = "all frames are of one run, and none is independent of the others"
    rescaling = fit_factor(runs, reference, model)
    if rescaling is None:
        why_not["rescaling"] = "all forces of the model are zero"
    return _Part({"forces": found, "rescaling": rescaling}, why_not, doubt)


def _stresses(good: Pairs) -> _Part:
    kept = [(f, e) for f, e in good if f.stress is not None and e.stress is not None]
    if not kept:
        why = "no frame has a stress" if _none_has(good, "stress") else "the model gives none"
        return _Part(not_assessed={"stress": why})
    reference = np.array([f.stress for f, _ in kept], dtype=float)
    model = np.array([e.stress for _, e in kept], dtype=float)
    off = model - reference
    rows = np.column_stack([np.abs(off).sum(axis=1), np.full(len(off), 6.0)])
    sums = sum_by_unit(rows, [f.run for f, _ in kept])
    found = StressParity(
        frames=len(kept),
        mae=jackknife(lambda s: s[..., 0] / s[..., 1], sums, POSITIVE),
        bias=float(off[:, :3].mean()),
        reference_rms=float(np.sqrt(np.mean(reference**2))),
    )
    return _Part({"stress": found}, {}, suspect_unit("stresses", reference.ravel(), model.ravel()))


def _none_has(good: Pairs, label: str) -> bool:
    return all(getattr(f, label) is None for f, _ in good)


def _of_level(text: str | None) -> Suspicion | None:
    return None if text is None else Suspicion("level of theory", "functional", text)
