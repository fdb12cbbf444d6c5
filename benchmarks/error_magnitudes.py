"""Errors of any backend in and out of distribution, beside the differences one wants to read.

python benchmarks/error_magnitudes.py --backend chgnet --sample 100 --out errors
"""

from __future__ import annotations

import argparse
from typing import Any

from _script import Script

from mlipcheck import Report, run_checks

WORDS = {"in": "in distribution", "out": "out of distribution", None: "distribution not known"}


def summarize(p: Any) -> str:
    if p.error is not None or p.energy is None:
        return f"{p.name}: {p.error or p.not_assessed.get('energy')}"
    mae, pairs = p.energy.mae.value, p.not_assessed.get("ranking")
    if p.ranking is not None:
        pairs = f"σ {p.ranking.sigma.value:.3g} eV over {p.ranking.pairs} pairs"
    frames = f"{p.energy.frames} of {p.frames} frames"
    return (
        f"{p.name}, {WORDS[p.distribution]}: MAE {mae:.3g} eV/atom "
        f"({p.energy.convention}, {frames})\n  between two states: {pairs}"
    )


def measure(options: argparse.Namespace) -> Report:
    toy = options.backend.startswith("toy")
    own = ("morse-near", "morse-far") if toy else ("mptrj-random-1k", "random-TP")
    report = run_checks(
        options.backend,
        options.sets or own,
        only="parity",
        sample=options.sample,
        energy_resolution=options.energy_resolution,
    )
    rows = report.rows("parity")
    within = [summarize(p) for p in rows if p.distribution == "in"]
    others = [summarize(p) for p in rows if p.distribution != "in"]
    wanted = f"signal: {options.energy_resolution:g} eV between two states, to be compared with σ"
    print(*within, wanted, *others, sep="\n")
    return report


if __name__ == "__main__":
    script = Script(__doc__, "toy")
    script.add_argument("sets", nargs="*", help="morse-near, random-TP, files, folders, ...")
    script.add_argument("--sample", type=int, help="so many frames of each set; all by default")
    script.add_argument(
        "--energy-resolution",
        type=float,
        default=0.1,
        help="eV; 0.1 to 0.2 are differences on the hydrogen-evolution volcano",
    )
    script.run(measure)
