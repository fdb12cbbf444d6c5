"""The check of dynamics: which crystals, how long, and the table of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from ase.calculators.calculator import BaseCalculator, InputError
from ase.io import write

from ...calculators.evaluate import evaluate, floating_type
from ...check import Check, Context, Skip, Task
from ...drawing.tables import Column, Paragraph, number
from ...record import Model
from ...system import SHORTEST, Settings, System
from .. import crystals
from ..compression.record import farthest_collapses
from .nve import add_run, heat, simulate
from .record import CRITERIA, Dynamics

if TYPE_CHECKING:
    from ...drawing.panel import Panel

# Crystals, atoms of a supercell, and atoms times steps of both runs that the time is chosen by.
BOUNDS, QUICK = (2, crystals.MOST_ATOMS, 10_000), (1, crystals.QUICK_ATOMS, 2_500)
LONGEST = 200.0  # fs, where nobody asks for a time
STEPS, HYDROGEN_STEPS = (2.0, 1.0), (1.0, 0.5)  # fs
AT_REST = 0.05  # eV/Å to which a crystal is relaxed first


class DynamicsCheck(Check[Dynamics]):
    """Run crystals at constant energy at two time steps: a smooth potential conserves it."""

    name = "dynamics"
    title = "molecular dynamics at constant energy"
    noun = "crystal"
    asks = "whether molecular dynamics conserves energy, and keeps the crystal"
    row = Dynamics
    wants = ("dimers", "compression")
    decides = ("dynamics",)
    hints = ("hot",)
    criteria = CRITERIA
    columns = (
        Column("atoms", lambda r: str(r.n_atoms or "-")),
        Column("T\nK", lambda r: " / ".join(number(t.temperature, ".0f") for t in r.trajectories)),
        Column("step\nfs", lambda r: " / ".join(f"{t.step:g}" for t in r.trajectories)),
        Column("fluctuation\nµeV/atom", lambda r: _each(r, "fluctuation", ".1f", 1000)),
        Column("ratio", lambda r: number(r.ratio, ".1f")),
        Column("drift\nmeV/atom/ps", lambda r: _each(r, "slope", "+.2f")),
        Column("±", lambda r: _each(r, "slope_error", ".2f")),
        Column("closest /\ncollapse", lambda r: number(r.margin and r.margin[1], ".2f")),
        Column("rms move /\nspacing", lambda r: number(r.displacement, ".2f")),
        Column("broken\nbonds", lambda r: str(r.broken)),
        Column("lost\natoms", lambda r: str(r.lost)),
    )
    methods = (
        Column("temperature", lambda r: f"{r.temperature:g} K"),
        Column("time", lambda r: f"{r.time:g} fs at each step"),
        Column("velocities", lambda r: f"Maxwell-Boltzmann, seed {r.seed}"),
    )

    def tasks(self, system: System, settings: Settings) -> list[Task | Skip]:
        most, atoms, work = QUICK if settings.quick else BOUNDS
        found, skips = crystals.choose_crystals(system, most)
        tasks: list[Task | Skip] = []
        for crystal in found:
            cell = crystals.build_supercell(crystal.atoms, atoms)
            steps = HYDROGEN_STEPS if "H" in crystal.atoms.symbols else STEPS
            per_fs = sum(1 / step for step in steps)
            chosen = round(work / (len(cell) * per_fs), -1)
            time = settings.time or min(max(chosen, SHORTEST), LONGEST)
            evaluations = round(time * per_fs)
            how = (time, settings.temperature, settings.seed, steps, atoms)
            key = (crystal.name, crystal.source, crystal.fingerprint, how)
            cost = (cell, evaluations + 20, 1, 0.0, evaluations)
            tasks.append(Task(crystal.name, (crystal, how), key, *cost))
        return [*tasks, *skips]

    def run(self, calculator: BaseCalculator, task: Task, context: Context) -> list[Dynamics]:
        crystal, (time, temperature, seed, *_) = task.subject
        row = Dynamics(crystal.name, crystal.fingerprint, temperature, time, seed=seed)
        return crystals.row_or_error(row, lambda: _run(calculator, task, row, context))

    def finish(
        self, rows: Sequence[Dynamics], earlier: Mapping[str, Sequence[Any]]
    ) -> list[Dynamics]:
        return [replace(row, collapses=farthest_collapses(earlier)) for row in rows]

    def remarks(self, rows: Sequence[Dynamics]) -> list[Paragraph]:
        about = "Relaxed first; of twice the temperature, half goes into the potential."
        return [*super().remarks(rows), Paragraph(about)]

    def figures(self, models: Sequence[Model]) -> list[Panel]:
        from ..panels import draw_each

        axes = ("time (fs)", "E − E(start) (meV/atom)")
        caption = "{}: total energy in a run at constant energy; dotted: the longer step."
        return draw_each(self, models, lambda r: bool(r.trajectories), _draw, caption, axes)


def _each(row: Dynamics, name: str, form: str, factor: float = 1) -> str:
    values = [getattr(t, name) for t in row.trajectories]
    return " / ".join(number(None if x is None else factor * x, form) for x in values)


def _draw(axis: Any, rows: Sequence[tuple[Model, Dynamics]]) -> None:
    for model, row in rows:
        for run, style in zip(row.trajectories, (":", "-"), strict=False):
            look = {"color": model.colour, "label": f"{model.label}, {run.step:g} fs"}
            axis.plot(run.times, run.energies, style, **look)


def _run(calculator: BaseCalculator, task: Task, row: Dynamics, context: Context) -> Dynamics:
    crystal, (*_, steps, most) = task.subject
    rest = crystals.bring_to_rest(calculator, crystal.atoms, AT_REST, cell=True)
    cell = crystals.build_supercell(rest, most)
    (found,) = evaluate(calculator, [cell])
    if found.energy is None:
        raise InputError(found.error or "the calculator has no energy")
    eps = np.finfo(floating_type(calculator, [found])).eps
    noise = float(1000 * eps * abs(found.energy) / len(cell))
    row = replace(row, n_atoms=len(cell), noise=noise)
    hot = heat(cell, row.temperature, row.seed)
    for step in steps:
        pieces = simulate(calculator, hot, step, row.time, task.key, context)
        row = add_run(row, hot, step, pieces)
        if (folder := context.settings.fits) is not None:  # the states at the end of each piece
            from ...drawing.panel import slug

            folder.mkdir(parents=True, exist_ok=True)
            # the step apart: of a long name only the beginning is taken
            name = slug("dynamics", row.name) + slug("", f"{step:g}fs")
            write(folder / f"{name}.traj", [piece.end(hot) for piece in pieces])
        if pieces[-1].error:
            break
    return row
