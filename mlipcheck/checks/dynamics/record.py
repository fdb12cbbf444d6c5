"""Records of molecular dynamics at constant energy, and the questions about them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, covalent_radii

from ...criterion import OWN_CONVENTION, Criterion, Reading
from ...storage import Record

LONGEST_RATIO = 6.0  # beyond it the step is too long for the hardest vibration
ROUNDING = 3.0  # times rounding that a fluctuation must be to mean anything
SHRINKS = 0.5  # a drift that falls below this share with half the step comes of the step
JUMP = 8.0  # times the rms change of a step: the energy jumps
MELT = 0.15  # of the spacing of atoms (Lindemann)
AMBIENT = 350.0  # K; above it what a crystal does may be physics


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


def read_structure(row: Dynamics) -> Reading | None:
    if row.displacement is None:
        return None
    text = f"rms displacement {row.displacement:.2f} of the spacing of atoms"
    text += f", {row.broken} broken bonds, {row.lost} lost atoms" if row.broken else ""
    kept = row.displacement < MELT and not row.broken
    if not kept and row.temperature > AMBIENT:
        return Reading(None, f"{text}, at {row.temperature:g} K")
    return Reading(0.0 if kept else 1.0, text)


CRITERIA = (
    Criterion(
        "run to its end",
        read_end,
        caution=None,
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
        fail=None,
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
        "crystal under heat",
        read_structure,
        caution=0,
        fail=None,
        source="Lindemann: a crystal melts at 0.1 to 0.15 of the spacing of atoms",
        good="the crystal keeps its bonds",
        bad="bonds break or the crystal melts at room temperature",
        why="a crystal that is known to be stable must stay",
        words="caution: rms displacement above 0.15, broken bonds below 350 K",
    ),
)
