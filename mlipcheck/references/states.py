"""Which frames are states that a model can be compared at, and which of their labels are real."""

from __future__ import annotations

import re
from array import array
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
from ase import Atoms
from ase.constraints import FixAtoms, FixCartesian, FixScaled
from ase.geometry import find_mic

from ..analysis.structures import find_gaps, find_symmetry
from .disk_list import list_like
from .labels import NAMES, LabelledFrame

ALONE = 6.0  # Å of vacuum, across which atoms are no neighbours
# What `config_type` calls what sets a zero of energy.
SETS_ZERO = re.compile(r"isolated|single.?atom|free.?atom|dimer", re.IGNORECASE)
SINGLE_ATOM = "a single atom, which sets a zero of energy"
DIMER = "a dimer in vacuum, where the other frames are crystals"
DUPLICATE = "the structure and labels of an earlier frame"
NOT_COMPUTED = "its labels are exactly zero: not computed"
# Å, eV, eV/Å and eV/Å^3 within which two files write the same number.
SAME = {"positions": 2e-4, "energy": 1e-3, "forces": 1e-3, "stress": 1e-4}
SYMPREC = 1e-3  # Å; farther from its symmetry a crystal has forces of 0.01 eV/Å
# Sites on which a force may act (International Tables A, the ten polar point groups).
POLAR = {"1", "2", "3", "4", "6", "m", "mm2", "m2m", "2mm", "3m", "4mm", "6mm"}
RELATIVE = 0.5  # eV/atom; smaller energies are relative to a state whose zero is meant
NET_FORCE = 0.05  # eV/Å; the sum of all forces, of which codes leave less


def part_states(
    frames: Sequence[LabelledFrame],
) -> tuple[Sequence[LabelledFrame], Sequence[LabelledFrame]]:
    """Separate states from frames that a model must not be judged by.

    Returns
    -------
    states : sequence of LabelledFrame
        In their order, with those that have an error already. Labels that stand for 'not
        computed', and forces that constraints have masked, are None, and a note says so. On disk
        where the frames are.
    left_out : sequence of LabelledFrame
        Single atoms and dimers that set zeros of energy, duplicates, and what has nothing but
        zeros: with their labels, and an ``error`` that says why.

    Notes
    -----
    A file of dimers or molecules alone is a set like any other. Zeros that symmetry makes, as the
    forces of a perfect crystal, are labels.
    """
    small, known = False, array("d")
    for frame in frames:
        if frame.error is None:
            small |= len(frame.atoms) <= 2
            known.extend([abs(frame.energy) / len(frame.atoms)] if frame.energy else [])
    masked = _masked_runs(frames)
    crystals = small and not all(in_vacuum(f.atoms) for f in frames if f.error is None)
    relative = bool(known) and float(np.median(known)) < RELATIVE
    states, left_out = list_like(frames), list_like(frames)
    kept: dict[int, list[int]] = defaultdict(list)
    for frame in frames:
        state, why = frame, None
        if frame.error is None:
            state = _drop_zeros(frame, relative=relative, masked=frame.run in masked)
            why = _sets_zero(frame.atoms, crystals=crystals)
            if why is None and all(getattr(state, label) is None for label in NAMES):
                why = NOT_COMPUTED
            if why is None and _seen(state, states, kept):
                why = DUPLICATE
        if why is None:
            states.append(state)
        else:
            left_out.append(replace(frame, error=why))
    return states, left_out


def in_vacuum(atoms: Atoms) -> bool:
    """Find out whether atoms are surrounded by 6 Å of nothing, in each direction that repeats."""
    return bool((find_gaps(atoms)[0] > ALONE).all())


def _sets_zero(atoms: Atoms, *, crystals: bool) -> str | None:
    """Say what sets a zero of energy, and is no state; None for what is one."""
    said = SETS_ZERO.search(str(atoms.info.get("config_type", "")))
    if len(atoms) <= 2 and (said or in_vacuum(atoms)):
        return SINGLE_ATOM if len(atoms) == 1 else DIMER if crystals else None
    return None


def _drop_zeros(frame: LabelledFrame, *, relative: bool, masked: bool) -> LabelledFrame:
    """Take off the labels that were not computed."""
    if len(frame.atoms) <= 2 and in_vacuum(frame.atoms):
        return frame  # atoms apart have no energy, and no forces
    zero = "exactly zero, not computed"
    dropped = {}
    if frame.energy == 0 and not relative:
        dropped["energy"] = zero
    if frame.stress is not None and not frame.stress.any():
        dropped["stress"] = zero
    if frame.forces is not None and not frame.forces.any():
        if _may_pull(frame.atoms).any():
            dropped["forces"] = zero
    elif masked or _constrained(frame):
        dropped["forces"] = "zero on some atoms, masked by constraints"
    if not dropped:
        return frame
    notes = (*frame.notes, *(f"{label} left out: {why}" for label, why in dropped.items()))
    gone: dict[str, Any] = dict.fromkeys(dropped)
    return replace(frame, notes=notes, **gone)


