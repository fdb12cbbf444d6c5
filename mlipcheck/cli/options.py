"""The application, and its options: each stands here once, with one meaning in every command."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Collection
from inspect import Parameter
from pathlib import Path
from typing import Annotated, Any

import typer

from .inputs import mistake, parse_keys, parse_sizes, parse_time, split

app = typer.Typer(
    help="What may I use this interatomic potential for, on my own system? Tests for any ASE "
    "calculator. Without -b it is the toy.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"max_content_width": 100, "help_option_names": ["-h", "--help"]},
)


def _print_version(asked: bool) -> None:
    if asked:
        from .. import __version__

        typer.echo(f"mlipcheck {__version__}")
        raise typer.Exit


@app.callback()
def _start(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    pass


def word(text: str) -> str:
    """Refuse an empty word: as a path it would be the working directory."""
    if not text.strip():
        raise mistake(f"{text!r} is given where a name or a path is due; is a variable empty?")
    return text


def path(text: str) -> Path:
    """Return a path that is not empty."""
    return Path(word(text))


def _option(kind: Any, default: Any, help: str, *names: str, **more: Any) -> tuple[Any, Any]:
    kind = kind if default is not None else kind | None
    return Annotated[kind, typer.Option(*names, help=help, **more)], default


def _several(help: str, *names: str, **more: Any) -> tuple[Any, Any]:
    return _option(list[str], None, help, *names, **more)


def _parsed(help: str, parser: Callable[[str], Any], metavar: str, *names: str) -> tuple[Any, Any]:
    return _option(str, None, help, *names, metavar=metavar, parser=parser)


def _flag(help: str, *names: str) -> tuple[Any, Any]:
    return _option(bool, False, help, *names)  # named, or typer adds one that takes it back


# What each is, and its default; one with the name of a field of `Settings` is that field.
OPTIONS: dict[str, tuple[Any, Any]] = {
    "what": (
        Annotated[
            list[str] | None,
            typer.Argument(
                metavar="SYSTEM",
                parser=word,
                help="Files, folders, elements, pairs like Cu-O, data sets.",
            ),
        ],
        None,
    ),
    "backends": _several(
        "toy, chgnet, mace:FILE, ase:emt; one or several.", "-b", "--backend", metavar="NAME"
    ),
    "option": _several("Of the backend, as dtype=float64.", "-o", "--option", metavar="KEY=VALUE"),
    "device": _option(str, "auto", "auto, cpu or cuda."),
    "only": _parsed("Checks to run; see mlipcheck checks.", split, "NAME,..."),
    "quick": _flag("About a minute: fewer pairs, structures, frames.", "--quick"),
    "learn": _flag("Also: how many frames of yours would improve it?", "--learn"),
    "target": _option(float, None, "Error to reach by learning, eV/Å (eV for the toy)."),
    "energy_resolution": _option(
        float,
        None,
        "Energy difference of two states that is to be resolved, eV.",
        *("--energy-resolution", "--signal"),
    ),
    "energies": _option(str, None, "raw, mp2020 or fit-offsets; by default the checkpoint's."),
    "sample": _option(int, None, "So many frames of each set, drawn."),
    "independent": _flag("Frames are independent, not of one run.", "--independent"),
    "rescale": _flag("Would one factor on all forces improve them?", "--rescale"),
    "reference": _several(
        "Dimer curves: auto, pbe, morse, FILE; none: no crystals either.", metavar="NAME|FILE"
    ),
    "label_keys": _parsed(
        "Names of energy, forces, stress, virial in files.", parse_keys, "LABEL=KEY,..."
    ),
    "species": _parsed("Elements of types 1, 2, ...", split, "X,X,..."),
    "paths": _several(
        "Its labelled frames are a path: NEB, cleavage, E(V).",
        "--path",
        metavar="FILE",
        parser=word,
    ),
    "fmax": _option(float, 0.02, "Force to relax to, eV/Å."),
    "steps": _option(int, 500, "Steps of a relaxation at most."),
    "optimizer": _option(str, "BFGS", "BFGS, LBFGS, FIRE or BFGSLineSearch."),
    "cell": _option(str, None, "free or fixed; by default as the reference did."),
    "start": _option(str, "relaxed", "relaxed, first or rattled."),
    "seed": _option(int, 0, "Seed of whatever is drawn."),
    "sizes": _parsed("Frames to learn from, as 1,3,10.", parse_sizes, "N,N,..."),
    "repeats": _option(int, 3, "Draws of each N, where there is a choice."),
    "fits": _parsed("Where finished fits and trajectories are kept.", path, "DIR", "--store"),
    "temperature": _option(float, 300.0, "Of molecular dynamics, K."),
    "time": _parsed("Of molecular dynamics, as 200fs or 10ps.", parse_time, "TIME"),
    "save": _parsed("Write what was learnt, for -b.", path, "FILE"),
    "workers": _option(int, None, "Processes that share the work.", metavar="N"),
    "executor": _option(
        str, None, "Instead: Dask, Parsl, MPI, your own.", metavar="MODULE:FACTORY"
    ),
    "timeout": _option(float, None, "Seconds that a task of a worker may take."),
    "out": _parsed("Write report.html, results.json, figures/.", path, "FOLDER"),
    "markdown": _flag("The report as Markdown: report.md in --out, or printed.", "--markdown"),
    "json": _parsed("Write everything as JSON; - prints.", word, "FILE"),
    "figures": _parsed("Write the report's figures, SVG.", path, "DIR"),
    "verbose": _flag("Print every finding and table.", "-v", "--verbose"),
    "strict": _flag("Exit 1 when the answer for a --use, or any, is no.", "--strict"),
    "uses": _several(
        "relax, energies, vibrations, defects, dynamics, hot, molecules.", "--use", metavar="NAME"
    ),
}
READING = ("label_keys", "species")  # how files are read
BackendOption = Annotated[
    str,
    typer.Option("-b", "--backend", metavar="NAME", help="toy, chgnet, mace:FILE, ase:emt."),
]


def _hide(kind: Any) -> Any:
    """Return the same option where it works and is not listed."""
    plain, option = kind.__origin__, copy.copy(kind.__metadata__[0])
    option.hidden = True
    return Annotated[plain, option]


def options(
    *names: str, hidden: Collection[str] = ()
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command these options, as typer reads them; its help is silent of those ``hidden``."""

    def listed(name: str) -> tuple[str, Any, Any]:
        kind, default = OPTIONS[name]
        return name, _hide(kind) if name in hidden else kind, default

    def give(command: Callable[..., None]) -> Callable[..., None]:
        own = inspect.signature(command, eval_str=True).parameters.values()
        kept = [p for p in own if p.name not in names and p.kind is not Parameter.VAR_KEYWORD]
        found = [
            *(p.replace(kind=Parameter.KEYWORD_ONLY) for p in kept),
            *(
                Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=kind)
                for name, kind, default in map(listed, names)
            ),
        ]
        command.__signature__ = inspect.Signature(found)  # type: ignore[attr-defined]
        command.__annotations__ = {p.name: p.annotation for p in found}
        return command

    return give
