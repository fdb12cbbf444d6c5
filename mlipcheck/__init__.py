"""A check-up for interatomic potentials: whether to trust one on your own system."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

__version__: str

if TYPE_CHECKING:
    from .api import run_checks as run_checks
    from .calculators.backends import list_backends as list_backends
    from .calculators.evaluate import evaluate as evaluate
    from .calculators.guarded import GuardedCalculator as GuardedCalculator
    from .calculators.registry import describe as describe
    from .calculators.registry import get_calculator as get_calculator
    from .calculators.rescaled import RescaledCalculator as RescaledCalculator
    from .calculators.toy.rbf_ridge import RBFRidge as RBFRidge
    from .calculators.toy.toy import Morse as Morse
    from .calculators.toy.toy import MorseCalculator as MorseCalculator
    from .calculators.toy.toy import RBFRidgeCalculator as RBFRidgeCalculator
    from .calculators.toy.toy import fit_toy as fit_toy
    from .checks import list_checks as list_checks
    from .checks.dimers.scan import scan_dimers as scan_dimers
    from .checks.interface.suite import check_calculator as check_calculator
    from .checks.interface.suite import iter_checks as iter_checks
    from .checks.learning.toy import toy_learning_curve as toy_learning_curve
    from .checks.parity.compare import parity as parity
    from .checks.relaxation.relax import relax_against_reference as relax_against_reference
    from .guarding.build import build_guard as build_guard
    from .guarding.build import make_guard as make_guard
    from .references.inputs import load_frame_sets as load_frame_sets
    from .references.inputs import load_references as load_references
    from .report.report import Report as Report

# Module -> the public names that it defines, imported on first use: `import mlipcheck` alone loads
# neither ase nor torch nor matplotlib.
_MODULES = {
    ".api": ["run_checks"],
    ".calculators.backends": ["list_backends"],
    ".calculators.evaluate": ["evaluate"],
    ".calculators.guarded": ["GuardedCalculator"],
    ".calculators.registry": ["describe", "get_calculator"],
    ".calculators.rescaled": ["RescaledCalculator"],
    ".calculators.toy.rbf_ridge": ["RBFRidge"],
    ".calculators.toy.toy": ["Morse", "MorseCalculator", "RBFRidgeCalculator", "fit_toy"],
    ".checks": ["list_checks"],
    ".checks.dimers.scan": ["scan_dimers"],
    ".checks.interface.suite": ["check_calculator", "iter_checks"],
    ".checks.learning.toy": ["toy_learning_curve"],
    ".checks.parity.compare": ["parity"],
    ".checks.relaxation.relax": ["relax_against_reference"],
    ".guarding.build": ["build_guard", "make_guard"],
    ".references.inputs": ["load_frame_sets", "load_references"],
    ".report.report": ["Report"],
}
_PUBLIC = {name: module for module, names in _MODULES.items() for name in names}

__all__ = ["__version__", *sorted(_PUBLIC)]


if not TYPE_CHECKING:  # type checkers would take any name for one of ours

    def __getattr__(name: str) -> object:
        if name == "__version__":
            from importlib.metadata import version

            return version("mlipcheck")
        if name not in _PUBLIC:
            raise AttributeError(f"module 'mlipcheck' has no attribute {name!r}")
        return getattr(importlib.import_module(_PUBLIC[name], __name__), name)


def __dir__() -> list[str]:
    return __all__
