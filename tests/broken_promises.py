"""One deliberate fault for every promise of the contract, around the exact Morse potential."""

from __future__ import annotations

import os
import sys

import numpy as np
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.lj import LennardJones
from ase.stress import full_3x3_to_voigt_6_stress, voigt_6_to_full_3x3_stress
from faulty import Faulty, ScaledForces, ScaledStress

from mlipcheck import MorseCalculator
from mlipcheck.results import Evaluation

# A well that neighbours in the contract's structures feel: there are forces and stresses to see.
GOOD = {"well_depth": 1.0, "a": 1.2, "r0": 2.2}


def good():
    return MorseCalculator(**GOOD)


class Spoiled(Faulty):
    """A fault given as ``change(results, atoms)``."""

    def __init__(self, change):
        super().__init__(good())
        self.change = change

    def spoil(self, atoms):
        self.change(self.results, atoms)


def spoiled(change):
    return lambda: Spoiled(change)


# Properties


class Declares(Faulty):
    def __init__(self, name):
        super().__init__(good())
        self.implemented_properties.append(name)


class GivesUndeclared(Faulty):
    def get_property(self, name, atoms=None, allow_calculation=True):
        if name == "dipole":
            return np.zeros(3)
        return super().get_property(name, atoms, allow_calculation)


def square_stress(results, atoms):
    if "stress" in results:
        results["stress"] = voigt_6_to_full_3x3_stress(results["stress"])


def other_voigt_order(results, atoms):
    if "stress" in results:
        results["stress"] = results["stress"][[0, 1, 2, 5, 4, 3]]


# What is asked about


class Wraps(Faulty):
    def get_property(self, name, atoms=None, allow_calculation=True):
        found = super().get_property(name, atoms, allow_calculation)
        atoms.wrap()
        return found


class LeavesANote(Faulty):
    def get_property(self, name, atoms=None, allow_calculation=True):
        atoms.info["seen"] = True
        return super().get_property(name, atoms, allow_calculation)


# Derivatives and symmetry


class ForcesOfAnother(Faulty):
    """Forces that are a derivative, but of another energy."""

    def __init__(self):
        super().__init__(good())
        self.other = MorseCalculator(**GOOD | {"a": 1.25})

    def spoil(self, atoms):
        self.other.calculate(atoms, ["forces"], all_changes)
        self.results["forces"] = self.other.results["forces"]


def outer_field(results, atoms):
    """Add a field along x, with its force."""
    results["energy"] += 0.1 * np.sin(atoms.positions[:, 0]).sum()
    results["forces"][:, 0] -= 0.1 * np.cos(atoms.positions[:, 0])


class Squeezed(Faulty):
    """The energy of a copy that is longer along z, with the forces and stress that belong to it.

    For E'(r) = E(r A): F' = F A, and σ' = V_A/V sym(σ_ij A_j/A_i) for a diagonal A.
    """

    A = np.array([1.0, 1.0, 1.02])

    def calculate(self, atoms=None, properties=None, system_changes=all_changes):
        Calculator.calculate(self, atoms, properties, system_changes)
        longer = self.atoms.copy()
        longer.set_cell(self.atoms.cell[:] * self.A)
        longer.positions = self.atoms.positions * self.A
        self.base.calculate(longer, properties, all_changes)
        found = dict(self.base.results)
        self.results = {"energy": found["energy"], "free_energy": found["energy"]}
        self.results |= {"energies": found["energies"], "forces": found["forces"] * self.A}
        if "stress" in found:
            sigma = voigt_6_to_full_3x3_stress(found["stress"]) * self.A / self.A[:, None]
            sigma = np.prod(self.A) * (sigma + sigma.T) / 2
            self.results["stress"] = full_3x3_to_voigt_6_stress(sigma)


def first_atom_counts(results, atoms):
    results["energy"] += 0.01 * atoms.numbers[0]


def outside_counts(results, atoms):
    """Count atoms that are outside the cell."""
    if atoms.pbc.all():
        places = atoms.cell.scaled_positions(atoms.positions)
        results["energy"] += 0.1 * int(((places < 0) | (places >= 1)).any(axis=1).sum())


def drift(results, atoms):
    results["forces"] += [0.01, 0.0, 0.0]


def offset(results, atoms):
    results["energy"] += 0.1


def per_atom(results, atoms):
    for name in ("energy", "forces", "stress"):
        if name in results:
            results[name] = results[name] / len(atoms)


class Noisy(Faulty):
    def __init__(self):
        super().__init__(good())
        self.rng = np.random.default_rng(0)

    def spoil(self, atoms):
        self.results["energy"] *= 1 + 1e-11 * self.rng.normal()


