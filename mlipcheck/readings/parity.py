"""Readings of a model held against labelled frames."""

from __future__ import annotations

import math

from ase import units

from ..results import Parity
from .reading import Reading


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
    return Reading(
        e.mae.value, f"{1000 * e.mae.value:.1f} meV/atom in {e.convention} ({e.frames} frames)"
    )


def read_forces(row: Parity) -> Reading | None:
    if row.error:
        return None
    f = row.forces
    if f is None or f.r_squared is None:
        return Reading(None, row.not_assessed.get("slope", "the model has no forces"))
    return Reading(f.r_squared.value, f"R² {f.r_squared.value:.2f}, MAE {f.mae.value:.3g} eV/Å")


def read_softening(row: Parity) -> Reading | None:
    if row.error:
        return None
    if row.forces is None or row.forces.slope is None:
        return Reading(None, row.not_assessed.get("slope", "no forces"))
    slope = row.forces.slope
    word = f", {slope.remark}" if slope.remark else ""
    return Reading(abs(slope.s_lo - 1), f"{slope.s_lo:.3f} of the reference{word}")


def read_stress(row: Parity) -> Reading | None:
    if row.error:
        return None
    if row.stress is None:
        return Reading(None, row.not_assessed.get("stress", "no stress"))
    gpa = row.stress.mae.value / units.GPa
    return Reading(gpa, f"{gpa:.2f} GPa ({row.stress.frames} frames)")


def read_ordering(row: Parity) -> Reading | None:
    order = row.ordering
    if order is None or order.difference is None or order.chance is None:
        return None  # nobody asked
    return Reading(
        order.chance,
        f"{100 * order.chance:.0f} % for {order.difference:g} eV (σ {order.sigma.value:.3g} eV)",
    )
