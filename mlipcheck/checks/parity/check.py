"""The check of labelled frames: which sets, what each costs, and what would help."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from ase.calculators.calculator import BaseCalculator

from ...check import Check, Context, Skip, Task
from ...criterion import Evidence
from ...drawing.tables import Block, Column, count, list_reasons
from ...record import CROSSED, Advice, Model, RunRecord
from ...references.frame_sets import FrameSet
from ...references.inputs import DATA_SETS
from ...system import Settings, System
from ...uses import OWN, PUBLIC, TOY
from .compare import check_settings, summarise
from .criteria import CRITERIA, FORCE_QUESTIONS
from .pieces import iterate_pieces
from .record import Parity
from .tables import make_tables

if TYPE_CHECKING:
    from ...drawing.panel import Panel

READING = 2e-4  # s that a frame takes to be read from disk and reduced
QUICK_FRAMES, QUICK_ATOMS = 20, 400  # of each set; atoms of all sets together
BATCH = 4


class ParityCheck(Check[Parity]):
    """Compare the model with labelled frames."""

    name = "parity"
    title = "labelled frames"
    asks = "how wrong the model is on your own structures"
    row = Parity
    criteria = CRITERIA
    methods = (
        Column("frames", lambda p: f"{p.frames} ({p.runs} independent runs)"),
        Column("from", lambda p: p.source or "-"),
        Column("level of theory", lambda p: p.level_of_theory or "not known"),
    )

    def tasks(self, system: System, settings: Settings) -> list[Task | Skip]:
        check_settings(settings)
        skips: list[Task | Skip] = [Skip(why) for why in list_reasons(system.unlabelled)]
        if not system.frames:
            return skips or [Skip("no labelled frames given")]
        tasks = []
        for s in system.frames:
            if settings.quick:
                s = _fewer(s, QUICK_ATOMS / len(system.frames), settings.seed)
            atoms = [f.atoms for f in s.frames]
            middle = sorted(atoms, key=len)[len(atoms) // 2]
            n, size = len(s.every), s.atoms / max(1, len(middle))
            name = f"{s.name} ({count(n, 'frame')})"
            key = (*s.key, settings.energies, settings.energy_resolution, settings.seed)
            seconds = n * READING if s.stored is not None else 0.0
            tasks.append(Task(name, s, key, middle, size, BATCH, seconds, steps=n))
        return [*tasks, *skips]

    def run(self, calculator: BaseCalculator, task: Task, context: Context) -> list[Parity]:
        pieces = iterate_pieces(calculator, task.subject, context)
        return [summarise(calculator, task.subject, pieces, context.settings)]

    def evidence(self, row: Parity) -> Evidence:
        if row.level_of_theory == "analytic":
            return Evidence(TOY, row.doubts)
        return Evidence(PUBLIC if row.source in DATA_SETS else OWN, row.doubts)

    def tables(self, models: Sequence[Model]) -> list[Block]:
        return make_tables(models)

    def figures(self, models: Sequence[Model]) -> list[Panel]:
        from .panels import draw_panels

        return draw_panels(models)

    def mismatch(self, one: Parity, other: Parity) -> list[str]:
        if one.fingerprint != other.fingerprint:
            return [f"{one.name} and {other.name} are not the same frames with the same labels"]
        asked = [p.ranking.difference if p.ranking else None for p in (one, other)]
        if asked[0] != asked[1] and one.ranking and other.ranking:
            return [f"{one.name}: the energy resolution is {asked[0]} and {asked[1]} eV"]
        return []

    def advice(self, run: RunRecord) -> list[Advice]:
        """Advise one factor on the forces where it was accepted; say where no factor helps."""
        crossed = [f for f in run.findings if f.check == self.name and f.status in CROSSED]
        off = {name for f in crossed if f.quantity in FORCE_QUESTIONS for name in f.subjects}
        found = []
        for p in run.rows(self.name):
            r = p.rescaling
            if r is None or p.name not in off:
                continue
            if r.accepted:
                text = (
                    f"Multiply the forces by {r.factor:.3f}: on frames of {p.name} left out of its "
                    f"fit, their error falls from {r.mae:.3g} to {r.rescaled_mae:.3g} eV/Å. It "
                    "corrects curvatures and barriers, and moves no minimum."
                )
                command = run.command_about("parity", p.typed, "--rescale", "--save", "factor.json")
                found.append(Advice("rescale", text, command))
            elif not p.doubts and (p.forces.deciding.error_type or "")[:4] != "soft":
                text = f"One factor does not correct the forces of {p.name}: "
                found.append(Advice("do not rescale", f"{text}{'; '.join(r.refused)}."))
        return found


def _fewer(labels: FrameSet, atoms: float, seed: int) -> FrameSet:
    size = np.mean([len(f.atoms) for f in labels.frames])
    return labels.sample(max(1, min(QUICK_FRAMES, int(atoms / size))), seed)
