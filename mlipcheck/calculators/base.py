"""What every calculator of this package does alike, and how failures of others are put."""

from __future__ import annotations

import ast
import contextlib
import difflib
import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ase import Atoms
from ase.calculators.calculator import Calculator, InputError, all_changes

# What other people's code raises where it fails. A SystemExit of theirs would end a run without a
# word; Ctrl-C is not a failure.
FAILURES = (Exception, SystemExit)


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
