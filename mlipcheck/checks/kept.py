"""Kept work is taken again only where it is whole, and of the very model that is asked about."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase.calculators.calculator import BaseCalculator

from ..calculators.registry import describe
from ..storage import dumps, report_loss, to_plain, write_atomically
from .interface.subject import CANDIDATES, answer, bond_length, strained_crystal

# How far the numbers of one model may be apart, relative and in eV an atom, eV/Å and eV/Å^3: on
# another number of threads SevenNet's differ by 3e-7, in float32, and CHGNet's not at all.
SAME = 1e-5
# Distances that are tried, in sums of two covalent radii (2 Å at least: hydrogen would have
# thousands of neighbours), and forces (eV/Å) that are neither lost in rounding nor behind a wall.
SCALES = (1.2, 1.5, 2.0, 1.0, 0.8)
SHORTEST = 2.0
SMALLEST, LARGEST = 0.05, 50.0
MAX_COMMON = 2  # elements that it answers for, where nobody names any that it knows


def probe(calculator: BaseCalculator, elements: Iterable[str] = ()) -> list[float]:
    """Return what a calculator computes on a few crystals of four atoms.

    Neither its name nor its version says that somebody has changed its code, weights or options.

    Parameters
    ----------
    calculator : any ASE calculator
    elements : iterable of str
        Of what it is asked about, two in one crystal. Where it answers for none of them, common
        ones are tried.

    Returns
    -------
    list of float
        Energies (eV an atom), forces (eV/Å) and, where there are any, stresses (eV/Å^3); nothing
        where it answers for no crystal.
    """
    own = sorted(set(elements))
    if found := [x for k in range(0, len(own), 2) for x in _ask(calculator, own[k : k + 2])]:
        return found
    answers = filter(None, (_ask(calculator, [symbol]) for symbol in CANDIDATES))
    return [*itertools.chain(*itertools.islice(answers, MAX_COMMON))]


def same_numbers(one: Sequence[float], other: Sequence[float]) -> bool:
    """Tell whether `probe` has found the same model twice."""
    return len(one) == len(other) and bool(np.allclose(one, other, rtol=SAME, atol=SAME))


def _ask(calculator: BaseCalculator, elements: Sequence[str]) -> list[float]:
    """Return energy, forces and stress of one crystal whose forces are neither lost nor absurd."""
    bond = describe(calculator).bond_scale or max(SHORTEST, bond_length(elements))
    for scale in SCALES:
        crystal = strained_crystal(elements, scale * bond)
        found = answer(calculator, crystal, ("energy", "forces", "stress"))
        largest = 1.0 if found.forces is None else np.abs(found.forces).max()
        if found.error is None and SMALLEST < largest < LARGEST:
            energy = None if found.energy is None else found.energy / len(crystal)
            numbers = [x for x in (energy, found.forces, found.stress) if x is not None]
            return [float(x) for value in numbers for x in np.ravel(value)]
    if len(elements) > 1:  # it may know one of them
        return [x for symbol in elements for x in _ask(calculator, [symbol])]
    return []


def seal(content: Any, numbers: Sequence[float]) -> str:
    """Return JSON of what is to be kept, with what `probe` has found, and a checksum of both."""
    body = to_plain({"probe": list(numbers), "content": content})
    return dumps({**body, "sha256": _checksum(body)})


def write_kept(path: Path, content: Any, numbers: Sequence[float]) -> None:
    """Keep something sealed in a file; where that cannot be written, say so and go on."""
    with report_loss(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, seal(content, numbers))


def read_kept(path: Path, numbers: Sequence[float]) -> Any | None:
    """Return what was sealed in a file, None where it is damaged or of another model."""
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
        whole = body.pop("sha256") == _checksum(body)
        same = whole and same_numbers(body["probe"], numbers)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    return body["content"] if same else None


def _checksum(body: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
