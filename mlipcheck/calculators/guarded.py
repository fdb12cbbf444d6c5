"""A short-range repulsion around any calculator, so that its holes cannot be entered."""

from __future__ import annotations

import hashlib
import itertools
import shlex
from dataclasses import dataclass, replace
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator, CalculatorSetupError, InputError
from ase.data import atomic_numbers
from ase.stress import full_3x3_to_voigt_6_stress
from scipy.interpolate import PchipInterpolator

from ..storage import dumps
from .around import AroundCalculator, SavedBase, opened, short
from .evaluate import LOOK_AROUND
from .neighbours import half_neighbour_list
from .registry import describe

INNERMOST = 0.1  # Å; further in the repulsive force stays as it is there


@dataclass(frozen=True, eq=False)
class PairRepulsion:
    """The force that keeps two elements apart inside of a radius.

    Attributes
    ----------
    pair : tuple of two str
        In alphabetical order.
    radius : float
        Å; outside there is none.
    forces : ndarray of shape (n,)
        eV/Å, repulsive, at even distances from 0.1 Å to the radius.
    """

    pair: tuple[str, str]
    radius: float
    forces: np.ndarray

    def __post_init__(self) -> None:
        f = self.forces
        if not (np.isfinite(self.radius) and self.radius > INNERMOST and f.ndim == 1):
            raise ValueError(f"radius of {'-'.join(self.pair)} is {self.radius}")
        if len(f) < 3 or not (np.isfinite(f) & (f >= 0)).all() or f[-1] != 0:
            raise ValueError(f"forces of {'-'.join(self.pair)} are no repulsion that ends")

    @cached_property
    def _force(self) -> Any:
        """The force against the depth inside the radius, once differentiable everywhere."""
        step = (self.radius - INNERMOST) / (len(self.forces) - 1)
        depth = step * np.arange(-1, len(self.forces))
        return PchipInterpolator(depth, np.append(0.0, self.forces[::-1]))

    @cached_property
    def _energy(self) -> Any:
        return self._force.antiderivative()

    def evaluate(self, r: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return energies (eV) and forces (eV/Å) at distances (Å): zero at the radius, and C2."""
        depth = self.radius - np.asarray(r, dtype=float)
        inside = np.clip(depth, 0, self.radius - INNERMOST)
        force = self._force(inside)
        return self._energy(inside) + force * np.maximum(depth - inside, 0), force


@dataclass(frozen=True, eq=False)
class Guard(SavedBase):
    """A repulsion for every pair of some elements, and the calculator that it was built for.

    ``built_from`` are the words of the command line, ``checksum`` the sha256 of all the rest.
    """

    schema = "mlipcheck-guard/1"
    kind = "guard"
    pairs: tuple[PairRepulsion, ...]
    built_from: tuple[str, ...] = ()
    checksum: str = ""

    def __post_init__(self) -> None:
        known = {p.pair for p in self.pairs}
        for pair in itertools.combinations_with_replacement(self.elements, 2):
            if pair not in known:
                raise ValueError(
                    f"the guard has no pair {'-'.join(pair)}; build it of its elements"
                )

    @property
    def elements(self) -> tuple[str, ...]:
        return tuple(sorted({x for p in self.pairs for x in p.pair}))

    @property
    def content_sha256(self) -> str:
        return hashlib.sha256(dumps(replace(self, checksum="")).encode()).hexdigest()

    def command(self, *more: str) -> str:
        """Return what to type to build it again, with more elements."""
        given = [word for key, value in self.options.items() for word in ("-o", f"{key}={value}")]
        words = ["-b", self.base, *given, *(self.built_from or self.elements), *more]
        return shlex.join(["mlipcheck", "guard", *words, "--save", "guard.json"])

    def save(self, path: str | PathLike[str]) -> None:
        """Write a file that ``get_calculator("guarded:FILE")`` reads.

        `InputError` for a base that a file may not name; see `check_safe`.
        """
        replace(self, checksum=self.content_sha256).write(path)


class GuardedCalculator(AroundCalculator):
    """Any calculator with a pair repulsion inside of its holes, and exactly itself elsewhere.

    Where no pair is closer than its radius, energies, forces and stress are the base's, bit for
    bit. Inside, each pair adds its energy, half of it to each atom.

    Parameters
    ----------
    base : ase.calculators.calculator.BaseCalculator
        The calculator that the guard was built for.
    guard : Guard
        What `mlipcheck.build_guard` returns.

    Raises
    ------
    InputError
        For a guard of another calculator; when it is asked, for an element that it was not
        built for.
    """

    def __init__(self, base: BaseCalculator, guard: Guard) -> None:
        if isinstance(base, GuardedCalculator):
            raise InputError("base is guarded already; build one guard for its own base")
        super().__init__(
            base,
            "guarded",
            ("energy", "free_energy", "energies", "forces", "stress", "magmom", "magmoms"),
        )
        own = describe(base)
        sha = own.checkpoint_sha256
        same = sha == guard.checkpoint_sha256 and own.options == guard.options
        if not (same and (sha or own.spec == guard.base)):
            raise InputError(
                f"the guard is of {guard.base} ({short(guard.checkpoint_sha256)}), the base is "
                f"{own.spec} ({short(sha)}); build one for it"
            )
        self.guard = guard
        self.elements = frozenset(atomic_numbers[x] for x in guard.elements)
        self._by_numbers = {
            tuple(sorted(atomic_numbers[x] for x in p.pair)): p for p in guard.pairs
        }
        self._reach = max(p.radius for p in guard.pairs)

    @property
    def guard_radii(self) -> dict[tuple[str, str], float]:
        """Å inside of which each pair of elements is changed."""
        return {p.pair: p.radius for p in self.guard.pairs}

    def _prepare(self, atoms: Atoms) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
        """Return energies (n,), forces (n, 3) and stress (6,) of the pairs inside, None if none."""
        if unknown := set(atoms.numbers.tolist()) - self.elements:
            symbols = sorted({x for x in atoms.symbols if atomic_numbers[x] in unknown})
            raise InputError(
                f"the guard was not built for {', '.join(symbols)}; type: "
                f"{self.guard.command(*symbols)}"
            )
        i, j, r, d = half_neighbour_list(atoms, max(self._reach, LOOK_AROUND))
        near = r < self._reach
        i, j, r, d = i[near], j[near], r[near], d[near]
        energy, force = np.zeros(len(r)), np.zeros(len(r))
        pairs = np.sort(np.column_stack([atoms.numbers[i], atoms.numbers[j]]), axis=1)
        for pair in np.unique(pairs, axis=0):
            of_pair = (pairs == pair).all(axis=1)
            energy[of_pair], force[of_pair] = self._by_numbers[tuple(pair.tolist())].evaluate(
                r[of_pair]
            )
        if not force.any():
            return None
        push = (force / np.maximum(r, 1e-9))[:, None] * d
        energies, forces = np.zeros(len(atoms)), np.zeros((len(atoms), 3))
        for atom, sign in ((i, -1), (j, 1)):
            np.add.at(energies, atom, energy / 2)
            np.add.at(forces, atom, sign * push)
        volume = atoms.get_volume() if atoms.cell.rank == 3 else np.inf
        return energies, forces, full_3x3_to_voigt_6_stress(-(push.T @ d) / volume)

    def _changed(self, name: str, value: Any, about: Any) -> Any:
        if about is None or value is None or name.startswith("magmom"):
            return value
        energies, forces, stress = about
        added = {"energies": energies, "forces": forces, "stress": stress}
        changed = value + added.get(name, float(energies.sum()))
        # arrays stay in the base's own floating-point type
        return changed.astype(value.dtype) if isinstance(value, np.ndarray) else changed


def load(checkpoint: str, *, device: str, dtype: str | None) -> GuardedCalculator:
    """Return the calculator of a file that `Guard.save` wrote.

    ``device`` and ``dtype`` are its base's; without a ``dtype`` it is that of the file. Before
    anything is loaded, the file must be as it was written, the base one that a file may name, and
    its checkpoint that of the guard: else `CalculatorSetupError`.
    """
    path = Path(checkpoint)
    with opened(path, Guard) as guard:
        if guard.content_sha256 != guard.checksum:
            raise CalculatorSetupError(f"it was edited; build it anew: {guard.command()}")
        calculator = GuardedCalculator(guard.load_base(device, dtype), guard)
    calculator.checkpoint_path = path
    return calculator
