"""The toy's learning curve: zero-shot, fine-tuned and from scratch, with fixed and tuned ridges.

python benchmarks/learning_curve.py --target 0.05 --figures figures --json learning.json
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mlipcheck import get_calculator
from mlipcheck.calculators.registry import describe
from mlipcheck.checks.learning.toy import toy_learning_curve
from mlipcheck.comparison import compare_runs
from mlipcheck.report.folder import draw_panels, write_figures
from mlipcheck.report.tables import list_numbers
from mlipcheck.report.terminal import console, print_blocks
from mlipcheck.results_file import make_run
from mlipcheck.storage import dumps, write_atomically


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--target", type=float, help="find the N that this error in eV needs")
    parser.add_argument("--figures", type=Path, help="folder for the figure")
    parser.add_argument("--json", type=Path, help="file for the results")
    options = parser.parse_args()

    curves = [toy_learning_curve(tuned=tuned, target=options.target) for tuned in (False, True)]
    toy = describe(get_calculator("toy"))
    found = compare_runs([make_run(parser.prog, toy, {}, {"learning": curves})])
    print_blocks(console(), list_numbers(found.models))
    if options.figures:
        print(*write_figures(options.figures, draw_panels(found)), sep="\n")
    if options.json:
        write_atomically(options.json, dumps(curves))


if __name__ == "__main__":
    main()
