"""Find straight hops in a crystal; relax a vacancy, and move an atom into it; the records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator
from ase.constraints import FixAtoms, FixedPlane
from ase.neighborlist import neighbor_list

from ...analysis.structures import find_symmetry
from ...calculators.base import stays_here
from ...storage import Record
from ..crystals import CrystalRow, find_energies
from ..relaxation.geometry import find_bonds, find_covalent
from ..relaxation.optimize import RelaxSettings, optimize

BULK = RelaxSettings(fmax=0.01, steps=200)
IONS = RelaxSettings(fmax=0.03, steps=200)
CALLS = 20  # that a relaxation of ions takes
LONGEST, AROUND = 5.0, 4.0  # Å of a hop, and more for what stands beside it
CLEAR = 0.8  # of the bond to a third atom
# Of a hop, for another atom to take part: CHGNet's hops in ten crystals move neighbours by 0.18 at
# most (Ti of TiO2), and the CO that takes O of CO2 over by 0.25.
FOLLOWS = 0.2
IN_UNIT = "bonded in molecules, chains or covalent units, which a vacancy would break"


@dataclass(frozen=True)
class Hop(Record):
    """An atom moves straight from a site of a crystal to an equal one; energies in eV.

    It goes ``distance`` Å, from atom ``start`` to atom ``end`` in the cell ``offset`` of the
    crystal. ``apart`` is by how much the energies of the two ends differ, all others at rest;
    ``barrier`` is with relaxed ions, None where they did not converge, or where another atom, the
    ``follower``, moved along; ``intermediate`` says that half way is lower than the start, so that
    the barrier is before it.
    """

    name: str
    start: int
    end: int
    offset: tuple[int, ...] = (0, 0, 0)
    reference: float | None = None
    distance: float = 0.0
    apart: float = 0.0
    barrier: float | None = None
    intermediate: bool = False
    follower: str = ""


@dataclass(frozen=True)
class Vacancy(CrystalRow):
    """A vacancy of one species in a supercell of ``atoms``, and the hops into it; energies in eV.

    ``formation`` is E_v - (N - 1) / N E, of elements only; ``unconverged`` says which relaxation
    did not come to its end.
    """

    atoms: int = 0
    formation: float | None = None
    formation_reference: float | None = None
    hops: tuple[Hop, ...] = ()
    unconverged: str | None = None
    error: str | None = None


def find_hops(atoms: Atoms) -> tuple[dict[str, Hop], list[str]]:
    """Return the shortest clear hop of each species, and which have none.

    ``atoms`` are periodic in three directions. Atoms of molecules, chains and covalent units, as O
    of CO2 or of PO4, do not hop: a bond would break, or the unit would follow. The sites of a hop
    are equal by the crystal's symmetry; its path is clear where every third atom is farther from
    it than 0.8 of the shortest distance of that pair of elements in the crystal.
    """
    symmetry = find_symmetry(atoms)
    if symmetry is None:
        return {}, ["its symmetry is not known"]
    kinds, symbols = np.asarray(symmetry.equivalent_atoms), np.array(atoms.get_chemical_symbols())
    i, j, d, v, s = neighbor_list("ijdDS", atoms, LONGEST + AROUND)
    order = np.lexsort((j, i, d.round(3)))
    i, j, d, v, s = (x[order] for x in (i, j, d, v, s))
    held = _in_units(atoms)
    found: dict[str, Hop] = {}
    species = list(dict.fromkeys(symbols.tolist()))
    for symbol in species:
        own = symbols[i] == symbol
        bonds = {x: d[own & (symbols[j] == x)].min(initial=np.inf) for x in species}
        for k in np.flatnonzero(own & (kinds[i] == i) & (kinds[j] == i) & (d < LONGEST) & ~held[i]):
            third = (i == i[k]) & (np.abs(v - v[k]).max(axis=1) > 1e-6)
            shares = np.clip(v[third] @ v[k] / d[k] ** 2, 0, 1)
            away = np.linalg.norm(v[third] - shares[:, None] * v[k], axis=1)
            if (away >= [CLEAR * bonds[x] for x in symbols[j[third]]]).all():
                found[symbol] = Hop("", int(i[k]), int(j[k]), tuple(s[k].tolist()))
                break
    no_path = f"no straight path of {LONGEST:g} Å between equal sites that is clear"
    why = {x: IN_UNIT if held[symbols == x].all() else no_path for x in species if x not in found}
    return found, [f"{symbol}: {reason}" for symbol, reason in why.items()]


def _in_units(atoms: Atoms) -> np.ndarray:
    """Tell which atoms are part of a molecule, a chain or a covalent unit, shape (n_atoms,)."""
    table = find_bonds(atoms)
    held = np.zeros(len(atoms), bool)
    for among, dimensions in find_covalent(table, atoms):
        bonds = table.indices[among]
        held[bonds[dimensions[bonds[:, 0]] < 2]] = True
    return held


@stays_here()
def measure_hops(
    calculator: BaseCalculator,
    crystal: Atoms,
    repeat: Sequence[int],
    hops: Sequence[Hop],
    row: Vacancy,
    advance: Callable[[int], None] = lambda n: None,
) -> Vacancy:
    """Return the row of a vacancy, completed with what the model says of it and of its hops.

    ``crystal`` is relaxed first, its cell too where the model has a stress, then the ions of its
    supercell with a vacancy, and with an atom half way into it that stays in the plane normal to
    its path. All ``hops`` lead into that vacancy. The first relaxation without an end is the row's.

    Raises
    ------
    InputError
        Where the model fails on a structure.
    """
    crystal = crystal.copy()
    crystal.calc = calculator
    find_energies(calculator, [crystal])  # a structure that it cannot take does not go astray
    free = "stress" in calculator.implemented_properties
    if not optimize(calculator, crystal, [free] * 6, BULK)["converged"]:
        return replace(row, unconverged="the crystal")
    perfect = crystal.repeat(repeat)
    (whole,) = find_energies(calculator, [perfect])
    opened = [_open(crystal, perfect, repeat, hop) for hop in hops]
    row = replace(row, atoms=len(perfect))
    rest = _relax(calculator, opened[0][0])
    advance(1)
    if rest is None:
        return replace(row, unconverged="the vacancy")
    if len(set(crystal.numbers)) == 1:
        row = replace(row, formation=rest[0] - whole * (len(perfect) - 1) / len(perfect))
    for hop, way in zip(hops, opened, strict=True):
        row = replace(row, hops=(*row.hops, _follow(calculator, *way, hop, rest)))
        advance(1)
    return row


def _open(
    crystal: Atoms, perfect: Atoms, repeat: Sequence[int], hop: Hop
) -> tuple[Atoms, int, np.ndarray]:
    """Return the supercell without the atom at the end, the atom that moves, and by what."""
    cell = np.ravel_multi_index(np.mod(hop.offset, repeat), repeat)
    end = int(cell) * len(crystal) + hop.end
    vacant = perfect.copy()
    del vacant[end]
    way = np.array(hop.offset) @ crystal.cell[:]
    way += crystal.positions[hop.end] - crystal.positions[hop.start]
    return vacant, hop.start - (end < hop.start), way


def _follow(
    calculator: BaseCalculator,
    vacant: Atoms,
    mover: int,
    way: np.ndarray,
    hop: Hop,
    rest: tuple[float, np.ndarray],
) -> Hop:
    distance = float(np.linalg.norm(way))

    def moved(share: float) -> Atoms:
        atoms = vacant.copy()
        atoms.positions[mover] += share * way
        return atoms

    def across(share: float) -> tuple[float, np.ndarray] | None:
        atoms = moved(share)
        # the farthest atom is fixed: all others together could carry the moving one back
        far = int(np.argmax(atoms.get_distances(mover, range(len(atoms)), mic=True)))
        atoms.set_constraint([FixedPlane([mover], way), FixAtoms([far])])
        return _relax(calculator, atoms)

    def follower(top: tuple[float, np.ndarray] | None) -> str:
        """Return the atom that moved by more than a fifth of the hop, as the mover's partner.

        That of a heavier mover is no hydrogen, which turns about what it is bound to.
        """
        if top is None:
            return ""
        moves = np.linalg.norm(top[1] - rest[1], axis=1)
        moves[(vacant.numbers == 1) & (vacant.numbers[mover] > 1)] = 0.0
        moves[mover] = 0.0
        k = int(np.argmax(moves))
        return f"{vacant.symbols[k]} {moves[k]:.1f} Å" if moves[k] > FOLLOWS * distance else ""

    first, last = find_energies(calculator, [vacant, moved(1)])
    hop = replace(hop, distance=distance, apart=abs(last - first))
    top = across(0.5)
    if top is not None and top[0] < rest[0] and not follower(top):
        top, hop = across(0.25), replace(hop, intermediate=True)
    if top is None or (name := follower(top)):
        return replace(hop, follower="" if top is None else name)
    return replace(hop, barrier=top[0] - rest[0])


def _relax(calculator: BaseCalculator, atoms: Atoms) -> tuple[float, np.ndarray] | None:
    """Return energy and positions of the ions at rest, or None where they do not come to rest."""
    atoms = atoms.copy()
    atoms.calc = calculator
    facts = optimize(calculator, atoms, [False] * 6, IONS)
    return (facts["energy"], atoms.positions) if facts["converged"] else None
