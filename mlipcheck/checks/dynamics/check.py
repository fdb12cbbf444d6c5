"""The check of dynamics: which crystals, how long, the questions and their limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator, InputError

from ...calculators.base import FAILURES
from ...calculators.evaluate import describe_error, evaluate, floating_type
from ...check import Check, Context, Skip, Task
from ...drawing.tables import Column, Paragraph, number
from ...record import Model
from ...system import Settings, System
from ..crystals import Crystal, bring_to_rest, choose_crystals
from ..supercells import MOST_ATOMS, build_supercell
from .criteria import CRITERIA
from .nve import Run, compare_ends, heat, simulate
from .record import Dynamics, Segment

if TYPE_CHECKING:
    from ...drawing.panel import Panel

CRYSTALS, QUICK_CRYSTALS = 2, 1
TIME, QUICK_TIME = 200.0, 100.0  # fs
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
        Column("rms move /\nnearest", lambda r: number(r.displacement, ".2f")),
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
        time = settings.time or (QUICK_TIME if settings.quick else TIME)
        tasks: list[Task | Skip] = []
        for crystal in crystals:
            cell = build_supercell(crystal.atoms, MOST_ATOMS)
            steps = HYDROGEN_STEPS if "H" in crystal.atoms.symbols else STEPS
            evaluations = sum(round(time / step) for step in steps)
            how = (time, settings.temperature, settings.seed, steps)
            key = (crystal.name, crystal.source, crystal.fingerprint, how)
            subject = (crystal, how)
            tasks.append(
                Task(crystal.name, subject, key, cell, evaluations + 20, steps=evaluations)
            )
        return [*tasks, *skips]

    def run(self, calculator: BaseCalculator, task: Task, context: Context) -> list[Dynamics]:
        crystal, (time, temperature, seed, steps) = task.subject
        row = Dynamics(
            crystal.name,
            formula=crystal.formula,
            source=crystal.source,
            fingerprint=crystal.fingerprint,
            temperature=temperature,
            time=time,
            seed=seed,
            collapses=_find_collapses(context),
        )
        try:
            return [_run(calculator, crystal, row, steps, task.key, context)]
        except FAILURES as error:  # kept and shown as this crystal's result
            return [replace(row, error=describe_error(error))]

    def remarks(self, rows: Sequence[Dynamics]) -> list[Paragraph]:
        about = (
            "Relaxed first, then velocities of twice the temperature; half goes into the potential."
        )
        return [*super().remarks(rows), Paragraph(about)]

    def figures(self, models: Sequence[Model]) -> list[Panel]:
        from .figures import draw_panels

        return draw_panels(models)


def _each(row: Dynamics, name: str, form: str, factor: float = 1) -> str:
    values = [getattr(t, name) for t in row.trajectories]
    return " / ".join(number(None if x is None else factor * x, form) for x in values)


def _find_collapses(context: Context) -> dict[str, float]:
    """Return where pairs collapse, in vacuum or in a crystal, whichever is farther out."""
    found: dict[str, float] = {}
    for rows in context.earlier.values():
        for scan in rows:
            if scan.collapse is not None:
                pair = "-".join(scan.pair)
                found[pair] = max(scan.collapse.distance, found.get(pair, 0.0))
    return found


def _run(
    calculator: BaseCalculator,
    crystal: Crystal,
    row: Dynamics,
    steps: tuple[float, ...],
    key: Any,
    context: Context,
) -> Dynamics:
    cell = build_supercell(bring_to_rest(calculator, crystal.atoms, AT_REST, cell=True), MOST_ATOMS)
    (found,) = evaluate(calculator, [cell])
    if found.energy is None:
        raise InputError(found.error or "the calculator has no energy")
    eps = np.finfo(floating_type(calculator, [found])).eps
    noise = float(1000 * eps * abs(found.energy) / len(cell))
    row = replace(row, n_atoms=len(cell), noise=noise)
    hot = heat(cell, row.temperature, row.seed)
    trajectories = []
    for step in steps:

        def keep(k: int, compute: Any, step: float = step) -> Segment:
            part: Segment = context.keep(Segment, (key, step, k), compute)
            return part

        write = _writer(context.settings, row.name, step)
        found_, pieces, end = simulate(
            calculator, Run(hot, step, row.time), keep, context.advance, write
        )
        trajectories.append(found_)
        row = compare_ends(row, hot, end, pieces)
        if found_.error:
            break
    return replace(row, trajectories=tuple(trajectories))


def _writer(settings: Settings, name: str, step: float) -> Any:
    """Return what adds a structure to the kept trajectory of a run, None where none is kept."""
    if settings.fits is None:
        return None
    from ase.io.trajectory import Trajectory as File

    from ...drawing.panel import slug

    settings.fits.mkdir(parents=True, exist_ok=True)
    path = settings.fits / f"{slug('dynamics', name)}-{step:g}fs.traj"
    path.unlink(missing_ok=True)  # of an earlier run: what is kept is written again

    def write(atoms: Atoms) -> None:
        with File(path, "a" if path.exists() else "w") as file:
            file.write(atoms)

    return write
