"""A folder with the files that README and the documentation name, small and quickly made."""

from __future__ import annotations

from pathlib import Path

import ase.io
import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import BaseCalculator
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.filters import FrechetCellFilter
from ase.optimize import FIRE
from vasp_files import write_neb, write_vasprun

SOFT = 0.8  # the model's forces over those of the frames: one factor that is to be found


def prepare(folder: Path, calculator: BaseCalculator) -> None:
    """Write structures, runs by EMT, and frames that ``calculator`` is too soft for."""
    copper = bulk("Cu", cubic=True)
    for name in ("my.cif", "structure.cif"):
        ase.io.write(folder / name, copper)
    steps = relaxation()
    for name in ("my_run", "path/to/another_run", "path/to"):
        write_vasprun(folder / name / "vasprun.xml", steps)
    write_neb(folder / "neb", hop())
    ase.io.write(folder / "my_frames.xyz", frames(calculator))


def labelled(atoms: Atoms, calculator: BaseCalculator, factor: float = 1.0) -> Atoms:
    """Return a copy with a calculator's energy, forces and stress, times a factor."""
    found = atoms.copy()
    found.calc = calculator
    values = {
        "energy": found.get_potential_energy(),
        "forces": found.get_forces(),
        "stress": found.get_stress(),
    }
    values = {name: factor * value for name, value in values.items()}
    found.calc = SinglePointCalculator(found, **values)
    return found


def relaxation() -> list[Atoms]:
    """Relax a crystal, its cell free, in some thirty steps."""
    atoms = bulk("Cu", cubic=True)
    atoms.set_cell(1.03 * atoms.cell, scale_atoms=True)
    atoms.rattle(0.15, seed=1)
    atoms.calc, steps = EMT(), []
    relaxing = FIRE(FrechetCellFilter(atoms), logfile=None)
    relaxing.attach(lambda: steps.append(labelled(atoms, EMT())))
    relaxing.run(fmax=0.02, steps=200)
    return steps


def hop() -> list[Atoms]:
    """Return five images on the straight way of an atom into a vacancy."""
    perfect = bulk("Cu", a=3.59, cubic=True) * (2, 2, 2)
    mover = 1 + int(np.argmin(perfect.get_distances(0, range(1, 32), mic=True)))
    way = perfect.get_distance(mover, 0, mic=True, vector=True)
    images = []
    for part in np.linspace(0, 1, 5):
        atoms = perfect.copy()
        atoms.positions[mover] += part * way
        del atoms[0]
        images.append(labelled(atoms, EMT()))
    return images


def frames(calculator: BaseCalculator) -> list[Atoms]:
    """Return rattled cells of six compositions."""
    found = []
    for k, gold in enumerate([(), (0,), (0, 1), (0, 1, 2), (0, 1, 2, 3), (0, 4)]):
        for seed in range(3):
            atoms = bulk("Cu", a=3.8, cubic=True) * (1 + k // 5, 1, 1)
            atoms.symbols[list(gold)] = "Au"
            atoms.rattle(0.1, seed=10 * k + seed)
            found.append(labelled(atoms, calculator, 1 / SOFT))
    return found
