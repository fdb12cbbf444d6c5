"""Densities of states: a crystal a figure, a model a colour, the reference beside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...check import align
from ...drawing.colours import DARK, REFERENCE
from ...drawing.lettering import SIZE, legend_below, plain, printable, signed
from ...drawing.panel import Panel, new_axes, slug
from ...record import Model
from .record import CrystalPhonons, Spectrum


def draw_panels(models: Sequence[Model]) -> list[Panel]:
    """Draw the crystals that some model has frequencies of."""
    rows = align([[(m.letter, (m, r)) for r in m.run.rows("phonons")] for m in models])
    good = [[(m, r) for _, (m, r) in same if r.model is not None] for same in rows]
    return [_draw(found) for found in good if found]


def _draw(found: Sequence[tuple[Model, CrystalPhonons]]) -> Panel:
    figure, axis = new_axes(3.2)
    name, reference = found[0][1].name, found[0][1].reference
    curves: list[tuple[str, Spectrum | None, dict[str, Any]]] = [
        (m.label, r.model, {"color": m.colour}) for m, r in found
    ]
    curves.insert(0, ("reference", reference, {"color": REFERENCE, "ls": "--"}))
    words = []
    for label, spectrum, look in curves:
        if spectrum is not None:
            grid = np.linspace(spectrum.lowest, spectrum.highest, len(spectrum.density))
            axis.plot(grid, spectrum.density, lw=1.2, label=printable(label, 40), **look)
            ends = " to ".join(signed(x, ".2f") for x in (spectrum.lowest, spectrum.highest))
            words.append(f"{plain(label)}: {ends} THz.")
    axis.axvline(0, color=DARK, lw=0.6, ls=":")
    axis.set_ylim(bottom=0)
    axis.tick_params(labelsize=SIZE)
    axis.set_title(printable(name, 40), fontsize=SIZE + 1)
    axis.set_xlabel("frequency (THz), imaginary below 0", fontsize=SIZE)
    axis.set_ylabel("modes per THz and atom", fontsize=SIZE)
    legend_below(figure, 2)
    return Panel(
        name=slug("phonons", name),
        caption=f"Density of vibrational states of {plain(name)}.",
        alt=f"Density of vibrational states of {plain(name)}. {' '.join(words)}",
        checks=("phonons",),
        subjects=(name,),
        figure=figure,
    )
