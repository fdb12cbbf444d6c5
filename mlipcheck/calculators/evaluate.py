"""Many structures in, many results out, in order; one that fails does not take the others along."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import (
    BaseCalculator,
    CalculationFailed,
    InputError,
    PropertyNotImplementedError,
)
from scipy.spatial.distance import pdist

from .base import FAILURES, Evaluation, as_list, stays_here
from .neighbours import check_geometry, half_neighbour_list
from .registry import as_calculator

# Two atoms closer than this (Å) are on one spot: no potential means anything there.
SAME_SPOT = 1e-3
# How far that check looks (Å): vesin parts a box by this length, and has no room for too many.
LOOK_AROUND = 3.0
# Molecules up to this size need no neighbour list, which would cost a tenth more of a dimer scan.
SMALL = 50
# A batch on a CPU holds so many directed edges at most: more is slower, since the working set
# leaves the cache.
MAX_EDGES = 16_000
# Memory that a batch may take on a CPU, in bytes; on a GPU it is half of what is free.
MEMORY = 2 * 1024**3
# What a structure costs at least, however few its edges: its share of a model's fixed work.
EDGES_PER_STRUCTURE = 125

PROPERTIES = ("energy", "forces", "stress", "energies", "magmoms")

NOT_FINITE = "NaN or infinite"  # how the error of an answer begins that is no number

Progress = Callable[[int], None]


def evaluate(
    calculator: BaseCalculator | str,
    images: Iterable[Atoms] | Atoms,
    *,
    properties: Sequence[str] = ("energy", "forces"),
    max_edges: int | None = None,
    progress: Progress | None = None,
) -> list[Evaluation]:
    """Evaluate one structure or many with any ASE calculator.

    Parameters
    ----------
    calculator : any ASE calculator, or its name
        One with ``evaluate_batch(images, properties)`` is batched, any other runs one by one.
    images : Atoms, or several
        Neither changed nor attached to the calculator; constraints do not touch the forces.
    properties : sequence of str
        Out of energy, forces, stress, energies, magmoms. What the calculator does not offer is
        None in the result, and so is the stress of what is not periodic in three directions.
    max_edges : int, optional
        A batch holds at most so many directed edges within the calculator's ``cutoff``, unless
        one structure alone has more. By default what `default_max_edges` finds room for.
    progress : callable, optional
        Called with the number of structures finished since the last call.

    Returns
    -------
    list of Evaluation
        In the order given; of one Atoms a list of one. A structure that is refused (NaN, no atoms,
        two atoms on one spot), raises, or comes back as NaN, is an `Evaluation` with its ``error``.

    Raises
    ------
    InputError
        For a property that an `Evaluation` does not have.
    """
    calculator, images = as_calculator(calculator), as_list(images)
    unknown = [p for p in properties if p not in PROPERTIES]
    if unknown:
        raise InputError(f"no property {unknown[0]!r}; known: {', '.join(PROPERTIES)}")
    wanted = [p for p in properties if p in calculator.implemented_properties]
    batched = hasattr(calculator, "evaluate_batch")
    cutoff = float(getattr(calculator, "cutoff", 5.0)) if batched else LOOK_AROUND
    advance = progress or (lambda _: None)
    results: dict[int, Evaluation] = {}
    queue: list[tuple[int, int]] = []
    for index, atoms in enumerate(images):
        try:
            edges = _inspect(atoms, cutoff)
            if batched:
                _refuse_too_many(edges, calculator)
            queue.append((index, edges))
        except InputError as error:
            results[index] = Evaluation(error=str(error))
            advance(1)
    room = (max_edges or default_max_edges(calculator)) if batched else 0  # then one by one
    for batch in _batches(queue, room):
        results.update(_evaluate_batch(calculator, images, batch, wanted))
        advance(len(batch))
    return [results[index] for index in range(len(images))]


def default_max_edges(calculator: BaseCalculator) -> int:
    """Return how many edges a batch may hold, from the memory that its device has for it."""
    per_edge = getattr(calculator, "bytes_per_edge", MEMORY // MAX_EDGES)
    if not _on_gpu(calculator):
        return max(1, min(MAX_EDGES, MEMORY // per_edge))
    import torch

    try:
        free, _ = torch.cuda.mem_get_info(str(calculator.device))
    except RuntimeError:  # the GPU is lost: each structure will say so
        return MAX_EDGES
    return max(1, free // 2 // per_edge)


def _on_gpu(calculator: BaseCalculator) -> bool:
    return str(getattr(calculator, "device", "cpu")).startswith("cuda")


def _refuse_too_many(edges: int, calculator: BaseCalculator) -> None:
    """Raise `InputError` where the edges of one structure alone are more than memory holds.

    A GPU says so itself; on a CPU the system would end the process without a word.
    """
    needed = edges * getattr(calculator, "bytes_per_edge", 0)
    if needed < MEMORY or _on_gpu(calculator) or not hasattr(os, "sysconf"):  # Windows has none
        return
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > there:
        raise InputError(
            f"{edges} neighbours take about {needed / 1024**3:.0f} GiB of memory, of "
            f"{there / 1024**3:.0f}; give a smaller structure, or check the cell"
        )


def floating_type(calculator: BaseCalculator, found: Iterable[Evaluation]) -> str:
    """Return ``float32`` or ``float64``: the calculator's own word, or else that of its arrays."""
    declared = str(getattr(calculator, "dtype", None))
    arrays = [x for e in found for x in (e.forces, e.stress) if x is not None]
    single = any(x.dtype == np.float32 for x in arrays)
    return "float32" if "32" in declared or ("float" not in declared and single) else "float64"


