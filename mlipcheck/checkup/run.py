"""The check-up: every check that what was given allows, one record, one verdict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ase.calculators.calculator import BaseCalculator, InputError

from ..calculators.evaluate import iterate_evaluations
from ..calculators.records import Evaluation
from ..calculators.registry import describe
from ..checks.contacts.closest import closest_approaches
from ..checks.dimers.record import DimerScan
from ..checks.dimers.scan import scan_pairs
from ..checks.interface import check_calculator, iter_checks
from ..checks.interface.record import ContractResult
from ..checks.kept import probe
from ..checks.learning.frames import FrameLearner, iterate_fits
from ..checks.learning.record import LearningCurve
from ..checks.learning.toy import SIZES, TRIALS, toy_learning_curve
from ..checks.parity.compare import PROPERTIES, compare_frames
from ..checks.relaxation.energies import compare_energies
from ..checks.relaxation.record import Relaxation
from ..checks.relaxation.relax import iterate_relaxations
from ..record import RunRecord
from ..references.datasets import cache_folder
from ..references.frames import FrameSet
from ..storage import collect_versions, to_plain, today
from ..verdict import conclude
from .plan import (
    REPEATS,
    Options,
    Plan,
    plan_checkup,
)
from .store import PartStore

CHUNK = 25  # frames that are kept together, and lost together

# What shows how far a check is: entered with its name and its number of steps.
Progress = Callable[[str, int | None], AbstractContextManager[Callable[[int], None]]]


def check_up(
    calculator: BaseCalculator, what: Sequence[str] = (), options: Options | None = None
) -> RunRecord:
    """Run every check that what was given allows, and judge.

    Parameters
    ----------
    calculator : any ASE calculator
    what : sequence of str
        Elements (``"Cu"``), pairs (``"Cu-O"``), names of data sets, files and folders; nothing is a
        demonstration.
    options : Options, optional

    Returns
    -------
    RunRecord
        What was found, its findings and advice; `mlipcheck.report` makes a page of it.

    Raises
    ------
    InputError
        For what cannot be read or cannot be.
    """
    return run_checkup(calculator, plan_checkup(calculator, what, options))


def run_checkup(
    calculator: BaseCalculator,
    plan: Plan,
    *,
    store: PartStore | None = None,
    progress: Progress | None = None,
    command: str = "check_up",
) -> RunRecord:
    """Do what is planned; an interruption ends it early, and what is finished counts.

    Parameters
    ----------
    calculator : any ASE calculator
    plan : Plan
    store : PartStore, optional
        Where finished parts are kept: the same plan goes on from there. Who gives it clears it.
    progress : callable, optional
        Called with the name of each check and its number of steps; returns a context manager of a
        function that takes the steps done.
    command : str
        For the record.
    """
    info = describe(calculator)
    work = _Work(calculator, plan, store or PartStore(None, None), progress or _silent)
    interrupted = False
    try:
        work.run()
    except KeyboardInterrupt:
        interrupted = True
    results = work.results
    not_run = plan.not_run | {
        check: "interrupted" for check in plan.work if check not in work.finished
    }
    not_run |= work.failed
    for check, needs, part in (
        ("distances", "dimer", "approaches"),
        ("signal", "parity", "parities"),
    ):
        if needs in not_run and not results[part]:
            not_run.setdefault(check, not_run[needs])
    rows: dict[str, Any] = {name: tuple(found) for name, found in results.items()}
    return conclude(
        RunRecord(
            command=command,
            calculator=info,
            versions=collect_versions(info.backend),
            settings=to_plain(
                {
                    "elements": plan.system.elements,
                    "demonstration": plan.system.demonstration,
                    **vars(plan.options),
                    "notes": plan.system.notes,
                    "interrupted": interrupted,
                }
            ),
            not_run=not_run,
            created=today(),
            **rows,
        )
    )


def _silent(name: str, total: int | None) -> AbstractContextManager[Callable[[int], None]]:
    return nullcontext(lambda n: None)


@dataclass(eq=False)
class _Work:
    """What is done so far: each check adds its rows as they come."""

    calculator: BaseCalculator
    plan: Plan
    store: PartStore
    progress: Progress
    results: dict[str, list[Any]] = field(
        default_factory=lambda: {
            name: []
            for name in (
                "contract",
                "dimers",
                "approaches",
                "relaxations",
                "parities",
                "learning",
            )
        }
    )
    finished: set[str] = field(default_factory=set)
    failed: dict[str, str] = field(default_factory=dict)

    def run(self) -> None:
        checks = {
            "contract": self._contract,
            "dimer": self._dimer,
            "relax": self._relax,
            "parity": self._parity,
            "learning": self._learn,
        }
        for name in self.plan.work:
            try:
                checks[name]()
            finally:
                if name == "dimer":
                    self._approach()
                if name == "relax":
                    self.results["relaxations"] = compare_energies(self.results["relaxations"])
            self.finished.add(name)

    def _contract(self) -> None:
        with self.progress("contract", len(list(iter_checks()))) as advance:
            kept = self.store.get(tuple[ContractResult, ...], "contract")
            if kept is None:
                try:
                    kept = check_calculator(self.calculator, progress=advance)
                except InputError as error:  # it answers for nothing that is tried
                    self.failed["contract"] = str(error)
                    return
                kept = self.store.put(tuple[ContractResult, ...], kept, "contract")
        self.results["contract"] += kept

    def _dimer(self) -> None:
        assert self.plan.scan is not None
        with self.progress("dimer scan", len(self.plan.scan.grids)) as advance:
            for pair in self.plan.scan.grids:
                one = self.plan.scan.of(pair)
                curves = [(c.name, c.distances, c.energies) for c in one.curves.values()]
                name = ("dimer", pair, one.scales[pair], one.grids[pair], curves)
                kept = self.store.get(DimerScan, *name)
                if kept is None:
                    (scan,) = scan_pairs(self.calculator, one)
                    kept = self.store.put(DimerScan, scan, *name, keep=scan.error is None)
                self.results["dimers"].append(kept)
                advance(1)

    def _approach(self) -> None:
        structures = self.plan.system.structures
        if structures:
            self.results["approaches"] += closest_approaches(structures, self.results["dimers"])

    def _relax(self) -> None:
        how, references = self.plan.options.relax, self.plan.system.references
        with self.progress("relaxing", len(references)) as advance:
            for reference in references:
                name = ("relax", reference.name, reference.source, reference.fingerprint, how)
                kept = self.store.get(Relaxation, *name)
                if kept is None:
                    (kept,) = iterate_relaxations(self.calculator, [reference], how)
                    kept = self.store.put(Relaxation, kept, *name, keep=kept.error is None)
                self.results["relaxations"].append(kept)
                advance(1)

    def _parity(self) -> None:
        options, sets = self.plan.options, self.plan.system.frames
        with self.progress("frames", sum(len(s.frames) for s in sets)) as advance:
            for labels in sets:
                found = self._evaluate(labels, advance)
                row = compare_frames(
                    self.calculator,
                    labels,
                    found,
                    energies=options.energies,
                    signal=options.signal,
                    seed=options.seed,
                )
                self.results["parities"].append(row)

    def _evaluate(self, labels: FrameSet, advance: Callable[[int], None]) -> list[Evaluation]:
        found: list[Evaluation] = []
        for start in range(0, len(labels.frames), CHUNK):
            images = [f.atoms for f in labels.frames[start : start + CHUNK]]
            name = ("parity", labels.fingerprint, start, CHUNK)
            kept = self.store.get(tuple[Evaluation, ...], *name)
            if kept is None:
                by_index = {}
                for k, result in iterate_evaluations(self.calculator, images, PROPERTIES):
                    by_index[k] = result
                    advance(1)
                results = [by_index[k] for k in range(len(images))]
                whole = all(e.error is None for e in results)
                kept = self.store.put(tuple[Evaluation, ...], results, *name, keep=whole)
            else:
                advance(len(images))
            found += kept
        return found

    def _learn(self) -> None:
        target = self.plan.options.target
        curves = self.results["learning"]
        sets = self.plan.system.frames
        if self.plan.system.demonstration:
            with self.progress("learning", 2 * len(SIZES) * TRIALS) as advance:
                for tuned in (False, True):
                    curves.append(toy_learning_curve(tuned=tuned, target=target, progress=advance))
            return
        curves += self._learn_from(sets[0], target)

    def _learn_from(self, labels: FrameSet, target: float | None) -> Sequence[LearningCurve]:
        seed = self.plan.options.seed
        learner = FrameLearner(self.calculator, labels, seed)
        fits = learner.plan(None, REPEATS, seed)
        results = []
        with self.progress("fits", len(fits)) as advance:
            for done in iterate_fits(learner, fits, cache_folder() / "learn"):
                results.append(done)
                advance(1)
        return learner.curves(results, target)


def make_store(calculator: BaseCalculator, folder: Path, plan: Plan | None = None) -> PartStore:
    """Return where the parts of check-ups with this model are kept; of ``plan``, if it is known."""
    info = describe(calculator)
    words = plan.system.elements if plan is not None else ()  # elements and pairs
    numbers = probe(calculator, (x for word in words for x in word.split("-")))
    return PartStore(folder, [info, collect_versions(info.backend)], numbers)
