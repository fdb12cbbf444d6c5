"""Questions about labelled frames, their numbers and limits."""

from __future__ import annotations

import math
from functools import partial
from operator import itemgetter
from typing import Any

from ase import units

from ...analysis.statistics import Estimate
from ...criterion import OWN_CONVENTION, Criterion, Reading
from ...drawing.tables import count
from .compare import MIN_PAIRS
from .energies import ZERO
from .forces import FLOOR
from .ranking import chance
from .record import ForceGroup, Parity

MIN_GROUPS = 5  # of one element, to be judged among many
FOLLOWS = 0.5  # R² that it needs
MIN_FRAMES = 3
MIN_TO_SHOW = 20  # pairs, of which a wrong one is the 5 % that may be wrong
FRAMES_DIFFER = 0.05  # that the slope of a frame is off while the median is not
NO_INTERVAL = 2.0  # by which a limit has to be crossed where one run has no interval
FORCE_QUESTIONS = ("forces", "force error at rest", "softening", "softening of one element")


def _sure(e: Estimate, scale: float = 1.0, *, below: bool = False) -> float:
    """Return the end of an interval that is nearer to the limit."""
    end = e.high if below else e.low
    return scale * (e.value * (NO_INTERVAL if below else 1 / NO_INTERVAL) if end is None else end)


def read_frames(row: Parity) -> Reading | None:
    if row.failures:
        (name, why), n = row.failures[0], max(row.failed, len(row.failures))
        text = f"{n} of {count(row.frames, 'frame')} failed, {name}: {why}"
        return Reading(100 * n / row.frames, text)
    return Reading(None, row.error) if row.error else None


def read_energy(row: Parity) -> Reading | None:
    e = row.energy
    if row.error:
        return None
    if e is None or e.relative:
        return Reading(None, e.relative if e else row.not_assessed.get("energy", "no energies"))
    if e.frames < MIN_FRAMES:
        return Reading(None, f"{MIN_FRAMES} energies needed, {e.frames} given")
    mev, bias = 1000 * e.mae.value, 1000 * e.bias
    all_one_way = f", bias {bias:+.0f}" if abs(bias) > 0.8 * mev else ""
    text = f"{mev:.1f} meV/atom in {e.convention}{all_one_way} ({count(e.frames, 'frame')})"
    return Reading(mev, text, _sure(e.mae, 1000))


def _slopes(row: Parity) -> tuple[ForceGroup | None, str]:
    """Return what slopes are judged by, and over what; or nothing and why."""
    f = row.forces
    if f is None or f.slope is None:
        return None, row.not_assessed.get("slope", "no forces")
    if f.frames < MIN_FRAMES:
        return None, f"{MIN_FRAMES} frames with forces needed, {f.frames} given"
    if not f.dominated:
        return f, ""
    if f.median_frames < MIN_GROUPS:
        share = f"{100 * f.largest_share:.0f} % of ΣF²"
        return None, f"one frame holds {share}, and few others have forces: {MIN_GROUPS} needed"
    return f.deciding, f" (median of {count(f.median_frames, 'frame')} with forces > {FLOOR:g})"


def read_forces(row: Parity) -> Reading | None:
    if row.error:
        return None
    f, over = _slopes(row)
    if f is None:
        return Reading(None, over)
    if f.r_squared is None or f.s_lo is None:
        return Reading(None, "the model has no forces")
    # forces that go the other way do not go the reference's, however well they follow
    value, sure = f.r_squared.value, _sure(f.r_squared, below=True)
    if f.s_lo.value <= 0:
        value, sure = -value, -value
    return Reading(
        value, f"R² {f.r_squared.value:.2f}, mean error {f.mae.value:.3g} eV/Å{over}", sure
    )


def read_rest(row: Parity) -> Reading | None:
    f = row.forces
    if f is None or f.slope is not None:
        return None
    text = f"{f.mae.value:.3f} eV/Å (the reference's rms force is {f.reference_rms:.2g})"
    return Reading(f.mae.value, text, _sure(f.mae))


