"""Records of relaxations."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from ...references.doubts import Doubt
from ...storage import Record, check_lengths


@dataclass(frozen=True, eq=False)
class BondTable(Record):
    """The bonds of the reference, each followed by its atoms and periodic image.

    ``indices`` (n, 2), ``images`` (n, 3), ``reference_lengths`` and ``lengths`` (n,) in Å, and
    ``names`` as Li-O.
    """

    indices: np.ndarray
    images: np.ndarray
    reference_lengths: np.ndarray
    lengths: np.ndarray
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        # an empty table comes back from JSON without its width
        for name, width in (("indices", 2), ("images", 3)):
            value = np.asarray(getattr(self, name))
            # NaN is none, and no structure has so many atoms
            whole = np.array_equal(value, np.round(value)) and (np.abs(value) < 1e9).all()
            if len(value) and (value.shape[1:] != (width,) or not whole):
                raise ValueError(f"{name} is not {width} whole numbers a bond")
            object.__setattr__(self, name, value.reshape(-1, width).astype(int))
        check_lengths(self, "indices", "images", "reference_lengths", "lengths")


@dataclass(frozen=True)
class BondChange(Record):
    """The bonds between one pair of species: how they changed, in Å.

    ``largest_change`` keeps its sign; ``largest_change_percent`` is the largest relative one.
    """

    pair: tuple[str, str]
    count: int
    mean_length: float
    mean_change: float
    largest_change: float
    largest_change_percent: float

    @property
    def mean_change_percent(self) -> float:
        return 100 * self.mean_change / self.mean_length


@dataclass(frozen=True, eq=False)
class Relaxation(Record):
    """One structure relaxed with the calculator, beside its reference.

    Lengths in Å, angles in degrees, energies in eV, changes are model minus reference.
    ``rmsd`` is free of drift, and of rotation for a molecule. ``force_calls`` counts the distinct
    geometries whose forces were asked for, ``target_fmax`` and ``most_steps`` are what was set, and
    ``seed`` where the start was rattled. ``doubts`` speak against the reference, ``start_only``
    is where nothing says that it is relaxed, ``same_functional`` where it is the model's own.
    ``stress_error`` is how far the stress is from the derivative of the energy, relative to it.

    Of a cell that is free as a whole, ``modulus`` (eV/Å^3) is -V dp/dV at the end, and
    ``to_go_percent`` what is left to the volume's minimum, p over the modulus, None where there is
    no minimum; without any stress the atoms are not ``bound``.
    """

    name: str
    formula: str = ""
    n_atoms: int = 0
    source: str = ""
    fingerprint: str = field(default="", metadata={"input": "reference structure"})
    level_of_theory: str | None = None
    same_functional: bool = False
    start_only: bool = False
    doubts: tuple[Doubt, ...] = ()
    converged: bool = False
    error: str | None = None
    notes: tuple[str, ...] = ()
    optimizer: str = field(default="", metadata={"input": "optimizer"})
    target_fmax: float | None = field(default=None, metadata={"input": "fmax"})
    most_steps: int | None = field(default=None, metadata={"input": "number of steps at most"})
    steps: int = 0
    force_calls: int = 0
    fmax: float | None = None
    cell: str = field(default="fixed", metadata={"input": "cell"})
    start: str = field(default="relaxed", metadata={"input": "start"})
    seed: int | None = field(default=None, metadata={"input": "seed of the rattle"})
    reference_volume: float | None = None
    volume: float | None = None
    volume_change_percent: float | None = None
    to_go_percent: float | None = None
    modulus: float | None = None
    bound: bool = True
    length_changes_percent: tuple[float, float, float] | None = None
    angle_changes: tuple[float, float, float] | None = None
    bond_changes: tuple[BondChange, ...] = ()
    bonds: BondTable | None = None
    broken_bonds: int = 0
    new_bonds: int = 0
    rmsd: float | None = None
    space_group: str | None = None
    reference_space_group: str | None = None
    energy: float | None = None
    reference_energy: float | None = None
    energy_error_per_atom: float | None = None
    stress_error: float | None = None

    @property
    def largest_bond_change_percent(self) -> float | None:
        return max((abs(b.largest_change_percent) for b in self.bond_changes), default=None)


def name_origin(rows: Iterable[Relaxation]) -> str:
    """Return what structures are compared with: a reference, or the input where it is none."""
    words = {"input" if r.start_only else "reference" for r in rows}
    return " or ".join(sorted(words, reverse=True)) or "reference"
