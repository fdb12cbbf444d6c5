"""What a check-up is going to do, and about how long it takes."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator, InputError

from ..calculators.evaluate import evaluate
from ..calculators.registry import describe
from ..checks.contacts.closest import find_closest
from ..checks.dimers.scan import ScanPlan, list_pairs, plan_scan
from ..checks.interface import iter_checks
from ..checks.learning.plan import SIZES
from ..checks.parity.compare import PROPERTIES, check_settings
from ..checks.relaxation.relax import RelaxSettings
from ..references.frames import FrameSet
from ..references.structures import RelaxedReference
from .system import SIGNAL, System, find_system

# Of --quick: fixed amounts of work, so that two machines find the same.
QUICK_PAIRS, QUICK_STRUCTURES, QUICK_FRAMES = 10, 3, 20
QUICK_RELAXED_ATOMS, QUICK_ATOMS = 30, 400  # in all relaxations; in all frames
# What is evaluated, measured: a pair with its second look, a relaxation with its stress test.
POINTS_A_PAIR, CALLS_A_RELAXATION = 290, 45
CONTRACT = (2.0, 300)  # seconds, and evaluations of something small
TOY_LEARNING = 8.0  # seconds
EPOCHS, BACKWARD = 20, 2  # of fine-tuning; what a step for a frame costs in evaluations
REPEATS = 3  # draws of each N of a learning curve


@dataclass(frozen=True)
class Options:
    """What a user can choose of a check-up.

    ``reference`` is of dimer curves, ``energies`` the convention of labels, ``signal`` (eV) the
    difference that matters, ``learn`` whether to fine-tune for a learning curve, and ``target`` its
    error in eV/Å (eV for the toy).

    Raises
    ------
    InputError
        For what cannot be.
    """

    reference: tuple[Any, ...] = ("auto",)
    relax: RelaxSettings = field(default_factory=RelaxSettings)
    energies: str | None = None
    signal: float | None = None
    seed: int = 0
    independent: bool = False
    learn: bool = False
    target: float | None = None
    quick: bool = False

    def __post_init__(self) -> None:
        check_settings(self.energies, self.signal)
        if self.target is not None and not self.target > 0:
            raise InputError(f"target is {self.target}; give a positive error")
        if self.target is not None and not self.learn:
            raise InputError("--target is of the learning curve; give --learn too")
        if self.quick and self.learn:
            raise InputError("--learn takes minutes; leave out --quick")


@dataclass(frozen=True, eq=False)
class Plan:
    """What is going to be done.

    Attributes
    ----------
    system : System
    options : Options
    scan : ScanPlan or None
    not_run : dict of str to str
        The checks that will not run, and why.
    work : dict of str to str
        The checks that will, and on what, in words.
    seconds : dict of str to float
        About how long each takes.
    """

    system: System
    options: Options
    scan: ScanPlan | None
    not_run: dict[str, str]
    work: dict[str, str]
    seconds: dict[str, float]

    @property
    def total(self) -> float:
        return sum(self.seconds.values())


def plan_checkup(
    calculator: BaseCalculator, what: Sequence[str] = (), options: Options | None = None
) -> Plan:
    """Find out what was given and what is to be done with it, and try how long that takes.

    Parameters
    ----------
    calculator : any ASE calculator
    what : sequence of str
        Elements, pairs, data sets, files, folders; nothing is a demonstration.
    options : Options, optional

    Raises
    ------
    InputError
        For what cannot be read, a reference that is none, or several sets to learn from.
    """
    options = options or Options()
    system = find_system(calculator, what, independent=options.independent)
    if system.demonstration and system.frames and options.signal is None:
        options = dataclasses.replace(options, signal=SIGNAL)
    if options.quick:
        system = _shortened(system, options.seed)
    missing = dict(system.missing)
    scan = None
    if system.elements:
        scan = plan_scan(calculator, system.elements, reference=options.reference)
    if "dimer" in missing:
        missing.setdefault("distances", missing["dimer"])
    if not system.frames:
        missing["signal"] = "no labelled frames given"
    elif options.signal is None:
        missing["signal"] = "no difference named; give --signal with one in eV"
    toy = system.demonstration and describe(calculator).backend == "toy"
    if not options.learn:
        missing["learning"] = "not asked for; give --learn"
    elif not toy and len(system.frames) != 1:
        names = ", ".join(s.name for s in system.frames) or "none"
        raise InputError(f"--learn takes one set of labelled frames; given: {names}")
    work = {"contract": f"{len(list(iter_checks()))} promises of an ASE calculator"}
    if scan is not None:
        work["dimer"] = _count(len(scan.grids), "pair", [("-".join(p)) for p in scan.grids])
    if system.references:
        work["relax"] = _count(
            len(system.references), "structure", [r.name for r in system.references]
        )
    if system.frames:
        total = sum(len(s.frames) for s in system.frames)
        work["parity"] = _count(total, "frame", [s.name for s in system.frames])
    if options.learn:
        work["learning"] = "the toy's own curve" if toy else system.frames[0].name
    seconds = _estimate(calculator, system, scan, options, toy)
    return Plan(system, options, scan, missing, work, {k: seconds[k] for k in work})


def _count(n: int, noun: str, names: Sequence[str], many: int = 4) -> str:
    told = ", ".join(names[:many]) + (", ..." if len(names) > many else "")
    return f"{n} {noun}{'s' * (n != 1)}: {told}"


def _shortened(system: System, seed: int) -> System:
    """Leave out what --quick has no time for, and say so."""
    notes = list(system.notes)
    pairs = list_pairs(system.elements) if system.elements else []
    if len(pairs) > QUICK_PAIRS:
        # those that come closest first
        closest = find_closest(system.structures)
        pairs.sort(key=lambda p: closest.get(p, (np.inf, ""))[0])
        left = _count(len(pairs) - QUICK_PAIRS, "pair", ["-".join(p) for p in pairs[QUICK_PAIRS:]])
        notes.append(f"--quick leaves out {left}")
        pairs = pairs[:QUICK_PAIRS]
    kept: list[RelaxedReference] = []
    room = QUICK_RELAXED_ATOMS
    for r in system.references:
        atoms = 0 if r.relaxed is None else len(r.relaxed)
        if atoms <= room and len(kept) < QUICK_STRUCTURES:
            kept.append(r)
            room -= atoms
    if len(kept) < len(system.references):
        dropped = len(system.references) - len(kept)
        notes.append(f"--quick leaves out {dropped} of {len(system.references)} relaxations")
    missing = dict(system.missing)
    if system.references and not kept:
        missing["relax"] = f"--quick relaxes {QUICK_RELAXED_ATOMS} atoms at most"
    return dataclasses.replace(
        system,
        elements=tuple("-".join(p) for p in pairs),
        references=tuple(kept),
        frames=tuple(_sampled(s, QUICK_ATOMS / len(system.frames), seed) for s in system.frames),
        missing=missing,
        notes=tuple(notes),
    )


def _sampled(labels: FrameSet, atoms: float, seed: int) -> FrameSet:
    size = np.mean([len(f.atoms) for f in labels.frames])
    return labels.sample(max(1, min(QUICK_FRAMES, int(atoms / size))), seed)


def _estimate(
    calculator: BaseCalculator,
    system: System,
    scan: ScanPlan | None,
    options: Options,
    toy: bool,
) -> dict[str, float]:
    """Time a few structures of each kind; what fails takes no time."""
    pair = next(iter(scan.grids)) if scan is not None else ("N", "N")
    dimers = [Atoms(pair, [[0, 0, 0], [r, 0, 0]]) for r in np.linspace(1.0, 4.0, 24)]
    evaluate(calculator, dimers[:1])  # what is slow once
    one = _time(calculator, dimers[12:13])
    seconds = {"contract": CONTRACT[0] + CONTRACT[1] * one}
    many = _time(calculator, dimers) / len(dimers)
    seconds["dimer"] = (len(scan.grids) if scan else 0) * POINTS_A_PAIR * many
    relaxed = [r.relaxed for r in system.references if r.relaxed is not None]
    seconds["relax"] = CALLS_A_RELAXATION * _scaled(calculator, relaxed, 1)
    frames = [f.atoms for s in system.frames for f in s.frames if len(f.atoms)]
    seconds["parity"] = _scaled(calculator, frames, 4)
    seconds["learning"] = TOY_LEARNING
    if not toy and options.learn:
        a_frame = seconds["parity"] / max(1, len(frames))
        learnt = _frames_learnt(system.frames[0])
        seconds["learning"] = seconds["parity"] + EPOCHS * BACKWARD * a_frame * learnt
    return seconds


def _frames_learnt(labels: FrameSet) -> int:
    """Return how many frames all fits of a learning curve are fitted to."""
    pool = len(labels.frames) // 2
    draws = REPEATS if len({f.run for f in labels.frames}) > 1 else 1
    return sum(n * draws for n in SIZES if n <= pool)


def _scaled(calculator: BaseCalculator, images: Sequence[Atoms], batch: int) -> float:
    """Return about how long all images take, from some of a middling size."""
    if not images:
        return 0.0
    ordered = sorted(images, key=len)
    middle = len(ordered) // 2
    tried = ordered[max(0, middle - batch // 2) : middle + (batch + 1) // 2]
    share = sum(len(a) for a in tried) / sum(len(a) for a in images)
    return _time(calculator, tried) / share


def _time(calculator: BaseCalculator, images: Sequence[Atoms]) -> float:
    """Return the time of a second look, without what a calculator prepares for new atoms."""
    taken = 0.0
    for shift in (0.0, 1e-3):  # moved, or a cache would answer
        moved = [atoms.copy() for atoms in images]
        for atoms in moved:
            atoms.positions[0] += shift
        start = time.perf_counter()
        evaluate(calculator, moved, properties=PROPERTIES)
        taken = time.perf_counter() - start
    return taken
