"""From a structure to the minimum near by, the volume's included where the cell is free."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator, InputError
from ase.filters import FrechetCellFilter

from ...analysis.strain import look_around, strained
from ...analysis.structures import find_gaps
from ...calculators.base import check_seed
from ...calculators.neighbours import full_cell

CHOICES: dict[str, tuple[str | None, ...]] = {
    "optimizer": ("BFGS", "LBFGS", "FIRE", "BFGSLineSearch"),
    "start": ("relaxed", "first", "rattled"),
    "cell": ("free", "fixed", None),
}
AT_REST = 0.003  # of the volume, still to go
NUDGE = 0.02  # of the volume, at most at once, towards a minimum or in search of one
NUDGES = 12
LAYERS = 2.5  # Å without atoms between layers, and 1.5 times as much as along other directions
# A cell that is stretched or squeezed by this factor along any direction is no crystal any more:
# layers and noble gases come to three, where the model's range ends. Nor is one of so small a part
# of its volume: it falls together, and each step has more neighbours than the last.
RUNAWAY, COLLAPSED = 10.0, 0.2


@dataclass(frozen=True)
class RelaxSettings:
    """How to relax; see `relax_against_reference`. Raises InputError for what cannot be."""

    fmax: float = 0.02
    steps: int = 500
    optimizer: str = "BFGS"
    cell: str | None = None
    start: str = "relaxed"
    seed: int = 0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.fmax) and self.fmax > 0):
            raise InputError(f"fmax is {self.fmax}; give a positive force in eV/Å")
        if self.steps < 1:
            raise InputError(f"steps is {self.steps}; give at least 1")
        check_seed(self.seed)
        for name, known in CHOICES.items():
            if (value := getattr(self, name)) not in known:
                names = ", ".join(k for k in known if k)
                raise InputError(f"{name} is {value!r}; give one of {names}")


class CellFilter(FrechetCellFilter):
    """ASE's filter for a free cell, computed once a step.

    Optimizers ask three times a step, and each answer takes ten functions of matrices.
    """

    _known: tuple[bytes, Any] = (b"", None)

    def get_forces(self, *args: Any, **kwargs: Any) -> np.ndarray:
        """Return the forces on atoms and cell, as `FrechetCellFilter`, shape (n_atoms + 3, 3)."""
        state = self.atoms.positions.tobytes() + self.atoms.cell.array.tobytes()
        if self._known[0] != state:
            self._known = state, super().get_forces(*args, **kwargs)
        return self._known[1].copy()


def optimize(
    calculator: BaseCalculator, atoms: Atoms, mask: list[bool], settings: RelaxSettings
) -> dict[str, Any]:
    """Relax until the forces are small, and a free volume is at its minimum.

    Strains where ``mask`` (xx yy zz yz xz xy) is set are free. The result has fields of
    `Relaxation`; ``atoms`` are left where they end.
    """
    start = atoms.copy()
    steps = 0
    for nudges in range(NUDGES + 1):
        left = settings.steps - steps
        facts = run_optimizer(atoms, start, mask, settings.optimizer, settings.fmax, left)
        steps += facts["steps"]
        facts["steps"] = steps
        if not (facts["converged"] and all(mask)):
            break
        stress = atoms.get_stress(voigt=False)
        around = [look_around(calculator, atoms, stress, mode) for mode in _modes(atoms)]
        rest = max(around, key=lambda r: abs(r.to_go))
        minimum = math.isfinite(rest.to_go)
        facts |= {"modulus": rest.modulus, "bound": rest.bound}
        facts["to_go_percent"] = 100 * rest.to_go if minimum else None
        facts["converged"] = rest.bound and abs(rest.to_go) < AT_REST
        if facts["converged"] or not rest.bound or nudges == NUDGES or steps >= settings.steps:
            break
        change = np.clip(rest.to_go if minimum else NUDGE * rest.downhill, -NUDGE, NUDGE)
        atoms.set_cell(strained(atoms, change * rest.mode).cell, scale_atoms=True)
        steps += 1
    return facts


def _modes(atoms: Atoms) -> list[np.ndarray]:
    """Return the strains along which a volume is to be at rest: layers have one of their own."""
    modes = [np.eye(3) / 3]
    gaps, normals = find_gaps(atoms)
    widest = int(np.argmax(gaps))
    if gaps[widest] > max(LAYERS, 1.5 * np.delete(gaps, widest).max()):
        modes.append(np.outer(normals[widest], normals[widest]))
    return modes


def run_optimizer(
    atoms: Atoms, start: Atoms, mask: list[bool], optimizer: str, fmax: float, steps: int
) -> dict[str, Any]:
    """Relax until forces, and stresses times the volume, are below ``fmax`` (eV/Å).

    ``atoms`` have a calculator and are left where they end; strains where ``mask`` is set are free.

    Raises
    ------
    InputError
        For forces that are no numbers, and for a cell that runs away from ``start``.
    """
    import ase.optimize

    moving = CellFilter(atoms, mask=mask) if any(mask) else atoms
    run = getattr(ase.optimize, optimizer)(moving, logfile=None)
    if any(mask):
        run.attach(_refuse_runaway, 1, atoms, start, run)
    with warnings.catch_warnings():  # of errors of 1e-13 in the logarithm of a strain
        warnings.filterwarnings("ignore", "logm result may be inaccurate")
        converged = bool(run.run(fmax=fmax, steps=steps))
    forces = moving.get_forces()
    if not (np.isfinite(forces).all() and np.isfinite(atoms.positions).all()):
        raise InputError(f"NaN forces after {run.nsteps} steps; the model left its range")
    return {
        "converged": converged,
        "steps": int(run.nsteps),
        "fmax": float(np.linalg.norm(forces, axis=1).max()),
        "energy": float(atoms.get_potential_energy()),
    }


def _refuse_runaway(atoms: Atoms, start: Atoms, run: Any) -> None:
    """Raise `InputError` where the cell flies apart or falls together."""
    stretches = np.linalg.svd(np.linalg.solve(full_cell(start), full_cell(atoms)), compute_uv=False)
    apart = not 1 / RUNAWAY < stretches[-1] <= stretches[0] < RUNAWAY
    if apart or np.prod(stretches) < COLLAPSED:
        before, after = (a.cell.cellpar().round(2).tolist() for a in (start, atoms))
        raise InputError(f"the cell runs away: from {before} to {after} in {run.nsteps} steps")


def mask_strains(atoms: Atoms, solid: np.ndarray) -> list[bool]:
    """Return the strains (xx yy zz yz xz xy) within the lattice directions that may move.

    FrechetCellFilter knows nothing of pbc and would relax the vacuum of a slab.
    """
    if solid.all():
        return [True] * 6
    vectors = atoms.cell[:][solid]
    # the Cartesian axes that these vectors span, which must be whole axes
    spans = np.abs(vectors).max(axis=0) > 1e-6 * np.abs(vectors).max()
    if spans.sum() != solid.sum():
        raise InputError(
            "a free cell needs the periodic directions along Cartesian axes; "
            "rotate the structure, or fix the cell"
        )
    x, y, z = (bool(s) for s in spans)
    return [x, y, z, y and z, x and z, x and y]
