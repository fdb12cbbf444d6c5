"""The check of surfaces: which slabs and planes, what each costs, and how they are tabled."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from ase import units
from ase.calculators.calculator import BaseCalculator, InputError

from ...analysis.statistics import jackknife
from ...calculators.base import FAILURES
from ...calculators.neighbours import check_geometry
from ...check import Context, Skip, Task, align
from ...drawing.colours import PALE
from ...drawing.tables import Block, Column, Paragraph, number, some, table_of_rows
from ...record import Model
from ...references.datasets import get_dataset
from ...references.metals import ELEMENTS, SLABS, Slabs, area, slabs_of
from ...system import Settings, System
from .. import crystals
from .planes import Plane, find_planes
from .record import CRITERIA, GAPS, J_PER_M2, Facet, Surface

if TYPE_CHECKING:
    from ...drawing.panel import Panel

MOST_CRYSTALS = 8
PLANES, QUICK_PLANES = 3, 1  # of a crystal
QUICK = (4, 60)  # planes, and atoms of all together
QUICK_ATOMS = 40  # of a slab
MOST_ATOMS = 100  # of an opened crystal
BATCH = 16
AT_REST = 0.02  # eV/Å
RELAXING = 15  # evaluations of the crystal, about
FACETS = (
    Column("atoms", lambda f: str(f.atoms)),
    Column("γ ref.\nJ/m²", lambda f: f"{f.reference / J_PER_M2:.3f}"),
    Column("γ\nJ/m²", lambda f: f"{f.model / J_PER_M2:.3f}"),
    Column("ratio", lambda f: f"{f.ratio:.3f}"),
)


def _ratio(r: Surface) -> str:
    if r.ratio is None:
        return "-"
    around = "" if r.ratio.low is None else f" [{r.ratio.low:.2f}, {r.ratio.high:.2f}]"
    return f"{r.ratio.value:.3f}{around}"


def _pull(r: Surface, which: Callable[[np.ndarray], float]) -> str:
    if r.work is None:
        return "-"
    return f"{which(r.traction[r.traction.argmax() :]) / units.GPa:z.1f}"


class Surfaces(crystals.CrystalCheck[Surface]):
    """Compare surface energies with a reference's, and cut crystals in two."""

    name = "surfaces"
    title = "surfaces"
    noun = "surface"
    asks = "what it costs to make a surface"
    row = Surface
    decides = ("defects",)
    hints = ("energies",)
    criteria = CRITERIA
    columns = (
        Column("facets", lambda r: str(len(r.facets) or "-")),
        Column("γ ratio\n[95 %]", _ratio),
        Column("cleaved\nJ/m²", lambda r: number(r.work and r.work / J_PER_M2, "z.2f")),
        Column("largest\npull GPa", lambda r: _pull(r, np.max)),
        Column("smallest\nbeyond", lambda r: _pull(r, np.min)),
    )

    def tasks(self, system: System, settings: Settings) -> list[Task | Skip]:
        elements = crystals.asked_elements(system)
        found = _slab_tasks(elements, settings)
        relaxed = dataclasses.replace(system, frames=())
        chosen, left = crystals.choose_crystals(relaxed, MOST_CRYSTALS, elements=bool(elements))
        planes, why = _plane_tasks(chosen, QUICK_PLANES if settings.quick else PLANES)
        found += crystals.keep_few(planes, *QUICK, "planes") if settings.quick else planes
        return [*found, *why, *(s for s in left if s != crystals.NONE_GIVEN or not found)]

    def run(self, calculator: BaseCalculator, task: Task, context: Context) -> list[Surface]:
        subject, row = task.subject
        measure: Callable[..., Surface] = compare_slabs if isinstance(subject, Slabs) else cleave
        return crystals.row_or_error(row, lambda: measure(calculator, subject, row))

    def remarks(self, rows: Sequence[Surface]) -> list[Paragraph]:
        about = "Crystals are relaxed before they are cut, the cell only where the calculator has "
        about += "stresses; slabs of the reference are not."
        cut = any(len(r.energies) for r in rows)
        return [*super().remarks(rows), *([Paragraph(about)] if cut else [])]

    def tables(self, models: Sequence[Model]) -> list[Block]:
        rows = align([[(m.letter, r) for r in m.run.rows(self.name)] for m in models])
        each = [align([[(letter, f) for f in r.facets] for letter, r in same]) for same in rows]
        facets = [facet for same in each for facet in same]
        found = super().tables(models)
        if facets:
            found.append(table_of_rows("Relaxed slabs of the reference", "facet", facets, FACETS))
        return found

    def figures(self, models: Sequence[Model]) -> list[Panel]:
        from ..panels import draw_each

        about = "Energy of {} that is cut open, over twice the area; the halves do not relax."
        axes = "gap (Å)", "energy (J/m²)"
        return draw_each(self, models, lambda r: r.work is not None, _draw, about, axes)


