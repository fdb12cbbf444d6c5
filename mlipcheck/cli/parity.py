"""The model against labelled frames: parity, softening, order of states, rescaling."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import inputs, outputs, places
from .app import app
from .options import (
    BackendOption,
    DeviceOption,
    FiguresOption,
    IndependentOption,
    JsonOption,
    OptionOption,
    StrictOption,
    path,
    word,
)

if TYPE_CHECKING:
    from ase.calculators.calculator import BaseCalculator

    from ..calculators.records import Evaluation
    from ..checks.parity.record import Parity
    from ..references.frames import FrameSet

MANY = 5  # formulas that are told


@app.command()
def parity(
    what: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FILE or SET ...]", parser=word, help="Labelled frames; see mlipcheck data."
        ),
    ] = None,
    backend: BackendOption = "toy",
    option: OptionOption = None,
    device: DeviceOption = "auto",
    energies: Annotated[
        str | None, typer.Option(help="raw, mp2020 or fit-offsets; by default the checkpoint's.")
    ] = None,
    signal: Annotated[
        float | None, typer.Option(help="Energy difference of two states that matters, eV.")
    ] = None,
    sample: Annotated[int | None, typer.Option(help="So many frames of each set, drawn.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the draw.")] = 0,
    independent: IndependentOption = False,
    rescale: Annotated[
        bool, typer.Option("--rescale", help="Would one factor on all forces mend them?")
    ] = False,
    save: Annotated[
        Path | None,
        typer.Option(metavar="FILE", parser=path, help="With --rescale: write rescaled:FILE."),
    ] = None,
    json: JsonOption = None,
    figures: FiguresOption = None,
    strict: StrictOption = False,
) -> None:
    """Hold energies, forces and stresses against labelled frames."""
    from ..checks.parity.compare import check_settings
    from ..checkup.system import SIGNAL

    check_settings(energies, signal, seed)
    read = [backend, *(option or []), *(what or [])]
    places.check_writable(json, figures, inputs=read)
    if save is not None:
        places.check_writable(str(save), option="--save", inputs=read)
    calculator = inputs.load_calculator(backend, device, option)
    sets = inputs.load_frames(calculator, what or [], independent)
    if sample is not None:
        sets = [s.sample(sample, seed) for s in sets]
    _check_save(calculator, sets, save, rescale)
    if not what:
        signal = signal or SIGNAL
    rows, stopped = _compare(calculator, sets, energies, signal, seed)
    settings = {
        "frames": what or [s.name for s in sets],
        "energies": energies,
        "signal": signal,
        "sample": sample,
        "seed": seed,
        "independent": independent,
        "rescale": rescale,
        "interrupted": stopped,
    }
    record = outputs.make_record(calculator, settings, parities=rows)
    outputs.finish(
        record,
        json,
        figures,
        strict=strict,
        stopped=stopped,
        verdict=True,
        note=None if what else "No frames named: Morse clusters near equilibrium and far from it.",
    )
    if save is not None:
        _save(calculator, sets[0], rows[0], save)


def _check_save(
    calculator: BaseCalculator, sets: list[FrameSet], save: Path | None, rescale: bool
) -> None:
    """Refuse what could not be saved in the end, before any work is done."""
    from ase.calculators.calculator import InputError

    from ..calculators.registry import check_safe, describe

    if save is None:
        return
    if not rescale:
        raise InputError("--save is of a factor; give --rescale too")
    if len(sets) != 1:
        raise InputError(f"--save is of one set of frames, {len(sets)} given; name one")
    check_safe(describe(calculator).spec, describe(calculator).options)


def _compare(
    calculator: BaseCalculator,
    sets: list[FrameSet],
    energies: str | None,
    signal: float | None,
    seed: int,
) -> tuple[list[Parity], bool]:
    """Compare set by set; a set that is interrupted is compared as far as it came."""
    from ase.calculators.calculator import InputError

    from ..calculators.evaluate import iterate_evaluations
    from ..checks.parity.compare import PROPERTIES, compare_frames

    rows: list[Parity] = []
    stopped = False
    with outputs.progress_bar("frames", sum(len(s.frames) for s in sets)) as advance:
        for labels in sets:
            found: dict[int, Evaluation] = {}
            try:
                images = [f.atoms for f in labels.frames]
                for k, result in iterate_evaluations(calculator, images, PROPERTIES):
                    found[k] = result
                    advance(1)
            except KeyboardInterrupt:
                stopped = True
                labels = _finished(labels, sorted(found))
            results = [found[k] for k in sorted(found)]
            rows.append(
                compare_frames(
                    calculator, labels, results, energies=energies, signal=signal, seed=seed
                )
            )
            if stopped:
                break
    if all(r.error for r in rows) and not stopped:
        more = f" (and {len(rows) - 1} more)" if len(rows) > 1 else ""
        raise InputError(f"{rows[0].name}: {rows[0].error}{more}")
    return rows, stopped


def _finished(labels: FrameSet, done: list[int]) -> FrameSet:
    note = f"interrupted after {len(done)} of {len(labels.frames)} frames"
    return dataclasses.replace(
        labels, frames=tuple(labels.frames[k] for k in done), notes=(*labels.notes, note)
    )


def _save(calculator: BaseCalculator, labels: FrameSet, row: Parity, path: Path) -> None:
    """Write the factor with the energies that it is about, where it was accepted."""
    from ..calculators.rescaled import RescaledCalculator
    from ..checks.parity.rescaling import relaxed_energies

    found = row.rescaling
    if found is None or not found.accepted:
        places.tell(f"{path} not written: the factor is refused")
        return
    with outputs.progress_bar("relaxing", None) as advance:
        energies, failed = relaxed_energies(calculator, labels, advance)
    for formula, why in failed:
        places.tell(f"{formula} left out of {path}: {why}")
    if not energies:
        places.tell(f"{path} not written: no composition could be relaxed")
        return
    fit = {"frames": labels.name, "fingerprint": row.fingerprint, **dataclasses.asdict(found)}
    with places.told_as_a_mistake(f"--save {path}"):
        RescaledCalculator(calculator, found.factor, energies).save(path, fit)
    more = f" and {len(energies) - MANY} more" if len(energies) > MANY else ""
    formulas = ", ".join(list(energies)[:MANY]) + more
    places.tell(f"saved: {path}, for {formulas}; use it as -b rescaled:{path}")
