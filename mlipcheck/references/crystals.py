"""Collections of relaxed crystals: ASE's dcdft, all-electron unaries, and relaxed WBM crystals."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ase import Atoms
from ase.build import bulk
from ase.data import atomic_numbers, chemical_symbols, reference_states

from ..analysis.eos import BirchMurnaghan
from . import datasets
from .sites import read_structure
from .structures import RelaxedReference

# The unaries were computed without magnetism: these are magnets, or have open f shells.
LEFT_OUT = frozenset(
    ["Cr", "Mn", "Fe", "Co", "Ni", "O", *chemical_symbols[58:72], *chemical_symbols[90:104]]
)
# The atoms in the cube of the lattice constant of each structure.
CUBES = {"fcc": 4, "bcc": 2, "sc": 1, "diamond": 8}


def dcdft_crystals(elements: Iterable[str] | None = None) -> list[RelaxedReference]:
    """Return the elemental crystals of Lejaeghere et al. as ASE bundles them: all 71, or some.

    Notes
    -----
    WIEN2k PBE volumes (Lejaeghere et al., Crit. Rev. Solid State Mater. Sci. 39, 1 (2014)). The
    cells as bundled are up to 3.3 % off those (O), so each is scaled to its reference volume;
    shapes and positions are not WIEN2k's, and only the volume is a reference.
    """
    from ase.collections import dcdft

    wanted = set(dcdft.names if elements is None else elements)
    references = []
    for name in (name for name in dcdft.names if name in wanted):
        atoms = dcdft[name]
        volume = dcdft.data[name]["wien2k_volume"] * len(atoms)
        scale = (volume / atoms.get_volume()) ** (1 / 3)
        atoms.set_cell(atoms.cell * scale, scale_atoms=True)
        references.append(_crystal(name, "dcdft", atoms, "PBE, WIEN2k, all-electron"))
    return references


def acwf_unaries() -> list[RelaxedReference]:
    """Return elements as fcc, bcc, sc and diamond, downloaded where they are not at hand.

    Minima of equations of state, the average of two all-electron codes (Bosoni et al., Nat. Rev.
    Phys. 6, 45 (2024)), without magnetism: O, Cr to Ni, and what has f electrons are left out.
    """
    (path,) = datasets.fetch("acwf-unaries")
    return [reference for reference, _ in _read_unaries(path)]


def ground_states(elements: Iterable[str]) -> list[tuple[RelaxedReference, BirchMurnaghan]] | None:
    """Return elements in their own cubic lattice with their equations of state, per atom.

    None where the data are not at hand: nothing is downloaded. Elements whose lattice is another,
    and those that `acwf_unaries` leaves out, are left out.
    """
    found = datasets.find("acwf-unaries")
    if found is None:
        return None
    own = {f"{x}-{(reference_states[atomic_numbers[x]] or {}).get('symmetry')}" for x in elements}
    return [pair for pair in _read_unaries(found[0]) if pair[0].name in own]


def _read_unaries(path: Path) -> list[tuple[RelaxedReference, BirchMurnaghan]]:
    dataset = datasets.get_dataset("acwf-unaries")
    table = datasets.load_json(path)
    found = []
    for key, fit in table["BM_fit_data"].items():
        element, structure = key.split("-X/")
        if fit is None or element in LEFT_OUT:
            continue
        per_atom = fit["min_volume"] / table["num_atoms_in_sim_cell"][key]
        lattice = structure.lower()
        atoms = bulk(element, lattice, a=(CUBES[lattice] * per_atom) ** (1 / 3))
        name = f"{element}-{lattice}"
        curve = BirchMurnaghan(per_atom, fit["bulk_modulus_ev_ang3"], fit["bulk_deriv"])
        found.append((_crystal(name, dataset.name, atoms, dataset.level_of_theory), curve))
    return found


def _crystal(name: str, source: str, atoms: Atoms, level: str) -> RelaxedReference:
    """Return a crystal of whose minimum the volume is known, and nothing else."""
    return RelaxedReference(
        name, source, atoms, volume_only=True, cell_free=True, level_of_theory=level
    )


def wbm_crystals() -> list[RelaxedReference]:
    """Return 972 relaxed crystals of WBM with raw energies, downloaded if they are not at hand."""
    dataset = datasets.get_dataset("wbm-equilibrium")
    (path,) = datasets.fetch(dataset.name)
    return [
        RelaxedReference(
            name=row["material_id"],
            source=dataset.name,
            relaxed=read_structure(row["structure"]),
            energy=row["energy"],
            cell_free=True,
            level_of_theory=dataset.level_of_theory,
        )
        for row in datasets.load_json(path)
    ]
