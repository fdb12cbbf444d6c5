"""The check of surfaces: which slabs and planes, what each costs, and how they are tabled."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from ase import units
from ase.calculators.calculator import BaseCalculator, InputError

from ...analysis.closest import empty_directions
from ...calculators.evaluate import describe_error
from ...calculators.neighbours import check_geometry
from ...check import Check, Context, Skip, Task, align
from ...criterion import Evidence
from ...drawing.tables import Block, Column, some, table_of_rows
from ...record import Model
from ...references import datasets
from ...references.inputs import COLLECTIONS
from ...references.surfaces import DATASET, ELEMENTS, Slabs, slabs_of
from ...system import Settings, System
from ...uses import ELEMENTS as OF_ELEMENTS
from ..crystals import METHODS, MOLECULAR_ELEMENTS, keep_few, tested_on
from .criteria import CRITERIA
from .measure import cleave, compare_slabs
from .planes import find_planes
from .record import GAPS, J_PER_M2, Surface

if TYPE_CHECKING:
    from ...drawing.panel import Panel

PLANES, QUICK_PLANES = 3, 1  # of a crystal
QUICK = (4, 60)  # planes, and atoms of all together
QUICK_ATOMS = 40  # of a slab
MOST_ATOMS = 100  # of an opened crystal
BATCH = 16
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


def _joules(*energies: float | None) -> str:
    return ", ".join(f"{x / J_PER_M2:.2f}" for x in energies if x is not None) or "-"


def _pull(r: Surface, which: Callable[[np.ndarray], float]) -> str:
    return "-" if r.work is None else f"{round(which(r.beyond) / units.GPa, 1) + 0.0:.1f}"


class Surfaces(Check[Surface]):
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
        Column("cleaved\nJ/m²", lambda r: _joules(r.work)),
        Column("other\ncuts", lambda r: _joules(*r.other_cuts)),
        Column("largest\npull GPa", lambda r: _pull(r, np.max)),
        Column("smallest\nbeyond", lambda r: _pull(r, np.min)),
    )
    methods = METHODS

    def tasks(self, system: System, settings: Settings) -> list[Task | Skip]:
        elements = sorted({x for word in system.elements for x in word.split("-")})
        slabs, why = _slab_tasks(elements, settings)
        planes, refused = _plane_tasks(system, elements, settings.quick)
        why += refused
        if not (slabs or planes or why):
            known = f"slabs are known of {', '.join(ELEMENTS)} alone"
            why = [f"no crystals given, and {known}" if elements else "no crystals given"]
        few = keep_few(planes, *QUICK, "planes") if settings.quick else planes
        return [*slabs, *few, *map(Skip, why)]

    def run(self, calculator: BaseCalculator, task: Task, context: Context) -> list[Surface]:
        subject, row = task.subject
        measure = compare_slabs if isinstance(subject, Slabs) else cleave
        try:
            return [measure(calculator, subject, row)]
        except (Exception, SystemExit) as error:  # kept and shown as this surface's result
            return [dataclasses.replace(row, error=describe_error(error))]

    def evidence(self, row: Surface) -> Evidence:
        slabs = row.source == DATASET
        return Evidence(OF_ELEMENTS if slabs else tested_on(row.source, row.formula), row.doubts)

    def tables(self, models: Sequence[Model]) -> list[Block]:
        rows = align([[(m.letter, r) for r in m.run.rows(self.name)] for m in models])
        each = [align([[(letter, f) for f in r.facets] for letter, r in same]) for same in rows]
        facets = [facet for same in each for facet in same]
        found = super().tables(models)
        if facets:
            found.append(table_of_rows("Relaxed slabs of the reference", "facet", facets, FACETS))
        return found

    def figures(self, models: Sequence[Model]) -> list[Panel]:
        from .figures import draw_panels

        return list(draw_panels(models))


def _slab_tasks(elements: Sequence[str], settings: Settings) -> tuple[list[Task], list[str]]:
    """Return a task for each element whose slabs are known, and what is left out."""
    known = [x for x in elements if x in ELEMENTS]
    if not known:
        return [], []
    if "none" in settings.reference:
        return [], [f"--reference none leaves out the slabs of {some(known)}"]
    found = slabs_of(known)
    if found is None:
        return [], [f"slabs of {some(known)} are not here: mlipcheck data {DATASET} fetches them"]
    tasks, large = [], []
    for every in found:
        few = [s for s in every.slabs if not settings.quick or len(s.atoms) <= QUICK_ATOMS]
        large += [s.name for s in every.slabs if s not in few]
        row = Surface(
            name=f"{every.element} slabs",
            formula=every.element,
            source=DATASET,
            fingerprint=f"{len(few)} slabs of {every.element}",
            level_of_theory=datasets.get_dataset(DATASET).level_of_theory,
        )
        middle = few[len(few) // 2].atoms
        evaluations = sum(len(s.atoms) for s in few) / len(middle)
        subject = dataclasses.replace(every, slabs=tuple(few))
        tasks.append(Task(row.name, (subject, row), row.fingerprint, middle, evaluations, BATCH))
    why = f"--quick leaves out slabs of more than {QUICK_ATOMS} atoms: {some(large)}"
    return tasks, [why] if large else []


def _plane_tasks(
    system: System, elements: Sequence[str], quick: bool
) -> tuple[list[Task], list[str]]:
    """Return a task for each plane of the user's crystals, or of the elements'; what is not cut."""
    tasks: list[Task] = []
    flat, refused = [], []
    for r in system.references:
        atoms = r.relaxed
        element = r.source == "dcdft" and r.name in set(elements) - MOLECULAR_ELEMENTS
        if atoms is None or not (element or r.source not in COLLECTIONS):
            continue
        try:
            check_geometry(atoms)
            if empty_directions(atoms).any():
                flat.append(r.name)
                continue
            planes, left = find_planes(atoms, QUICK_PLANES if quick else PLANES, MOST_ATOMS)
        except InputError as error:
            planes, left = [], {"": str(error)}
        for reason in dict.fromkeys(left.values()):
            names = [name for name, why in left.items() if why == reason]
            refused.append(f"{r.name} {some(names)}: {reason}")
        for plane in planes:
            row = Surface(
                name=f"{r.name} {plane.name}",
                formula=atoms.get_chemical_formula(),
                source=r.source,
                fingerprint=r.fingerprint,
                level_of_theory=r.level_of_theory,
            )
            n = len(GAPS) + len(plane.cuts) - 1
            image = plane.opened(plane.cuts[0], GAPS[-1] / 2)
            key = (row.name, row.source, row.fingerprint)
            tasks.append(Task(row.name, (plane, row), key, image, n, BATCH))
    why = [f"not crystals in three dimensions: {some(flat)}"] if flat else []
    why += [f"not cut: {some(refused, joined='; ')}"] if refused else []
    return tasks, [*why, *(["--quick cuts one plane a crystal"] if quick and tasks else [])]