def _constrained(frame: LabelledFrame) -> bool:
    """Find out whether forces are zero wherever constraints fix, and symmetry does not ask it."""
    known = [c for c in frame.constraints if isinstance(c, (FixAtoms, FixCartesian, FixScaled))]
    if frame.forces is None or not known:
        return False
    free = np.ones_like(frame.forces)
    for constraint in known:
        constraint.adjust_forces(frame.atoms, free)
    fixed = free == 0
    if not fixed.any() or frame.forces[fixed].any():
        return False
    return bool(_may_pull(frame.atoms)[fixed.any(axis=1)].any())


def _masked_runs(frames: Iterable[LabelledFrame]) -> set[str]:
    """Return runs in which the same atoms lack their forces in each frame.

    Those of the others then have a sum, which internal forces have not. Of each run are kept which
    atoms have had none so far, the frame with the largest sum, and that sum; None if all had some.
    """
    runs: dict[str, tuple[np.ndarray, LabelledFrame, float] | None] = {}
    for frame in frames:
        if frame.error is not None or frame.forces is None or not frame.forces.any():
            continue
        still = np.asarray(~frame.forces.any(axis=1))
        net = float(np.linalg.norm(frame.forces.sum(axis=0)))
        before = runs.get(frame.run, (still, frame, net))
        if before is None or len(before[0]) != len(still) or not (still & before[0]).any():
            runs[frame.run] = None
            continue
        most, largest = max(before[1:], (frame, net), key=lambda pair: pair[1])
        runs[frame.run] = (still & before[0], most, largest)
    return {run for run, kept in runs.items() if kept is not None and _has_sum(*kept)}


def _has_sum(still: np.ndarray, frame: LabelledFrame, net: float) -> bool:
    """Tell whether forces have a sum beyond their digits, and some of the still ones may pull."""
    assert frame.forces is not None
    digits = np.abs(frame.forces[frame.forces != 0]).min()
    clear = net >= NET_FORCE + digits * np.sqrt(still.size)
    return bool(clear and _may_pull(frame.atoms)[still].any())


def _may_pull(atoms: Atoms) -> np.ndarray:
    """Return on which atoms a force may act by symmetry; on none where that is not known."""
    if atoms.cell.rank < 3:
        return np.full(len(atoms), len(atoms) > 1)
    periodic = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=True)
    if (found := find_symmetry(periodic, SYMPREC)) is None:
        return np.zeros(len(atoms), dtype=bool)
    return np.array([s.replace(".", "") in POLAR for s in found.site_symmetry_symbols])


def _seen(
    frame: LabelledFrame, states: Sequence[LabelledFrame], kept: dict[int, list[int]]
) -> bool:
    """Find out whether the same is a state already; else note that it is going to be the next.

    Frames are looked up by rounded labels, on both sides of where rounding would part them, so
    that the time grows with their number and not with its square.
    """
    has = tuple(getattr(frame, label) is not None for label in NAMES)
    what = (frame.atoms.numbers.tobytes(), frame.atoms.pbc.tobytes(), has)
    force = 0.0 if frame.forces is None else float(np.abs(frame.forces).mean())
    energy, force = np.floor([(frame.energy or 0.0) / SAME["energy"], force / SAME["forces"]])
    for i, j in product((-1, 0, 1), repeat=2):
        near = kept.get(hash((what, energy + i, force + j)), ())
        if any(_alike(frame, states[k]) for k in near):
            return True
    kept[hash((what, energy, force))].append(len(states))
    return False


def _alike(a: LabelledFrame, b: LabelledFrame) -> bool:
    """Compare labels, and structures, whichever images of their atoms they have."""
    if a.atoms.numbers.tobytes() != b.atoms.numbers.tobytes():  # of one hash by chance
        return False
    # first what costs least: nearly all frames part by their forces
    for label in NAMES:
        x, y = getattr(a, label), getattr(b, label)
        if x is not None and np.abs(x - y).max() > SAME[label]:
            return False
    near = SAME["positions"]
    if np.abs(a.atoms.cell - b.atoms.cell).max() > near:
        return False
    off, _ = find_mic(a.atoms.positions - b.atoms.positions, a.atoms.cell, a.atoms.pbc)
    return bool(np.abs(off).max(initial=0.0) <= near)
