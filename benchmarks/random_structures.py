"""Random cells relaxed with a model and with its guard: how many fall in, converge, and to what.

python benchmarks/random_structures.py Cu -b chgnet --cells 30 --atoms 8
python benchmarks/random_structures.py LiFePO4.cif -b guarded:guard.json --cells 30 --atoms 7
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from _script import Script
from ase import Atoms
from ase.calculators.calculator import BaseCalculator
from ase.calculators.singlepoint import SinglePointCalculator
from ase.neighborlist import neighbor_list
from ase.optimize import FIRE

from mlipcheck import GuardedCalculator, evaluate, get_calculator, load_references, make_guard

FMAX, STEPS = 0.1, 150  # eV/Å, of FIRE
NEAR = 3.0  # Å that are looked through for the shortest distance
Radii = Mapping[tuple[str, str], float]  # Å inside of which a guard acts


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


def relax(calculator: BaseCalculator, radii: Radii, starts: Sequence[Atoms]) -> list[Relaxed]:
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
    return [_look(row, radii, atoms) for row, atoms in zip(rows, images, strict=True)]


def _look(row: Relaxed, radii: Radii, atoms: Atoms) -> Relaxed:
    fell = len(neighbor_list("d", atoms, dict(radii))) > 0
    near = neighbor_list("d", atoms, NEAR)
    return Relaxed(row.energy, near.min(initial=NEAR), row.converged, fell, row.error)


def measure(options: argparse.Namespace) -> None:
    calculator = get_calculator(options.backend)
    if not isinstance(calculator, GuardedCalculator):
        calculator = GuardedCalculator(calculator, make_guard(calculator, [options.what])[0])
    known = {r.name: r for r in load_references("dcdft")}
    given = known.get(options.what) or load_references(options.what)[0]
    if given.relaxed is None:
        raise OSError(given.error)
    radii = calculator.guard_radii
    inside = ", ".join(f"{'-'.join(pair)} {radius:.2f} Å" for pair, radius in radii.items())
    print(f"{options.backend} on {given.name}; the guard acts inside {inside}")
    seeds = range(options.seed, options.seed + options.cells)
    starts = [random_cell(given.relaxed, options.atoms, seed) for seed in seeds]
    found: dict[str, list[Relaxed]] = {}
    for name, model in (("bare", calculator.base), ("guarded", calculator)):
        found[name] = rows = relax(model, radii, starts)
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
        cells = {name: [asdict(row) for row in rows] for name, rows in found.items()}
        options.json.write_text(json.dumps(cells, indent=1))


if __name__ == "__main__":
    script = Script(__doc__, "chgnet", out=False)
    script.add_argument("what", nargs="?", default="Cu", help="the crystal: an element, or a file")
    script.add_argument("--cells", type=int, default=8)
    script.add_argument("--atoms", type=int, default=8, help="about as many in a cell")
    script.add_argument("--seed", type=int, default=0, help="of the first cell")
    script.add_argument("--json", type=Path, metavar="FILE", help="for the results")
    script.run(measure)
