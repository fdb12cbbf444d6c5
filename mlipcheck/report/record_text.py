"""A whole record as text: its numbers, table by table, and its verdict with what would help."""

from __future__ import annotations

from rich.markup import escape

from ..checks.contacts.tables import print_approaches
from ..checks.learning.tables import print_learning
from ..checks.parity.tables import print_parities, print_rescalings
from ..record import RunRecord
from .terminal import Printer
from .text import (
    print_calculator,
    print_contract,
    print_dimers,
    print_findings,
    print_relaxations,
)


def print_record(out: Printer, run: RunRecord) -> None:
    """Print what was judged, every number, and the verdict, which is read last."""
    print_calculator(out, run.calculator)
    for note in system_notes(run):
        out.print(escape(note))
    print_numbers(out, run)
    print_verdict(out, run)


def system_notes(run: RunRecord) -> list[str]:
    """Return what is to be known of what was looked at, and what was left out."""
    settings, notes = run.settings, _looked_at(run)
    if settings.get("demonstration"):
        elements = ", ".join(settings.get("elements") or [])
        notes.append(f"No system named: a demonstration on {elements}.")
    if settings.get("interrupted"):
        notes.append("Interrupted: what was not finished is not assessed.")
    return notes + [f"{note}." for note in settings.get("notes") or []]


def _looked_at(run: RunRecord) -> list[str]:
    """Sum up what a check-up was about; one check alone says it by its table."""
    elements = sorted({x for scan in run.dimers for x in scan.pair})
    parts = {
        f"pairs of {', '.join(elements)}": len(run.dimers),
        "relaxations": len(run.relaxations),
        "labelled frames": sum(p.frames for p in run.parities),
        "learning curves": len(run.learning),
        "promises of an ASE calculator": len(run.contract),
    }
    told = [f"{what}: {n}" for what, n in parts.items() if n]
    return [f"Looked at {'; '.join(told)}."] if len(told) > 1 else []


def print_numbers(out: Printer, run: RunRecord) -> None:
    """Print every table that the record has something for."""
    if run.dimers:
        print_dimers(out, run.dimers)
    if run.relaxations:
        print_relaxations(out, run.relaxations)
    if run.parities:
        print_parities(out, run.parities, run.settings.get("signal"))
    print_own(out, run)


def print_own(out: Printer, run: RunRecord) -> None:
    """Print the tables that are not put side by side where there are several models."""
    if run.approaches:
        print_approaches(out, run.approaches)
    if run.settings.get("rescale"):
        print_rescalings(out, run.parities)
    for curve in run.learning:
        print_learning(out, curve)
    if run.contract:
        print_contract(out, run.contract)


def has_own(run: RunRecord) -> bool:
    return bool(run.approaches or run.settings.get("rescale") or run.learning or run.contract)


def print_verdict(out: Printer, run: RunRecord) -> None:
    """Print the verdict: a sentence, the findings, and what would help next."""
    if run.summary:
        out.print(escape(run.summary), style="bold")
    if run.findings:
        print_findings(out, run.findings)
    if run.advice:
        out.print("What would help next", style="italic")
    for advice in run.advice:
        out.print(f"[bold]{escape(advice.kind)}[/]: {escape(advice.text)}")
        if advice.command:
            out.print(f"  [dim]{escape(advice.command)}[/]")
