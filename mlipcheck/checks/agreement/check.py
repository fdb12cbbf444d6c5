"""The check of agreement: each model's run keeps what it says, and several are compared."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator

from ...calculators.evaluate import evaluate
from ...calculators.records import Evaluation
from ...check import Check, Context, Skip, Task
from ...criterion import OWN_CONVENTION, Criterion, Evidence, Reading
from ...drawing.tables import (
    MISSING,
    Block,
    Column,
    Paragraph,
    TableBlock,
    capital,
    count,
    number,
    some,
)
from ...record import Model
from ...references.frame_sets import FrameSet
from ...references.inputs import DATA_SETS
from ...references.labels import LabelledFrame
from ...references.structures import RelaxedReference
from ...system import Settings, System
from ...uses import ALL_USES, OWN, PUBLIC
from ..parity.label_warnings import doubt_own
from .compare import MIN_STRUCTURES, compare_models
from .record import FLOOR, Difference, Predicted, Predictions

if TYPE_CHECKING:
    from ...drawing.panel import Panel

STRUCTURES, ATOMS = 30, 2000  # of each set; atoms of all sets together
QUICK_STRUCTURES, QUICK_ATOMS = 10, 400
BATCH = 4
DIGITS = 5  # of forces in eV/Å, so that results stay small
UNLABELLED = "structures"  # the set of those without labels
AGREE = "the nearest model agrees, which does not show that either is right"
DIFFER = "every other model differs"
WHY = "of two models that differ by d, one is wrong by d/2 or more"


def read_forces(row: Predictions) -> Reading | None:
    """Read how far the nearest of the other models is: who agrees with none is suspect."""
    found = [d for d in row.others if d.share is not None]
    if not found:
        return None
    d = min(found, key=lambda d: d.share or 0.0)
    text = f"{number(d.force, '.3g')} eV/Å from {d.model}, of {number(d.size, '.3g')}"
    if d.warns is False:
        return Reading(None, f"{text}; where they differ more, errors are no larger")
    element, off = next(iter(d.elements.items()))
    return Reading(d.share, f"{text}, most on {element} ({off:.3g})" if off else text)


def read_energies(row: Predictions) -> Reading | None:
    """Read the same of energies, where constants leave enough of them."""
    found = [d for d in row.others if np.isfinite(d.energies).sum() >= MIN_STRUCTURES]
    if not found:
        return None
    d = min(found, key=lambda d: d.energy or 0.0)
    off = 1000 * (d.energy or 0.0)
    return Reading(off, f"{off:.3g} meV/atom from {d.model}")


class Agreement(Check[Predictions]):
    """Compare several models on the same structures, which need no labels."""

    name = "agreement"
    title = "agreement of models"
    asks = "where models differ on your structures"
    row = Predictions
    wants = ("parity",)
    comparable = False
    criteria = (
        Criterion(
            "forces beside other models",
            read_forces,
            caution=0.3,
            fail=None,
            unit="x the forces",
            source=f"{OWN_CONVENTION}: forces below {FLOOR:g} eV/Å count as that, median structure",
            good=AGREE,
            bad=DIFFER,
            why=WHY,
            hints=tuple(use for use in ALL_USES if use != "energies"),
        ),
        Criterion(
            "energies beside other models",
            read_energies,
            caution=50.0,
            fail=None,
            unit="meV/atom",
            source=f"{OWN_CONVENTION}: less a constant for each element, median structure",
            good=AGREE,
            bad=DIFFER,
            why=WHY,
            hints=("energies",),
        ),
    )
    methods = (
        Column("structures", lambda r: f"{len(r.structures)} of {r.given}"),
        Column("from", lambda r: r.source or "-"),
    )

    def tasks(self, system: System, settings: Settings) -> list[Task | Skip]:
        sets = _sets(system)
        most, atoms = (QUICK_STRUCTURES, QUICK_ATOMS) if settings.quick else (STRUCTURES, ATOMS)
        tasks: list[Task | Skip] = []
        for s in sets:
            size = np.mean([len(f.atoms) for f in s.frames])
            drawn = s.sample(max(1, min(most, int(atoms / len(sets) / size))), settings.seed)
            images = [f.atoms for f in drawn.frames]
            middle = sorted(images, key=len)[len(images) // 2]
            name, key = f"{s.name} ({count(len(images), 'structure')})", drawn.fingerprint
            work = sum(map(len, images)) / len(middle)
            subject = (drawn, len(s.frames))
            tasks.append(Task(name, subject, key, middle, work, BATCH, steps=len(images)))
        return tasks or [Skip("no structures of your own given")]

    def run(self, calculator: BaseCalculator, task: Task, context: Context) -> list[Predictions]:
        drawn, given = task.subject
        images = [f.atoms for f in drawn.frames]
        found = evaluate(calculator, images, progress=context.advance)
        pairs = [(f, e) for f, e in zip(drawn.frames, found, strict=True) if e.error is None]
        compared = [p for p in context.earlier.get("parity", ()) if p.name == drawn.name]
        doubts = [doubt for p in compared for doubt in p.doubts]
        labelled = any(f.forces is not None for f, _ in pairs)
        own = doubt_own(pairs) if labelled else None
        row = Predictions(
            name=drawn.name,
            source=drawn.source,
            given=given,
            structures=tuple(map(_predicted, drawn.frames, found)),
            doubts=tuple(dict.fromkeys([*doubts, own] if own else doubts)),
            error=None if pairs else f"the model fails on every structure: {found[0].error}",
        )
        return [row]

    def evidence(self, row: Predictions) -> Evidence:
        return Evidence(PUBLIC if row.source in DATA_SETS else OWN)

    def beside(
        self, models: Sequence[tuple[str, Sequence[Predictions]]]
    ) -> list[list[Predictions]]:
        judged = []
        for label, rows in models:
            beside = [other for other in models if other[0] != label]
            found = [[compare_models(row, *other[::-1]) for other in beside] for row in rows]
            judged.append(
                [
                    dataclasses.replace(row, others=tuple(d for d in differences if d))
                    for row, differences in zip(rows, found, strict=True)
                ]
            )
        return judged

    def tables(self, models: Sequence[Model]) -> list[Block]:
        """Return a line for each two models and set; of one alone, what it keeps for others."""
        failed = [p for m in models for p in self.remarks(m.run.rows(self.name))]
        pairs = list_pairs(models)
        once = [p for p in pairs if p[0].letter < p[1].letter]
        lines = tuple((row.name, f"{a.letter}, {b.letter}", *_cells(d)) for a, b, row, d in once)
        if lines:
            numeric = (False, False, True, True, True, False, False)
            table = TableBlock(capital(self.title), HEADS, lines, numeric)
            words = [*dict.fromkeys(_words(*pair) for pair in pairs)]
            return [table, *words, *failed]
        kept = [
            f"{len(r.structures)} of {r.name}" for m in models[:1] for r in m.run.rows(self.name)
        ]
        text = f"Structures kept to compare models (mlipcheck report A B): {some(kept)}."
        return [Paragraph(text), *failed] if kept else []

    def figures(self, models: Sequence[Model]) -> list[Panel]:
        from .figures import draw_panels

        return draw_panels(list_pairs(models))


HEADS = (
    "set",
    "models",
    "energy\nmeV/atom (of)",
    "forces\neV/Å (of)",
    "size of\nforces",
    "most on",
    "most in",
)


def list_pairs(models: Sequence[Model]) -> list[tuple[Model, Model, Predictions, Difference]]:
    """Return how each model's sets differ from those of each other one."""
    return [
        (one, other, row, d)
        for one in models
        for row in one.run.rows("agreement")
        for d in row.others
        for other in models
        if d.model == other.label
    ]


