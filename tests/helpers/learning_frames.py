"""Frames to learn from, and a trainer that trains nothing."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator

from mlipcheck.references.frame_sets import frames_from_atoms

OFFSET = 2.5  # eV an atom that the labels' zero is off


def labelled(n=12, runs=1, factor=2.0, offset=OFFSET, noise=0.0, **without):
    """Return rattled copper with EMT's energies plus a constant, and its forces times a factor."""
    rng = np.random.default_rng(1)
    images = []
    for k in range(n):
        atoms = bulk("Cu", cubic=True)
        atoms.rattle(0.1, seed=k)
        atoms.calc = EMT()
        found = {
            "energy": atoms.get_potential_energy() + offset * len(atoms),
            "forces": factor * atoms.get_forces(),
        }
        found = {name: x + noise * rng.normal(size=np.shape(x)) for name, x in found.items()}
        atoms.info["internal_id"] = f"run {k * runs // n}"
        atoms.calc = SinglePointCalculator(
            atoms, **{name: value for name, value in found.items() if name not in without}
        )
        images.append(atoms)
    return frames_from_atoms(images, "copper")


class FakeTrainer(SimpleNamespace):
    """Trains nothing: returns EMT itself, and counts."""

    def __init__(self):
        super().__init__(SETTINGS={"trainer": "none"}, learnt=[])

    def fine_tune(self, calculator, frames, *, seed=0, progress=None):
        self.learnt.append([a.calc.results["energy"] for a in frames])
        return EMT()

    def save(self, calculator, path):
        Path(path).write_text("a model")
