"""Do the stresses of frames agree with the change of their energies? Sign, unit, volume."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
from ase import units
from ase.stress import voigt_6_to_full_3x3_stress

from .doubts import Doubt
from .labels import LabelledFrame

STRAINS = 1e-4, 0.1  # between two frames: of these the trapezoid is good
SMALLEST = 2e-3  # eV of work: beyond the digits of energies
# What the work of the stress may be of the energy's change, and how they must correlate (cos²).
NEAR, CORRELATED = 1.3, 0.95
MAX_FRAMES = 5000  # the first of so many show it
MIN_PAIRS = 3  # that speak against stresses; one can speak for them
CONFIRMED = "the energies confirm the sign and size of the virials"
_FACTORS = {"GPa": units.GPa, "kbar": units.GPa / 10, "bar": units.bar}


def check_stresses(frames: Sequence[LabelledFrame]) -> tuple[tuple[Doubt, ...], tuple[str, ...]]:
    """Compare the work of stresses with what it does to the energies.

    Between frames of the same atoms, little strained, E_b - E_a + (F_a + F_b)/2 : Δu is
    (V_a σ_a + V_b σ_b)/2 : ε, with Δu what the atoms move beside the strain ε, to third order.

    Returns
    -------
    doubts : tuple of Doubt
        Those of the frames, without that about virials where energies confirm them, and with one
        where energies contradict the stresses.
    notes : tuple of str
        That they are confirmed, where it was in doubt.
    """
    found = tuple(dict.fromkeys(d for f in frames if not f.error for d in f.doubts))
    pairs = np.array(list(_works(frames[:MAX_FRAMES]))).reshape(-1, 2)
    work, change = pairs[np.abs(pairs).max(axis=1, initial=0.0) > SMALLEST].T
    cross, square = float(work @ change), float(work @ work)
    if cross**2 <= CORRELATED * square * float(change @ change):  # all are 0 where nothing is known
        return found, ()
    ratio = cross / square
    unchecked = [doubt for doubt in found if doubt.kind == "convention"]
    if 1 / NEAR < ratio < NEAR:
        kept = tuple(doubt for doubt in found if doubt not in unchecked)
        return kept, (CONFIRMED,) if unchecked else ()
    reverse = 1 / NEAR < -ratio < NEAR
    if 0.5 < ratio < 2.0 or (len(work) < MIN_PAIRS and not (reverse and unchecked)):
        return found, ()
    known = (f for f in frames[:MAX_FRAMES] if f.stress is not None)
    volume = float(np.median([f.atoms.cell.volume for f in known]))
    factors = _FACTORS | {"eV, as virials": 1 / volume}
    near = [name for name, factor in factors.items() if 1 / NEAR < abs(ratio) / factor < NEAR]
    times, size = (abs(ratio), "small") if abs(ratio) > 1 else (1 / abs(ratio), "large")
    off = f"{times:.{int(times < 10)}f} times too {size}"
    off += f" (in {' or '.join(near)}?)" if near else ""
    words = [off] * (not reverse) + ["of the other sign"] * (ratio < 0)
    text = f"by the energies of these frames, their stresses are {' and '.join(words)}"
    against = Doubt("sign" if reverse else "unit", text, ("stresses",))
    return (*(doubt for doubt in found if doubt not in unchecked), against), ()


def _works(frames: Sequence[LabelledFrame]) -> Iterator[tuple[float, float]]:
    """Yield the work of the stress, and the energy's change that is not the forces' work."""

    def kind(frame: LabelledFrame) -> tuple[str, bytes]:
        return frame.zero, frame.atoms.numbers.tobytes()

    usable = [f for f in frames if f.energy is not None and f.stress is not None]
    for _, same in itertools.groupby(sorted(usable, key=kind), key=kind):
        run = list(same)  # the sort is stable: in their order
        by_volume = sorted(run, key=lambda f: float(f.atoms.cell.volume))
        steps = dict.fromkeys([*itertools.pairwise(run), *itertools.pairwise(by_volume)])
        yield from filter(None, itertools.starmap(_work, steps))


def _work(a: LabelledFrame, b: LabelledFrame) -> tuple[float, float] | None:
    if a.energy is None or b.energy is None or a.stress is None or b.stress is None:
        return None
    middle = (a.atoms.cell[:] + b.atoms.cell[:]) / 2
    strain = np.linalg.solve(middle, b.atoms.cell[:] - a.atoms.cell[:])
    if not STRAINS[0] < np.abs(strain).max() < STRAINS[1]:
        return None
    moved = b.atoms.get_scaled_positions(wrap=False) - a.atoms.get_scaled_positions(wrap=False)
    moved = (moved - np.round(moved)) @ middle
    change = b.energy - a.energy
    if np.abs(moved).max(initial=0.0) > 1e-3:
        if a.forces is None or b.forces is None:
            return None
        change += float(np.sum((a.forces + b.forces) * moved)) / 2
        # the trapezoid is exact for a parabola; of EMT and PBE frames a tenth of it may be off
        if abs(np.sum((b.forces - a.forces) * moved)) > 6 * abs(change):
            return None
    work = (a.atoms.cell.volume * a.stress + b.atoms.cell.volume * b.stress) / 2
    return float(np.sum(voigt_6_to_full_3x3_stress(work) * strain)), change
