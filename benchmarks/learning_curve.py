"""Learning curves: zero-shot, fine-tuned, from scratch, by the number of calculations of one's own.

    python benchmarks/learning_curve.py --target 0.05 --out learning
    python benchmarks/learning_curve.py --backend chgnet my_run/ --sizes 1 3 10

The toy needs no frames: it learns one Morse curve after another, with fixed and with tuned ridges.
"""

from __future__ import annotations

import argparse

from _script import Script

from mlipcheck import Report, run_checks


def learn(options: argparse.Namespace) -> Report:
    how = {"sizes": options.sizes, "target": options.target}
    report = run_checks(options.backend, options.frames or (), only="learning", **how)
    print(report.table("learning"))
    return report


if __name__ == "__main__":
    script = Script(__doc__, "toy")
    script.add_argument("frames", nargs="*", help="files or folders with energies and forces")
    script.add_argument("--sizes", nargs="+", type=int, help="numbers of frames to learn from")
    script.add_argument("--target", type=float, help="error to reach, eV/Å (eV for the toy)")
    script.run(learn)
