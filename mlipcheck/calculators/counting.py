"""Any calculator, with a count of what it was asked."""

from __future__ import annotations

from typing import Any

from ase import Atoms
from ase.calculators.calculator import BaseCalculator, compare_atoms


class CountingCalculator(BaseCalculator):
    """Any calculator, counting the distinct geometries whose forces are asked for."""

    def __init__(self, base: BaseCalculator) -> None:
        super().__init__()
        self.base = base
        self.force_calls = 0
        self.implemented_properties = list(base.implemented_properties)
        self._last: Atoms | None = None

    def calculate(self, atoms: Atoms, properties: list[str], system_changes: list[str]) -> None:
        self.base.calculate(atoms, properties, system_changes)

    def get_property(
        self, name: str, atoms: Atoms | None = None, allow_calculation: bool = True
    ) -> Any:
        if name == "forces" and (self._last is None or compare_atoms(self._last, atoms)):
            self.force_calls += 1
            self._last = atoms.copy() if atoms is not None else None
        return self.base.get_property(name, atoms, allow_calculation)
