"""Hydrogen on seven fcc(111) metals with any backend: its errors beside the volcano's width.

python benchmarks/volcano.py --backend chgnet --figures figures --json volcano.json
"""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.markup import escape

from mlipcheck import get_calculator
from mlipcheck.checks.adsorption.compare import adsorption_energies
from mlipcheck.checks.adsorption.figures import draw_volcano
from mlipcheck.checks.adsorption.record import AdsorptionComparison
from mlipcheck.checks.relaxation.figures import write_figures
from mlipcheck.references.adsorption import hydrogen_sites
from mlipcheck.report.terminal import console, new_table, number
from mlipcheck.storage import dumps, write_atomically


def print_volcano(found: AdsorptionComparison, label: str) -> None:
    out, v = console(), found.volcano
    table = new_table("ΔE of H against 1/2 H2, eV", "site", "PBE", escape(label), "error")
    for s in found.sites:
        table.add_row(s.name, *(number(x, "+.3f") for x in (s.reference, s.model, s.error)))
    out.print(table)
    for s in found.sites:
        if s.message:
            out.print(f"{s.name}: {escape(s.message)}", style="red")
    out.print(
        f"{len(found.sites) - found.failures} of {len(found.sites)} sites, H2 in "
        f"{found.environment}: MAE {number(found.mae, '.3f')} eV, bias "
        f"{number(found.bias, '+.3f')} eV, r {number(found.pearson_r, '.3f')}.\n"
        f"Rank correlation {number(found.spearman, '.2f')}, of the metals "
        f"{number(found.spearman_metals, '.2f')}.\nσ between sites of a metal "
        f"{number(found.sigma_sites, '.2f')} eV, between metals "
        f"{number(found.sigma_metals, '.2f')} eV."
    )
    top = ", ".join(f"{p.metal} {p.reference:+.2f}" for p in v.points[:2])
    out.print(f"ΔG by PBE: {v.width:.2f} eV from end to end; nearest to the top {top} eV.")
    if v.neighbour_chance is not None:
        out.print(
            f"Neighbours in |ΔG|, {v.neighbour_gap:.2f} eV apart (median), come out in the right "
            f"order with a\nchance of Φ(δ/σ) = {v.neighbour_chance:.2f}, where a coin has 0.50. "
            f"Of all {v.pairs} pairs of metals {v.pairs_right} do;\n"
            f"Φ(δ/σ) gives {v.expected_right:.1f}."
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backend", default="toy", help="toy, chgnet, sevennet, ...")
    parser.add_argument("--figures", type=Path, help="folder for the figure")
    parser.add_argument("--json", type=Path, help="file for the results")
    options = parser.parse_args()

    found = adsorption_energies(get_calculator(options.backend), hydrogen_sites())
    print_volcano(found, options.backend)
    if options.figures:
        options.figures.mkdir(parents=True, exist_ok=True)
        figure = draw_volcano(found, options.backend)
        print(*write_figures(options.figures, {"volcano": [figure]}), sep="\n")
    if options.json:
        write_atomically(options.json, dumps(found))


if __name__ == "__main__":
    main()
