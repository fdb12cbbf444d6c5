"""Records of adsorption energies, and of the volcano that is read from them. All energies in eV."""

from __future__ import annotations

from dataclasses import dataclass, field

from ...references.doubts import Doubt


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
class Volcano:
    """The thermodynamic volcano -|ΔG|, and whether a model's errors leave it readable.

    ``points`` are free energies ΔG of the metals, each on its most stable site by the reference,
    the most active first; the activity is -|ΔG|. ``width`` is their largest less their smallest ΔG.
    ``neighbour_gap`` is the median difference of |ΔG| between neighbours in it, and
    ``neighbour_chance`` Φ(neighbour_gap / σ), σ the ``sigma_metals`` of the comparison: the chance
    of the right order. Of the ``pairs`` of metals that the model has an answer for, ``pairs_right``
    have the right order of |ΔG|; Φ(δ/σ), each with its own δ, gives ``expected_right``.
    """

    points: tuple[AdsorptionEnergy, ...]
    width: float
    neighbour_gap: float | None = None
    neighbour_chance: float | None = None
    pairs: int = 0
    pairs_right: int = 0
    expected_right: float | None = None


@dataclass(frozen=True)
class AdsorptionComparison:
    """A model's adsorption energies compared with the reference's.

    Every number is over the sites that could be evaluated, None where they are too few.

    ``sites`` are in the order given, those that failed among them, which ``failures`` counts;
    ``environment`` is that of H2: ``vacuum``, or ``periodic box`` where the model cannot do without
    a cell. ``mae`` and ``bias`` are the means of |error| and of the error; ``pearson_r``,
    ``spearman`` and ``spearman_metals`` the correlation of all sites, of their ranks, and of the
    ranks of the volcano's points; ``sigma_sites`` and ``sigma_metals`` the spread of
    ΔE_model - ΔE_reference between two sites of one metal, and between the volcano's points of two
    metals.
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


@dataclass(frozen=True)
class MetalAdsorption:
    """Hydrogen on one metal's (111) face: its sites, and their errors as `AdsorptionComparison`."""

    name: str
    sites: tuple[AdsorptionEnergy, ...] = field(default=())
    level_of_theory: str = ""
    environment: str = ""
    mae: float | None = None
    bias: float | None = None
    sigma_sites: float | None = None
    doubts: tuple[Doubt, ...] = ()
    error: str | None = None

    @property
    def stable(self) -> AdsorptionEnergy:
        """The most stable site by the reference."""
        return min(self.sites, key=lambda s: s.reference)
