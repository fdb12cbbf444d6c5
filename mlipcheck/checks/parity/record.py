"""Records of a model compared with labelled frames."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ...analysis.slope import Slope
from ...analysis.statistics import Estimate
from ...references.doubts import Doubt
from ...storage import Record, check_lengths

DOMINATES = 0.5  # of ΣF² in one frame


@dataclass(frozen=True)
class ForceGroup(Record):
    """A model's forces f against the reference's F: on all atoms, or on some of them.

    ``name`` is the element, or the range of |F| in eV/Å; ``groups`` is how many independent groups
    have such ``atoms``: intervals are over them, wider for elements, of which many are tried.
    ``mae`` is the mean of ||f - F|| over atoms and ``reference_rms`` of components, in eV/Å. The
    others are as in `Slope`, and None where ``reference_rms`` is below 0.1 eV/Å.
    """

    name: str
    atoms: int
    groups: int
    mae: Estimate
    reference_rms: float
    s_lo: Estimate | None = None
    s_hi: Estimate | None = None
    r_squared: Estimate | None = None
    magnitude: Estimate | None = None

    @property
    def slope(self) -> Slope | None:
        if self.s_lo is None:
            return None
        others = (self.s_hi, self.r_squared, self.magnitude)
        s_hi, r_squared, magnitude = (None if x is None else x.value for x in others)
        return Slope(self.s_lo.value, s_hi, r_squared, magnitude or 0.0, 3 * self.atoms)

    @property
    def error_type(self) -> str | None:
        """The word for the errors, with a doubt where the interval has it on both sides of 1."""
        word = self.slope.remark if self.slope is not None else None
        high = self.s_hi.high if self.s_hi else None
        low = self.s_lo.low if self.s_lo else None
        soft = word == "soft" and high is not None and high >= 1
        stiff = word == "stiff" and low is not None and low <= 1
        return f"{word}, not beyond doubt" if soft or stiff else word


@dataclass(frozen=True, eq=False, kw_only=True)
class ForceParity(ForceGroup):
    """All forces, pooled over components, and those of each element and size.

    ``medians`` are over the ``median_frames`` frames whose rms force is at least 0.1 eV/Å, where a
    group counts once by its own median; ``typically_off`` is that of |s_lo - 1|. ``largest_frame``
    holds ``largest_share`` of ΣF². The samples are of some components for a figure, in eV/Å.
    """

    frames: int
    component_mae: float
    medians: ForceGroup | None
    median_frames: int
    largest_share: float
    largest_frame: str
    by_element: tuple[ForceGroup, ...]
    by_magnitude: tuple[ForceGroup, ...]
    reference_sample: np.ndarray
    model_sample: np.ndarray
    typically_off: float | None = None

    def __post_init__(self) -> None:
        check_lengths(self, "reference_sample", "model_sample")

    @property
    def dominated(self) -> bool:
        """Whether one frame of several holds most of ΣF²."""
        return self.frames > 1 and self.largest_share > DOMINATES

    @property
    def deciding(self) -> ForceGroup:
        """What slopes are judged by: all together, or medians over frames of a dominated set."""
        return self.medians if self.dominated and self.medians else self


@dataclass(frozen=True, eq=False)
class EnergyParity(Record):
    """A model's energies against the reference's, per atom, in one convention.

    ``convention`` is ``raw`` (as the code printed them), ``mp2020`` (corrected as the Materials
    Project does) or ``fit-offsets`` (a constant an element fitted to other frames), and ``why`` who
    chose it. Errors are in eV/atom, model minus reference. ``alternatives`` holds the MAE of every
    convention over the frames that all of them have, and how many these are, ``offsets`` the
    constants fitted to all. ``relative`` says why errors are of differences within the set only,
    and not judged. ``left_out`` are frames that could not be compared, and why. Of very many frames
    not all are listed, but there are ``more``, and ``more_left_out``.
    """

    convention: str
    why: str
    mae: Estimate
    bias: float
    alternatives: dict[str, tuple[float, int]]
    offsets: dict[str, float]
    names: tuple[str, ...]
    errors: np.ndarray
    relative: str = ""
    left_out: tuple[tuple[str, str], ...] = ()
    more: int = 0
    more_left_out: int = 0

    def __post_init__(self) -> None:
        check_lengths(self, "names", "errors")

    @property
    def frames(self) -> int:
        return len(self.names) + self.more


@dataclass(frozen=True)
class StressParity(Record):
    """A model's stress against the reference's, in eV/Å^3, means over frames.

    ``pressure`` is the mean size of the error of the mean normal stress, ``deviatoric`` that of
    von Mises' stress of the difference.
    """

    frames: int
    pressure: Estimate
    deviatoric: Estimate


@dataclass(frozen=True)
class RankingBin(Record):
    """Pairs of states whose reference energies differ by ``low`` to ``high`` eV: ranked right."""

    low: float
    high: float | None
    pairs: int
    observed: float
    expected: float

    @property
    def range(self) -> str:
        return f"> {self.low:g} eV" if self.high is None else f"{self.low:g} to {self.high:g} eV"


@dataclass(frozen=True)
class Ranking(Record):
    """Whether the model finds which of two states of equal composition is lower.

    ``sigma`` is the rms of ΔE_model - ΔE_ref in total eV, ``resolved`` the smallest difference
    (eV) ranked right 95 % of the time, 1.645 σ; None where there is a ``misfit``, which says why Φ
    does not describe what was observed. Of the ``difference`` asked about (eV), ``chance`` is
    Φ(difference / σ), and ``observed`` the fraction ranked right among pairs about that far apart.
    """

    states: int
    compositions: int
    pairs: int
    sigma: Estimate
    resolved: float | None
    misfit: str | None = None
    difference: float | None = None
    chance: float | None = None
    observed: float | None = None
    observed_pairs: int = 0
    bins: tuple[RankingBin, ...] = ()


@dataclass(frozen=True)
class Rescaling(Record):
    """One factor on all forces, fitted on some groups and judged on the one left out.

    Errors are of components in eV/Å, held out, without and with the factor of the others;
    ``mae_improved`` and ``rmse_improved`` are the fraction of folds in which they fall. ``refused``
    says why the ``factor`` is not to be used.
    """

    factor: float
    groups: int
    mae: float
    rmse: float
    rescaled_mae: float
    rescaled_rmse: float
    mae_improved: float
    rmse_improved: float
    r_squared: float
    refused: tuple[str, ...] = ()

    @property
    def accepted(self) -> bool:
        return not self.refused


@dataclass(frozen=True, eq=False)
class Parity(Record):
    """A model against one set of labelled frames.

    ``typed`` is what to type to have the same frames again. ``distribution`` is ``in`` or ``out``
    of what the model was trained on, None if not known. ``failures`` are frames that the model
    could not evaluate, ``unlabelled`` those without a label that can be used, each with why.
    Of very many not all are listed: ``failed`` is how many fail, ``without_labels`` how many have
    none. ``not_assessed`` says of a quantity why it is None.
    """

    name: str
    source: str = ""
    typed: str | None = None
    fingerprint: str = ""
    distribution: str | None = None
    level_of_theory: str | None = None
    frames: int = 0
    runs: int = 0
    energy: EnergyParity | None = None
    forces: ForceParity | None = None
    stress: StressParity | None = None
    ranking: Ranking | None = None
    rescaling: Rescaling | None = None
    failures: tuple[tuple[str, str], ...] = ()
    unlabelled: tuple[tuple[str, str], ...] = ()
    failed: int = 0
    without_labels: int = 0
    not_assessed: dict[str, str] = field(default_factory=dict)
    doubts: tuple[Doubt, ...] = ()
    notes: tuple[str, ...] = ()
    error: str | None = None
