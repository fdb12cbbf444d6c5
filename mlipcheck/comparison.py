"""Runs of one model or several on the same inputs, side by side; runs that differ are refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from string import ascii_uppercase
from typing import Any

from ase.calculators.calculator import InputError

from .advice import OTHER
from .check import Check
from .checks import list_checks
from .drawing.colours import model_colours, model_markers
from .record import STATUSES, Finding, Model, RunRecord, Subject
from .uses import best_models
from .verdict import conclude, judge_beside

MAX_LISTED = 3  # differences, of however many


@dataclass(frozen=True)
class Question:
    """One question of the verdict, with each model's findings, the worst first."""

    check: str
    quantity: str
    findings: tuple[tuple[Finding, ...], ...]


@dataclass(frozen=True, eq=False)
class Comparison:
    """Models on the same inputs, one or several; ``questions`` are what some of them answers."""

    models: tuple[Model, ...]
    questions: tuple[Question, ...]
    notes: tuple[str, ...] = ()

    @property
    def runs(self) -> tuple[RunRecord, ...]:
        return tuple(model.run for model in self.models)

    @property
    def alone(self) -> bool:
        return len(self.models) == 1

    @property
    def best(self) -> dict[str, tuple[str, ...]]:
        """For each use that parts the models, the labels of those that are better."""
        found = best_models(self.runs)
        return {use: tuple(self.models[k].label for k in at) for use, at in found.items()}


def compare_runs(runs: Sequence[RunRecord], names: Sequence[str] | None = None) -> Comparison:
    """Put runs side by side; what one model did in several runs becomes one.

    Parameters
    ----------
    runs : sequence of RunRecord
    names : sequence of str, optional
        What to call each run where it differs from the first: its file.

    Raises
    ------
    InputError
        Where their inputs, grids or references differ, saying what differs.
    """
    merged = _merge(runs, names or [run.calculator.spec for run in runs])
    names, runs = zip(*merged, strict=True)
    for name, run in zip(names[1:], runs[1:], strict=True):
        found = [d for check in list_checks() for d in _differences(check, runs[0], run)]
        if found:
            more = f"; and {len(found) - MAX_LISTED} more" if len(found) > MAX_LISTED else ""
            raise InputError(
                f"{names[0]} and {name} cannot be joined: {'; '.join(found[:MAX_LISTED])}{more}"
            )
    notes = []
    versions = {run.versions.get("mlipcheck", "unknown") for run in runs}
    if len(versions) > 1:
        notes.append(f"Made by different versions of mlipcheck: {', '.join(sorted(versions))}.")
    labels = _labels(runs)
    if len(runs) > 1:  # the others are here
        kept = [tuple(a for a in run.advice if a.kind != OTHER) for run in runs]
        runs = [replace(run, advice=advice) for run, advice in zip(runs, kept, strict=True)]
        runs = _judge_together(runs, labels)
    infos = [run.calculator for run in runs]
    letters = _letters(len(runs))
    models = zip(runs, labels, model_colours(infos), model_markers(infos), letters, strict=True)
    return Comparison(tuple(Model(*facts) for facts in models), _align(runs), tuple(notes))


def _letters(n: int) -> list[str]:
    """Return A, B, ..., Z, A1, B1, ...; a single model needs none."""
    every = [f"{x}{k or ''}" for k in range(n // 26 + 1) for x in ascii_uppercase]
    return every[:n] if n > 1 else [""] * n


def _merge(runs: Sequence[RunRecord], names: Sequence[str]) -> list[tuple[str, RunRecord]]:
    """Put the parts of one model's runs together, where it has each but once."""
    merged: list[tuple[str, RunRecord]] = []
    for run, name in zip(runs, names, strict=True):
        for at, (known, other) in enumerate(merged):
            twice = any(run.rows(check) and other.rows(check) for check in run.checks)
            if run.calculator == other.calculator and not twice:
                merged[at] = (f"{known} + {name}", _together(other, run))
                break
        else:
            merged.append((name, run))
    return merged


def _together(one: RunRecord, other: RunRecord) -> RunRecord:
    names = dict.fromkeys((*one.checks, *other.checks))
    checks = {name: one.rows(name) or other.rows(name) for name in names}
    # what one of them did is not missing, unless that one says that it is
    not_run = {
        check: why
        for run in (one, other)
        for check, why in run.not_run.items()
        if run.rows(check) or not checks.get(check)
    }
    return conclude(
        replace(
            one,
            command=f"{one.command}; {other.command}",
            versions={**one.versions, **other.versions},
            settings={**one.settings, **other.settings},
            checks=checks,
            not_run=not_run,
            subject=one.subject if one.subject != Subject() else other.subject,
            notes=tuple(dict.fromkeys((*one.notes, *other.notes))),
            unfinished={**one.unfinished, **other.unfinished},
            interrupted=one.interrupted or other.interrupted,
        )
    )


def _judge_together(runs: Sequence[RunRecord], labels: Sequence[str]) -> list[RunRecord]:
    """Judge what only several models show, each beside the others."""
    judged = list(runs)
    for check in list_checks():
        given = [(label, run.rows(check.name)) for label, run in zip(labels, runs, strict=True)]
        found = zip(judged, given, check.beside(given), strict=True)
        judged = [
            run if list(before) == rows else judge_beside(run, check.name, rows)
            for run, (_, before), rows in found
        ]
    return judged


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


def _align(runs: Sequence[RunRecord]) -> tuple[Question, ...]:
    """Return the questions that some run answers, those with the worst answers first."""
    asked = list(dict.fromkeys(f.question for run in runs for f in run.findings))
    found = [
        Question(*q, tuple(tuple(f for f in run.findings if f.question == q) for run in runs))
        for q in asked
    ]
    return tuple(sorted(found, key=_worst))


def _worst(question: Question) -> int:
    return min(STATUSES.index(f.status) for found in question.findings for f in found)


def _differences(check: Check[Any], one: RunRecord, other: RunRecord) -> list[str]:
    """Say what two models were not given alike by one check."""
    if not check.comparable:
        return []
    mine, theirs = one.rows(check.name), other.rows(check.name)
    found = [d for a, b in zip(mine, theirs, strict=False) for d in check.mismatch(a, b)]
    if len(mine) != len(theirs):
        found.append(f"{check.name}: {len(mine)} and {len(theirs)} rows")
    return found
