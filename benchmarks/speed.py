"""Speed as ratios measured side by side in one run, on one thread.

    python benchmarks/speed.py

Each ratio is taken between the fastest of several alternating rounds, so that what else the
machine does hits both sides alike.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # read when numpy, vesin and torch are loaded

import importlib.util
import time
from collections.abc import Callable

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT

from mlipcheck import evaluate, get_calculator
from mlipcheck.calculators.neighbours import half_neighbour_list
from mlipcheck.checks.dimers.scan import list_pairs


def fastest(rounds: int, **candidates: Callable[[], object]) -> dict[str, float]:
    """Return the shortest time of each candidate in s, the candidates taking turns."""
    times: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(rounds):
        for name, function in candidates.items():
            start = time.perf_counter()
            function()
            times[name].append(time.perf_counter() - start)
    return {name: min(values) for name, values in times.items()}


def fresh(atoms: Atoms, calculator: object) -> Callable[[], object]:
    """Return a function that computes energy and forces from scratch."""

    def compute() -> object:
        image = atoms.copy()
        image.calc = calculator
        calculator.reset()  # type: ignore[attr-defined]
        return image.get_potential_energy(), image.get_forces()

    return compute


def measure_toy() -> None:
    atoms = bulk("Cu", cubic=True) * (10, 10, 10)
    atoms.rattle(0.05, seed=1)
    toy = get_calculator("toy")
    t = fastest(
        7,
        neighbours=lambda: half_neighbour_list(atoms, toy.cutoff),
        toy=fresh(atoms, toy),
        emt=lambda: fresh(atoms, EMT())(),
    )
    print(f"toy, {len(atoms)} Cu atoms: {1e3 * t['toy']:.1f} ms")
    print(f"  toy / neighbour list alone: {t['toy'] / t['neighbours']:.2f} (at most 3)")
    print(f"  EMT / toy:                  {t['emt'] / t['toy']:.1f} (at least 3)")


def dimers() -> list[Atoms]:
    """Return the dimers of a scan of six pairs, grid and all."""
    return [
        Atoms(pair, [[0, 0, 0], [r, 0, 0]])
        for pair in list_pairs(["Cu", "Si", "O"])
        for r in np.linspace(0.4, 6.0, 225)
    ]


class InModel:
    """A model that adds up the time which its own forward and backward pass take."""

    def __init__(self, function: Callable[..., object]) -> None:
        self.function = function
        self.seconds = 0.0

    def __call__(self, *args: object, **kwargs: object) -> object:
        start = time.perf_counter()
        found = self.function(*args, **kwargs)
        self.seconds += time.perf_counter() - start
        return found


def measure_model(name: str, theirs: object, method: str, least: int, rest: str) -> None:
    """Print how many times faster a dimer scan is in batches, and where the time goes then.

    ``model.method`` is what the model does on prepared graphs: forward and, inside it, backward.
    """
    ours = get_calculator(name, device="cpu")
    images = dimers()
    # one by one on every ninth, since the loop takes the time that it is here to show
    sample = images[::9]
    boxed = [Atoms(a.symbols, a.positions, cell=[20, 20, 20], pbc=True) for a in sample]
    t = fastest(
        3,
        batched=lambda: evaluate(ours, images),
        ours=lambda: [fresh(a, ours)() for a in sample],
        theirs=lambda: [fresh(a, theirs)() for a in boxed],
    )
    batched = t["batched"] / len(images)
    print(f"{name}, {len(images)} dimers of 6 pairs: {1e3 * batched:.2f} ms each in batches")
    alone = t["ours"] / len(sample)
    print(f"  ours one by one / batched: {alone / batched:.1f} (at least {least})")
    print(f"  {name}'s own calculator / batched: {t['theirs'] / len(sample) / batched:.1f}")
    timed = InModel(getattr(ours.model, method))
    setattr(ours.model, method, timed)
    start = time.perf_counter()
    found = evaluate(ours, images)
    whole = time.perf_counter() - start
    delattr(ours.model, method)
    assert not any(e.error for e in found)
    print(f"  the model's own forward and backward: {100 * timed.seconds / whole:.0f} % of that;")
    print(f"  the rest: {rest}")


def measure_chgnet() -> None:
    import torch
    from chgnet.model import CHGNet
    from chgnet.model.dynamics import CHGNetCalculator

    torch.set_num_threads(1)
    model = CHGNet.load(use_device="cpu", verbose=False)
    theirs = CHGNetCalculator(model, use_device="cpu", on_isolated_atoms="ignore")
    rest = "pymatgen's structures and CHGNet's converter, atom by atom; the inspection of inputs"
    measure_model("chgnet", theirs, "_compute", 8, rest)


def measure_sevennet() -> None:
    import torch
    from sevenn.calculator import SevenNetCalculator

    torch.set_num_threads(1)
    rest = "SevenNet's graphs and tensors, and PyG's collating, structure by structure"
    measure_model("sevennet", SevenNetCalculator("7net-0", device="cpu"), "forward", 15, rest)


if __name__ == "__main__":
    measure_toy()
    for package, measure in (("chgnet", measure_chgnet), ("sevenn", measure_sevennet)):
        if importlib.util.find_spec(package):
            measure()
        else:
            print(f"{package}: not installed, not measured")
