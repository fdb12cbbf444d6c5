"""Adsorption energies compared with a reference, and whether a volcano can be read from them.

What is read from them are differences, so their error is that of differences: σ is the spread of
(ΔE_model - ΔE_reference) between two sites. Whatever shifts all of them alike, the zero of H2 or of
an element, is not in it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator, InputError
from scipy import stats

from ...calculators.evaluate import Progress, evaluate
from ...calculators.records import Evaluation
from ...references.adsorption import AdsorptionSite
from .record import AdsorptionComparison, AdsorptionEnergy, Volcano

# From ΔE to ΔG of adsorbed hydrogen, eV: zero-point energy and entropy, the same on all metals
# (Nørskov et al., J. Electrochem. Soc. 152, J23 (2005)).
FREE_ENERGY_CORRECTION = 0.24
BOND_LENGTH = 0.7505  # Å, of H2 in PBE
BOX = 15.0  # Å; beyond any usual cutoff
MIN_POINTS = 3  # of a correlation
ROUNDING = 1e-6  # eV; what varies by less is constant


def adsorption_energies(
    calculator: BaseCalculator, sites: Iterable[AdsorptionSite], *, progress: Progress | None = None
) -> AdsorptionComparison:
    """Compare E(slab + H) - E(slab) - 1/2 E(H2) with the reference, site by site.

    Single points at the reference's own geometries, H2 at its PBE bond length, all in one batch
    and each distinct slab once: what differs is the energy alone.

    Parameters
    ----------
    calculator : any ASE calculator
    sites : iterable of AdsorptionSite
        Each is a row of the result, in order; one that fails has the reason.
    progress : callable, optional
        Called with the number of structures done since the last call.

    Raises
    ------
    InputError
        Without any site, or for one that is given twice.
    """
    sites = list(sites)
    names = [s.name for s in sites]
    if not names:
        raise InputError("no adsorption sites; give one or more")
    if twice := [name for name in names if names.count(name) > 1]:
        raise InputError(f"{twice[0]} is given twice; give each site once")
    slabs: list[Atoms] = []
    for s in sites:
        if s.slab not in slabs:
            slabs.append(s.slab)
    # A calculator that does not take molecules may take them in a box: both, to ask only once.
    molecule = Atoms("H2", [[0, 0, 0], [0, 0, BOND_LENGTH]])
    in_box = Atoms(molecule, cell=[BOX] * 3, pbc=True)
    images = [molecule, in_box, *slabs, *(s.slab_with_adsorbate for s in sites)]
    found = evaluate(calculator, images, properties=("energy",), progress=progress)
    boxed = found[0].energy is None and found[1].energy is not None
    rows = tuple(
        _row(s, found[boxed], found[2 + slabs.index(s.slab)], full)
        for s, full in zip(sites, found[2 + len(slabs) :], strict=True)
    )
    return compare_sites(rows, "periodic box" if boxed else "vacuum")


def _row(
    site: AdsorptionSite, molecule: Evaluation, slab: Evaluation, full: Evaluation
) -> AdsorptionEnergy:
    """Return the row of a site, or the reason why there is no number in it."""
    parts = {"H2": molecule, "slab": slab, "slab + H": full}
    if molecule.energy is None or slab.energy is None or full.energy is None:
        what, why = next((k, e.error) for k, e in parts.items() if e.energy is None)
        message = f"{what}: {why or 'the calculator has no energy'}"
        return AdsorptionEnergy(site.metal, site.site, site.reference_energy, message=message)
    energy = full.energy - slab.energy - molecule.energy / 2
    error = energy - site.reference_energy
    return AdsorptionEnergy(site.metal, site.site, site.reference_energy, energy, error)


def compare_sites(rows: tuple[AdsorptionEnergy, ...], environment: str) -> AdsorptionComparison:
    """Compare the sites of one metal or several, each with both energies or its message."""
    errors = [r.error for r in rows if r.error is not None]
    # one site a metal, chosen by the reference so that both are of the same
    metals = dict.fromkeys(r.metal for r in rows)
    best = [min((r for r in rows if r.metal == m), key=lambda r: r.reference) for m in metals]
    sigma_metals = _spread([best])
    return AdsorptionComparison(
        sites=rows,
        volcano=_read_volcano(best, sigma_metals),
        failures=len(rows) - len(errors),
        environment=environment,
        mae=float(np.abs(errors).mean()) if errors else None,
        bias=float(np.mean(errors)) if errors else None,
        pearson_r=_correlate(rows, stats.pearsonr),
        spearman=_correlate(rows, stats.spearmanr),
        spearman_metals=_correlate(best, stats.spearmanr),
        sigma_sites=_spread([r for r in rows if r.metal == m] for m in metals),
        sigma_metals=sigma_metals,
    )


def _spread(groups: Iterable[Sequence[AdsorptionEnergy]]) -> float | None:
    """Return the rms difference of errors over all pairs inside the groups; None without a pair.

    The mean is not taken off: which of a pair comes first is arbitrary, so the mean of the
    differences is zero by symmetry, and the rms is their standard deviation.
    """
    known = [[r.error for r in rows if r.error is not None] for rows in groups]
    differences = [a - b for group in known for a, b in itertools.combinations(group, 2)]
    return float(np.sqrt(np.mean(np.square(differences)))) if differences else None


def _correlate(rows: Sequence[AdsorptionEnergy], measure: Callable[..., Any]) -> float | None:
    """Correlate model and reference; None where they are too few, or one is constant."""
    known = [(r.reference, r.model) for r in rows if r.model is not None]
    if len(known) < MIN_POINTS or np.ptp(known, axis=0).min() < ROUNDING:
        return None
    return float(measure(*np.transpose(known))[0])


def _read_volcano(best: Sequence[AdsorptionEnergy], sigma: float | None) -> Volcano:
    """Place the metals on the volcano, and compare the model's errors with their distances.

    The rate at which hydrogen evolves falls off as exp(-|ΔG| / kT) on both sides of ΔG = 0
    (Nørskov et al., above): -|ΔG| is the activity. Two metals δ apart in |ΔG| come out in the right
    order with a chance of Φ(δ/σ), if the errors are normal and of no sign of their own. A bias,
    which is not in σ, still moves metals over the top: hence the fraction observed beside it.
    """
    up = FREE_ENERGY_CORRECTION
    points = [
        replace(r, reference=r.reference + up, model=None if r.model is None else r.model + up)
        for r in sorted(best, key=lambda r: abs(r.reference + up))
    ]
    energies = [p.reference for p in points]
    gap = float(np.median(np.diff(np.abs(energies)))) if len(points) > 1 else None
    # from least to more |ΔG|: the model is right where its own rises too
    answered = [(abs(p.reference), abs(p.model)) for p in points if p.model is not None]
    pairs = list(itertools.combinations(answered, 2))
    return Volcano(
        points=tuple(points),
        width=max(energies) - min(energies),
        neighbour_gap=gap,
        neighbour_chance=None if gap is None or sigma is None else _chance(gap, sigma),
        pairs=len(pairs),
        pairs_right=sum(b[1] > a[1] for a, b in pairs),
        expected_right=(
            None if sigma is None else sum(_chance(b[0] - a[0], sigma) for a, b in pairs)
        ),
    )


def _chance(difference: float, sigma: float) -> float:
    """Return Φ(δ/σ), the chance that an error of spread σ leaves the sign of δ as it is."""
    if sigma == 0:
        return 1.0 if difference > 0 else 0.5
    return float(stats.norm.cdf(difference / sigma))
