"""Why what a file holds is no structure, and what a user is to know of one that is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from ase import Atoms
from ase.calculators.calculator import InputError
from ase.data import chemical_symbols

from ..calculators.neighbours import check_geometry, full_cell
from ..drawing.tables import count, some

ONE_SITE = 0.1  # Å; no two atoms come so near
ROOMY = 100.0  # Å^3 per atom; a box that has more holds a molecule
SAME_FRAME = 1.0  # Å that an atom moves between two frames of one run
OCCUPIED = 0.01  # that an occupancy may differ from 1
DEUTERIUM = "D read as H, with the mass of H"
# Keys of info: what a reader says of a structure, and why it is none.
NOTES = "mlipcheck_notes"
FAULT = "mlipcheck_fault"


def add_note(atoms: Atoms, note: str) -> None:
    """Keep what a user is to know of how a structure was read."""
    if note not in notes_on(atoms):
        atoms.info[NOTES] = (*notes_on(atoms), note)


def notes_on(atoms: Atoms) -> tuple[str, ...]:
    """Return what the reader of a structure noted."""
    return tuple(atoms.info.get(NOTES, ()))


def say_disorder(sites: Sequence[str], what: str = "partial occupancies") -> str:
    """Say that sites (``Ge/P``, ``Li``) do not hold one whole atom each."""
    where = f"{count(len(sites), 'site')} ({some(sites)})"
    return f"{what} on {where}: an average and not a structure; give an ordered cell"


def find_fault(atoms: Atoms) -> str | None:
    """Say why atoms are no structure, and what to do (``what; fix``); None where they are one."""
    if fault := atoms.info.get(FAULT):
        return str(fault)
    if ghosts := int(np.sum(atoms.numbers == 0)):
        return (
            f"{ghosts} of its atoms are X, which is no element (a vacancy or ghost atom); "
            "take them out, or name their element"
        )
    unknown = atoms.numbers[(atoms.numbers < 0) | (atoms.numbers >= len(chemical_symbols))]
    if len(unknown):
        return f"no element has the atomic number {unknown[0]}; fix the structure"
    try:
        check_geometry(atoms)
    except InputError as error:
        return str(error)
    from scipy.spatial import cKDTree  # a neighbour list takes twenty times as long

    cell, pbc = full_cell(atoms), atoms.pbc
    scaled = np.linalg.solve(cell.T, atoms.positions.T).T
    for _ in range(2):  # of -1e-17 the first leaves 1
        scaled[:, pbc] %= 1.0
    reach = ONE_SITE / np.linalg.svd(cell, compute_uv=False)[-1]
    for i, j in sorted(cKDTree(scaled, boxsize=pbc.astype(float)).query_pairs(reach)):
        if (distance := float(atoms.get_distance(i, j, mic=True))) < ONE_SITE:
            return (
                f"two atoms on one site, {atoms.symbols[i]} {i} and {atoms.symbols[j]} {j}, "
                f"{distance:.2g} Å apart; leave one of them"
            )
    return None


def mark_dropped_cells(images: Sequence[Atoms]) -> None:
    """Mark frames without a cell whose atoms stand where a crystal's or slab's beside them do."""
    solid = defaultdict(list)
    for atoms in images:
        full = atoms.cell.rank == 3 and np.isfinite(atoms.cell[:]).all()
        # a single atom beside the crystal of one is what fixes its zero
        if len(atoms) > 1 and full and atoms.get_volume() < ROOMY * len(atoms):
            solid[atoms.numbers.tobytes()].append(atoms.positions)
    for atoms in images:
        same = solid.get(atoms.numbers.tobytes())
        if same is None or atoms.cell.rank > 0 or atoms.pbc.any():
            continue
        moved = np.linalg.norm(np.array(same) - atoms.positions, axis=2).max(axis=1).min()
        if moved < SAME_FRAME:
            atoms.info[FAULT] = (
                "its cell is missing, which other frames of the same run have; "
                "write the cell of every frame"
            )
        else:
            add_note(atoms, "it has no cell, other frames of the same atoms have one")
