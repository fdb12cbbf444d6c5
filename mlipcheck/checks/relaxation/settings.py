"""How structures are relaxed."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ase.calculators.calculator import InputError

from ...calculators.base import check_seed

CHOICES: dict[str, tuple[str | None, ...]] = {
    "optimizer": ("BFGS", "LBFGS", "FIRE", "BFGSLineSearch"),
    "start": ("relaxed", "first", "rattled"),
    "cell": ("free", "fixed", None),
}


@dataclass(frozen=True)
class RelaxSettings:
    """How to relax; see `relax_against_reference`. Raises InputError for what cannot be."""

    fmax: float = 0.02
    steps: int = 500
    optimizer: str = "BFGS"
    cell: str | None = None
    start: str = "relaxed"
    seed: int = 0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.fmax) and self.fmax > 0):
            raise InputError(f"fmax is {self.fmax}; give a positive force in eV/Å")
        if self.steps < 1:
            raise InputError(f"steps is {self.steps}; give at least 1")
        check_seed(self.seed)
        for name, known in CHOICES.items():
            if (value := getattr(self, name)) not in known:
                names = ", ".join(k for k in known if k)
                raise InputError(f"{name} is {value!r}; give one of {names}")
