"""Runs of several models on the same inputs, put side by side; runs that differ are refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from ase.calculators.calculator import InputError

from .advice import name_better_models
from .checks.dimers.record import CurveComparison, DimerScan
from .checks.parity.record import Parity
from .checks.relaxation.record import Relaxation
from .record import SCHEMA, STATUSES, Finding, RunRecord
from .verdict import conclude

# What must be equal where two records have it, and what to call it.
_SAME_RELAXATION = {
    "fingerprint": "reference structure",
    "start": "start",
    "cell": "cell",
    "optimizer": "optimizer",
}
# Which part of a record each check fills.
_PART_OF = {
    "dimer": "dimers",
    "distances": "approaches",
    "relax": "relaxations",
    "parity": "parities",
    "signal": "parities",
    "learning": "learning",
    "contract": "contract",
}
_PARTS = tuple(dict.fromkeys(_PART_OF.values()))
TOLD = 3  # differences, of however many


@dataclass(frozen=True)
class Row:
    """One question of the verdict, with each model's findings, the worst first."""

    check: str
    quantity: str
    findings: tuple[tuple[Finding, ...], ...]


@dataclass(frozen=True, eq=False)
class Comparison:
    """Several runs on the same inputs; ``labels`` name the models, each once."""

    labels: tuple[str, ...]
    runs: tuple[RunRecord, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    schema: str = SCHEMA


def compare_runs(runs: Sequence[RunRecord], names: Sequence[str]) -> Comparison:
    """Put runs side by side; what one model did in several runs becomes one.

    Parameters
    ----------
    runs : sequence of RunRecord
    names : sequence of str
        What to call each run where it differs from the first: its file.

    Raises
    ------
    InputError
        Where their inputs, grids or references differ, saying what differs.
    """
    merged = _merge(runs, names)
    names, runs = list(merged), list(merged.values())
    for name, run in zip(names[1:], runs[1:], strict=True):
        found = _differences(runs[0], run)
        if found:
            more = f"; and {len(found) - TOLD} more" if len(found) > TOLD else ""
            raise InputError(
                f"{names[0]} and {name} cannot be joined: {'; '.join(found[:TOLD])}{more}"
            )
    notes = []
    versions = {run.versions.get("mlipcheck", "unknown") for run in runs}
    if len(versions) > 1:
        notes.append(f"Made by different versions of mlipcheck: {', '.join(sorted(versions))}.")
    labels = _labels(runs)
    for label, run in zip(labels, runs, strict=True):
        boxed = [s.name for s in run.dimers if s.environment != "vacuum"]
        if boxed:
            notes.append(f"{label}: dimers in a periodic box, not in vacuum: {', '.join(boxed)}.")
    if len(runs) > 1:
        runs = name_better_models(runs, labels)
    return Comparison(labels=labels, runs=tuple(runs), rows=_align(runs), notes=tuple(notes))


def _merge(runs: Sequence[RunRecord], names: Sequence[str]) -> dict[str, RunRecord]:
    """Put the parts of one model's runs together, where it has each but once."""
    merged: dict[str, RunRecord] = {}
    for run, name in zip(runs, names, strict=True):
        for known, other in merged.items():
            twice = any(getattr(run, part) and getattr(other, part) for part in _PARTS)
            if run.calculator == other.calculator and not twice:
                both = {f"{known} + {name}": _together(other, run)}
                at = list(merged).index(known)
                items = list(merged.items())
                merged = dict([*items[:at], *both.items(), *items[at + 1 :]])
                break
        else:
            merged[name if name not in merged else f"{name} again"] = run
    return merged


def _together(one: RunRecord, other: RunRecord) -> RunRecord:
    parts = {part: getattr(one, part) or getattr(other, part) for part in _PARTS}
    # what one of them did is not missing, unless that one says that it is
    not_run = {
        check: why
        for run in (one, other)
        for check, why in run.not_run.items()
        if check in _PART_OF and (getattr(run, _PART_OF[check]) or not parts[_PART_OF[check]])
    }
    return conclude(
        replace(
            one,
            command=f"{one.command}; {other.command}",
            versions=one.versions | other.versions,
            settings=one.settings | other.settings,
            not_run=not_run,
            **parts,
        )
    )


def _labels(runs: Sequence[RunRecord]) -> tuple[str, ...]:
    """Return short names of the models: with options, and numbered where they are equal."""
    labels: list[str] = []
    for run in runs:
        info = run.calculator
        options = ",".join(f"{key}={value}" for key, value in info.options.items())
        label = f"{info.spec} {options}".strip()
        same = sum(known.partition(" #")[0] == label for known in labels)
        labels.append(f"{label} #{same + 1}" if same else label)
    return tuple(labels)


def _align(runs: Sequence[RunRecord]) -> tuple[Row, ...]:
    """Return the questions that some run answers, those with the worst answers first."""
    questions = list(dict.fromkeys((f.check, f.quantity) for run in runs for f in run.findings))
    rows = [
        Row(
            check,
            quantity,
            tuple(
                tuple(f for f in run.findings if (f.check, f.quantity) == (check, quantity))
                for run in runs
            ),
        )
        for check, quantity in questions
    ]
    return tuple(sorted(rows, key=_worst))


def _worst(row: Row) -> int:
    return min(STATUSES.index(f.status) for found in row.findings for f in found)


def _differences(one: RunRecord, other: RunRecord) -> list[str]:
    return [
        *_settings_differ(one, other),
        *_names_differ("pairs", [s.name for s in one.dimers], [s.name for s in other.dimers]),
        *(d for a, b in zip(one.dimers, other.dimers, strict=False) for d in _scans_differ(a, b)),
        *_counts_differ("relaxations", one.relaxations, other.relaxations),
        *(
            d
            for a, b in zip(one.relaxations, other.relaxations, strict=False)
            for d in _relaxations_differ(a, b)
        ),
        *_counts_differ("sets of frames", one.parities, other.parities),
        *(
            d
            for a, b in zip(one.parities, other.parities, strict=False)
            for d in _parities_differ(a, b)
        ),
        *_names_differ(
            "checks", [r.check for r in one.contract], [r.check for r in other.contract]
        ),
    ]


def _settings_differ(one: RunRecord, other: RunRecord) -> list[str]:
    """Compare how was relaxed; what was relaxed or scanned is compared itself."""
    if not (one.relaxations and other.relaxations):
        return []
    mine, theirs = (dict(run.settings.get("relax") or {}) for run in (one, other))
    for settings in (mine, theirs):
        settings.pop("cell", None)  # compared as it came out for each structure
        if settings.get("start") != "rattled":
            settings.pop("seed", None)
    return [
        f"{key} is {mine.get(key)} and {theirs.get(key)}"
        for key in sorted({*mine, *theirs})
        if mine.get(key) != theirs.get(key)
    ]


def _names_differ(what: str, one: list[str], other: list[str]) -> list[str]:
    if one == other:
        return []
    return [f"{what} are {', '.join(one) or 'none'} and {', '.join(other) or 'none'}"]


def _scans_differ(one: DimerScan, other: DimerScan) -> list[str]:
    if one.name != other.name:
        return []  # told as pairs
    found = []
    if not _equal(one.distances, other.distances):
        grids = " and ".join(describe_grid(scan.distances) for scan in (one, other))
        found.append(f"the grids of {one.name} are {grids}")
    a, b = one.comparison, other.comparison
    if a is None or b is None:
        # a pair that failed has none either
        if (a is None) != (b is None) and not one.error and not other.error:
            with_curve = a or b
            assert with_curve is not None
            found.append(f"{one.name} has a reference, {with_curve.reference}, in one of them only")
        return found
    if (a.reference, a.level_of_theory) != (b.reference, b.level_of_theory):
        found.append(f"the references of {one.name} are {a.reference} and {b.reference}")
    elif not _same_curve(a, b):
        found.append(f"the reference of {one.name}, {a.reference}, is another curve")
    return found


def _same_curve(one: CurveComparison, other: CurveComparison) -> bool:
    """Compare references at the radii that neither model failed at, up to their zero."""
    _, mine, theirs = np.intersect1d(
        one.distances.round(6), other.distances.round(6), return_indices=True
    )
    if len(mine) < 2:
        return True  # nothing is left that could differ
    a, b = one.reference_energies[mine], other.reference_energies[theirs]
    return _equal(a - a[-1], b - b[-1])


def _counts_differ(what: str, one: Sequence[object], other: Sequence[object]) -> list[str]:
    if len(one) == len(other):
        return []
    return [f"there are {len(one)} and {len(other)} {what}"]


def _parities_differ(one: Parity, other: Parity) -> list[str]:
    if one.fingerprint != other.fingerprint:
        return [f"{one.name} and {other.name} are not the same frames with the same labels"]
    asked = [p.ordering.difference if p.ordering else None for p in (one, other)]
    if asked[0] != asked[1] and one.ordering and other.ordering:
        return [f"{one.name}: the signal is {asked[0]} and {asked[1]} eV"]
    return []


def _relaxations_differ(one: Relaxation, other: Relaxation) -> list[str]:
    return [
        f"{one.name}: another {what}"
        + ("" if key == "fingerprint" else f", {getattr(one, key)} and {getattr(other, key)}")
        for key, what in _SAME_RELAXATION.items()
        if getattr(one, key) != getattr(other, key)
    ]


def _equal(one: np.ndarray, other: np.ndarray) -> bool:
    return one.shape == other.shape and bool(
        np.allclose(one, other, rtol=0, atol=1e-6, equal_nan=True)
    )


def describe_grid(r: np.ndarray) -> str:
    """Say which radii a pair was scanned at."""
    return f"{len(r)} points from {r[0]:.3f} to {r[-1]:.3f} Å" if len(r) else "empty"
