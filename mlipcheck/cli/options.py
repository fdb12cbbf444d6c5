"""Options that several commands share: one option has one meaning everywhere."""

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
    """Return a path that is not empty."""
    return Path(word(text))


SystemArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[SYSTEM ...]",
        parser=word,
        help="Files, folders, elements, pairs like Cu-O, data sets.",
    ),
]
BackendsOption = Annotated[
    list[str] | None,
    typer.Option(
        "-b", "--backend", metavar="NAME", help="toy, chgnet, mace:FILE, ase:emt; one or several."
    ),
]
BackendOption = Annotated[
    str,
    typer.Option("-b", "--backend", metavar="NAME", help="toy, chgnet, mace:FILE, ase:emt, ..."),
]
OptionOption = Annotated[
    list[str] | None,
    typer.Option("-o", "--option", metavar="KEY=VALUE", help="Of the backend, as dtype=float64."),
]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
JsonOption = Annotated[
    str | None,
    typer.Option("--json", metavar="FILE", parser=word, help="Write everything as JSON; - prints."),
]
FiguresOption = Annotated[
    Path | None,
    typer.Option("--figures", metavar="DIR", parser=path, help="Write the report's figures, SVG."),
]
StrictOption = Annotated[
    bool, typer.Option("--strict", help="Exit 1 when a use is answered with no.")
]
UseOption = Annotated[
    list[str] | None,
    typer.Option(
        "--use",
        metavar="NAME",
        help="The uses that --strict is about: relax, energies, vibrations, defects, dynamics, "
        "hot, molecules; all by default.",
    ),
]
VerboseOption = Annotated[
    bool, typer.Option("-v", "--verbose", help="Print every finding and every table.")
]
ReferenceOption = Annotated[
    list[str] | None,
    typer.Option(
        "--reference",
        metavar="auto|pbe|morse|none|FILE",
        help="Reference curves of dimers, FILE once or more; none: of crystals too.",
    ),
]
FmaxOption = Annotated[float, typer.Option(help="Force to relax to, eV/Å.")]
StepsOption = Annotated[int, typer.Option(help="Steps of a relaxation at most.")]
OptimizerOption = Annotated[str, typer.Option(help="BFGS, LBFGS, FIRE or BFGSLineSearch.")]
CellOption = Annotated[
    str | None, typer.Option(help="free or fixed; by default as the reference did.")
]
StartOption = Annotated[str, typer.Option(help="relaxed, first or rattled.")]
SeedOption = Annotated[int, typer.Option(help="Seed of whatever is drawn.")]
EnergiesOption = Annotated[
    str | None, typer.Option(help="raw, mp2020 or fit-offsets; by default the checkpoint's.")
]
ResolutionOption = Annotated[
    float | None,
    typer.Option(
        "--energy-resolution",
        "--signal",
        metavar="EV",
        help="Energy difference between two states that you want to resolve, eV.",
    ),
]
SampleOption = Annotated[int | None, typer.Option(help="So many frames of each set, drawn.")]
IndependentOption = Annotated[
    bool, typer.Option("--independent", help="Frames are independent, not of one run.")
]
RescaleOption = Annotated[
    bool, typer.Option("--rescale", help="Would one factor on all forces improve them?")
]
TargetOption = Annotated[
    float | None, typer.Option(help="Error to reach by learning, eV/Å (eV for the toy).")
]
OutOption = Annotated[
    Path | None,
    typer.Option(
        "--out", metavar="FOLDER", parser=path, help="Write report.html, results.json, figures/."
    ),
]
MarkdownOption = Annotated[
    bool, typer.Option("--markdown", help="The report as Markdown: report.md in --out, or printed.")
]
