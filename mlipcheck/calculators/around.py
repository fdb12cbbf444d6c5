"""Calculators around another: its facts, its batches, a file that names it; a count of calls."""

from __future__ import annotations

import contextlib
import json
import os
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

from ase import Atoms
from ase.calculators.calculator import BaseCalculator, CalculatorSetupError, InputError

from ..storage import dumps, from_plain, to_plain, write_atomically
from .base import CalculatorInfo, Evaluation, StrictCalculator, read_literal
from .neighbours import check_geometry
from .registry import check_safe, checksum, describe, get_calculator

# Attributes of the base that are those of the outer one too, where the base has them.
FACTS = ("cutoff", "bytes_per_edge", "device", "dtype", "elements")


class AroundCalculator(StrictCalculator):
    """Any calculator with its results changed; batched where that one is.

    Parameters
    ----------
    base : ase.calculators.calculator.BaseCalculator
        The calculator inside.
    word : str
        What it is called after its base's name.
    properties : sequence of str
        What it delivers of what the base does, and of ``free_energy``.
    """

    def __init__(
        self, base: BaseCalculator, word: str, properties: Sequence[str], **parameters: Any
    ) -> None:
        if not isinstance(base, BaseCalculator):
            raise InputError(f"base is a {type(base).__name__}; give an ASE calculator")
        self.base = base
        known = describe(base)
        self.mlipcheck_info = CalculatorInfo(
            spec=f"{known.spec}, {word}",
            level_of_theory=known.level_of_theory,
            energy_convention=known.energy_convention,
            cutoff=known.cutoff,
            bond_scale=known.bond_scale,
        )
        declared = {*base.implemented_properties, "free_energy"}
        self.implemented_properties = [x for x in properties if x in declared]
        super().__init__(**parameters)

    def __getattr__(self, name: str) -> Any:
        # called for what is not found here: it is there where the base has it, and only there
        if name in FACTS:
            return getattr(self.base, name)
        if name == "evaluate_batch" and hasattr(self.base, name):
            return self._evaluate_batch
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def check_state(self, atoms: Atoms, tol: float = 1e-15) -> list[str]:
        """Find changes since the last calculation, those of the base included."""
        changes: list[str] = super().check_state(atoms, tol)
        # a base that has forgotten, since a parameter of its own was set, answers anew
        return changes or self.base.check_state(atoms, tol)

    def compute(self, atoms: Atoms, properties: Sequence[str]) -> dict[str, Any]:
        check_geometry(atoms)
        about = self._prepare(atoms)
        results = dict(self.results)
        for name in properties:
            # a base without a free energy smears nothing: its energy is one
            own = name if name in self.base.implemented_properties else "energy"
            results[name] = self._changed(name, self.base.get_property(own, atoms), about)
        return results

    def _evaluate_batch(
        self, images: Sequence[Atoms], properties: Sequence[str]
    ) -> list[Evaluation]:
        """Evaluate ``images`` in one batch of the base."""
        for atoms in images:
            check_geometry(atoms)
        prepared = [self._prepare(atoms) for atoms in images]
        evaluations = []
        for one, about in zip(self.base.evaluate_batch(images, properties), prepared, strict=True):
            changed = {
                name: self._changed(name, value, about)
                for name, value in vars(one).items()
                if name in self.implemented_properties
            }
            evaluations.append(Evaluation(error=one.error, **changed))
        return evaluations

    @abstractmethod
    def _prepare(self, atoms: Atoms) -> Any:
        """Return what the changes of all properties of a structure need; `InputError` if none."""

    @abstractmethod
    def _changed(self, name: str, value: Any, about: Any) -> Any:
        """Return a property changed."""


class CountingCalculator(BaseCalculator):
    """Any calculator, counting the distinct geometries whose forces are asked for."""

    def __init__(self, base: BaseCalculator) -> None:
        super().__init__()
        self.base = base
        self.force_calls = 0
        self.implemented_properties = list(base.implemented_properties)

    def calculate(self, atoms: Atoms, properties: list[str], system_changes: list[str]) -> None:
        self.base.calculate(atoms, properties, system_changes)

    def get_property(
        self, name: str, atoms: Atoms | None = None, allow_calculation: bool = True
    ) -> Any:
        if name == "forces" and atoms is not None and self.check_state(atoms):
            self.force_calls += 1
            self.atoms = atoms.copy()
        return self.base.get_property(name, atoms, allow_calculation)


@dataclass(frozen=True)
class SavedBase:
    """What a file says of the calculator inside; ``kind`` is what else is in it."""

    schema: ClassVar[str]
    kind: ClassVar[str]
    base: str
    options: dict[str, str]
    dtype: str | None
    checkpoint_sha256: str | None

    @classmethod
    def of(cls, base: BaseCalculator, **more: Any) -> Self:
        """Return the record of a calculator, with ``more`` of its fields."""
        info = describe(base)
        return cls(info.spec, info.options, info.dtype, info.checkpoint_sha256, **more)

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write a file; `InputError` for a base that a file may not name, see `check_safe`."""
        check_safe(self.base, self.options)
        write_atomically(path, dumps({"schema": self.schema} | to_plain(self)))

    def load_base(self, device: str, dtype: str | None) -> BaseCalculator:
        """Return the calculator inside.

        Before anything is loaded, it must be one that a file may name, and its checkpoint that of
        the file: else `CalculatorSetupError`.
        """
        options = {name: read_literal(value) for name, value in self.options.items()}
        file = check_safe(self.base, options)
        found = None if file is None else checksum(file)
        if found != self.checkpoint_sha256:
            raise CalculatorSetupError(
                f"the checkpoint of {self.base} is {short(found)}, the {self.kind} is that of "
                f"{short(self.checkpoint_sha256)}; find that checkpoint, or make the {self.kind} "
                "anew"
            )
        return get_calculator(self.base, device=device, dtype=dtype or self.dtype, **options)


Saved = TypeVar("Saved", bound=SavedBase)


@contextlib.contextmanager
def opened(path: Path, cls: type[Saved]) -> Iterator[Saved]:
    """Give the record of a file; `CalculatorSetupError` from here on names the file."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CalculatorSetupError(f"{path} is not JSON ({error})") from error
    try:
        found = content.get("schema") if isinstance(content, dict) else None
        if found != cls.schema:
            raise CalculatorSetupError(f"schema is {found!r}, expected {cls.schema!r}")
        try:
            saved = from_plain(cls, content)
        except ValueError as error:
            raise CalculatorSetupError(f"{error}; write it anew with save()") from error
        yield saved
    except CalculatorSetupError as error:
        raise type(error)(f"{path}: {error}") from error


def short(checksum: str | None) -> str:
    return "no file" if checksum is None else f"sha256 {checksum[:12]}"
