"""Calculators with one planted fault each, around any other calculator."""

from __future__ import annotations

import numpy as np
from ase.calculators.calculator import Calculator, all_changes


class Faulty(Calculator):
    """Passes everything on; subclasses spoil it in ``spoil``."""

    def __init__(self, base):
        super().__init__()
        self.base = base
        self.implemented_properties = list(base.implemented_properties)

    def calculate(self, atoms=None, properties=None, system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        self.base.calculate(self.atoms, properties, system_changes)
        self.results = {k: np.copy(v) for k, v in self.base.results.items()}
        self.results = {k: v if v.ndim else float(v) for k, v in self.results.items()}
        sound = self.results.get("energy")
        self.spoil(self.atoms)
        if "energy" in self.results:
            self.results["free_energy"] = self.results["energy"]
        if {"energy", "energies"} <= self.results.keys():
            change = (self.results["energy"] - sound) / len(self.atoms)
            self.results["energies"] = self.results["energies"] + change

    def spoil(self, atoms):
        pass


class ScaledForces(Faulty):
    def __init__(self, base, factor):
        super().__init__(base)
        self.factor = factor

    def spoil(self, atoms):
        self.results["forces"] *= self.factor


class ScaledStress(Faulty):
    def __init__(self, base, factor):
        super().__init__(base)
        self.factor = factor

    def spoil(self, atoms):
        if "stress" in self.results:
            self.results["stress"] *= self.factor


class ExtraPairEnergy(Faulty):
    """Adds ``curve(r) -> (energy, force)`` to a dimer; a force of None leaves the forces."""

    def __init__(self, base, curve):
        super().__init__(base)
        self.curve = curve

    def spoil(self, atoms):
        if len(atoms) != 2:
            return
        r = atoms.get_distance(0, 1)
        energy, force = self.curve(r)
        self.results["energy"] += float(energy)
        if force is not None:
            axis = (atoms.positions[1] - atoms.positions[0]) / r
            self.results["forces"][1] += force * axis
            self.results["forces"][0] -= force * axis


def gaussian(height, center, width):
    """A bump, with the force that belongs to it."""

    def curve(r):
        energy = height * np.exp(-(((r - center) / width) ** 2))
        return energy, 2 * (r - center) / width**2 * energy

    return curve


def step(height, at):
    """A jump, invisible to the forces."""
    return lambda r: (height if r > at else 0.0, None)


class Failing(Faulty):
    """Raises, or returns NaN, where ``when(atoms)`` is true."""

    def __init__(self, base, when, how="raise"):
        super().__init__(base)
        self.when = when
        self.how = how

    def spoil(self, atoms):
        if not self.when(atoms):
            return
        if self.how == "raise":
            raise RuntimeError("planted failure")
        self.results["energy"] = float("nan")


class NeedsCell(Faulty):
    """Raises for anything without a full periodic cell, as some models do."""

    def calculate(self, atoms=None, properties=None, system_changes=all_changes):
        if not atoms.pbc.all() or atoms.cell.rank < 3:
            raise ValueError("Singular matrix")
        super().calculate(atoms, properties, system_changes)