def _draw(axis: Any, good: Sequence[tuple[Model, Surface]]) -> None:
    for m, row in good:
        look = {"color": m.colour, "marker": m.marker, "ms": 3, "label": m.label}
        axis.plot(GAPS, row.energies / J_PER_M2, **look)
    axis.axhline(0, color=PALE, lw=1, zorder=0)


def compare_slabs(calculator: BaseCalculator, known: Slabs, row: Surface) -> Surface:
    """Return the row of an element, completed with surface energies at the reference's geometry.

    (E_slab - n E_bulk) / 2A; the model's E_bulk is that of the reference's crystal.
    """
    images = [known.crystal, *(s.atoms for s in known.slabs)]
    crystal, *found = crystals.find_energies(calculator, images)
    facets = []
    for slab, energy in zip(known.slabs, found, strict=True):
        n = len(slab.atoms)
        model = (energy - n * crystal / len(known.crystal)) / (2 * area(slab.atoms))
        facets.append(Facet(slab.name, n, slab.surface_energy, model))
    pairs = np.array([(f.model * f.reference, f.reference**2) for f in facets])
    return dataclasses.replace(
        row,
        facets=tuple(facets),
        ratio=jackknife(lambda sums: sums[..., 0] / sums[..., 1], pairs),
        doubts=crystals.find_doubts(calculator, row.level_of_theory, {known.element}),
    )


def cleave(calculator: BaseCalculator, plane: Plane, row: Surface) -> Surface:
    """Return the row of a plane, completed with the energies of the crystal opened along it.

    The crystal is the model's own, relaxed, or where it does not come to rest the one given.
    """
    try:
        rest = crystals.bring_to_rest(calculator, plane.crystal, AT_REST, cell=True)
    except FAILURES:  # energies may be there all the same
        rest = None
    plane = plane if rest is None else plane.filled(rest)
    relaxed = rest is not None and "stress" in calculator.implemented_properties
    row = dataclasses.replace(row, relaxed=relaxed, bonds=plane.bonds)
    images = [plane.opened(plane.cuts[0], gap) for gap in GAPS]
    energies = np.array(crystals.find_energies(calculator, images))
    return dataclasses.replace(row, energies=(energies - energies[0]) / (2 * plane.area))


def _slab_tasks(elements: Sequence[str], settings: Settings) -> list[Task | Skip]:
    """Return a task for each element whose slabs are known, and what is left out."""
    known = [x for x in elements if x in ELEMENTS]
    if not known:
        return []
    if "none" in settings.reference:
        return [Skip(f"--reference none leaves out the slabs of {some(known)}")]
    sets = slabs_of(known)
    if sets is None:
        return [Skip(f"slabs of {some(known)} are not here: mlipcheck data {SLABS} fetches them")]
    level, large = get_dataset(SLABS).level_of_theory, []
    found: list[Task | Skip] = []
    for every in sets:
        few = [s for s in every.slabs if not settings.quick or len(s.atoms) <= QUICK_ATOMS]
        large += [s.name for s in every.slabs if s not in few]
        facts = every.element, SLABS, f"{len(few)} slabs of {every.element}", level
        row = Surface(f"{every.element} slabs", *facts)
        middle = few[len(few) // 2].atoms
        evaluations = sum(len(s.atoms) for s in few) / len(middle)
        subject = dataclasses.replace(every, slabs=tuple(few)), row
        found.append(Task(row.name, subject, row.fingerprint, middle, evaluations, BATCH))
    if large:
        why = f"--quick leaves out slabs of more than {QUICK_ATOMS} atoms: {some(large)}"
        found.append(Skip(why))
    return found


def _plane_tasks(chosen: Sequence[crystals.Crystal], most: int) -> tuple[list[Task], list[Skip]]:
    """Return a task for each plane of the crystals that can be cut, and which cannot."""
    tasks: list[Task] = []
    refused = []
    for crystal in chosen:
        try:
            check_geometry(crystal.atoms)
            planes, left = find_planes(crystal.atoms, most, MOST_ATOMS)
        except InputError as error:
            planes, left = [], {"": str(error)}
        for reason in dict.fromkeys(left.values()):
            names = [name for name, why in left.items() if why == reason]
            refused.append(f"{crystal.name} {some(names)}: {reason}")
        for plane in planes:
            facts = crystal.formula, crystal.source, crystal.fingerprint
            row = Surface(f"{crystal.name} {plane.name}", *facts)
            image = plane.opened(plane.cuts[0], GAPS[-1] / 2)
            key = (row.name, *facts)
            evaluations = len(GAPS) + RELAXING * len(plane.crystal) / len(image)
            tasks.append(Task(row.name, (plane, row), key, image, evaluations, BATCH))
    why = [f"not cut: {some(refused, joined='; ')}"] if refused else []
    why += ["--quick cuts one plane a crystal"] if most == QUICK_PLANES and tasks else []
    return tasks, [Skip(reason) for reason in why]
