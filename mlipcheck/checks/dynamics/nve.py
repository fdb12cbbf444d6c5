"""Molecular dynamics at constant energy with ASE's velocity Verlet, in pieces; its records."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial, reduce
from typing import Any

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import BaseCalculator
from ase.data import atomic_numbers, covalent_radii

from ...analysis.structures import find_closest
from ...calculators.base import FAILURES
from ...calculators.evaluate import Progress, describe_error
from ...check import Context
from ...storage import Record
from ..relaxation.geometry import find_bonds, find_units, follow_bonds
from ..relaxation.record import BondTable

PIECE = 100.0  # fs between states that a run can go on from
LOOK = 5  # steps from one look at distances to the next
SETTLING = 0.2  # of a run, before fluctuations are looked at
BROKEN = 1.5  # of a bond's first length
MAX_POINTS = 400  # that are kept of a run for its figure


@dataclass(frozen=True, eq=False)
class Segment(Record):
    """A piece of a run, and the state that the next piece goes on from.

    ``energies`` (n,) are total ones in eV after each step, ``kinetic`` (n,) their kinetic part,
    ``closest`` the shortest distance of each pair of elements in Å; ``positions`` (n_atoms, 3) in
    Å and ``momenta`` in ASE's units.
    """

    energies: np.ndarray
    kinetic: np.ndarray
    closest: dict[str, float]
    positions: np.ndarray
    momenta: np.ndarray
    error: str | None = None

    def end(self, start: Atoms) -> Atoms:
        """Return a structure as this piece leaves it."""
        atoms = start.copy()
        atoms.positions = self.positions
        atoms.set_momenta(self.momenta)
        return atoms


@dataclass(frozen=True, eq=False)
class Trajectory(Record):
    """One run at one time step (fs).

    ``energies`` (n,) are total ones less the first in meV/atom, at ``times`` (n,) in fs, thinned
    where there are many. After a fifth of the run, ``slope`` is their trend in meV/atom/ps, its
    error half the difference between both halves, ``fluctuation`` the rms without the trend and
    ``jump`` the largest change in one step over the rms change; ``temperature`` (K) is the mean of
    the second half.
    """

    step: float
    times: np.ndarray
    energies: np.ndarray
    fluctuation: float | None = None
    slope: float | None = None
    slope_error: float | None = None
    jump: float | None = None
    temperature: float | None = None
    error: str | None = None


@dataclass(frozen=True, eq=False)
class Dynamics(Record):
    """A crystal at constant energy, at two time steps from one start.

    ``temperature`` (K) is what it was to have, ``time`` (fs) the length of each run, ``n_atoms``
    those of the supercell, ``seed`` that of the velocities; ``trajectories`` are at the longer step
    and at half of it.

    ``noise`` is what rounding makes of the total energy, meV/atom; ``closest`` the shortest
    distance of each pair in either run and ``collapses`` where pairs collapse, as far as other
    checks found it, Å. At the end of the runs, ``broken`` bonds are longer than 1.5 of what they
    were, ``lost`` atoms have no others, and ``displacement`` is the rms displacement of atoms, of
    molecules as a whole, over their spacing; without hydrogen.
    """

    name: str
    fingerprint: str = field(default="", metadata={"input": "structure"})
    temperature: float = field(default=300.0, metadata={"input": "temperature"})
    time: float = field(default=0.0, metadata={"input": "time"})
    n_atoms: int = 0
    seed: int = 0
    trajectories: tuple[Trajectory, ...] = ()
    noise: float = 0.0
    closest: dict[str, float] = field(default_factory=dict)
    collapses: dict[str, float] = field(default_factory=dict)
    broken: int = 0
    lost: int = 0
    displacement: float | None = None
    error: str | None = None

    @property
    def ratio(self) -> float | None:
        """The fluctuation at the longer step over that at the shorter one."""
        sizes = [t.fluctuation for t in self.trajectories]
        return sizes[0] / sizes[1] if len(sizes) == 2 and sizes[0] and sizes[1] else None

    @property
    def fallen(self) -> str | None:
        """A pair that came nearer than half of the sum of its covalent radii, as no bond is."""
        numbers = {p: [atomic_numbers[x] for x in p.split("-")] for p in self.closest}
        short = (p for p, d in self.closest.items() if d <= covalent_radii[numbers[p]].sum() / 2)
        return next(short, None)

    @property
    def margin(self) -> tuple[str, float] | None:
        """The pair that comes nearest to its collapse, and the ratio of the distances."""
        pairs = {p: d / self.collapses[p] for p, d in self.closest.items() if p in self.collapses}
        return min(pairs.items(), key=lambda pair: pair[1]) if pairs else None


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
    end = pieces[-1].end(start)
    bonds = find_bonds(start)
    broken = follow_bonds(bonds, end).lengths > BROKEN * bonds.lengths
    lost = np.setdiff1d(bonds.indices, bonds.indices[~broken])  # all of their bonds are broken
    moves = _moves_of_molecules(start, end, bonds)
    spacing = (start.get_volume() / len(moves)) ** (1 / 3)
    moved = float(np.sqrt(((moves - moves.mean(axis=0)) ** 2).sum(axis=1).mean()))
    return replace(
        row,
        trajectories=(*row.trajectories, summarise(step, row.time, pieces)),
        closest=reduce(_smallest, (piece.closest for piece in pieces), row.closest),
        broken=max(row.broken, int(broken.sum())),
        lost=max(row.lost, len(lost)),
        displacement=max(row.displacement or 0.0, moved / spacing),
    )


def _moves_of_molecules(start: Atoms, end: Atoms, bonds: BondTable) -> np.ndarray:
    """Return the way of each atom, and of each molecule's centre of mass, shape (n, 3).

    What turns does not melt: molecules, and hydrogen about what it is bound to, as in OH.
    """
    n, every = len(start), np.ones(len(bonds.indices), bool)
    member, dimensions = find_units(bonds, n, every)
    _, unit = np.unique(np.where(dimensions == 0, member, n + np.arange(n)), return_inverse=True)
    heavy = start.numbers > 1 if (start.numbers > 1).any() else start.numbers > 0
    weights = start.get_masses() * heavy
    total = np.bincount(unit, weights)
    moves = weights[:, None] * (end.positions - start.positions)
    sums = np.stack([np.bincount(unit, x) for x in moves.T], axis=1)
    return np.asarray(sums[total > 0] / total[total > 0, None])


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
