"""Checks run with a progress bar, their record, and where it goes: screen, JSON, figures."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from .places import tell, told_as_a_mistake, write_json

if TYPE_CHECKING:
    from ase.calculators.calculator import BaseCalculator

    from ..checks.dimers.record import DimerScan
    from ..checks.interface.record import ContractResult
    from ..checks.relaxation.record import Relaxation
    from ..checks.relaxation.relax import RelaxSettings
    from ..record import RunRecord
    from ..references.structures import RelaxedReference


@contextmanager
def progress_bar(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """Yield a function that advances a bar on stderr; there is none unless it is a terminal."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn(what),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left:"),
        TimeRemainingColumn(),
    )
    screen = Console(stderr=True)
    with Progress(
        *columns, console=screen, transient=True, disable=not screen.is_terminal
    ) as progress:
        task = progress.add_task(what, total=total)
        yield lambda n: progress.advance(task, n)


def scan(calculator: BaseCalculator, elements: list[str], reference: list[str]) -> list[DimerScan]:
    """Scan dimers; where no pair could be judged there is nothing to report."""
    from ase.calculators.calculator import InputError

    from ..checks.dimers.scan import scan_dimers
    from ..references import datasets

    if "pbe" in reference:  # a download has a bar of its own, and two at once are a mess
        datasets.fetch("diatomics-pbe")
    with progress_bar("dimer scan", None) as advance:
        scans = scan_dimers(calculator, elements, reference=reference, progress=advance)
    if all(s.error for s in scans):
        raise InputError(f"no pair could be judged; {scans[0].name}: {scans[0].error}")
    return scans


def relax(
    calculator: BaseCalculator, references: list[RelaxedReference], how: RelaxSettings
) -> tuple[list[Relaxation], bool]:
    """Relax, and return the rows and whether it was interrupted on the way."""
    from ase.calculators.calculator import InputError

    from ..checks.relaxation.energies import compare_energies
    from ..checks.relaxation.relax import iterate_relaxations

    rows: list[Relaxation] = []
    stopped = False
    with progress_bar("relaxing", len(references)) as advance:
        try:
            for row in iterate_relaxations(calculator, references, how):
                rows.append(row)
                advance(1)
        except KeyboardInterrupt:
            stopped = True
    if rows and all(r.error for r in rows) and not stopped:
        more = f" (and {len(rows) - 1} more)" if len(rows) > 1 else ""
        raise InputError(f"no structure could be judged; {rows[0].name}: {rows[0].error}{more}")
    return compare_energies(rows), stopped


def hold_to_contract(
    calculator: BaseCalculator, elements: list[str] | None
) -> list[ContractResult]:
    """Run every check of the contract."""
    from ..checks.interface import check_calculator, iter_checks

    with progress_bar("contract", len(list(iter_checks()))) as advance:
        return check_calculator(calculator, elements=elements, progress=advance)


def make_record(calculator: BaseCalculator, settings: dict[str, Any], **results: Any) -> RunRecord:
    """Put the results together with how they came about, and judge them."""
    from ..calculators.registry import describe
    from ..record import RunRecord
    from ..storage import collect_versions, to_plain, today
    from ..verdict import conclude

    info = describe(calculator)
    rows: dict[str, Any] = {name: tuple(found) for name, found in results.items()}
    return conclude(
        RunRecord(
            command=command_line(),
            calculator=info,
            versions=collect_versions(info.backend),
            settings=to_plain(settings),
            created=today(),
            **rows,
        )
    )


def command_line() -> str:
    """Return what was typed."""
    return shlex.join(["mlipcheck", *sys.argv[1:]])


def finish(
    record: RunRecord,
    json: str | None,
    figures: Path | None,
    *,
    strict: bool,
    stopped: bool = False,
    verdict: bool = False,
    note: str | None = None,
) -> None:
    """Print, write, and set the exit status."""
    from ..report import record_text, terminal, text

    # files first: whoever reads the screen may stop reading, as head does
    if json:
        write_json(json, record)
    if figures:
        _save(figures, lambda: _draw(record, figures))
    if json != "-":
        out = terminal.console()
        text.print_calculator(out, record.calculator)
        if note:
            out.print(note)
        record_text.print_numbers(out, record)
        # who asks for a status is told what it is about
        if verdict or strict:
            record_text.print_verdict(out, record)
    if stopped:
        counts = {
            "relaxations": len(record.relaxations),
            "frames": sum(p.frames for p in record.parities),
            "fits": len({(p.method, p.n) for c in record.learning for p in c.points}),
        }
        done = next(
            (f"{what} finished: {n}" for what, n in counts.items() if n), "nothing finished"
        )
        tell(f"interrupted; {done}")
        raise typer.Exit(130)
    exit_if_strict(strict, [record])


def _draw(record: RunRecord, folder: Path) -> list[Path]:
    from ..checks.learning.figures import draw_learning
    from ..checks.parity.figures import draw_parities
    from ..checks.parity.scales import draw_scales
    from ..checks.relaxation.figures import draw_dimers, draw_relaxations, write_figures
    from ..drawing.colours import model_colours

    (colour,) = model_colours([record.calculator])
    pages = {
        "dimers": draw_dimers(record.dimers, colour=colour),
        "relaxations": draw_relaxations(record.relaxations, colour=colour),
        "parity": draw_parities(record.parities, colour=colour),
    }
    if record.learning:
        pages["learning"] = [draw_learning(record.learning, colour=colour)]
    if record.parities:
        signal, spec = record.settings.get("signal"), record.calculator.spec
        pages["scales"] = [draw_scales(record.parities, signal, spec, colour=colour)]
    return write_figures(folder, pages)


def _save(figures: Path, save: Callable[[], list[Path]]) -> None:
    with told_as_a_mistake(f"--figures {figures}"):
        figures.mkdir(parents=True, exist_ok=True)
        paths = save()
    for path in paths:
        tell(f"figure: {path}")


def exit_if_strict(strict: bool, records: Sequence[RunRecord]) -> None:
    if strict and any(f.status == "fail" for record in records for f in record.findings):
        raise typer.Exit(1)


def finish_comparison(
    records: list[RunRecord],
    names: list[str],
    json: str | None,
    figures: Path | None,
    out: Path | None = None,
    *,
    strict: bool,
    markdown: bool = False,
) -> None:
    """Print one model or several side by side, write, and set the exit status."""
    from ..comparison import compare_runs
    from ..report import record_text, side_by_side, terminal
    from ..report.folder import write_text

    comparison = compare_runs(records, names)
    runs = comparison.runs
    alone = len(runs) == 1  # the runs of one model are no comparison
    if json:  # files first, as above
        write_json(json, runs[0] if alone else comparison)
    if out is not None:
        write_folder(out, runs, markdown)
    if figures and alone:
        _save(figures, lambda: _draw(runs[0], figures))
    elif figures:
        from ..report.figures_compared import save_comparison

        _save(figures, lambda: save_comparison(figures, comparison))
    if markdown and out is None and json != "-":
        typer.echo(write_text(runs), nl=False)
    elif json != "-" and alone:
        record_text.print_record(terminal.console(), runs[0])
    elif json != "-":
        side_by_side.print_comparison(terminal.console(), comparison)
    exit_if_strict(strict, runs)


def write_folder(out: Path, runs: Sequence[RunRecord], markdown: bool) -> None:
    """Write the report of one model or several, and say where it is."""
    from ..report.folder import write_report

    with told_as_a_mistake(f"--out {out}"):
        paths = write_report(out, runs, markdown=markdown)
    for path in paths:
        if path.suffix != ".svg":
            tell(f"report: {path}")
