"""The list of checks: one row each, in the order in which they run and are reported.

Other packages add theirs by the entry-point group ``mlipcheck.checks``: a `Check` or its class.
"""

from __future__ import annotations

import functools
import importlib.metadata
from typing import Any

from ..calculators.base import FAILURES, as_list, brief
from ..check import Check
from .adsorption.check import Adsorption
from .agreement.check import Agreement
from .balanced import BalancedDifferences
from .compression.check import Compression
from .contacts import Contacts
from .dimers.check import Dimers
from .dynamics.check import DynamicsCheck
from .elasticity.check import Elasticity
from .interface.check import Interface
from .learning.check import Learning
from .parity.check import ParityCheck
from .paths.check import Paths
from .phonons.check import Phonons
from .relaxation.check import Relaxations
from .surfaces.check import Surfaces
from .vacancies.check import Vacancies

ENTRY_POINTS = "mlipcheck.checks"

# Those about a user's own structures last: so they stand nearest to the verdict.
CHECKS: tuple[Check[Any], ...] = (
    Interface(),
    Dimers(),
    Compression(),
    Contacts(),
    Elasticity(),
    DynamicsCheck(),
    Phonons(),
    Adsorption(),
    Surfaces(),
    Vacancies(),
    Relaxations(),
    Paths(),
    BalancedDifferences(),
    ParityCheck(),
    Agreement(),
    Learning(),
)


# Commands are named by what they do: a check may be called so, too.
ALIASES = {"contract": "interface", "dimer": "dimers", "relax": "relaxation", "learn": "learning"}


def read_names(words: Any) -> tuple[str, ...]:
    """Return the names of checks in a user's words: ``"dimer,relaxation"``, or several such."""
    names = [name.strip() for word in as_list(words) for name in str(word).split(",")]
    return tuple(ALIASES.get(name, name) for name in names if name)


@functools.cache
def _others() -> tuple[tuple[Check[Any], ...], dict[str, str]]:
    """Return the checks of other packages, and why some of them cannot be used."""
    found: list[Check[Any]] = []
    broken: dict[str, str] = {}
    for point in importlib.metadata.entry_points(group=ENTRY_POINTS):
        origin = f"{point.value}, of the entry points {ENTRY_POINTS}"
        try:
            check = point.load()
            check = check() if isinstance(check, type) else check
        except FAILURES as error:  # somebody else's module; the plan says so
            broken[point.name] = f"{origin}: {brief(error)}"
            continue
        if not isinstance(check, Check):
            broken[point.name] = f"{origin} is a {type(check).__name__}, not a Check"
        elif check.name in {c.name for c in (*CHECKS, *found)}:
            broken[point.name] = f"{origin} has the name of another check, {check.name!r}"
        else:
            found.append(check)
    return tuple(found), broken


def list_checks() -> tuple[Check[Any], ...]:
    """Return every check, those of other packages among them."""
    return (*CHECKS, *_others()[0])


def broken_checks() -> dict[str, str]:
    """Return the checks of other packages that cannot be used, and why."""
    return dict(_others()[1])
