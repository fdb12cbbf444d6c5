"""A model against labelled frames, as tables: a set a column, models beside each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ase import units

from ...analysis.estimate import Estimate
from ...check import align, named
from ...drawing.tables import (
    Block,
    Column,
    Paragraph,
    TableBlock,
    capital,
    number,
    table_of_columns,
)
from ...record import Model
from .criteria import ENOUGH_ATOMS
from .record import EnergyParity, ForceGroup, ForceParity, Parity, Rescaling

SETS_PER_TABLE = 2  # with their intervals; more would be folded
MAX_ELEMENTS = 12  # more than these are not all shown, but those with the largest errors
MAX_LISTED = 5  # of one kind of note or failure
DOMINATES = 0.5  # of ΣF² in one frame
DISTRIBUTIONS = {"in": "\nin distribution", "out": "\nout of distribution"}


def make_tables(models: Sequence[Model]) -> list[Block]:
    """Return all sets side by side, model by model, then what each has of its own."""
    pairs = [[(m.letter, (m, p)) for p in m.run.rows("parity")] for m in models]
    if not any(pairs):
        return []
    every = [found for same in align(pairs) for _, found in same]
    good = [(m, p) for m, p in every if p.error is None]
    blocks: list[Block] = []
    for k in range(0, len(good), SETS_PER_TABLE):
        entries = [(_head(m, p), p) for m, p in good[k : k + SETS_PER_TABLE]]
        blocks.append(table_of_columns("Labelled frames", entries, QUANTITIES))
    for m, p in every:
        blocks += [Paragraph(named(m, line.text), line.status, line.inset) for line in _remarks(p)]
    for m, p in good:
        if p.forces is not None:
            blocks += _groups(named(m, f"forces of {p.name}"), p.forces)
    for m, p in good:
        blocks += _ordering(named(m, f"ranking of states, {p.name}"), p)
    if any(m.run.settings.get("rescale") for m in models):
        blocks += _rescalings(every)
    return blocks


def _head(model: Model, p: Parity) -> str:
    return named(model, p.name) + DISTRIBUTIONS.get(p.distribution or "", "")


def _interval(estimate: Estimate | None, form: str, factor: float = 1.0) -> str:
    if estimate is None:
        return "-"
    text = format(factor * estimate.value, form)
    if estimate.low is None or estimate.high is None:
        return text
    ends = form.replace("3g", "2g")
    low, high = (format(factor * x, ends) for x in (estimate.low, estimate.high))
    return f"{text} [{low}, {high}]"


def _of(part: str, tell: Callable[[Any], str]) -> Callable[[Parity], str]:
    """Return what tells a cell from one part of a record, with a dash where there is none."""

    def cell(p: Parity) -> str:
        found = getattr(p, part)
        return "-" if found is None else tell(found)

    return cell


def _others(e: EnergyParity) -> str:
    found = [
        f"{name} {1000 * mae:.1f}"
        for name, (mae, _) in e.alternatives.items()
        if name != e.convention
    ]
    return "\n".join(found) or "-"


def _observed(p: Parity) -> str:
    order = p.ordering
    if order is None or order.difference is None:
        return "-"
    if order.observed is None:
        return "no pair"
    n = order.observed_pairs
    return f"{100 * order.observed:.0f} % of {'1 pair' if n == 1 else f'{n} pairs'}"


def _chance(p: Parity) -> str:
    order = p.ordering
    if order is None or order.chance is None:
        return "-"
    return f"{100 * order.chance:.0f} % for {order.difference:g} eV"


QUANTITIES = (
    Column("frames (independent runs)", lambda p: f"{p.frames} ({p.runs})"),
    Column("energy, MAE in meV/atom", _of("energy", lambda e: _interval(e.mae, ".1f", 1000))),
    Column("  in the convention", _of("energy", lambda e: e.convention)),
    Column("  of so many frames", _of("energy", lambda e: str(e.frames))),
    Column("  in others", _of("energy", _others)),
    Column("forces, mean |Δ| in eV/Å", _of("forces", lambda f: _interval(f.mae, ".3g"))),
    Column("  MAE of components", _of("forces", lambda f: f"{f.component_mae:.3g}")),
    Column("  slope s_lo", _of("forces", lambda f: _interval(f.s_lo, ".3f"))),
    Column("  s_hi", _of("forces", lambda f: _interval(f.s_hi, ".3f"))),
    Column("  R²", _of("forces", lambda f: _interval(f.r_squared, ".3f"))),
    Column("  magnitude", _of("forces", lambda f: _interval(f.magnitude, ".3f"))),
    Column("  slope with intercept", _of("forces", lambda f: _interval(f.with_intercept, ".3f"))),
    Column("  median slope of frames", _of("forces", lambda f: _interval(f.median, ".3f"))),
    Column("  error type", _of("forces", lambda f: f.called or "-")),
    Column(
        "  frames in the median", _of("forces", lambda f: str(f.median_frames) if f.median else "-")
    ),
    Column("stress, MAE in GPa", _of("stress", lambda s: _interval(s.mae, ".2f", 1 / units.GPa))),
    Column("σ of differences, eV", _of("ordering", lambda o: _interval(o.sigma, ".3g"))),
    Column("  ranked rightly 95 % from, eV", _of("ordering", lambda o: number(o.resolved, ".3g"))),
    Column("  chance of the right order", _chance),
    Column("  observed about there", _observed),
)


def _remarks(p: Parity) -> list[Paragraph]:
    """Return what was odd, missing, or left out; failures first."""
    found = [Paragraph(f"{p.name}: {p.error}", "fail")] if p.error else []
    found += _some(p.name, "failed", [f"{n}: {why}" for n, why in p.failures], "fail")
    if p.energy is not None and p.energy.suspicion:
        found.append(Paragraph(f"{p.name}: {p.energy.suspicion}.", "caution"))
    found += [Paragraph(f"{p.name}: {s.text}.", "caution") for s in p.suspicions]
    found += _some(
        p.name, "without labels that can be used", [f"{n}: {why}" for n, why in p.unlabelled]
    )
    if p.energy is not None:
        found += _about_energies(p.name, p.energy)
    if p.forces is not None and p.forces.largest_share > DOMINATES and p.forces.frames > 1:
        found.append(
            Paragraph(
                f"{p.name}: {p.forces.largest_frame} holds {100 * p.forces.largest_share:.0f} % of "
                "the sum of squared forces: pooled slopes are mostly about it, the median is not."
            )
        )
    if p.ordering is not None and p.ordering.misfit:
        text = f"{p.name}: Φ does not hold here: {p.ordering.misfit}. Read what was observed."
        found.append(Paragraph(text, "caution"))
    reasons: dict[str, list[str]] = {}
    for quantity, why in p.not_assessed.items():
        reasons.setdefault(why, []).append(quantity)
    for why, quantities in reasons.items():
        found.append(Paragraph(f"{p.name}: not assessed: {', '.join(quantities)}: {why}."))
    return [*found, *(Paragraph(f"{p.name}: {note}.") for note in p.notes)]


def _about_energies(name: str, e: EnergyParity) -> list[Paragraph]:
    found = _some(name, f"not compared in {e.convention}", [f"{n}: {why}" for n, why in e.left_out])
    raw = e.alternatives.get("raw", (0.0, 0))[0]
    if e.convention == "mp2020" and e.mae.value < raw / 2:
        found.append(
            Paragraph(
                f"{name}: raw would be the wrong convention: {1000 * raw:.0f} meV/atom off; the "
                "model's energies are corrected ones."
            )
        )
    if not e.of_checkpoint:
        found.append(Paragraph(f"{name}: energies in {e.convention}: {e.why}."))
    return found


def _some(name: str, what: str, lines: Sequence[str], status: str = "") -> list[Paragraph]:
    if not lines:
        return []
    found = [Paragraph(f"{name}: {len(lines)} frames {what}:", status)]
    found += [Paragraph(line, status, inset=True) for line in lines[:MAX_LISTED]]
    if len(lines) > MAX_LISTED:
        found.append(Paragraph(f"and {len(lines) - MAX_LISTED} more", status, inset=True))
    return found


def _groups(title: str, forces: ForceParity) -> list[Block]:
    elements = sorted(forces.by_element, key=lambda g: -g.mae)
    rows = [
        *((f"|F| {g.name} eV/Å", *_group_cells(g)) for g in forces.by_magnitude),
        *((g.name, *_group_cells(g)) for g in elements[:MAX_ELEMENTS]),
    ]
    heads = ("", "atoms", "mean |Δ|\neV/Å", "s_lo", "s_hi", "R²", "error\ntype")
    numeric = (False, *(True for _ in heads[1:]))
    blocks: list[Block] = [TableBlock(capital(title), heads, tuple(rows), numeric)]
    if len(elements) > MAX_ELEMENTS:
        blocks.append(
            Paragraph(
                f"The {MAX_ELEMENTS} of {len(elements)} elements with the largest errors; all are "
                "in the JSON."
            )
        )
    return blocks


def _group_cells(group: ForceGroup) -> tuple[str, ...]:
    s = group.slope
    numbers = (s.s_lo, s.s_hi, s.r_squared) if s else (None, None, None)
    word = s.remark if s and group.atoms >= ENOUGH_ATOMS else None
    return (str(group.atoms), f"{group.mae:.3g}", *(number(x, ".3f") for x in numbers), word or "-")


def _ordering(title: str, p: Parity) -> list[Block]:
    order = p.ordering
    if order is None or order.difference is None:
        return []
    rows = []
    for b in order.bins:
        apart = f"{b.low:g} to {b.high:g}" if b.high is not None else f"> {b.low:g}"
        rows.append((apart, str(b.pairs), f"{100 * b.observed:.0f}", f"{100 * b.expected:.0f}"))
    heads = ("apart by\neV", "pairs", "observed\n%", "expected\n%")
    note = (
        f"{order.states} states, compositions: {order.compositions}; expected is Φ(ΔE/σ), for "
        "errors of a normal distribution."
    )
    numeric = (False, True, True, True)
    return [TableBlock(capital(title), heads, tuple(rows), numeric), Paragraph(note)]


def _rescalings(every: Sequence[tuple[Model, Parity]]) -> list[Block]:
    """Return what one factor on the forces would do, and whether it may be used."""
    found = [(m, p, p.rescaling) for m, p in every if p.rescaling is not None]
    rows = []
    for m, p, r in found:
        # of one group nothing is held out, and there is no fold to get better
        held = r.units > 1
        better = f"{100 * r.mae_improved:.0f} / {100 * r.rmse_improved:.0f}" if held else "-"
        numbers = (
            r.mae,
            r.rescaled_mae if held else None,
            r.rmse,
            r.rescaled_rmse if held else None,
        )
        cells = (f"{r.factor:.4f}", str(r.units), f"{r.r_squared:.3f}")
        rows.append((named(m, p.name), *cells, *(number(x, ".3g") for x in numbers), better))
    errors = ("MAE\neV/Å", "rescaled\neV/Å", "RMSE\neV/Å", "rescaled\neV/Å")
    heads = ("set", "factor", "groups", "R²", *errors, "better in\n% of folds")
    blocks: list[Block] = []
    if rows:
        title = "Rescaling, each group judged by the factor of the others"
        numeric = (False, *(True for _ in heads[1:]))
        blocks.append(TableBlock(title, heads, tuple(rows), numeric))
    for m, p, r in found:
        blocks.append(Paragraph(named(m, f"{p.name}: {verdict_of(r)}")))
    for m, p in every:
        if p.rescaling is None:
            why = p.error or p.not_assessed.get("rescaling", "no forces")
            blocks.append(Paragraph(named(m, f"{p.name}: rescaling not assessed: {why}.")))
    return blocks


def verdict_of(r: Rescaling) -> str:
    """Say whether the factor is to be used, and what it can correct."""
    if not r.accepted:
        return f"refused: {'; '.join(r.refused)}."
    return (
        f"accepted: times {r.factor:.4f}. It corrects what is proportional to forces: curvatures, "
        "phonon frequencies (by its root), barriers within one composition. It moves no minimum: "
        "bond lengths, volumes and energies between compositions stay as they are."
    )
