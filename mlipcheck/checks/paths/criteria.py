"""Questions about paths, their numbers and limits."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

from ...criterion import OWN_CONVENTION, Criterion, Reading
from ...references.paths import CRYSTAL, MOLECULE, STRAIN
from .record import BARRIER, PathProfile

LEAST = 0.5  # eV that a height is taken for at least: 20 % of it are 0.1 eV
UNCERTAINTY = 0.01  # eV, of a reference's energy difference along a path
NO_ENDS = "end points without energies: give their OUTCAR"


def read_height(row: PathProfile, kind: str, barrier: bool | None = None) -> Reading | None:
    if row.kind != kind or barrier not in (None, row.shape == BARRIER):
        return None
    if row.error or row.failures:
        return Reading(math.nan, row.error or ": ".join(row.failures[0]))
    found = []
    for name, (reference, model) in row.heights.items():
        off, share = abs(model - reference), 100 / max(reference, LEAST)
        relative = f" ({100 * (model / reference - 1):+.0f} %)" if reference > UNCERTAINTY else ""
        text = f"{name} {model:.2f} eV, reference {reference:.2f}{relative}".lstrip()
        found.append(Reading(share * off, text, max(0.0, share * (off - UNCERTAINTY))))
    return max(found, key=lambda r: r.value or 0.0, default=Reading(None, NO_ENDS))


def read_profile(row: PathProfile, kind: str) -> Reading | None:
    if row.error or row.rest is None or row.kind != kind:
        return None
    off, where = row.rest
    heights = [reference for reference, _ in row.heights.values()]
    text = f"{off:.2f} eV at {where} that no factor explains"
    return Reading(100 * off / max([LEAST, *heights]), text)


OF_MOLECULES: dict[str, Any] = {"decides": ("molecules",), "hints": ()}


def _criterion(quantity: str, read: Any, what: str, why: str, **uses: Any) -> Criterion:
    return Criterion(
        quantity,
        read,
        caution=20.0,
        fail=50.0,
        unit="%",
        rests_on=("energies",),
        source=f"{OWN_CONVENTION}: of the reference, or of {LEAST:g} eV where it is less",
        good=f"{what} is the reference's",
        bad=f"{what} differs from the reference's",
        why=why,
        **uses,
    )


_SHAPE = "the profile's shape", "a well or top that is not there traps atoms, or moves the barrier"

CRITERIA = (
    _criterion(
        "barrier",
        partial(read_height, kind=CRYSTAL, barrier=True),
        "the barrier",
        "rates are exponential in a barrier",
    ),
    _criterion(
        "height of a path",
        partial(read_height, kind=CRYSTAL, barrier=False),
        "the energy to go along the path",
        "works of separation and binding energies are such heights",
    ),
    _criterion(
        "energy of strain",
        partial(read_height, kind=STRAIN),
        "the energy of strain",
        "elastic constants are the curvature of this energy",
        decides=("vibrations",),
        hints=("relax",),
    ),
    _criterion(
        "height of a molecule's path",
        partial(read_height, kind=MOLECULE),
        "the energy to go along a molecule's path",
        "binding energies and barriers of reactions are such heights",
        **OF_MOLECULES,
    ),
    _criterion("shape of a path", partial(read_profile, kind=CRYSTAL), *_SHAPE),
    _criterion(
        "shape of a molecule's path", partial(read_profile, kind=MOLECULE), *_SHAPE, **OF_MOLECULES
    ),
)
