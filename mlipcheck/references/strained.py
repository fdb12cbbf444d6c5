"""Strained cells of one crystal with stresses: found among labelled frames, or known of elements."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from ase import Atoms, units
from ase.calculators.singlepoint import SinglePointCalculator
from ase.stress import voigt_6_to_full_3x3_stress

from ..analysis.tensor import fit_tensors, invariant_tensors, strain_between
from . import datasets
from .frames import FrameSet, frames_from_atoms
from .labels import LabelledFrame

# The norm of a strain: of these the smallest that has all constants. Shears of the Materials
# Project's workflow go to 6 %.
SIZES = (0.025, 0.09)
SMALLEST = 0.002  # of the largest strain: a cell that hardly moves was relaxed, not strained
CLAMPED, MOVED = 1e-3, 0.2  # Å that ions move by within the cell: not at all, and at most
AT_REST = 0.05  # eV/Å of ions that were relaxed
FEWEST = 6  # cells
VASP_ORDER = [0, 1, 2, 4, 5, 3]  # Voigt's components in xx yy zz xy yz zx
ELEMENTS = ("Mo", "Nb", "W")  # that have a data set


@dataclass(frozen=True, eq=False)
class StrainedCells:
    """Cells that are small strains of one crystal, all with stresses.

    ``strains`` and ``rotations`` (n, 3, 3) lead from ``start`` to each; ``invariants`` (m, 6, 6)
    are the tensors that its symmetry allows, and ``tensors`` those of the labels.
    """

    labels: FrameSet
    start: Atoms
    strains: np.ndarray
    rotations: np.ndarray
    invariants: np.ndarray
    tensors: np.ndarray

    def fit(self, stresses: np.ndarray) -> np.ndarray | None:
        """Return what `fit_tensors` finds, from stresses (n, 6) of these very cells."""
        full = np.array([voigt_6_to_full_3x3_stress(s) for s in stresses])
        turned = self.rotations @ full @ self.rotations.transpose(0, 2, 1)
        return fit_tensors(self.strains, turned, self.invariants)


def find_strained(labels: FrameSet) -> list[StrainedCells]:
    """Find the crystals of which a set of frames has enough strained cells for a whole tensor."""
    groups: dict[bytes, list[LabelledFrame]] = {}
    for f in labels.frames:
        if not f.error and f.stress is not None:
            groups.setdefault(f.atoms.numbers.tobytes(), []).append(f)
    found = [_strained(labels, group) for group in groups.values()]
    return [cells for cells in found if cells is not None]


def _strained(labels: FrameSet, frames: list[LabelledFrame]) -> StrainedCells | None:
    if len(frames) < FEWEST:
        return None
    start = min(frames, key=lambda f: (f.energy or 0.0, float(np.linalg.norm(f.stress)))).atoms
    frames = [f for f in frames if _same_crystal(start, f)]
    strains, turns = np.array([strain_between(start, f.atoms) for f in frames]).swapaxes(0, 1)
    sizes = np.linalg.norm(strains, axis=(1, 2))
    best = None
    for largest in SIZES:
        kept = np.flatnonzero(sizes < largest)
        if len(kept) < FEWEST or sizes[kept].max() < SMALLEST:
            continue
        cells = tuple(frames[k] for k in kept)
        some = replace(labels, frames=cells)
        invariants = invariant_tensors(start)
        found = StrainedCells(some, start, strains[kept], turns[kept], invariants, np.array([]))
        tensors = found.fit(np.array([f.stress for f in cells]))
        if tensors is not None and (best is None or len(tensors) > len(best.tensors)):
            best = replace(found, tensors=tensors)
    return best


def _same_crystal(start: Atoms, frame: LabelledFrame) -> bool:
    """Tell whether ions are where the strain takes them, or at rest near by."""
    moves = frame.atoms.get_scaled_positions(wrap=False) - start.get_scaled_positions(wrap=False)
    moves -= moves[0] + np.round(moves - moves[0])
    far = float(np.linalg.norm((moves - moves.mean(axis=0)) @ start.cell[:], axis=1).max())
    rest = frame.forces is not None and np.linalg.norm(frame.forces, axis=1).max() < AT_REST
    return far < CLAMPED or (rest and far < MOVED)


def known_strained(elements: Iterable[str]) -> list[StrainedCells]:
    """Return the strained PBE cells of these elements that are at hand; nothing is downloaded."""
    found = []
    for element in sorted(set(elements) & set(ELEMENTS)):
        name = f"elastic-{element}"
        if paths := datasets.find(name):
            labels = frames_from_atoms(read_snap(paths[0]), name, name)
            level = datasets.get_dataset(name).level_of_theory
            found += find_strained(replace(labels, level_of_theory=level))
    return found


def read_snap(path: Path) -> list[Atoms]:
    """Read structures with labels as the SNAP repository has them: stresses in kB, VASP's sign."""
    images = []
    for row in json.loads(path.read_text(encoding="utf-8")):
        sites = row["structure"]["sites"]
        atoms = Atoms(
            [site["species"][0]["element"] for site in sites],
            cell=row["structure"]["lattice"]["matrix"],
            scaled_positions=[site["abc"] for site in sites],
            pbc=True,
        )
        out = row["outputs"]
        stress = -0.1 * units.GPa * np.array(out["stress"])[VASP_ORDER]
        labels = {"energy": out["energy"], "forces": np.array(out["forces"]), "stress": stress}
        atoms.calc = SinglePointCalculator(atoms, **labels)
        images.append(atoms)
    return images
