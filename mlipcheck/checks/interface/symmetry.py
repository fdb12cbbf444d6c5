"""What must not change, or must change with the structure, when a structure is only rewritten."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from ase import Atoms
from ase.stress import full_3x3_to_voigt_6_stress, voigt_6_to_full_3x3_stress
from scipy.spatial.transform import Rotation

from ...calculators.records import Evaluation
from .deviation import Deviation, NotApplicable, compare
from .subject import Subject

SHIFT = np.array([0.37, -1.31, 2.23])
ROTATION = Rotation.from_euler("xyz", [0.4, 1.1, -0.7]).as_matrix()
# The same lattice by other vectors; the last set is left-handed.
BASES = (
    np.array([[1, 1, 0], [0, 1, 0], [0, 0, 1]]),
    np.array([[1, 0, 0], [0, 1, 0], [-1, 1, 1]]),
    np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1]]),
)


def translation(subject: Subject) -> list[Deviation]:
    """Nothing changes when all atoms are moved together."""
    moved = subject.sample.copy()
    moved.positions += SHIFT
    return _same(subject, [moved], "after a translation")


def rotation(subject: Subject) -> list[Deviation]:
    """Energies do not change, and forces and stress turn, when everything is turned."""
    turned = subject.sample.copy()
    turned.set_cell(turned.cell[:] @ ROTATION.T)
    turned.positions = turned.positions @ ROTATION.T
    here, there = _ask(subject, [subject.sample, turned])
    expected = replace(
        here,
        forces=None if here.forces is None else here.forces @ ROTATION.T,
        stress=None if here.stress is None else _turned(here.stress),
    )
    return compare(there, expected, subject.precision, "after a rotation")


def _turned(stress: np.ndarray) -> np.ndarray:
    full = voigt_6_to_full_3x3_stress(stress)
    turned: np.ndarray = full_3x3_to_voigt_6_stress(ROTATION @ full @ ROTATION.T)
    return turned


def permutation(subject: Subject) -> list[Deviation]:
    """Nothing changes when the atoms are listed in another order."""
    order = [2, 0, 3, 1]
    here, there = _ask(subject, [subject.sample, subject.sample[order]])
    expected = replace(here, forces=None if here.forces is None else here.forces[order])
    return compare(there, expected, subject.precision, "in another order")


def lattice_vectors(subject: Subject) -> list[Deviation]:
    """Nothing changes when atoms move by lattice vectors, or other vectors span the lattice."""
    if not subject.sample.pbc.all():
        raise NotApplicable("it takes no periodic structure")
    elsewhere = subject.sample.copy()
    elsewhere.positions += np.array([[1, 0, 0], [0, -1, 0], [0, 2, 1], [0, 0, 0]]) @ elsewhere.cell
    images = [elsewhere]
    for basis in BASES:
        image = subject.sample.copy()
        image.set_cell(basis @ subject.sample.cell[:])
        images.append(image)
    return _same(subject, images, "with other lattice vectors")


def net_force(subject: Subject) -> list[Deviation]:
    """The forces on all atoms sum to zero."""
    if "forces" not in subject.calculator.implemented_properties:
        raise NotApplicable("no forces declared")
    (here,) = subject.ask([subject.sample], "forces")
    forces = np.asarray(here.forces, float)
    size = max(float(np.abs(forces).max()), 1.0)
    total = float(np.abs(forces.sum(axis=0)).max())
    tolerance = subject.precision.forces * size
    return [Deviation(f"net force {total:.1e} eV/Å", total, tolerance, "eV/Å")]


def size_extensivity(subject: Subject) -> list[Deviation]:
    """Twice the cell has twice the energy, the same stress, and the same forces on the copies."""
    if not subject.sample.pbc.all():
        raise NotApplicable("it takes no periodic structure")
    here, there = _ask(subject, [subject.sample, subject.sample.repeat((2, 1, 1))])
    expected = replace(
        here,
        energy=None if here.energy is None else 2 * here.energy,
        forces=None if here.forces is None else np.concatenate([here.forces] * 2),
    )
    return compare(there, expected, subject.precision, "in a cell of twice the size")


def _ask(subject: Subject, images: list[Atoms]) -> list[Evaluation]:
    return subject.ask(images, *subject.properties("energy", "forces", "stress"))


def _same(subject: Subject, images: list[Atoms], what: str) -> list[Deviation]:
    here, *others = _ask(subject, [subject.sample, *images])
    return [d for other in others for d in compare(other, here, subject.precision, what)]
