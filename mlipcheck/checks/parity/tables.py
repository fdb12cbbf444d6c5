"""A model against labelled frames, as tables for a terminal: a set a column."""

from __future__ import annotations

from collections.abc import Sequence

from ase import units
from rich.markup import escape

from ...analysis.estimate import Estimate
from ...report.terminal import Printer, new_table, number
from .record import (
    EnergyParity,
    ForceGroup,
    ForceParity,
    Ordering,
    Parity,
    Rescaling,
)

SETS_PER_TABLE = 2  # with their intervals; more would be folded
MANY_ELEMENTS = 12  # more than these are not all shown, but those with the largest errors
MANY_ATOMS = 20  # fewer get no word
MANY_LINES = 5  # of one kind of note or failure

SIGMA = "σ of differences, eV"
DISTRIBUTIONS = {"in": "\nin distribution", "out": "\nout of distribution"}


def print_parities(out: Printer, parities: Sequence[Parity], signal: float | None = None) -> None:
    """Print all sets side by side, then what each has of its own."""
    good = [p for p in parities if p.error is None]
    for k in range(0, len(good), SETS_PER_TABLE):
        _print_table(out, good[k : k + SETS_PER_TABLE], signal)
    for p in parities:
        _print_remarks(out, p)
    for p in good:
        if p.forces is not None:
            _print_groups(out, p)
    for p in good:
        _print_ordering(out, p)


def _print_table(out: Printer, sets: Sequence[Parity], signal: float | None) -> None:
    heads = [escape(p.name) + DISTRIBUTIONS.get(p.distribution or "", "") for p in sets]
    table = new_table("Parity", "", *heads, *(["signal"] if signal else []))
    cells = [_cells(p) for p in sets]
    for name in cells[0]:
        told = [c[name] for c in cells]
        if any(t != "-" for t in told):
            beside = f"{signal:g}" if signal and name == SIGMA else ""
            table.add_row(name, *told, *([beside] if signal else []))
    out.print(table)


def _cells(p: Parity) -> dict[str, str]:
    """Return one column; a dash where there is nothing to tell."""
    return {
        "frames (independent runs)": f"{p.frames} ({p.runs})",
        **_energy_cells(p.energy),
        **_force_cells(p.forces),
        "stress, MAE in GPa": _interval(p.stress.mae if p.stress else None, ".2f", 1 / units.GPa),
        **_ordering_cells(p.ordering),
    }


def _energy_cells(e: EnergyParity | None) -> dict[str, str]:
    return {
        "energy, MAE in meV/atom": _interval(e.mae if e else None, ".1f", 1000),
        "  in the convention": e.convention if e else "-",
        "  of so many frames": str(e.frames) if e else "-",
        "  in others": "\n".join(
            f"{name} {1000 * mae:.1f}"
            for name, (mae, _) in (e.alternatives if e else {}).items()
            if e and name != e.convention
        )
        or "-",
    }


def _force_cells(f: ForceParity | None) -> dict[str, str]:
    slopes: dict[str, Estimate | None] = {
        "slope s_lo": f.s_lo if f else None,
        "s_hi": f.s_hi if f else None,
        "R²": f.r_squared if f else None,
        "magnitude": f.magnitude if f else None,
        "slope with intercept": f.with_intercept if f else None,
        "median slope of frames": f.median if f else None,
    }
    return {
        "forces, mean |Δ| in eV/Å": _interval(f.mae if f else None, ".3g"),
        "  MAE of components": f"{f.component_mae:.3g}" if f else "-",
        **{f"  {name}": _interval(estimate, ".3f") for name, estimate in slopes.items()},
        "  errors called": (f.called if f else None) or "-",
        "  frames in the median": str(f.median_frames) if f and f.median else "-",
    }


def _ordering_cells(order: Ordering | None) -> dict[str, str]:
    chance = order.chance if order else None
    observed = "-"
    if order and order.difference is not None:
        right, n = order.observed, order.observed_pairs
        pairs = "1 pair" if n == 1 else f"{n} pairs"
        observed = "no pair" if right is None else f"{100 * right:.0f} % of {pairs}"
    return {
        SIGMA: _interval(order.sigma if order else None, ".3g"),
        "  ordered rightly 95 % from, eV": number(order.resolved if order else None, ".3g"),
        "  chance of the right order": "-" if chance is None else f"{100 * chance:.0f} %",
        "  observed about there": observed,
    }


def _interval(estimate: Estimate | None, form: str, factor: float = 1.0) -> str:
    if estimate is None:
        return "-"
    text = format(factor * estimate.value, form)
    if estimate.low is None or estimate.high is None:
        return text
    ends = form.replace("3g", "2g")
    low, high = (format(factor * x, ends) for x in (estimate.low, estimate.high))
    return rf"{text} \[{low}, {high}]"


