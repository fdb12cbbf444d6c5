"""Speed as ratios measured side by side in one run, on one thread.

    python benchmarks/speed.py -b chgnet [dimers relaxations parity start]

What is compared takes turns, so that what else the machine does hits both sides alike. Times are
CPU seconds.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # read when numpy, vesin and torch are loaded

import argparse
import importlib.util
import resource
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from _script import Script
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import InputError
from ase.calculators.emt import EMT

from mlipcheck import (
    evaluate,
    get_calculator,
    load_frame_sets,
    load_references,
    parity,
    relax_against_reference,
)

OPTIMIZER, FMAX, STEPS = "BFGS", 0.02, 500
IMPORTS = {"chgnet": "import torch, chgnet.model", "sevennet": "import torch, sevenn.calculator"}


def fastest(rounds: int, clock: Callable[[], float] = time.process_time, **candidates: Any) -> Any:
    """Return the shortest time of each candidate in s, the candidates taking turns."""
    times: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(rounds):
        for name, function in candidates.items():
            start = clock()
            function()
            times[name].append(clock() - start)
    return {name: min(values) for name, values in times.items()}


def fresh(atoms: Atoms, calculator: Any) -> Callable[[], object]:
    """Return a function that computes energy and forces from scratch."""

    def compute() -> object:
        image = atoms.copy()
        image.calc = calculator
        calculator.reset()
        return image.get_potential_energy(), image.get_forces()

    return compute


def measure_toy() -> None:
    from vesin import NeighborList

    atoms = bulk("Cu", cubic=True) * (10, 10, 10)
    atoms.rattle(0.05, seed=1)
    toy = get_calculator("toy")
    neighbours = NeighborList(cutoff=toy.cutoff, full_list=False)
    t = fastest(
        7,
        neighbours=lambda: neighbours.compute(atoms.positions, atoms.cell[:], True, "ijdD"),
        toy=fresh(atoms, toy),
        emt=lambda: fresh(atoms, EMT())(),
    )
    print(f"toy, {len(atoms)} Cu atoms: {1e3 * t['toy']:.1f} ms")
    print(f"  toy / neighbour list alone: {t['toy'] / t['neighbours']:.2f} (at most 3)")
    print(f"  EMT / toy:                  {t['emt'] / t['toy']:.1f} (at least 3)")


def own_calculator(name: str) -> Any:
    """Return the calculator of the model's own package."""
    if name == "chgnet":
        from chgnet.model import CHGNet
        from chgnet.model.dynamics import CHGNetCalculator

        model = CHGNet.load(use_device="cpu", verbose=False)
        return CHGNetCalculator(model, use_device="cpu", on_isolated_atoms="ignore")
    from sevenn.calculator import SevenNetCalculator

    return SevenNetCalculator("7net-0", device="cpu")


