"""The figures of a report about labelled frames: of each model, and of several together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ...analysis.estimate import Estimate
from ...drawing.dots import draw_compared
from ...drawing.lettering import count, legend_below, plain, signed
from ...drawing.panel import WIDTH, Panel, new_axes, slug
from ...record import Model
from .criteria import FORCE_QUESTIONS, read_energy, read_forces, read_ordering, read_softening
from .figures import drawings
from .record import Parity
from .scales import draw_scales

ENERGY_QUESTIONS = ("energy", "energy convention")
ORDER_QUESTIONS = ("order of states",)


def draw_panels(models: Sequence[Model]) -> list[Panel]:
    """Draw the errors of several models beside each other, then what each has of its own."""
    found = list(_compared(models)) if len(models) > 1 else []
    for model in models:
        rows: tuple[Parity, ...] = model.run.rows("parity")
        found += [panel for p in rows for panel in _own(p, model)]
        found += _scales(rows, model)
    return found


def _energy(p: Parity) -> Estimate | None:
    if p.energy is None:
        return None
    e = p.energy.mae
    low, high = (None if end is None else 1000 * end for end in (e.low, e.high))
    return Estimate(1000 * e.value, low, high)


# name, axis, caption, questions, what is read, unit
_Compared = tuple[str, str, str, tuple[str, ...], Callable[[Any], Estimate | None], str]
COMPARED: tuple[_Compared, ...] = (
    (
        "forces",
        "MAE of the forces (eV/Å)",
        "Mean error of the force on an atom; lines are 95 % intervals.",
        FORCE_QUESTIONS,
        lambda p: p.forces.mae if p.forces else None,
        " eV/Å",
    ),
    (
        "energies",
        "MAE of the energy (meV/atom)",
        "Mean error of the energy per atom; lines are 95 % intervals.",
        ENERGY_QUESTIONS,
        _energy,
        " meV/atom",
    ),
    (
        "order",
        "σ of ΔE, model − reference (total eV)",
        "Spread of the error between two states of one composition; lines are 95 % intervals.",
        ORDER_QUESTIONS,
        lambda p: p.ordering.sigma if p.ordering else None,
        " eV",
    ),
)


def _compared(models: Sequence[Model]) -> Iterator[Panel]:
    for name, axis, caption, quantities, read, unit in COMPARED:
        found = draw_compared(models, "parity", read, axis)
        if found is not None:
            yield Panel(
                name=name,
                caption=caption + found.more,
                alt=f"{caption} {found.describe('.3g', unit)}",
                checks=("parity",),
                subjects=found.names,
                quantities=quantities,
                figure=found.figure,
            )


def _own(p: Parity, model: Model) -> Iterator[Panel]:
    name = plain(p.name)
    kinds: dict[str, tuple[float, str, Callable[[Parity], str], tuple[str, ...]]] = {
        "forces": (
            5.3,
            f"Forces on the atoms of {name}: each component, model against reference.",
            describe_forces,
            FORCE_QUESTIONS,
        ),
        "energies": (
            3.9,
            f"Errors of the energies of {name}, per atom, and how many frames have them.",
            describe_energies,
            ENERGY_QUESTIONS,
        ),
        "order": (
            4.6,
            f"How often the model tells which of two states of {name} is lower, against how far "
            "they are apart.",
            describe_order,
            ORDER_QUESTIONS,
        ),
    }
    for what, draw in drawings(p, model.colour).items():
        height, caption, describe, quantities = kinds[what]
        figure, axis = new_axes(height)
        draw(axis)
        legend_below(figure, 2)
        yield Panel(
            name=model.prefix + slug(what, p.name),
            caption=caption,
            alt=f"{caption} By {plain(model.label)}: {describe(p)}",
            checks=("parity",),
            subjects=(p.name,),
            quantities=quantities,
            figure=figure,
            letters=model.letter,
        )


def describe_forces(p: Parity) -> str:
    """Return the main numbers of the forces in words."""
    found = read_forces(p), read_softening(p)
    words = "; slope ".join(plain(reading.text) for reading in found if reading is not None)
    return f"{count(p.forces.frames, 'frame') if p.forces else 'no frames'}; {words}."


def describe_energies(p: Parity) -> str:
    """Return the main numbers of the energies in words."""
    reading = read_energy(p)
    bias = f"; bias {signed(1000 * p.energy.bias, '+.1f')} meV/atom" if p.energy else ""
    return f"MAE {plain(reading.text) if reading else 'not known'}{bias}."


def describe_order(p: Parity) -> str:
    """Return the main numbers of the order of states in words."""
    order = p.ordering
    if order is None:
        return "not assessed."
    words = f"σ {order.sigma.value:.3g} eV over {count(order.pairs, 'pair')}"
    reading = read_ordering(p)
    return f"{words}; in the right order: {plain(reading.text)}." if reading else f"{words}."


def _scales(rows: Sequence[Parity], model: Model) -> Iterator[Panel]:
    drawn = [(p, set(drawings(p, model.colour))) for p in rows]
    good = [(p, has) for p, has in drawn if has & {"energies", "order"}]
    if not good:
        return
    words = []
    for p, has in good:
        energies = f"energies, {describe_energies(p)}" if "energies" in has else ""
        states = f"states, {describe_order(p)}" if "order" in has else ""
        words.append(f"{plain(p.name)}: {energies} {states}")
    sets = [p for p, _ in good]
    signal = model.run.settings.get("energy_resolution")
    yield Panel(
        name=f"{model.prefix}scales",
        caption="How large the errors are: per atom, and between two states of one composition. "
        "Only the latter are to be compared with the difference one wants to read, in grey.",
        alt=plain(f"Errors of {model.label} on logarithmic axes. {' '.join(words)}"),
        checks=("parity",),
        subjects=tuple(p.name for p in sets),
        quantities=("order of states", "energy"),
        figure=draw_scales(sets, signal, model.label, colour=model.colour, width=WIDTH),
        letters=model.letter,
    )
