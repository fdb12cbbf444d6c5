"""Surface energies of slabs and of crystals that are cut in two."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from ase.calculators.calculator import BaseCalculator

from ...analysis.jackknife import jackknife
from ...calculators.evaluate import evaluate
from ...calculators.records import Evaluation
from ...calculators.registry import describe
from ...references.level_of_theory import level_doubt
from ...references.surfaces import Slabs, area
from .planes import Plane
from .record import GAPS, Facet, Surface


def compare_slabs(calculator: BaseCalculator, known: Slabs, row: Surface) -> Surface:
    """Return the row of an element, completed with surface energies at the reference's geometry.

    (E_slab - n E_bulk) / 2A; the model's E_bulk is that of the reference's crystal.
    """
    images = [known.crystal, *(s.atoms for s in known.slabs)]
    crystal, *found = _energies(evaluate(calculator, images, properties=("energy",)))
    facets = []
    for slab, energy in zip(known.slabs, found, strict=True):
        n = len(slab.atoms)
        excess = energy - n * crystal / len(known.crystal)
        model = excess / (2 * area(slab.atoms))
        facets.append(Facet(slab.name, n, slab.surface_energy, model))
    pairs = np.array([(f.model * f.reference, f.reference**2) for f in facets])
    levels = row.level_of_theory, describe(calculator).level_of_theory
    doubt = level_doubt(*levels, [{known.element}])
    return replace(
        row,
        facets=tuple(facets),
        ratio=jackknife(lambda sums: sums[..., 0] / sums[..., 1], pairs),
        doubts=(doubt,) if doubt else (),
    )


def cleave(calculator: BaseCalculator, plane: Plane, row: Surface) -> Surface:
    """Return the row of a plane, completed with the energies of the crystal opened along it."""
    cut, *others = plane.cuts
    images = [plane.opened(cut, gap) for gap in GAPS]
    images += [plane.opened(other, GAPS[-1]) for other in others]
    energies = np.array(_energies(evaluate(calculator, images, properties=("energy",))))
    energies = (energies - energies[0]) / (2 * plane.area)
    curve, rest = energies[: len(GAPS)], energies[len(GAPS) :]
    return replace(row, energies=curve, other_cuts=tuple(rest.tolist()))


def _energies(found: list[Evaluation]) -> list[float]:
    """Return energies, or raise what is wrong with the first that has none."""
    for one in found:
        if one.energy is None:
            raise RuntimeError(one.error or "no energy")
    return [e.energy for e in found if e.energy is not None]
