"""The check of dynamics: which crystals, how long, the questions and their limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator, InputError
from ase.io import write

from ...calculators.base import FAILURES
from ...calculators.evaluate import describe_error, evaluate, floating_type
from ...check import Check, Context, Skip, Task
from ...drawing.tables import Column, Paragraph, number
from ...record import Model
from ...system import Settings, System
from ..compression.push import farthest_collapses
from ..crystals import MOST_ATOMS, QUICK_ATOMS, bring_to_rest, build_supercell, choose_crystals
from .criteria import CRITERIA
from .nve import add_run, heat, simulate
from .record import Dynamics, Segment

if TYPE_CHECKING:
    from ...drawing.panel import Panel

CRYSTALS, QUICK_CRYSTALS = 2, 1
SHORTEST, LONGEST = 50.0, 200.0  # fs, where nobody asks for a time
ATOM_STEPS = 10_000  # atoms times steps of both runs that the time is chosen by
QUICK_STEPS = 2_500
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
        most = QUICK_CRYSTALS if settings.quick else CRYSTALS
        crystals, skips = choose_crystals(system, most)
        atoms = QUICK_ATOMS if settings.quick else MOST_ATOMS
        work = QUICK_STEPS if settings.quick else ATOM_STEPS
        tasks: list[Task | Skip] = []
        for crystal in crystals:
            cell = build_supercell(crystal.atoms, atoms)
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
        crystal, (time, temperature, seed, steps, _) = task.subject
        row = Dynamics(
            crystal.name,
            crystal.fingerprint,
            temperature,
            time,
            seed=seed,
        )
        try:
            return [_run(calculator, task, row, steps, context)]
        except FAILURES as error:  # kept and shown as this crystal's result
            return [replace(row, error=describe_error(error))]

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
    from ...drawing.lettering import printable

    for model, row in rows:
        for run, style in zip(row.trajectories, (":", "-"), strict=False):
            name = f"{printable(model.label, 40)}, {run.step:g} fs"
            axis.plot(run.times, run.energies, style, color=model.colour, label=name)


def _run(
    calculator: BaseCalculator, task: Task, row: Dynamics, steps: Sequence[float], context: Context
) -> Dynamics:
    atoms = bring_to_rest(calculator, task.subject[0].atoms, AT_REST, cell=True)
    cell = build_supercell(atoms, task.subject[1][-1])
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
        if context.settings.fits is not None:
            _write(context.settings.fits, f"{row.name} {step:g}fs", hot, pieces)
        if pieces[-1].error:
            break
    return row


def _write(folder: Path, name: str, hot: Atoms, pieces: Sequence[Segment]) -> None:
    """Write the structure at the end of each piece of a run, with its momenta."""
    from ...drawing.panel import slug

    folder.mkdir(parents=True, exist_ok=True)
    images = []
    for piece in pieces:
        images.append(hot.copy())
        images[-1].positions = piece.positions
        images[-1].set_momenta(piece.momenta)
    write(folder / f"{slug('dynamics', name)}.traj", images)
