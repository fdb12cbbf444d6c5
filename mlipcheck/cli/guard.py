"""A guard against a model's holes, saved as a backend: guard."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from . import checkup, inputs, places
from .app import app
from .options import BackendOption, options


@app.command()
@options("what", "option", "device", "label_keys", "species", "save", "figures")
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
    from ..report import terminal
    from ..report.folder import write_figures
    from ..report.tables import describe_calculator
    from ..system import Settings

    read = [backend, *(option or []), *(what or [])]
    places.check_writable(str(save or ""), figures, option="--save", inputs=read)
    calculator = inputs.load_calculator(backend, device, option)
    info = describe(calculator)
    if save is not None:
        check_safe(info.spec, info.options)
    settings = Settings(
        label_keys=inputs.parse_keys(given["label_keys"]), species=inputs.split(given["species"])
    )
    found, rows, notes = make_guard(calculator, what or [], settings, checkup.progress_bar)
    out = terminal.console()
    out.print(describe_calculator(info), style="bold", markup=False)
    terminal.print_blocks(out, list_pairs(rows, notes))
    if figures is not None:
        with places.as_mistake(f"--figures {figures}"):
            (colour,) = model_colours([info])
            paths = write_figures(figures, [draw_pair(row, colour) for row in rows])
        for path in paths:
            places.say(f"figure: {path}")
    if save is not None:
        with places.as_mistake(f"--save {save}"):
            found.save(save)
        again = shlex.join(["mlipcheck", "run", "-b", f"guarded:{save}", *(what or [])])
        places.say(f"saved: {save}; use it as -b guarded:{save}; its own check-up: {again}")
