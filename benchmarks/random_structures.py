"""Random cells relaxed with a model and with its guard: how many fall in, converge, and to what.

python benchmarks/random_structures.py --backend chgnet Cu --cells 30 --atoms 8
python benchmarks/random_structures.py --backend guarded:guard.json LiFePO4.cif --cells 30 --atoms 7
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator
from ase.calculators.singlepoint import SinglePointCalculator
from ase.optimize import FIRE

from mlipcheck import GuardedCalculator, evaluate, get_calculator, make_guard
from mlipcheck.analysis.closest import find_closest
from mlipcheck.calculators.guarded import Guard
from mlipcheck.checks.crystals import choose_crystals
from mlipcheck.checkup.find import find_system
from mlipcheck.storage import dumps, write_atomically

FMAX, STEPS = 0.1, 150  # eV/Å, of FIRE


@dataclass(frozen=True)
class Relaxed:
    """A random cell after its steps; ``fell`` says that a pair ended where the guard acts.

    ``energy`` is eV an atom, ``shortest`` the shortest distance in Å.
    """

    energy: float | None = None
    shortest: float | None = None
    converged: bool = False
    fell: bool = False
    error: str | None = None


def random_cell(crystal: Atoms, atoms: int, seed: int) -> Atoms:
    """Return the crystal's composition anywhere in a cube of the crystal's volume an atom."""
    formula, units = crystal.symbols.formula.reduce()
    volume = crystal.get_volume() / units
    units = max(1, round(atoms / len(formula)))
    symbols = list(formula)  # one an atom
    places = np.random.default_rng(seed).random((units * len(symbols), 3))
    edge = (units * volume) ** (1 / 3)
    return Atoms(symbols * units, scaled_positions=places, cell=[edge] * 3, pbc=True)


def relax(calculator: BaseCalculator, guard: Guard, starts: Sequence[Atoms]) -> list[Relaxed]:
    """Relax all cells side by side, each by a FIRE of its own, one batch a step."""
    images = [atoms.copy() for atoms in starts]
    moving = {k: FIRE(atoms, logfile=None) for k, atoms in enumerate(images)}
    rows = [Relaxed()] * len(images)
    for step in range(STEPS + 1):
        found = evaluate(calculator, [images[k] for k in moving])
        for k, one in zip(list(moving), found, strict=True):
            if one.error is not None or one.energy is None or one.forces is None:
                rows[k] = Relaxed(error=one.error)
                del moving[k]
                continue
            still = bool(np.linalg.norm(one.forces, axis=1).max() < FMAX)
            rows[k] = Relaxed(one.energy / len(images[k]), converged=still)
            if still:
                del moving[k]
            elif step < STEPS:
                calc = SinglePointCalculator(images[k], energy=one.energy, forces=one.forces)
                images[k].calc = calc
                moving[k].step()
    return [_look(row, guard, atoms) for row, atoms in zip(rows, images, strict=True)]


def _look(row: Relaxed, guard: Guard, atoms: Atoms) -> Relaxed:
    closest = find_closest([("", atoms)])
    fell = any(closest[p.pair][0] < p.radius for p in guard.pairs if p.pair in closest)
    shortest = min(distance for distance, _ in closest.values())
    return Relaxed(row.energy, shortest, row.converged, fell, row.error)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="+", help="the crystal: an element, or a file")
    parser.add_argument("-b", "--backend", default="chgnet", help="a model, or guarded:FILE")
    parser.add_argument("--cells", type=int, default=8)
    parser.add_argument("--atoms", type=int, default=8, help="about as many in a cell")
    parser.add_argument("--seed", type=int, default=0, help="of the first cell")
    parser.add_argument("--json", type=Path, help="file for the results")
    options = parser.parse_args()

    calculator = get_calculator(options.backend)
    if not isinstance(calculator, GuardedCalculator):
        calculator = GuardedCalculator(calculator, make_guard(calculator, options.what)[0])
    guard = calculator.guard
    (crystal, *_), _ = choose_crystals(find_system(calculator, options.what), 1)
    radii = ", ".join(f"{'-'.join(p.pair)} {p.radius:.2f} Å" for p in guard.pairs)
    print(f"{guard.base} on {crystal.name}; the guard acts inside {radii}")
    seeds = range(options.seed, options.seed + options.cells)
    starts = [random_cell(crystal.atoms, options.atoms, seed) for seed in seeds]
    found: dict[str, list[Relaxed]] = {}
    for name, model in (("bare", calculator.base), ("guarded", calculator)):
        found[name] = rows = relax(model, guard, starts)
        for seed, row in zip(seeds, rows, strict=True):
            words = ", ".join(f"{k} {v:.3f}" if isinstance(v, float) else f"{k} {v}"
                              for k, v in vars(row).items() if v is not None)  # fmt: skip
            print(f"seed {seed:3} {name:8} {words}", flush=True)
        good = [r.energy for r in rows if r.energy is not None and r.converged and not r.fell]
        fell = sum(r.fell for r in rows)
        to = f", to {min(good):.3f} ... {max(good):.3f} eV/atom" if good else ""
        failed = sum(r.error is not None for r in rows)
        print(f"{name}: {fell} of {len(rows)} fall in, {len(good)} converge outside{to}, "
              f"{failed} fail", flush=True)  # fmt: skip
    if options.json:
        write_atomically(options.json, dumps({"guard": guard, "cells": found}))


if __name__ == "__main__":
    main()
