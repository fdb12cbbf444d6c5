"""What a calculator is and says of a structure, and what all of ours do alike.

Also how the failures of others' are put.
"""

from __future__ import annotations

import ast
import contextlib
import difflib
import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, InputError, all_changes

from ..storage import Record

# What other people's code raises where it fails. A SystemExit of theirs would end a run without a
# word; Ctrl-C is not a failure.
FAILURES = (Exception, SystemExit)


@dataclass(frozen=True)
class CalculatorInfo(Record):
    """Where a calculator comes from, as far as it is known.

    ``bond_scale`` (Å) replaces the sum of covalent radii where a calculator draws one curve for
    every element; ``cutoff`` (Å) is the range of the model.
    """

    spec: str
    backend: str | None = None
    version: str | None = None
    checkpoint: str | None = None
    checkpoint_sha256: str | None = None
    options: dict[str, str] = field(default_factory=dict)
    level_of_theory: str | None = None
    energy_convention: str | None = None
    dtype: str | None = None
    device: str | None = None
    cutoff: float | None = None
    bond_scale: float | None = None


@dataclass(frozen=True, eq=False)
class Evaluation(Record):
    """One structure through one calculator.

    Attributes
    ----------
    energy : float or None
        Potential energy in eV.
    forces : ndarray of shape (n_atoms, 3) or None
        eV/Å, constraints not applied, in the calculator's own floating-point type.
    stress : ndarray of shape (6,) or None
        eV/Å^3, Voigt order, ASE's sign; None without a cell that is periodic in three directions.
    energies, magmoms : ndarray of shape (n_atoms,) or None
        eV; Bohr magnetons.
    error : str or None
        Why the structure could not be evaluated; everything else is then None.
    """

    energy: float | None = None
    forces: np.ndarray | None = None
    stress: np.ndarray | None = None
    energies: np.ndarray | None = None
    magmoms: np.ndarray | None = None
    error: str | None = None


def refuse_unknown(given: Iterable[str], known: Iterable[str], owner: str) -> None:
    """Raise `InputError` for the first keyword of ``given`` that is not ``known``."""
    known = sorted(known)
    for name in given:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            all_of_them = f"known: {', '.join(known) or 'none'}"
            hint = f"did you mean {close[0]!r}?" if close else all_of_them
            raise InputError(f"{owner} has no option {name!r}; {hint}")


def read_literal(text: str) -> Any:
    """Read the number, list, True or None that an option is; any other text stays text."""
    try:
        return ast.literal_eval(text)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return text


def as_list(given: Any) -> list[Any]:
    """Return what was given as a list: one str, path, Atoms, number or record is a list of one."""
    single = isinstance(given, (str, os.PathLike, Atoms)) or not isinstance(given, Iterable)
    return [given] if single else list(given)


def check_seed(seed: int) -> None:
    """Raise `InputError` for what NumPy's generators do not start from."""
    if seed < 0:
        raise InputError(f"seed is {seed}; give zero or a positive number")


def brief(error: BaseException, most: int = 200) -> str:
    """Return an exception as one short line with its type, whatever a package wrote into it."""
    text = " ".join(str(error).split())
    cut = text if len(text) <= most else f"{text[:most]}..."
    return f"{type(error).__name__}: {cut}" if cut else type(error).__name__


@contextlib.contextmanager
def stays_here() -> Iterator[None]:
    """Decorate a function that may change the working directory: it is restored afterwards."""
    with contextlib.chdir(os.curdir):
        yield


class StrictCalculator(Calculator, ABC):
    """ASE's `Calculator`, refusing keywords it does not know and forgetting results on ``set``.

    ASE's own accepts any keyword, and some of its potentials go on returning the old energy after
    ``set``. Subclasses list their parameters in ``default_parameters`` and define ``compute``.
    """

    discard_results_on_any_change = True

    def set(self, **kwargs: Any) -> dict[str, Any]:
        """Change parameters; `InputError` for one that is not in ``default_parameters``."""
        refuse_unknown(kwargs, self.default_parameters, type(self).__name__)
        return super().set(**kwargs)

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] | None = None,
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        super().calculate(atoms, properties, system_changes)
        self.results = self.compute(self.atoms, properties or ("energy",))

    @abstractmethod
    def compute(self, atoms: Atoms, properties: Sequence[str]) -> dict[str, Any]:
        """Return at least ``properties`` of ``atoms``, in ASE's units."""
