"""Relax with the calculator what a reference has relaxed already, and see where it goes."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator, InputError
from ase.formula import Formula

from ...analysis.statistics import fit_offsets
from ...analysis.strain import stress_error
from ...analysis.structures import empty_directions
from ...calculators.around import CountingCalculator
from ...calculators.base import FAILURES, stays_here
from ...calculators.evaluate import Progress, describe_error, evaluate
from ...calculators.registry import as_calculator, describe
from ...references.doubts import Doubt
from ...references.inputs import ReferenceItem, load_references
from ...references.level_of_theory import level_doubt
from ...references.structures import RelaxedReference
from . import geometry
from .optimize import RelaxSettings, mask_strains, optimize
from .record import Relaxation

RATTLE = 0.05  # Å, standard deviation of each coordinate
STRAIN = 0.02  # largest component of the random strain
# what a row has of its reference
SHARED = ("name", "source", "fingerprint", "level_of_theory", "start_only", "notes", "error")


def relax_against_reference(
    calculator: BaseCalculator | str,
    references: Iterable[ReferenceItem] | ReferenceItem,
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
    calculator : any ASE calculator, or its name
    references : one or several of
        Atoms, files, folders, ``"dcdft"``, ``"morse-clusters"``, `RelaxedReference`.
    fmax : float
        eV/Å; with a free cell also the filter's generalised forces.
    steps : int
        A structure that has not converged by then is a row that says so.
    optimizer : str
        One of BFGS, LBFGS, FIRE, BFGSLineSearch, all of them ASE's.
    cell : str, optional
        ``free`` or ``fixed`` for all; by default what the reference's own run did, fixed beside
        fixed atoms, else free for crystals in three directions. A free cell moves along periodic
        directions without vacuum only.
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
        One a reference, in order. What could not be set up or converged is kept, and what could
        not be read beside others.

    Raises
    ------
    InputError
        For settings that no relaxation can have, and without a reference that can be read.

    Notes
    -----
    A free cell has converged where forces are below ``fmax`` and its volume is within 0.3 % of the
    minimum, p/B with B from two more cells. Where it is not it goes on, downhill where there is no
    minimum.
    """
    how = RelaxSettings(fmax, steps, optimizer, cell, start, seed)
    calculator, given, rows = as_calculator(calculator), load_references(references), []
    if len(given) == 1 and given[0].relaxed is None:
        raise InputError(given[0].error)
    for reference in given:
        rows.append(relax_structure(calculator, reference, how))
        if progress is not None:
            progress(1)
    return compare_energies(rows)


@stays_here()
def relax_structure(
    calculator: BaseCalculator, reference: RelaxedReference, settings: RelaxSettings
) -> Relaxation:
    """Return one row of `relax_against_reference`, whatever goes wrong; energies come later."""
    row = Relaxation(
        **{field: getattr(reference, field) for field in SHARED},
        optimizer=settings.optimizer,
        target_fmax=settings.fmax,
        most_steps=settings.steps,
        start=settings.start,
        seed=settings.seed if settings.start == "rattled" else None,
        reference_energy=reference.energy,
    )
    target = reference.relaxed
    if target is None:
        return row
    counter = CountingCalculator(calculator)
    facts: dict[str, Any] = {"formula": target.get_chemical_formula(), "n_atoms": len(target)}
    try:
        mask, notes = _free_strains(calculator, reference, target, settings.cell)
        facts |= {"cell": "free" if any(mask) else "fixed", "notes": (*row.notes, *notes)}
        facts |= {"reference_volume": _volume(target)}
        facts |= _judge_reference(calculator, reference, target)
        atoms = _starting_structure(reference, target, settings, any(mask))
        facts["stress_error"] = stress_error(calculator, target, mask) if any(mask) else None
        # the inputs are checked here: a structure that the model cannot take is not a relaxation
        # that goes astray; what is found is where the optimizer starts
        facts["error"] = evaluate(counter, [atoms])[0].error
        if facts["error"] is None:
            atoms.calc = counter
            facts |= optimize(calculator, atoms, mask, settings)
            facts |= _compare(reference, target, atoms)
        else:
            counter.force_calls = 0  # no step was taken
    except FAILURES as error:  # kept and shown as this structure's result
        facts |= {"error": describe_error(error), "converged": False}
    return dataclasses.replace(row, force_calls=counter.force_calls, **facts)