def _words(one: Model, other: Model, row: Predictions, d: Difference) -> Paragraph:
    """Say whether the difference of two models warns of the first one's errors."""
    if d.rank is None:
        both = " and ".join(sorted((one.letter, other.letter)))
        text = f"{row.name}, {both}: whether their difference warns of errors is not assessed"
        return Paragraph(f"{text}: {d.why_not}.")
    says = "which warns of its errors" if d.warns else "so that it warns of nothing here"
    ranks = [f"{r.value:.2f} [{r.low:.2f}, {r.high:.2f}]" for r in (d.rank, d.size_rank) if r]
    alone = f"; that of the mere size of the forces is {ranks[1]}" if ranks[1:] else ""
    caps = [f", but {x.text}" for x in row.doubts if x.bears_on(["forces"])]
    return Paragraph(
        f"{row.name}, {one.letter}: Spearman's correlation of its error with its difference from "
        f"{other.letter} is {ranks[0]}, {says}{alone}{''.join(caps[:1])}."
    )


def _cells(d: Difference) -> tuple[str, ...]:
    energy = None if d.energy is None else 1000 * d.energy
    most = [f"{x} {off:.2g}" for x, off in d.elements.items() if off][:3]
    known = [k for k in range(len(d.names)) if d.forces[k] > 0]
    farthest = max(known, key=lambda k: d.forces[k], default=None)
    return (
        number(energy, ".3g") + f" ({np.isfinite(d.energies).sum()})" * (energy is not None),
        f"{number(d.force, '.3g')} ({len(d.names)})",
        number(d.size, ".3g"),
        some(most, 3) or MISSING,
        MISSING if farthest is None else f"{d.names[farthest]} {d.forces[farthest]:.2g}",
    )


def _sets(system: System) -> list[FrameSet]:
    """Return the sets of labelled frames, and the user's structures without labels as another."""
    sets = [(s, tuple(f for f in s.frames if len(f.atoms))) for s in system.frames]
    known = {_fingerprint(f.atoms) for _, frames in sets for f in frames}
    new = {_fingerprint(atoms): (name, atoms) for name, atoms in system.structures}
    bare = tuple(
        LabelledFrame(name, atoms, None, None, None, run=name)
        for key, (name, atoms) in new.items()
        if key not in known
    )
    sets.append((FrameSet(UNLABELLED, ""), bare))
    return [dataclasses.replace(s, frames=frames) for s, frames in sets if frames]


def _fingerprint(atoms: Atoms) -> str:
    return RelaxedReference("", "", atoms).fingerprint


def _predicted(frame: LabelledFrame, found: Evaluation) -> Predicted:
    forces = None if found.forces is None else np.round(found.forces.astype(float), DIGITS)
    off = None
    if forces is not None and frame.forces is not None:
        off = float(np.linalg.norm(forces - frame.forces, axis=1).mean())
    return Predicted(
        name=frame.name,
        fingerprint=_fingerprint(frame.atoms),
        formula=str(frame.atoms.symbols),
        run=frame.run,
        energy=found.energy,
        forces=forces,
        off=off,
        error=found.error,
    )
