"""Questions about vacancies and hops, their numbers and limits."""

from __future__ import annotations

import math
from typing import Any

from ...criterion import OWN_CONVENTION, Criterion, Reading
from .record import Hop, Vacancy

LEAST = 0.5  # eV that a reference is taken for at least: 20 % of it are 0.1 eV
# What the criteria that compare with a reference share.
COMPARED: dict[str, Any] = {
    "caution": 20.0,
    "fail": 50.0,
    "unit": "%",
    "rests_on": ("energies",),
    "source": f"{OWN_CONVENTION}: of the reference, or of {LEAST:g} eV where it is less; fail: "
    "beyond the uncertainty of the reference",
}
HALF_WAY = "the atom half way did not converge"


def _compare(value: float, reference: float, uncertainty: float) -> Reading:
    off, share = value - reference, 100 / max(reference, LEAST)
    text = f"{value:.2f} eV, PBE {reference:.2f} ({100 * off / reference:+.0f} %)"
    return Reading(share * abs(off), text, max(0.0, share * (abs(off) - uncertainty)))


def _of(hop: Hop, text: str) -> str:
    return f"{hop.name} {text}".lstrip()


def read_formation(row: Vacancy) -> Reading | None:
    if row.formation_reference is None or row.error:
        return None
    if row.formation is None:
        return Reading(None, f"{row.unconverged} did not converge")
    return _compare(row.formation, row.formation_reference, row.uncertainty)


def read_hop(row: Vacancy) -> Reading | None:
    found = []
    for hop in (h for h in row.hops if h.reference is not None):
        if hop.barrier is None:
            found.append(Reading(None, _of(hop, HALF_WAY)))
        else:
            r = _compare(hop.barrier, hop.reference or 0.0, row.uncertainty)
            found.append(Reading(r.value, _of(hop, r.text), r.sure))
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
    return Reading(barrier, _of(hop, f"{barrier:.2f} eV over {hop.distances[-1]:.2f} Å{about}"))


def read_ends(row: Vacancy) -> Reading | None:
    found = [(1000 * abs(float(h.energies[-1])), h) for h in row.hops]
    if not found:
        return None
    off, hop = max(found, key=lambda f: f[0])
    return Reading(off, _of(hop, f"{off:.1f} meV apart"))


def read_mismatch(row: Vacancy) -> Reading | None:
    if not row.hops:
        return None
    hop = max(row.hops, key=lambda h: h.mismatch)
    off = 100 * hop.mismatch
    return Reading(off, _of(hop, f"{off:.1f} % of the rise is not the work of the forces"))


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
    Criterion(
        "smooth path",
        read_mismatch,
        caution=3.0,
        fail=20.0,
        source=f"{OWN_CONVENTION}: Simpson's rule leaves 1 % here",
        good="energies along a hop are the work of the forces",
        bad="energies along a hop jump, or are not the work of the forces",
        why="a path is found by its forces, and judged by its energies",
        unit="%",
    ),
)
