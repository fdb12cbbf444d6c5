"""The figures of a report on one model: each small, and evidence for some of the findings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from string import ascii_lowercase

from ..check import Reading
from ..checks.dimers import readings as dimers
from ..checks.dimers.figures import Curve, draw_pair
from ..checks.dimers.record import DimerScan
from ..checks.learning.figures import draw_curve
from ..checks.learning.record import LearningCurve
from ..checks.parity import readings as parities
from ..checks.parity.figures import drawings
from ..checks.parity.record import Parity
from ..checks.parity.scales import draw_scales
from ..checks.relaxation.figures import (
    bond_changes,
    draw_bonds,
    draw_volumes,
    with_bonds,
    with_volumes,
)
from ..checks.relaxation.record import Relaxation
from ..comparison import Comparison
from ..drawing.colours import Look, model_colours, model_markers
from ..drawing.dots import (
    Dots,
    as_estimate,
    draw_dots,
    height_of_rows,
)
from ..drawing.lettering import (
    count,
    is_finite,
    legend_below,
    plain,
    signed,
)
from ..drawing.panel import (
    WIDTH,
    Panel,
    each_once,
    new_axes,
    new_figure,
    slug,
    svg,
    tell_largest,
    write_panels,
)
from ..record import RunRecord
from .figures_compared import VOLUME, model_looks, volume_change
from .panels_compared import closest_of, draw_compared_panels

__all__ = ["Panel", "draw_compared_panels", "draw_own_panels", "draw_panels", "svg", "write_panels"]

FEW = 8  # structures, whose names there is room for


def draw_panels(record: RunRecord, *, look: Look | None = None, prefix: str = "") -> list[Panel]:
    """Draw everything of a run that has a figure; what failed is left out.

    Parameters
    ----------
    look : tuple of str, optional
        The label, colour and marker of the model, where it stands beside others.
    prefix : str
        What the names of all panels start with.
    """
    if look is None:
        (colour,), (marker,) = (f([record.calculator]) for f in (model_colours, model_markers))
        look = record.calculator.spec, colour, marker
    panels = [
        *_dimer_panels(record, look),
        *_relaxation_panels(record.relaxations, look),
        *(panel for p in record.parities for panel in _parity_panels(p, look)),
        *_scales_panel(record, look),
        *(_learning_panel(k, c, look) for k, c in enumerate(record.learning, 1)),
    ]
    return each_once(replace(p, name=prefix + p.name) for p in panels)


def draw_own_panels(comparison: Comparison) -> list[list[Panel]]:
    """Draw each run's panels in the colours of the comparison, a letter before their names."""
    looks = model_looks(comparison)
    return [
        draw_panels(run, look=look, prefix=f"{letter}-")
        for run, look, letter in zip(comparison.runs, looks, ascii_lowercase, strict=False)
    ]


def _dimer_panels(record: RunRecord, look: Look) -> Iterator[Panel]:
    closest = closest_of([record])
    for scan in record.dimers:
        curve = Curve(scan, *look)
        if not curve.drawable:
            continue
        at = closest.get(frozenset(scan.pair))
        figure = new_figure(4.8)
        draw_pair(figure, [curve], at)
        legend_below(figure, 2)
        yield Panel(
            name=slug("dimer", scan.name),
            caption=f"Two atoms alone, {plain(scan.name)}: energy, and below it the force, against "
            f"their distance.{_caption_of_marks(scan, at)}",
            alt=f"Energy and force of {plain(scan.name)} by {plain(look[0])} from "
            f"{scan.distances[0]:.2f} to {scan.distances[-1]:.2f} Å. {tell_scan(scan, at)}",
            check="dimer",
            subjects=(scan.name,),
            quantities=(),
            figure=figure,
        )


