"""Displaced cells, the model's forces on them, and frequencies from forces, all by phonopy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator, InputError
from ase.spacegroup.symmetrize import refine_symmetry
from scipy.ndimage import gaussian_filter1d

from ...calculators.evaluate import Progress
from ...references.doubts import Doubt
from ...references.phonons import PhononReference, displaced_cells, new_phonon, quiet, to_atoms
from ..crystals import find_forces
from ..dimers.curve import fit_slope
from ..parity.label_warnings import doubt_unit
from .record import HEIGHT, STEPS, Spectrum

Facts = dict[str, Any]  # fields of `CrystalPhonons`
MESH, BINS = 11, 200
SYMMETRY = 0.01  # Å within which a relaxed crystal has the symmetry that it is given
FACTOR = 5.0  # by which no model's forces are off that follow the reference's
FOLLOWS = 0.5  # in R²
PROBE = (0.13, 0.29, 0.41)  # Å that a whole cell is moved by, which changes no true force


def build_phonon(atoms: Atoms, most: int) -> Any:
    """Return a crystal in the smallest supercell of 7 Å, or the largest of ``most`` atoms."""
    if len(atoms) > most:
        raise InputError(f"{len(atoms)} atoms; {most} at most in a supercell")
    atoms = atoms.copy()
    with quiet():
        refine_symmetry(atoms, symprec=SYMMETRY)
    heights = 1 / atoms.cell.reciprocal().lengths()
    repeats = [np.ceil(h / heights - 1e-6).astype(int) for h in np.arange(HEIGHT, 0, -0.5)]
    fitting = (n for n in repeats if n.prod() * len(atoms) <= most)
    return new_phonon(atoms, np.diag(next(fitting, np.ones(3, int))))


def displace(phonon: Any, step: float) -> list[Atoms]:
    """Displace each atom that symmetry does not give, both ways where they differ."""
    with quiet():
        phonon.generate_displacements(distance=step)
        return displaced_cells(phonon)


def follow_file(calculator: BaseCalculator, given: PhononReference, progress: Progress) -> Facts:
    """Compare a file's displaced cells."""
    phonon, reference = given.phonon, given.forces
    facts, forces = _measure(calculator, phonon, displaced_cells(phonon), progress)
    slope = fit_slope(forces.ravel(), reference.ravel(), np.ones(forces.size))
    doubt = None
    if slope is not None and (slope.r_squared or 0.0) >= FOLLOWS:
        if not 1 / FACTOR < slope.magnitude < FACTOR:
            doubt = doubt_unit("forces", reference.ravel(), forces.ravel())
        elif slope.s_lo < 0:
            doubt = Doubt("sign", "the file's forces seem to have the other sign", ("forces",))
    return {
        **facts,
        "slope": slope,
        "doubts": (doubt,) if doubt else (),
        "model": find_spectrum(phonon, forces),
        "reference": find_spectrum(phonon, reference),
        "floor": _floor(phonon, facts["noise"], forces.shape),
    }


def displace_twice(calculator: BaseCalculator, phonon: Any, progress: Progress) -> Facts:
    """Displace the atoms of a crystal by 0.01 and 0.03 Å, as it is, at rest or not."""
    cells = [cell for step in STEPS for cell in displace(phonon, step)]
    facts, forces = _measure(calculator, phonon, cells, progress)
    spectra, constants = [], []
    for step, found in zip(STEPS, np.split(forces, 2), strict=True):
        displace(phonon, step)
        spectra.append(find_spectrum(phonon, found))
        constants.append(np.array(phonon.force_constants))
    change = np.linalg.norm(constants[0] - constants[1]) / np.linalg.norm(constants[1])
    return {
        **facts,
        "signal": float(np.sqrt(np.mean(found**2))),
        "small": spectra[0],
        "model": spectra[1],
        "roughness": float(change),
        "floor": _floor(phonon, facts["noise"], found.shape),
    }


def _measure(
    calculator: BaseCalculator, phonon: Any, cells: Sequence[Atoms], progress: Progress
) -> tuple[Facts, np.ndarray]:
    """Return fields of the row, and forces without those of the undisplaced cell."""
    rest, moved = to_atoms(phonon.supercell), cells[-1].copy()
    moved.positions += PROBE
    found = find_forces(calculator, [rest, moved, *cells], progress)
    still, again, *others = np.array(found, dtype=float)
    forces = np.array(others) - still
    noise = float(np.sqrt(np.mean((again - others[-1]) ** 2) / 2))
    net = np.sqrt(np.sum(forces.sum(axis=1) ** 2) / len(cells))
    net = max(net - 3 * noise * np.sqrt(6 * len(rest)), 0.0)  # beyond what noise may make
    signal = float(np.sqrt(np.mean(forces**2)))
    return {
        "n_atoms": len(rest),
        "cells": len(cells),
        "height": float(1 / rest.cell.reciprocal().lengths().max()),
        "signal": signal,
        "noise": noise,
        "sum_rule": float(net / (signal * np.sqrt(3 * len(rest)))) if signal else None,
    }, forces


def find_spectrum(phonon: Any, forces: np.ndarray) -> Spectrum:
    """Return the frequencies of displaced cells' forces; phonopy keeps the force constants."""
    with quiet():
        random = "first_atoms" not in phonon.dataset
        phonon.produce_force_constants(
            forces, False, fc_calculator="symfc" if random else None, show_drift=False
        )
        phonon.symmetrize_force_constants(show_drift=False)
        phonon.run_mesh([MESH] * 3)
    found, weights = phonon.mesh.frequencies, phonon.mesh.weights
    shares = np.repeat(weights / weights.sum(), found.shape[1])
    lowest, highest = float(found.min()), float(found.max())
    edges = np.linspace(lowest, max(highest, lowest + 1e-6), BINS + 1)
    counts, _ = np.histogram(found.ravel(), bins=edges, weights=3 * shares)
    return Spectrum(
        lowest=lowest,
        highest=highest,
        mean=float(shares @ np.clip(found.ravel(), 0, None)) / found.shape[1],
        density=gaussian_filter1d(counts, 4.0) / (edges[1] - edges[0]) / found.shape[1],
    )


def _floor(phonon: Any, noise: float, shape: tuple[int, ...]) -> float:
    """Return the largest |frequency| of forces that are noise alone.

    By Weyl's inequality noise moves no squared frequency by more than the square of this.
    """
    drawn = np.random.default_rng(0).normal(0.0, max(noise, 1e-12), shape)
    found = find_spectrum(phonon, drawn * np.sqrt(2))  # the undisplaced cell's is taken off, too
    return max(abs(found.lowest), found.highest)
