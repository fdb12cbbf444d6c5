"""Records of a model held against labelled frames."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ...analysis.estimate import Estimate
from ...analysis.lengths import check_lengths
from ...analysis.slope import Slope


@dataclass(frozen=True)
class ForceGroup:
    """The forces on the atoms of one element, or of one range of |F|.

    ``mae`` is the mean of ||f - F|| over atoms in eV/Å; ``slope`` is None where the reference's
    rms force is below 1e-3 eV/Å.
    """

    name: str
    atoms: int
    mae: float
    slope: Slope | None


@dataclass(frozen=True, eq=False)
class ForceParity:
    """A model's forces f against the reference's F.

    Attributes
    ----------
    frames, atoms, units : int
        How many were compared; units are the independent ones, over which intervals are made.
    mae : Estimate
        Mean of ||f - F|| over atoms, eV/Å.
    component_mae, rmse, reference_rms : float
        Over components, eV/Å; rms of f - F, and of F.
    slope : Slope or None
        Pooled over all components; None where the reference's rms force is below 1e-3 eV/Å.
    s_lo, s_hi, r_squared, magnitude : Estimate or None
        Those of ``slope``, with their intervals.
    with_intercept, intercept : Estimate or None
        Least squares f = intercept + slope F; the intercept in eV/Å.
    median : Estimate or None
        Median of s_lo over the frames whose rms force is above ``median_above`` eV/Å, of which
        there are ``median_frames``; a unit counts once, by its own median.
    largest_share, largest_frame
        What part of ΣF² the frame with most of it holds, and its name.
    by_element, by_magnitude : tuple of ForceGroup
        Ranges of |F| are in eV/Å.
    reference_sample, model_sample : ndarray of shape (n,)
        Some components for a figure, eV/Å; all where there are few.
    """

    frames: int
    atoms: int
    units: int
    mae: Estimate
    component_mae: float
    rmse: float
    reference_rms: float
    slope: Slope | None
    s_lo: Estimate | None
    s_hi: Estimate | None
    r_squared: Estimate | None
    magnitude: Estimate | None
    with_intercept: Estimate | None
    intercept: Estimate | None
    median: Estimate | None
    median_frames: int
    median_above: float
    largest_share: float
    largest_frame: str
    by_element: tuple[ForceGroup, ...]
    by_magnitude: tuple[ForceGroup, ...]
    reference_sample: np.ndarray
    model_sample: np.ndarray

    def __post_init__(self) -> None:
        check_lengths(self, "reference_sample", "model_sample")

    @property
    def called(self) -> str | None:
        """The word for all forces, with a doubt where an interval has it on both sides of 1."""
        word = self.slope.remark if self.slope is not None else None
        if word == "soft" and self.s_hi and self.s_hi.high is not None and self.s_hi.high >= 1:
            return "soft, not beyond doubt"
        if word == "stiff" and self.s_lo and self.s_lo.low is not None and self.s_lo.low <= 1:
            return "stiff, not beyond doubt"
        return word


@dataclass(frozen=True, eq=False)
class EnergyParity:
    """A model's energies against the reference's, per atom, in one convention.

    Attributes
    ----------
    convention : str
        ``raw`` (as the code printed them), ``mp2020`` (corrected as the Materials Project does)
        or ``fit-offsets`` (a constant an element fitted to the other frames).
    why : str
        Who chose it.
    frames : int
        How many could be compared in it.
    mae, rmse, bias : Estimate, float, float
        eV/atom, of model minus reference.
    alternatives : dict of str to tuple of (float, int)
        The same MAE in every convention that could be computed, with its number of frames.
    offsets : dict of str to float
        eV an atom of each element, model minus reference, by least squares over all frames.
    suspicion : str or None
        What is wrong with the convention, where another one explains most of the error.
    names, errors : tuple of str, ndarray of shape (n,)
        The frames, and the error of each in eV/atom.
    left_out : tuple of (str, str)
        Frames with a label that could not be compared, and why.
    of_checkpoint : bool
        Whether the convention is what the checkpoint predicts.
    """

    convention: str
    why: str
    frames: int
    mae: Estimate
    rmse: float
    bias: float
    alternatives: dict[str, tuple[float, int]]
    offsets: dict[str, float]
    suspicion: str | None
    names: tuple[str, ...]
    errors: np.ndarray
    left_out: tuple[tuple[str, str], ...] = ()
    of_checkpoint: bool = False

    def __post_init__(self) -> None:
        check_lengths(self, "names", "errors")


@dataclass(frozen=True)
class StressParity:
    """A model's stress against the reference's, in eV/Å^3.

    ``mae`` is over components; ``bias`` is of the mean normal stress, model minus reference:
    negative is more pressure.
    """

    frames: int
    mae: Estimate
    bias: float
    reference_rms: float


@dataclass(frozen=True)
class OrderingBin:
    """Pairs of states whose reference energies differ by ``low`` to ``high`` eV.

    ``observed`` is the fraction that the model orders rightly, ``expected`` the mean of
    Φ(|ΔE_ref| / σ).
    """

    low: float
    high: float | None
    pairs: int
    observed: float
    expected: float


@dataclass(frozen=True)
class Ordering:
    """Whether the model tells which of two states of equal composition is lower.

    Attributes
    ----------
    states, compositions, pairs : int
        Pairs are of states of one composition, from runs with one zero of energy.
    sigma : Estimate
        rms of ΔE_model - ΔE_ref over pairs, in total eV.
    resolved : float or None
        The smallest difference ordered rightly 95 % of the time, 1.645 σ, in eV; None where
        there is a misfit.
    misfit : str or None
        Why Φ does not describe what was observed.
    difference, chance : float or None
        The difference asked about (eV), and Φ(difference / σ).
    observed, observed_pairs
        The fraction ordered rightly among pairs about that far apart, and how many they are.
    bins : tuple of OrderingBin
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
    bins: tuple[OrderingBin, ...] = ()


