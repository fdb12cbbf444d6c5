"""ASE's own calculators by name, with their options checked."""

from __future__ import annotations

import inspect
from typing import Any

from ase.calculators.calculator import BaseCalculator, InputError, get_calculator_class, names

from .base import refuse_unknown


def load(checkpoint: str, *, device: str, dtype: str, **options: Any) -> BaseCalculator:
    """Return ``ase:NAME``, as ``ase:emt`` or ``ase:lj`` with ``sigma=..., epsilon=...``."""
    if checkpoint not in names:
        raise InputError(f"ASE has no calculator {checkpoint!r}; it has: {', '.join(names)}")
    cls = get_calculator_class(checkpoint)
    signature = inspect.signature(cls.__init__).parameters
    own = {n for n, p in signature.items() if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}
    refuse_unknown(options, (own | set(cls.default_parameters)) - {"self"}, f"ase:{checkpoint}")
    calculator = cls(**options)
    # LennardJones and MorsePotential would return the old energy after set().
    calculator.discard_results_on_any_change = True
    return calculator
