"""Records of adsorption energies, in eV, and what is read from them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from ...references.doubts import Doubt
from ...storage import Record

# From ΔE to ΔG of adsorbed hydrogen: zero-point energy and entropy, the same on all metals
# (Nørskov et al., J. Electrochem. Soc. 152, J23 (2005)).
FREE_ENERGY_CORRECTION = 0.24


@dataclass(frozen=True)
class AdsorptionEnergy(Record):
    """E(slab + H) - E(slab) - 1/2 E(H2) on one site, from the model and from the reference.

    Where a structure failed, ``model`` is None and ``message`` says which and why.
    """

    metal: str
    site: str
    reference: float
    model: float | None = None
    message: str | None = None

    @property
    def name(self) -> str:
        return f"{self.metal} {self.site}"


def list_errors(sites: Iterable[AdsorptionEnergy]) -> list[float]:
    """Return model minus reference where there is a model's energy."""
    return [s.model - s.reference for s in sites if s.model is not None]


def spread(sites: Iterable[AdsorptionEnergy]) -> float | None:
    """Return the rms difference of errors over all pairs of sites; None without a pair.

    What shifts all sites alike, the zero of H2 or of an element, is not in it. The mean is not
    taken off: which of a pair comes first is arbitrary.
    """
    pairs = list(itertools.combinations(list_errors(sites), 2))
    return float(np.sqrt(np.mean(np.square(np.diff(pairs))))) if pairs else None


@dataclass(frozen=True)
class MetalAdsorption(Record):
    """Hydrogen on one metal's (111) face, on its sites, those that failed among them."""

    name: str
    sites: tuple[AdsorptionEnergy, ...] = ()
    level_of_theory: str = ""
    doubts: tuple[Doubt, ...] = ()
    error: str | None = None

    @property
    def mae(self) -> float | None:
        errors = list_errors(self.sites)
        return float(np.mean(np.abs(errors))) if errors else None

    @property
    def bias(self) -> float | None:
        errors = list_errors(self.sites)
        return float(np.mean(errors)) if errors else None

    @property
    def sigma(self) -> float | None:
        """The `spread` of the errors between sites."""
        return spread(self.sites)

    @property
    def stable(self) -> AdsorptionEnergy:
        """The most stable site by the reference, which chooses it for the model, too."""
        return min(self.sites, key=lambda s: s.reference)


@dataclass(frozen=True)
class Volcano(Record):
    """The thermodynamic volcano -|ΔG|, and whether a model's errors leave it readable.

    The rate at which hydrogen evolves falls off as exp(-|ΔG| / kT) on both sides of ΔG = 0
    (Nørskov et al., above). ``metals`` are rows that have a model's energy on the most stable site,
    the most active by the reference first.
    """

    metals: tuple[AdsorptionEnergy, ...]

    @property
    def sigma(self) -> float | None:
        """The `spread` of the errors between metals."""
        return spread(self.metals)

    @property
    def gap(self) -> float:
        """The median difference of |ΔG| between neighbours."""
        return float(np.median(np.diff([abs(free(s.reference)) for s in self.metals])))

    @property
    def chance(self) -> float:
        """Φ(gap / σ): how likely neighbours come out in the right order.

        If errors are normal, and of no sign of their own: a bias, which is not in σ, still moves
        metals over the top, hence `right` beside it.
        """
        return float(stats.norm.cdf(self.gap / max(self.sigma or 0.0, 1e-9)))

    @property
    def right(self) -> tuple[int, int]:
        """How many pairs of metals have the right order of |ΔG|, and of how many."""
        heights = [abs(free(s.model or 0.0)) for s in self.metals]
        pairs = list(itertools.combinations(heights, 2))
        return sum(b > a for a, b in pairs), len(pairs)


def free(energy: float) -> float:
    """Return ΔG of ΔE."""
    return energy + FREE_ENERGY_CORRECTION


def read_volcano(rows: Sequence[MetalAdsorption]) -> Volcano | None:
    """Place metals on the volcano; None where fewer than three have an energy."""
    metals = [r.stable for r in rows if r.sites and r.stable.model is not None]
    if len(metals) < 3:
        return None
    return Volcano(tuple(sorted(metals, key=lambda s: abs(free(s.reference)))))
