"""Options: each stands here once and has one meaning in every command."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Collection
from inspect import Parameter
from pathlib import Path
from typing import Annotated, Any

import typer


def word(text: str) -> str:
    """Refuse an empty word: as a path it would be the working directory."""
    from ase.calculators.calculator import InputError

    if not text.strip():
        raise InputError(f"{text!r} is given where a name or a path is due; is a variable empty?")
    return text


def path(text: str) -> Path:
    """Return a path that is not empty."""
    return Path(word(text))


def _option(kind: Any, default: Any, help: str, *names: str, **more: Any) -> tuple[Any, Any]:
    return Annotated[kind, typer.Option(*names, help=help, **more)], default


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
    "backends": _option(
        list[str] | None,
        None,
        "toy, chgnet, mace:FILE, ase:emt; one or several.",
        *("-b", "--backend"),
        metavar="NAME",
    ),
    "option": _option(
        list[str] | None,
        None,
        "Of the backend, as dtype=float64.",
        *("-o", "--option"),
        metavar="KEY=VALUE",
    ),
    "device": _option(str, "auto", "auto, cpu or cuda."),
    "only": _option(str | None, None, "Checks to run; see mlipcheck checks.", metavar="NAME,..."),
    "quick": _option(bool, False, "Under a minute: fewer pairs, structures, frames.", "--quick"),
    "learn": _option(bool, False, "Also: how many frames of yours would improve it?", "--learn"),
    "target": _option(float | None, None, "Error to reach by learning, eV/Å (eV for the toy)."),
    "energy_resolution": _option(
        float | None,
        None,
        "Energy difference of two states that is to be resolved, eV.",
        *("--energy-resolution", "--signal"),
    ),
    "energies": _option(
        str | None, None, "raw, mp2020 or fit-offsets; by default the checkpoint's."
    ),
    "sample": _option(int | None, None, "So many frames of each set, drawn."),
    "independent": _option(bool, False, "Frames are independent, not of one run.", "--independent"),
    "rescale": _option(bool, False, "Would one factor on all forces improve them?", "--rescale"),
    "reference": _option(
        list[str] | None,
        None,
        "Dimer curves: auto, pbe, morse, FILE; none: no crystals either.",
        metavar="NAME|FILE",
    ),
    "label_keys": _option(
        str | None,
        None,
        "Names of energy, forces, stress, virial in files.",
        metavar="LABEL=KEY,...",
    ),
    "species": _option(str | None, None, "Elements of types 1, 2, ...", metavar="X,X,..."),
    "paths": _option(
        list[str] | None,
        None,
        "Its labelled frames are a path: NEB, cleavage, E(V).",
        "--path",
        metavar="FILE",
        parser=word,
    ),
    "fmax": _option(float, 0.02, "Force to relax to, eV/Å."),
    "steps": _option(int, 500, "Steps of a relaxation at most."),
    "optimizer": _option(str, "BFGS", "BFGS, LBFGS, FIRE or BFGSLineSearch."),
    "cell": _option(str | None, None, "free or fixed; by default as the reference did."),
    "start": _option(str, "relaxed", "relaxed, first or rattled."),
    "seed": _option(int, 0, "Seed of whatever is drawn."),
    "sizes": _option(str | None, None, "Frames to learn from, as 1,3,10.", metavar="N,N,..."),
    "repeats": _option(int, 3, "Draws of each N, where there is a choice."),
    "fits": _option(
        Path | None,
        None,
        "Where finished fits and trajectories are kept.",
        "--store",
        metavar="DIR",
        parser=path,
    ),
    "temperature": _option(float, 300.0, "Of molecular dynamics, K."),
    "time": _option(str | None, None, "Of molecular dynamics, as 200fs or 10ps."),
    "save": _option(
        Path | None, None, "Write what was learnt, for -b.", metavar="FILE", parser=path
    ),
    "workers": _option(int | None, None, "Processes that share the work.", metavar="N"),
    "executor": _option(
        str | None, None, "Instead: Dask, Parsl, MPI, your own.", metavar="MODULE:FACTORY"
    ),
    "timeout": _option(float | None, None, "Seconds that a task of a worker may take."),
    "out": _option(
        Path | None,
        None,
        "Write report.html, results.json, figures/.",
        metavar="FOLDER",
        parser=path,
    ),
    "markdown": _option(
        bool, False, "The report as Markdown: report.md in --out, or printed.", "--markdown"
    ),
    "json": _option(
        str | None, None, "Write everything as JSON; - prints.", metavar="FILE", parser=word
    ),
    "figures": _option(
        Path | None, None, "Write the report's figures, SVG.", metavar="DIR", parser=path
    ),
    "verbose": _option(bool, False, "Print every finding and table.", *("-v", "--verbose")),
    "strict": _option(
        bool, False, "Exit 1 when the answer for a --use, or any, is no.", "--strict"
    ),
    "uses": _option(
        list[str] | None,
        None,
        "relax, energies, vibrations, defects, dynamics, hot, molecules.",
        "--use",
        metavar="NAME",
    ),
}
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
