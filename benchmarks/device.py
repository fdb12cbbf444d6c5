"""Batches on a GPU against one structure at a time, and against the CPU's numbers.

    python benchmarks/device.py --backend sevennet --device cuda

Milliseconds of a structure one by one and in batches, the largest difference from the CPU's
numbers, and the most memory that the batches took.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

import numpy as np
from _script import Script
from ase import Atoms
from ase.build import bulk

from mlipcheck import evaluate, get_calculator

PROPERTIES = ("energy", "forces", "stress")


def dimers() -> list[Atoms]:
    pairs = ("Cu2", "CuSi", "CuO", "Si2", "SiO", "O2")
    radii = np.linspace(0.8, 6.0, 225)
    return [Atoms(pair, [[0, 0, 0], [r, 0, 0]]) for pair in pairs for r in radii]


def rattled(atoms: Atoms, copies: int) -> list[Atoms]:
    found = [atoms.copy() for _ in range(copies)]
    for seed, image in enumerate(found):
        image.rattle(0.05, seed=seed)
    return found


def seconds(calculator: object, batches: Sequence[Sequence[Atoms]], rounds: int = 3) -> float:
    """Return the shortest time of evaluating all batches, each image moved before."""
    times = []
    for k in range(rounds + 1):  # the first is for the kernels to be loaded
        images = [[atoms.copy() for atoms in batch] for batch in batches]
        for batch in images:
            for atoms in batch:
                atoms.positions[0] += 1e-3 * k  # or a cache would answer
        start = time.perf_counter()
        for batch in images:
            evaluate(calculator, batch, properties=PROPERTIES)
        times.append(time.perf_counter() - start)
    return min(times[1:])


def difference(device: object, cpu: object, images: Sequence[Atoms]) -> tuple[float, float]:
    """Return the largest differences of energies (eV/atom) and of forces (eV/Å) below 100 eV/Å."""
    ours, theirs = (evaluate(c, images, properties=PROPERTIES) for c in (device, cpu))
    energies = [abs(a.energy - b.energy) / len(b.forces) for a, b in zip(ours, theirs, strict=True)]
    forces = [
        abs(a.forces - b.forces).max()
        for a, b in zip(ours, theirs, strict=True)
        if abs(b.forces).max() < 100
    ]
    return max(energies), max(forces)


def measure(options: argparse.Namespace) -> None:
    name, device = options.backend, options.device
    calculator, cpu = get_calculator(name, device=device), get_calculator(name, device="cpu")
    import torch

    torch.set_num_threads(1)
    if device != "cpu":
        free, total = (x / 1024**3 for x in torch.cuda.mem_get_info())
        card = torch.cuda.get_device_name()
        print(f"{card}, {free:.0f} of {total:.0f} GiB free; torch {torch.__version__}")
    small = [bulk(x) for x in ("Cu", "Al", "Ag", "Au", "Ni", "Pd", "Pt", "Si", "W", "Mo", "Nb")]
    sets = {
        "dimers": (dimers(), 9),
        "unit cells of elements": ([x for atoms in small for x in rattled(atoms, 8)], 4),
        "Cu, 108 atoms": (rattled(bulk("Cu", cubic=True) * (3, 3, 3), 96), 8),
        "MgO, 96 atoms": (rattled(bulk("MgO", "rocksalt", 4.25, cubic=True) * (2, 2, 3), 96), 8),
    }
    for what, (images, every) in sets.items():
        sample = images[::every]
        alone = seconds(calculator, [[atoms] for atoms in sample]) / len(sample)
        if device != "cpu":
            torch.cuda.reset_peak_memory_stats()
        batched = seconds(calculator, [images]) / len(images)
        peak = torch.cuda.max_memory_allocated() / 1024**3 if device != "cpu" else np.nan
        on_cpu = seconds(cpu, [sample[:8]], rounds=1) / len(sample[:8])
        energy, force = difference(calculator, cpu, sample[:8])
        print(
            f"{name}, {len(images)} {what}: one by one {1e3 * alone:.2f} ms, in batches "
            f"{1e3 * batched:.3f} ms ({alone / batched:.0f} times faster); CPU in batches "
            f"{1e3 * on_cpu:.2f} ms; differences {energy:.1e} eV/atom, {force:.1e} eV/Å; "
            f"at most {peak:.1f} GiB",
            flush=True,
        )


if __name__ == "__main__":
    script = Script(__doc__, "chgnet", out=False)
    script.add_argument("--device", default="cuda", help="cuda, cuda:1, cpu")
    script.run(measure)
