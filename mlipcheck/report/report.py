"""A report as an object: what checks found with one model or several, to look at and to keep."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ase.calculators.calculator import InputError

from ..check import Check, named
from ..checks import ALIASES, list_checks
from ..comparison import Comparison, compare_runs
from ..drawing.tables import clean, cut, some
from ..record import Finding, RunRecord, UseAnswer
from ..results_file import dump_runs, load_runs
from ..storage import to_plain
from . import answers
from .document import make_document
from .folder import write_report
from .rendering import render_html
from .tables import describe_calculator
from .terminal import WIDTH, text_of_blocks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..drawing.panel import Panel


@dataclass(frozen=True, eq=False, repr=False)
class Report:
    """What checks found with one model, or with several side by side.

    It prints as the verdict, and shows itself in a notebook. Of several models ``uses``,
    ``findings`` and ``rows`` are those of all, in the order of the models; ``runs`` has one record
    a model.
    """

    comparison: Comparison

    @property
    def runs(self) -> tuple[RunRecord, ...]:
        """One record a model."""
        return self.comparison.runs

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the models."""
        return tuple(model.label for model in self.comparison.models)

    @property
    def verdict(self) -> dict[str, Any]:
        """The answer for each use, as ``{"relax": "with care", ...}``; of several models by label.

        Uses are relax, energies, vibrations, defects, dynamics, hot and molecules; answers yes, no
        fault found, with care, no, and not tested.
        """
        found = [{answer.use: answer.answer for answer in run.uses} for run in self.runs]
        return found[0] if len(found) == 1 else dict(zip(self.labels, found, strict=True))

    @property
    def uses(self) -> tuple[UseAnswer, ...]:
        """The answers with what they rest on."""
        return tuple(answer for run in self.runs for answer in run.uses)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Every finding, the worst of each model first."""
        return tuple(finding for run in self.runs for finding in run.findings)

    def rows(self, check: str) -> tuple[Any, ...]:
        """Return the records of a check; none where it did not run."""
        name = _find_check(check).name
        return tuple(row for run in self.runs for row in run.rows(name))

    def table(self, check: str | None = None) -> str:
        """Return the numbers of a check, or of all, as tables of text."""
        checks = list_checks() if check is None else [_find_check(check)]
        return text_of_blocks(b for c in checks for b in c.tables(self.comparison.models))

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, as results.json has it."""
        found: dict[str, Any] = json.loads(dump_runs(self.runs))
        return found

    def to_dataframe(self, check: str | None = None) -> Any:
        """Return the findings as a pandas table, one a row; of a check its records.

        Raises
        ------
        ImportError
            Where pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError:
            raise ImportError("pandas is not installed; pip install pandas") from None
        pairs = zip(self.labels, self.runs, strict=True)
        if check is None:
            found = [_line(label, f) for label, run in pairs for f in run.findings]
        else:
            name = _find_check(check).name
            found = [{"model": m, **to_plain(row)} for m, run in pairs for row in run.rows(name)]
        return pd.json_normalize(found)

    def save(self, folder: str | os.PathLike[str], markdown: bool = False) -> list[Path]:
        """Write results.json, report.html and figures into a folder, and return their paths.

        Raises
        ------
        OSError
            Where the folder cannot be written.
        """
        return write_report(Path(folder), self.runs, markdown=markdown)

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Report:
        """Read what `save` or ``mlipcheck run --out`` wrote: its folder, or the results.json in it.

        Raises
        ------
        InputError
            If it cannot be read, or is no report.
        """
        try:
            runs = load_runs(folder)
        except (OSError, ValueError) as error:
            why = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else error
            raise InputError(f"{why}; give what `save` or --out has written") from error
        return cls(compare_runs(runs))

    def compare(self, *others: Report) -> Report:
        """Return a report of the models of all, side by side.

        Raises
        ------
        InputError
            Where their inputs differ, saying what differs.
        """
        return Report(compare_runs([run for report in (self, *others) for run in report.runs]))

    def plot(
        self,
        check: str,
        which: str | int = 0,
        ax: Axes | Sequence[Axes] | None = None,
    ) -> Figure | Axes | Sequence[Axes]:
        """Draw a figure of a check.

        Parameters
        ----------
        check : str
        which : str or int
            The row that it shows (``"Cu-Cu"``), its name, or its place among the check's figures.
        ax : Axes or several, optional
            Where to draw. Some figures have several axes: they take those that are given from the
            top down, and what is left has no place. Scans of dimers are energies above forces.

        Returns
        -------
        Figure, or ``ax`` where that was given

        Raises
        ------
        InputError
            For a figure that the check does not have.
        """
        from ..drawing.panel import draw_on

        found = _find_check(check)

        def draw() -> list[Any]:
            return found.figures(self.comparison.models)

        panels = draw()
        at = _find_panel(panels, which, found.name)
        if ax is None:
            return panels[at].figure
        axes = list(ax) if hasattr(ax, "__iter__") else [ax]
        draw_on(axes, draw, at)
        return ax

    def __repr__(self) -> str:
        models, alone = self.comparison.models, self.comparison.alone
        about = answers.name_subject(self.runs[0].subject)
        lines = []
        for model in models:
            end = f" on {about}" if about and alone else ""
            lines.append(named(model, describe_calculator(model.run.calculator) + end))
            lines += [named(model, p.text) for p in answers.list_foundations(model.run)]
        for use, *cells in answers.list_uses(models).rows:
            heads = [cell.partition("\n")[0] for cell in (cells[:2] if alone else cells)]
            lines.append(f"{use:32}" + "".join(f"{head:16}" for head in heads))
        return "\n".join(cut(clean(line).rstrip(), WIDTH) for line in lines)

    def _repr_html_(self) -> str:
        return render_html(make_document(self.comparison), {}, fragment=True)


def _find_check(name: str) -> Check[Any]:
    known = {check.name: check for check in list_checks()}
    name = ALIASES.get(name, name)
    if name not in known:
        raise InputError(f"no check is called {name!r}; known: {', '.join(known)}")
    return known[name]


def _find_panel(panels: Sequence[Panel], which: str | int, check: str) -> int:
    if isinstance(which, int) and -len(panels) <= which < len(panels):
        return which
    names = {which, "-".join(reversed(str(which).split("-")))}  # of a pair, in either order
    for k, panel in enumerate(panels):
        if names & {panel.name, *panel.subjects}:
            return k
    shown = some([p.subjects[0] if len(p.subjects) == 1 else p.name for p in panels], 12)
    raise InputError(f"{check} has no figure {which!r}; figures: {shown or 'none'}")


def _line(label: str, f: Finding) -> dict[str, Any]:
    return {
        "model": label,
        "status": f.status,
        "check": f.check,
        "quantity": f.quantity,
        "subject": f.subjects[0],
        "also": ", ".join(f.subjects[1:]),
        "value": f.value,
        "number": f.number,
        "unit": f.unit,
        "limits": f.limits,
        "tested_on": f.tested_on,
        "decides": ", ".join(f.decides),
        "hints": ", ".join(f.hints),
        "doubts": "; ".join(doubt.text for doubt in f.doubts),
    }
