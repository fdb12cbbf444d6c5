"""Several models on the same inputs, as tables for a terminal."""

from __future__ import annotations

import statistics
from collections import Counter
from string import ascii_uppercase

from ase import units
from rich.markup import escape

from ..checks.dimers.record import DimerScan
from ..checks.parity.record import Parity
from ..checks.relaxation.record import Relaxation
from ..comparison import Comparison
from ..record import Finding
from .record_text import has_own, print_own, system_notes
from .terminal import (
    STYLES,
    Printer,
    new_table,
    number,
)
from .text import print_calculator


def print_comparison(out: Printer, comparison: Comparison) -> None:
    """Print the models, the verdict question by question, and the numbers of each."""
    for letter, run in zip(_letters(comparison), comparison.runs, strict=True):
        out.print(f"{letter}: ", end="", style="bold")
        print_calculator(out, run.calculator)
    for note in (*system_notes(comparison.runs[0]), *comparison.notes):
        out.print(escape(note))
    print_compared_verdict(out, comparison)
    print_compared_numbers(out, comparison)


def print_compared_numbers(out: Printer, comparison: Comparison) -> None:
    """Print side by side what every model has, then what each has of its own."""
    letters = _letters(comparison)
    if comparison.runs[0].dimers:
        _print_dimers(out, comparison, letters)
    if comparison.runs[0].relaxations:
        _print_relaxations(out, comparison, letters)
    if comparison.runs[0].parities:
        _print_parities(out, comparison, letters)
    for letter, run in zip(letters, comparison.runs, strict=True):
        if has_own(run):
            out.print(f"Of {letter} alone:", style="bold")
            print_own(out, run)


def _letters(comparison: Comparison) -> str:
    return ascii_uppercase[: len(comparison.runs)]


def print_compared_verdict(out: Printer, comparison: Comparison) -> None:
    """Print each question with every model's worst answer, the worst questions first."""
    letters = _letters(comparison)
    table = new_table("Verdict", "", *letters, left=1 + len(letters))
    for row in comparison.rows:
        table.add_row(escape(f"{row.check}: {row.quantity}"), *(_cell(f) for f in row.findings))
    totals = [
        Counter(row.findings[k][0].status for row in comparison.rows if row.findings[k])
        for k in range(len(letters))
    ]
    table.add_section()
    table.add_row(
        "questions, by their worst answer",
        *(", ".join(f"{t[s]} {s}" for s in STYLES if t[s]) or "none" for t in totals),
    )
    out.print(table)


def _cell(findings: tuple[Finding, ...]) -> str:
    """Return the worst answer, and how many pairs or structures got which."""
    if not findings:
        return "-"
    worst = findings[0]
    counts = ", ".join(f"{len(f.subjects)} {f.status}" for f in findings)
    return (
        f"[{STYLES[worst.status]}]{worst.status}[/]\n"
        f"{escape(worst.subjects[0])}: {escape(worst.value)}\n[dim]{counts}[/]"
    )


def _print_dimers(out: Printer, comparison: Comparison, letters: str) -> None:
    table = new_table(
        "Dimer scan",
        "pair",
        "",
        "r_e\nÅ",
        "k_e\neV/Å²",
        "collapse\nÅ",
        "barrier\neV",
        "jump\nmeV",
        "conserv.\n%",
        "wall\nslope",
        "Δr_e\nÅ",
        left=2,
    )
    for scans in zip(*(run.dimers for run in comparison.runs), strict=True):
        for letter, scan in zip(letters, scans, strict=True):
            table.add_row(escape(scan.name) if letter == "A" else "", letter, *_dimer_cells(scan))
    out.print(table)
    references = {s.comparison.reference for r in comparison.runs for s in r.dimers if s.comparison}
    if references:
        out.print(f"Wall slope and Δr_e against {escape(', '.join(sorted(references)))}.")
    for letter, run in zip(letters, comparison.runs, strict=True):
        for scan in run.dimers:
            if scan.error:
                out.print(f"{letter}, {escape(scan.name)}: {escape(scan.error)}", style="red")


