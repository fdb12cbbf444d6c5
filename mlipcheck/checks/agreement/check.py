"""The check of agreement: each model's run keeps what it says, and several are compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator

from ...calculators.base import Evaluation
from ...calculators.evaluate import evaluate
from ...check import Check, Context, Skip, Task
from ...criterion import OWN_CONVENTION, Criterion, Reading
from ...drawing.colours import DARK
from ...drawing.tables import MISSING, Block, Column, Paragraph, TableBlock, count, some
from ...record import Model
from ...references.frame_sets import FrameSet
from ...references.labels import LabelledFrame
from ...references.structures import RelaxedReference
from ...system import Settings, System
from ...uses import ALL_USES
from ..parity.label_warnings import doubt_own
from .compare import FLOOR, MIN_STRUCTURES, Difference, Predicted, Predictions, compare_models

if TYPE_CHECKING:
    from ...drawing.panel import Panel

STRUCTURES, ATOMS = 30, 2000  # of each set; atoms of all sets together
QUICK_STRUCTURES, QUICK_ATOMS = 10, 400
BATCH = 4
DIGITS = 5  # of forces in eV/Å, so that results stay small
UNLABELLED = "structures"  # the set of those without labels
Pair = tuple[Model, Model, Predictions, Difference]
_SAME: dict[str, Any] = {
    "good": "the nearest model agrees, which does not show that either is right",
    "bad": "every other model differs",
    "why": "of two models that differ by d, one is wrong by d/2 or more",
}


def read_forces(row: Predictions) -> Reading | None:
    """Read how far the nearest of the other models is: who agrees with none is suspect."""
    found = [d for d in row.others if d.force is not None]
    if not found:
        return None
    d = min(found, key=lambda d: d.share or 0.0)
    text = f"{d.force:.3g} eV/Å from {d.model}, of {d.size:.3g}"
    if d.part is not None and d.part < 0.5:
        return Reading(None, f"{text}; by the labels the other is wrong")
    if d.rank and not d.warns:
        return Reading(None, f"{text}; errors are not larger where they differ more")
    element, off = next(iter(d.elements.items()))
    return Reading(d.share, f"{text}, most on {element} ({off:.3g})" if off else text)


def read_energies(row: Predictions) -> Reading | None:
    """Read the same of energies, where constants of elements leave something of most."""
    found = [d for d in row.others if d.energy is not None]
    if not found:
        return None
    d = min(found, key=lambda d: d.energy or 0.0)
    if d.energies < max(MIN_STRUCTURES, len(d.names) / 2):
        few = f"constants of elements leave {d.energies} of {len(d.names)} structures"
        return Reading(None, few)
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
            unit="x the forces",
            source=f"{OWN_CONVENTION}: forces below {FLOOR:g} eV/Å count as that, median structure",
            **_SAME,
            hints=tuple(use for use in ALL_USES if use != "energies"),
        ),
        Criterion(
            "energies beside other models",
            read_energies,
            caution=50.0,
            unit="meV/atom",
            source=f"{OWN_CONVENTION}: less a constant for each element, median structure",
            **_SAME,
            hints=("energies",),
        ),
    )
    methods = (Column("structures", lambda r: f"{len(r.structures)} of {r.given}"),)

    def tasks(self, system: System, settings: Settings) -> list[Task | Skip]:
        sets = _sets(system)
        most, atoms = (QUICK_STRUCTURES, QUICK_ATOMS) if settings.quick else (STRUCTURES, ATOMS)
        tasks: list[Task | Skip] = []
        for s in sets:
            size = np.mean([len(f.atoms) for f in s.frames])
            drawn = s.sample(max(1, min(most, int(atoms / len(sets) / size))), settings.seed)
            images = [f.atoms for f in drawn.frames]
            middle = sorted(images, key=len)[len(images) // 2]
            name = f"{s.name} ({count(len(images), 'structure')})"
            subject, work = (drawn, len(s.frames)), sum(map(len, images)) / len(middle)
            key, steps = drawn.key, len(images)
            tasks.append(Task(name, subject, key, middle, work, BATCH, steps=steps))
        return tasks or [Skip("no structures of your own given")]

    def run(self, calculator: BaseCalculator, task: Task, context: Context) -> list[Predictions]:
        drawn, given = task.subject
        images = [f.atoms for f in drawn.frames]
        found = evaluate(calculator, images, progress=context.advance)
        pairs = [(f, e) for f, e in zip(drawn.frames, found, strict=True) if e.error is None]
        labelled = any(f.forces is not None for f, _ in pairs)
        own = doubt_own(pairs) if labelled else None
        error = None if pairs else f"the model fails on every structure: {found[0].error}"
        kept = tuple(map(_predicted, drawn.frames, found))
        return [Predictions(drawn.name, given, kept, (own,) if own else (), error=error)]

    def finish(
        self, rows: Sequence[Predictions], earlier: Mapping[str, Sequence[Any]]
    ) -> list[Predictions]:
        """Add the doubts about labels of the same structures."""
        sets = earlier.get("parity", ())
        found = [[x for s in sets if s.name == row.name for x in s.doubts] for row in rows]
        pairs = zip(rows, found, strict=True)
        return [replace(r, doubts=tuple(dict.fromkeys([*known, *r.doubts]))) for r, known in pairs]

    def beside(
        self, models: Sequence[tuple[str, Sequence[Predictions]]]
    ) -> list[list[Predictions]]:
        def compare(label: str, row: Predictions) -> Predictions:
            found = [compare_models(row, rows, other) for other, rows in models if other != label]
            return replace(row, others=tuple(d for d in found if d))

        return [[compare(label, row) for row in rows] for label, rows in models]

    def tables(self, models: Sequence[Model]) -> list[Block]:
        """Return a line for each two models and set; of one alone, what it keeps for others."""
        failed = [p for m in models for p in self.remarks(m.run.rows(self.name))]
        pairs = list_pairs(models)
        if not pairs:
            rows = models[0].run.rows(self.name)
            kept = some([f"{len(r.structures)} of {r.name}" for r in rows], len(rows))
            text = f"Structures kept to compare models (mlipcheck report A B): {kept}."
            return [Paragraph(text), *failed] if rows else []
        once = [pair for pair in pairs if pair[0].letter < pair[1].letter]
        heads = ("set", "models", "energy\nmeV/atom (of)", "forces\neV/Å (of)", "size of\nforces")
        table = TableBlock(
            "Agreement of models on the same structures",
            (*heads, "most on", "most in"),
            tuple((r.name, f"{a.letter}, {b.letter}", *_cells(d)) for a, b, r, d in once),
            (False, False, True, True, True, False, False),
        )
        return [table, *dict.fromkeys(_words(*pair) for pair in pairs), *failed]

    def figures(self, models: Sequence[Model]) -> list[Panel]:
        """Draw the sets in which forces differ and have labels."""
        named: dict[str, list[Pair]] = {}
        for pair in list_pairs(models):
            if _shown(pair[3]).any():
                named.setdefault(pair[2].name, []).append(pair)
        return [_draw(name, pairs) for name, pairs in named.items()]


def list_pairs(models: Sequence[Model]) -> list[Pair]:
    """Return how each model's sets differ from those of each other one."""
    return [
        (one, other, row, d)
        for one in models
        for row in one.run.rows("agreement")
        for d in row.others
        for other in models
        if d.model == other.label
    ]


