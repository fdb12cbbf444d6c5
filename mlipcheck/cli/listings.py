"""What is known, and what a model predicts: backends, data, predict."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import checkup, inputs, places
from .app import app
from .options import BackendOption, options, path

if TYPE_CHECKING:
    from ..calculators.backend import Backend


@app.command()
@options("json")
def backends(json: str | None) -> None:
    """List the backends: what is known, what is installed, how to install the rest.

    Example: mlipcheck backends
    """
    from ..calculators.backends import list_backends
    from ..report import listings, terminal

    rows = list_backends()
    places.check_writable(json)
    if json != "-":
        terminal.print_blocks(terminal.console(), listings.list_backends(rows))
    if json:
        places.write_json(json, [_backend_facts(b) for b in rows])


def _backend_facts(backend: Backend) -> dict[str, Any]:
    from dataclasses import asdict

    facts = asdict(backend)
    for entry, checkpoint in zip(facts["checkpoints"], backend.checkpoints, strict=True):
        path = checkpoint.path if checkpoint.files and checkpoint.found else None
        entry |= {"found": checkpoint.found, "path": None if path is None else str(path)}
    return facts | {
        "installed": backend.installed,
        "version": backend.version,
        "pip": backend.pip_line,
    }


@app.command()
@options("json")
def checks(json: str | None) -> None:
    """List the checks: what each is about, and what it needs.

    Example: mlipcheck checks
    """
    from ..checks import broken_checks, list_checks
    from ..drawing.tables import Paragraph, TableBlock
    from ..report import terminal

    places.check_writable(json)
    rows = [
        (
            c.name,
            c.asks,
            ", ".join(c.needs) or "-",
            "; ".join(dict.fromkeys(q.quantity for q in c.criteria)),
        )
        for c in list_checks()
    ]
    heads = ("check", "finds out", "needs", "questions")
    if json != "-":
        broken = [Paragraph(f"{name}: {why}", "fail") for name, why in broken_checks().items()]
        table = TableBlock("Checks", heads, tuple(rows), (False,) * len(heads))
        terminal.print_blocks(terminal.console(), [table, *broken])
    if json:
        places.write_json(json, [dict(zip(heads, row, strict=True)) for row in rows])


@app.command()
@options("json")
def data(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", help="Fetch these first.")
    ] = None,
    *,
    json: str | None,
) -> None:
    """List the data sets: what they are, and where; fetch those that are named.

    Example: mlipcheck data dcdft diatomics-pbe
    """
    from ..references import datasets
    from ..report import listings, terminal

    places.check_writable(json)
    chosen = [datasets.get_dataset(name) for name in names] if names else datasets.DATASETS
    for name in names or ():
        datasets.fetch(name)
    if json != "-":
        terminal.print_blocks(terminal.console(), listings.list_datasets(chosen))
    if json:
        places.write_json(json, [datasets.describe(dataset) for dataset in chosen])


@app.command()
@options("option", "device", "species", "json")
def predict(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", parser=path, help="Anything that ASE reads.")
    ],
    backend: BackendOption = "toy",
    *,
    option: list[str] | None,
    device: str,
    species: str | None,
    json: str | None,
) -> None:
    """Energy, forces, stress and magnetic moments of the structures in FILE.

    Example: mlipcheck predict -b chgnet POSCAR
    """
    from ase.calculators.calculator import InputError

    from ..calculators.evaluate import evaluate
    from ..calculators.registry import describe
    from ..references.images import ReadOptions, read_images
    from ..report import listings, tables, terminal

    places.check_writable(json, inputs=[backend, *(option or []), file])
    calculator = inputs.load_calculator(backend, device, option)
    frames, _ = read_images(file, ReadOptions(species=inputs.split(species)))
    properties = ("energy", "forces", "stress", "energies", "magmoms")
    with checkup.progress_bar("evaluating", len(frames)) as advance:
        found = evaluate(calculator, frames, properties=properties, progress=advance)
    if all(e.error for e in found):
        raise InputError(f"{file}: {found[0].error}")
    names = [str(file) if len(frames) == 1 else f"{file}[{k}]" for k in range(len(frames))]
    if json != "-":
        out = terminal.console()
        out.print(tables.describe_calculator(describe(calculator)), style="bold", markup=False)
        terminal.print_blocks(out, listings.list_evaluations(names, frames, found))
    if json:
        places.write_json(json, {"calculator": describe(calculator), "evaluations": found})
