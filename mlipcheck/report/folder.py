"""A report as a folder: results.json, and whatever is drawn and written from that file alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..checks import list_checks
from ..comparison import Comparison, compare_runs
from ..record import RunRecord
from ..results_file import RESULTS, dump_runs, load_runs
from ..storage import write_atomically
from .document import make_document
from .rendering import render_html, render_markdown

if TYPE_CHECKING:
    from ..drawing.panel import Panel

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
    from ..drawing.panel import remove_others, write_panels

    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / RESULTS, folder / REPORT]
    write_atomically(paths[0], dump_runs(compare_runs(runs).runs))
    comparison = compare_runs(load_runs(folder))
    panels = draw_panels(comparison)
    document = make_document(comparison, panels)
    figures = write_panels(folder / FIGURES, panels)
    remove_others(folder / FIGURES, figures)
    pictures = {path.stem: path.read_bytes() for path in figures}
    write_atomically(paths[1], render_html(document, pictures))
    if markdown:
        paths.append(folder / MARKDOWN)
        write_atomically(paths[-1], render_markdown(document, FIGURES))
    return [*paths, *figures]


def write_text(runs: Sequence[RunRecord]) -> str:
    """Return a report as Markdown that needs no files: without its figures."""
    return render_markdown(make_document(compare_runs(runs)), None)


def draw_panels(comparison: Comparison) -> list[Panel]:
    """Draw everything that the checks have a figure for; what failed is left out."""
    from ..drawing.panel import each_once

    return each_once(p for check in list_checks() for p in check.figures(comparison.models))