def _judge_reference(
    calculator: BaseCalculator, reference: RelaxedReference, target: Atoms
) -> dict[str, Any]:
    """Return what speaks against a reference of this model, and whether its functional is its."""
    own, level = describe(calculator).level_of_theory, reference.level_of_theory
    doubts = list(reference.doubts)
    if other := level_doubt(level, own, [set(target.symbols)], reference.settings):
        doubts.append(other)
    if not geometry.has_neighbours(target):
        reach = geometry.FARTHEST_NEIGHBOUR
        doubts.append(Doubt("unit", f"no two atoms are within {reach:g} Å: is its unit right?"))
    return {"doubts": tuple(doubts), "same_functional": bool(own and level and not other)}


def _free_strains(
    calculator: BaseCalculator, reference: RelaxedReference, target: Atoms, cell: str | None
) -> tuple[list[bool], list[str]]:
    """Return which strains (xx yy zz yz xz xy) are free, and notes on why others are not."""
    solid = target.pbc & ~empty_directions(target)
    names = [name for name, left in zip("abc", target.pbc & ~solid, strict=True) if left]
    notes = [f"vacuum along {', '.join(names)}: the cell is fixed there"] if names else []
    free = cell == "free"
    if cell is None and not reference.fixed_cell:
        free = solid.all() if reference.cell_free is None else reference.cell_free
    if not (free and solid.any()):
        return [False] * 6, notes
    try:
        if "stress" not in calculator.implemented_properties:
            raise InputError("the calculator gives no stress; relax with the cell fixed")
        return mask_strains(target, solid), notes
    except InputError as error:
        if cell == "free":
            raise
        return [False] * 6, [*notes, f"{error}; it stays as it was"]


def _starting_structure(
    reference: RelaxedReference, target: Atoms, settings: RelaxSettings, free: bool
) -> Atoms:
    if settings.start == "first":
        if reference.first is None:
            raise InputError("the reference has one frame only; start from relaxed or rattled")
        return reference.first.copy()
    atoms = target.copy()
    if settings.start == "rattled":
        # alike whatever else is relaxed, and in whatever order
        rng = np.random.default_rng([settings.seed, int(reference.fingerprint or "0", 16)])
        if free:
            strain = rng.uniform(-STRAIN, STRAIN, (3, 3))
            periodic = np.outer(atoms.pbc, atoms.pbc)
            strain = np.where(periodic, (strain + strain.T) / 2, 0.0)
            atoms.set_cell(atoms.cell[:] @ (np.eye(3) + strain), scale_atoms=True)
        # through set_positions, so that constrained atoms stay
        atoms.set_positions(atoms.positions + rng.normal(0, RATTLE, (len(atoms), 3)))
    return atoms


def _volume(atoms: Atoms) -> float | None:
    """Return the volume of a crystal in three directions; that of a box says nothing."""
    return None if empty_directions(atoms).any() else float(atoms.get_volume())


def _compare(reference: RelaxedReference, target: Atoms, atoms: Atoms) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    if before := _volume(target):
        after = float(atoms.get_volume())
        facts = {"volume": after, "volume_change_percent": 100 * (after / before - 1)}
    if reference.volume_only:
        return facts
    bonds = geometry.follow_bonds(geometry.find_bonds(target), atoms)
    broken, new = geometry.count_broken_and_new(bonds, target, atoms)
    return facts | {
        **geometry.compare_cells(target, atoms),
        "bonds": bonds,
        "bond_changes": geometry.summarise_bonds(bonds),
        "broken_bonds": broken,
        "new_bonds": new,
        "rmsd": geometry.displacement_rmsd(target, atoms),
        "space_group": geometry.space_group(atoms),
        "reference_space_group": geometry.space_group(target),
    }


def compare_energies(rows: Sequence[Relaxation]) -> list[Relaxation]:
    """Fill in the energy errors where there are enough structures to judge them.

    Zeros of energy differ by one constant an element, and perhaps by corrections. For each level
    of theory the constants are fitted to (E_model - E_reference) / n over the converged rows by
    least squares. The error of a row, in eV/atom, is what the constants fitted without it leave
    of it; where the others do not fix its constants it stays None.
    """
    found = list(rows)
    groups: dict[str | None, list[tuple[int, float]]] = {}
    for k, row in enumerate(rows):
        if row.converged and row.energy is not None and row.reference_energy is not None:
            difference = (row.energy - row.reference_energy) / row.n_atoms
            groups.setdefault(row.level_of_theory, []).append((k, difference))
    for group in groups.values():
        places, differences = zip(*group, strict=True)
        counts = [Counter(Formula(rows[k].formula).count()) for k in places]
        errors, _ = fit_offsets(counts, np.array(differences))
        for k, error in zip(places, errors, strict=True):
            if np.isfinite(error):
                found[k] = dataclasses.replace(rows[k], energy_error_per_atom=float(error))
    return found
