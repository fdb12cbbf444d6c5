"""Readings of a model held against labelled frames."""

from __future__ import annotations

import math

from ase import units

from ...check import Reading
from .record import Parity

ENOUGH_PAIRS = 10  # to know how errors of differences are spread
ENOUGH_ATOMS = 20  # for a slope of one element


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
    found = "; ".join(row.suspicions)
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
    return Reading(
        e.mae.value, f"{1000 * e.mae.value:.1f} meV/atom in {e.convention} ({e.frames} frames)"
    )


def read_forces(row: Parity) -> Reading | None:
    if row.error:
        return None
    f = row.forces
    if f is None or f.r_squared is None or f.slope is None:
        return Reading(None, row.not_assessed.get("slope", "the model has no forces"))
    if _doubted(row, "forces"):
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
    if _doubted(row, "forces"):
        return Reading(None, "the labels' unit or sign is in doubt")
    word = f", {f.called}" if f.called else ""
    return Reading(abs(f.slope.s_lo - 1), f"{f.slope.s_lo:.3f} of the reference{word}")


def read_elements(row: Parity) -> Reading | None:
    f = row.forces
    if row.error or f is None or _doubted(row, "forces"):
        return None  # told by the pooled ones
    found = [(g.name, g.slope) for g in f.by_element if g.slope and g.atoms >= ENOUGH_ATOMS]
    if len(f.by_element) < 2 or not found:
        return None
    name, slope = max(found, key=lambda item: abs(item[1].s_lo - 1))
    word = f", {slope.remark}" if slope.remark else ""
    return Reading(abs(slope.s_lo - 1), f"{name} {slope.s_lo:.3f} of the reference{word}")


def _doubted(row: Parity, kind: str) -> bool:
    return any(suspicion.startswith(f"{kind} look") for suspicion in row.suspicions)


def read_stress(row: Parity) -> Reading | None:
    if row.error:
        return None
    if row.stress is None:
        return Reading(None, row.not_assessed.get("stress", "no stress"))
    if _doubted(row, "stresses"):
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
        return Reading(right, f"{100 * right:.0f} % of {pairs} pairs {apart} apart")
    apart = f"{order.difference:g} eV apart"
    if order.pairs < ENOUGH_PAIRS or not order.observed_pairs:
        return Reading(None, f"{order.pairs} pairs of states, {order.observed_pairs} about {apart}")
    return Reading(
        order.chance,
        f"{100 * order.chance:.0f} % for {order.difference:g} eV (σ {order.sigma.value:.3g} eV)",
    )
