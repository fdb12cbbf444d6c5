"""Relaxation of any backend against references: ASE's dcdft crystals, Morse clusters, or files.

python benchmarks/relax_vs_reference.py --backend chgnet dcdft --figures figures
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mlipcheck import get_calculator, relax_against_reference
from mlipcheck.calculators.registry import describe
from mlipcheck.comparison import compare_runs
from mlipcheck.report.folder import draw_panels, write_figures
from mlipcheck.report.tables import list_numbers
from mlipcheck.report.terminal import console, print_blocks
from mlipcheck.results_file import make_run
from mlipcheck.storage import dumps, write_atomically


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "references", nargs="*", default=["morse-clusters"], help="dcdft, morse-clusters, or files"
    )
    parser.add_argument("--backend", default="toy", help="toy, toy:wide, chgnet, ase:emt, ...")
    parser.add_argument("--optimizer", default="BFGS", help="BFGS, LBFGS, FIRE, BFGSLineSearch")
    parser.add_argument("--fmax", type=float, default=0.02, help="eV/Å")
    parser.add_argument("--figures", type=Path, help="folder for the figures")
    parser.add_argument("--json", type=Path, help="file for the results")
    options = parser.parse_args()

    calculator = get_calculator(options.backend)
    rows = relax_against_reference(
        calculator, options.references, fmax=options.fmax, optimizer=options.optimizer
    )
    found = compare_runs([make_run(parser.prog, describe(calculator), {}, {"relaxation": rows})])
    print_blocks(console(), list_numbers(found.models))
    if options.figures:
        print(*write_figures(options.figures, draw_panels(found)), sep="\n")
    if options.json:
        write_atomically(options.json, dumps(rows))


if __name__ == "__main__":
    main()
