"""The check of dynamics: which crystals, how long, the questions and their limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from ase.calculators.calculator import BaseCalculator, InputError
from ase.io import write

from ...calculators.evaluate import evaluate, floating_type
from ...check import Check, Context, Skip, Task
from ...criterion import OWN_CONVENTION, Criterion, Reading
from ...drawing.tables import Column, Paragraph, number
from ...record import Model
from ...system import SHORTEST, Settings, System
from .. import crystals
from ..compression.push import farthest_collapses
from .nve import Dynamics, add_run, heat, simulate

if TYPE_CHECKING:
    from ...drawing.panel import Panel

# Crystals, atoms of a supercell, and atoms times steps of both runs that the time is chosen by.
BOUNDS, QUICK = (2, crystals.MOST_ATOMS, 10_000), (1, crystals.QUICK_ATOMS, 2_500)
LONGEST = 200.0  # fs, where nobody asks for a time
STEPS, HYDROGEN_STEPS = (2.0, 1.0), (1.0, 0.5)  # fs
AT_REST = 0.05  # eV/Å to which a crystal is relaxed first
LONGEST_RATIO = 6.0  # beyond it the step is too long for the hardest vibration
ROUNDING = 3.0  # times rounding that a fluctuation must be to mean anything
SHRINKS = 0.5  # a drift that falls below this share with half the step comes of the step
JUMP = 8.0  # times the rms change of a step: the energy jumps
MELT = 0.15  # of the spacing of atoms (Lindemann)
AMBIENT = 350.0  # K; above it what a crystal does may be physics


def read_end(row: Dynamics) -> Reading:
    failed = [t for t in row.trajectories if t.error]
    if row.error:
        return Reading(None, row.error)
    if failed:
        last = failed[0].times[-1] if len(failed[0].times) else 0.0
        return Reading(1, f"failed after {last:.0f} fs at {failed[0].step:g} fs: {failed[0].error}")
    return Reading(0, f"{row.time:g} fs at {' and '.join(f'{t.step:g}' for t in row.trajectories)}")


def read_drift(row: Dynamics) -> Reading | None:
    if len(row.trajectories) < 2:
        return None
    long, short = row.trajectories
    if short.slope is None or long.slope is None or short.slope_error is None:
        return None
    text = f"{short.slope:+.2f} ± {short.slope_error:.2f} meV/atom/ps at {short.step:g} fs"
    if abs(short.slope) < SHRINKS * abs(long.slope):
        text += f" ({long.slope:+.2f} at {long.step:g} fs: it comes of the step)"
        return Reading(0.0, text)
    return Reading(max(abs(short.slope) - 2 * short.slope_error, 0.0), text)


def read_ratio(row: Dynamics) -> Reading | None:
    if row.ratio is None:
        return None
    long, short = row.trajectories
    text = f"fluctuations x {row.ratio:.1f} from {short.step:g} to {long.step:g} fs"
    if (long.fluctuation or 0.0) < ROUNDING * row.noise:
        return Reading(None, f"{text}, at the level of rounding")
    if row.ratio > LONGEST_RATIO:
        return Reading(None, f"{text}: {long.step:g} fs is too long for the hardest vibration")
    if (short.jump or 0.0) > JUMP:
        text += f"; the energy jumps, {short.jump:.0f} x the usual change of a step"
    return Reading(row.ratio, text)


def read_closest(row: Dynamics) -> Reading | None:
    if pair := row.fallen:
        text = f"{pair} {row.closest[pair]:.2f} Å, half of a bond: atoms fell together"
        return Reading(0.0, text)
    if row.margin is None:
        return None
    pair, ratio = row.margin
    return Reading(ratio, f"{pair} {row.closest[pair]:.2f} Å, {ratio:.2f} x collapse")


def read_displacement(row: Dynamics) -> Reading | None:
    if row.displacement is None:
        return None
    text = f"rms {row.displacement:.2f} of their spacing after {row.time:g} fs"
    found = [t.temperature for t in row.trajectories if t.temperature is not None]
    text += f" of {np.mean(found):.0f} K in the mean" if found else ""
    return _at_ambient(row, row.displacement, MELT, text)


def read_broken(row: Dynamics) -> Reading | None:
    if row.displacement is None:
        return None
    text = f"{row.broken} broken, {row.lost} lost atoms" if row.broken else "none broken"
    return _at_ambient(row, row.broken, 0, text)


def _at_ambient(row: Dynamics, value: float, limit: float, text: str) -> Reading:
    """Return what is judged near room temperature alone: a hot crystal may melt."""
    hot = row.temperature > AMBIENT and value > limit
    return Reading(
        None if hot else value, f"{text}; at {row.temperature:g} K it may be" if hot else text
    )


CRITERIA = (
    Criterion(
        "run to its end",
        read_end,
        fail=0,
        source=OWN_CONVENTION,
        good="the model has an answer along the whole run",
        bad="the run breaks off",
        why="a run that breaks off has left the model's range",
        words="fail: the run breaks off",
    ),
    Criterion(
        "energy drift",
        read_drift,
        caution=0.5,
        fail=5.0,
        unit="meV/atom/ps",
        source=f"{OWN_CONVENTION}: 5 meV/atom/ps heat a crystal by 20 K in a ps",
        good="the total energy stays where it is",
        bad="the total energy drifts: forces are not the derivative of the energy, or jump",
        why="a drift heats or cools a run, and falsifies all that is averaged over it",
    ),
    Criterion(
        "energy fluctuations",
        read_ratio,
        caution=2.5,
        below=True,
        unit="x",
        source="velocity Verlet is of second order: half the step, a quarter of the fluctuation",
        good="fluctuations shrink with the step as for a smooth potential",
        bad="fluctuations do not shrink with the step: forces are rough, jump, or do not conserve",
        why="only a smooth potential has a step that is short enough",
        words="caution: < 2.5 x; about 4 where forces are smooth",
    ),
    Criterion(
        "closest approach",
        read_closest,
        caution=1.25,
        fail=1.0,
        below=True,
        unit="x collapse",
        source=f"{OWN_CONVENTION}, as for contacts",
        good="atoms stay well outside of the collapse",
        bad="atoms come near to where they collapse, or fall together",
        why="what falls in never comes out, and everything after it is meaningless",
    ),
    Criterion(
        "displacements under heat",
        read_displacement,
        caution=MELT,
        source="Lindemann: a crystal melts at 0.1 to 0.15 of the spacing of atoms",
        good="atoms and molecules stay near their sites",
        bad="atoms, or molecules as a whole, are as far from their sites as in a melt: that may be "
        "true, where the crystal melts near room temperature",
        why="a crystal that is known to be stable must stay",
        unit="of the spacing",
    ),
    Criterion(
        "bonds under heat",
        read_broken,
        caution=0,
        source=f"{OWN_CONVENTION}: broken is 1.5 times as long as before",
        good="the crystal keeps its bonds",
        bad="bonds break at room temperature",
        why="a crystal that is known to be stable must stay",
        unit="bonds",
    ),
)


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
        about = "Relaxed first, the cell only where the calculator has stresses. "
        about += "Of twice the temperature, half goes into the potential."
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
