"""The check of labelled frames: which sets, what each costs, tables, and what would help.

In tables a set has a column, and models stand beside each other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
from ase import units
from ase.calculators.calculator import BaseCalculator

from ...analysis.statistics import Estimate
from ...check import Check, Context, Skip, Task, align, named
from ...criterion import Evidence
from ...drawing import tables as text_tables
from ...drawing.tables import MISSING, Block, Column, Paragraph, capital, count, number
from ...record import CROSSED, Advice, Model, RunRecord
from ...references.inputs import DATA_SETS
from ...system import Settings, System
from ...uses import OWN, PUBLIC, TOY
from .compare import check_settings, summarise
from .criteria import CRITERIA, FORCE_QUESTIONS, MIN_GROUPS
from .energies import OF_CHECKPOINT
from .pieces import iterate_pieces
from .record import EnergyParity, ForceGroup, ForceParity, Parity, Ranking

if TYPE_CHECKING:
    from ...drawing.panel import Panel

READING = 2e-4  # s that a frame takes to be read from disk and reduced
QUICK_FRAMES, QUICK_ATOMS = 20, 400  # of each set; atoms of all sets together
BATCH = 4
SETS_PER_TABLE = 2  # with their intervals; more would be folded
MAX_ELEMENTS = 12  # more than these are not all shown, but those with the largest errors
MAX_LISTED = 5  # of one kind of note or failure
DISTRIBUTIONS = {"in": "\nin distribution", "out": "\nout of distribution"}


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
        skips: list[Task | Skip] = [*map(Skip, text_tables.list_reasons(system.unlabelled))]
        if not system.frames:
            return skips or [Skip("no labelled frames given")]
        tasks = []
        for s in system.frames:
            if settings.quick:
                few = QUICK_ATOMS / len(system.frames) / np.mean([len(f.atoms) for f in s.frames])
                s = s.sample(max(1, min(QUICK_FRAMES, int(few))), settings.seed)
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
        """Return all sets side by side, model by model, then what each has of its own."""
        every = [*chain(*align([[(m, p) for p in m.run.rows(self.name)] for m in models]))]
        if not every:
            return []
        good = [(m, p) for m, p in every if p.error is None]
        blocks: list[Block] = []
        for k in range(0, len(good), SETS_PER_TABLE):
            entries = [
                (named(m, p.name) + DISTRIBUTIONS.get(p.distribution or "", ""), p)
                for m, p in good[k : k + SETS_PER_TABLE]
            ]
            blocks.append(text_tables.table_of_columns("Labelled frames", entries, QUANTITIES))
        for m, p in every:
            blocks += [replace(line, text=named(m, line.text)) for line in _remarks(p)]
        for m, p in good:
            if p.forces is not None:
                blocks += _groups(named(m, f"forces of {p.name}"), p.forces)
        if any(m.run.settings.get("rescale") for m in models):
            blocks += [Paragraph(named(m, f"{p.name}: {_rescaling(p)}")) for m, p in every]
        return blocks

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


def _interval(estimate: Estimate | None, form: str, factor: float = 1.0) -> str:
    if estimate is None:
        return MISSING
    text = format(factor * estimate.value, form)
    if estimate.low is None or estimate.high is None:
        return text
    ends = form.replace("3g", "2g")
    return f"{text} [{factor * estimate.low:{ends}}, {factor * estimate.high:{ends}}]"


def _of(part: str, cell: Callable[[Any], str]) -> Callable[[Parity], str]:
    """Return what makes a cell of one part of a record, with a dash where there is none."""
    return lambda p: MISSING if (found := getattr(p, part)) is None else cell(found)


def _estimate(part: str, name: str, form: str, factor: float = 1.0) -> Callable[[Parity], str]:
    return _of(part, lambda found: _interval(getattr(found, name), form, factor))


def _others(e: EnergyParity) -> str:
    found = {name: mae for name, (mae, _) in e.alternatives.items() if name != e.convention}
    lines = [f"{name} {1000 * mae:.1f}" for name, mae in found.items()]
    own, n = e.alternatives.get(e.convention, (0.0, e.frames))
    if lines and n < e.frames:  # they are compared where all are known
        lines.append(f"{e.convention} {1000 * own:.1f}, of the same {count(n, 'frame')}")
    return "\n".join(lines) or MISSING


def _observed(r: Ranking) -> str:
    if r.difference is None or r.observed is None:
        return MISSING if r.difference is None else "no pair"
    return f"{100 * r.observed:.0f} % of {count(r.observed_pairs, 'pair')}"


def _chance(r: Ranking) -> str:
    return MISSING if r.chance is None else f"{100 * r.chance:.0f} % for {r.difference:g} eV"


def _median(f: ForceParity) -> str:
    if f.medians is None:
        return MISSING
    return f"{_interval(f.medians.s_lo, '.3f')} of {count(f.median_frames, 'frame')}"


QUANTITIES = (
    Column("frames (independent runs)", lambda p: f"{p.frames} ({p.runs})"),
    Column("energy, MAE in meV/atom", _estimate("energy", "mae", ".1f", 1000)),
    Column("  in the convention", _of("energy", lambda e: e.convention)),
    Column("  in others", _of("energy", _others)),
    Column("forces, mean error |ΔF| in eV/Å", _estimate("forces", "mae", ".3g")),
    Column("  MAE of components", _of("forces", lambda f: f"{f.component_mae:.3g}")),
    Column("  slope (s_lo)", _estimate("forces", "s_lo", ".3f")),
    Column("  reverse slope (s_hi)", _estimate("forces", "s_hi", ".3f")),
    Column("  R²", _estimate("forces", "r_squared", ".3f")),
    Column("  magnitude", _estimate("forces", "magnitude", ".3f")),
    Column("  median slope", _of("forces", _median)),
    Column("  error type", _of("forces", lambda f: f.error_type or MISSING)),
    Column("mean pressure, MAE in GPa", _estimate("stress", "pressure", ".2f", 1 / units.GPa)),
    Column("deviatoric stress, in GPa", _estimate("stress", "deviatoric", ".2f", 1 / units.GPa)),
    Column("σ of differences, eV", _estimate("ranking", "sigma", ".3g")),
    Column("  95 % ranked right from, eV", _of("ranking", lambda r: number(r.resolved, ".3g"))),
    Column("  ranking accuracy by σ", _of("ranking", _chance)),
    Column("  observed about there", _of("ranking", _observed)),
)


def _remarks(p: Parity) -> list[Paragraph]:
    """Return what was odd, missing, or left out; failures first."""
    found = [Paragraph(f"{p.name}: {p.error}", "fail")] if p.error else []
    found += _some(p.name, "failed", p.failures, p.failed, "fail")
    found += [Paragraph(f"{p.name}: {d.text}.", "caution") for d in p.doubts]
    found += _some(p.name, "without labels that can be used", p.unlabelled, p.without_labels)
    lines = []
    if e := p.energy:
        n = len(e.left_out) + e.more_left_out
        found += _some(p.name, f"not compared in {e.convention}", e.left_out, n)
        if e.why != OF_CHECKPOINT:
            lines.append(f"energies in {e.convention}: {e.why}")
        if e.relative:
            lines.append(f"errors of energy are of differences within the set: {e.relative}")
    if p.forces is not None and p.forces.dominated:
        held = f"{p.forces.largest_frame} holds {100 * p.forces.largest_share:.0f} % of ΣF²"
        lines.append(f"{held}: pooled slopes are mostly about it, and the median decides")
    found += [Paragraph(f"{p.name}: {line}.") for line in lines]
    if p.ranking is not None and p.ranking.misfit:
        text = (
            f"{p.name}: errors of energy are not normal and independent, so their spread does not "
            f"say what is resolved: {p.ranking.misfit}. Read what was observed."
        )
        found.append(Paragraph(text, "caution"))
    reasons: dict[str, list[str]] = {}
    for quantity, why in p.not_assessed.items():
        reasons.setdefault(why, []).append(quantity)
    lines = [f"not assessed: {', '.join(what)}: {why}" for why, what in reasons.items()]
    return [*found, *(Paragraph(f"{p.name}: {line}.") for line in (*lines, *p.notes))]


def _some(
    name: str, what: str, frames: Sequence[tuple[str, str]], total: int, status: str = ""
) -> list[Paragraph]:
    total = max(total, len(frames))  # of many not all are listed
    lines = [f"{frame}: {why}" for frame, why in frames[:MAX_LISTED]]
    if total > MAX_LISTED:
        lines.append(f"and {total - MAX_LISTED} more")
    head = Paragraph(f"{name}: {count(total, 'frame')} {what}:", status)
    return [head, *(Paragraph(line, status, inset=True) for line in lines)] if frames else []


def _groups(title: str, forces: ForceParity) -> list[Block]:
    elements = sorted(forces.by_element, key=lambda g: -g.mae.value)
    rows = [replace(g, name=f"|F| {g.name} eV/Å") for g in forces.by_magnitude]
    rows += elements[:MAX_ELEMENTS]
    table = text_tables.table_of_rows(capital(title), "", [[("", g)] for g in rows], GROUP_COLUMNS)
    if len(elements) <= MAX_ELEMENTS:
        return [table]
    some = f"The {MAX_ELEMENTS} of {len(elements)} elements with the largest errors"
    return [table, Paragraph(f"{some}; all are in the JSON.")]


def _number(name: str) -> Callable[[ForceGroup], str]:
    return lambda g: MISSING if (e := getattr(g, name)) is None else f"{e.value:.3f}"


def _word(g: ForceGroup) -> str:
    return (g.slope.remark if g.slope and g.groups >= MIN_GROUPS else None) or MISSING


GROUP_COLUMNS = (
    Column("atoms", lambda g: str(g.atoms)),
    Column("groups", lambda g: str(g.groups)),
    Column("mean |ΔF|\neV/Å", lambda g: f"{g.mae.value:.3g}"),
    Column("slope", _number("s_lo")),
    Column("reverse\nslope", _number("s_hi")),
    Column("R²", _number("r_squared")),
    Column("error\ntype", _word),
)


def _rescaling(p: Parity) -> str:
    """Say what one factor on the forces does, held out, and whether it is to be used."""
    r = p.rescaling
    if r is None:
        why = p.error or p.not_assessed.get("rescaling", "no forces")
        return f"rescaling not assessed: {why}."
    text = f"rescaling by {r.factor:.4f} (R² {r.r_squared:.3f}, groups: {r.groups})"
    if r.groups > 1:  # of one nothing is held out
        text += (
            f": with the factor of the others, MAE goes from {r.mae:.3g} to {r.rescaled_mae:.3g} "
            f"and RMSE from {r.rmse:.3g} to {r.rescaled_rmse:.3g} eV/Å, and they fall in "
            f"{100 * r.mae_improved:.0f} and {100 * r.rmse_improved:.0f} % of folds"
        )
    if not r.accepted:
        return f"{text}; refused: {'; '.join(r.refused)}."
    return f"{text}; accepted. It corrects curvatures and barriers, and moves no minimum."
