"""From a user's words to a guard: what is scanned, and the scans."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext

from ase.calculators.calculator import BaseCalculator

from ..analysis.closest import find_closest
from ..calculators.guarded import Guard
from ..check import Context, Skip, Task
from ..checks.compression.check import Compression
from ..checks.compression.push import CompressedPair
from ..checks.dimers.scan import list_pairs, scan_dimers
from ..checkup.find import find_system
from ..checkup.run import Progress
from ..system import Settings
from .build import DISTANCES, GuardedPair, build_guard


def make_guard(
    calculator: BaseCalculator,
    what: Sequence[str],
    settings: Settings | None = None,
    progress: Progress | None = None,
) -> tuple[Guard, list[GuardedPair], list[str]]:
    """Scan every pair of the elements in vacuum and in the crystals, and build the guard.

    ``what`` are elements, files and folders; of elements, the crystals that dcdft has of them.
    ``settings`` say how files are read, ``progress`` is as of `run_checkup`. Returns the guard,
    what it does to each pair, and what was not scanned and why.

    Raises
    ------
    InputError
        For what cannot be read, and as `build_guard` does.
    """
    settings = settings or Settings()
    progress = progress or (lambda name, total: nullcontext(lambda n: None))
    system = find_system(calculator, what, options=settings.reading)
    pairs = list_pairs(dict.fromkeys(x for word in system.elements for x in word.split("-")))
    check = Compression()
    found = check.tasks(system, settings)
    tasks = [t for t in found if isinstance(t, Task)]
    with progress("pairs in vacuum", len(pairs)) as advance:
        scans = []
        for pair in pairs:
            scans += scan_dimers(calculator, [pair], distances=DISTANCES)
            advance(1)
    pushed: list[CompressedPair] = []
    with progress("pairs in crystals", sum(t.steps for t in tasks)) as advance:
        for task in tasks:
            pushed += check.run(calculator, task, Context(settings, advance=advance))
    notes = [t.reason for t in found if isinstance(t, Skip)]
    notes += [f"{p.name}: {p.error or p.failed}" for p in pushed if p.error or p.failed]
    closest = find_closest(system.structures)
    return *build_guard(calculator, scans, pushed, closest, what), notes
