"""Molecular dynamics at constant energy with ASE's velocity Verlet, in pieces that are kept."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import BaseCalculator

from ...analysis.closest import find_closest
from ...calculators.base import FAILURES
from ...calculators.evaluate import Progress, describe_error
from ...check import Context
from ..relaxation.geometry import find_bonds, follow_bonds
from .record import Dynamics, Segment, Trajectory

PIECE = 100.0  # fs between states that a run can go on from
LOOK = 5  # steps from one look at distances to the next
SETTLING = 0.2  # of a run, before fluctuations are looked at
BROKEN = 1.5  # of a bond's first length
MAX_POINTS = 400  # that are kept of a run for its figure


def heat(atoms: Atoms, temperature: float, seed: int) -> Atoms:
    """Return a structure at rest with velocities of twice a temperature, and no drift.

    Half of the kinetic energy goes into the potential.
    """
    moved, masses = atoms.copy(), atoms.get_masses()[:, None]
    size = np.sqrt(2 * temperature * units.kB / masses)  # Maxwell and Boltzmann's
    velocities = size * np.random.default_rng(seed).normal(size=(len(atoms), 3))
    moved.set_velocities(velocities - (masses * velocities).sum(axis=0) / masses.sum())
    return moved


def simulate(
    calculator: BaseCalculator, atoms: Atoms, step: float, time: float, key: Any, context: Context
) -> list[Segment]:
    """Follow atoms with momenta for a time (fs), or to the first failure, in pieces."""
    pieces: list[Segment] = []
    left = round(time / step)
    while left > 0 and not (pieces and pieces[-1].error):
        start = pieces[-1].end(atoms) if pieces else atoms.copy()
        steps = min(left, round(PIECE / step))
        compute = partial(_follow, calculator, start, steps, step, context.advance)
        pieces.append(context.keep(Segment, (key, step, len(pieces)), compute))
        left -= steps
    return pieces


def _follow(
    calculator: BaseCalculator, atoms: Atoms, steps: int, step: float, advance: Progress
) -> Segment:
    from ase.md.verlet import VelocityVerlet

    atoms.calc = calculator
    energies: list[float] = []
    kinetic: list[float] = []
    closest: dict[str, float] = {}
    error = None
    try:
        with VelocityVerlet(atoms, timestep=step * units.fs, logfile=None) as dynamics:
            for k in range(steps):
                dynamics.run(1)
                kinetic.append(float(atoms.get_kinetic_energy()))
                energies.append(float(atoms.get_potential_energy()) + kinetic[-1])
                if not np.isfinite(energies[-1]):
                    raise FloatingPointError("the energy is not finite")
                if k % LOOK == 0 or k == steps - 1:
                    found = find_closest([("", atoms)])
                    closest = _smallest(closest, {"-".join(p): d for p, (d, _) in found.items()})
                advance(1)
    except FAILURES as failure:  # a run that fails is shown as far as it came
        error = describe_error(failure)
    atoms.calc = None
    momenta = atoms.get_momenta()
    return Segment(np.array(energies), np.array(kinetic), closest, atoms.positions, momenta, error)


def _smallest(one: dict[str, float], other: dict[str, float]) -> dict[str, float]:
    return {p: min(one.get(p, np.inf), other.get(p, np.inf)) for p in {**one, **other}}


def add_run(row: Dynamics, start: Atoms, step: float, pieces: list[Segment]) -> Dynamics:
    """Return the row with one more run, and with what became of the structure in it."""
    closest = row.closest
    for piece in pieces:
        closest = _smallest(closest, piece.closest)
    end = pieces[-1].end(start)
    bonds = find_bonds(start)
    broken = follow_bonds(bonds, end).lengths > BROKEN * bonds.lengths
    lost = np.setdiff1d(bonds.indices, bonds.indices[~broken])  # all of their bonds are broken
    # Hydrogen turns about what it is bound to, in a molecule or in OH: that is no melting.
    heavy = start.numbers > 1 if (start.numbers > 1).any() else start.numbers > 0
    spacing = (start.get_volume() / heavy.sum()) ** (1 / 3)
    moves = (end.positions - start.positions)[heavy]
    moved = float(np.sqrt(((moves - moves.mean(axis=0)) ** 2).sum(axis=1).mean()))
    return replace(
        row,
        trajectories=(*row.trajectories, summarise(step, row.time, pieces)),
        closest=closest,
        broken=max(row.broken, int(broken.sum())),
        lost=max(row.lost, len(lost)),
        displacement=max(row.displacement or 0.0, moved / spacing),
    )


def summarise(step: float, time: float, pieces: list[Segment]) -> Trajectory:
    """Return what the total energy does after the first fifth of a run."""
    n_atoms = len(pieces[0].positions)
    energies = 1000 * np.concatenate([p.energies for p in pieces]) / n_atoms
    kinetic = np.concatenate([p.kinetic for p in pieces])
    times = step * np.arange(1, len(energies) + 1)
    thin = slice(None, None, -(-len(times) // MAX_POINTS) or 1)
    shown = energies[thin] - energies[:1]
    found = Trajectory(step, times[thin], shown, error=pieces[-1].error)
    late = times > SETTLING * time
    if late.sum() < 20:
        return found
    t, e = times[late] / 1000, energies[late]
    trend = np.polyfit(t, e, 1)
    middle = len(t) // 2
    halves = [np.polyfit(t[half], e[half], 1)[0] for half in (slice(middle), slice(middle, None))]
    changes = np.abs(np.diff(e))
    size = float(np.sqrt(np.mean(changes**2)))
    return replace(
        found,
        fluctuation=float(np.std(e - np.polyval(trend, t))),
        slope=float(trend[0]),
        slope_error=float(abs(halves[1] - halves[0]) / 2),
        jump=float(changes.max() / size) if size > 0 else None,
        temperature=float(np.mean(kinetic[len(kinetic) // 2 :]) / (1.5 * n_atoms * units.kB)),
    )
