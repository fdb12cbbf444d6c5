"""Relaxation of any backend against references: ASE's dcdft crystals, Morse clusters, or files.

python benchmarks/relax_vs_reference.py --backend chgnet --out relaxed
"""

from __future__ import annotations

import argparse

from _script import Script

from mlipcheck import Report, run_checks


def relax(options: argparse.Namespace) -> Report:
    # crystals of a Morse curve collapse: the toy has clusters
    own = "morse-clusters" if options.backend.startswith("toy") else "dcdft"
    how = {"optimizer": options.optimizer, "fmax": options.fmax}
    report = run_checks(options.backend, options.references or own, only="relaxation", **how)
    print(report.table("relaxation"))
    return report


if __name__ == "__main__":
    script = Script(__doc__, "toy")
    script.add_argument("references", nargs="*", help="dcdft, morse-clusters, or files")
    script.add_argument("--optimizer", default="BFGS", help="BFGS, LBFGS, FIRE, BFGSLineSearch")
    script.add_argument("--fmax", type=float, default=0.02, help="eV/Å")
    script.run(relax)
