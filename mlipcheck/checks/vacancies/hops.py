"""Relax a vacancy, and move an atom into it: straight in a rigid crystal, and relaxed half way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator, InputError
from ase.constraints import FixAtoms, FixedPlane

from ...calculators.base import stays_here
from ...calculators.evaluate import evaluate
from ..relaxation.optimize import optimize
from ..relaxation.settings import RelaxSettings
from .record import Hop, Path, Vacancy

BULK = RelaxSettings(fmax=0.01, steps=200)
IONS = RelaxSettings(fmax=0.03, steps=200)
POINTS = 17  # of the straight path; an even number of steps, for Simpson's rule
LEAST = 0.5  # eV that a range of energies is taken for at least
CALLS = 20  # that a relaxation of ions takes


@dataclass(frozen=True)
class _Relaxed:
    energy: float
    converged: bool


def count_evaluations(paths: Sequence[Path]) -> int:
    """Return about how many supercells are evaluated."""
    return 1 + CALLS + (CALLS + POINTS) * len(paths)


@stays_here
def measure_hops(
    calculator: BaseCalculator,
    crystal: Atoms,
    repeat: tuple[int, int, int],
    paths: Sequence[Path],
    row: Vacancy,
    advance: Callable[[int], None] = lambda n: None,
) -> Vacancy:
    """Return the row of a vacancy, completed with what the model says of it.

    ``crystal`` is relaxed first, its cell too where the model has a stress, then the ions of its
    supercell with a vacancy, and with an atom half way into it that stays in the plane normal to
    its path. All paths end at equal sites. The first relaxation without an end is the row's.

    Raises
    ------
    InputError
        Where the model fails on a structure.
    """
    crystal = crystal.copy()
    crystal.calc = calculator
    _evaluate(calculator, [crystal])  # a structure that it cannot take is none that goes astray
    free = "stress" in calculator.implemented_properties
    if not optimize(calculator, crystal, [free] * 6, BULK)["converged"]:
        return replace(row, unconverged="the crystal")
    perfect = crystal.repeat(repeat)
    energies, _ = _evaluate(calculator, [perfect])
    row = replace(row, atoms=len(perfect))
    opened = [_open(crystal, perfect, path) for path in paths]
    vacant = opened[0][0]
    rest = _relax(calculator, vacant)
    advance(1)
    if not rest.converged:
        return replace(row, unconverged="the vacancy")
    if len(set(crystal.numbers)) == 1:
        formation = rest.energy - float(energies[0]) * len(vacant) / len(perfect)
        row = replace(row, formation=formation)
    for path, way in zip(paths, opened, strict=True):
        row = replace(row, hops=(*row.hops, _hop(calculator, *way, path, rest.energy)))
        advance(1)
    return row


def _open(crystal: Atoms, perfect: Atoms, path: Path) -> tuple[Atoms, int, np.ndarray]:
    """Return the supercell without the atom at the end, the atom that moves, and by what."""
    start = crystal.positions[path.start]
    end = crystal.positions[path.end] + np.array(path.offset) @ crystal.cell[:]
    vacant = perfect.copy()
    del vacant[_at(perfect, end)]
    return vacant, _at(vacant, start), end - start


def _at(atoms: Atoms, place: np.ndarray) -> int:
    away = atoms.cell.scaled_positions(atoms.positions - place)
    return int(np.argmin(np.linalg.norm((away - away.round()) @ atoms.cell[:], axis=1)))


def _hop(
    calculator: BaseCalculator, vacant: Atoms, mover: int, way: np.ndarray, path: Path, rest: float
) -> Hop:
    shares = np.linspace(0, 1, POINTS)
    images = [_moved(vacant, mover, share * way) for share in shares]
    energies, forces = _evaluate(calculator, images)
    slopes = -np.array([f[mover] @ way for f in forces])
    rise = (slopes[:-2:2] + 4 * slopes[1:-1:2] + slopes[2::2]) * shares[1] / 3  # Simpson's rule
    mismatch = np.abs(energies[2::2] - energies[:-2:2] - rise).max()
    found = [_relax_across(calculator, vacant, mover, way, 0.5)]
    if intermediate := found[0].converged and found[0].energy < rest:
        found.append(_relax_across(calculator, vacant, mover, way, 0.25))
    converged = all(r.converged for r in found)
    return Hop(
        name=path.name,
        distances=shares * np.linalg.norm(way),
        energies=energies - energies[0],
        mismatch=float(mismatch / max(np.ptp(energies), LEAST)),
        barrier=max(r.energy for r in found) - rest if converged else None,
        reference=path.reference,
        intermediate=intermediate,
    )


def _relax_across(
    calculator: BaseCalculator, vacant: Atoms, mover: int, way: np.ndarray, share: float
) -> _Relaxed:
    atoms = _moved(vacant, mover, share * way)
    # the farthest atom is fixed: all others together could carry the moving one back
    far = int(np.argmax(atoms.get_distances(mover, range(len(atoms)), mic=True)))
    atoms.set_constraint([FixedPlane([mover], way), FixAtoms([far])])
    return _relax(calculator, atoms)


def _moved(vacant: Atoms, mover: int, by: np.ndarray) -> Atoms:
    atoms = vacant.copy()
    atoms.positions[mover] += by
    return atoms


def _relax(calculator: BaseCalculator, atoms: Atoms) -> _Relaxed:
    atoms = atoms.copy()
    atoms.calc = calculator
    facts = optimize(calculator, atoms, [False] * 6, IONS)
    return _Relaxed(facts["energy"], facts["converged"])


def _evaluate(
    calculator: BaseCalculator, images: Sequence[Atoms]
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return energies and forces; `InputError` with the first error."""
    found = evaluate(calculator, images)
    if failed := next((e.error for e in found if e.error), None):
        raise InputError(failed)
    return np.array([e.energy for e in found]), [np.asarray(e.forces) for e in found]
