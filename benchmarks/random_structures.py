"""Random cells relaxed with a model and with its guard: how many fall in, converge, and to what.

python benchmarks/random_structures.py --backend chgnet Cu --cells 8 --atoms 8
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator
from ase.optimize import FIRE

from mlipcheck import GuardedCalculator, get_calculator, make_guard
from mlipcheck.analysis.closest import find_closest
from mlipcheck.calculators.guarded import Guard
from mlipcheck.checks.crystals import choose_crystals
from mlipcheck.checkup.find import find_system
from mlipcheck.storage import dumps, write_atomically

FMAX, STEPS = 0.1, 150  # eV/Å, of FIRE


def random_cell(crystal: Atoms, atoms: int, seed: int) -> Atoms:
    """Return the crystal's composition anywhere in a cube of the crystal's volume an atom."""
    formula, units = crystal.symbols.formula.reduce()
    volume = crystal.get_volume() / units
    units = max(1, round(atoms / len(formula)))
    symbols = list(formula)  # one an atom
    places = np.random.default_rng(seed).random((units * len(symbols), 3))
    edge = (units * volume) ** (1 / 3)
    return Atoms(symbols * units, scaled_positions=places, cell=[edge] * 3, pbc=True)


def relax(calculator: BaseCalculator, guard: Guard, start: Atoms) -> dict[str, object]:
    """Return whether it converged, eV an atom, the shortest distance, and whether atoms fell in."""
    atoms = start.copy()
    atoms.calc = calculator
    try:
        with FIRE(atoms, logfile=None) as run:
            converged = bool(run.run(fmax=FMAX, steps=STEPS))
        energy = atoms.get_potential_energy() / len(atoms)
    except Exception as error:  # kept as this cell's result
        return {"error": str(error)}
    closest = find_closest([("", atoms)])
    fell = any(closest[p.pair][0] < p.radius for p in guard.pairs if p.pair in closest)
    shortest = min(distance for distance, _ in closest.values())
    return {"converged": converged, "energy": energy, "shortest": shortest, "fell": fell}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="+", help="the crystal: an element, or a file")
    parser.add_argument("-b", "--backend", default="chgnet", help="chgnet, sevennet, ase:emt, ...")
    parser.add_argument("--cells", type=int, default=8)
    parser.add_argument("--atoms", type=int, default=8, help="about as many in a cell")
    parser.add_argument("--seed", type=int, default=0, help="of the first cell")
    parser.add_argument("--json", type=Path, help="file for the results")
    options = parser.parse_args()

    calculator = get_calculator(options.backend)
    (crystal, *_), _ = choose_crystals(find_system(calculator, options.what), 1)
    guard, _, _ = make_guard(calculator, options.what)
    models = {"bare": calculator, "guarded": GuardedCalculator(calculator, guard)}
    radii = ", ".join(f"{'-'.join(p.pair)} {p.radius:.2f} Å" for p in guard.pairs)
    print(f"{options.backend} on {crystal.name}; the guard acts inside {radii}")
    found: dict[str, list[dict[str, object]]] = {name: [] for name in models}
    for seed in range(options.seed, options.seed + options.cells):
        start = random_cell(crystal.atoms, options.atoms, seed)
        for name, model in models.items():
            result = relax(model, guard, start)
            found[name].append(result)
            words = ", ".join(f"{k} {v:.3f}" if isinstance(v, float) else f"{k} {v}"
                              for k, v in result.items())  # fmt: skip
            print(f"seed {seed:3} {name:8} {words}", flush=True)
    for name, rows in found.items():
        good = [float(str(r["energy"])) for r in rows if r.get("converged") and not r["fell"]]
        fell = sum(bool(r.get("fell", True)) for r in rows)
        to = f", to {min(good):.3f} ... {max(good):.3f} eV/atom" if good else ""
        print(f"{name}: {fell} of {len(rows)} fall in, {len(good)} converge outside{to}")
    if options.json:
        write_atomically(options.json, dumps({"guard": guard, "cells": found}))


if __name__ == "__main__":
    main()
