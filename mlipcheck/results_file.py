"""results.json: the one file of a report that all others are made from."""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from .calculators.base import CalculatorInfo
from .checks import list_checks
from .record import SCHEMA, SETTINGS, RunRecord
from .storage import collect_versions, dumps, from_plain, to_plain

RESULTS = "results.json"


def make_run(
    command: str,
    calculator: CalculatorInfo,
    settings: Any,
    checks: Mapping[str, Sequence[Any]],
    **more: Any,
) -> RunRecord:
    """Return the record of a run of today, with this machine's versions; nothing is judged yet."""
    return RunRecord(
        command=command,
        calculator=calculator,
        versions=collect_versions(calculator.backend),
        settings=to_plain(settings),
        checks={name: tuple(rows) for name, rows in checks.items() if rows},
        created=today(),
        **more,
    )


def today() -> str:
    """Return the date (UTC)."""
    return datetime.datetime.now(datetime.UTC).date().isoformat()


def dump_runs(runs: Sequence[RunRecord]) -> str:
    """Return one run as JSON, or several together."""
    return dumps(runs[0] if len(runs) == 1 else {"schema": SCHEMA, "runs": runs})


def load_runs(path: str | os.PathLike[str]) -> list[RunRecord]:
    """Read what `dump_runs` wrote; of a report, its folder will do.

    Raises
    ------
    ValueError
        If the file is not JSON of this schema.
    """
    path = Path(path)
    if path.is_dir():
        path /= RESULTS
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: not JSON ({error})") from error
    together = data.get("runs") if isinstance(data, dict) else None
    runs = together if isinstance(together, list) and together else [data]
    return [_as_run(path, run) for run in runs]


def _as_run(path: Path, data: Any) -> RunRecord:
    found = data.get("schema") if isinstance(data, dict) else None
    if found != SCHEMA:
        older = "; run it again with this version" if str(found).startswith("mlipcheck/") else ""
        raise ValueError(f"{path}: schema is {found!r}, expected {SCHEMA!r}{older}")
    try:
        run: RunRecord = from_plain(RunRecord, data)
        for key, kind in SETTINGS.items():
            from_plain(kind, run.settings.get(key), f"settings.{key}")
        # rows of a check that is not installed here stay as they are
        rows = {check.name: check.row for check in list_checks()}
        checks = {
            name: tuple(
                from_plain(rows[name], row, f"checks.{name}[{k}]") if name in rows else row
                for k, row in enumerate(members)
            )
            for name, members in run.checks.items()
        }
        for answer in run.uses:
            if answer.decided_by not in (None, *range(len(run.findings))):
                raise ValueError(f"there is no finding {answer.decided_by}, of {answer.use!r}")
    except ValueError as error:
        raise ValueError(f"{path}: not a complete record ({error})") from error
    return replace(run, checks=checks)
