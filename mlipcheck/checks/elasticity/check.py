"""The check of elasticity: which crystals and cells, what each costs, and how they are tabled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from ase import units
from ase.calculators.calculator import BaseCalculator

from ...analysis.eos import BirchMurnaghan
from ...analysis.structures import empty_directions
from ...analysis.tensor import moduli
from ...calculators.base import FAILURES
from ...calculators.evaluate import describe_error
from ...check import Context, Skip, Task, align
from ...drawing.colours import DARK, REFERENCE
from ...drawing.tables import MISSING, Block, Column, number, some, table_of_rows
from ...record import Model
from ...references.crystals import ground_states
from ...references.frame_sets import FrameSet
from ...references.inputs import COLLECTIONS
from ...references.strained import StrainedCells, find_strained, known_strained
from ...references.structures import RelaxedReference
from ...system import Settings, System
from ..crystals import CrystalCheck, asked_elements, keep_few, spans_space
from . import strains
from .criteria import CRITERIA
from .record import ElasticTensor, EquationOfState

if TYPE_CHECKING:
    from ...drawing.panel import Panel

QUICK = (6, 30)  # crystals, and atoms of all together
# Atoms of a crystal whose elastic constants are found: by --quick, and where not asked for alone.
QUICK_STRAINED, MOST_STRAINED = 8, 16
BATCH = 16
HIGHEST = 3.0  # eV per atom above the minimum, that a figure shows


def _gpa(value: float | None) -> str:
    return number(None if value is None else value / units.GPa, ".1f")


def _numbers(tensor: np.ndarray) -> np.ndarray:
    """Return what is tabled of a tensor, in GPa."""
    return np.array([*tensor[CONSTANTS], *moduli(tensor)]) / units.GPa


def _constant(row: EquationOfState, k: int) -> str:
    """Return a number of the model's tensor, and the reference's in brackets, in GPa."""
    found = row.tensor or ElasticTensor()
    both = [_numbers(x[0])[k] for x in (found.fits, found.reference) if x is not None]
    return " ".join((f"{x:.0f}", f"({x:.0f})")[n] for n, x in enumerate(both)) or MISSING


def _spread(row: EquationOfState, part: slice) -> str:
    """Return half of the largest range of some numbers over the sizes of strains, in GPa."""
    fits = None if row.tensor is None else row.tensor.fits
    if fits is None or len(fits) < 2:
        return MISSING
    return number(float(np.ptp([_numbers(c)[part] for c in fits], axis=0).max()) / 2, ".1f")


CONSTANTS = (0, 0, 0, 2, 3, 5), (0, 1, 2, 2, 3, 5)  # rows and columns, that are tabled
TENSOR_COLUMNS = (
    *(
        Column(head, partial(_constant, k=k))
        for k, head in enumerate(("C11", "C12", "C13", "C33", "C44", "C66"))
    ),
    Column("±\nC", partial(_spread, part=slice(6))),
    Column("K", partial(_constant, k=6)),
    Column("±\nK", partial(_spread, part=slice(6, 7))),
    Column("G", partial(_constant, k=7)),
    Column("±\nG", partial(_spread, part=slice(7, 8))),
)
NO_CURVE = "no equation of state: it would press molecules, chains or layers; see K of C_ij"


class Elasticity(CrystalCheck[EquationOfState]):
    """Scale crystals to other volumes, and strain them."""

    name = "elasticity"
    title = "equations of state and elastic constants"
    noun = "crystal"
    asks = "how stiff crystals are, and whether they have one volume at rest"
    row = EquationOfState
    decides = ("relax", "vibrations")
    hints = ("dynamics", "hot")
    criteria = CRITERIA
    columns = (
        Column("V0\nÅ³/atom", lambda r: number(r.fit and r.fit.v0, ".2f")),
        Column("V0 ref.", lambda r: number(r.reference and r.reference.v0, ".2f")),
        Column("B0\nGPa", lambda r: _gpa(r.fit and r.fit.b0)),
        Column("±\n%", lambda r: number(r.fit and 100 * r.bulk_modulus_spread, ".0f")),
        Column("B0 ref.", lambda r: _gpa(r.reference and r.reference.b0)),
        Column("ions", lambda r: "clamped" if r.clamped else MISSING, left=True),
        Column("B1", lambda r: number(r.fit and r.fit.b1, ".2f")),
        Column("ε", lambda r: number(r.epsilon, ".2f")),
        Column("Δ\nmeV/atom", lambda r: number(r.delta and 1000 * r.delta, ".1f")),
        Column("minima\nV0", lambda r: ", ".join(f"{v:.2f}" for v in r.minima) or MISSING),
        Column("falls\nbelow V0", lambda r: number(r.turnover, ".2f")),
    )

    def tasks(self, system: System, settings: Settings) -> list[Task | Skip]:
        given = [r for r in system.references if r.source not in COLLECTIONS]
        own = [r for r in given if r.relaxed is not None and r.relaxed.pbc.any()]
        flat = [r.name for r in own if empty_directions(r.relaxed).any()]
        asked = self.name in settings.only
        limit = QUICK_STRAINED if settings.quick else None if asked else MOST_STRAINED
        elements = asked_elements(system)
        unwanted = "none" in settings.reference
        known = [] if unwanted else ground_states(elements)
        crystals = [*((r, None) for r in own if r.name not in flat), *(known or ())]
        tasks = [_task(r, curve, limit) for r, curve in crystals]
        why = [f"no crystals in three dimensions: {some(flat)}"] if flat else []
        if big := [t.name for t in tasks if not t.subject[2]]:
            how = "leave out --quick" if settings.quick else "--only elasticity finds them"
            why.append(f"no elastic constants beyond {limit} atoms, of {some(big)}: {how}")
        cells = [found for s in system.frames for found in find_strained(s)]
        cells += [] if unwanted else known_strained(elements)
        tasks += map(_task_of_cells, cells)
        if not tasks and known is None:
            why.append("equations of state are not here: mlipcheck data acwf-unaries fetches them")
        elif not tasks and not why:
            why.append("no crystals of your own, nor an equation of state of your elements")
        few = keep_few(tasks, *QUICK, "crystals") if settings.quick else tasks
        return [*few, *map(Skip, why)]

    def run(
        self, calculator: BaseCalculator, task: Task, context: Context
    ) -> list[EquationOfState]:
        subject, row, wanted = task.subject
        try:
            if row.of_frames:
                return [strains.compare_tensors(calculator, subject, row)]
            if not row.no_curve:
                row, subject = strains.scan_volumes(calculator, subject, row, free_ions=wanted)
            if wanted and (row.fit is not None or row.no_curve):
                row = replace(row, tensor=strains.measure_tensor(calculator, subject))
        except FAILURES as error:  # kept and shown as this crystal's result
            why = describe_error(error)
            if row.fit is None and not row.no_curve:
                return [replace(row, error=why)]
            row = replace(row, tensor=ElasticTensor(why=why))
        return [row]

    def tables(self, models: Sequence[Model]) -> list[Block]:
        rows = align([[(m.letter, r) for r in m.run.rows(self.name)] for m in models])
        known = [[(m, r) for m, r in same if r.tensor and r.tensor.cells] for same in rows]
        title = "Elastic constants, GPa (the reference's)"
        found = table_of_rows(title, self.noun, [x for x in known if x], TENSOR_COLUMNS)
        return [*super().tables(models), *([found] if found.rows else [])]

    def figures(self, models: Sequence[Model]) -> list[Panel]:
        rows = align([[(m, r) for r in m.run.rows(self.name)] for m in models])
        good = [[(m, r) for m, r in same if np.isfinite(r.energies).any()] for same in rows]
        return [_draw(curves) for curves in good if curves]


def _task(
    reference: RelaxedReference, curve: BirchMurnaghan | None = None, limit: int | None = None
) -> Task:
    """Return the task of a crystal; those of more atoms than ``limit`` are not strained."""
    atoms = reference.relaxed
    assert atoms is not None
    own = curve is None
    no_curve = NO_CURVE if own and not spans_space(atoms) else ""
    more = {"start_only": reference.start_only, "reference": curve, "no_curve": no_curve}
    row = _row(reference, reference.name, atoms.get_chemical_formula(), **more)
    wanted = limit is None or len(atoms) <= limit
    cost = max(1, strains.count_evaluations(atoms, own, not no_curve, wanted))
    key = (row.name, row.source, row.fingerprint, curve, wanted)
    return Task(row.name, (atoms, row, wanted), key, atoms, cost, BATCH)


def _task_of_cells(cells: StrainedCells) -> Task:
    labels, formula = cells.labels, f"{cells.start.symbols.formula.reduce()[0]:hill}"
    row = _row(labels, f"{labels.name} ({formula})", formula, of_frames=True)
    key, cost = (row.name, row.source, row.fingerprint), len(labels.frames)
    return Task(row.name, (cells, row, True), key, cells.start, cost, BATCH)


def _row(
    given: RelaxedReference | FrameSet, name: str, formula: str, **more: Any
) -> EquationOfState:
    facts = given.source, given.fingerprint, given.level_of_theory
    return EquationOfState(name, formula, *facts, **more)


def _draw(good: Sequence[tuple[Model, EquationOfState]]) -> Panel:
    """Draw the energy of one crystal against its volume, a model a colour."""
    from ...drawing import panel
    from ...drawing.panel import label_axes, legend_below, plain, printable

    figure, axis = panel.new_axes(3.6)
    row, above, words = good[0][1], np.array([0.1]), []
    own = row.start_volume or 0.0
    for model, r in good:
        finite = np.isfinite(r.energies)
        volumes, energies = r.volumes[finite], r.energies[finite]
        energies = energies - (r.fit.e0 if r.fit else np.interp(own, volumes, energies))
        look: dict[str, Any] = {"color": model.colour, "marker": model.marker, "ms": 3}
        axis.plot(volumes, energies, label=printable(model.label, 40), **look)
        above = np.append(above, energies)
        texts = [plain(found.text) for c in CRITERIA if (found := c.read(r))]
        words.append(f"{plain(model.label)}: {'; '.join(texts)}.")
    if row.reference is not None:
        ends = row.reference.v0 * np.array([0.85, 1.15])
        near = np.linspace(*np.clip(ends, row.volumes.min(), row.volumes.max()))
        curve = row.reference.energy(near) - row.reference.e0
        axis.plot(near, curve, color=REFERENCE, ls="--", lw=1.2, label="reference", zorder=4)
    axis.axvline(own, color=DARK, lw=0.8, ls=":", label=row.start_words)
    high = above[above < HIGHEST].max()
    axis.set_ylim(max(above.min(), -HIGHEST) - 0.05 * high, 1.1 * high)
    label_axes(axis, "volume (Å³/atom)", "E − E(V0) (eV/atom)", printable(row.name, 40))
    legend_below(figure, 2)
    kept = f"shape and positions kept{', those of the relaxed cell' * row.relaxed}"
    caption = f"Energy of {plain(row.name)} against its volume, {kept}."
    alt = f"{caption} {' '.join(words)}"
    name = panel.slug("volume", row.name)
    return panel.Panel(name, caption, alt, ("elasticity",), (row.name,), figure)
