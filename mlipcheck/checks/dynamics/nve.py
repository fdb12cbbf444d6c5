"""Molecular dynamics at constant energy with ASE's velocity Verlet, in pieces that are kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import BaseCalculator
from ase.data import atomic_numbers, covalent_radii

from ...analysis.closest import find_closest
from ...calculators.base import FAILURES
from ...calculators.evaluate import describe_error
from ...calculators.neighbours import half_neighbour_list
from ..relaxation.geometry import find_bonds, follow_bonds
from .record import Dynamics, Segment, Trajectory

PIECE = 100.0  # fs between states that a run can go on from
LOOK = 5  # steps from one look at distances to the next
SETTLING = 0.2  # of a run, before fluctuations are looked at
FALLEN = 0.5  # of the sum of covalent radii: no bond is as short
BROKEN = 1.5  # of a bond's first length
ALONE = 2.0  # of the sum of covalent radii to the nearest atom: one that is lost
MAX_POINTS = 400  # that are kept of a run for its figure


@dataclass(frozen=True, eq=False)
class Run:
    """What is simulated: a structure with momenta, the step and the length of a run (fs)."""

    atoms: Atoms
    step: float
    time: float

    @property
    def pieces(self) -> list[int]:
        """The number of steps of each piece."""
        steps, most = round(self.time / self.step), round(PIECE / self.step)
        return [min(most, steps - done) for done in range(0, steps, most)]


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
    calculator: BaseCalculator,
    run: Run,
    keep: Callable[[int, Callable[[], Segment]], Segment],
    advance: Callable[[int], None],
    write: Callable[[Atoms], Any] | None = None,
) -> tuple[Trajectory, list[Segment], Atoms]:
    """Follow a run to its end or to its first failure; ``keep`` may know pieces of it already."""
    atoms = run.atoms.copy()
    pieces: list[Segment] = []
    for k, steps in enumerate(run.pieces):
        start = atoms.copy()

        def compute(start: Atoms = start, steps: int = steps) -> Segment:
            return _follow(calculator, start, steps, run.step, advance)

        pieces.append(piece := keep(k, compute))
        atoms.positions, error = piece.positions, piece.error
        atoms.set_momenta(piece.momenta)
        if write is not None:
            write(atoms)
        if error:
            break
    return _summarise(run, pieces, len(atoms)), pieces, atoms


def _follow(
    calculator: BaseCalculator,
    atoms: Atoms,
    steps: int,
    step: float,
    advance: Callable[[int], None],
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
                    for pair, (d, _) in find_closest([("", atoms)]).items():
                        name = "-".join(pair)
                        closest[name] = min(d, closest.get(name, np.inf))
                advance(1)
    except FAILURES as failure:  # a run that fails is shown as far as it came
        error = describe_error(failure)
    atoms.calc = None
    return Segment(
        np.array(energies), np.array(kinetic), closest, atoms.positions, atoms.get_momenta(), error
    )


def _summarise(run: Run, pieces: list[Segment], n_atoms: int) -> Trajectory:
    """Return what the total energy does after the first fifth of a run."""
    energies = 1000 * np.concatenate([p.energies for p in pieces]) / n_atoms
    kinetic = np.concatenate([p.kinetic for p in pieces])
    times = run.step * np.arange(1, len(energies) + 1)
    thin = slice(None, None, -(-len(times) // MAX_POINTS) or 1)
    error = pieces[-1].error if pieces else None
    shown = energies[thin] - energies[0] if len(energies) else energies
    found = Trajectory(run.step, times[thin], shown, error=error)
    late = times > SETTLING * run.time
    if late.sum() < 20 or not np.isfinite(energies).all():
        return found
    t, e = times[late] / 1000, energies[late]
    trend = np.polyfit(t, e, 1)
    half = len(t) // 2
    halves = [np.polyfit(x, y, 1)[0] for x, y in ((t[:half], e[:half]), (t[half:], e[half:]))]
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


def compare_ends(row: Dynamics, start: Atoms, end: Atoms, pieces: list[Segment]) -> Dynamics:
    """Return the row with what became of the structure: distances, bonds, displacements."""
    closest = dict(row.closest)
    for piece in pieces:
        for pair, d in piece.closest.items():
            closest[pair] = min(d, closest.get(pair, np.inf))
    fallen = min(closest, key=lambda p: closest[p] / _sum_of_radii(p), default=None)
    if fallen is not None and closest[fallen] > FALLEN * _sum_of_radii(fallen):
        fallen = None
    bonds = find_bonds(start)
    lengths = follow_bonds(bonds, end).lengths
    nearest = float(bonds.lengths.min(initial=np.inf))
    moves = end.positions - start.positions
    moved = float(np.sqrt(((moves - moves.mean(axis=0)) ** 2).sum(axis=1).mean()))
    return replace(
        row,
        closest=closest,
        fallen=row.fallen or fallen,
        broken=max(row.broken, int((lengths > BROKEN * bonds.lengths).sum())),
        lost=max(row.lost, _count_lost(end) - _count_lost(start)),
        displacement=max(row.displacement or 0.0, moved / nearest),
    )


def _count_lost(atoms: Atoms) -> int:
    """Return how many atoms have no neighbour within twice the sum of the covalent radii."""
    radii = covalent_radii[atoms.numbers]
    i, j, d = half_neighbour_list(atoms, 2 * ALONE * radii.max(), "ijd")
    near = d < ALONE * (radii[i] + radii[j])
    return len(atoms) - len(np.union1d(i[near], j[near]))


def _sum_of_radii(pair: str) -> float:
    return float(sum(covalent_radii[atomic_numbers[x]] for x in pair.split("-")))
