"""From the bottom of the valley to the way out of it: a model over PBE, with any backend.

python benchmarks/softening.py --backend chgnet [phonopy files ...] --figures figures
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from ase import units
from matplotlib.figure import Figure

from mlipcheck import run_checks
from mlipcheck.drawing.colours import PALETTE
from mlipcheck.drawing.lettering import SIZE
from mlipcheck.drawing.panel import new_axes, svg
from mlipcheck.drawing.tables import Column, table_of_rows
from mlipcheck.record import RunRecord
from mlipcheck.report.terminal import console, print_blocks
from mlipcheck.storage import dumps, write_atomically

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
    def name(self) -> str:
        return f"{self.kind}, {self.crystal}"

    @property
    def ratio(self) -> float:
        return self.model / self.reference


def read_pairs(run: RunRecord) -> Iterator[Pair]:
    """Yield what has a reference."""
    for row in run.rows("elasticity"):
        fits = getattr(row, "fit", None), getattr(row, "reference", None)
        if all(hasattr(fit, "b0") for fit in fits):
            yield Pair(KINDS[0], row.name, *(fit.b0 / units.GPa for fit in fits), "GPa")
    for row in run.rows("phonons"):
        if row.model and row.reference:
            yield Pair(KINDS[1], row.name, row.model.highest, row.reference.highest, "THz")
    for row in run.rows("surfaces"):
        if row.ratio is not None:
            reference = np.mean([f.reference for f in row.facets]) * units.m**2 / units.J
            yield Pair(KINDS[2], row.name, row.ratio.value * reference, reference, "J/m²")
    for row in run.rows("vacancies"):
        if row.formation is not None and row.formation_reference:
            yield Pair(KINDS[3], row.name, row.formation, row.formation_reference, "eV")
        for hop in row.hops:
            if hop.barrier is not None and hop.reference:
                yield Pair(KINDS[4], f"{row.name} {hop.name}", hop.barrier, hop.reference, "eV")


def draw(pairs: list[Pair], label: str) -> Figure:
    """Draw all ratios, and the median of each kind."""
    figure, axis = new_axes(3.4)
    kinds = [kind for kind in KINDS if any(p.kind == kind for p in pairs)]
    for k, kind in enumerate(kinds):
        ratios = np.sort([p.ratio for p in pairs if p.kind == kind])
        spread = 0.25 * np.linspace(-1, 1, len(ratios)) if len(ratios) > 1 else np.zeros(1)
        axis.plot(k + spread, ratios, "o", color=PALETTE[0], ms=4)
        axis.plot([k - 0.35, k + 0.35], [np.median(ratios)] * 2, color=PALETTE[1], lw=2)
    axis.axhline(1, color="0.6", lw=0.8)
    axis.set_xticks(range(len(kinds)), [kind.replace(" ", "\n") for kind in kinds], fontsize=SIZE)
    axis.set_ylabel("model / PBE", fontsize=SIZE)
    axis.set_title(label, fontsize=SIZE + 1)
    axis.tick_params(labelsize=SIZE)
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", help="phonopy files with forces")
    parser.add_argument("-b", "--backend", default="ase:emt", help="chgnet, sevennet, ...")
    parser.add_argument("--figures", type=Path, help="folder for the figure")
    parser.add_argument("--json", type=Path, help="file for the results")
    options = parser.parse_args()

    (run,) = run_checks(options.backend, (*ELEMENTS, *options.files), only=CHECKS).runs
    pairs = list(read_pairs(run))
    columns = (
        Column("model", lambda p: f"{p.model:.3g}"),
        Column("PBE", lambda p: f"{p.reference:.3g}"),
        Column("unit", lambda p: p.unit, left=True),
        Column("ratio", lambda p: f"{p.ratio:.2f}"),
    )

    rows = [[("", p)] for p in pairs]
    print_blocks(console(), [table_of_rows("Model over PBE", "quantity", rows, columns)])
    for kind in KINDS:
        ratios = [p.ratio for p in pairs if p.kind == kind]
        if ratios:
            print(f"{kind}: median {np.median(ratios):.2f} of {len(ratios)}")
    for name, why in run.not_run.items():
        if name in CHECKS:
            print(f"{name}: {why}")
    if options.figures:
        options.figures.mkdir(parents=True, exist_ok=True)
        path = options.figures / "softening.svg"
        write_atomically(path, svg(draw(pairs, options.backend)))
        print(path)
    if options.json:
        write_atomically(options.json, dumps(run))


if __name__ == "__main__":
    main()