class Recorder:
    """A function that keeps what it was called with, and adds up the CPU time that it takes."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
        self.seconds = 0.0

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.calls.append((args, kwargs))
        start = time.process_time()
        found = self.function(*args, **kwargs)
        self.seconds += time.process_time() - start
        return found


def measure_dimers(name: str, every: int) -> None:
    """Print how many times faster a dimer scan is in batches, and how much of it is the model."""
    ours, theirs = get_calculator(name, device="cpu"), own_calculator(name)
    pairs = ("Cu2", "CuSi", "CuO", "Si2", "SiO", "O2")
    radii = np.linspace(0.4, 6.0, 225)
    images = [Atoms(pair, [[0, 0, 0], [r, 0, 0]]) for pair in pairs for r in radii][::every]
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
    print(f"  ours one by one / batched: {t['ours'] / len(sample) / batched:.1f} (at least 8)")
    print(f"  {name}'s own calculator / batched: {t['theirs'] / len(sample) / batched:.1f}")
    # what the model does on prepared graphs: forward and backward
    owner, method = (ours, "_predict") if name == "chgnet" else (ours.model, "forward")
    model = Recorder(getattr(owner, method))
    setattr(owner, method, model)
    start = time.process_time()
    evaluate(ours, images)
    share = model.seconds / (time.process_time() - start)
    print(f"  forward and backward on prepared graphs: {100 * share:.0f} % of that")


def measure_relaxations(name: str, every: int) -> None:
    """Print CPU time and evaluations of relaxing the dcdft crystals, over those of matcalc."""
    if not importlib.util.find_spec("matcalc"):
        print("relaxations: matcalc is not installed, not measured")
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from matcalc import RelaxCalc

        ours, base = get_calculator(name, device="cpu"), own_calculator(name)
        theirs = RelaxCalc(base, optimizer=OPTIMIZER, fmax=FMAX, max_steps=STEPS, relax_cell=True)
        counts = Recorder(ours.evaluate_batch), Recorder(base.calculate)
        ours.evaluate_batch, base.calculate = counts
        for atoms in (bulk("Cu"),):  # what is loaded with the first
            fresh(atoms, ours)(), fresh(atoms, base)()
        seconds = np.zeros(2)
        crystals = load_references("dcdft")[::every]
        for recorder in counts:
            recorder.calls.clear()
        for k, crystal in enumerate(crystals):
            tasks = [
                lambda c=crystal: relax_against_reference(
                    ours, c, fmax=FMAX, steps=STEPS, optimizer=OPTIMIZER
                ),
                lambda c=crystal: theirs.calc(c.relaxed.copy()),
            ]
            for which in (0, 1) if k % 2 else (1, 0):
                start = time.process_time()
                tasks[which]()
                seconds[which] += time.process_time() - start
    asked = sum(len(args[0]) for args, _ in counts[0].calls), len(counts[1].calls)
    print(f"{name}, {len(crystals)} dcdft crystals, {OPTIMIZER}, fmax {FMAX:g} eV/Å, free cell:")
    print(
        f"  ours {seconds[0]:.1f} s for {asked[0]} evaluations, stress and volume tested; ", end=""
    )
    print(f"matcalc's RelaxCalc {seconds[1]:.1f} s for {asked[1]}")
    print(f"  ours / matcalc: {seconds[0] / seconds[1]:.2f} (at most 1)")


def measure_parity(name: str, every: int) -> None:
    """Print the share of the model alone in a comparison with labelled frames of MPtrj."""
    if name != "chgnet":
        print(f"parity: measured with chgnet only, not with {name}")
        return
    from pymatgen.io.ase import AseAtomsAdaptor

    ours, theirs = get_calculator(name, device="cpu"), own_calculator(name)
    (whole,) = load_frame_sets("mptrj-random-1k")
    frames = whole.sample(max(2, 100 // every), seed=0)
    structures = [AseAtomsAdaptor.get_structure(f.atoms) for f in frames.frames]
    predict = ours._predict = Recorder(ours._predict)
    parity(ours, frames)
    ours._predict, batches = predict.function, list(predict.calls)  # graphs, as they are batched
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        t = fastest(
            3,
            alone=lambda: [ours._predict(*args) for args, _ in batches],
            package=lambda: [
                ours.model.predict_graph(graphs, task="efs", batch_size=len(graphs))
                for (graphs, _), _ in batches
            ],
            ours=lambda: parity(ours, frames),
            theirs=lambda: theirs.model.predict_structure(structures, task="efs"),
        )
    print(f"{name}, {len(structures)} frames of MPtrj: {t['ours']:.1f} s")
    share = t["package"] / t["ours"]
    print(f"  chgnet's own pass on prepared graphs / ours, whole: {share:.2f} (at least 0.9)")
    print(f"  our pass on prepared graphs / ours, whole: {t['alone'] / t['ours']:.2f}")
    print(f"  chgnet's predict_structure / ours, whole: {t['theirs'] / t['ours']:.2f}")


def measure_start(name: str, every: int) -> None:
    """Print the time from the start of a command to its plan, over that of importing the model."""

    def imports() -> None:
        subprocess.run([sys.executable, "-c", IMPORTS[name]], check=True, capture_output=True)

    def command() -> None:
        words = [sys.executable, "-m", "mlipcheck", "run", "-b", name, "Cu"]
        with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
            assert process.stderr is not None
            process.stderr.readline()
            process.kill()

    def children() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    t = fastest(3, children, imports=imports, command=command)
    print(f"mlipcheck run -b {name} Cu: {t['command']:.1f} s to the plan")
    print(f"  that / {IMPORTS[name]}: {t['command'] / t['imports']:.2f} (at most 1.5)")


PARTS: dict[str, Callable[[str, int], None]] = {
    "dimers": measure_dimers,
    "relaxations": measure_relaxations,
    "parity": measure_parity,
    "start": measure_start,
}


def measure(options: argparse.Namespace) -> None:
    name, parts = options.backend, options.parts or PARTS
    if unknown := [part for part in parts if part not in PARTS]:
        raise InputError(f"no part is called {unknown[0]!r}; known: {', '.join(PARTS)}")
    get_calculator(name, device="cpu")  # a mistake is reported before any work
    if name == "toy":
        measure_toy()
        return
    if name not in IMPORTS:
        raise InputError(f"-b {name}: give toy, chgnet or sevennet")
    import torch

    torch.set_num_threads(1)
    for part in parts:
        PARTS[part](name, options.every)


if __name__ == "__main__":
    script = Script(__doc__, "chgnet", out=False)
    script.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; or all")
    script.add_argument("--every", type=int, default=1, help="measure on every so many only")
    script.run(measure)
