"""Questions, their numbers and limits."""

from __future__ import annotations

import math

from ase import units

from ...check import OWN_CONVENTION, Criterion, Reading
from .record import Parity

ENOUGH_PAIRS = 10  # to know how errors of differences are spread
ENOUGH_ATOMS = 20  # for a slope of one element
FORCE_QUESTIONS = ("forces", "softening", "softening of one element")


def read_frames(row: Parity) -> Reading:
    failed, n = len(row.failures), row.frames
    if failed:
        name, why = row.failures[0]
        all_failed = math.inf if row.error else failed
        return Reading(all_failed, f"{failed} of {n} frames failed, {name}: {why}")
    if row.error:
        return Reading(None, row.error)
    unlabelled = f", {len(row.unlabelled)} without labels" if row.unlabelled else ""
    return Reading(0, f"all {n - len(row.unlabelled)} frames{unlabelled}")


def read_labels(row: Parity) -> Reading | None:
    if row.error:
        return None
    found = "; ".join(s.text for s in row.suspicions)
    return Reading(len(row.suspicions), found or "nothing suspicious in units, signs and level")


def read_convention(row: Parity) -> Reading | None:
    if row.energy is None:
        return None
    found = row.energy.suspicion
    return Reading(1 if found else 0, found or f"{row.energy.convention}: {row.energy.why}")


def read_energy(row: Parity) -> Reading | None:
    if row.error:
        return None
    if row.energy is None:
        return Reading(None, row.not_assessed.get("energy", "no energies"))
    e = row.energy
    if e.suspicion:
        return Reading(None, "most of the error is one of convention")
    mev = 1000 * e.mae.value
    return Reading(mev, f"{mev:.1f} meV/atom in {e.convention} ({e.frames} frames)")


def read_forces(row: Parity) -> Reading | None:
    if row.error:
        return None
    f = row.forces
    if f is None or f.r_squared is None or f.slope is None:
        return Reading(None, row.not_assessed.get("slope", "the model has no forces"))
    if row.doubted("forces"):
        return Reading(None, "the labels' unit or sign is in doubt")
    # forces that go the other way do not go the reference's, however well they follow
    value = f.r_squared.value if f.slope.s_lo > 0 else -f.r_squared.value
    return Reading(value, f"R² {f.r_squared.value:.2f}, MAE {f.mae.value:.3g} eV/Å")


def read_softening(row: Parity) -> Reading | None:
    if row.error:
        return None
    f = row.forces
    if f is None or f.slope is None:
        return Reading(None, row.not_assessed.get("slope", "no forces"))
    if row.doubted("forces"):
        return Reading(None, "the labels' unit or sign is in doubt")
    word = f", {f.called}" if f.called else ""
    return Reading(100 * abs(f.slope.s_lo - 1), f"{f.slope.s_lo:.3f} of the reference{word}")


def read_elements(row: Parity) -> Reading | None:
    f = row.forces
    if row.error or f is None or row.doubted("forces"):
        return None  # told by the pooled ones
    found = [(g.name, g.slope) for g in f.by_element if g.slope and g.atoms >= ENOUGH_ATOMS]
    if len(f.by_element) < 2 or not found:
        return None
    name, slope = max(found, key=lambda item: abs(item[1].s_lo - 1))
    word = f", {slope.remark}" if slope.remark else ""
    return Reading(100 * abs(slope.s_lo - 1), f"{name} {slope.s_lo:.3f} of the reference{word}")


def read_stress(row: Parity) -> Reading | None:
    if row.error:
        return None
    if row.stress is None:
        return Reading(None, row.not_assessed.get("stress", "no stress"))
    if row.doubted("stresses"):
        return Reading(None, "the labels' unit or sign is in doubt")
    gpa = row.stress.mae.value / units.GPa
    return Reading(gpa, f"{gpa:.2f} GPa ({row.stress.frames} frames)")


