"""Records of molecular dynamics at constant energy."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from ase.data import atomic_numbers, covalent_radii

from ...storage import Record


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
    were, ``lost`` atoms have no others, and ``displacement`` is the rms displacement, without
    hydrogen, over the spacing of atoms.
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
