"""How many calculations of one's own a model needs, and what learning does to it elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import (
    inputs,
    learning,
    outputs,
    places,
)
from .app import app
from .options import (
    BackendOption,
    DeviceOption,
    FiguresOption,
    IndependentOption,
    JsonOption,
    OptionOption,
    path,
    word,
)


@app.command()
def learn(
    what: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FILE ...]", parser=word, help="Labelled frames, one set."),
    ] = None,
    backend: BackendOption = "toy",
    option: OptionOption = None,
    device: DeviceOption = "auto",
    sizes: Annotated[
        str | None, typer.Option(metavar="N,N,...", help="Frames to learn from, as 1,3,10.")
    ] = None,
    repeats: Annotated[int, typer.Option(help="Draws of each N, where there is a choice.")] = 3,
    seed: Annotated[int, typer.Option(help="Seed of the draws.")] = 0,
    independent: IndependentOption = False,
    target: Annotated[
        float | None, typer.Option(help="Error to reach: eV for the toy, else forces in eV/Å.")
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(metavar="FILE", parser=path, help="Keep the model fine-tuned on most frames."),
    ] = None,
    store: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            parser=path,
            help="Where finished fits are kept; by default in the cache.",
        ),
    ] = None,
    json: JsonOption = None,
    figures: FiguresOption = None,
) -> None:
    """Zero-shot, rescaled, fine-tuned, from scratch: errors against the number of frames."""
    from ..checks.learning.plan import check_draws

    check_draws(repeats, seed)
    read = [backend, *(option or []), *(what or [])]
    places.check_writable(json, figures, inputs=read)
    if save is not None:
        places.check_writable(str(save), option="--save", inputs=read)
    numbers = inputs.parse_sizes(sizes)
    calculator = inputs.load_calculator(backend, device, option)
    if not what:
        inputs.refuse_without_frames(calculator)
        learning.refuse_options(backend, {"--sizes": sizes, "--save": save, "--store": store})
        curves = learning.learn_toy(target)
        record = outputs.make_record(calculator, {"target": target}, learning=curves)
        outputs.finish(record, json, figures, strict=False)
        return
    from ..checks.learning.frames import FrameLearner
    from ..references.datasets import cache_folder

    labels = inputs.one_set(calculator, what, independent)
    store = store or cache_folder() / "learn"
    learner = FrameLearner(calculator, labels, seed)
    learning.check(learner, target, save)
    fits = learner.plan(numbers, repeats, seed)
    places.tell(f"fits are kept in {store}")
    results, stopped = learning.fit_all(learner, fits, store)
    curves = list(learner.curves(results, target))
    settings = {
        "frames": what,
        "sizes": numbers,
        "repeats": repeats,
        "seed": seed,
        "independent": independent,
        "target": target,
        "interrupted": stopped,
    }
    record = outputs.make_record(calculator, settings, learning=curves)
    outputs.finish(record, json, figures, strict=False, stopped=stopped)
    learning.tell_forgetting(learner, fits, store, save, quiet=json == "-")