def read_softening(row: Parity) -> Reading | None:
    f, over = _slopes(row)
    if f is None or f.slope is None:
        return None  # said by the forces
    word = f", {f.error_type}" if f.error_type else ""
    text = f"slope {f.slope.s_lo:.3f}{word}{over}"
    if f.error_type in ("scattered", "uncorrelated"):
        return Reading(None, f"{text}: no factor describes the error")
    typical = row.forces.typically_off if row.forces and row.forces.dominated else None
    off = f.slope.off
    if typical is not None and typical > max(off, FRAMES_DIFFER):  # too large here, too small there
        off, text = typical, f"{text}, half of the frames more than {100 * typical:.0f} % off"
    return Reading(100 * off, text, 100 * _surely_off(f))


def _surely_off(f: ForceGroup) -> float:
    """Return how far the slopes are off together by the near ends of their intervals."""
    if f.slope is None or f.s_lo is None or not f.slope.off:
        return 0.0
    other = f.magnitude if f.slope.is_factor else f.s_hi
    used = [e for e in (f.s_lo, other) if e] if f.s_lo.value > 0 else [f.s_lo]
    ends = [(e.low, e.high) for e in used if e.low is not None and e.high is not None]
    if not ends:
        return f.slope.off / NO_INTERVAL
    return max(min(1 - high if f.s_lo.value < 1 else low - 1 for low, high in ends), 0.0)


def read_elements(row: Parity) -> Reading | None:
    """Read the element that is furthest off beyond its interval, of those that can be judged."""
    groups = row.forces.by_element if row.forces else ()
    found = [
        (100 * _surely_off(g), g.name, g.s_lo)
        for g in groups
        if g.groups >= MIN_GROUPS and g.r_squared and g.r_squared.value >= FOLLOWS
        if g.s_lo and g.s_lo.low is not None
    ]
    if len(groups) < 2 or not found:
        return None
    off, name, e = max(found, key=lambda item: item[0])
    if off == 0:
        return Reading(0.0, f"none of {len(found)} elements is off beyond its interval")
    text = f"{name} at least {off:.0f} % off (slope {e.value:.2f} [{e.low:.2f}, {e.high:.2f}])"
    return Reading(off, text, off)


def _stress(row: Parity, part: str) -> Reading | None:
    if row.stress is None:
        why = row.not_assessed.get("stress", "no stress")
        return Reading(None, why) if part == "pressure" and not row.error else None
    e: Estimate = getattr(row.stress, part)
    text = f"{e.value / units.GPa:.2f} GPa off ({count(row.stress.frames, 'frame')})"
    return Reading(e.value / units.GPa, text, _sure(e, 1 / units.GPa))


def read_ranking(row: Parity) -> Reading | None:
    found = row.ranking
    if found is None:
        return None
    if found.difference is None or found.chance is None:
        text = f"σ {found.sigma.value:.3g} eV; say which difference matters: --energy-resolution"
        return Reading(None, text) if row.energy and row.energy.relative else None
    asked = f"{found.difference:g} eV"
    if not found.observed_pairs:
        return Reading(None, f"no pair of states is about {asked} apart")
    if found.misfit is None:
        best = float(chance(found.difference, _sure(found.sigma)))
        text = f"{100 * found.chance:.0f} % for {asked} (σ {found.sigma.value:.3g} eV)"
        return Reading(100 * found.chance, text, 100 * best)
    if found.observed is None or found.observed_pairs < MIN_PAIRS:
        return Reading(None, f"too few pairs about {asked} apart")
    # who resolves a difference resolves a larger one, too
    larger = [b for b in found.bins if b.low >= found.difference and b.pairs >= MIN_PAIRS]
    seen = [(found.observed, found.observed_pairs, f"about {asked}")]
    seen += [(b.observed, b.pairs, b.range) for b in larger]
    right, n, apart = min(seen, key=itemgetter(0))
    middle = (n * right + 2) / (n + 4)  # Agresti and Coull
    best = middle + 2 * math.sqrt(middle * (1 - middle) / (n + 4))
    if right == 1 and n < MIN_TO_SHOW:
        return Reading(None, f"all of {n} pairs {apart} apart, {MIN_TO_SHOW} needed to show 95 %")
    return Reading(100 * right, f"{100 * right:.0f} % of {n} pairs {apart} apart", 100 * best)


