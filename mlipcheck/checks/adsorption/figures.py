"""Figures of adsorption: errors metal by metal, and the volcano that is read from the energies."""

from __future__ import annotations

from collections.abc import Sequence

from ...analysis.statistics import Estimate
from ...drawing.colours import BAND, DARK, REFERENCE
from ...drawing.dots import draw_compared
from ...drawing.panel import SIZE, Panel, label_axes, list_largest, new_axes, plain, printable
from ...record import Model
from .record import MetalAdsorption, Volcano, free, list_errors, read_volcano

FURTHEST = 4  # times the largest |ΔG| of the reference


def draw_panels(models: Sequence[Model]) -> list[Panel]:
    """Draw the errors of all models, and the volcano of each where there are metals enough."""
    volcanoes = [_draw(m, v) for m in models if (v := read_volcano(m.run.rows("adsorption")))]
    found = draw_compared(models, "adsorption", _errors, "ΔE of H, model − reference (eV)")
    if found is None:
        return volcanoes
    errors = Panel(
        name="adsorption",
        caption="Errors of adsorption energies of hydrogen: mean, smallest and largest over sites.",
        alt=f"Mean errors of adsorption energies. {found.describe('+.2f', ' eV')}",
        checks=("adsorption",),
        subjects=found.names,
        figure=found.figure,
    )
    return [errors, *volcanoes]


def _errors(row: MetalAdsorption) -> Estimate | None:
    errors = list_errors(row.sites)
    return Estimate(sum(errors) / len(errors), min(errors), max(errors)) if errors else None


def _draw(model: Model, volcano: Volcano) -> Panel:
    """Draw each metal at its height by the reference: it leaves the line sideways, by its error."""
    figure, axis = new_axes(3.6)
    points = [(s.metal, free(s.reference), free(s.model or 0.0)) for s in volcano.metals]
    deepest = max(abs(x) for _, x, _ in points)
    # what is further off runs out of the panel: the volcano is to stay in sight
    reach = 1.15 * min(max(deepest, *(abs(y) for _, _, y in points)), FURTHEST * deepest) + 0.02
    axis.plot([-reach, 0, reach], [-reach, 0, -reach], color=REFERENCE, lw=1)
    if volcano.sigma is not None:
        axis.axvspan(-volcano.sigma, volcano.sigma, color=BAND, lw=0, zorder=0)
    for metal, x, y in points:
        axis.plot([x, y], [-abs(x)] * 2, color=model.colour, lw=1)
        axis.plot(y, -abs(x), model.marker, color=model.colour)
        axis.plot(x, -abs(x), "o", color=REFERENCE, mfc="white")
        side = "right" if y > x else "left"  # where the error does not go to
        axis.text(x, -abs(x), f"  {metal}  ", ha=side, va="center", fontsize=SIZE, color=DARK)
    axis.set(xlim=(-reach, reach), ylim=(-1.2 * deepest - 0.02, 0.25 * deepest + 0.02))
    label_axes(axis, "ΔG of H (eV)", "−|ΔG| by reference (eV)", printable(model.label, 40))
    shifts = list_largest([(metal, y - x) for metal, x, y in points], unit=" eV")
    return Panel(
        name=f"{model.prefix}volcano",
        caption=f"Hydrogen on the volcano, {plain(model.label)}. Hollow: the reference; grey: ± σ "
        "between metals.",
        alt=f"Hydrogen on the volcano. Model minus reference: {shifts}.",
        checks=("adsorption",),
        subjects=tuple(f"H on {metal}(111)" for metal, _, _ in points),
        figure=figure,
        letters=model.letter,
    )
