"""Figures of adsorption energies, and of the volcano that is read from them.

On the volcano the height is the activity by the reference, as measured activity would be: a metal
leaves the line sideways, by the model's error in ΔG. The band, of half width σ between metals, is
to be compared with the distance from one metal to the next.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from ...drawing.colours import BAND, PALETTE, REFERENCE
from ...drawing.lettering import SIZE, legend_below, plain, printable
from ...drawing.panel import Panel, list_largest, new_axes
from ...record import Model
from .compare import MIN_POINTS, compare_sites
from .record import AdsorptionComparison, MetalAdsorption

# metals, not models: there is one model, and seven of them
METAL_COLOURS = (*PALETTE, REFERENCE)
SITE_MARKERS = "^vso*D"
KEY = "0.4"
FURTHEST = 4  # times the largest |ΔG| of the reference

Styles = Mapping[str, str]


def draw_panels(models: Sequence[Model]) -> list[Panel]:
    """Draw the sites of each model, and the volcano where there are metals enough for one."""
    found = []
    for model in models:
        rows = [r for r in model.run.rows("adsorption") if r.mae is not None]
        if not rows:
            continue
        comparison = compare_sites(tuple(s for r in rows for s in r.sites), "")
        found.append(_panel(model, rows, comparison, volcano=False))
        if len(rows) >= MIN_POINTS:
            found.append(_panel(model, rows, comparison, volcano=True))
    return found


def _panel(
    model: Model, rows: Sequence[MetalAdsorption], comparison: AdsorptionComparison, volcano: bool
) -> Panel:
    figure, axis = new_axes(4.6)
    colours, markers = _styles(comparison)
    draw = _draw_volcano if volcano else _draw_parity
    draw(axis, comparison, colours, markers)
    labels = ("ΔG of H (eV)", "−|ΔG| by reference (eV)")
    axis.set_xlabel(labels[0] if volcano else "ΔE of H, reference (eV)", fontsize=SIZE)
    axis.set_ylabel(labels[1] if volcano else "ΔE of H, model (eV)", fontsize=SIZE)
    axis.tick_params(labelsize=SIZE)
    axis.set_title(printable(model.label, 40), fontsize=SIZE + 1)
    for metal, colour in colours.items():
        axis.plot([], [], "o", color=colour, label=metal)
    for site, marker in markers.items():
        axis.plot([], [], marker, color=KEY, label=site)
    legend_below(figure, 4)
    errors = [(s.name, s.error) for s in comparison.sites if s.error is not None]
    what = "Hydrogen on the volcano" if volcano else "Adsorption energies of hydrogen"
    return Panel(
        name=model.prefix + ("volcano" if volcano else "adsorption"),
        caption=f"{what}, {plain(model.label)}.{' Hollow: the reference; grey: ± σ.' * volcano}",
        alt=f"{what}. Model minus reference: {list_largest(errors, unit=' eV')}.",
        checks=("adsorption",),
        subjects=tuple(r.name for r in rows),
        figure=figure,
        letters=model.letter,
    )


def _styles(comparison: AdsorptionComparison) -> tuple[Styles, Styles]:
    metals = dict.fromkeys(s.metal for s in comparison.sites)
    sites = dict.fromkeys(s.site for s in comparison.sites)
    return (
        {m: METAL_COLOURS[k % len(METAL_COLOURS)] for k, m in enumerate(metals)},
        {s: SITE_MARKERS[k % len(SITE_MARKERS)] for k, s in enumerate(sites)},
    )


def _draw_parity(
    axis: Axes, comparison: AdsorptionComparison, colours: Styles, markers: Styles
) -> None:
    shown = [s.reference for s in comparison.sites]
    for s in comparison.sites:
        if s.model is not None:
            shown.append(s.model)
            colour, marker = colours[s.metal], markers[s.site]
            axis.plot(s.reference, s.model, marker, color=colour, ms=6, alpha=0.85)
    margin = 0.08 * (max(shown) - min(shown)) + 0.02
    ends = (min(shown) - margin, max(shown) + margin)
    axis.plot(ends, ends, color="0.6", lw=1, zorder=0)
    axis.set(xlim=ends, ylim=ends, aspect="equal")


def _draw_volcano(
    axis: Axes, comparison: AdsorptionComparison, colours: Styles, markers: Styles
) -> None:
    volcano, sigma = comparison.volcano, comparison.sigma_metals
    deepest = max(abs(p.reference) for p in volcano.points)
    shown = [abs(p.model) for p in volcano.points if p.model is not None]
    # what is further off runs out of the panel: the volcano is to stay in sight
    reach = 1.15 * min(max(deepest, sigma or 0.0, *shown), FURTHEST * deepest) + 0.02
    axis.plot([-reach, 0, reach], [-reach, 0, -reach], color=REFERENCE, lw=1)
    if sigma is not None:
        axis.axvspan(-sigma, sigma, color=BAND, lw=0, zorder=0)
    for p in volcano.points:
        height, colour = -abs(p.reference), colours[p.metal]
        if p.model is not None:
            axis.plot([p.reference, p.model], [height, height], color=colour, lw=1)
            axis.plot(p.model, height, markers[p.site], color=colour, ms=7)
        axis.plot(p.reference, height, markers[p.site], color=colour, mfc="white", ms=7)
        # on the side that the error does not go to
        side = -1 if (p.reference if p.model is None else p.reference - p.model) < 0 else 1
        axis.annotate(
            p.metal,
            (p.reference, height),
            xytext=(7 * side, 0),
            textcoords="offset points",
            ha="right" if side < 0 else "left",
            va="center",
            color=colour,
        )
    axis.set(xlim=(-reach, reach), ylim=(-1.2 * deepest - 0.02, 0.25 * deepest + 0.02))
