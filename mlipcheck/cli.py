"""The command line: parses, calls the library, prints. Heavy packages load inside the commands."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from ase.calculators.calculator import BaseCalculator

    from .results import DimerScan, Relaxation, RunRecord

app = typer.Typer(
    help="May I trust this interatomic potential on my own system? A check-up for any ASE "
    "calculator. Everything defaults to the toy.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

# What a real model is shown on where nobody names a system.
DEMONSTRATION = ("Cu", "Si", "O")

BackendOption = Annotated[
    str, typer.Option("-b", "--backend", metavar="NAME", help="toy, chgnet, ase:emt, ...")
]
OptionOption = Annotated[
    list[str] | None,
    typer.Option("-o", "--option", metavar="KEY=VALUE", help="An option of the backend."),
]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
JsonOption = Annotated[
    str | None, typer.Option("--json", metavar="FILE", help="Write everything as JSON; - prints.")
]
FiguresOption = Annotated[
    Path | None, typer.Option("--figures", metavar="DIR", help="Write figures as PNG.")
]
StrictOption = Annotated[bool, typer.Option("--strict", help="Exit 1 when a finding is fail.")]
ReferenceOption = Annotated[
    list[str] | None,
    typer.Option(
        "--reference",
        metavar="auto|pbe|morse|none|FILE",
        help="Reference curves; a FILE (A-B.csv or a trajectory) may be given several times.",
    ),
]
FmaxOption = Annotated[float, typer.Option(help="Force to converge to, eV/Å.")]
StepsOption = Annotated[int, typer.Option(help="Steps at most.")]
OptimizerOption = Annotated[str, typer.Option(help="BFGS, LBFGS, FIRE or BFGSLineSearch.")]
CellOption = Annotated[
    str | None, typer.Option(help="free or fixed; by default as the reference did.")
]
StartOption = Annotated[str, typer.Option(help="relaxed, first or rattled.")]
SeedOption = Annotated[int, typer.Option(help="Seed of the rattle.")]


@app.command()
def backends(json: JsonOption = None) -> None:
    """List the backends: what is known, what is installed, how to install the rest."""
    from .calculators.registry import list_backends
    from .report import text

    rows = list_backends()
    _check_outputs(json)
    if json != "-":
        text.print_backends(text.console(), rows)
    if json:
        from dataclasses import asdict

        extra = [{"installed": b.installed, "version": b.version, "pip": b.pip_line} for b in rows]
        _write_json(json, [asdict(b) | e for b, e in zip(rows, extra, strict=True)])


@app.command()
def predict(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Anything that ASE reads.")],
    backend: BackendOption = "toy",
    option: OptionOption = None,
    device: DeviceOption = "auto",
    json: JsonOption = None,
) -> None:
    """Energy, forces, stress and magnetic moments of the structures in FILE."""
    from ase.calculators.calculator import InputError

    from .calculators.evaluate import evaluate
    from .references.files import read_frames
    from .report import text

    _check_outputs(json)
    calculator = _calculator(backend, device, option)
    frames = read_frames(file)
    with _progress("evaluating", len(frames)) as advance:
        found = evaluate(
            calculator,
            frames,
            properties=("energy", "forces", "stress", "energies", "magmoms"),
            progress=advance,
        )
    if all(e.error for e in found):
        raise InputError(f"{file}: {found[0].error}")
    names = [str(file) if len(frames) == 1 else f"{file}[{k}]" for k in range(len(frames))]
    if json != "-":
        out = text.console()
        text.print_calculator(out, _describe(calculator))
        text.print_evaluations(out, names, frames, found)
    if json:
        _write_json(json, {"calculator": _describe(calculator), "evaluations": found})


@app.command()
def dimer(
    elements: Annotated[
        list[str] | None, typer.Argument(metavar="[ELEMENT ...]", help="Cu O, or pairs: Cu-O.")
    ] = None,
    backend: BackendOption = "toy",
    option: OptionOption = None,
    device: DeviceOption = "auto",
    reference: ReferenceOption = None,
    json: JsonOption = None,
    figures: FiguresOption = None,
    strict: StrictOption = False,
) -> None:
    """Scan the distance of all pairs of the elements: wall, well, smoothness, softening."""
    _check_outputs(json, figures)
    calculator = _calculator(backend, device, option)
    chosen = elements or _default_elements(calculator)
    scans = _scan(calculator, chosen, reference)
    settings = {"elements": chosen, "reference": reference or ["auto"]}
    record = _record(calculator, settings, dimers=scans)
    _finish(record, json, figures, strict, verdict=False)


@app.command()
def relax(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILES ...]", help="vasprun.xml, OUTCAR, xyz, db, folders ..."),
    ] = None,
    backend: BackendOption = "toy",
    option: OptionOption = None,
    device: DeviceOption = "auto",
    reference: Annotated[
        str | None, typer.Option("--reference", metavar="dcdft|morse-clusters")
    ] = None,
    fmax: FmaxOption = 0.02,
    steps: StepsOption = 500,
    optimizer: OptimizerOption = "BFGS",
    cell: CellOption = None,
    start: StartOption = "relaxed",
    seed: SeedOption = 0,
    json: JsonOption = None,
    figures: FiguresOption = None,
    strict: StrictOption = False,
) -> None:
    """Relax reference structures with the model and compare where they end."""
    from ase.calculators.calculator import InputError

    _check_outputs(json, figures)
    if reference not in (None, "dcdft", "morse-clusters"):
        raise InputError(f"--reference is {reference!r}; give dcdft or morse-clusters, or files")
    calculator = _calculator(backend, device, option)
    items: list[Any] = list(files or []) + ([reference] if reference else [])
    if not items:
        items = _default_structures(calculator, [])
    how = _relax_settings(fmax, steps, optimizer, cell, start, seed)
    rows, stopped = _relax(calculator, items, how)
    settings = {"references": [str(f) for f in files or []] or [reference or "default"], **how}
    record = _record(calculator, settings, relaxations=rows)
    _finish(record, json, figures, strict, verdict=False, stopped=stopped)


@app.command()
def run(
    what: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FILES or ELEMENTS ...]", help="Your system."),
    ] = None,
    backend: BackendOption = "toy",
    option: OptionOption = None,
    device: DeviceOption = "auto",
    reference: ReferenceOption = None,
    fmax: FmaxOption = 0.02,
    steps: StepsOption = 500,
    optimizer: OptimizerOption = "BFGS",
    cell: CellOption = None,
    start: StartOption = "relaxed",
    seed: SeedOption = 0,
    json: JsonOption = None,
    figures: FiguresOption = None,
    strict: StrictOption = False,
) -> None:
    """Run the check-up: dimer scan and relaxation of your system, and a verdict."""
    from .references.structures import as_references

    _check_outputs(json, figures)
    elements, files = _sort_arguments(what or [])
    calculator = _calculator(backend, device, option)
    items = as_references(files) if files else []
    found = [a.relaxed.get_chemical_symbols() for a in items if a.relaxed is not None]
    if items and not found and not elements:
        _raise_first_error(items)
    elements += sorted({x for symbols in found for x in symbols} - set(elements))
    chosen = elements or _default_elements(calculator)
    how = _relax_settings(fmax, steps, optimizer, cell, start, seed)
    if not what and json != "-":
        typer.echo(f"No system named: a demonstration on {', '.join(chosen)}.", err=True)
    scans = _scan(calculator, chosen, reference)
    references = items or _default_structures(calculator, chosen)
    rows, stopped = _relax(calculator, references, how) if references else ([], False)
    settings = {"system": what or [], "elements": chosen, "reference": reference or ["auto"], **how}
    record = _record(calculator, settings, dimers=scans, relaxations=rows)
    _finish(record, json, figures, strict, verdict=True, stopped=stopped)


def _calculator(spec: str, device: str, options: list[str] | None) -> BaseCalculator:
    from ase.calculators.calculator import InputError

    from .calculators.registry import get_calculator

    parsed: dict[str, Any] = {}
    for item in options or []:
        key, equals, value = item.partition("=")
        if not equals:
            raise InputError(f"option {item!r} has no value; write KEY=VALUE")
        parsed[key] = _literal(value)
    return get_calculator(spec, device=device, **parsed)


def _literal(text: str) -> Any:
    """Read a number, a list or True where the text is one; any other text stays text."""
    import ast

    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _describe(calculator: BaseCalculator) -> Any:
    from .calculators.registry import describe

    return describe(calculator)


def _default_elements(calculator: BaseCalculator) -> list[str]:
    from ase.calculators.calculator import InputError

    backend = _describe(calculator).backend
    if backend == "toy":
        return ["N"]
    if backend == "ase":
        raise InputError("which elements? Name those that the calculator knows, as in Cu Al")
    return list(DEMONSTRATION)


def _default_structures(calculator: BaseCalculator, elements: list[str]) -> list[Any]:
    """Return clusters for the toy, whose crystals collapse, else the elements' own crystals."""
    from .references.structures import dcdft_crystals, morse_clusters

    if _describe(calculator).backend == "toy":
        return list(morse_clusters())
    # a pair like Cu-O counts for both of its elements
    return list(dcdft_crystals(x for e in elements for x in e.split("-")))