def _inspect(atoms: Atoms, cutoff: float) -> int:
    """Return the number of directed edges; raise `InputError` for what no model should see."""
    if len(atoms) == 0:
        raise InputError("no atoms; give a structure with at least one")
    if atoms.pbc.any() or len(atoms) > SMALL:
        (distances,) = half_neighbour_list(atoms, cutoff, "d")
    else:
        check_geometry(atoms)
        distances = pdist(atoms.positions)
        distances = distances[distances < cutoff]
    if len(distances) and distances.min() < SAME_SPOT:
        raise InputError(
            f"two atoms are {distances.min():.1e} Å apart; remove one, or check the cell"
        )
    return 2 * len(distances)


def _batches(queue: list[tuple[int, int]], max_edges: int) -> list[list[int]]:
    """Cut the queue of (index, edges) into runs of at most ``max_edges``, or of one structure."""
    batches: list[list[int]] = []
    room = 0
    for index, edges in queue:
        cost = max(edges, EDGES_PER_STRUCTURE)
        if cost > room:
            batches.append([])
            room = max_edges
        batches[-1].append(index)
        room -= cost
    return batches


@stays_here()
def _evaluate_batch(
    calculator: BaseCalculator, images: Sequence[Atoms], batch: list[int], properties: list[str]
) -> list[tuple[int, Evaluation]]:
    """Evaluate a batch; where it breaks (a structure, or memory), evaluate its halves."""
    try:
        if hasattr(calculator, "evaluate_batch"):
            found = calculator.evaluate_batch([images[i] for i in batch], properties)
        else:
            found = [_evaluate_one(calculator, images[i], properties) for i in batch]
        return [(i, _checked(images[i], e, properties)) for i, e in zip(batch, found, strict=True)]
    except FAILURES as error:  # recorded, once it is down to one structure
        # what failed half way is not to go on from there with the next of the same atoms
        with contextlib.suppress(*FAILURES):
            calculator.reset()
        if len(batch) == 1:
            return [(batch[0], Evaluation(error=describe_error(error)))]
    half = len(batch) // 2
    return [
        pair
        for part in (batch[:half], batch[half:])
        for pair in _evaluate_batch(calculator, images, part, properties)
    ]


def _evaluate_one(calculator: BaseCalculator, atoms: Atoms, properties: list[str]) -> Evaluation:
    image = atoms.copy()
    image.calc = calculator
    found: dict[str, Any] = {}
    for name in properties:
        if name != "stress" or image.pbc.all():
            # what is declared, but not for this structure, is left out
            with contextlib.suppress(PropertyNotImplementedError):
                found[name] = calculator.get_property(name, image)
    if found.get("energy") is not None:
        found["energy"] = float(found["energy"])
    return Evaluation(**found)


def _checked(atoms: Atoms, result: Evaluation, properties: list[str]) -> Evaluation:
    """Return the result, or one with an error where it is not a finite number of ASE's shape."""
    if result.error is not None:
        return result
    n = len(atoms)
    shapes = {"energy": (), "forces": (n, 3), "stress": (6,), "energies": (n,), "magmoms": (n,)}
    for name, shape in shapes.items():
        value = getattr(result, name)
        if value is None:
            if name in properties and name in ("energy", "forces"):
                return Evaluation(error=f"no {name}, although the calculator declares it")
            continue
        if np.shape(value) != shape:
            return Evaluation(error=f"{name} of shape {np.shape(value)}, {shape} expected")
        if not np.isfinite(value).all():
            return Evaluation(error=f"{NOT_FINITE} {name}")
    return result


def describe_error(error: BaseException) -> str:
    """Return an exception as one line: the message alone where it is ours or ASE's."""
    text = " ".join(str(error).split()) or "no message"
    is_plain = isinstance(error, (InputError, CalculationFailed))
    return text if is_plain else f"{type(error).__name__}: {text}"
