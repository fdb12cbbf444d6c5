"""Calculators that fail one interface test each, around a potential that passes all."""

from __future__ import annotations

import os
import sys

import numpy as np
from ase import Atoms
from ase.calculators.calculator import all_changes, compare_atoms
from ase.calculators.emt import EMT
from ase.stress import full_3x3_to_voigt_6_stress, voigt_6_to_full_3x3_stress
from faulty import Faulty
from scipy.spatial.distance import pdist

from mlipcheck import MorseCalculator
from mlipcheck.calculators.base import Evaluation


def good():
    """Return a well that neighbours in the sample feel: there are forces and stresses to see."""
    return MorseCalculator(well_depth=1.0, a=1.2, r0=2.2)


class Exact(MorseCalculator):
    """Morse pairs whose depth depends on the elements, and an energy of each atom's own."""

    default_parameters = {"well_depth": 1.0, "a": 4.0, "r0": 2.2}

    def atom_energies(self, numbers):
        return -0.01 * numbers.astype(float)

    def pair_energy(self, distances, first, second):
        depth = np.sqrt(first * second) / 10
        phi, slope = super().pair_energy(distances, first, second)
        return depth * phi, depth * slope


class Batched(Exact):
    """Also takes many structures at once; ``spoil`` may spoil what comes back."""

    def __init__(self, spoil=lambda found: found):
        super().__init__()
        self.spoil = spoil

    def evaluate_batch(self, images, properties=("energy", "forces")):
        return self.spoil([self._evaluate_one(atoms, properties) for atoms in images])

    def _evaluate_one(self, atoms, properties):
        image = atoms.copy()
        image.calc = self
        names = [n for n in properties if n != "stress" or image.pbc.all()]
        return Evaluation(**{n: self.get_property(n, image) for n in names})


class Spoilt(Faulty):
    """``change(atoms, results)`` spoils what a potential said, the exact one by default."""

    def __init__(self, change, declared=(), base=None):
        super().__init__(base or Exact())
        self.change = change
        self.implemented_properties += declared

    def spoil(self, atoms):
        self.change(atoms, self.results)


class Misread(Faulty):
    """The exact potential is shown ``seen(atoms)``, a changed copy."""

    def __init__(self, seen):
        super().__init__(Exact())
        self.seen = seen

    def calculate(self, atoms=None, properties=None, system_changes=all_changes):
        super().calculate(self.seen(atoms.copy()), properties, system_changes)
        self.atoms = atoms.copy()


# What is delivered


def as_matrix(atoms, results):
    if "stress" in results:
        results["stress"] = voigt_6_to_full_3x3_stress(results["stress"])


def without_stress(atoms, results):
    results.pop("stress", None)


class Answers(Spoilt):
    """Has an answer to every question, declared or not: ``answer(name)``."""

    def __init__(self, answer):
        super().__init__(lambda atoms, results: None)
        self.answer = answer

    def get_property(self, name, atoms=None, allow_calculation=True):
        if name not in self.implemented_properties:
            return self.answer(name)
        return super().get_property(name, atoms, allow_calculation)


