"""Adsorption energies against a reference, and whether a volcano can be read from them.

What is read from them are differences, so their error is that of differences: σ is the spread of
(ΔE_model - ΔE_reference) between two sites. Whatever shifts all of them alike, the zero of H2 or of
an element, is not in it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator, InputError
from scipy import stats

from ...calculators.evaluate import Progress, evaluate
from ...calculators.records import Evaluation
from ...references.adsorption import AdsorptionSite
from .record import AdsorptionComparison, AdsorptionEnergy, Volcano, VolcanoPoint

# From ΔE to ΔG of adsorbed hydrogen, eV: zero-point energy and entropy, the same on all metals
# (Nørskov et al., J. Electrochem. Soc. 152, J23 (2005)).
FREE_ENERGY_CORRECTION = 0.24
BOND_LENGTH = 0.7505  # Å, of H2 in PBE
BOX = 15.0  # Å; beyond any usual cutoff
FEWEST = 3  # for a correlation
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
    progress : callable, optional
        Called with the number of structures done since the last call.

    Returns
    -------
    AdsorptionComparison
        One row a site, in order; a site that failed is a row with the reason.

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
    molecules = [_hydrogen(), _hydrogen(boxed=True)]
    images = [*molecules, *slabs, *(s.slab_with_adsorbate for s in sites)]
    found = evaluate(calculator, images, properties=("energy",), progress=progress)
    boxed = found[0].energy is None and found[1].energy is not None
    rows = tuple(
        _row(s, found[boxed], found[2 + slabs.index(s.slab)], full)
        for s, full in zip(sites, found[2 + len(slabs) :], strict=True)
    )
    return _compare(rows, "periodic box" if boxed else "vacuum")


def _hydrogen(boxed: bool = False) -> Atoms:
    cell = {"cell": [BOX] * 3, "pbc": True} if boxed else {}
    return Atoms("H2", [[0, 0, 0], [0, 0, BOND_LENGTH]], **cell)


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


def _compare(rows: tuple[AdsorptionEnergy, ...], environment: str) -> AdsorptionComparison:
    good = [(r.reference, r.model) for r in rows if r.model is not None]
    errors = np.array([model - reference for reference, model in good])
    best = _most_stable(rows)
    sigma_metals = _spread([[r.error for r in best if r.error is not None]])
    return AdsorptionComparison(
        sites=rows,
        volcano=_read_volcano(best, sigma_metals),
        failures=len(rows) - len(good),
        environment=environment,
        mae=float(np.abs(errors).mean()) if good else None,
        bias=float(errors.mean()) if good else None,
        pearson_r=_correlate(good),
        spearman=_correlate(good, ranks=True),
        spearman_metals=_correlate(
            [(r.reference, r.model) for r in best if r.model is not None], ranks=True
        ),
        sigma_sites=_spread(
            [r.error for r in rows if r.metal == b.metal and r.error is not None] for b in best
        ),
        sigma_metals=sigma_metals,
    )


def _most_stable(rows: Sequence[AdsorptionEnergy]) -> list[AdsorptionEnergy]:
    """Return one row a metal: the reference chooses the site, so that both speak of the same."""
    metals = dict.fromkeys(r.metal for r in rows)
    return [min((r for r in rows if r.metal == m), key=lambda r: r.reference) for m in metals]


def _spread(groups: Iterable[Sequence[float]]) -> float | None:
    """Return the rms difference over all pairs inside the groups; None without a pair.

    The mean is not taken off: which of a pair comes first is arbitrary, so the mean of the
    differences is zero by symmetry, and the rms is their standard deviation.
    """
    differences = [a - b for group in groups for a, b in itertools.combinations(group, 2)]
    return float(np.sqrt(np.mean(np.square(differences)))) if differences else None


def _correlate(pairs: Sequence[tuple[float, float]], ranks: bool = False) -> float | None:
    """Return Pearson's r, or Spearman's; None with fewer than 3 pairs, or where one is constant."""
    if len(pairs) < FEWEST:
        return None
    x, y = np.array(pairs).T
    if min(np.ptp(x), np.ptp(y)) < ROUNDING:
        return None
    return float(stats.spearmanr(x, y)[0] if ranks else stats.pearsonr(x, y)[0])


def _read_volcano(best: Sequence[AdsorptionEnergy], sigma: float | None) -> Volcano:
    """Place the metals on the volcano, and hold the model's errors against their distances.

    The rate at which hydrogen evolves falls off as exp(-|ΔG| / kT) on both sides of ΔG = 0
    (Nørskov et al., above): -|ΔG| is the activity. Two metals δ apart in |ΔG| come out in the right
    order with a chance of Φ(δ/σ), if the errors are normal and of no sign of their own. A bias,
    which is not in σ, still moves metals over the top: hence the fraction observed beside it.
    """
    points = [
        VolcanoPoint(
            metal=r.metal,
            site=r.site,
            reference=r.reference + FREE_ENERGY_CORRECTION,
            model=None if r.model is None else r.model + FREE_ENERGY_CORRECTION,
        )
        for r in best
    ]
    points.sort(key=lambda p: abs(p.reference))
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
