"""Questions about vacancies and hops, their numbers and limits."""

from __future__ import annotations

import math

from ...criterion import OWN_CONVENTION, Criterion, Reading
from .record import Hop, Vacancy

LEAST = 0.5  # eV that a reference is taken for at least: 20 % of it are 0.1 eV
LIMITS = (
    f"{OWN_CONVENTION}, of the reference or of {LEAST:g} eV where it is less: 0.1 eV is within "
    "what PBE codes and cells differ by; fail: beyond the uncertainty of the reference"
)


def _compare(value: float, reference: float, uncertainty: float, name: str = "") -> Reading:
    off = value - reference
    unit = max(reference, LEAST) / 100
    words = f"{value:.2f} eV, PBE {reference:.2f} ({100 * off / reference:+.0f} %)"
    sure = max(0.0, abs(off) - uncertainty) / unit
    return Reading(abs(off) / unit, f"{name} {words}".lstrip(), sure)


def read_formation(row: Vacancy) -> Reading | None:
    if row.formation_reference is None or row.error:
        return None
    if row.formation is None:
        return Reading(None, f"{row.unconverged} did not relax")
    return _compare(row.formation, row.formation_reference, row.uncertainty)


def read_hop(row: Vacancy) -> Reading | None:
    known = [
        Reading(None, f"{h.name} an atom half way did not relax".lstrip())
        if h.barrier is None
        else _compare(h.barrier, h.reference, row.uncertainty, h.name)
        for h in row.hops
        if h.reference is not None
    ]
    return max(known, key=lambda r: r.value or 0.0, default=None)


def read_barrier(row: Vacancy) -> Reading:
    if row.error:
        return Reading(math.nan, row.error)
    if row.unconverged:
        return Reading(None, f"{row.unconverged} did not relax")
    known = {h: h.barrier for h in row.hops if h.barrier is not None}
    if not known:
        return Reading(None, "an atom half way did not relax")
    hop = min(known, key=lambda h: known[h])
    about = ", an intermediate half way" if hop.intermediate else ""
    return Reading(known[hop], f"{_named(hop)}{known[hop]:.2f} eV over {hop.length:.2f} Å{about}")


def read_ends(row: Vacancy) -> Reading | None:
    if not row.hops:
        return None
    hop = max(row.hops, key=lambda h: abs(h.energies[-1]))
    off = 1000 * abs(hop.energies[-1])
    return Reading(off, f"{_named(hop)}{off:.1f} meV apart")


def read_mismatch(row: Vacancy) -> Reading | None:
    known = [h for h in row.hops if h.mismatch is not None]
    if not known:
        return None
    hop = max(known, key=lambda h: h.mismatch or 0.0)
    off = 100 * (hop.mismatch or 0.0)
    return Reading(off, f"{_named(hop)}energy and forces part by {off:.1f} % of the way's range")


def _named(hop: Hop) -> str:
    return f"{hop.name} " if hop.name else ""


CRITERIA = (
    Criterion(
        "vacancy formation energy",
        read_formation,
        caution=20.0,
        fail=50.0,
        source=LIMITS,
        good="it takes as much to make a vacancy as in the reference",
        bad="it takes another energy to make a vacancy than in the reference",
        why="how many vacancies there are goes with the exponential of this energy",
        unit="%",
        rests_on=("energies",),
    ),
    Criterion(
        "vacancy hop",
        read_hop,
        caution=20.0,
        fail=50.0,
        source=LIMITS,
        good="the barrier of a hop is the reference's",
        bad="the barrier of a hop is another than the reference's",
        why="diffusion goes with the exponential of the barrier",
        unit="%",
        rests_on=("energies",),
    ),
    Criterion(
        "barrier of a hop",
        read_barrier,
        caution=0.001,
        fail=-0.05,
        source=f"{OWN_CONVENTION}: below the noise of a relaxation there is no barrier",
        good="there is a barrier between equal sites",
        bad="nothing keeps an atom on its site beside a vacancy",
        why="an atom that leaves its site without a barrier is no crystal's",
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
        why="a barrier means nothing where its two sides differ by mistake",
        unit="meV",
    ),
    Criterion(
        "smooth path",
        read_mismatch,
        caution=3.0,
        fail=20.0,
        source=f"{OWN_CONVENTION}; Simpson's rule over steps of some 0.2 Å is good to 1 %",
        good="energies along a hop are the work of the forces",
        bad="energies along a hop jump, or are not the work of the forces",
        why="a path is searched by its forces, and judged by its energies",
        unit="%",
    ),
)
