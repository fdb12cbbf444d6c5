"""Errors of any backend in and out of distribution, beside the differences one wants to read.

python benchmarks/error_magnitudes.py --backend chgnet --sample 100 --figures figures
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mlipcheck import get_calculator
from mlipcheck.calculators.backends import get_demonstration
from mlipcheck.calculators.registry import describe
from mlipcheck.checks.parity.compare import check_settings, parity
from mlipcheck.checks.parity.record import Parity
from mlipcheck.checks.parity.scales import DISTRIBUTIONS, SIGNAL
from mlipcheck.comparison import compare_runs
from mlipcheck.references.inputs import load_frame_sets
from mlipcheck.references.morse_frames import NAMES, morse_frames
from mlipcheck.report.folder import draw_panels, write_figures
from mlipcheck.results_file import make_run
from mlipcheck.storage import dumps, write_atomically


def summarize(p: Parity) -> str:
    e, ranking = p.energy, p.ranking
    if p.error is not None or e is None:
        return f"{p.name}: {p.error or p.not_assessed.get('energy')}"
    pairs = p.not_assessed.get("ranking")
    if ranking is not None:
        pairs = f"σ {ranking.sigma.value:.3g} eV over {ranking.pairs} pairs"
    return (
        f"{p.name}, {DISTRIBUTIONS[p.distribution][1]}: MAE {e.mae.value:.3g} eV/atom "
        f"({e.convention}, {e.frames} of {p.frames} frames)\n  between two states: {pairs}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sets", nargs="*", help="morse-near, random-TP, files, folders, ...")
    parser.add_argument("--backend", default="toy", help="toy, chgnet, sevennet, ...")
    parser.add_argument("--sample", type=int, help="so many frames of each set; all by default")
    parser.add_argument(
        "--energy-resolution", type=float, help="eV; by default hydrogen evolution's, 0.1"
    )
    parser.add_argument("--figures", type=Path, help="folder for the figures")
    parser.add_argument("--json", type=Path, help="file for the results")
    options = parser.parse_args()
    resolution = options.energy_resolution or SIGNAL[0]
    check_settings(None, resolution)

    morse = get_demonstration(options.backend.partition(":")[0]).morse
    names = options.sets or (NAMES if morse else ("mptrj-random-1k", "random-TP"))
    sets = load_frame_sets([morse_frames(n) if n in NAMES else n for n in names])
    if options.sample is not None:
        sets = [s.sample(options.sample, seed=0) for s in sets]
    calculator = get_calculator(options.backend)
    found = [parity(calculator, s, energy_resolution=resolution) for s in sets]

    within = [summarize(p) for p in found if p.distribution == "in"]
    others = [summarize(p) for p in found if p.distribution != "in"]
    wanted = f"signal: {resolution:g} eV between two states, to be compared with σ only"
    print(*within, wanted, *others, sep="\n")
    if options.figures:
        settings = {"energy_resolution": options.energy_resolution}
        run = make_run(parser.prog, describe(calculator), settings, {"parity": found})
        print(*write_figures(options.figures, draw_panels(compare_runs([run]))), sep="\n")
    if options.json:
        write_atomically(options.json, dumps(found))


if __name__ == "__main__":
    main()
