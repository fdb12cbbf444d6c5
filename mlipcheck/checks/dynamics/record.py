"""Records of molecular dynamics at constant energy."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, eq=False)
class Segment:
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
class Trajectory:
    """One run at one time step (fs).

    Attributes
    ----------
    times, energies : ndarray of shape (n,)
        fs, and total energies less the first in meV/atom; thinned where there are many.
    fluctuation : float or None
        rms of the total energy in meV/atom, after a fifth of the run, without its linear trend.
    slope, slope_error : float or None
        The trend in meV/atom/ps, and half the difference between both halves.
    jump : float or None
        The largest change of the total energy in one step over the rms of all such changes.
    temperature : float or None
        The mean of the second half, K.
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
class Dynamics:
    """A crystal at constant energy, at two time steps from one start.

    Attributes
    ----------
    temperature, time : float
        K that it was to have, and fs of each run.
    n_atoms, seed : int
        Of the supercell; of the velocities.
    trajectories : tuple of Trajectory
        At the longer step, and at half of it.
    noise : float
        What rounding makes of the total energy, meV/atom.
    closest : dict of str to float
        The shortest distance of each pair in either run, Å.
    collapses : dict of str to float
        Where pairs collapse, as far as other checks found it, Å.
    fallen : str or None
        A pair that came nearer than half of the sum of its covalent radii.
    broken, lost : int
        Bonds longer than 1.5 of what they were, and atoms without any neighbour, at the end.
    displacement : float or None
        rms displacement at the end over the distance of nearest neighbours; a melt has 0.15.
    """

    name: str
    formula: str = ""
    source: str = ""
    fingerprint: str = field(default="", metadata={"input": "structure"})
    temperature: float = field(default=300.0, metadata={"input": "temperature"})
    time: float = field(default=0.0, metadata={"input": "time"})
    n_atoms: int = 0
    seed: int = 0
    trajectories: tuple[Trajectory, ...] = ()
    noise: float = 0.0
    closest: dict[str, float] = field(default_factory=dict)
    collapses: dict[str, float] = field(default_factory=dict)
    fallen: str | None = None
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
    def margin(self) -> tuple[str, float] | None:
        """The pair that comes nearest to its collapse, and the ratio of the distances."""
        pairs = {p: d / self.collapses[p] for p, d in self.closest.items() if p in self.collapses}
        return min(pairs.items(), key=lambda pair: pair[1]) if pairs else None
