"""What must not change, or must change with the structure, when a structure is only rewritten."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from ase import Atoms
from ase.stress import full_3x3_to_voigt_6_stress, voigt_6_to_full_3x3_stress
from scipy.spatial.transform import Rotation

from ...calculators.base import Evaluation
from .precision import Deviation, NotApplicable, compare
from .subject import Subject, moved

SHIFT = np.array([0.37, -1.31, 2.23])
ROTATION = Rotation.from_euler("xyz", [0.4, 1.1, -0.7]).as_matrix()
# The same lattice by other vectors; the last set is left-handed.
BASES = (
    np.array([[1, 1, 0], [0, 1, 0], [0, 0, 1]]),
    np.array([[1, 0, 0], [0, 1, 0], [-1, 1, 1]]),
    np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1]]),
)
# Twice the cell, and one of 48 atoms: some models behave otherwise beyond a number of atoms.
SUPERCELLS = ((2, 1, 1), (3, 2, 2))


def translation(subject: Subject) -> list[Deviation]:
    """Nothing changes when all atoms are moved together."""
    return _same(subject, [moved(subject.sample, SHIFT)], "after a translation")


def rotation(subject: Subject) -> list[Deviation]:
    """Energies do not change, and forces and stress turn, when everything is turned."""
    turned = subject.sample.copy()
    turned.set_cell(turned.cell[:] @ ROTATION.T)
    turned.positions = turned.positions @ ROTATION.T
    here, there = _ask(subject, [subject.sample, turned])
    stress = here.stress
    if stress is not None:
        full = ROTATION @ voigt_6_to_full_3x3_stress(stress) @ ROTATION.T
        stress = full_3x3_to_voigt_6_stress(full)
    forces = None if here.forces is None else here.forces @ ROTATION.T
    expected = replace(here, forces=forces, stress=stress)
    return compare(there, expected, subject.precision, "after a rotation")


def permutation(subject: Subject) -> list[Deviation]:
    """Nothing changes when the atoms are listed in another order."""
    order = [2, 0, 3, 1]
    here, there = _ask(subject, [subject.sample, subject.sample[order]])
    expected = replace(here, forces=None if here.forces is None else here.forces[order])
    return compare(there, expected, subject.precision, "in another order")


def lattice_vectors(subject: Subject) -> list[Deviation]:
    """Nothing changes when atoms move by lattice vectors, or other vectors span the lattice."""
    _require_periodic(subject)
    shifts = np.array([[1, 0, 0], [0, -1, 0], [0, 2, 1], [0, 0, 0]])
    images = [moved(subject.sample, shifts @ subject.sample.cell)]
    for basis in BASES:
        images.append(subject.sample.copy())
        images[-1].set_cell(basis @ subject.sample.cell[:])
    return _same(subject, images, "with other lattice vectors")


def net_force(subject: Subject) -> list[Deviation]:
    """The forces on all atoms sum to zero."""
    subject.require("forces")
    forces = np.asarray(subject.get(subject.sample, "forces"), float)
    size = max(float(np.abs(forces).max()), 1.0)
    total = float(np.abs(forces.sum(axis=0)).max())
    text = f"net force {total:.1e} eV/Å"
    return [Deviation(text, total, subject.precision.forces * size, "eV/Å")]


def size_extensivity(subject: Subject) -> list[Deviation]:
    """A supercell has as many times the energy, the same stress, and the same forces on copies."""
    _require_periodic(subject)
    cells = [subject.sample.repeat(times) for times in SUPERCELLS]
    here, *there = _ask(subject, [subject.sample, *cells])
    deviations = []
    for atoms, found in zip(cells, there, strict=True):
        n = len(atoms) // len(subject.sample)
        expected = replace(
            here,
            energy=None if here.energy is None else n * here.energy,
            forces=None if here.forces is None else np.tile(here.forces, (n, 1)),
        )
        what = f"in a supercell of {len(atoms)} atoms"
        deviations += compare(found, expected, subject.precision, what)
    return deviations


def _require_periodic(subject: Subject) -> None:
    if not subject.periodic:
        raise NotApplicable("it takes no periodic structure")


def _ask(subject: Subject, images: list[Atoms]) -> list[Evaluation]:
    return subject.ask(images, *subject.properties("energy", "forces", "stress"))


def _same(subject: Subject, images: list[Atoms], what: str) -> list[Deviation]:
    here, *others = _ask(subject, [subject.sample, *images])
    return [d for other in others for d in compare(other, here, subject.precision, what)]
