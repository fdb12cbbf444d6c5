"""Relax with the calculator what a reference has relaxed already, and see where it goes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator, InputError

from ...analysis.strain import stress_error
from ...calculators.base import FAILURES, stays_here
from ...calculators.counting import CountingCalculator
from ...calculators.evaluate import Progress, describe_error, evaluate
from ...calculators.neighbours import full_cell
from ...references.files import as_references
from ...references.structures import RelaxedReference
from . import geometry
from .energies import compare_energies
from .record import Relaxation
from .settings import RelaxSettings

RATTLE = 0.05  # Å, standard deviation of each coordinate
STRAIN = 0.02  # largest component of the random strain
# A cell that is stretched or squeezed by this factor along any direction is no crystal any more:
# layers and noble gases come to three, where the model's range ends.
RUNAWAY = 10.0


def relax_against_reference(
    calculator: BaseCalculator,
    references: Iterable[RelaxedReference | Atoms | str | Path]
    | RelaxedReference
    | Atoms
    | str
    | Path,
    *,
    fmax: float = 0.02,
    steps: int = 500,
    optimizer: str = "BFGS",
    cell: str | None = None,
    start: str = "relaxed",
    seed: int = 0,
    progress: Progress | None = None,
) -> list[Relaxation]:
    """Relax reference structures and compare where they end with where they began.

    Parameters
    ----------
    calculator : any ASE calculator
    references : one or several of
        Atoms, files, folders, ``"dcdft"``, ``"morse-clusters"``, `RelaxedReference`.
    fmax : float
        eV/Å; with a free cell also the filter's generalised forces.
    steps : int
        A structure that has not converged by then is a row that says so.
    optimizer : str
        One of BFGS, LBFGS, FIRE, BFGSLineSearch, all of them ASE's.
    cell : str, optional
        ``free`` or ``fixed`` for all; by default what the reference's own run did, else free for
        what is periodic in three directions. A free cell moves along periodic directions only.
    start : str
        ``relaxed`` (the reference's end), ``first`` (its first frame), or ``rattled`` (its end
        with atoms displaced by 0.05 Å and, where the cell is free, strained by up to 2 %).
    seed : int
        Of the rattle.
    progress : callable, optional
        Called with 1 after each structure.

    Returns
    -------
    list of Relaxation
        One a reference, in order. What could not be read, set up or converged is kept.

    Raises
    ------
    InputError
        For settings that no relaxation can have, or no references.
    """
    how = RelaxSettings(fmax, steps, optimizer, cell, start, seed)
    rows = []
    for row in iterate_relaxations(calculator, as_references(references), how):
        rows.append(row)
        if progress is not None:
            progress(1)
    return compare_energies(rows)


def iterate_relaxations(
    calculator: BaseCalculator, references: Sequence[RelaxedReference], settings: RelaxSettings
) -> Iterator[Relaxation]:
    """Yield the rows of `relax_against_reference` as they come, energies not yet compared."""
    for reference in references:
        # a structure is rattled alike whatever else is relaxed, and in whatever order
        seeds = [settings.seed, int(reference.fingerprint or "0", 16)]
        yield _relax(calculator, reference, settings, np.random.default_rng(seeds))


@stays_here
def _relax(
    calculator: BaseCalculator,
    reference: RelaxedReference,
    settings: RelaxSettings,
    rng: np.random.Generator,
) -> Relaxation:
    """Relax one structure; whatever goes wrong is in the row."""
    row = Relaxation(
        name=reference.name,
        source=reference.source,
        fingerprint=reference.fingerprint,
        level_of_theory=reference.level_of_theory,
        notes=reference.notes,
        optimizer=settings.optimizer,
        target_fmax=settings.fmax,
        most_steps=settings.steps,
        start=settings.start,
        seed=settings.seed if settings.start == "rattled" else None,
        reference_fmax=reference.fmax,
        reference_stress=reference.stress,
        single_point=reference.single_point,
        reference_energy=reference.energy,
        error=reference.error,
    )
    if reference.relaxed is None:
        return row
    target = reference.relaxed
    free = _cell_is_free(reference, settings.cell)
    notes = row.notes
    if free and settings.cell is None and "stress" not in calculator.implemented_properties:
        free, notes = False, (*notes, "the calculator gives no stress: the cell stays as it was")
    row = dataclasses.replace(
        row,
        notes=notes,
        formula=target.get_chemical_formula(),
        n_atoms=len(target),
        cell="free" if free else "fixed",
        reference_volume=_volume(target),
    )
    counter = CountingCalculator(calculator)
    try:
        atoms = _starting_structure(reference, settings.start, free, rng)
        # the inputs are checked here, and a structure that the model cannot take is told apart
        # from a relaxation that goes astray
        problem = evaluate(calculator, [atoms])[0].error
        if problem is not None:
            return dataclasses.replace(row, error=problem)
        if free:
            row = dataclasses.replace(row, stress_error=stress_error(calculator, target))
        atoms.calc = counter
        facts = _optimize(atoms, free, settings) | _compare(reference, atoms)
    except FAILURES as error:  # kept and shown as this structure's result
        return dataclasses.replace(
            row, error=describe_error(error), force_calls=counter.force_calls
        )
    return dataclasses.replace(row, force_calls=counter.force_calls, **facts)


def _cell_is_free(reference: RelaxedReference, cell: str | None) -> bool:
    assert reference.relaxed is not None
    if not reference.relaxed.pbc.any():
        return False
    if cell is not None:
        return cell == "free"
    if reference.cell_free is not None:
        return reference.cell_free
    return bool(reference.relaxed.pbc.all())


def _starting_structure(
    reference: RelaxedReference, start: str, free: bool, rng: np.random.Generator
) -> Atoms:
    assert reference.relaxed is not None
    if start == "first":
        if reference.first is None:
            raise InputError("the reference has one frame only; start from relaxed or rattled")
        return reference.first.copy()
    atoms = reference.relaxed.copy()
    if start == "rattled":
        if free:
            strain = rng.uniform(-STRAIN, STRAIN, (3, 3))
            periodic = np.outer(atoms.pbc, atoms.pbc)
            strain = np.where(periodic, (strain + strain.T) / 2, 0.0)
            atoms.set_cell(atoms.cell[:] @ (np.eye(3) + strain), scale_atoms=True)
        # through set_positions, so that constrained atoms stay
        atoms.set_positions(atoms.positions + rng.normal(0, RATTLE, (len(atoms), 3)))
    return atoms


def _optimize(atoms: Atoms, free: bool, settings: RelaxSettings) -> dict[str, Any]:
    import ase.optimize
    from ase.filters import FrechetCellFilter

    if free and "stress" not in atoms.calc.implemented_properties:
        raise InputError("the calculator gives no stress; relax with the cell fixed")
    moving = FrechetCellFilter(atoms, mask=_cell_mask(atoms)) if free else atoms
    run = getattr(ase.optimize, settings.optimizer)(moving, logfile=None)
    if free:
        run.attach(_refuse_runaway, 1, atoms, atoms.copy(), run)
    converged = bool(run.run(fmax=settings.fmax, steps=settings.steps))
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
    """Raise `InputError` where the cell is `RUNAWAY` times as long or as thin as at the start."""
    stretches = np.linalg.svd(np.linalg.solve(full_cell(start), full_cell(atoms)), compute_uv=False)
    if not 1 / RUNAWAY < stretches[-1] <= stretches[0] < RUNAWAY:
        before, after = (a.cell.cellpar().round(2).tolist() for a in (start, atoms))
        raise InputError(f"the cell runs away: from {before} to {after} in {run.nsteps} steps")


def _cell_mask(atoms: Atoms) -> list[bool]:
    """Return the strains (xx yy zz yz xz xy) along periodic directions.

    FrechetCellFilter knows nothing of pbc and would relax the vacuum of a slab.
    """
    if atoms.pbc.all():
        return [True] * 6
    vectors = atoms.cell[:][atoms.pbc]
    # the Cartesian axes that the periodic vectors span, which must be whole axes
    spans = np.abs(vectors).max(axis=0) > 1e-6 * np.abs(vectors).max()
    if spans.sum() != atoms.pbc.sum():
        raise InputError(
            "a free cell needs the periodic directions along Cartesian axes; "
            "rotate the structure, or fix the cell"
        )
    x, y, z = (bool(s) for s in spans)
    return [x, y, z, y and z, x and z, x and y]


def _volume(atoms: Atoms) -> float | None:
    return float(atoms.get_volume()) if atoms.pbc.all() and atoms.cell.rank == 3 else None


def _compare(reference: RelaxedReference, atoms: Atoms) -> dict[str, Any]:
    target = reference.relaxed
    assert target is not None
    before, after = _volume(target), _volume(atoms)
    facts: dict[str, Any] = {
        "volume": after,
        "volume_change_percent": 100 * (after / before - 1) if before and after else None,
        "shortest_distance": geometry.shortest_distance(atoms),
        "reference_shortest_distance": geometry.shortest_distance(target),
    }
    if reference.volume_only:
        return facts
    cells = geometry.compare_cells(target, atoms)
    table, definition = geometry.find_bonds(target)
    bonds = geometry.follow_bonds(table, atoms)
    broken, new = geometry.count_broken_and_new(bonds, target, atoms)
    return facts | {
        "length_changes_percent": cells[0] if cells else None,
        "angle_changes": cells[1] if cells else None,
        "bonds": bonds,
        "bond_definition": definition,
        "bond_changes": geometry.summarise_bonds(bonds, target),
        "broken_bonds": broken,
        "new_bonds": new,
        "rmsd": geometry.displacement_rmsd(target, atoms),
        "space_group": geometry.space_group(atoms),
        "reference_space_group": geometry.space_group(target),
    }
