"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def word(text: str) -> str:
    """Refuse an empty word: as a path it would be the working directory."""
    from ase.calculators.calculator import InputError

    if not text.strip():
        raise InputError(f"{text!r} is given where a name or a path is due; is a variable empty?")
    return text


def path(text: str) -> Path:
    return Path(word(text))


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
    str | None,
    typer.Option("--json", metavar="FILE", parser=word, help="Write everything as JSON; - prints."),
]
FiguresOption = Annotated[
    Path | None,
    typer.Option("--figures", metavar="DIR", parser=path, help="Write figures as PNG."),
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
IndependentOption = Annotated[
    bool, typer.Option("--independent", help="Frames are independent, not of one run.")
]
OutOption = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="FOLDER",
        parser=path,
        help="Write report.html, results.json, figures/.",
    ),
]
MarkdownOption = Annotated[
    bool,
    typer.Option("--markdown", help="The report as Markdown: report.md in --out, or printed."),
]