def _caption_of_marks(scan: DimerScan, closest: float | None) -> str:
    words = ""
    if scan.comparison is not None:
        words += f" Dashed: {plain(scan.comparison.reference)}."
    if scan.wall_collapse_distance is not None:
        words += " Hatched: the wall has turned over, and atoms that get there fall together."
    if closest is not None:
        words += " Thin line: the shortest distance in your frames."
    return words


def tell_scan(scan: DimerScan, closest: float | None = None) -> str:
    """Return the main numbers of a pair in words."""
    bond = scan.equilibrium_distance
    found: dict[str, Reading | None] = {
        "Repulsive wall": dimers.read_wall(scan),
        "Softening of the wall": dimers.read_softening(scan),
        "Bond length against the reference": dimers.read_dimer_length(scan),
        "Spurious extrema": dimers.read_extrema(scan),
        "Points": dimers.read_points(scan),
    }
    words = [f"Bond length: {f'{bond:.3f} Å' if bond is not None else 'unbound'}."]
    judged = {what: r.text for what, r in found.items() if r is not None and r.value is not None}
    words += [f"{what}: {plain(text)}." for what, text in judged.items()]
    if closest is not None:
        words.append(f"Shortest distance in your frames: {closest:.2f} Å.")
    return " ".join(words)


def _relaxation_panels(rows: Sequence[Relaxation], look: Look) -> Iterator[Panel]:
    volumes = [r for r in with_volumes(rows) if is_finite(volume_change(r))]
    if volumes:
        yield _volumes_panel(volumes, look)
    bonded = with_bonds(rows)
    if bonded:
        yield _bonds_panel(bonded, look)


def _volumes_panel(rows: Sequence[Relaxation], look: Look) -> Panel:
    changes = [volume_change(r) or 0.0 for r in rows]
    few = len(rows) <= FEW
    figure, axis = new_axes(height_of_rows(len(rows)) if few else 4.6)
    if few:
        values = tuple(as_estimate(v) for v in changes)
        dots = Dots(*look, values, tuple(r.converged for r in rows))
        draw_dots(axis, [r.name for r in rows], [dots], VOLUME)
    else:
        draw_volumes(axis, rows, look[1], look[0])
    legend_below(figure, 2)
    names = tuple(r.name for r in rows)
    return Panel(
        name="volumes",
        caption="The volume that the model relaxes each structure to, against the reference's.",
        alt=f"Volumes by {plain(look[0])}, model minus reference, of "
        f"{count(len(rows), 'structure')}: {tell_largest(zip(names, changes, strict=True))}."
        f"{_tell_astray(rows)}",
        check="relax",
        subjects=names,
        quantities=("volume",),
        figure=figure,
    )


def _bonds_panel(rows: Sequence[Relaxation], look: Look) -> Panel:
    figure, axis = new_axes(3.7)
    draw_bonds(axis, rows, look[1], look[0])
    legend_below(figure, 2)
    changes = [bond_changes(r)[1] for r in rows]
    names = tuple(r.name for r in rows)
    largest = [float(max(each, key=abs)) for each in changes]
    broken, new = (sum(getattr(r, f"{what}_bonds") for r in rows) for what in ("broken", "new"))
    return Panel(
        name="bonds",
        caption="How much each bond of the reference changes when the model relaxes it.",
        alt=f"Changes of {count(sum(map(len, changes)), 'bond')} by {plain(look[0])}, the largest "
        f"of each structure: {tell_largest(zip(names, largest, strict=True))}. "
        f"{broken} broken, {new} new.{_tell_astray(rows)}",
        check="relax",
        subjects=names,
        quantities=("bond lengths", "broken and new bonds"),
        figure=figure,
    )


def _tell_astray(rows: Iterable[Relaxation]) -> str:
    names = [plain(r.name) for r in rows if not r.converged]
    return f" Not converged, crossed: {', '.join(names)}." if names else ""


