"""Records of vacancies and of hops into them."""

from __future__ import annotations

from dataclasses import dataclass, field

from ...references.doubts import Doubt
from ...storage import Record


@dataclass(frozen=True)
class Hop(Record):
    """An atom moves straight from a site of a crystal to an equal one; energies in eV.

    It goes ``distance`` Å, from atom ``start`` to atom ``end`` in the cell ``offset`` of the
    crystal. ``apart`` is by how much the energies of the two ends differ, all others at rest;
    ``barrier`` is with relaxed ions, None where they did not converge; ``intermediate`` says that
    half way is lower than the start, so that the barrier is before it.
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


@dataclass(frozen=True)
class Vacancy(Record):
    """A vacancy of one species in a supercell of ``atoms``, and the hops into it; energies in eV.

    ``formation`` is E_v - (N - 1) / N E, of elements only; ``unconverged`` says which relaxation
    did not come to its end.
    """

    name: str
    formula: str = ""
    source: str = ""
    fingerprint: str = field(default="", metadata={"input": "structure"})
    level_of_theory: str | None = None
    doubts: tuple[Doubt, ...] = ()
    atoms: int = 0
    formation: float | None = None
    formation_reference: float | None = None
    hops: tuple[Hop, ...] = ()
    unconverged: str | None = None
    error: str | None = None
