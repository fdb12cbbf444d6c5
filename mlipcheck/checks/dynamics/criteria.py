"""Questions about molecular dynamics, their numbers and limits."""

from __future__ import annotations

from ...criterion import OWN_CONVENTION, Criterion, Reading
from .record import Dynamics

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
        return Reading(
            0.0, f"{pair} {row.closest[pair]:.2f} Å, half of a bond: atoms fell together"
        )
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
