"""A calculator around any other, its forces and energies scaled about the model's own minima."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Real
from os import PathLike
from pathlib import Path
from typing import Any

from ase import Atoms
from ase.calculators.calculator import BaseCalculator, InputError
from ase.formula import Formula

from .around import AroundCalculator, SavedBase, opened

MAX_LISTED = 5  # compositions in a message

# No `energies`: E0 is known of a composition and not of its atoms. Nor a dipole or charges, of
# which a factor of the forces says nothing.
PASSED_ON = ("magmom", "magmoms")
PROPERTIES = ("energy", "free_energy", "forces", "stress", *PASSED_ON)


@dataclass(frozen=True)
class RescaledFile(SavedBase):
    """What a file of a rescaled calculator holds; ``fit`` is for people."""

    schema = "mlipcheck-rescaled/1"
    kind = "factor"
    factor: float
    reference_energy: dict[str, Any]
    fit: dict[str, Any] = field(default_factory=dict)


class RescaledCalculator(AroundCalculator):
    """Any calculator with forces k F, stress k σ and energy E0 + k (E - E0).

    Softening is a systematic error, and one that a factor can take off (Deng et al., npj Comput.
    Mater. 11, 9 (2025), doi 10.1038/s41524-024-01500-6): that of forces, curvatures, barriers and
    other differences within one composition, and of phonon frequencies (by the root of k). It moves
    no minimum: bond lengths and volumes stay, and so do energies between relaxed structures of
    different compositions, those of reactions and cohesion among them.

    Parameters
    ----------
    base : ase.calculators.calculator.BaseCalculator
        The calculator to rescale.
    factor : float
        k, without unit. Against reference forces F the base's forces f have the least squares
        k = Σ f·F / Σ f².
    reference_energy : mapping of str to float
        E0 in eV an atom of each formula, in any order and multiple of its elements: the base's
        own energy of the relaxed structure, as ``{"MgO": -5.95, "Mg": -1.59}``. An isolated atom
        and a crystal of its element are one composition, and have one E0.

    Raises
    ------
    InputError
        For a factor or energy that is not one; when it is asked, for a composition without an E0.
    """

    default_parameters = {"factor": 1.0, "reference_energy": {}}

    def __init__(
        self, base: BaseCalculator, factor: float, reference_energy: Mapping[str, float]
    ) -> None:
        if isinstance(base, RescaledCalculator):
            raise InputError(
                f"base is rescaled by {base.parameters['factor']} already; rescale its own base, "
                "by the product"
            )
        super().__init__(
            base, "rescaled", PROPERTIES, factor=factor, reference_energy=reference_energy
        )

    def set(self, **kwargs: Any) -> dict[str, Any]:
        if "factor" in kwargs:
            factor = _finite(kwargs["factor"])
            if factor is None or factor <= 0:
                raise InputError(f"factor is {kwargs['factor']!r}; give a finite number above zero")
            kwargs["factor"] = factor
        if "reference_energy" in kwargs:
            kwargs["reference_energy"] = _by_composition(kwargs["reference_energy"])
        return super().set(**kwargs)

    def reference_of(self, atoms: Atoms) -> float:
        """Return E0 in eV of as many atoms; `InputError` for a composition that has none."""
        known = self.parameters["reference_energy"]
        name = _composition(Formula.from_dict(Counter(atoms.symbols)))
        if name not in known:
            more = f" and {len(known) - MAX_LISTED} more" if len(known) > MAX_LISTED else ""
            raise InputError(
                f"no reference energy of {name}, only of {', '.join(list(known)[:MAX_LISTED])}"
                f"{more}; add its energy per atom, relaxed with the base, to reference_energy"
            )
        return float(len(atoms) * known[name])

    def _prepare(self, atoms: Atoms) -> float:
        return self.reference_of(atoms)

    def _changed(self, name: str, value: Any, zero: float) -> Any:
        if value is None or name in PASSED_ON:
            return value
        factor = self.parameters["factor"]
        return zero + factor * (value - zero) if "energy" in name else factor * value

    def save(self, path: str | PathLike[str], fit: Mapping[str, Any] | None = None) -> None:
        """Write a file that ``get_calculator("rescaled:FILE")`` reads.

        ``fit`` says where the factor comes from, in anything that JSON can hold. `InputError` for
        a base that a file may not name; see `check_safe`.
        """
        RescaledFile.of(self.base, fit=dict(fit or {}), **self.parameters).write(path)


def load(checkpoint: str, *, device: str, dtype: str | None) -> RescaledCalculator:
    """Return the calculator of a file that `RescaledCalculator.save` wrote.

    ``device`` and ``dtype`` are its base's; without a ``dtype`` it is that of the file. Before
    anything is loaded, the base must be one that a file may name, and its checkpoint that of the
    factor: else `CalculatorSetupError`.
    """
    path = Path(checkpoint)
    with opened(path, RescaledFile) as saved:
        base = saved.load_base(device, dtype)
        calculator = RescaledCalculator(base, saved.factor, saved.reference_energy)
    calculator.checkpoint_path = path
    return calculator


def _finite(value: Any) -> float | None:
    """Return a finite number as Python's own, which leaves forces in float32 what they are."""
    return float(value) if isinstance(value, Real) and math.isfinite(value) else None


def _by_composition(energies: Any) -> dict[str, float]:
    """Return energies (eV an atom) by the formula that every order and multiple of it has."""
    if not isinstance(energies, Mapping) or not energies:
        raise InputError(f"reference_energy is {energies!r}; give eV per atom, as {{'MgO': -5.95}}")
    found: dict[str, float] = {}
    for text, value in energies.items():
        try:
            name = _composition(Formula(str(text), strict=True))
        except ValueError:
            name = ""
        if not name:
            raise InputError(f"{text!r} in reference_energy is not a formula; give one like MgO")
        energy = _finite(value)
        if energy is None:
            raise InputError(f"reference_energy of {text} is {value!r}; give eV per atom")
        if name in found:
            raise InputError(f"{text} in reference_energy is {name} again; give one energy of it")
        found[name] = energy
    return found


def _composition(formula: Formula) -> str:
    return f"{formula.reduce()[0]:metal}"
