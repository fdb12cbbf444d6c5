"""What the checks found, as tables for a terminal."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import numpy as np
from rich.markup import escape
from rich.table import Table

from ..calculators.records import CalculatorInfo
from ..checks.dimers.record import DimerScan
from ..checks.interface.record import ContractResult
from ..checks.relaxation.record import Relaxation
from ..record import Finding
from .terminal import (
    STYLES,
    Printer,
    new_table,
    number,
)

FULL = 9  # columns that fit beside the names
MANY_ROWS = 12  # more relaxations than this are not followed bond by bond on the screen


def print_calculator(out: Printer, info: CalculatorInfo) -> None:
    """Say what is being judged."""
    out.print(escape(calculator_facts(info)), style="bold")


def calculator_facts(info: CalculatorInfo) -> str:
    """Return what is known of a calculator, in a line."""
    options = ", ".join(f"{key}={value}" for key, value in info.options.items())
    facts = [info.spec, options, info.level_of_theory, info.dtype, info.device]
    if info.backend and info.version:
        facts.insert(1, f"{info.backend} {info.version}")
    return " | ".join(f for f in facts if f)


def print_dimers(out: Printer, scans: Sequence[DimerScan]) -> None:
    """Print one row a pair."""
    table = new_table(
        "Dimer scan",
        "pair",
        "r_e\nÅ",
        "k_e\neV/Å²",
        "collapse\nÅ",
        "barrier\neV",
        "spurious\nextrema",
        "jump\nmeV",
        "conserv.\n%",
        "wall\nslope",
        "Δr_e\nÅ",
    )
    for s in scans:
        if s.error:
            table.add_row(escape(s.name), "failed", *["-"] * 8)
            continue
        c = s.comparison
        table.add_row(
            escape(s.name),
            number(s.equilibrium_distance, ".3f", "unbound"),
            number(s.force_constant, ".2f"),
            number(s.wall_collapse_distance, ".2f", "none"),
            number(s.wall_collapse_barrier, ".2f"),
            str(len(s.spurious_extrema)),
            number(None if s.largest_jump is None else 1000 * s.largest_jump, ".2f"),
            number(None if s.conservation_error is None else 100 * s.conservation_error, ".2g"),
            number(s.softening_scale, ".3f"),
            number(c.equilibrium_distance_error if c else None, "+.3f"),
        )
    out.print(table)
    for s in scans:
        if s.error:
            out.print(f"{escape(s.name)}: {escape(s.error)}", style="red")
        elif s.failed_points:
            distance, why = s.failed_points[0]
            out.print(
                f"{escape(s.name)}: {len(s.failed_points)} of {len(s.distances)} points failed and "
                f"are left out, the first at {distance:.3f} Å: {escape(why)}"
            )
    depths = [
        f"{escape(s.name)} {_depth(s)}" for s in scans if s.wall_collapse_distance is not None
    ]
    if depths:
        out.print(f"Lowest energy inside the collapse: {', '.join(depths)}.")
    judged: dict[str, list[str]] = {}
    for s in scans:
        if not s.error:
            judged.setdefault(s.comparison.reference if s.comparison else "", []).append(
                escape(s.name)
            )
    without = judged.pop("", [])
    for reference, names in judged.items():
        out.print(f"Slope and Δr_e against {escape(reference)}: {', '.join(names)}.")
    if without:
        out.print(
            f"Softening not judged, no reference curve: {', '.join(without)}. "
            "Give yours with --reference A-B.csv, or PBE's for equal atoms with --reference pbe."
        )


def _depth(scan: DimerScan) -> str:
    """Return how deep a pair falls once its wall has turned over, and where."""
    inside = np.where(scan.distances < (scan.wall_collapse_distance or 0.0), scan.energies, np.inf)
    k = int(np.nanargmin(inside))
    return f"{scan.energies[k]:.2f} eV at {scan.distances[k]:.2f} Å"


def print_relaxations(out: Printer, rows: Sequence[Relaxation]) -> None:
    """Print one row a structure, and the bonds of a few; columns without a number are left out."""
    cells = [_relaxation_cells(r) for r in rows]
    told = [name for name in cells[0] if any(c[name] != "-" for c in cells)]
    if len(told) > FULL:  # the last one, of space groups, needs its room
        told.remove("force\ncalls")
    table = new_table("Relaxation against reference", "structure", *told)
    if "space\ngroup" in told:
        table.columns[-1].justify = "left"
    for r, c in zip(rows, cells, strict=True):
        table.add_row(escape(r.name), *(escape(c[name]) for name in told))
    out.print(table)
    for r in rows:
        if r.error:
            out.print(f"{escape(r.name)}: {escape(r.error)}", style="red")
    changes = [
        abs(r.volume_change_percent)
        for r in rows
        if r.converged and r.volume_change_percent is not None and r.cell == "free"
    ]
    done = sum(r.converged for r in rows)
    settings = {(r.optimizer, r.start) for r in rows}
    how = "; ".join(escape(f"{optimizer} from {start}") for optimizer, start in sorted(settings))
    line = f"{done} of {len(rows)} converged ({how})"
    if changes:
        line += f"; median |ΔV| of those with a free cell {statistics.median(changes):.2f} %"
    out.print(line + ".")
    if any(r.source == "dcdft" for r in rows):
        out.print("dcdft is a reference for volumes alone: bonds and symmetry are not compared.")
    for r in rows:
        for note in r.notes:
            out.print(f"{escape(r.name)}: {escape(note)}")
    if len(rows) <= MANY_ROWS and any(r.bond_changes for r in rows):
        _print_bonds(out, rows)


def _relaxation_cells(r: Relaxation) -> dict[str, str]:
    """Return the columns of one row; a dash where there is nothing to tell."""
    error = r.energy_error_per_atom
    group = r.reference_space_group or "-"
    if r.space_group != r.reference_space_group:
        group += f" → {r.space_group}"
    failed = r.error is not None
    volume = number(r.volume_change_percent, "+.2f")
    return {
        "atoms": str(r.n_atoms or "-"),
        "conv.": "error" if failed else "yes" if r.converged else "no",
        "steps": "-" if failed else str(r.steps),
        "force\ncalls": str(r.force_calls or "-"),
        "V ref.\nÅ³": number(r.reference_volume, ".2f"),
        "ΔV\n%": "fixed" if r.cell == "fixed" and r.volume else volume,
        "largest\nbond Δ%": number(r.largest_bond_change_percent, ".2f"),
        "rmsd\nÅ": number(r.rmsd, ".3f"),
        "ΔE\nmeV/atom": number(None if error is None else 1000 * error, "+.1f"),
        "space\ngroup": "-" if failed else group,
    }


def _print_bonds(out: Printer, rows: Sequence[Relaxation]) -> None:
    table = new_table(
        "Bonds, model minus reference",
        "structure",
        "bond",
        "number",
        "mean length\nÅ",
        "mean change\nÅ",
        "largest change\nÅ",
        "largest\n%",
        left=2,
    )
    for r in rows:
        for b in r.bond_changes:
            table.add_row(
                escape(r.name),
                escape("-".join(b.pair)),
                str(b.count),
                f"{b.mean_length:.3f}",
                f"{b.mean_change:+.4f}",
                f"{b.largest_change:+.4f}",
                f"{b.largest_change_percent:+.2f}",
            )
    out.print(table)
    for r in rows:
        if r.length_changes_percent and r.angle_changes and r.cell == "free":
            lengths = "  ".join(
                f"{n} {x:+.2f} %" for n, x in zip("abc", r.length_changes_percent, strict=True)
            )
            angles = "  ".join(
                f"{n} {x:+.2f}°" for n, x in zip("αβγ", r.angle_changes, strict=True)
            )
            out.print(f"{escape(r.name)}: {lengths}  {angles}")


def print_findings(out: Printer, findings: Sequence[Finding]) -> None:
    """Print the verdict, worst first: what was found against its limits, then what it means."""
    table = Table.grid(padding=(0, 2))
    for f in findings:
        others = f.subjects[1:7]
        shown = f"; also {', '.join(others)}" if others else ""
        shown += f" and {len(f.subjects) - 7} more" if len(f.subjects) > 7 else ""
        limits = f" [dim]({escape(f.threshold)})[/]" if f.threshold else ""
        lines = [f"[bold]{escape(f.subjects[0])}: {escape(f.value)}[/]{limits}"]
        if f.plain and f.status in ("fail", "caution"):
            lines.append(escape(f.plain))
        meaning = f.plain if f.status == "not assessed" and f.plain else f.reason
        lines.append(f"[dim]{escape(meaning + shown)}[/]")
        table.add_row(
            f"[{STYLES[f.status]}]{f.status}[/]",
            escape(f"{f.check}: {f.quantity}"),
            "\n".join(lines),
        )
    out.print("Verdict", style="italic")
    out.print(table)
    counts = {s: sum(f.status == s for f in findings) for s in STYLES}
    out.print(", ".join(f"{n} {status}" for status, n in counts.items()) + ".")


def print_contract(out: Printer, results: Sequence[ContractResult]) -> None:
    """Print one row a check: what was promised, and what was found."""
    table = new_table("Contract", "check", "", "found", "deviation", "tolerance", left=3)
    styles = {"passed": "green", "failed": "bold red", "expected failure": "yellow"}
    for r in results:
        measured = r.value is not None and bool(r.unit)
        table.add_row(
            escape(r.check),
            f"[{styles.get(r.status, 'cyan')}]{escape(r.status)}[/]",
            escape(r.message),
            number(r.value if measured else None, ".1e"),
            number(r.tolerance if measured else None, ".1e"),
        )
    out.print(table)
    counts = {s: sum(r.status == s for r in results) for s in (*styles, "not applicable")}
    out.print(", ".join(f"{n} {status}" for status, n in counts.items() if n) + ".")
