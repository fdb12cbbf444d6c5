"""Relax a vacancy, and move an atom into it: along a rigid straight way, and relaxed at its middle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator, InputError
from ase.constraints import FixAtoms, FixedPlane
from ase.geometry import find_mic

from ...calculators.base import stays_here
from ...calculators.evaluate import evaluate
from ...check import Context
from ..relaxation.optimize import optimize
from ..relaxation.settings import RelaxSettings
from .record import Hop, Path, Relaxed, Vacancy

BULK = RelaxSettings(fmax=0.01, steps=200)
IONS = RelaxSettings(fmax=0.03, steps=200)
POINTS = 17  # of the straight way; an even number of steps, for Simpson's rule
LEAST = 0.5  # eV that a range of energies is taken for at least
CALLS = 35  # evaluations of a supercell that a relaxation takes


def evaluations(paths: Sequence[Path]) -> int:
    """Return about how many supercells are evaluated."""
    return 1 + CALLS + (CALLS + POINTS) * len(paths)


@stays_here
def move_into_vacancy(
    calculator: BaseCalculator,
    crystal: Atoms,
    repeat: tuple[int, int, int],
    paths: Sequence[Path],
    row: Vacancy,
    key: object,
    context: Context,
) -> Vacancy:
    """Return the row of a vacancy, completed with what the model says of it.

    ``crystal`` is relaxed first, its cell too where the model has a stress; then the ions of its
    supercell with a vacancy are, with an atom half way into it kept in the plane across its path.
    What a relaxation could not bring to its end ends the row there.

    Raises
    ------
    InputError
        Where the model fails on a structure.
    """
    crystal = crystal.copy()
    crystal.calc = calculator
    _energies(calculator, [crystal])
    free = "stress" in calculator.implemented_properties
    facts = optimize(calculator, crystal, [free] * 6, BULK)
    if not facts["converged"]:
        return replace(row, unconverged="the crystal")
    perfect = crystal.repeat(repeat)
    row = replace(row, atoms=len(perfect))
    (bulk,) = _energies(calculator, [perfect])[0]
    ions: Relaxed | None = None
    for path in paths:
        vacant, mover, way = _open(crystal, perfect, path)
        if ions is None:  # all paths of a row end at sites of one kind
            ions = context.keep(
                Relaxed, (key, "vacancy"), lambda vacant=vacant: _relax(calculator, vacant)
            )
            context.advance(1)
            if not ions.converged:
                return replace(row, unconverged="the vacancy")
            if len(set(crystal.numbers)) == 1:
                row = replace(row, formation=ions.energy - bulk * len(vacant) / len(perfect))

        def compute(vacant=vacant, mover=mover, way=way, path=path, start=ions.energy) -> Hop:
            return _hop(calculator, vacant, mover, way, path.name, start)

        hop = context.keep(Hop, (key, path), compute)
        context.advance(1)
        row = replace(row, hops=(*row.hops, hop))
    return row


def _open(crystal: Atoms, perfect: Atoms, path: Path) -> tuple[Atoms, int, np.ndarray]:
    """Return the supercell without the atom at the path's end, who moves there, and his way."""
    start = crystal.positions[path.start]
    end = crystal.positions[path.end] + np.array(path.offset) @ crystal.cell[:]
    _, distances = find_mic(perfect.positions - end, perfect.cell, perfect.pbc)
    vacant = perfect.copy()
    del vacant[int(np.argmin(distances))]
    _, distances = find_mic(vacant.positions - start, perfect.cell, perfect.pbc)
    return vacant, int(np.argmin(distances)), end - start


def _hop(
    calculator: BaseCalculator, vacant: Atoms, mover: int, way: np.ndarray, name: str, start: float
) -> Hop:
    length = float(np.linalg.norm(way))
    shares = np.linspace(0, 1, POINTS)
    images = [_moved(vacant, mover, share * way) for share in shares]
    energies, forces = _energies(calculator, images)
    work = np.array([f[mover] @ way for f in forces])
    # Simpson's rule over two steps each
    done = (work[:-2:2] + 4 * work[1:-1:2] + work[2::2]) * (shares[1] / 3)
    left = np.abs(energies[2::2] - energies[:-2:2] + done).max()
    middle = _relax_across(calculator, vacant, mover, way, 0.5)
    highest = middle
    if intermediate := middle.converged and middle.energy < start:
        highest = _relax_across(calculator, vacant, mover, way, 0.25)
    good = middle.converged and highest.converged
    return Hop(
        name=name,
        length=length,
        distances=shares * length,
        energies=energies - energies[0],
        mismatch=float(left / max(np.ptp(energies), LEAST)),
        barrier=max(middle.energy, highest.energy) - start if good else None,
        intermediate=intermediate,
    )


def _relax_across(
    calculator: BaseCalculator, vacant: Atoms, mover: int, way: np.ndarray, share: float
) -> Relaxed:
    """Relax with the moving atom in the plane across its way.

    The atom farthest from it is fixed: all others together could carry it back.
    """
    atoms = _moved(vacant, mover, share * way)
    far = int(np.argmax(atoms.get_distances(mover, range(len(atoms)), mic=True)))
    atoms.set_constraint([FixedPlane([mover], way), FixAtoms([far])])
    return _relax(calculator, atoms)


def _moved(vacant: Atoms, mover: int, by: np.ndarray) -> Atoms:
    atoms = vacant.copy()
    atoms.positions[mover] += by
    return atoms


def _relax(calculator: BaseCalculator, atoms: Atoms) -> Relaxed:
    atoms = atoms.copy()
    atoms.calc = calculator
    facts = optimize(calculator, atoms, [False] * 6, IONS)
    return Relaxed(facts["energy"], facts["converged"])


def _energies(
    calculator: BaseCalculator, images: Sequence[Atoms]
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return energies and forces; `InputError` with the first error."""
    found = evaluate(calculator, images)
    for e in found:
        if e.error is not None or e.energy is None or e.forces is None:
            raise InputError(e.error or "no energy or no forces")
    return np.array([e.energy for e in found]), [e.forces for e in found]
