"""The toy potentials: a Morse curve learned badly, learned well, and known exactly."""

from __future__ import annotations

import numpy as np
from ase.calculators.calculator import Calculator

from .morse import Morse, MorseCalculator
from .rbf_ridge import RBFRidge
from .rbf_ridge_calculator import RBFRidgeCalculator

SEED = 20260611


def fit_toy() -> RBFRidge:
    """`toy`: sampled only near equilibrium, and therefore soft by construction."""
    morse = Morse()  # D_e = 1 eV, a = 1.7 1/Å, r0 = 1.1 Å
    model = RBFRidge(np.linspace(0.7, 2.6, 24), 0.12)  # features: 24 Gaussians and an offset
    r = np.random.default_rng(SEED).uniform(0.95 * morse.r0, 1.30 * morse.r0, 60)
    # the ridge acts as on V, zero at r0, and the energy is V - D_e, zero at infinity
    anchor = np.zeros_like(model.weights)
    anchor[-1] = -morse.well_depth
    return model.fit(r, morse.energy(r) - morse.well_depth, ridge=1e-6, prior=anchor)


def wide_model() -> RBFRidge:
    """`toy:wide`: energies and forces from 0.3 to 8 Å, no constant; not soft."""
    morse = Morse()
    model = RBFRidge(np.arange(0.05, 8.25, 0.0826), 0.12, offset=False)
    r = np.linspace(0.3, 8.0, 800)
    return model.fit(r, morse.energy(r) - morse.well_depth, morse.force(r), ridge=1e-6)


CHECKPOINTS = {
    "soft": lambda: RBFRidgeCalculator(fit_toy()),
    "wide": lambda: RBFRidgeCalculator(wide_model()),
    "exact": MorseCalculator,
}


def load(checkpoint: str, *, device: str, dtype: str) -> Calculator:
    """Return the calculator of one of `CHECKPOINTS`; it always runs on the CPU in float64."""
    calculator: Calculator = CHECKPOINTS[checkpoint]()
    return calculator
