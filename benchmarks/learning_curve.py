"""The toy's learning curve: zero-shot, fine-tuned and from scratch, with fixed and tuned ridges.

python benchmarks/learning_curve.py --target 0.05 --figures figures --json learning.json
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mlipcheck.checks.learning.figures import draw_learning
from mlipcheck.checks.learning.tables import print_learning
from mlipcheck.checks.learning.toy import toy_learning_curve
from mlipcheck.checks.relaxation.figures import write_figures
from mlipcheck.drawing.colours import LOOKS
from mlipcheck.report.terminal import console
from mlipcheck.storage import dumps, write_atomically


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--target", type=float, help="find the N that this error in eV needs")
    parser.add_argument("--figures", type=Path, help="folder for the figure")
    parser.add_argument("--json", type=Path, help="file for the results")
    options = parser.parse_args()

    out = console()
    curves = [toy_learning_curve(tuned=tuned, target=options.target) for tuned in (False, True)]
    for curve in curves:
        print_learning(out, curve)
        out.print()
    if options.figures:
        options.figures.mkdir(parents=True, exist_ok=True)
        figure = draw_learning(curves, colour=LOOKS["toy"][0])
        print(*write_figures(options.figures, {"learning": [figure]}), sep="\n")
    if options.json:
        write_atomically(options.json, dumps(curves))


if __name__ == "__main__":
    main()
