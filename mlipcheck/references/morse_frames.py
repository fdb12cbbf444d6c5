"""Morse clusters near equilibrium and far from it, with exact labels: frames that need no file."""

from __future__ import annotations

import dataclasses

import numpy as np

from ..calculators.toy.toy import MorseCalculator
from .frame_sets import FrameSet, frames_from_atoms
from .structures import morse_clusters

SIZE = 4  # a tetrahedron: all atoms are neighbours of each other
FRAMES = 60
# How clusters are scaled, from and to, and rattled (Å): the toy has learnt the near ones.
NEAR = (0.97, 1.2, 0.015)
FAR = (0.8, 1.9, 0.1)
SEED = 20260611
NAMES = ("morse-near", "morse-far")


def morse_frames(name: str) -> FrameSet:
    """Return 60 rattled tetrahedra with the exact energies and forces of Morse.

    Parameters
    ----------
    name : str
        ``morse-near``, in the distribution that the toy was fitted to, or ``morse-far``.
    """
    rng = np.random.default_rng([SEED, NAMES.index(name)])
    low, high, rattle = NEAR if name == "morse-near" else FAR
    (cluster,) = morse_clusters([SIZE])
    assert cluster.relaxed is not None
    images = []
    for k in range(FRAMES):
        atoms = cluster.relaxed.copy()
        atoms.positions *= rng.uniform(low, high)
        atoms.positions += rng.normal(0, rattle, atoms.positions.shape)
        atoms.info["internal_id"] = f"{name} {k}"  # each was drawn on its own
        atoms.calc = MorseCalculator()
        atoms.get_forces()
        images.append(atoms)
    made = frames_from_atoms(images, name, "exact Morse")
    distribution = "in" if name == "morse-near" else "out"
    return dataclasses.replace(made, level_of_theory="analytic", distribution=distribution)
