"""Structures known to be relaxed: what is known of one, exact Morse clusters, and Atoms."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import InputError

from ..calculators.toy.morse import MorseCalculator
from .labels import check_structure, read_results

if TYPE_CHECKING:
    from .doubts import Doubt

CLUSTER_SIZES = (2, 3, 4, 6, 13)
AT_REST = 0.1  # eV/Å that a structure may have and be taken for relaxed
MOST_PRESSED = 1.0  # GPa; 1 % of the volume at a bulk modulus of 100 GPa


@dataclass(frozen=True, eq=False)
class RelaxedReference:
    """A structure at a minimum of the reference's own energy.

    Attributes
    ----------
    name, source : str
        What to call it; the file or collection that it comes from.
    relaxed : Atoms or None
        With its constraints, without a calculator; None where ``error`` says why.
    first : Atoms or None
        Where the reference's own relaxation began.
    energy : float or None
        eV, of the relaxed structure, only where it may be compared.
    volume_only : bool
        Whether the volume alone is the reference, the shape and positions a model's.
    cell_free : bool or None
        Whether the reference relaxed its cell; None where it does not say.
    fmax : float or None
        The largest force that the reference left, eV/Å.
    stress : float or None
        The largest component of the stress that it left, eV/Å^3; None where nothing says.
    single_point : bool
        Whether the run says that it did not relax.
    start_only : bool
        Whether nothing says that it is relaxed: what a model changes is reported, never judged.
    fixed_cell : bool
        Whether its atoms were partly fixed, or its cell did not move: a model's is fixed too.
    doubts : tuple of Doubt
        Why it may be no reference, or not for this model.
    """

    name: str
    source: str
    relaxed: Atoms | None
    first: Atoms | None = None
    energy: float | None = None
    volume_only: bool = False
    cell_free: bool | None = None
    fmax: float | None = None
    stress: float | None = None
    single_point: bool = False
    start_only: bool = False
    fixed_cell: bool = False
    doubts: tuple[Doubt, ...] = ()
    level_of_theory: str | None = None
    notes: tuple[str, ...] = ()
    error: str | None = None

    @property
    def moving(self) -> bool:
        """Whether its forces are too large for a structure at rest."""
        return self.fmax is not None and self.fmax > AT_REST

    @property
    def pressed(self) -> bool:
        """Whether its stress is too large for a structure at rest."""
        return self.stress is not None and self.stress > MOST_PRESSED * units.GPa

    @property
    def fingerprint(self) -> str:
        """The same for the same structures, whatever their file is called; empty without one."""
        digest = hashlib.sha256(f"{self.energy}".encode())
        for atoms in (self.relaxed, self.first):
            if atoms is not None:
                digest.update(atoms.numbers.astype("<i8").tobytes() + atoms.pbc.tobytes())
                # rounded, and no minus at a zero: another machine computes the same structure
                lengths = np.round([*atoms.positions, *atoms.cell[:]], 4) + 0.0
                digest.update(lengths.astype("<f8").tobytes())
        return digest.hexdigest()[:16] if self.relaxed is not None else ""


def morse_clusters(sizes: Sequence[int] = CLUSTER_SIZES) -> list[RelaxedReference]:
    """Return compact clusters relaxed with the exact Morse potential to 1e-6 eV/Å.

    2 to 6 atoms: dimer, triangle, tetrahedron, octahedron; 13: a centred icosahedron. The atoms
    are called nitrogen, whose covalent diameter in ASE is the toy's 1.42 Å.
    """
    from ase.optimize import BFGS

    references = []
    for size in sizes:
        atoms = _compact_cluster(size)
        first = atoms.copy()
        atoms.calc = MorseCalculator()
        BFGS(atoms, logfile=None).run(fmax=1e-6, steps=500)
        references.append(
            RelaxedReference(
                name=f"Morse{size}",
                source="exact Morse",
                relaxed=_bare(atoms),
                first=first,
                energy=float(atoms.get_potential_energy()),
                cell_free=False,
                fmax=float(np.linalg.norm(atoms.get_forces(), axis=1).max()),
                level_of_theory="analytic",
            )
        )
    return references


def from_atoms(atoms: Atoms, name: str | None = None, source: str = "Atoms") -> RelaxedReference:
    """Take an Atoms object, with the energy and forces that it carries, as relaxed.

    What no calculator should be asked about is a reference with its error.
    """
    try:
        check_structure(atoms)
    except InputError as error:
        return RelaxedReference(name or "Atoms", source, None, error=f"{source}: {error}")
    results, left_out = read_results(atoms)
    fmax = None
    if "forces" in results:
        for constraint in atoms.constraints:  # what the relaxation had to bring down
            constraint.adjust_forces(atoms, results["forces"])
        fmax = float(np.linalg.norm(results["forces"], axis=1).max(initial=0.0))
    return RelaxedReference(
        name=name or atoms.get_chemical_formula(),
        source=source,
        relaxed=_bare(atoms),
        energy=float(results["energy"]) if "energy" in results else None,
        fmax=fmax,
        stress=float(np.abs(results["stress"]).max()) if "stress" in results else None,
        notes=tuple(left_out),
    )


def _bare(atoms: Atoms) -> Atoms:
    """Copy without calculator, with constraints."""
    return atoms.copy()


def _compact_cluster(size: int) -> Atoms:
    r0 = MorseCalculator().curve.r0
    golden = (1 + 5**0.5) / 2
    shapes = {
        2: [[0, 0, 0], [1, 0, 0]],
        3: [[0, 0, 0], [1, 0, 0], [0.5, 0.75**0.5, 0]],
        4: np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / 8**0.5,
        6: np.concatenate([np.eye(3), -np.eye(3)]) / 2**0.5,
        13: np.array(
            [[0, 0, 0]]
            + [np.roll([0, s, t * golden], k) for s in (1, -1) for t in (1, -1) for k in range(3)]
        )
        / 2,
    }
    if size not in shapes:
        raise InputError(f"no cluster of {size} atoms; there are {', '.join(map(str, shapes))}")
    return Atoms(f"N{size}", r0 * np.array(shapes[size], dtype=float))
