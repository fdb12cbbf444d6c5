"""Results as tables for a terminal, 100 columns wide."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import IO

from ase import Atoms, units
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ..calculators.backends import Backend
from ..results import CalculatorInfo, DimerScan, Evaluation, Finding, Relaxation

WIDTH = 100
STYLES = {"fail": "bold red", "caution": "yellow", "not assessed": "cyan", "ok": "green"}
MANY_ROWS = 12  # more relaxations than this are not followed bond by bond on the screen
MANY_ATOMS = 50


def console(file: IO[str] | None = None) -> Console:
    """Return a console as wide as the terminal, 100 columns at most and where there is none."""
    found = Console(file=file, highlight=False)
    return Console(
        file=file,
        highlight=False,
        soft_wrap=False,
        width=min(found.width, WIDTH) if found.is_terminal else WIDTH,
    )


def _table(title: str, *columns: str, left: int = 1) -> Table:
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for k, column in enumerate(columns):
        table.add_column(
            column,
            justify="left" if k < left else "right",
            overflow="fold",
            min_width=14 if k == 0 and "structure" in column else None,
        )
    return table


def _number(value: float | None, form: str, missing: str = "-") -> str:
    return missing if value is None else format(value, form)


def print_calculator(out: Console, info: CalculatorInfo) -> None:
    """Say what is being judged."""
    facts = [info.spec, info.level_of_theory, info.dtype, info.device]
    if info.backend and info.version:
        facts.insert(1, f"{info.backend} {info.version}")
    out.print(escape(" | ".join(f for f in facts if f)), style="bold")


def print_dimers(out: Console, scans: Sequence[DimerScan]) -> None:
    """Print one row a pair."""
    table = _table(
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
            table.add_row(s.name, "failed", *["-"] * 8)
            continue
        c = s.comparison
        table.add_row(
            s.name,
            _number(s.equilibrium_distance, ".3f", "unbound"),
            _number(s.force_constant, ".2f"),
            _number(s.wall_collapse_distance, ".2f", "none"),
            _number(s.wall_collapse_barrier, ".2f"),
            str(len(s.spurious_extrema)),
            _number(None if s.largest_jump is None else 1000 * s.largest_jump, ".2f"),
            _number(None if s.conservation_error is None else 100 * s.conservation_error, ".2g"),
            _number(s.softening_scale, ".3f"),
            _number(c.equilibrium_distance_error if c else None, "+.3f"),
        )
    out.print(table)
    for s in scans:
        if s.error:
            out.print(f"{s.name}: {escape(s.error)}", style="red")
        elif s.failed_points:
            distance, why = s.failed_points[0]
            out.print(
                f"{s.name}: {len(s.failed_points)} of {len(s.distances)} points failed and are "
                f"left out, the first at {distance:.3f} Å: {escape(why)}"
            )
    judged: dict[str, list[str]] = {}
    for s in scans:
        if not s.error:
            judged.setdefault(s.comparison.reference if s.comparison else "", []).append(s.name)
    without = judged.pop("", [])
    for reference, names in judged.items():
        out.print(f"Slope and Δr_e against {escape(reference)}: {', '.join(names)}.")
    if without:
        out.print(
            f"Softening not judged, no reference curve: {', '.join(without)}. "
            "Give yours with --reference A-B.csv, or PBE's for equal atoms with --reference pbe."
        )


def print_relaxations(out: Console, rows: Sequence[Relaxation]) -> None:
    """Print one row a structure, and the bonds of a few; columns without a number are left out."""
    cells = [_relaxation_cells(r) for r in rows]
    told = [name for name in cells[0] if any(c[name] != "-" for c in cells)]
    table = _table("Relaxation against reference", "structure", *told)
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
    how = "; ".join(f"{optimizer} from {start}" for optimizer, start in sorted(settings))
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
    volume = _number(r.volume_change_percent, "+.2f")
    return {
        "atoms": str(r.n_atoms or "-"),
        "conv.": "error" if failed else "yes" if r.converged else "no",
        "steps": "-" if failed else str(r.steps),
        "force\ncalls": str(r.force_calls or "-"),
        "V ref.\nÅ³": _number(r.reference_volume, ".2f"),
        "ΔV\n%": "fixed" if r.cell == "fixed" and r.volume else volume,
        "largest\nbond Δ%": _number(r.largest_bond_change_percent, ".2f"),
        "rmsd\nÅ": _number(r.rmsd, ".3f"),
        "ΔE\nmeV/atom": _number(None if error is None else 1000 * error, "+.1f"),
        "space\ngroup": "-" if failed else group,
    }


def _print_bonds(out: Console, rows: Sequence[Relaxation]) -> None:
    table = _table(
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
                "-".join(b.pair),
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


def print_findings(out: Console, findings: Sequence[Finding]) -> None:
    """Print the verdict, worst first: what was found against its limits, then what it means."""
    table = Table.grid(padding=(0, 2))
    for f in findings:
        others = f.subjects[1:7]
        shown = f"; also {', '.join(others)}" if others else ""
        shown += f" and {len(f.subjects) - 7} more" if len(f.subjects) > 7 else ""
        table.add_row(
            f"[{STYLES[f.status]}]{f.status}[/]",
            f"{f.check}: {f.quantity}",
            f"[bold]{escape(f.subjects[0])}: {escape(f.value)}[/] [dim]({f.threshold})[/]\n"
            f"[dim]{f.reason}{escape(shown)}[/]",
        )
    out.print("Verdict", style="italic")
    out.print(table)
    counts = {s: sum(f.status == s for f in findings) for s in STYLES}
    out.print(", ".join(f"{n} {status}" for status, n in counts.items()) + ".")


def print_evaluations(
    out: Console, names: Sequence[str], images: Sequence[Atoms], evaluations: Sequence[Evaluation]
) -> None:
    """Print energy, forces, stress and magnetic moments of each structure."""
    for name, atoms, e in zip(names, images, evaluations, strict=True):
        out.print(f"[bold]{escape(name)}[/] ({atoms.get_chemical_formula()})")
        if e.error is not None or e.energy is None or e.forces is None:
            out.print(f"  error: {escape(e.error or 'no energy and forces')}", style="red")
            continue
        n = len(atoms)
        out.print(f"  energy {e.energy:.6f} eV   {e.energy / n:.6f} eV/atom")
        if e.stress is not None:
            gpa = "  ".join(f"{x / units.GPa:+.4f}" for x in e.stress)
            out.print(f"  stress xx yy zz yz xz xy: {gpa} GPa")
        fmax = max(float((f**2).sum() ** 0.5) for f in e.forces)
        out.print(f"  largest force {fmax:.4f} eV/Å")
        if n > MANY_ATOMS:
            out.print(f"  {n} atoms: forces are in the file of --json")
            continue
        columns = ["atom", "F_x\neV/Å", "F_y\neV/Å", "F_z\neV/Å"]
        if e.magmoms is not None:
            columns.append("moment\nμ_B")
        table = _table("", *columns)
        table.title = None
        for k, (symbol, force) in enumerate(
            zip(atoms.get_chemical_symbols(), e.forces, strict=True)
        ):
            cells = [f"{k} {symbol}", *(f"{x:+.5f}" for x in force)]
            if e.magmoms is not None:
                cells.append(f"{e.magmoms[k]:.4f}")
            table.add_row(*cells)
        out.print(table)


def print_backends(out: Console, backends: Sequence[Backend]) -> None:
    """Print what is known, what is there, and what is missing."""
    columns = ("backend", "installed", "checkpoints", "level of theory", "energies", "licence")
    table = _table("Backends", *columns, left=6)
    for b in backends:
        first = (b.name, b.version or ("yes" if b.installed and not b.error else "no"))
        if not b.checkpoints:
            table.add_row(*first, escape(b.summary))
        groups: dict[tuple[str, str, str], list[str]] = {}
        for c in b.checkpoints:
            facts = (c.level_of_theory, c.energy_convention, c.licence)
            groups.setdefault(facts, []).append(f"{c.name} ✓" if c.found else c.name)
        for facts, names in groups.items():
            table.add_row(*first, ", ".join(names), *map(escape, facts))
            first = ("", "")
    out.print(table)
    out.print("The first checkpoint is the default; ✓ needs no download. raw: as DFT printed")
    out.print("them; mp2020: with the Materials Project's corrections; own: a zero of its own.")
    for b in backends:
        also = f" ({b.needs})" if b.needs else ""
        if b.error is not None:
            out.print(f"{b.name}: {escape(b.error)}", style="red")
        elif not b.installed:
            out.print(f"{b.name}: {b.pip_line}{also}", markup=False)
    out.print("Your own: -b package.module:factory, where factory() returns an ASE calculator.")
