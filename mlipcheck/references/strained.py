"""Strained cells of one crystal, with stresses: among labelled frames, or known of an element."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

import numpy as np
from ase import Atoms
from ase.stress import voigt_6_to_full_3x3_stress

from ..analysis.structures import empty_directions
from ..analysis.tensor import fit_tensors, invariant_tensors, strain_between
from . import datasets
from .frame_sets import FrameSet, frames_from_atoms
from .images import read_images
from .labels import LabelledFrame
from .metals import SLABS

# The largest norm of a strain: the first with which all constants are found, at two sizes of strain
# if possible. Shears of the Materials Project's workflow go to 6 %.
SIZES = (0.025, 0.09)
SMALLEST = 0.002  # of the largest: what moves less was not strained
CLAMPED, MOVED = 1e-3, 0.2  # Å that ions move by within the cell: not at all, and at most
AT_REST = 0.05  # eV/Å of ions that were relaxed
FEWEST = 6  # cells


@dataclass(frozen=True, eq=False)
class StrainedCells:
    """Labelled cells that are small strains of one crystal, ``start``; all have stresses."""

    labels: FrameSet
    start: Atoms

    def fit(self, stresses: Iterable[np.ndarray | None]) -> np.ndarray | None:
        """Return what `fit_tensors` finds, from stresses of shape (6,) of these very cells."""
        pairs = [strain_between(self.start, f.atoms) for f in self.labels.frames]
        strains, turns = np.array(pairs).swapaxes(0, 1)
        full = np.array([voigt_6_to_full_3x3_stress(s) for s in stresses])
        turned = turns @ full @ turns.swapaxes(1, 2)
        return fit_tensors(strains, turned, invariant_tensors(self.start))


def find_strained(labels: FrameSet) -> list[StrainedCells]:
    """Find the crystals of which a set of frames has enough strained cells for a whole tensor."""
    groups: dict[bytes, list[LabelledFrame]] = {}
    for f in labels.frames:
        if not f.error and f.stress is not None:
            groups.setdefault(f.atoms.numbers.tobytes(), []).append(f)
    return list(filter(None, (_strained(labels, group) for group in groups.values())))


def _strained(labels: FrameSet, frames: list[LabelledFrame]) -> StrainedCells | None:
    start = min(frames, key=lambda f: (f.energy or 0.0, np.abs(np.array(f.stress)).max())).atoms
    if empty_directions(start).any():
        return None
    frames = [f for f in frames if _same_crystal(start, f)]
    sizes = [np.linalg.norm(strain_between(start, f.atoms)[0]) for f in frames]
    found: dict[int, StrainedCells] = {}
    for largest in SIZES if max(sizes) > SMALLEST else ():
        kept = tuple(f for f, size in zip(frames, sizes, strict=True) if size < largest)
        cells = StrainedCells(replace(labels, frames=kept), start)
        fits = cells.fit(f.stress for f in kept) if len(kept) >= FEWEST else None
        found.setdefault(0 if fits is None else len(fits), cells)
    best = max(found, default=0)
    return found[best] if best else None


def _same_crystal(start: Atoms, frame: LabelledFrame) -> bool:
    """Tell whether ions are where the strain takes them, or at rest near by."""
    moves = frame.atoms.get_scaled_positions(wrap=False) - start.get_scaled_positions(wrap=False)
    moves -= moves[0] + np.round(moves - moves[0])
    far = np.linalg.norm((moves - moves.mean(axis=0)) @ start.cell[:], axis=1).max()
    rest = frame.forces is not None and np.abs(frame.forces).max() < AT_REST
    return bool(far < (MOVED if rest else CLAMPED))


def known_strained(elements: Collection[str]) -> list[StrainedCells]:
    """Return the strained PBE cells of these elements that are at hand; nothing is downloaded."""
    found = []
    level = datasets.get_dataset(SLABS).level_of_theory
    for path in datasets.find(SLABS) or ():
        element, kind = path.stem.split("_")
        if kind == "Elastic" and element in elements:
            name = f"elastic-{element}"
            labels = frames_from_atoms(read_images(path)[0], name, name)
            found += find_strained(replace(labels, level_of_theory=level))
    return found
