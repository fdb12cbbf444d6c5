"""A check-up for interatomic potentials: whether to trust one on your own system."""

from __future__ import annotations

import importlib
from typing import Any

# Public name -> module that defines it, imported on first use: `import mlipcheck` alone loads
# neither ase nor torch nor matplotlib.
_PUBLIC = {
    "get_calculator": ".calculators.registry",
    "list_backends": ".calculators.backends",
    "evaluate": ".calculators.evaluate",
    "scan_dimers": ".checks.dimers.scan",
    "relax_against_reference": ".checks.relaxation.relax",
    "parity": ".checks.parity.compare",
    "check_calculator": ".checks.interface.suite",
    "iter_checks": ".checks.interface.suite",
    "check_up": ".checkup.run",
    "judge": ".verdict",
    "write_report": ".report.folder",
    "RBFRidge": ".calculators.toy.rbf_ridge",
    "RBFRidgeCalculator": ".calculators.toy.rbf_ridge_calculator",
    "RescaledCalculator": ".calculators.rescaled",
    "GuardedCalculator": ".calculators.guarded",
    "build_guard": ".guarding.build",
    "make_guard": ".guarding.make",
    "MorseCalculator": ".calculators.toy.morse",
}

__all__ = sorted(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'mlipcheck' has no attribute {name!r}")
    return getattr(importlib.import_module(_PUBLIC[name], __name__), name)


def __dir__() -> list[str]:
    return __all__