class FreeEnergy(Faulty):
    """``change(energy)`` is the free energy, whose derivative the forces are not."""

    def __init__(self, change):
        super().__init__(Exact())
        self.change = change

    def calculate(self, atoms=None, properties=None, system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        self.results["free_energy"] = self.change(self.results["energy"])


class Smeared(Faulty):
    """An energy beside the free energy, as codes with smearing have it: forces are those of F."""

    def __init__(self):
        super().__init__(Exact())
        self.implemented_properties.remove("energies")

    def calculate(self, atoms=None, properties=None, system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        self.results["energy"] *= 1.1


def wrong_energies(atoms, results):
    if "energies" in results:
        results["energies"] *= 1.001


def refuse(error):
    def answer(name):
        raise error(name)

    return answer


# What is left behind


class Mutating(Faulty):
    """``change(atoms)`` changes the caller's own structure."""

    def __init__(self, change):
        super().__init__(Exact())
        self.change = change

    def calculate(self, atoms=None, properties=None, system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        self.change(atoms)
        self.atoms = atoms.copy()


def add_info(atoms):
    atoms.info["energy"] = 1.0


def forget_info(atoms):
    atoms.info.clear()


def add_array(atoms):
    atoms.set_initial_magnetic_moments(np.ones(len(atoms)))


def overwrite_array(atoms):
    for name in atoms.arrays:
        if name not in ("numbers", "positions"):
            atoms.arrays[name][:] = 0


def straighten_cell(atoms):
    """Round the cell, too little for any other check to see."""
    atoms.set_cell(atoms.cell[:] * (1 + 1e-14))


def sort_elements(atoms):
    atoms.numbers = np.sort(atoms.numbers)


def unbind(atoms):
    atoms.pbc = False


def print_stdout(atoms, results):
    print("converged")


def print_stderr(atoms, results):
    print("warning: no D3", file=sys.stderr)


def write_stdout(atoms, results):
    os.write(1, b"printed by compiled code\n")


def write_stderr(atoms, results):
    os.write(2, b"printed by compiled code\n")


# Derivatives


class CurlForces(Faulty):
    """Adds F_i x M to the forces, M an axial vector made of the structure itself.

    It is perpendicular to every force, sums to zero and turns with the structure, so that nothing
    but the derivative of the energy across the forces can tell.
    """

    def __init__(self, share=0.1):
        super().__init__(Exact())
        self.share = share
        self.other = Exact(r0=2.5)

    def spoil(self, atoms):
        forces = self.results["forces"]
        self.other.calculate(atoms)
        axis = np.cross(forces, self.other.results["forces"]).mean(axis=0)
        size = np.linalg.norm(axis)
        if size > 1e-6:
            self.results["forces"] = forces + self.share * np.cross(forces, axis / size)


class SlabStress(EMT):
    """A stress that is 18 times too small where not all three directions are periodic."""

    implemented_properties = ("energy", "free_energy", "energies", "forces", "stress")

    def calculate(self, atoms=None, properties=None, system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        if not atoms.pbc.all() and "stress" in self.results:
            self.results["stress"] = self.results["stress"] / 18


def without_vacuum(stress, atoms):
    """The stress over 18 times the volume, where there is vacuum in the cell."""
    heights = np.sort(atoms.get_scaled_positions()[:, 2])
    gaps = np.diff([*heights, heights[0] + 1]) * atoms.cell.lengths()[2]
    return stress / 18 if gaps.max() > 6 else stress


def reversed_above_eight(atoms, results):
    if len(atoms) > 8:
        results["forces"] *= -1


def on_stress(change):
    def spoil(atoms, results):
        if "stress" in results:
            results["stress"] = change(results["stress"], atoms)

    return spoil


def in_vasp_order(stress, atoms):
    xx, yy, zz, yz, xz, xy = stress
    return np.array([xx, yy, zz, xy, yz, xz])


# Symmetry


def in_egg_box(atoms, results):
    """A potential that has the lattice's period, and its force: what a grid does in DFT."""
    if not atoms.pbc.all():
        return
    phase = 2 * np.pi * (atoms.positions @ np.linalg.inv(atoms.cell[:]))[:, 1]
    wave = 2 * np.pi * np.linalg.inv(atoms.cell[:])[:, 1]
    results["energy"] += 0.01 * np.cos(phase).sum()
    results["forces"] += 0.01 * np.sin(phase)[:, None] * wave


def points_up(atoms, results):
    if atoms.pbc.all():
        results["energy"] += 1e-7 * len(atoms) * atoms.cell[2, 2] / atoms.cell.lengths()[2]


def in_uniform_field(atoms, results):
    field = np.array([0.0, 0.0, 0.1])
    results["energy"] -= float(np.sum(atoms.positions @ field))
    results["forces"] += field


class Squeezed(Faulty):
    """E(x A) with the forces and the stress of just that, for A no rotation: space has an axis."""

    matrix = np.diag([1.0, 1.0, 1.05]) + np.array([[0, 0.02, 0], [0, 0, 0], [0, 0, 0]])

    def calculate(self, atoms=None, properties=None, system_changes=all_changes):
        seen = atoms.copy()
        seen.set_cell(atoms.cell[:] @ self.matrix)
        seen.positions = atoms.positions @ self.matrix
        super().calculate(seen, properties, system_changes)
        self.results["forces"] = self.results["forces"] @ self.matrix.T
        if "stress" in self.results:
            full = voigt_6_to_full_3x3_stress(self.results["stress"])
            # dE/dε for x (1 + ε) A = (x A) (1 + A^-1 ε A); what is tested is its symmetric part
            full = np.linalg.inv(self.matrix).T @ full @ self.matrix.T * np.linalg.det(self.matrix)
            self.results["stress"] = full_3x3_to_voigt_6_stress((full + full.T) / 2)
        self.atoms = atoms.copy()


def first_is_other(atoms):
    atoms.numbers[0] += 1
    return atoms


def every_second_is_other(atoms):
    atoms.numbers[1::2] += 1
    return atoms


def sorted_by_element(atoms, results):
    results["forces"] = results["forces"][np.argsort(atoms.numbers, kind="stable")]


def counts_those_outside(atoms, results):
    if atoms.pbc.all():
        places = atoms.positions @ np.linalg.inv(atoms.cell[:])
        results["energy"] += 0.1 * np.any((places < 0) | (places >= 1), axis=1).sum()


def by_element(share):
    """Forces that are off by a share that depends on the element: no longer action = reaction."""

    def spoil(atoms, results):
        results["forces"] *= 1 + share * atoms.numbers[:, None] / 10

    return spoil


def per_atom(atoms, results):
    results["energy"] /= len(atoms)


def plus_constant(atoms, results):
    results["energy"] += 1.0


# Memory and noise


class Rounded(Spoilt):
    """Numbers as they come from a model in single precision, in double precision's arrays."""

    def spoil(self, atoms):
        super().spoil(atoms)
        for name in self.results:
            self.results[name] = np.float64(np.float32(self.results[name]))


class SelfConsistent(Exact):
    """Iterates a charge from that of its last structure until it changes by less than ``limit``.

    The energy has an error of second order in what is left, and the forces of first order.
    """

    limit = 1e-4
    charge = None
    dtype = None  # no word of its own

    def reset(self):
        super().reset()
        self.charge = None

    def calculate(self, atoms=None, properties=None, system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        solution = np.sin(self.results["energy"])
        charge = 0.0 if self.charge is None else self.charge
        while abs(solution - charge) > self.limit:
            charge += 0.7 * (solution - charge)
        self.charge = charge
        left = solution - charge
        self.results["energy"] += left**2
        self.results["free_energy"] += left**2
        self.results["energies"] += left**2 / len(atoms)
        self.results["forces"] *= 1 + left


class Noisy(Faulty):
    """Random noise, a share of energies and forces; ``dtype`` is its own word for its type."""

    def __init__(self, share=1e-11, dtype=None):
        super().__init__(Exact())
        self.share = share
        self.dtype = dtype
        self.random = np.random.default_rng(5)

    def spoil(self, atoms):
        for name in ("energy", "forces"):
            size = np.shape(self.results[name])
            self.results[name] = self.results[name] * (
                1 + self.share * self.random.normal(size=size)
            )


class Stale(Exact):
    """Does not see changes of ``what``, and answers with what it computed last."""

    def __init__(self, what):
        super().__init__()
        self.what = what

    def check_state(self, atoms, tol=1e-15):
        return compare_atoms(self.atoms, atoms, tol=tol, excluded_properties={self.what})


class StaleAfterSet(Exact):
    discard_results_on_any_change = False


class StaleForces(Faulty):
    """Energies are new, forces those of the first structure with these atoms."""

    def __init__(self):
        super().__init__(Exact())
        self.kept = {}

    def reset(self):
        super().reset()
        self.kept = {}

    def spoil(self, atoms):
        key = tuple(atoms.numbers)
        self.results["forces"] = self.kept.setdefault(key, self.results["forces"]).copy()


class LendsForces(Exact):
    """Hands out the array that it keeps."""

    def get_property(self, name, atoms=None, allow_calculation=True):
        super().get_property(name, atoms, allow_calculation)
        return self.results[name]


# Odd inputs


def lonely(atoms):
    return len(atoms) == 1


def lonely_oxygen(atoms):
    return atoms.get_chemical_formula() == "O"


def paired(atoms):
    return len(atoms) == 2


def without_neighbours(atoms):
    return not atoms.pbc.any() and (len(atoms) == 1 or pdist(atoms.positions).min() > 6)


def close_pair(atoms):
    return paired(atoms) and not without_neighbours(atoms)


def nan_forces_of(n_atoms):
    def spoil(atoms, results):
        if len(atoms) == n_atoms:
            results["forces"] *= np.nan

    return spoil


def pushed_alone(atoms, results):
    if len(atoms) == 1:
        results["forces"] += 1e-3


def nan_position_is_zero(atoms):
    atoms.positions = np.nan_to_num(atoms.positions)
    return atoms


def nan_cell_is_none(atoms):
    return atoms if np.isfinite(atoms.cell[:]).all() else Atoms(atoms.numbers, atoms.positions)


def molecules_only(atoms):
    if atoms.pbc.any():
        raise NotImplementedError("molecules only")
    return atoms
