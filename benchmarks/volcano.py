"""Hydrogen on seven fcc(111) metals with any backend: its errors beside the volcano's width.

python benchmarks/volcano.py --backend chgnet --figures figures --json volcano.json
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mlipcheck import run_checks
from mlipcheck.checks.adsorption import Adsorption
from mlipcheck.drawing.colours import PALETTE
from mlipcheck.drawing.panel import write_panels
from mlipcheck.record import Model
from mlipcheck.report.terminal import console, print_blocks
from mlipcheck.storage import dumps, write_atomically

METALS = ("Cu", "Ag", "Au", "Pd", "Pt", "Rh", "Ir")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-b", "--backend", default="toy", help="toy, chgnet, sevennet, ...")
    parser.add_argument("--figures", type=Path, help="folder for the figures")
    parser.add_argument("--json", type=Path, help="file for the results")
    options = parser.parse_args()

    check = Adsorption()
    (run,) = run_checks(options.backend, METALS, only=check.name).runs
    model = Model(run, options.backend, PALETTE[0], "o")
    print_blocks(console(), check.tables([model]))
    if options.figures:
        options.figures.mkdir(parents=True, exist_ok=True)
        print(*write_panels(options.figures, check.figures([model])), sep="\n")
    if options.json:
        write_atomically(options.json, dumps(run))


if __name__ == "__main__":
    main()