def _shown(d: Difference) -> np.ndarray:
    """Return which structures logarithmic axes can show."""
    return (d.errors > 0) & (d.forces > 0)


def _draw(name: str, pairs: Sequence[Pair]) -> Panel:
    """Draw the errors of models beside their differences, where there are labels."""
    from ...drawing.panel import Panel, label_axes, legend_below, new_axes, plain, printable, slug

    figure, axis = new_axes(4.2)
    words, ends = [], []
    for one, other, _, d in pairs:
        x, y = d.forces[_shown(d)], d.errors[_shown(d)]
        label = f"{one.label} beside {other.label}"
        look: dict[str, Any] = {"color": one.colour, "ms": 5, "alpha": 0.7, "mew": 0}
        axis.loglog(x, y, one.marker, label=printable(label, 50), **look)
        ends += [x.min(), x.max()]
        words.append(f"{plain(label)}: {f'Spearman {d.rank.value:.2f}' if d.rank else d.why_not}.")
    line = np.array([min(ends), max(ends)])
    axis.plot(line, line / 2, color=DARK, ls="--", lw=1, label="half of the difference")
    what = "of forces, mean over atoms (eV/Å)"
    label_axes(axis, f"difference {what}", f"error {what}", printable(name, 40))
    legend_below(figure, 1)
    caption = (
        f"Errors beside differences on {plain(name)}, a mark a structure: of two models one lies "
        "on the dashed line or above."
    )
    alt = f"{caption} {' '.join(words)}"
    return Panel(slug("agreement", name), caption, alt, ("agreement",), (name,), figure)


