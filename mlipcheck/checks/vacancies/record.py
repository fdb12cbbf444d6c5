"""Records of vacancies and of hops into them, and the questions about them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from ...criterion import OWN_CONVENTION, Criterion, Reading
from ...references.doubts import Doubt
from ...references.vacancies import UNCERTAINTY
from ...storage import Record

LEAST = 0.5  # eV that a reference is taken for at least: 20 % of it are 0.1 eV
COMPARED: dict[str, Any] = {"caution": 20.0, "fail": 50.0, "unit": "%", "rests_on": ("energies",)}
COMPARED["source"] = f"{OWN_CONVENTION}: of the reference, or of {LEAST:g} eV where it is less"
HALF_WAY = "the atom half way did not converge"


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


def compare(
    name: str, value: float, reference: float, said: str = "PBE", uncertainty: float = UNCERTAINTY
) -> Reading:
    """Compare the height of an energy (eV) with that of a reference, which is called ``said``."""
    off, share = value - reference, 100 / max(reference, LEAST)
    relative = f" ({100 * off / reference:+.0f} %)" if reference > uncertainty else ""
    text = f"{name} {value:.2f} eV, {said} {reference:.2f}{relative}".lstrip()
    return Reading(share * abs(off), text, max(0.0, share * (abs(off) - uncertainty)))


def read_formation(row: Vacancy) -> Reading | None:
    if row.formation_reference is None or row.error:
        return None
    if row.formation is None:
        return Reading(None, f"{row.unconverged} did not converge")
    return compare("", row.formation, row.formation_reference)


def read_hop(row: Vacancy) -> Reading | None:
    found = [
        Reading(None, f"{h.name} {HALF_WAY}".lstrip())
        if h.barrier is None
        else compare(h.name, h.barrier, h.reference)
        for h in row.hops
        if h.reference is not None
    ]
    return max(found, key=lambda r: r.value or 0.0, default=None)


def read_barrier(row: Vacancy) -> Reading:
    if row.error:
        return Reading(math.nan, row.error)
    if row.unconverged:
        return Reading(None, f"{row.unconverged} did not converge")
    found = [(h.barrier, h) for h in row.hops if h.barrier is not None]
    if not found:
        return Reading(None, HALF_WAY)
    barrier, hop = min(found, key=lambda f: f[0])
    about = ", an intermediate half way" if hop.intermediate else ""
    text = f"{hop.name} {barrier:.2f} eV over {hop.distance:.2f} Å{about}"
    return Reading(barrier, text.lstrip())


def read_ends(row: Vacancy) -> Reading | None:
    if not row.hops:
        return None
    hop = max(row.hops, key=lambda h: h.apart)
    return Reading(1000 * hop.apart, f"{hop.name} {1000 * hop.apart:.1f} meV apart".lstrip())


CRITERIA = (
    Criterion(
        "vacancy formation energy",
        read_formation,
        good="a vacancy takes as much energy as in the reference",
        bad="a vacancy takes another energy than in the reference",
        why="the number of vacancies is exponential in this energy",
        **COMPARED,
    ),
    Criterion(
        "vacancy hop",
        read_hop,
        good="the barrier of a hop is the reference's",
        bad="the barrier of a hop differs from the reference's",
        why="diffusion is exponential in the barrier",
        **COMPARED,
    ),
    Criterion(
        "barrier of a hop",
        read_barrier,
        caution=0.001,
        fail=-0.05,
        source=f"{OWN_CONVENTION}: more than a relaxation leaves",
        good="there is a barrier between equal sites",
        bad="nothing keeps an atom on its site beside a vacancy",
        why="where there is no barrier, atoms leave their sites",
        unit="eV",
        below=True,
    ),
    Criterion(
        "equal ends",
        read_ends,
        caution=5.0,
        fail=50.0,
        source=f"{OWN_CONVENTION}: the two ends are one structure, turned or shifted",
        good="both ends of a hop have one energy",
        bad="the ends of a hop, equal by symmetry, differ in energy",
        why="of unequal ends neither barrier is right",
        unit="meV",
    ),
)
