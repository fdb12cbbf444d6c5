"""Limits for the dimer scan."""

from __future__ import annotations

import math

from ...check import HERE, Criterion
from . import readings

CRITERIA: tuple[Criterion, ...] = (
    Criterion(
        "dimer",
        "points",
        readings.read_points,
        caution=None,
        fail=0,
        limits="fail: any",
        source=f"{HERE}: a potential must answer everywhere",
        good="every point was answered",
        bad="the model gives no finite answer there; anything that comes this close stops",
        why="a relaxation or a trajectory may come to any distance, and needs an answer there",
        avoid="Do not bring these atoms to the distances that failed: a run stops there.",
    ),
    Criterion(
        "dimer",
        "repulsive wall",
        readings.read_wall,
        caution=math.inf,
        fail=10.0,
        limits="caution: turns over; fail: behind < 10 eV",
        source=f"{HERE}: the 10 eV over which walls are compared",
        good="atoms cannot fall into each other",
        bad="closer than this nothing keeps atoms apart: hot, random or pressed structures can "
        "fall in",
        why="only the repulsive wall keeps atoms apart; inside of where it turns over they fall "
        "into each other",
        careful="Keep these atoms apart: in random, pressed or very hot structures watch the "
        "shortest distance.",
        avoid="Do not press or heat these atoms, or place them at random: they can fall into each "
        "other.",
        below=True,
    ),
    Criterion(
        "dimer",
        "softening of the wall",
        readings.read_softening,
        caution=0.1,
        fail=0.3,
        limits="caution: > 10 % off; fail: > 30 %",
        source=f"{HERE}; slope after Deng et al., npj Comput. Mater. 11, 9 (2025)",
        good="the repulsion is as strong as the reference's",
        bad="the repulsion has another strength: short distances, pressures and barriers are off",
        why="a wall of another strength looks as smooth as the right one, and shifts whatever "
        "squeezes atoms",
        careful="Check pressures and barriers for which these atoms come close.",
        avoid="Do not read pressures, barriers or short distances of these atoms.",
    ),
    Criterion(
        "dimer",
        "bond length",
        readings.read_dimer_length,
        caution=1.0,
        fail=3.0,
        limits="caution: > 1 %; fail: > 3 %",
        source=f"{HERE}: 1 % is about PBE's own error against experiment",
        good="the bond is where the reference has it",
        bad="the bond of the free molecule is elsewhere",
        why="a free molecule is far from the crystals that such models learnt from, and shows "
        "where their knowledge ends",
        careful="Check the bonds of small molecules of these atoms.",
        avoid="Do not use it for small molecules of these atoms.",
    ),
    Criterion(
        "dimer",
        "spurious extrema",
        readings.read_extrema,
        caution=0.005,
        fail=0.1,
        limits="caution: > 5 meV; fail: > 0.1 eV",
        source=f"{HERE}: 0.1 eV is a difference that people read from such models",
        good="no well or bump beside the bond",
        bad="atoms can be caught where there is no bond",
        why="a well that is not there binds, and a bump that is not there is a barrier",
        careful="Look out for atoms that are held where there is no bond.",
        avoid="Do not read desorption, dissociation or gas-phase paths of these atoms.",
    ),
    Criterion(
        "dimer",
        "energy jumps",
        readings.read_jump,
        caution=0.01,
        fail=0.1,
        limits="caution: > 10 meV; fail: > 0.1 eV",
        source=f"{HERE}: a tenth of 0.1 eV, and 0.1 eV",
        good="the energy is continuous",
        bad="the energy is not continuous: dynamics will not conserve it",
        why="dynamics and optimizers follow the forces, and suppose that the energy has no steps",
        careful="Look at the drift of the energy before long dynamics.",
        avoid="Do not run dynamics in which these atoms meet: the energy will not be conserved.",
    ),
    Criterion(
        "dimer",
        "conservation",
        readings.read_conservation,
        caution=0.01,
        fail=0.05,
        limits="caution: > 1 %; fail: > 5 %",
        source=f"{HERE}; CHGNet has 0.01 to 0.3 %",
        good="the forces are the derivative of the energy",
        bad="the forces are not the derivative of the energy: dynamics drift, relaxations end "
        "beside the minimum",
        why="forces that are not the derivative of the energy lead elsewhere than to its minimum",
        careful="Look at the drift of the energy before long dynamics.",
        avoid="Do not relax or run dynamics with these forces.",
    ),
    Criterion(
        "dimer",
        "dissociation",
        readings.read_dissociation,
        caution=0.1,
        fail=1.0,
        limits="caution: > 0.1 eV; fail: > 1 eV",
        source=f"{HERE}: 0.1 eV as above",
        good="far apart, the atoms are single atoms",
        bad="far apart, the energy is not that of single atoms: do not read atomization or "
        "cohesive energies",
        why="an energy against free atoms is right only where those of the free atoms are",
        careful="Check atomization and cohesive energies.",
        avoid="Do not read atomization or cohesive energies.",
    ),
)