def read_ordering(row: Parity) -> Reading | None:
    order = row.ordering
    if order is None or order.difference is None or order.chance is None:
        return None  # nobody asked
    if order.misfit is not None:
        if order.observed is None or order.observed_pairs < ENOUGH_PAIRS:
            return Reading(None, f"too few pairs about {order.difference:g} eV apart")
        seen = {f"about {order.difference:g} eV": (order.observed, order.observed_pairs)}
        # who resolves a difference resolves a larger one, too
        for b in order.bins:
            if b.low >= order.difference and b.pairs >= ENOUGH_PAIRS:
                apart = f"> {b.low:g} eV" if b.high is None else f"{b.low:g} to {b.high:g} eV"
                seen[apart] = (b.observed, b.pairs)
        apart, (right, pairs) = min(seen.items(), key=lambda item: item[1][0])
        return Reading(100 * right, f"{100 * right:.0f} % of {pairs} pairs {apart} apart")
    apart = f"{order.difference:g} eV apart"
    if order.pairs < ENOUGH_PAIRS or not order.observed_pairs:
        return Reading(None, f"{order.pairs} pairs of states, {order.observed_pairs} about {apart}")
    return Reading(
        100 * order.chance,
        f"{100 * order.chance:.0f} % for {order.difference:g} eV (σ {order.sigma.value:.3g} eV)",
    )


CRITERIA: tuple[Criterion, ...] = (
    Criterion(
        "frames",
        read_frames,
        caution=None,
        fail=0,
        source=f"{OWN_CONVENTION}: a potential must answer for every structure",
        good="every frame was answered",
        bad="the model gives no answer there; its other numbers leave these frames out",
        why="what cannot be evaluated can be neither relaxed nor simulated",
    ),
    Criterion(
        "labels",
        read_labels,
        caution=0,
        fail=None,
        source=f"{OWN_CONVENTION}: factors of units between correlated numbers; INCAR settings",
        good="labels and model speak of the same quantities",
        bad="look at the labels before you read the other numbers",
        why="a wrong unit, sign or functional of the labels looks like an error of the model",
    ),
    Criterion(
        "energy convention",
        read_convention,
        caution=None,
        fail=0,
        words="fail: another convention explains half of the error",
        source=f"{OWN_CONVENTION}: a bias with good forces is a convention",
        good="no other convention explains the error",
        bad="the error is mostly one of convention, and not the model's",
        why="raw and corrected energies differ by hundreds of meV/atom with equally good forces",
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
        rests_on=("energies",),
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
        good="forces go the reference's way",
        bad="part of their error has nothing to do with the reference's: no factor corrects it",
        why="forces say where atoms go; an error without a pattern cannot be corrected afterwards",
        below=True,
        rests_on=("forces",),
        decides=("vibrations", "dynamics"),
        hints=("relax", "defects"),
    ),
    Criterion(
        "softening",
        read_softening,
        caution=10.0,
        fail=30.0,
        unit="% off",
        source="Deng et al., npj Comput. Mater. 11, 9 (2025): slopes of 0.7 to 0.9",
        good="forces are as strong as the reference's",
        bad="forces have another strength, or follow something else (the word says which): "
        "phonons, barriers and defect energies are off",
        why="models trained near equilibrium draw the energy surface too soft, with no sign of it "
        "in the curve",
        rests_on=("forces",),
        decides=("vibrations", "dynamics"),
        hints=("relax", "defects"),
    ),
    Criterion(
        "softening of one element",
        read_elements,
        caution=10.0,
        fail=30.0,
        unit="% off",
        source=f"{OWN_CONVENTION}: as for all elements",
        good="forces are as strong as the reference's on each element",
        bad="forces on this element have another strength, which the others hide",
        why="errors of two elements may cancel in the slope of both",
        rests_on=("forces",),
        decides=("vibrations", "dynamics"),
        hints=("relax", "defects"),
    ),
    Criterion(
        "stress",
        read_stress,
        caution=3.0,
        fail=10.0,
        unit="GPa",
        source=f"{OWN_CONVENTION}: the volume's 3 and 10 % at a bulk modulus of 100 GPa",
        good="stresses agree",
        bad="stresses are off: so are the volumes that it relaxes to",
        why="the stress decides the volume and the cell",
        rests_on=("stresses",),
        hints=("relax", "vibrations", "dynamics"),
    ),
    Criterion(
        "order of states",
        read_ordering,
        caution=95.0,
        fail=75.0,
        unit="%",
        source=f"{OWN_CONVENTION}: Φ(δ/σ) where it holds, else what was observed",
        good="states that far apart, or farther, are ordered rightly",
        bad="states that far apart are not told apart: compute them with the reference",
        why="an error that is small an atom can be larger than the difference that you care about",
        below=True,
        rests_on=("energies",),
        decides=("energies",),
        hints=("defects",),
    ),
)
