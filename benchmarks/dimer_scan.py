"""Dimer scan of any backend: a table, the curves as figures, and everything as JSON.

python benchmarks/dimer_scan.py --backend chgnet Cu O --figures figures --json dimers.json
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mlipcheck import get_calculator, scan_dimers
from mlipcheck.calculators.registry import describe
from mlipcheck.checks.relaxation.figures import save_figures
from mlipcheck.drawing.colours import model_colours
from mlipcheck.report import terminal, text
from mlipcheck.storage import dumps, write_atomically


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("elements", nargs="*", default=["N"], help="elements, or pairs like Cu-O")
    parser.add_argument("--backend", default="toy", help="toy, toy:wide, chgnet, ase:emt, ...")
    parser.add_argument("--reference", default="auto", help="auto, pbe, morse, none, or a file")
    parser.add_argument("--figures", type=Path, help="folder for the figures")
    parser.add_argument("--json", type=Path, help="file for the results")
    options = parser.parse_args()

    calculator = get_calculator(options.backend)
    scans = scan_dimers(calculator, options.elements, reference=options.reference)
    text.print_dimers(terminal.console(), scans)
    if options.figures:
        options.figures.mkdir(parents=True, exist_ok=True)
        (colour,) = model_colours([describe(calculator)])
        print(*save_figures(options.figures, dimers=scans, colour=colour), sep="\n")
    if options.json:
        write_atomically(options.json, dumps(scans))


if __name__ == "__main__":
    main()