def _words(one: Model, other: Model, row: Predictions, d: Difference) -> Paragraph:
    """Say whether the difference of two models warns of the first one's errors."""
    a, b = one.letter, other.letter
    if d.rank is None:
        both = " and ".join(sorted((a, b)))
        about = f"whether the difference of {both} warns of errors is not known"
        return Paragraph(f"{row.name}: {about}: {d.why_not}.")
    known = f"Spearman {d.rank.value:.2f} [{d.rank.low:.2f}, {d.rank.high:.2f}]"
    size = f"; with the mere size of forces {d.size_rank.value:.2f}" if d.size_rank else ""
    known += size + "".join(f"; but {x.text}" for x in row.doubts if x.bears_on(["forces"]))
    more, says = ("", f"of {a}'s errors") if d.warns else ("not ", "of nothing here")
    text = f"where {b} differs more, {a} is {more}more wrong ({known}): the difference warns {says}"
    return Paragraph(f"{row.name}: {text}.")


def _cells(d: Difference) -> tuple[str, ...]:
    energy = MISSING if d.energy is None else f"{1000 * d.energy:.3g} ({d.energies})"
    force = MISSING if d.force is None else f"{d.force:.3g} ({np.isfinite(d.forces).sum()})"
    on = [f"{x} {off:.2g}" for x, off in d.elements.items() if off][:3]
    where = [f"{d.names[k]} {d.forces[k]:.2g}" for k in np.argsort(-d.forces) if d.forces[k] > 0]
    size = MISSING if d.size is None else f"{d.size:.3g}"
    return energy, force, size, ", ".join(on) or MISSING, [*where, MISSING][0]


def _sets(system: System) -> list[FrameSet]:
    """Return the sets of labelled frames, and the user's structures without labels as another."""
    sets = [(s, tuple(f for f in s.frames if len(f.atoms))) for s in system.frames]
    known = {_fingerprint(f.atoms) for _, frames in sets for f in frames}
    new = {_fingerprint(atoms): (name, atoms) for name, atoms in system.structures}
    bare = [x for key, x in new.items() if key not in known]
    frames = tuple(LabelledFrame(name, atoms, None, None, None, run=name) for name, atoms in bare)
    sets.append((FrameSet(UNLABELLED, ""), frames))
    return [replace(s, frames=frames) for s, frames in sets if frames]


def _fingerprint(atoms: Atoms) -> str:
    return RelaxedReference("", "", atoms).fingerprint


def _predicted(frame: LabelledFrame, found: Evaluation) -> Predicted:
    atoms = frame.atoms
    forces = np.full((len(atoms), 3), np.nan) if found.forces is None else found.forces
    forces = np.round(forces.astype(float), DIGITS)
    off = np.nan if frame.forces is None else np.linalg.norm(forces - frame.forces, axis=1).mean()
    energy = np.nan if found.energy is None else found.energy
    numbers = forces, energy, float(off), frame.run, found.error
    return Predicted(frame.name, _fingerprint(atoms), str(atoms.symbols), *numbers)