def _dimer_cells(scan: DimerScan) -> list[str]:
    if scan.error:
        return ["failed", *["-"] * 7]
    c, jump, off = scan.comparison, scan.largest_jump, scan.conservation_error
    return [
        number(scan.equilibrium_distance, ".3f", "unbound"),
        number(scan.force_constant, ".2f"),
        number(scan.wall_collapse_distance, ".2f", "none"),
        number(scan.wall_collapse_barrier, ".2f"),
        number(None if jump is None else 1000 * jump, ".2f"),
        number(None if off is None else 100 * off, ".2g"),
        number(scan.softening_scale, ".3f"),
        number(c.equilibrium_distance_error if c else None, "+.3f"),
    ]


def _print_relaxations(out: Printer, comparison: Comparison, letters: str) -> None:
    members = list(zip(*(run.relaxations for run in comparison.runs), strict=True))
    values = {
        "ΔV": [[_change(r, r.volume_change_percent, "+.2f") for r in rows] for rows in members],
        "bond": [
            [_change(r, r.largest_bond_change_percent, ".2f") for r in rows] for rows in members
        ],
    }
    told = {
        name: cells
        for name, cells in values.items()
        if any(c not in ("-", "error") for row in cells for c in row)
    }
    columns = [f"{name} {x}\n%" for name in told for x in letters]
    table = new_table("Relaxation against reference", "structure", "V ref.\nÅ³", *columns)
    for k, rows in enumerate(members):
        volume = number(rows[0].reference_volume, ".2f")
        table.add_row(
            escape(rows[0].name), volume, *(c for cells in told.values() for c in cells[k])
        )
    out.print(table)
    for letter, run in zip(letters, comparison.runs, strict=True):
        changes = [
            abs(r.volume_change_percent)
            for r in run.relaxations
            if r.converged and r.cell == "free" and r.volume_change_percent is not None
        ]
        done = sum(r.converged for r in run.relaxations)
        middle = f"; median |ΔV| {statistics.median(changes):.2f} %" if changes else ""
        out.print(f"{letter}: {done} of {len(run.relaxations)} converged{middle}.")
    out.print("ΔV, the change of volume; bond, the largest change of one; * not converged.")


def _change(row: Relaxation, value: float | None, form: str) -> str:
    if row.error:
        return "error"
    return number(value, form) + ("" if row.converged or value is None else "*")


def _print_parities(out: Printer, comparison: Comparison, letters: str) -> None:
    table = new_table(
        "Parity",
        "frames",
        "",
        "energy\nmeV/atom",
        "forces\neV/Å",
        "s_lo",
        "s_hi",
        "R²",
        "called",
        "stress\nGPa",
        "σ(ΔE)\neV",
        left=2,
    )
    conventions = []
    for sets in zip(*(run.parities for run in comparison.runs), strict=True):
        for letter, p in zip(letters, sets, strict=True):
            table.add_row(escape(p.name) if letter == "A" else "", letter, *_parity_cells(p))
            if p.error:
                conventions.append(f"{letter}, {escape(p.name)}: {escape(p.error)}")
            elif p.energy is not None:
                told = f"{p.energy.convention}, {p.energy.frames} frames"
                conventions.append(f"{letter}, {escape(p.name)}: energies in {told}.")
    out.print(table)
    for line in conventions:
        out.print(line)


def _parity_cells(p: Parity) -> list[str]:
    if p.error:
        return ["failed", *["-"] * 7]
    e, f, slope = p.energy, p.forces, p.forces.slope if p.forces else None
    return [
        number(1000 * e.mae.value if e else None, ".1f"),
        number(f.mae.value if f else None, ".3g"),
        number(slope.s_lo if slope else None, ".3f"),
        number(slope.s_hi if slope else None, ".3f"),
        number(slope.r_squared if slope else None, ".3f"),
        (slope.remark if slope else None) or "-",
        number(p.stress.mae.value / units.GPa if p.stress else None, ".2f"),
        number(p.ordering.sigma.value if p.ordering else None, ".3g"),
    ]
