"""What runs no checks: guard; a report again from its results; backends, checks, data, predict."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import checkup, inputs, outputs
from .options import READING, BackendOption, app, options, path

if TYPE_CHECKING:
    from ..calculators.backend import Backend
    from ..drawing.tables import Block


@app.command()
@options("what", "option", "device", *READING, "save", "figures")
def guard(
    backend: BackendOption = "toy",
    *,
    what: list[str] | None,
    option: list[str] | None,
    device: str,
    save: Path | None,
    figures: Path | None,
    **given: Any,
) -> None:
    """Close the holes of a model with a short-range repulsion, for random and hot structures.

    Example: mlipcheck guard -b chgnet my_run/ --save guard.json
    """
    from ..calculators.registry import check_safe, describe
    from ..drawing.colours import model_colours
    from ..guarding.build import make_guard
    from ..guarding.shown import draw_pair, list_pairs
    from ..report import listings, terminal
    from ..system import Settings

    read = [backend, *(option or []), *(what or [])]
    outputs.check_writable(str(save or ""), figures, option="--save", inputs=read)
    calculator = inputs.load_calculator(backend, device, option)
    info = describe(calculator)
    if save is not None:
        check_safe(info.spec, info.options)
    settings = Settings(**{name: given[name] for name in READING if given[name] is not None})
    found, rows, notes = make_guard(calculator, what or [], settings, checkup.progress_bar)
    terminal.print_blocks(terminal.console(), [listings.heading(info), *list_pairs(rows, notes)])
    if figures is not None:
        (colour,) = model_colours([info])
        outputs.write_figures(figures, [draw_pair(row, colour) for row in rows])
    if save is not None:
        with outputs.as_mistake(f"--save {save}"):
            found.save(save)
        again = shlex.join(["mlipcheck", "run", "-b", f"guarded:{save}", *(what or [])])
        outputs.say(f"saved: {save}; use it as -b guarded:{save}; its own check-up: {again}")


@app.command()
@options("out", "markdown", "json", "figures", "verbose", "strict", "uses")
def report(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN.json|FOLDER",
            parser=path,
            help="What --json or --out has written; several models.",
        ),
    ],
    *,
    out: Path | None,
    uses: list[str] | None,
    **given: Any,
) -> None:
    """Print and draw runs again from their results, several models side by side.

    A single FOLDER is drawn again in its place; --out makes a new one.

    Example: mlipcheck report chgnet/ sevennet/ --out both
    """
    from ..results_file import RESULTS

    if out is None and len(runs) == 1 and runs[0].is_dir():
        out = runs[0]
    where = outputs.Destination(out=out, uses=tuple(uses or ()), **given)
    read = [run / RESULTS if run.is_dir() else run for run in runs]
    where.check(read if len(runs) > 1 else ())  # a single one is drawn again in its place
    outputs.check_writable(where.json, where.figures, inputs=read)
    records, names = inputs.load_runs(runs)
    outputs.finish(records, where, names)
    outputs.exit_if_strict(where, records)


def _show(json: str | None, blocks: Iterable[Block], facts: Callable[[], Any]) -> None:
    """Print what a command has found, unless stdout is for JSON, and write it where JSON goes."""
    from ..report import terminal
    from ..storage import dumps

    if json != "-":
        terminal.print_blocks(terminal.console(), blocks)
    if json:
        outputs.write_json(json, dumps(facts()))


@app.command()
@options("json")
def backends(json: str | None) -> None:
    """List the backends: what is known, what is installed, how to install the rest.

    Example: mlipcheck backends
    """
    from ..calculators.backends import list_backends
    from ..report import listings

    outputs.check_writable(json)
    rows = list_backends()
    _show(json, listings.list_backends(rows), lambda: [_backend_facts(b) for b in rows])


def _backend_facts(backend: Backend) -> dict[str, Any]:
    from ..storage import to_plain

    facts: dict[str, Any] = to_plain(backend)
    for entry, checkpoint in zip(facts["checkpoints"], backend.checkpoints, strict=True):
        path = checkpoint.path if checkpoint.files and checkpoint.found else None
        entry |= {"found": checkpoint.found, "path": None if path is None else str(path)}
    more = {"installed": backend.installed, "version": backend.version, "pip": backend.pip_line}
    return facts | more


@app.command()
@options("json")
def checks(json: str | None) -> None:
    """List the checks: what each is about, and what it needs.

    Example: mlipcheck checks
    """
    from ..checks import broken_checks, list_checks
    from ..drawing.tables import Paragraph, TableBlock

    outputs.check_writable(json)
    heads = ("check", "finds out", "needs", "questions")
    rows = []
    for c in list_checks():
        questions = "; ".join(dict.fromkeys(q.quantity for q in c.criteria))
        rows.append((c.name, c.asks, ", ".join(c.needs) or "-", questions))
    table = TableBlock("Checks", heads, tuple(rows), (False,) * len(heads))
    broken = [Paragraph(f"{name}: {why}", "fail") for name, why in broken_checks().items()]
    _show(json, [table, *broken], lambda: [dict(zip(heads, row, strict=True)) for row in rows])


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
    from ..report import listings

    outputs.check_writable(json)
    chosen = [datasets.get_dataset(name) for name in names] if names else datasets.DATASETS
    for name in names or ():
        datasets.fetch(name)
    _show(json, listings.list_datasets(chosen), lambda: [datasets.describe(d) for d in chosen])


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
    species: tuple[str, ...] | None,
    json: str | None,
) -> None:
    """Energy, forces, stress and magnetic moments of the structures in FILE.

    Example: mlipcheck predict -b chgnet POSCAR
    """
    from ..calculators.evaluate import evaluate
    from ..calculators.registry import describe
    from ..references.images import ReadOptions, read_images
    from ..report import listings

    outputs.check_writable(json, inputs=[backend, *(option or []), file])
    calculator = inputs.load_calculator(backend, device, option)
    frames, _ = read_images(file, ReadOptions(species=species or ()))
    properties = ("energy", "forces", "stress", "energies", "magmoms")
    with checkup.progress_bar("evaluating", len(frames)) as advance:
        found = evaluate(calculator, frames, properties=properties, progress=advance)
    if all(e.error for e in found):
        raise inputs.mistake(f"{file}: {found[0].error}")
    names = [str(file) if len(frames) == 1 else f"{file}[{k}]" for k in range(len(frames))]
    info = describe(calculator)
    shown = [listings.heading(info), *listings.list_evaluations(names, frames, found)]
    _show(json, shown, lambda: {"calculator": info, "evaluations": found})
