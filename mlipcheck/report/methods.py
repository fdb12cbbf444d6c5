"""How a run's numbers came about, as tables of facts: everything comes from its record."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..checks.dimers.record import DimerScan
from ..comparison import describe_grid
from ..drawing.blocks import TableBlock, facts
from ..record import RunRecord
from .terminal import number

UNSET = "not set"
MANY = 12  # names in one cell


def list_methods(run: RunRecord) -> tuple[TableBlock, ...]:
    """Return tables of the command, the model, what was compared with, settings and limits."""
    tables = (
        facts("Command", {"command": run.command, "date (UTC)": run.created}),
        facts("Model", _model(run)),
        facts("Versions", run.versions),
        _grids(run.dimers),
        _references(run),
        facts("Settings", dict(_flatten(run.settings))),
        facts("Left out", run.not_run),
        _limits(run),
    )
    return tuple(table for table in tables if table.rows)


def _model(run: RunRecord) -> dict[str, str]:
    info = run.calculator
    return {
        "name": info.spec,
        "backend": " ".join(x for x in (info.backend, info.version) if x),
        "checkpoint": info.checkpoint or "",
        "sha256 of the checkpoint": info.checkpoint_sha256 or "",
        "options": "; ".join(f"{key}: {value}" for key, value in info.options.items()),
        "level of theory": info.level_of_theory or "",
        "convention of energies": info.energy_convention or "",
        "floating-point type": info.dtype or "",
        "device": info.device or "",
        "cutoff, Å": number(info.cutoff, "g", ""),
        "bond scale, Å": number(info.bond_scale, "g", ""),
    }


def _grids(scans: Sequence[DimerScan]) -> TableBlock:
    found: dict[tuple[str, str, str], list[str]] = {}
    for scan in scans:
        c = scan.comparison
        against = (
            " ".join(x for x in (c.reference, _in_brackets(c.level_of_theory)) if x) if c else "-"
        )
        grid = describe_grid(scan.distances)
        found.setdefault((grid, scan.environment, against), []).append(scan.name)
    rows = tuple((_some(names), *how) for how, names in found.items())
    return TableBlock("Dimer scan", ("pairs", "grid", "in", "reference"), rows, (False,) * 4)


def _references(run: RunRecord) -> TableBlock:
    found: dict[tuple[str, str, str], list[str]] = {}
    for r in run.relaxations:
        key = ("relaxation", r.source or "-", r.level_of_theory or "not known")
        found.setdefault(key, []).append(r.name)
    for p in run.parities:
        key = ("parity", p.source or "-", p.level_of_theory or "not known")
        found.setdefault(key, []).append(f"{p.name} ({p.frames} frames, {p.runs} independent runs)")
    rows = tuple((check, _some(names), *how) for (check, *how), names in found.items())
    columns = ("check", "of", "from", "level of theory")
    return TableBlock("References", columns, rows, (False,) * 4)


def _limits(run: RunRecord) -> TableBlock:
    rows = {
        (f"{f.check}: {f.quantity}", f.threshold, f.source or "-")
        for f in run.findings
        if f.threshold
    }
    columns = ("question", "limits", "where they come from")
    return TableBlock("Limits", columns, tuple(sorted(rows)), (False,) * 3)


def _flatten(settings: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            yield from _flatten(value, f"{before}{key}: ")
        else:
            yield f"{before}{key}", _told(value)


def _told(value: Any) -> str:
    """Return a setting in words; there is no None and no NaN in a report."""
    if (
        value is None
        or value in ((), [], {}, "")
        or (isinstance(value, float) and math.isnan(value))
    ):
        return UNSET
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {_told(item)}" for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(_told(item) for item in value)
    return str(value)


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - MANY} more" if len(names) > MANY else ""
    return ", ".join(names[:MANY]) + more


def _in_brackets(text: str | None) -> str:
    return f"({text})" if text else ""
