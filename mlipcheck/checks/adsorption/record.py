"""Records of adsorption energies, and of the volcano that is read from them. All energies in eV."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class AdsorptionEnergy:
    """E(slab + H) - E(slab) - 1/2 E(H2) on one site, from the model and from the reference.

    ``error`` is model minus reference; where a structure failed, ``message`` says which and why,
    and the model's numbers are None.
    """

    metal: str
    site: str
    reference: float
    model: float | None = None
    error: float | None = None
    message: str | None = None

    @property
    def name(self) -> str:
        return f"{self.metal} {self.site}"


@dataclass(frozen=True)
class VolcanoPoint:
    """Free energy of adsorption on the site of a metal that is most stable by the reference.

    The model's is for the same site, None where it failed. The activity is -|ΔG|.
    """

    metal: str
    site: str
    reference: float
    model: float | None = None


@dataclass(frozen=True)
class Volcano:
    """The thermodynamic volcano -|ΔG|, and whether a model's errors leave it readable.

    Attributes
    ----------
    points : tuple of VolcanoPoint
        One a metal, the most active by the reference first.
    width : float
        Largest less smallest ΔG of the reference.
    neighbour_gap : float or None
        Median difference of |ΔG|, by the reference, between metals next to each other in it.
    neighbour_chance : float or None
        Φ(neighbour_gap / σ) with σ = ``sigma_metals``: the chance of the right order.
    pairs, pairs_right : int
        Pairs of metals that the model has an answer for, and those whose order of |ΔG| it gets.
    expected_right : float or None
        How many of them Φ(δ/σ) gives, each with its own δ; σ is of the same pairs.
    """

    points: tuple[VolcanoPoint, ...]
    width: float
    neighbour_gap: float | None = None
    neighbour_chance: float | None = None
    pairs: int = 0
    pairs_right: int = 0
    expected_right: float | None = None


@dataclass(frozen=True)
class AdsorptionComparison:
    """A model's adsorption energies against the reference's.

    Every number is over the sites that could be evaluated, None where they are too few.

    Attributes
    ----------
    sites : tuple of AdsorptionEnergy
        In the order given, failed ones among them.
    volcano : Volcano
    failures : int
        Sites without a number from the model.
    environment : str
        Of H2: ``vacuum``, or ``periodic box`` where the model cannot do without a cell.
    mae, bias : float or None
        Mean of |error| and of the error.
    pearson_r, spearman, spearman_metals : float or None
        Correlation of all sites, of their ranks, and of the ranks of the volcano's points.
    sigma_sites, sigma_metals : float or None
        Spread of ΔE_model - ΔE_reference between two sites of one metal, and between the
        volcano's points of two metals.
    """

    sites: tuple[AdsorptionEnergy, ...]
    volcano: Volcano
    failures: int = 0
    environment: str = "vacuum"
    mae: float | None = None
    bias: float | None = None
    pearson_r: float | None = None
    spearman: float | None = None
    spearman_metals: float | None = None
    sigma_sites: float | None = None
    sigma_metals: float | None = None
