"""The one table of limits: what is asked, where a limit is crossed, and where it comes from."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import readings
from .readings import Reading


@dataclass(frozen=True)
class Criterion:
    """One row of the table: a question, its limits, and where they come from.

    ``read`` takes a record to a `Reading`, or to None where the question does not arise. Values
    above a limit cross it, or below where ``below`` is set; a limit of None is never crossed.
    """

    check: str
    quantity: str
    read: Callable[[Any], Reading | None]
    caution: float | None
    fail: float | None
    limits: str
    source: str
    good: str
    bad: str
    below: bool = False

    def status(self, value: float) -> str:
        if math.isnan(value):
            return "fail"
        for status, limit in (("fail", self.fail), ("caution", self.caution)):
            if limit is not None and (value < limit if self.below else value > limit):
                return status
        return "ok"


_HERE = "mlipcheck's convention"
_CHECK_DIMER, _CHECK_RELAX, _CHECK_CONTRACT = "dimer", "relax", "contract"

# The one table of limits.
CRITERIA: tuple[Criterion, ...] = (
    Criterion(
        _CHECK_DIMER,
        "points",
        readings.read_points,
        caution=None,
        fail=0,
        limits="fail: any",
        source=f"{_HERE}: a potential must answer everywhere",
        good="every point was answered",
        bad="the model gives no finite answer there; anything that comes this close stops",
    ),
    Criterion(
        _CHECK_DIMER,
        "repulsive wall",
        readings.read_wall,
        caution=math.inf,
        fail=10.0,
        limits="caution: turns over; fail: behind < 10 eV",
        source=f"{_HERE}: the 10 eV over which walls are compared",
        good="atoms cannot fall into each other",
        bad="closer than this nothing keeps atoms apart: hot, random or pressed structures can "
        "fall in",
        below=True,
    ),
    Criterion(
        _CHECK_DIMER,
        "softening of the wall",
        readings.read_softening,
        caution=0.1,
        fail=0.3,
        limits="caution: > 10 % off; fail: > 30 %",
        source=f"{_HERE}; slope after Deng et al., npj Comput. Mater. 11, 9 (2025)",
        good="the repulsion is as strong as the reference's",
        bad="the repulsion has another strength: short distances, pressures and barriers are off",
    ),
    Criterion(
        _CHECK_DIMER,
        "bond length",
        readings.read_dimer_length,
        caution=1.0,
        fail=3.0,
        limits="caution: > 1 %; fail: > 3 %",
        source=f"{_HERE}: 1 % is about PBE's own error against experiment",
        good="the bond is where the reference has it",
        bad="the bond of the free molecule is elsewhere",
    ),
    Criterion(
        _CHECK_DIMER,
        "spurious extrema",
        readings.read_extrema,
        caution=0.005,
        fail=0.1,
        limits="caution: > 5 meV; fail: > 0.1 eV",
        source=f"{_HERE}: 0.1 eV is a difference that people read from such models",
        good="no well or bump beside the bond",
        bad="atoms can be caught where there is no bond",
    ),
    Criterion(
        _CHECK_DIMER,
        "energy jumps",
        readings.read_jump,
        caution=0.01,
        fail=0.1,
        limits="caution: > 10 meV; fail: > 0.1 eV",
        source=f"{_HERE}: a tenth of 0.1 eV, and 0.1 eV",
        good="the energy is continuous",
        bad="the energy is not continuous: dynamics will not conserve it",
    ),
    Criterion(
        _CHECK_DIMER,
        "conservation",
        readings.read_conservation,
        caution=0.01,
        fail=0.05,
        limits="caution: > 1 %; fail: > 5 %",
        source=f"{_HERE}; CHGNet has 0.01 to 0.3 %",
        good="the forces are the derivative of the energy",
        bad="the forces are not the derivative of the energy: dynamics drift, relaxations end "
        "beside the minimum",
    ),
    Criterion(
        _CHECK_DIMER,
        "dissociation",
        readings.read_dissociation,
        caution=0.1,
        fail=1.0,
        limits="caution: > 0.1 eV; fail: > 1 eV",
        source=f"{_HERE}: 0.1 eV as above",
        good="far apart, the atoms are single atoms",
        bad="far apart, the energy is not that of single atoms: do not read atomization or "
        "cohesive energies",
    ),
    Criterion(
        _CHECK_RELAX,
        "convergence",
        readings.read_converged,
        caution=None,
        fail=0,
        limits="fail: any that does not converge",
        source=f"{_HERE}: an unconverged number is none",
        good="reached fmax",
        bad="did not get to a minimum: its other numbers are not to be used",
    ),
    Criterion(
        _CHECK_RELAX,
        "stress",
        readings.read_stress,
        caution=0.01,
        fail=0.05,
        limits="caution: > 1 %; fail: > 5 %",
        source=f"{_HERE}: as for the forces",
        good="the stress is the derivative of the energy",
        bad="the stress is not the derivative of the energy: relaxed cells are wrong",
    ),
    Criterion(
        _CHECK_RELAX,
        "volume",
        readings.read_volume,
        caution=3.0,
        fail=10.0,
        limits="caution: > 3 %; fail: > 10 %",
        source=f"{_HERE}: 3 % is about PBE's own error against experiment "
        "(Lejaeghere et al., Crit. Rev. Solid State Mater. Sci. 39, 1 (2014))",
        good="the crystal keeps its volume",
        bad="the crystal wants another volume",
    ),
    Criterion(
        _CHECK_RELAX,
        "bond lengths",
        readings.read_bonds,
        caution=1.0,
        fail=3.0,
        limits="caution: > 1 %; fail: > 3 %",
        source=f"{_HERE}: the volume's 3 and 10 % as lengths",
        good="the bonds stay as they were",
        bad="bonds change by more than the reference's own error",
    ),
    Criterion(
        _CHECK_RELAX,
        "broken and new bonds",
        readings.read_topology,
        caution=0,
        fail=None,
        limits="caution: any",
        source=f"{_HERE}: across 1.25 to 1.38 of the covalent radii",
        good="the same atoms are bonded",
        bad="it is another structure now",
    ),
    Criterion(
        _CHECK_RELAX,
        "cell angles",
        readings.read_angles,
        caution=1.0,
        fail=3.0,
        limits="caution: > 1°; fail: > 3°",
        source=f"{_HERE}: 1° moves a cell vector's end by 1.7 %",
        good="the cell keeps its shape",
        bad="the cell changes its shape",
    ),
    Criterion(
        _CHECK_RELAX,
        "symmetry",
        readings.read_symmetry,
        caution=0,
        fail=None,
        limits="caution: another space group at 0.01 Å",
        source=f"{_HERE}; spglib",
        good="the space group stays",
        bad="the model prefers another symmetry, or did not keep this one",
    ),
    Criterion(
        _CHECK_RELAX,
        "energy",
        readings.read_energy,
        caution=0.03,
        fail=0.2,
        limits="caution: > 30 meV/atom; fail: > 200",
        source="MatterSim's model card: 0.03 eV/atom in, 0.2 out of distribution",
        good="energies agree once each element's zero is fitted",
        bad="relative energies are off: do not rank structures by them",
    ),
    Criterion(
        _CHECK_RELAX,
        "the reference itself",
        readings.read_reference,
        caution=0.1,
        fail=None,
        limits="caution: forces > 0.1 eV/Å, no relaxation, atoms > 6 Å apart",
        source=f"{_HERE}: five times the default fmax",
        good="the reference is at its minimum",
        bad="the reference is not at its own minimum: what moves, or stays, says little",
    ),
    Criterion(
        _CHECK_CONTRACT,
        "promises",
        readings.read_promise,
        caution=0,
        fail=1,
        limits="caution: a known failure; fail: any other",
        source=f"{_HERE}: what every ASE calculator promises",
        good="it behaves as an ASE calculator does",
        bad="it breaks a promise that scripts and checks rely on",
    ),
)