def _print_remarks(out: Printer, p: Parity) -> None:
    """Print what was odd, missing, or left out; failures first."""
    name = escape(p.name)
    if p.error:
        out.print(f"{name}: {escape(p.error)}", style="red")
    _print_some(out, name, "failed", [f"{n}: {why}" for n, why in p.failures], "red")
    if p.energy is not None and p.energy.suspicion:
        out.print(f"{name}: {escape(p.energy.suspicion)}.", style="yellow")
    for suspicion in p.suspicions:
        out.print(f"{name}: {escape(suspicion)}.", style="yellow")
    _print_some(
        out, name, "without labels that can be used", [f"{n}: {why}" for n, why in p.unlabelled]
    )
    if p.energy is not None:
        if p.energy.left_out:
            told = [f"{n}: {why}" for n, why in p.energy.left_out]
            _print_some(out, name, f"not compared in {p.energy.convention}", told)
        raw = p.energy.alternatives.get("raw", (0.0, 0))[0]
        if p.energy.convention == "mp2020" and p.energy.mae.value < raw / 2:
            out.print(
                f"{name}: raw would be the wrong convention: {1000 * raw:.0f} meV/atom off; the "
                "model's energies are corrected ones."
            )
        if p.energy.why != "what the checkpoint predicts":
            out.print(f"{name}: energies in {p.energy.convention}: {escape(p.energy.why)}.")
    if p.forces is not None and p.forces.largest_share > 0.5 and p.forces.frames > 1:
        out.print(
            f"{name}: {escape(p.forces.largest_frame)} holds "
            f"{100 * p.forces.largest_share:.0f} % of the sum of squared forces: pooled slopes "
            "are mostly about it, the median is not."
        )
    if p.ordering is not None and p.ordering.misfit:
        out.print(
            f"{name}: Φ does not hold here: {p.ordering.misfit}. Read what was observed.",
            style="yellow",
        )
    reasons: dict[str, list[str]] = {}
    for quantity, why in p.not_assessed.items():
        reasons.setdefault(why, []).append(quantity)
    for why, quantities in reasons.items():
        out.print(f"{name}: not assessed: {', '.join(quantities)}: {escape(why)}.")
    for note in p.notes:
        out.print(f"{name}: {escape(note)}.")


def _print_some(
    out: Printer, name: str, what: str, lines: Sequence[str], style: str | None = None
) -> None:
    if not lines:
        return
    out.print(f"{name}: {len(lines)} frames {what}:", style=style)
    for line in lines[:MANY_LINES]:
        out.print(f"  {escape(line)}", style=style)
    if len(lines) > MANY_LINES:
        out.print(f"  and {len(lines) - MANY_LINES} more", style=style)


def _print_groups(out: Printer, p: Parity) -> None:
    assert p.forces is not None
    table = new_table(
        f"Forces of {escape(p.name)}",
        "",
        "atoms",
        "mean |Δ|\neV/Å",
        "s_lo",
        "s_hi",
        "R²",
        "errors\ncalled",
    )
    for group in p.forces.by_magnitude:
        _add_group(table, f"|F| {escape(group.name)} eV/Å", group)
    table.add_section()
    elements = sorted(p.forces.by_element, key=lambda g: -g.mae)
    for group in elements[:MANY_ELEMENTS]:
        _add_group(table, escape(group.name), group)
    out.print(table)
    if len(elements) > MANY_ELEMENTS:
        out.print(
            f"The {MANY_ELEMENTS} of {len(elements)} elements with the largest errors; all are in "
            "--json."
        )


def _add_group(table, name: str, group: ForceGroup) -> None:  # type: ignore[no-untyped-def]
    s = group.slope
    table.add_row(
        name,
        str(group.atoms),
        f"{group.mae:.3g}",
        number(s.s_lo if s else None, ".3f"),
        number(s.s_hi if s else None, ".3f"),
        number(s.r_squared if s else None, ".3f"),
        (s.remark if s and group.atoms >= MANY_ATOMS else None) or "-",
    )


def _print_ordering(out: Printer, p: Parity) -> None:
    order = p.ordering
    if order is None or order.difference is None:
        return
    table = new_table(
        f"Order of states, {escape(p.name)}",
        "apart by\neV",
        "pairs",
        "observed\n%",
        "expected\n%",
    )
    for b in order.bins:
        apart = f"{b.low:g} to {b.high:g}" if b.high is not None else f"> {b.low:g}"
        table.add_row(apart, str(b.pairs), f"{100 * b.observed:.0f}", f"{100 * b.expected:.0f}")
    out.print(table)
    out.print(
        f"{order.states} states, compositions: {order.compositions}; expected is Φ(ΔE/σ), for "
        "errors of a normal distribution."
    )


def print_rescalings(out: Printer, parities: Sequence[Parity]) -> None:
    """Print what one factor on the forces would do, and whether it may be used."""
    table = new_table(
        "Rescaling, each unit judged by the factor of the others",
        "set",
        "factor",
        "units",
        "R²",
        "MAE\neV/Å",
        "rescaled\neV/Å",
        "RMSE\neV/Å",
        "rescaled\neV/Å",
        "better in\n% of folds",
    )
    found = [(p, p.rescaling) for p in parities if p.rescaling is not None]
    for p, r in found:
        better = f"{100 * r.mae_improved:.0f} / {100 * r.rmse_improved:.0f}"
        # of one unit nothing is held out, and there is no fold to get better
        held = r.units > 1
        numbers = (
            r.mae,
            r.rescaled_mae if held else None,
            r.rmse,
            r.rescaled_rmse if held else None,
        )
        table.add_row(
            escape(p.name),
            f"{r.factor:.4f}",
            str(r.units),
            f"{r.r_squared:.3f}",
            *(number(x, ".3g") for x in numbers),
            better if held else "-",
        )
    if found:
        out.print(table)
    for p, r in found:
        out.print(f"{escape(p.name)}: {escape(verdict_of(r))}")
    for p in parities:
        if p.rescaling is None:
            why = p.error or p.not_assessed.get("rescaling", "no forces")
            out.print(f"{escape(p.name)}: rescaling not assessed: {escape(why)}.")


def verdict_of(r: Rescaling) -> str:
    """Say whether the factor is to be used, and what it can mend."""
    if not r.accepted:
        return f"refused: {'; '.join(r.refused)}."
    return (
        f"accepted: times {r.factor:.4f}. It mends what is proportional to forces: curvatures, "
        "phonon frequencies (by its root), barriers within one composition. It moves no minimum: "
        "bond lengths, volumes and energies between compositions stay as they are."
    )
