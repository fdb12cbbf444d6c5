"""A model against labelled frames, as tables for a terminal: a set a column."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ase import units
from rich.console import Console
from rich.markup import escape

from ..results import Estimate, ForceGroup, Parity, Rescaling
from .terminal import new_table, number

SETS_PER_TABLE = 3
MANY_ELEMENTS = 12  # more than these are not all shown, but those with the largest errors
MANY_LINES = 5  # of one kind of note or failure

Cell = Callable[[Parity], str | None]


def print_parities(out: Console, parities: Sequence[Parity], signal: float | None = None) -> None:
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


def _print_table(out: Console, sets: Sequence[Parity], signal: float | None) -> None:
    columns = [f"{escape(p.name)}{_distribution(p)}" for p in sets]
    table = new_table("Parity", "", *columns, *(["signal"] if signal else []))
    for name, cell in _rows(signal).items():
        cells = [cell(p) for p in sets]
        if any(c is not None for c in cells):
            told = [f"{signal:g}" if name.startswith("σ") else ""] if signal else []
            table.add_row(name, *("-" if c is None else c for c in cells), *told)
    out.print(table)


def _distribution(p: Parity) -> str:
    return f"\n{p.distribution} of distribution" if p.distribution == "out" else (
        "\nin distribution" if p.distribution == "in" else ""
    )


def _rows(signal: float | None) -> dict[str, Cell]:
    """Return what is told of a set, a line each; None where there is nothing to tell."""
    forces: dict[str, Cell] = {
        label: lambda p, key=key: _forces(p, key)  # type: ignore[misc]
        for label, key in (
            ("slope s_lo", "s_lo"),
            ("s_hi", "s_hi"),
            ("R²", "r_squared"),
            ("magnitude", "magnitude"),
            ("slope with intercept", "with_intercept"),
            ("median slope of frames", "median"),
        )
    }
    asked = "" if signal is None else f" for {signal:g} eV"
    return {
        "frames (independent runs)": lambda p: f"{p.frames} ({p.runs})",
        "energy, MAE in meV/atom": lambda p: _interval(p.energy and p.energy.mae, 1000, ".1f"),
        "  in which convention": lambda p: p.energy and p.energy.convention,
        "  of how many frames": lambda p: p.energy and str(p.energy.frames),
        "  all conventions": _alternatives,
        "forces, mean |Δ| in eV/Å": lambda p: _interval(p.forces and p.forces.mae, 1, ".3f"),
        "  MAE of components": lambda p: p.forces and f"{p.forces.component_mae:.3f}",
        **{f"  {name}": cell for name, cell in forces.items()},
        "  called": lambda p: p.forces and p.forces.slope and (p.forces.slope.remark or "-"),
        "  most of ΣF² in one frame": lambda p: p.forces and f"{100 * p.forces.largest_share:.0f} %",
        "stress, MAE in GPa": lambda p: _interval(p.stress and p.stress.mae, 1 / units.GPa, ".2f"),
        "σ of differences, eV": lambda p: _interval(p.ordering and p.ordering.sigma, 1, ".3g"),
        "  ordered rightly 95 % from, eV": lambda p: p.ordering and f"{p.ordering.resolved:.3g}",
        f"  chance of the right order{asked}": _chance,
        "    observed": _observed,
    }


def _interval(estimate: Estimate | None, factor: float, form: str) -> str | None:
    if estimate is None:
        return None
    text = format(factor * estimate.value, form)
    if estimate.low is None or estimate.high is None:
        return text
    low, high = (format(factor * x, form) for x in (estimate.low, estimate.high))
    return rf"{text} \[{low}, {high}]"


def _forces(p: Parity, key: str) -> str | None:
    if p.forces is None:
        return None
    found = _interval(getattr(p.forces, key), 1, ".3f")
    return found


def _alternatives(p: Parity) -> str | None:
    if p.energy is None or len(p.energy.alternatives) < 2:
        return None
    return "\n".join(f"{name} {1000 * mae:.1f}" for name, (mae, _) in p.energy.alternatives.items())


def _chance(p: Parity) -> str | None:
    if p.ordering is None or p.ordering.chance is None:
        return None
    return f"{100 * p.ordering.chance:.0f} %"


def _observed(p: Parity) -> str | None:
    order = p.ordering
    if order is None or order.difference is None:
        return None
    if order.observed is None:
        return "no pair"
    return f"{100 * order.observed:.0f} % of {order.observed_pairs} pairs"


def _print_remarks(out: Console, p: Parity) -> None:
    """Print what was odd, missing, or left out; failures first."""
    name = escape(p.name)
    if p.error:
        out.print(f"{name}: {escape(p.error)}", style="red")
    _print_some(out, name, "failed", [f"{n}: {why}" for n, why in p.failures], "red")
    if p.energy is not None and p.energy.suspicion:
        out.print(f"{name}: {escape(p.energy.suspicion)}.", style="yellow")
    for suspicion in p.suspicions:
        out.print(f"{name}: {escape(suspicion)}.", style="yellow")
    _print_some(out, name, "without labels", [f"{n}: {why}" for n, why in p.unlabelled])
    if p.energy is not None:
        if p.energy.left_out:
            told = [f"{n}: {why}" for n, why in p.energy.left_out]
            _print_some(out, name, f"not compared in {p.energy.convention}", told)
        if p.energy.why != "what the checkpoint predicts":
            out.print(f"{name}: energies in {p.energy.convention}: {escape(p.energy.why)}.")
    if p.forces is not None and p.forces.largest_share > 0.5 and p.forces.frames > 1:
        out.print(
            f"{name}: {escape(p.forces.largest_frame)} holds "
            f"{100 * p.forces.largest_share:.0f} % of the sum of squared forces: pooled slopes "
            "are mostly about it, the median is not."
        )
    reasons: dict[str, list[str]] = {}
    for quantity, why in p.not_assessed.items():
        reasons.setdefault(why, []).append(quantity)
    for why, quantities in reasons.items():
        out.print(f"{name}: not assessed: {', '.join(quantities)}: {escape(why)}.")
    for note in p.notes:
        out.print(f"{name}: {escape(note)}.")


def _print_some(
    out: Console, name: str, what: str, lines: Sequence[str], style: str | None = None
) -> None:
    if not lines:
        return
    out.print(f"{name}: {len(lines)} frames {what}:", style=style)
    for line in lines[:MANY_LINES]:
        out.print(f"  {escape(line)}", style=style)
    if len(lines) > MANY_LINES:
        out.print(f"  and {len(lines) - MANY_LINES} more", style=style)


def _print_groups(out: Console, p: Parity) -> None:
    assert p.forces is not None
    table = new_table(
        f"Forces of {escape(p.name)}", "", "atoms", "mean |Δ|\neV/Å", "s_lo", "s_hi", "R²", "called"
    )
    for group in p.forces.by_magnitude:
        _add_group(table, f"|F| {group.name} eV/Å", group)
    table.add_section()
    elements = sorted(p.forces.by_element, key=lambda g: -g.mae)
    for group in elements[:MANY_ELEMENTS]:
        _add_group(table, group.name, group)
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
        f"{group.mae:.3f}",
        number(s and s.s_lo, ".3f"),
        number(s and s.s_hi, ".3f"),
        number(s and s.r_squared, ".3f"),
        (s and s.remark) or "-",
    )


def _print_ordering(out: Console, p: Parity) -> None:
    order = p.ordering
    if order is None or order.difference is None:
        return
    table = new_table(
        f"Order of states of equal composition, {escape(p.name)}",
        "apart by, eV",
        "pairs",
        "observed\n%",
        "expected\n%",
    )
    for b in order.bins:
        apart = f"{b.low:g} to {b.high:g}" if b.high is not None else f"> {b.low:g}"
        table.add_row(
            apart, str(b.pairs), f"{100 * b.observed:.0f}", f"{100 * b.expected:.0f}"
        )
    out.print(table)
    out.print(
        f"{order.states} states of {order.compositions} compositions; expected is Φ(ΔE/σ), for "
        "errors of a normal distribution."
    )


def print_rescalings(out: Console, parities: Sequence[Parity]) -> None:
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
        numbers = (r.mae, r.rescaled_mae, r.rmse, r.rescaled_rmse)
        table.add_row(
            escape(p.name),
            f"{r.factor:.4f}",
            str(r.units),
            f"{r.r_squared:.3f}",
            *(f"{x:.4f}" for x in numbers),
            better,
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
