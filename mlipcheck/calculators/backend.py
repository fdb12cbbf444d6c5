"""A backend and its checkpoints: what a row of the registry says, and what follows from it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ase.calculators.calculator import InputError


@dataclass(frozen=True)
class Checkpoint:
    """One set of weights: what it was trained on, and how its energies are to be read.

    ``energy_convention`` is ``raw`` (total energies as the code printed them), ``mp2020``
    (Materials Project corrections included) or ``own`` (a zero of its own). ``files`` are the
    places where it may lie: below the folder of installed packages, or below ``~``.
    """

    name: str
    level_of_theory: str
    energy_convention: str
    licence: str
    files: tuple[str, ...] = ()

    @property
    def path(self) -> Path:
        """The file, or where it is to be put; the empty path where there is none."""
        places = [_place(file) for file in self.files]
        return next((p for p in places if p.is_file()), places[-1] if places else Path())

    @property
    def found(self) -> bool:
        """Whether it needs no download."""
        return not self.files or self.path.is_file()


def _place(file: str) -> Path:
    if file.startswith("~/.cache/mace/") and os.environ.get("XDG_CACHE_HOME"):
        return Path(os.environ["XDG_CACHE_HOME"], file.removeprefix("~/.cache/"))
    if file.startswith("~"):
        return Path(file).expanduser()
    package, _, inside = file.partition("/")
    spec = importlib.util.find_spec(package)
    folders = (spec.submodule_search_locations if spec else None) or [package]
    return Path(folders[0], inside)


@dataclass(frozen=True)
class Demonstration:
    """What a backend is shown on where no system is named.

    ``elements`` is empty where it depends on the checkpoint which ones it knows. ``morse``: its
    truth is the Morse curve, so that exact curves, clusters and frames stand for those of DFT.
    ``remark`` is what to know about its default checkpoint.
    """

    elements: tuple[str, ...] = ("Cu", "Si", "O")
    morse: bool = False
    remark: str = ""


@dataclass(frozen=True)
class Backend:
    """A row of the registry.

    Attributes
    ----------
    loader : str
        ``module:function``, called as ``function(checkpoint, device=..., dtype=..., **options)``.
    package, distribution, extra, needs : str or None
        The module that must be installed (None for what comes with mlipcheck), what pip calls it
        where that differs, mlipcheck's extra that installs it, and what else it needs.
    checkpoints : tuple of Checkpoint
        The first is the default.
    dtypes : tuple of str
        What it can compute in, the default first; none where that is another backend's matter.
    takes_path, takes_options : bool
        Whether a checkpoint may also be a file (without checkpoints, it must be one), and whether
        the loader has options of its own, which it checks.
    cutoff, bond_scale : float or None
        Å; see `CalculatorInfo`.
    trainer : str or None
        The module that fine-tunes its models; see `mlipcheck.calculators.registry.get_trainer`.
    safe, safe_options : bool or tuple of str, tuple of str
        Whether a file (see `mlipcheck.calculators.rescaled.load`) may name it, or the checkpoints
        that it may name: they start no program and import nothing that options name. And the
        options that such a file may set.
    runs_code : bool
        Whether loading a checkpoint runs code that is in it; the path of one is then not safe.
    demonstration : Demonstration
        What it is shown on where no system is named.
    expected_failures : mapping of str to str
        Interface tests that it is known to fail, each with the reason; the key is the test's
        name, or ``checkpoint:test`` where only one checkpoint does.
    error : str or None
        Why the row cannot be used, where another package gave it.
    """

    name: str
    loader: str
    summary: str
    citation: str
    checkpoints: tuple[Checkpoint, ...] = ()
    package: str | None = None
    distribution: str | None = None
    extra: str | None = None
    needs: str | None = None
    dtypes: tuple[str, ...] = ("float64",)
    takes_path: bool = False
    takes_options: bool = False
    cutoff: float | None = None
    bond_scale: float | None = None
    trainer: str | None = None
    safe: bool | tuple[str, ...] = False
    safe_options: tuple[str, ...] = ()
    runs_code: bool = False
    demonstration: Demonstration = Demonstration()
    expected_failures: Mapping[str, str] = field(default_factory=dict)
    error: str | None = None

    @property
    def installed(self) -> bool:
        return self.package is None or importlib.util.find_spec(self.package) is not None

    @property
    def version(self) -> str | None:
        """The version of the package, None where it is not installed or has none."""
        try:
            name = self.distribution or self.package or "mlipcheck"
            return importlib.metadata.version(name) if self.installed else None
        except importlib.metadata.PackageNotFoundError:
            return None

    @property
    def pip_line(self) -> str | None:
        """What to type to install it, None for what comes with mlipcheck."""
        if self.package is None:
            return None
        name = f'"mlipcheck[{self.extra}]"' if self.extra else self.distribution or self.package
        return f"python -m pip install {name}"

    def checkpoint(self, name: str) -> Checkpoint:
        """Return a checkpoint by name; `InputError` lists the known ones."""
        for checkpoint in self.checkpoints:
            if checkpoint.name == name:
                return checkpoint
        also = ", or the path of a file" if self.takes_path else ""
        known = ", ".join(c.name for c in self.checkpoints)
        raise InputError(f"{self.name} has no checkpoint {name!r}; known: {known}{also}")
