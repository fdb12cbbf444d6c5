"""Real models under test: a calculator of ours beside the package's own ASE calculator."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms

from mlipcheck import get_calculator


@dataclass
class Model:
    """``theirs`` takes a structure and returns what the package itself says of it."""

    ours: Any
    theirs: Callable[[Atoms], dict[str, Any]]
    rounding: float = 1e-5  # in float32; pretrained models may be larger than the seeded ones

    @property
    def single(self):
        return self.ours.dtype == "float32"

    def close(self, found, expected, floor=1.0):
        """Whether two numbers or arrays differ by less than rounding does.

        The difference may be ``rounding`` (float64: 1e-10) of the largest number, or of ``floor``
        where that is larger: 1 eV an atom, 1 eV/Å, or 0.02 eV/Å^3.
        """
        allowed = (self.rounding if self.single else 1e-10) * max(np.abs(expected).max(), floor)
        return np.abs(np.subtract(found, expected)).max() <= allowed

    def check(self, atoms, found, expected):
        """Compare an `Evaluation` with another, or with ASE's results."""
        if not isinstance(expected, dict):
            expected = {name: x for name, x in vars(expected).items() if x is not None}
        assert found.error is None
        assert self.close(found.energy, expected["energy"], floor=len(atoms))
        assert self.close(found.forces, expected["forces"])
        assert (found.energies is not None) == ("energies" in expected)
        if found.energies is not None:
            assert self.close(found.energies, expected["energies"])
        assert (found.stress is not None) == atoms.pbc.all()
        if found.stress is not None:
            assert self.close(found.stress, expected["stress"], floor=0.02)


@contextlib.contextmanager
def tolerated():
    """Let upstream warn, and change torch's default dtype as MACE does, in here only."""
    import torch

    before = torch.get_default_dtype()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            torch.set_default_dtype(before)


def results_of(calculator):
    def results(atoms):
        with tolerated():
            calculator.calculate(atoms.copy())
        return dict(calculator.results)

    return results


def their_sevennet(name="7net-0", modal=None):
    with tolerated():
        from sevenn.calculator import SevenNetCalculator

        return results_of(SevenNetCalculator(name, device="cpu", modal=modal))


def their_mace(path, dtype, **options):
    settings = {"device": "cpu", "default_dtype": dtype, **options}
    with tolerated():
        from mace.calculators import MACECalculator

        return results_of(MACECalculator(model_paths=str(path), **settings))


def their_mattersim(path, dtype):
    with tolerated():
        from mattersim.forcefield import MatterSimCalculator
        from mattersim.forcefield.potential import Potential

        potential = Potential.from_checkpoint(str(path), device="cpu", load_training_state=False)
        # Its default graph is float32 even for a float64 model; the direct one has the dtype.
        direct = dtype == "float64"
        own = results_of(
            MatterSimCalculator(potential, device="cpu", dtype=dtype, direct_graph=direct)
        )

    def results(atoms):
        atoms = atoms.copy()
        if atoms.pbc.any():
            # It divides by the length of each cell vector, and by the determinant of the cell.
            for axis in np.flatnonzero(~atoms.cell.any(axis=1)).tolist():
                atoms.center(vacuum=10.0, axis=axis)
        found = own(atoms)
        if atoms.pbc.all():
            found["stress"] = found["stress"] * atoms.cell.handedness
        return found

    return results


def mace(path, dtype):
    ours = get_calculator(f"mace:{path}", device="cpu", dtype=dtype)
    return Model(ours, their_mace(path, dtype))


def mattersim(path, dtype):
    ours = get_calculator(f"mattersim:{path}", device="cpu", dtype=dtype)
    return Model(ours, their_mattersim(path, dtype))