def _parity_panels(p: Parity, look: Look) -> Iterator[Panel]:
    label, colour, _ = look
    name = plain(p.name)
    told: dict[str, tuple[float, str, Callable[[Parity], str], tuple[str, ...]]] = {
        "forces": (
            5.3,
            f"Forces on the atoms of {name}: each component, model against reference.",
            tell_forces,
            ("forces", "softening", "softening of one element"),
        ),
        "energies": (
            3.9,
            f"Errors of the energies of {name}, per atom, and how many frames have them.",
            tell_energies,
            ("energy", "energy convention"),
        ),
        "order": (
            4.6,
            f"How often the model tells which of two states of {name} is lower, against how far "
            "they are apart.",
            tell_order,
            ("order of states",),
        ),
    }
    for what, draw in drawings(p, colour).items():
        height, caption, tell, quantities = told[what]
        figure, axis = new_axes(height)
        draw(axis)
        legend_below(figure, 2)
        yield Panel(
            name=slug(what, p.name),
            caption=caption,
            alt=f"{caption} By {plain(label)}: {tell(p)}",
            check="parity",
            subjects=(p.name,),
            quantities=quantities,
            figure=figure,
        )


def tell_forces(p: Parity) -> str:
    """Return the main numbers of the forces in words."""
    found = parities.read_forces(p), parities.read_softening(p)
    words = "; slope ".join(plain(reading.text) for reading in found if reading is not None)
    return f"{count(p.forces.frames, 'frame') if p.forces else 'no frames'}; {words}."


def tell_energies(p: Parity) -> str:
    """Return the main numbers of the energies in words."""
    reading = parities.read_energy(p)
    bias = f"; bias {signed(1000 * p.energy.bias, '+.1f')} meV/atom" if p.energy else ""
    return f"MAE {plain(reading.text) if reading else 'not known'}{bias}."


def tell_order(p: Parity) -> str:
    """Return the main numbers of the order of states in words."""
    order = p.ordering
    if order is None:
        return "not assessed."
    words = f"σ {order.sigma.value:.3g} eV over {count(order.pairs, 'pair')}"
    reading = parities.read_ordering(p)
    return f"{words}; in the right order: {plain(reading.text)}." if reading else f"{words}."


def _scales_panel(record: RunRecord, look: Look) -> Iterator[Panel]:
    label, colour, _ = look
    drawn = [(p, set(drawings(p, colour))) for p in record.parities]
    good = [(p, has) for p, has in drawn if has & {"energies", "order"}]
    if not good:
        return
    sets = [p for p, _ in good]
    signal = record.settings.get("signal")
    told = []
    for p, has in good:
        energies = f"energies, {tell_energies(p)}" if "energies" in has else ""
        states = f"states, {tell_order(p)}" if "order" in has else ""
        told.append(f"{plain(p.name)}: {energies} {states}")
    yield Panel(
        name="scales",
        caption="How large the errors are: per atom, and between two states of one composition. "
        "Only the latter are to be held against the difference one wants to read, in grey.",
        alt=plain(f"Errors of {label} on logarithmic axes. {' '.join(told)}"),
        check="parity",
        subjects=tuple(p.name for p in sets),
        quantities=("order of states", "energy"),
        figure=draw_scales(sets, signal, label, colour=colour, width=WIDTH),
    )


def _learning_panel(k: int, curve: LearningCurve, look: Look) -> Panel:
    figure, axis = new_axes(4.2)
    draw_curve(axis, curve, curve.methods, look[1])
    legend_below(figure, 2)
    zero_shot = f"Zero-shot {curve.zero_shot:.3g} {curve.unit}." if curve.zero_shot else ""
    needed = " ".join(f"{n.method}: {n.text}." for n in curve.needed)
    return Panel(
        name=f"learning-{k}",
        caption=f"{plain(curve.name)}: how the error falls with the number of own calculations.",
        alt=plain(
            f"{curve.quantity} in {curve.unit} of {look[0]} against the number of own "
            f"calculations, {curve.name}. {zero_shot} {curve.sentence} {needed}"
        ),
        check="learning",
        subjects=(curve.name,),
        quantities=(),
        figure=figure,
    )
