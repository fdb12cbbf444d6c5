"""Structures that the tests of real models share: mixed sizes, elements and periodicity."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.build import bulk, fcc111, molecule
from ase.spacegroup import crystal


def salt():
    """Return rattled, strained NaCl: no force and no stress of it is zero."""
    atoms = bulk("NaCl", "rocksalt", a=5.4, cubic=True)
    strain = [[0.02, 0.01, 0], [0, -0.03, 0.02], [0, 0, 0.01]]
    atoms.set_cell(atoms.cell @ (np.eye(3) + strain), scale_atoms=True)
    atoms.rattle(0.1, seed=2)
    return atoms


def phosphate():
    """Return LiFePO4: its PO4 are covalent units."""
    return crystal(
        ["Fe", "P", "O", "O", "O", "Li"],
        [
            (0.282, 0.25, 0.975),
            (0.095, 0.25, 0.418),
            (0.097, 0.25, 0.743),
            (0.457, 0.25, 0.206),
            (0.166, 0.046, 0.285),
            (0, 0, 0),
        ],
        spacegroup=62,
        cellpar=[10.33, 6.01, 4.69, 90, 90, 90],
    )


def left_handed():
    """Return the same crystal with two cell vectors swapped: the determinant is negative."""
    atoms = salt()
    atoms.set_cell(atoms.cell[[1, 0, 2]])
    assert np.linalg.det(atoms.cell) < 0
    return atoms


def copper():
    atoms = bulk("Cu", a=3.55, cubic=True)
    atoms.rattle(0.1, seed=3)
    return atoms


def oxide():
    atoms = bulk("FeO", "rocksalt", a=4.3) * (2, 1, 1)
    atoms.rattle(0.05, seed=4)
    return atoms


def slab(vacuum=0.0):
    """Return three layers of Al; without a vacuum, the third cell vector is zero."""
    atoms = fcc111("Al", (2, 1, 3), vacuum=vacuum or None)
    atoms.rattle(0.05, seed=5)
    return atoms


def wire():
    """Return a zigzag of Cu that is periodic along y alone, its other cell vectors zero."""
    positions = [[0, 0, 0], [1.2, 2.1, 0.3], [0.1, 4.3, 0.5]]
    return Atoms("Cu3", positions=positions, cell=[0, 6.6, 0], pbc=[False, True, False])


def boxed(atoms):
    atoms = atoms.copy()
    atoms.center(vacuum=8.0)
    atoms.pbc = True
    return atoms


def everything():
    ethanol = molecule("CH3CH2OH")
    images = [salt(), molecule("H2O"), Atoms("He"), copper(), slab(), bulk("Si"), ethanol, oxide()]
    images += [boxed(ethanol), Atoms("OFe", positions=[[0, 0, 0], [0, 0, 50]]), Atoms("Ar")]
    return [*images, wire(), left_handed()]


def alone(calculator, atoms):
    atoms = atoms.copy()
    atoms.calc = calculator
    return atoms
