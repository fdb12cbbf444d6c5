"""Every number of a report, and how it came about, as blocks that any format can write."""

from __future__ import annotations

from collections.abc import Sequence

from ..calculators.base import CalculatorInfo
from ..checks import list_checks
from ..comparison import Comparison
from ..drawing.tables import Block, TableBlock, capital, facts, number, some
from ..record import Model, RunRecord

MAX_NAMES = 12  # in one cell
UNSET = "not set"


def describe_calculator(info: CalculatorInfo) -> str:
    """Return a calculator in a line: name, version, level of theory, floating type, device."""
    weights = None if ":" in info.spec or info.checkpoint is None else f"weights {info.checkpoint}"
    package = f"package {info.version}" if info.backend and info.version else None
    options = (f"{key}={value}" for key, value in info.options.items())
    known = [weights, package, *options, info.level_of_theory, info.dtype, info.device]
    facts = ", ".join(x for x in known if x)
    return f"{info.spec} ({facts})" if facts else info.spec


def list_notes(comparison: Comparison) -> list[str]:
    """Return what to know about what was given, and what was left out."""
    known = {check.name for check in list_checks()}
    unknown = dict.fromkeys(x for run in comparison.runs for x in run.checks if x not in known)
    notes = [note for run in comparison.runs for note in run.notes]
    if unknown:
        notes.append(f"Not shown, since the check is not installed here: {', '.join(unknown)}.")
    return [*dict.fromkeys(notes), *comparison.notes]


def list_numbers(models: Sequence[Model]) -> list[Block]:
    """Return every table that the models have something for."""
    return [block for check in list_checks() for block in check.tables(models)]


def list_methods(run: RunRecord) -> tuple[TableBlock, ...]:
    """Return how a run's numbers came about: command, model, versions, inputs, settings, limits."""
    limits = {
        (f"{f.check}: {f.quantity}", f.limits, f.source or "-") for f in run.findings if f.limits
    }
    columns = ("question", "limits", "where they come from")
    tables = (
        facts("Command", {"command": run.command, "date (UTC)": run.created}),
        facts("Model", _model(run.calculator)),
        facts("Versions", dict(run.versions)),
        *_inputs(run),
        facts("Settings", {key: _setting(value) for key, value in run.settings.items()}),
        TableBlock("Limits", columns, tuple(sorted(limits)), (False,) * 3),
    )
    return tuple(table for table in tables if table.rows)


def _model(info: CalculatorInfo) -> dict[str, str]:
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


def _inputs(run: RunRecord) -> list[TableBlock]:
    """Return how the rows of each check came about; those that agree share a line."""
    tables = []
    for check in list_checks():
        found: dict[tuple[str, ...], list[str]] = {}
        for row in run.rows(check.name) if check.methods else ():
            key = tuple("-" if row.error else c.cell(row) for c in check.methods)
            found.setdefault(key, []).append(row.name)
        rows = tuple((some(names, MAX_NAMES), *how) for how, names in found.items())
        heads = ("", *(c.head for c in check.methods))
        tables.append(TableBlock(capital(check.title), heads, rows, (False,) * len(heads)))
    return tables


def _setting(value: object) -> str:
    """Return a setting in words; there is no None and no NaN in a report."""
    if value is None or value in ((), [], {}, "") or value != value:
        return UNSET
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return "; ".join(f"{key}: {_setting(item)}" for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(_setting(item) for item in value)
    return str(value)
