"""Dimer scan of any backend: the numbers, and with --out the curves.

python benchmarks/dimer_scan.py --backend chgnet Cu O --out dimers
"""

from __future__ import annotations

import argparse

from _script import Script

from mlipcheck import Report, run_checks


def scan(options: argparse.Namespace) -> Report:
    what, reference = options.elements or (), options.reference
    report = run_checks(options.backend, what, only="dimers", reference=reference)
    print(report.table("dimers"))
    return report


if __name__ == "__main__":
    script = Script(__doc__, "toy")
    script.add_argument("elements", nargs="*", help="elements, or pairs like Cu-O")
    script.add_argument("--reference", default="auto", help="auto, pbe, morse, none, or a file")
    script.run(scan)