def _sort_arguments(what: list[str]) -> tuple[list[str], list[Path]]:
    """Tell elements and pairs from files."""
    from ase.calculators.calculator import InputError
    from ase.data import atomic_numbers

    from .references.curves import parse_pair

    elements, files = [], []
    for item in what:
        if atomic_numbers.get(item, 0) > 0 or parse_pair(item):
            elements.append(item)
        elif Path(item).exists() or len(what) > 1:
            files.append(Path(item))  # a missing one among others is a row of its own
        else:
            raise InputError(f"{item!r} is no element, no pair of elements, and no file")
    return elements, files


def _relax_settings(
    fmax: float, steps: int, optimizer: str, cell: str | None, start: str, seed: int
) -> dict[str, Any]:
    from .checks.relax import check_settings

    how: dict[str, Any] = {
        "fmax": fmax,
        "steps": steps,
        "optimizer": optimizer,
        "cell": cell,
        "start": start,
        "seed": seed,
    }
    check_settings(**how)  # before the scan, which takes longer
    return how


def _scan(
    calculator: BaseCalculator, elements: list[str], reference: list[str] | None
) -> list[DimerScan]:
    from ase.calculators.calculator import InputError

    from .checks.dimer import scan_dimers

    source: Any = reference or ["auto"]
    if len(source) == 1:
        source = source[0]
    with _progress("dimer scan", None) as advance:
        scans = scan_dimers(calculator, elements, reference=source, progress=advance)
    if all(s.error for s in scans):
        raise InputError(f"no pair could be judged; {scans[0].name}: {scans[0].error}")
    return scans