_FORCES: dict[str, Any] = {
    "rests_on": ("forces",),
    "decides": ("vibrations", "dynamics"),
    "hints": ("relax", "defects"),
}
_SOFTENING: dict[str, Any] = {**_FORCES, "caution": 10.0, "fail": 30.0, "unit": "% off"}
_STRESS: dict[str, Any] = {
    "caution": 3.0,
    "fail": 10.0,
    "unit": "GPa",
    "rests_on": ("stresses",),
    "hints": ("relax", "vibrations", "dynamics"),
}

CRITERIA: tuple[Criterion, ...] = (
    Criterion(
        "frames",
        read_frames,
        caution=0,
        fail=50,
        unit="% of frames",
        source=f"{OWN_CONVENTION}: a potential must answer for every structure",
        good="every frame was evaluated",
        bad="the model gives no answer there; its other numbers leave these frames out",
        why="what cannot be evaluated can be neither relaxed nor simulated",
        decides=("relax", "energies", "vibrations", "dynamics"),
    ),
    Criterion(
        "energy",
        read_energy,
        caution=30.0,
        fail=200.0,
        unit="meV/atom",
        source="MatterSim's model card: 0.03 eV/atom in, 0.2 out of distribution",
        good="energies agree as well as within a training set",
        bad="energies are off: rank structures by them only where differences are larger",
        why="stabilities, mixing and reaction energies are small differences of large numbers",
        rests_on=("energies", ZERO),
        decides=("energies",),
        hints=("defects",),
    ),
    Criterion(
        "forces",
        read_forces,
        caution=0.9,
        fail=0.5,
        unit="in R²",
        source=f"{OWN_CONVENTION}: 0.9 is what a factor needs to correct forces",
        good="forces follow the reference's",
        bad="part of their error has nothing to do with the reference's: no factor corrects it",
        why="forces say where atoms go; an error without a pattern cannot be corrected afterwards",
        below=True,
        **_FORCES,
    ),
    Criterion(
        "force error at rest",
        read_rest,
        caution=0.05,
        fail=0.25,
        unit="eV/Å",
        source=f"{OWN_CONVENTION}: 0.01 and 0.05 Å at a force constant of 5 eV/Å²",
        good="at rest, forces are as small as the reference's",
        bad="the model's minimum is elsewhere",
        why="near a minimum both are noise about zero: only the size of the error says something",
        rests_on=("forces",),
        hints=("relax",),
    ),
    Criterion(
        "softening",
        read_softening,
        source="Deng et al., npj Comput. Mater. 11, 9 (2025): slopes of 0.7 to 0.9",
        good="forces are as strong as the reference's",
        bad="forces have another strength: phonons, barriers and defect energies are off",
        why="models trained near equilibrium draw the energy surface too soft, with no sign of it "
        "in the curve",
        **_SOFTENING,
    ),
    Criterion(
        "softening of one element",
        read_elements,
        source=f"{OWN_CONVENTION}: as for all; intervals are corrected for how many are tried",
        good="no element's forces are surely of another strength",
        bad="forces on this element have another strength, which the others hide",
        why="errors of two elements may cancel in the slope of both",
        **_SOFTENING,
    ),
    Criterion(
        "pressure",
        partial(_stress, part="pressure"),
        source=f"{OWN_CONVENTION}: the volume's 3 and 10 % at a bulk modulus of 100 GPa",
        good="mean pressures agree",
        bad="pressures are off: so are the volumes that it relaxes to",
        why="the pressure decides the volume",
        **_STRESS,
    ),
    Criterion(
        "deviatoric stress",
        partial(_stress, part="deviatoric"),
        source=f"{OWN_CONVENTION}: strains of 3 and 10 % at a shear modulus of 33 GPa",
        good="shear and differences of normal stresses agree",
        bad="stresses are off in shape: so are the cells that it relaxes to",
        why="it decides the shape of the cell",
        **{**_STRESS, "rests_on": ("stresses", "shear")},
    ),
    Criterion(
        "ranking accuracy",
        read_ranking,
        caution=95.0,
        fail=75.0,
        unit="%",
        source=f"{OWN_CONVENTION}: Φ(δ/σ) where it holds, else what was observed",
        good="states that far apart, or farther, are ranked right",
        bad="states that far apart are not resolved: compute them with the reference",
        why="an error that is small an atom can be larger than the difference that matters",
        below=True,
        rests_on=("energies",),
        decides=("energies",),
        hints=("defects",),
    ),
)
