"""Hydrogen on seven fcc(111) metals with any backend: its errors beside the volcano's width.

python benchmarks/volcano.py --backend chgnet --out volcano
"""

from __future__ import annotations

import argparse

from _script import Script

from mlipcheck import Report, run_checks

METALS = ("Cu", "Ag", "Au", "Pd", "Pt", "Rh", "Ir")


def compare(options: argparse.Namespace) -> Report:
    report = run_checks(options.backend, METALS, only="adsorption")
    print(report.table("adsorption"))
    return report


if __name__ == "__main__":
    Script(__doc__, "toy").run(compare)