# What is remembered


class Forgets(Faulty):
    """Does not notice one kind of change of the structure."""

    def __init__(self, change):
        super().__init__(good())
        self.unnoticed = change

    def check_state(self, atoms, tol=1e-15):
        found = super().check_state(atoms, tol)
        # more than three are another structure altogether
        return found if len(found) > 3 else [x for x in found if x != self.unnoticed]


class ForgetsElements(Forgets):
    """Its atoms have an energy by element, so that there is something to forget."""

    def __init__(self):
        super().__init__("numbers")

    def spoil(self, atoms):
        self.results["energy"] += 0.01 * float(atoms.numbers.sum())


class HandsOutItsOwn(Faulty):
    def get_property(self, name, atoms=None, allow_calculation=True):
        super().get_property(name, atoms, allow_calculation)
        return self.results[name]


# Where there is little or nothing


class Fails(Faulty):
    def __init__(self, n_atoms, how):
        super().__init__(good())
        self.n_atoms, self.how = n_atoms, how

    def spoil(self, atoms):
        if len(atoms) == self.n_atoms and not atoms.pbc.any():
            if self.how == "raise":
                raise RuntimeError("planted failure")
            self.results["energy"] = np.nan


def whole_numbers(results, atoms):
    """Give forces as integers where there are none, as counting does."""
    if len(atoms) == 1:
        results["forces"] = results["forces"].astype(int)


class TakesNaN(Faulty):
    def calculate(self, atoms=None, properties=None, system_changes=all_changes):
        mended = atoms.copy()
        mended.positions = np.nan_to_num(atoms.positions, nan=0.1)
        mended.set_cell(np.nan_to_num(atoms.cell[:], nan=3.0))
        super().calculate(mended, properties, system_changes)
        self.atoms = atoms.copy()


class Talks(Faulty):
    def __init__(self, say):
        super().__init__(good())
        self.say = say

    def spoil(self, atoms):
        self.say("thank you for using me")


# Many at once


class Batched(Faulty):
    """A batch that is right, until ``spoil_batch`` spoils it."""

    def __init__(self, spoil_batch=lambda found: found):
        super().__init__(good())
        self.spoil_batch = spoil_batch

    def evaluate_batch(self, images, properties):
        found = []
        for atoms in images:
            self.base.calculate(atoms, properties, all_changes)
            kept = {n: self.base.results[n] for n in properties if n in self.base.results}
            found.append(Evaluation(**kept))
        return self.spoil_batch(found) if len(found) > 1 else found


def shifted(found):
    return [Evaluation(e.energy + 1e-3, e.forces, e.stress) for e in found]


FAULTS = {
    "declares a dipole": lambda: Declares("dipole"),
    "stress of shape (3, 3)": spoiled(square_stress),
    "gives an undeclared dipole": lambda: GivesUndeclared(good()),
    "wraps its input": lambda: Wraps(good()),
    "writes into its input": lambda: LeavesANote(good()),
    "forces too small": lambda: ScaledForces(good(), 0.95),
    "forces of another energy": ForcesOfAnother,
    "stress in GPa": lambda: ScaledStress(good(), 160.2),
    "another Voigt order": spoiled(other_voigt_order),
    "an outer field": spoiled(outer_field),
    "a direction of its own": lambda: Squeezed(good()),
    "the first atom is special": spoiled(first_atom_counts),
    "atoms outside the cell are special": spoiled(outside_counts),
    "a drift": spoiled(drift),
    "an offset a structure": spoiled(offset),
    "energy per atom": spoiled(per_atom),
    "noise": Noisy,
    "does not notice moved atoms": lambda: Forgets("positions"),
    "does not notice another cell": lambda: Forgets("cell"),
    "does not notice other elements": ForgetsElements,
    "keeps its results on set": LennardJones,
    "hands out its own array": lambda: HandsOutItsOwn(good()),
    "raises for an atom": lambda: Fails(1, "raise"),
    "NaN for an atom": lambda: Fails(1, "nan"),
    "integers for an atom": spoiled(whole_numbers),
    "raises for a dimer": lambda: Fails(2, "raise"),
    "NaN for a dimer": lambda: Fails(2, "nan"),
    "takes NaN": lambda: TakesNaN(good()),
    "prints": lambda: Talks(print),
    "prints to stderr": lambda: Talks(lambda text: print(text, file=sys.stderr)),
    "prints from compiled code": lambda: Talks(lambda text: os.write(1, text.encode())),
    "a batch in another order": lambda: Batched(lambda found: found[::-1]),
    "a batch with other numbers": lambda: Batched(shifted),
    "a batch that loses one": lambda: Batched(lambda found: found[:-1]),
}
