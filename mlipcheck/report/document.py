"""What a report says, whatever it is written in: the verdict with its evidence, then the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import TYPE_CHECKING

from ..advice import CROSSED
from ..calculators.records import CalculatorInfo
from ..comparison import Comparison
from ..drawing.blocks import Block, Blocks, TableBlock
from ..drawing.colours import model_colours
from ..record import Finding, RunRecord
from .gallery import Gallery, Illustration
from .methods import list_methods
from .record_text import print_numbers, system_notes
from .side_by_side import print_compared_numbers, print_compared_verdict
from .text import calculator_facts

if TYPE_CHECKING:
    from .panels import Panel

# The worst first, then what would mend it; what needs no action is last.
HEADINGS = {
    "fail": "What not to do",
    "caution": "Be careful with",
    "advice": "What would help next",
    "not assessed": "What could not be judged",
    "ok": "What holds",
}


@dataclass(frozen=True)
class Item:
    """One thing that a report says, in plain words, and what it rests on.

    ``number`` belongs to the first of ``subjects``. ``reason`` is empty where ``plain`` says the
    same, and ``source`` where no limit is crossed. ``shown`` are the figures that follow it, and
    ``seen`` the numbers of those that were shown before. Advice has a ``command`` and no number.
    """

    plain: str
    status: str
    question: str = ""
    subjects: tuple[str, ...] = ()
    number: str = ""
    threshold: str = ""
    reason: str = ""
    why: str = ""
    source: str = ""
    shown: tuple[Illustration, ...] = ()
    seen: tuple[int, ...] = ()
    command: str = ""


@dataclass(frozen=True)
class Group:
    """Items of one kind, under a heading."""

    title: str
    kind: str
    items: tuple[Item, ...]


@dataclass(frozen=True)
class Model:
    """One model: what it is, and its verdict. ``letter`` is its name in tables of several."""

    letter: str
    label: str
    facts: str
    colour: str
    summary: str
    groups: tuple[Group, ...]
    methods: tuple[TableBlock, ...]


@dataclass(frozen=True)
class Document:
    """All that a report says.

    ``compared`` is the verdict side by side, and ``together`` the figures that have several models;
    both are empty for one. ``more`` are figures that no item showed, ``files`` names of those that
    are beside the report only.
    """

    title: str
    models: tuple[Model, ...]
    notes: tuple[str, ...] = ()
    compared: tuple[Block, ...] = ()
    together: tuple[Illustration, ...] = ()
    numbers: tuple[Block, ...] = ()
    more: tuple[Illustration, ...] = ()
    files: tuple[str, ...] = ()
    language: str = "en"


def make_document(run: RunRecord, panels: Sequence[Panel] = ()) -> Document:
    """Return what there is to say of one model.

    Parameters
    ----------
    run : RunRecord
    panels : sequence of Panel
        What `panels.draw_panels` drew of it.
    """
    gallery = Gallery(panels)
    (colour,) = model_colours([run.calculator])
    model = _model(run, "", _name(run.calculator), colour, gallery, gallery.panels)
    numbers = Blocks()
    print_numbers(numbers, run)
    more, files = gallery.rest()
    return Document(
        title=f"Check-up of {model.label}",
        models=(model,),
        notes=tuple(system_notes(run)),
        numbers=tuple(numbers.found),
        more=more,
        files=files,
    )


def make_comparison_document(
    comparison: Comparison, compared: Sequence[Panel] = (), own: Sequence[Sequence[Panel]] = ()
) -> Document:
    """Return what there is to say of several models, side by side.

    Parameters
    ----------
    comparison : Comparison
    compared : sequence of Panel
        What `panels.draw_compared_panels` drew of it.
    own : sequence of sequences of Panel
        For each model, its figures that are not among ``compared``.
    """
    runs, labels = comparison.runs, comparison.labels
    own = own or [[] for _ in runs]
    gallery = Gallery([*compared, *(panel for panels in own for panel in panels)])
    together = gallery.show(gallery.panels[: len(compared)])
    verdict, numbers = Blocks(), Blocks()
    print_compared_verdict(verdict, comparison)
    print_compared_numbers(numbers, comparison)
    letters = ascii_uppercase[: len(runs)]
    colours = model_colours([run.calculator for run in runs])
    models = tuple(
        _model(run, letter, label, colour, gallery, [*compared, *panels])
        for run, letter, label, colour, panels in zip(
            runs, letters, labels, colours, own, strict=True
        )
    )
    more, files = gallery.rest()
    return Document(
        title=f"Check-up of {', '.join(labels[:-1])} and {labels[-1]}",
        models=models,
        notes=(*system_notes(runs[0]), *comparison.notes),  # they have the same inputs
        compared=tuple(verdict.found),
        together=together,
        numbers=tuple(numbers.found),
        more=more,
        files=files,
    )


def _name(info: CalculatorInfo) -> str:
    return f"{info.spec} {info.version}" if info.version else info.spec


def _model(
    run: RunRecord,
    letter: str,
    label: str,
    colour: str,
    gallery: Gallery,
    panels: Sequence[Panel],
) -> Model:
    groups = []
    for kind, title in HEADINGS.items():
        found = [f for f in run.findings if f.status == kind]
        items = [_item(f, gallery, panels) for f in found]
        if kind == "advice":
            items = [Item(a.text, kind, a.kind, command=a.command or "") for a in run.advice]
        if items:
            groups.append(Group(title, kind, tuple(items)))
    return Model(
        letter=letter,
        label=label,
        facts=calculator_facts(run.calculator),
        colour=colour,
        summary=run.summary,
        groups=tuple(groups),
        methods=list_methods(run),
    )


def _item(finding: Finding, gallery: Gallery, panels: Sequence[Panel]) -> Item:
    evidence = gallery.find(finding, panels)
    seen = gallery.seen(evidence)
    plain = finding.plain or finding.reason
    same = finding.reason.casefold() in plain.casefold()
    return Item(
        plain=plain,
        status=finding.status,
        question=f"{finding.check}: {finding.quantity}",
        subjects=finding.subjects,
        number=finding.value,
        threshold=finding.threshold,
        reason="" if same else finding.reason,
        why=finding.why,
        source=finding.source if finding.status in CROSSED else "",
        shown=gallery.show(evidence),
        seen=seen,
    )
