"""Forces and energies as parity keeps them."""

from __future__ import annotations

import numpy as np
from ase import Atoms

from mlipcheck.calculators.base import Evaluation
from mlipcheck.checks.parity.compare import summarise
from mlipcheck.checks.parity.pieces import (
    Frames,
    Reduction,
    how_to_reduce,
    merge,
    reduce_frames,
)
from mlipcheck.references.labels import LabelledFrame
from mlipcheck.system import Settings


def reduced(frames, found, size=None, **how) -> Frames:
    """Reduce frames and what a model says of them, in pieces of so many."""
    size = size or max(len(frames), 1)
    starts = range(0, len(frames), size)
    parts = ((frames[k : k + size], found[k : k + size], k) for k in starts)
    return merge(frames, [reduce_frames(f, e, Reduction(**how), k) for f, e, k in parts])


def reduced_forces(names, groups, symbols, reference, model, **options) -> Frames:
    """Reduce forces (n_atoms, 3) of the reference and of a model, of each frame."""
    frames = [
        LabelledFrame(name, Atoms(inside), None, np.asarray(F), None, group)
        for name, group, inside, F in zip(names, groups, symbols, reference, strict=True)
    ]
    return reduced(frames, [Evaluation(forces=np.asarray(f)) for f in model], **options)


def compare_frames(calculator, labels, found, energies=None, energy_resolution=None, seed=0):
    """Return the `Parity` of frames that were evaluated already."""
    settings = Settings(energies=energies, energy_resolution=energy_resolution, seed=seed)
    piece = reduce_frames(labels.frames, found, how_to_reduce(calculator, labels, settings))
    return summarise(calculator, labels, [piece], settings)
