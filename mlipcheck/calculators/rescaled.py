"""A calculator around any other, its forces and energies scaled about the model's own minima."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from numbers import Real
from os import PathLike
from typing import Any

from ase import Atoms
from ase.calculators.calculator import BaseCalculator, InputError, all_changes
from ase.formula import Formula

from ..storage import dumps, write_atomically
from .base import StrictCalculator
from .neighbours import check_geometry
from .records import CalculatorInfo, Evaluation
from .registry import check_safe, describe

SCHEMA = "mlipcheck-rescaled/1"

# No `energies`: E0 is known of a composition and not of its atoms, so that scaled ones would not
# sum up to the energy. Nor a dipole or charges, of which a factor of the forces says nothing.
SCALED = ("energy", "free_energy", "forces", "stress")
PASSED_ON = ("magmom", "magmoms")
# Facts about the model that are facts about the rescaled one too, where the base has them.
FACTS = ("cutoff", "bytes_per_edge", "device", "dtype", "elements")


class RescaledCalculator(StrictCalculator):
    """Any calculator with forces k F, stress k σ and energy E0 + k (E - E0).

    A factor corrects what goes with the slope of the energy: forces, curvatures, barriers and other
    differences within one composition, phonon frequencies (by the root of k). It moves no minimum:
    bond lengths and volumes stay, and so do energies between relaxed structures of different
    compositions, those of reactions and cohesion among them.

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
        For what is no factor or no energy; when it is asked, for a composition without an E0.

    Notes
    -----
    Softening is a systematic error, and therefore one that a factor can take off: Deng et al., npj
    Comput. Mater. 11, 9 (2025), doi 10.1038/s41524-024-01500-6.
    """

    default_parameters = {"factor": 1.0, "reference_energy": {}}

    def __init__(
        self, base: BaseCalculator, factor: float, reference_energy: Mapping[str, float]
    ) -> None:
        if not isinstance(base, BaseCalculator):
            raise InputError(f"base is a {type(base).__name__}; give an ASE calculator")
        if isinstance(base, RescaledCalculator):
            raise InputError(
                f"base is rescaled by {base.parameters['factor']} already; rescale its own base, "
                "by the product"
            )
        self.base = base
        known = describe(base)
        self.mlipcheck_info = CalculatorInfo(
            spec=f"{known.spec}, rescaled",
            level_of_theory=known.level_of_theory,
            energy_convention=known.energy_convention,
            cutoff=known.cutoff,
            bond_scale=known.bond_scale,
        )
        self.implemented_properties = [
            name for name in (*SCALED, *PASSED_ON) if name in base.implemented_properties
        ]
        super().__init__(factor=factor, reference_energy=reference_energy)

    def __getattr__(self, name: str) -> Any:
        # called for what is not found here: it is there where the base has it, and only there
        if name in FACTS:
            return getattr(self.base, name)
        if name == "evaluate_batch" and hasattr(self.base, name):
            return self._evaluate_batch
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def set(self, **kwargs: Any) -> dict[str, Any]:
        if "factor" in kwargs:
            factor = _finite(kwargs["factor"])
            if factor is None or factor <= 0:
                raise InputError(f"factor is {kwargs['factor']!r}; give a finite number above zero")
            kwargs["factor"] = factor
        if "reference_energy" in kwargs:
            kwargs["reference_energy"] = _by_composition(kwargs["reference_energy"])
        return super().set(**kwargs)

    def check_state(self, atoms: Atoms, tol: float = 1e-15) -> list[str]:
        """Find changes since the last calculation, those of the base included."""
        changes: list[str] = super().check_state(atoms, tol)
        # a base that has forgotten, since a parameter of its own was set, answers anew
        return changes or self.base.check_state(atoms, tol)

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: list[str] | None = None,
        system_changes: list[str] = all_changes,
    ) -> None:
        super().calculate(atoms, properties, system_changes)
        check_geometry(self.atoms)
        zero = self.reference_of(self.atoms)
        for name in properties or ["energy"]:
            self.results[name] = self._scaled(name, self.base.get_property(name, self.atoms), zero)

    def reference_of(self, atoms: Atoms) -> float:
        """Return E0 in eV of as many atoms of that composition.

        Raises
        ------
        InputError
            For a composition that has none.
        """
        known = self.parameters["reference_energy"]
        name = _composition(Formula.from_dict(Counter(atoms.symbols)))
        if name not in known:
            raise InputError(
                f"no reference energy of {name}, only of {_some(known)}; add its energy per "
                "atom, relaxed with the base, to reference_energy"
            )
        return float(len(atoms) * known[name])

    def _scaled(self, name: str, value: Any, zero: float) -> Any:
        if value is None or name in PASSED_ON:
            return value
        factor = self.parameters["factor"]
        if name in ("energy", "free_energy"):
            return zero + factor * (value - zero)
        return factor * value

    def _evaluate_batch(
        self, images: Sequence[Atoms], properties: Sequence[str]
    ) -> list[Evaluation]:
        """Evaluate ``images`` in one batch of the base."""
        for atoms in images:
            check_geometry(atoms)
        zeros = [self.reference_of(atoms) for atoms in images]
        found: list[Evaluation] = self.base.evaluate_batch(images, properties)
        return [
            replace(
                one,
                **{n: self._scaled(n, getattr(one, n), e) for n in ("energy", "forces", "stress")},
                energies=None,
            )
            for one, e in zip(found, zeros, strict=True)
        ]

    def save(self, path: str | PathLike[str], fit: Mapping[str, Any] | None = None) -> None:
        """Write a file that ``get_calculator("rescaled:FILE")`` reads.

        ``fit`` says where the factor comes from, in anything that JSON can hold.

        Raises
        ------
        InputError
            Where the base is none that a file may name; see `check_safe`.
        """
        info = describe(self.base)
        check_safe(info.spec, info.options)
        content = {
            "schema": SCHEMA,
            "base": info.spec,
            "options": info.options,
            "dtype": info.dtype,
            "checkpoint_sha256": info.checkpoint_sha256,
            **self.parameters,
            "fit": dict(fit or {}),
        }
        write_atomically(path, dumps(content))


def _some(names: Iterable[str], most: int = 5) -> str:
    names = list(names)
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


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
            raise InputError(f"{text!r} in reference_energy is no formula; give one like MgO")
        energy = _finite(value)
        if energy is None:
            raise InputError(f"reference_energy of {text} is {value!r}; give eV per atom")
        if name in found:
            raise InputError(f"{text} in reference_energy is {name} again; give one energy of it")
        found[name] = energy
    return found


def _composition(formula: Formula) -> str:
    return f"{formula.reduce()[0]:metal}"
