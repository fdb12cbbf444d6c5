"""Relaxation of any backend against references: ASE's dcdft crystals, Morse clusters, or files.

python benchmarks/relax_vs_reference.py --backend chgnet dcdft --figures figures
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mlipcheck import get_calculator, relax_against_reference
from mlipcheck.calculators.registry import describe
from mlipcheck.checks.relaxation.figures import save_figures
from mlipcheck.drawing.colours import model_colours
from mlipcheck.report import terminal, text
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
        calculator,
        options.references,
        fmax=options.fmax,
        optimizer=options.optimizer,
    )
    text.print_relaxations(terminal.console(), rows)
    if options.figures:
        options.figures.mkdir(parents=True, exist_ok=True)
        (colour,) = model_colours([describe(calculator)])
        print(*save_figures(options.figures, relaxations=rows, colour=colour), sep="\n")
    if options.json:
        write_atomically(options.json, dumps(rows))


if __name__ == "__main__":
    main()
