"""A report as a folder: results.json, and whatever is drawn and written from that file alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ..comparison import compare_runs
from ..record import RunRecord
from ..storage import (
    RESULTS,
    dumps,
    load_runs,
    write_atomically,
)
from .document import Document, make_comparison_document, make_document
from .html import render_html
from .markdown import render_markdown
from .panels import (
    Panel,
    draw_compared_panels,
    draw_own_panels,
    draw_panels,
    write_panels,
)

REPORT, MARKDOWN, FIGURES = "report.html", "report.md", "figures"


def write_report(folder: Path, runs: Sequence[RunRecord], *, markdown: bool = False) -> list[Path]:
    """Write a report of one model, or of several side by side, and return its files.

    The results are written first, and everything else from what is read back: so a report that is
    drawn again from its folder is the same, byte for byte.

    Raises
    ------
    InputError
        Where the runs have different inputs, saying what differs.
    OSError
        Where the folder cannot be written.
    """
    figures_folder = folder / FIGURES
    figures_folder.mkdir(parents=True, exist_ok=True)
    comparison = compare_runs(runs, _names(runs))
    alone = len(comparison.runs) == 1
    paths = [folder / RESULTS, folder / REPORT]
    write_atomically(paths[0], dumps(comparison.runs[0] if alone else comparison))
    document, panels = draw_document(load_runs(folder))
    figures = write_panels(figures_folder, panels)
    pictures = {path.stem: path.read_bytes() for path in figures}
    write_atomically(paths[1], render_html(document, pictures))
    if markdown:
        paths.append(folder / MARKDOWN)
        write_atomically(paths[-1], render_markdown(document, FIGURES))
    return [*paths, *figures]


def write_text(runs: Sequence[RunRecord]) -> str:
    """Return a report as Markdown that needs no files: without its figures."""
    comparison = compare_runs(runs, _names(runs))
    if len(comparison.runs) == 1:
        return render_markdown(make_document(comparison.runs[0]), None)
    return render_markdown(make_comparison_document(comparison), None)


def draw_document(runs: Sequence[RunRecord]) -> tuple[Document, list[Panel]]:
    """Return what a report says, and its figures."""
    comparison = compare_runs(runs, _names(runs))
    if len(comparison.runs) == 1:
        panels = draw_panels(comparison.runs[0])
        return make_document(comparison.runs[0], panels), panels
    together = draw_compared_panels(comparison)
    # pairs and relaxations are drawn together, and not again for each model
    rest = tuple(replace(run, dimers=(), relaxations=()) for run in comparison.runs)
    own = draw_own_panels(replace(comparison, runs=rest))
    panels = [*together, *(panel for some in own for panel in some)]
    return make_comparison_document(comparison, together, own), panels


def _names(runs: Sequence[RunRecord]) -> list[str]:
    return [run.calculator.spec for run in runs]
