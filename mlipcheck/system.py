"""What checks are given: a system, sorted, and what a user chose."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import InputError
from ase.data import atomic_numbers

from .calculators.base import CalculatorInfo, check_seed
from .references.frame_sets import FrameSet
from .references.images import ReadOptions
from .references.label_keys import LABELS
from .references.paths import ReferencePath
from .references.phonons import PhononReference
from .references.structures import RelaxedReference

SHORTEST = 50.0  # fs that molecular dynamics can be judged by


@dataclass(frozen=True, eq=False)
class System:
    """What is looked at, and with which model.

    Attributes
    ----------
    calculator : CalculatorInfo
    elements : tuple of str
        Elements and pairs to scan: those asked for, and the pairs of the user's structures.
    named : tuple of str
        The elements and pairs that the user typed.
    references : tuple of RelaxedReference
    frames : tuple of FrameSet
    phonons : tuple of PhononReference
    structures : tuple of (str, Atoms)
        All that is the user's own.
    paths : tuple of ReferencePath
    not_relaxed, unlabelled, left_out : tuple of (str, str)
        What was given but cannot serve as a reference of a relaxation, has no labels, or does not
        count (copies, frames that are no states), and why.
    found : str
        How much was found in files, in words.
    demonstration : bool
        Whether nobody named anything.
    """

    calculator: CalculatorInfo
    elements: tuple[str, ...] = ()
    named: tuple[str, ...] = ()
    references: tuple[RelaxedReference, ...] = ()
    frames: tuple[FrameSet, ...] = ()
    phonons: tuple[PhononReference, ...] = ()
    structures: tuple[tuple[str, Atoms], ...] = ()
    paths: tuple[ReferencePath, ...] = ()
    not_relaxed: tuple[tuple[str, str], ...] = ()
    unlabelled: tuple[tuple[str, str], ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()
    found: str = ""
    demonstration: bool = False


@dataclass(frozen=True)
class Settings:
    """What a user can choose; each check looks at what is its own.

    ``only`` names the checks to run, all by default. ``reference`` is of dimer curves, and "none"
    of equations of state too; ``fmax`` (eV/Å), ``steps``, ``optimizer``, ``cell`` and ``start`` are
    of relaxations, and ``seed`` of whatever is drawn. ``energies`` is the convention of labels,
    ``energy_resolution`` (eV) the energy difference that matters, ``sample`` how many frames of
    each set are drawn, ``independent`` whether frames of one file are; ``rescale`` asks for one
    factor on all forces. ``learn`` asks for a learning curve with its ``sizes``, ``repeats``, the
    ``target`` error (eV/Å, eV for the toy), and the folder ``fits`` that keeps finished fits and
    trajectories. ``temperature`` (K) and ``time`` (fs) are of molecular dynamics. ``label_keys``
    and ``species`` are how files are read, as `ReadOptions` has them; ``paths`` are files and
    folders whose frames are paths.

    Raises
    ------
    InputError
        For what no check can do.
    """

    only: tuple[str, ...] = ()
    quick: bool = False
    reference: tuple[Any, ...] = ("auto",)
    fmax: float = 0.02
    steps: int = 500
    optimizer: str = "BFGS"
    cell: str | None = None
    start: str = "relaxed"
    seed: int = 0
    energies: str | None = None
    energy_resolution: float | None = None
    sample: int | None = None
    independent: bool = False
    rescale: bool = False
    learn: bool = False
    sizes: tuple[int, ...] | None = None
    repeats: int = 3
    target: float | None = None
    fits: Path | None = field(default=None)
    label_keys: dict[str, str] = field(default_factory=dict)
    species: tuple[str, ...] = ()
    temperature: float = 300.0
    time: float | None = None
    paths: tuple[str, ...] = ()

    @property
    def reading(self) -> ReadOptions:
        """How files are read."""
        return ReadOptions(self.label_keys, self.species)

    def __post_init__(self) -> None:
        check_seed(self.seed)
        if self.sample is not None and self.sample < 1:
            raise InputError(f"sample is {self.sample}; give 1 frame or more")
        if self.target is not None and not self.target > 0:
            raise InputError(f"target is {self.target}; give a positive error")
        for label in self.label_keys:
            if label not in LABELS:
                raise InputError(f"label is {label!r}; give keys of {', '.join(LABELS)}")
        for symbol in self.species:
            if atomic_numbers.get(symbol, 0) < 1:
                raise InputError(f"species is {symbol!r}, which is not an element; write Na,Cl")
        if not 0 < self.temperature < np.inf:
            raise InputError(f"temperature is {self.temperature:g} K; give a positive number")
        if self.time is not None and not SHORTEST <= self.time < np.inf:
            raise InputError(f"time is {self.time:g} fs; give {SHORTEST:g} fs or more, as in 10ps")
