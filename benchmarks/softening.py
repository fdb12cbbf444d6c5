"""From the bottom of the valley to the way out of it: a model over PBE, with any backend.

python benchmarks/softening.py --backend chgnet --out softening [phonopy files ...]
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from _script import Script
from ase import units

from mlipcheck import Report, run_checks

ELEMENTS = ("W", "Mo", "Nb", "Cu", "Al", "Ni", "Ag", "Au", "Pd", "Pt")
CHECKS = ("elasticity", "surfaces", "vacancies", "phonons")
# the farther from rest, the further to the right
KINDS = ("bulk modulus", "highest phonon", "surface energy", "vacancy", "hop")


class Pair(NamedTuple):
    """One quantity of one crystal by the model and by the reference, in ``unit``."""

    kind: str
    crystal: str
    model: float
    reference: float
    unit: str

    @property
    def ratio(self) -> float:
        return self.model / self.reference


def read_pairs(report: Report) -> Iterator[Pair]:
    """Yield what has a reference."""
    for row in report.rows("elasticity"):
        fits = getattr(row, "fit", None), getattr(row, "reference", None)
        if all(hasattr(fit, "b0") for fit in fits):
            yield Pair(KINDS[0], row.name, *(fit.b0 / units.GPa for fit in fits), "GPa")
    for row in report.rows("phonons"):
        if row.model and row.reference:
            yield Pair(KINDS[1], row.name, row.model.highest, row.reference.highest, "THz")
    for row in report.rows("surfaces"):
        if row.ratio is not None:
            reference = np.mean([f.reference for f in row.facets]) * units.m**2 / units.J
            yield Pair(KINDS[2], row.name, row.ratio.value * reference, reference, "J/m²")
    for row in report.rows("vacancies"):
        if row.formation is not None and row.formation_reference:
            yield Pair(KINDS[3], row.name, row.formation, row.formation_reference, "eV")
        for hop in row.hops:
            if hop.barrier is not None and hop.reference:
                yield Pair(KINDS[4], f"{row.name} {hop.name}", hop.barrier, hop.reference, "eV")


def draw(found: dict[str, list[float]], label: str, path: Path) -> None:
    """Draw all ratios, and the median of each kind."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.4, 3.4), layout="constrained")
    axis = figure.subplots()
    for k, ratios in enumerate(found.values()):
        places = k + (np.linspace(-0.25, 0.25, len(ratios)) if len(ratios) > 1 else np.zeros(1))
        axis.plot(places, np.sort(ratios), "o", color="#0072B2", ms=4)
        axis.plot([k - 0.35, k + 0.35], [np.median(ratios)] * 2, color="#D55E00", lw=2)
    axis.axhline(1, color="0.6", lw=0.8)
    axis.set_xticks(range(len(found)), [kind.replace(" ", "\n") for kind in found])
    axis.set_ylabel("model / PBE")
    axis.set_title(label)
    figure.savefig(path)


def compare(options: argparse.Namespace) -> Report:
    report = run_checks(options.backend, (*ELEMENTS, *options.files), only=CHECKS)
    pairs = list(read_pairs(report))
    for p in pairs:
        numbers = f"{p.model:8.3g} {p.reference:8.3g} {p.unit:5} ratio {p.ratio:5.2f}"
        print(f"{p.kind + ', ' + p.crystal:36} {numbers}")
    found = {k: ratios for k in KINDS if (ratios := [p.ratio for p in pairs if p.kind == k])}
    for kind, ratios in found.items():
        print(f"{kind}: median {np.median(ratios):.2f} of {len(ratios)}")
    for name, why in report.runs[0].not_run.items():
        if name in CHECKS:
            print(f"{name}: {why}")
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        draw(found, options.backend, options.out / "softening.svg")
    return report


if __name__ == "__main__":
    script = Script(__doc__, "chgnet")
    script.add_argument("files", nargs="*", help="phonopy files with forces")
    script.run(compare)
