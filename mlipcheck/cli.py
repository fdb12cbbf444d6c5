"""The command line: parses, calls the library, prints. Heavy packages load inside the commands."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import cli_inputs, cli_outputs

if TYPE_CHECKING:
    from .calculators.backend import Backend

app = typer.Typer(
    help="May I trust this interatomic potential on my own system? A check-up for any ASE "
    "calculator. Everything defaults to the toy.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

BackendOption = Annotated[
    str,
    typer.Option("-b", "--backend", metavar="NAME", help="toy, chgnet, mace:FILE, ase:emt, ..."),
]
OptionOption = Annotated[
    list[str] | None,
    typer.Option("-o", "--option", metavar="KEY=VALUE", help="An option, as dtype=float64."),
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
    from .calculators.backends import list_backends
    from .report import listings, terminal

    rows = list_backends()
    cli_outputs.check_writable(json)
    if json != "-":
        listings.print_backends(terminal.console(), rows)
    if json:
        cli_outputs.write_json(json, [_backend_facts(b) for b in rows])


@app.command()
def data(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME ...]", help="Fetch these first.")
    ] = None,
    json: JsonOption = None,
) -> None:
    """List the data sets: what they are, and where; fetch those that are named."""
    from .references import datasets
    from .report import listings, terminal

    cli_outputs.check_writable(json)
    chosen = [datasets.get_dataset(name) for name in names] if names else datasets.DATASETS
    for name in names or ():
        datasets.fetch(name)
    if json != "-":
        listings.print_datasets(terminal.console(), chosen)
    if json:
        cli_outputs.write_json(json, [datasets.describe(dataset) for dataset in chosen])


def _backend_facts(backend: Backend) -> dict[str, Any]:
    from dataclasses import asdict

    facts = asdict(backend)
    for told, checkpoint in zip(facts["checkpoints"], backend.checkpoints, strict=True):
        path = checkpoint.path if checkpoint.files and checkpoint.found else None
        told |= {"found": checkpoint.found, "path": None if path is None else str(path)}
    return facts | {
        "installed": backend.installed,
        "version": backend.version,
        "pip": backend.pip_line,
    }


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
    from .calculators.registry import describe
    from .references.files import read_frames
    from .report import listings, terminal, text

    cli_outputs.check_writable(json)
    calculator = cli_inputs.load_calculator(backend, device, option)
    frames = read_frames(file)
    properties = ("energy", "forces", "stress", "energies", "magmoms")
    with cli_outputs.progress_bar("evaluating", len(frames)) as advance:
        found = evaluate(calculator, frames, properties=properties, progress=advance)
    if all(e.error for e in found):
        raise InputError(f"{file}: {found[0].error}")
    names = [str(file) if len(frames) == 1 else f"{file}[{k}]" for k in range(len(frames))]
    if json != "-":
        out = terminal.console()
        text.print_calculator(out, describe(calculator))
        listings.print_evaluations(out, names, frames, found)
    if json:
        cli_outputs.write_json(json, {"calculator": describe(calculator), "evaluations": found})


@app.command()
def contract(
    elements: Annotated[
        list[str] | None, typer.Argument(metavar="[ELEMENT ...]", help="One or two it knows.")
    ] = None,
    backend: BackendOption = "toy",
    option: OptionOption = None,
    device: DeviceOption = "auto",
    json: JsonOption = None,
    strict: StrictOption = False,
) -> None:
    """Hold the calculator to what every ASE calculator promises."""
    cli_outputs.check_writable(json)
    calculator = cli_inputs.load_calculator(backend, device, option)
    results = cli_outputs.hold_to_contract(calculator, elements)
    record = cli_outputs.make_record(calculator, {"elements": elements}, contract=results)
    cli_outputs.finish(record, json, None, strict=strict)


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
    cli_outputs.check_writable(json, figures)
    calculator = cli_inputs.load_calculator(backend, device, option)
    chosen = elements or cli_inputs.default_elements(calculator)
    scans = cli_outputs.scan(calculator, chosen, reference or ["auto"])
    settings = {"elements": chosen, "reference": reference or ["auto"]}
    record = cli_outputs.make_record(calculator, settings, dimers=scans)
    cli_outputs.finish(record, json, figures, strict=strict)


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
        str | None,
        typer.Option("--reference", metavar="dcdft|morse-clusters|acwf-unaries|wbm-equilibrium"),
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
    from .checks.relax import RelaxSettings

    cli_outputs.check_writable(json, figures)
    how = RelaxSettings(fmax, steps, optimizer, cell, start, seed)
    calculator = cli_inputs.load_calculator(backend, device, option)
    references = cli_inputs.load_structures(calculator, files or [], reference)
    rows, stopped = cli_outputs.relax(calculator, references, how)
    named = [str(f) for f in files or []] + ([reference] if reference else [])
    settings = {"references": named, "relax": how, "interrupted": stopped}
    record = cli_outputs.make_record(calculator, settings, relaxations=rows)
    cli_outputs.finish(record, json, figures, strict=strict, stopped=stopped)


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
    from .checks.relax import RelaxSettings

    cli_outputs.check_writable(json, figures)
    how = RelaxSettings(fmax, steps, optimizer, cell, start, seed)
    elements, files = cli_inputs.sort_arguments(what or [])
    calculator = cli_inputs.load_calculator(backend, device, option)
    elements, references = cli_inputs.choose_system(calculator, elements, files)
    scans = cli_outputs.scan(calculator, elements, reference or ["auto"])
    rows, stopped = cli_outputs.relax(calculator, references, how) if references else ([], False)
    settings = {
        "system": what or "none named: a demonstration",
        "elements": elements,
        "reference": reference or ["auto"],
        "relax": how,
        "interrupted": stopped,
    }
    record = cli_outputs.make_record(calculator, settings, dimers=scans, relaxations=rows)
    cli_outputs.finish(
        record,
        json,
        figures,
        strict=strict,
        stopped=stopped,
        verdict=True,
        note=None if what else f"No system named: a demonstration on {', '.join(elements)}.",
    )


@app.command()
def report(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN.json ...", help="What --json has written.")
    ],
    json: JsonOption = None,
    figures: FiguresOption = None,
    strict: StrictOption = False,
) -> None:
    """Print runs again from their JSON: one as it was, several models side by side."""
    cli_outputs.check_writable(json, figures)
    records = cli_inputs.load_runs(runs)
    cli_outputs.finish_comparison(records, runs, json, figures, strict=strict)


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