def _relax(
    calculator: BaseCalculator, items: list[Any], how: dict[str, Any]
) -> tuple[list[Relaxation], bool]:
    """Return the rows, and whether it was interrupted on the way."""
    from .checks.energies import compare_energies
    from .checks.relax import iterate_relaxations
    from .references.structures import as_references

    references = as_references(items)
    if all(r.relaxed is None for r in references):
        _raise_first_error(references)
    rows: list[Relaxation] = []
    stopped = False
    with _progress("relaxing", len(references)) as advance:
        try:
            for row in iterate_relaxations(calculator, references, **how):
                rows.append(row)
                advance(1)
        except KeyboardInterrupt:
            stopped = True
    return compare_energies(rows), stopped


def _raise_first_error(references: list[Any]) -> None:
    from ase.calculators.calculator import InputError

    more = f" (and {len(references) - 1} more)" if len(references) > 1 else ""
    raise InputError(f"{references[0].error}{more}")


def _record(calculator: BaseCalculator, settings: dict[str, Any], **results: Any) -> RunRecord:
    from .results import RunRecord
    from .storage import collect_versions
    from .verdict import judge

    results = {name: tuple(rows) for name, rows in results.items()}
    info = _describe(calculator)
    return RunRecord(
        command="mlipcheck " + " ".join(sys.argv[1:]),
        calculator=info,
        versions=collect_versions(info.backend),
        settings=settings,
        findings=judge(results.get("dimers", ()), results.get("relaxations", ())),
        **results,
    )


def _finish(
    record: RunRecord,
    json: str | None,
    figures: Path | None,
    strict: bool,
    *,
    verdict: bool,
    stopped: bool = False,
) -> None:
    """Print, write, and set the exit status."""
    from .report import text

    if json != "-":
        out = text.console()
        text.print_calculator(out, record.calculator)
        if record.dimers:
            text.print_dimers(out, record.dimers)
        if record.relaxations:
            text.print_relaxations(out, record.relaxations)
        if verdict:
            text.print_findings(out, record.findings)
    if json:
        _write_json(json, record)
    if figures:
        from .report.figures import save_figures

        for path in save_figures(figures, record.dimers, record.relaxations):
            typer.echo(f"figure: {path}", err=True)
    if stopped:
        typer.echo(f"interrupted; {len(record.relaxations)} relaxations were finished", err=True)
        raise typer.Exit(130)
    if strict and any(f.status == "fail" for f in record.findings):
        raise typer.Exit(1)


def _check_outputs(json: str | None, figures: Path | None = None) -> None:
    """Refuse outputs that cannot be written, before any work is done."""
    import os

    from ase.calculators.calculator import InputError

    if json and json != "-":
        folder = Path(json).parent
        if Path(json).is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
            raise InputError(f"--json {json}: not writable; give a file in a folder that exists")
    if figures is not None:
        try:
            figures.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"--figures {figures}: {error.strerror}; give a folder") from error
        if not os.access(figures, os.W_OK):
            raise InputError(f"--figures {figures}: not writable; give another folder")


def _write_json(path: str, record: Any) -> None:
    from .storage import dumps, write_atomically

    if path == "-":
        typer.echo(dumps(record), nl=False)
    else:
        write_atomically(path, dumps(record))


@contextmanager
def _progress(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """Yield a function that advances a bar on stderr; there is none unless it is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    screen = Console(stderr=True)
    with Progress(
        *columns, console=screen, transient=True, disable=not screen.is_terminal
    ) as progress:
        task = progress.add_task(what, total=total)
        yield lambda n: progress.advance(task, n)


def main() -> None:
    """Run the command line; a user's mistake is one line on stderr and exit status 2."""
    try:
        app()
    except KeyboardInterrupt:
        typer.echo("interrupted", err=True)
        sys.exit(130)
    except Exception as error:
        from ase.calculators.calculator import CalculatorSetupError

        if not isinstance(error, CalculatorSetupError):
            raise
        typer.echo(f"mlipcheck: {' '.join(str(error).split())}", err=True)
        sys.exit(2)
