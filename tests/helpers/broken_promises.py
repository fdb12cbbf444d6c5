"""A few broken promises around the exact Morse potential; all are in faulty_contract.py."""

from __future__ import annotations

import numpy as np
from ase.calculators.calculator import all_changes
from faulty import Faulty

from mlipcheck import MorseCalculator
from mlipcheck.calculators.records import Evaluation

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


class Declares(Faulty):
    def __init__(self, name):
        super().__init__(good())
        self.implemented_properties.append(name)


class GivesUndeclared(Faulty):
    def get_property(self, name, atoms=None, allow_calculation=True):
        if name == "dipole":
            return np.zeros(3)
        return super().get_property(name, atoms, allow_calculation)


def other_voigt_order(results, atoms):
    if "stress" in results:
        results["stress"] = results["stress"][[0, 1, 2, 5, 4, 3]]


class Noisy(Faulty):
    def __init__(self):
        super().__init__(good())
        self.rng = np.random.default_rng(0)

    def spoil(self, atoms):
        self.results["energy"] *= 1 + 1e-11 * self.rng.normal()


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