@dataclass(frozen=True)
class Rescaling:
    """One factor on all forces, fitted on some units and judged on the one left out.

    Attributes
    ----------
    factor : float
        k = Σ f·F / Σ f² over all units: what makes the error of k f least.
    units : int
        How many there are to leave out.
    mae, rmse, rescaled_mae, rescaled_rmse : float
        Held-out component errors without and with the factor of the others, eV/Å.
    mae_improved, rmse_improved : float
        The fraction of folds in which the held-out error falls.
    r_squared : float
        Of the fit.
    refused : tuple of str
        Why it is not to be used; empty where it is accepted.
    """

    factor: float
    units: int
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


@dataclass(frozen=True)
class Suspicion:
    """What is odd about the labels.

    ``about`` is energies, forces, stresses or level of theory; ``kind`` is unit, sign, placeholders
    or functional; ``turned`` says that they have the other sign, whatever their unit.
    """

    about: str
    kind: str
    text: str
    turned: bool = False


@dataclass(frozen=True, eq=False)
class Parity:
    """A model against one set of labelled frames.

    ``typed`` is what to type to have the same frames again, None where they have no name.
    ``distribution`` is ``in`` or ``out`` of what the model was trained on, None where nobody says.
    ``failures`` are frames that the model could not evaluate, ``unlabelled`` those without a
    label that can be used, each with why. ``not_assessed`` says of a quantity why it is None.
    ``suspicions`` are about the labels: units, signs, levels of theory.
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
    ordering: Ordering | None = None
    rescaling: Rescaling | None = None
    failures: tuple[tuple[str, str], ...] = ()
    unlabelled: tuple[tuple[str, str], ...] = ()
    not_assessed: dict[str, str] = field(default_factory=dict)
    suspicions: tuple[Suspicion, ...] = ()
    notes: tuple[str, ...] = ()
    error: str | None = None

    def doubted(self, label: str) -> bool:
        """Tell whether the unit or sign of a label is in doubt."""
        return any(s.about == label for s in self.suspicions)
