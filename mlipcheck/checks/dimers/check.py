"""The check of dimers: which pairs, what each costs, and how they are tabled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator

from ...analysis.structures import find_closest
from ...check import Check, Context, Skip, Task
from ...criterion import Evidence
from ...drawing.tables import Column, Paragraph, number, some
from ...record import Model
from ...references.doubts import Doubt
from ...system import Settings, System
from ...uses import CONSISTENCY, PAIRS, TOY
from .criteria import CRITERIA, energy_text
from .record import CurveComparison, DimerScan
from .scan import list_pairs, plan_scan, scan_pair

if TYPE_CHECKING:
    from ...drawing.panel import Panel

QUICK_PAIRS = 10
POINTS_PER_PAIR = 290  # measured, with the second look
BATCH = 24
MAX_LISTED = 12
COMMON_DISTANCE = 2.5  # Å


def _bond(scan: DimerScan) -> str:
    return "failed" if scan.error else number(scan.equilibrium_distance, ".3f", "unbound")


def _collapse(scan: DimerScan) -> str:
    return "-" if scan.error else number(_get(scan.collapse, "distance"), ".2f", "none")


def _get(record: object, field: str) -> Any:
    return getattr(record, field, None)


def _wall(scan: DimerScan) -> str:
    found = (_get(scan.comparison, "wall_displacements") or {}).values()
    return number(max((x for x in found if x is not None), key=abs, default=None), "+.3f")


def _reference(scan: DimerScan) -> str:
    c = scan.comparison
    if c is None:
        return "-"
    return f"{c.reference} ({c.level_of_theory})" if c.level_of_theory else c.reference


class Dimers(Check[DimerScan]):
    """Pull each pair of atoms apart and push it together."""

    name = "dimers"
    title = "pairs of atoms"
    noun = "pair"
    asks = "how the model holds two atoms apart and together"
    row = DimerScan
    decides = ("molecules",)
    hints = ("hot",)
    criteria = CRITERIA
    columns = (
        Column("r_e\nÅ", _bond),
        Column("k_e\neV/Å²", lambda s: number(s.force_constant, ".2f")),
        Column("collapse\nÅ", _collapse),
        Column("barrier\neV", lambda s: number(_get(s.collapse, "barrier"), ".2f")),
        Column("extrema", lambda s: "-" if s.error else str(len(s.spurious_extrema))),
        Column("rough\n%", lambda s: number(s.roughness and 100 * s.roughness, ".1f")),
        Column("Δwall\nÅ", _wall),
        Column("wall\nslope", lambda s: number(_get(_get(s.comparison, "wall"), "s_lo"), ".3f")),
        Column(
            "Δr_e\nÅ", lambda s: number(_get(s.comparison, "equilibrium_distance_error"), "+.3f")
        ),
        Column("Δdepth\neV", lambda s: number(_get(s.comparison, "well_depth_error"), "+.2f")),
    )
    methods = (
        Column("grid", lambda s: describe_grid(s.distances)),
        Column("in", lambda s: s.environment),
        Column("reference", _reference),
    )

    def tasks(self, system: System, settings: Settings) -> list[Task | Skip]:
        if not system.elements:
            return [Skip("public data sets define no system: name the elements of yours")]
        pairs = list_pairs(system.elements)
        skips = []
        if settings.quick and len(pairs) > QUICK_PAIRS:
            # those that come closest first
            closest = find_closest(system.structures)
            pairs.sort(key=lambda p: closest.get(p, (np.inf, ""))[0])
            names = some(["-".join(p) for p in pairs[QUICK_PAIRS:]])
            skips = [Skip(f"--quick leaves out {len(pairs) - QUICK_PAIRS} pairs: {names}")]
            pairs = pairs[:QUICK_PAIRS]
        found = []
        for plan in plan_scan(
            system.calculator, pairs, reference=settings.reference, options=settings.reading
        ):
            c = plan.reference
            curve = [c.name, c.distances, c.energies] if c else None
            atoms = Atoms(plan.pair, [[0, 0, 0], [0, 0, COMMON_DISTANCE]])
            key = [plan.bond_scale, plan.distances, curve]
            found.append(Task("-".join(plan.pair), plan, key, atoms, POINTS_PER_PAIR, BATCH))
        return [*found, *skips]

    def run(self, calculator: BaseCalculator, task: Task, context: Context) -> list[DimerScan]:
        return [scan_pair(calculator, task.subject)]

    def evidence(self, row: DimerScan) -> Evidence:
        c = row.comparison
        if c is None:
            return Evidence(CONSISTENCY)
        doubts = (Doubt("level of theory", c.difference, ("curve",)),) if c.difference else ()
        return Evidence(TOY if c.level_of_theory == "analytic" else PAIRS, doubts)

    def remarks(self, rows: Sequence[DimerScan]) -> list[Paragraph]:
        good = [s for s in rows if not s.error]
        dips = [f"{s.name} {s.dip.fall:.2f} eV at {s.dip.distance:.2f} Å" for s in good if s.dip]
        depths = [f"{s.name} {energy_text(s.collapse.lowest)}" for s in good if s.collapse]
        without = [s.name for s in good if s.comparison is None]
        named = {
            "Dips, from which the wall comes back": dips,
            "Lowest energy inside the collapse, above the bond's": depths,
            "No reference curve (--reference A-B.csv, or pbe for equal atoms)": without,
        }
        found = [f"{head}: {some(names, MAX_LISTED)}." for head, names in named.items() if names]
        return [*super().remarks(rows), *map(Paragraph, found)]

    def figures(self, models: Sequence[Model]) -> list[Panel]:
        from .figures import draw_panels

        return draw_panels(models)

    def mismatch(self, one: DimerScan, other: DimerScan) -> list[str]:
        if one.name != other.name:
            return [f"one has the pair {one.name}, the other {other.name}"]
        found = []
        if not _equal(one.distances, other.distances):
            grids = " and ".join(describe_grid(scan.distances) for scan in (one, other))
            found.append(f"the grids of {one.name} are {grids}")
        a, b = one.comparison, other.comparison
        if a is None or b is None:
            # a pair that failed has no comparison either
            if (c := a or b) and not (one.error or other.error):
                found.append(f"{one.name} has a reference, {c.reference}, in one of them only")
        elif (a.reference, a.level_of_theory) != (b.reference, b.level_of_theory):
            found.append(f"the references of {one.name} are {a.reference} and {b.reference}")
        elif not _same_curve(a, b):
            found.append(f"the reference of {one.name}, {a.reference}, is another curve")
        return found


def describe_grid(r: np.ndarray) -> str:
    """Say which radii a pair was scanned at."""
    return f"{len(r)} points from {r[0]:.3f} to {r[-1]:.3f} Å" if len(r) else "empty"


def _same_curve(a: CurveComparison, b: CurveComparison) -> bool:
    """Compare two reference curves where both were used: a model may have failed at an end."""
    mine, theirs = (np.round(x.distances, 6) for x in (a, b))
    common, i, j = np.intersect1d(mine, theirs, return_indices=True)
    many = len(common) > max(len(a.distances), len(b.distances)) / 2
    return many and _equal(a.reference_energies[i], b.reference_energies[j])


def _equal(one: np.ndarray, other: np.ndarray) -> bool:
    return one.shape == other.shape and np.allclose(one, other, rtol=0, atol=1e-6, equal_nan=True)
