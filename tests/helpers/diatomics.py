"""The PBE diatomics as a calculator: a perfect subject of the dimer scan."""

from __future__ import annotations

import numpy as np
from ase.calculators.calculator import Calculator, all_changes
from scipy.interpolate import CubicHermiteSpline, CubicSpline

from mlipcheck.references.curves import pbe_curve


class Diatomics(Calculator):
    """Interpolates the curve of two equal atoms, and goes on in a straight line beyond its ends.

    By its energies alone, or with ``forces`` by both; moved outwards by ``shift`` Å.
    """

    implemented_properties = ("energy", "forces")

    def __init__(self, path, shift=0.0, forces=False):
        super().__init__()
        self.path, self.shift, self.by_forces = path, shift, forces
        self.curves = {}

    def curve(self, symbol):
        if symbol not in self.curves:
            c = pbe_curve((symbol, symbol), self.path)
            spline = CubicSpline(c.distances, c.energies)
            if self.by_forces:
                spline = CubicHermiteSpline(c.distances, c.energies, -c.forces)
            self.curves[symbol] = c.distances[[0, -1]], spline
        return self.curves[symbol]

    def calculate(self, atoms=None, properties=None, system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        ends, spline = self.curve(self.atoms[0].symbol)
        axis = self.atoms.positions[1] - self.atoms.positions[0]
        r = np.linalg.norm(axis) - self.shift
        inside = np.clip(r, *ends)
        slope = float(spline(inside, 1))
        energy = float(spline(inside)) + slope * (r - inside)
        pull = slope * axis / np.linalg.norm(axis)
        self.results = {"energy": energy, "forces": np.array([pull, -pull])}
