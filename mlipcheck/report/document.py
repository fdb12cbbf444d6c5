"""What a report says, whatever it is written in: the verdict with its evidence, then the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..comparison import Comparison
from ..drawing.tables import Block, TableBlock
from ..record import CROSSED, Finding, Model
from .gallery import Gallery, Illustration
from .tables import compared_verdict, describe_calculator, list_methods, list_notes, list_numbers

if TYPE_CHECKING:
    from ..drawing.panel import Panel

# The worst first, then what would correct it; what needs no action is last.
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
    limits: str = ""
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
class ModelPart:
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
    models: tuple[ModelPart, ...]
    notes: tuple[str, ...] = ()
    compared: tuple[Block, ...] = ()
    together: tuple[Illustration, ...] = ()
    numbers: tuple[Block, ...] = ()
    more: tuple[Illustration, ...] = ()
    files: tuple[str, ...] = ()
    language: str = "en"


def make_document(comparison: Comparison, panels: Sequence[Panel] = ()) -> Document:
    """Return what there is to say of one model, or of several side by side.

    Parameters
    ----------
    comparison : Comparison
    panels : sequence of Panel
        What the checks drew of it.
    """
    gallery = Gallery(panels)
    # figures that show several models stand with the verdict side by side
    together = () if comparison.alone else gallery.show([p for p in panels if not p.letters])
    models = tuple(_model(model, gallery) for model in comparison.models)
    more, files = gallery.rest()
    labels = [model.label for model in models]
    names = f"{', '.join(labels[:-1])} and {labels[-1]}" if len(labels) > 1 else labels[0]
    return Document(
        title=f"Check-up of {names}",
        models=models,
        notes=tuple(list_notes(comparison)),
        compared=() if comparison.alone else (compared_verdict(comparison),),
        together=together,
        numbers=tuple(list_numbers(comparison.models)),
        more=more,
        files=files,
    )


def _model(model: Model, gallery: Gallery) -> ModelPart:
    run, info = model.run, model.run.calculator
    groups = []
    for kind, title in HEADINGS.items():
        items = [_item(f, gallery, model.letter) for f in run.findings if f.status == kind]
        if kind == "advice":
            items = [Item(a.text, kind, a.kind, command=a.command or "") for a in run.advice]
        if items:
            groups.append(Group(title, kind, tuple(items)))
    version = f" {info.version}" if info.version and not model.letter else ""
    return ModelPart(
        letter=model.letter,
        label=f"{model.label}{version}",
        facts=describe_calculator(info),
        colour=model.colour,
        summary=run.summary,
        groups=tuple(groups),
        methods=list_methods(run),
    )


def _item(finding: Finding, gallery: Gallery, letter: str) -> Item:
    evidence = gallery.find(finding, letter)
    seen = gallery.seen(evidence)
    plain = finding.plain or finding.reason
    same = finding.reason.casefold() in plain.casefold()
    return Item(
        plain=plain,
        status=finding.status,
        question=f"{finding.check}: {finding.quantity}",
        subjects=finding.subjects,
        number=finding.value,
        limits=finding.limits,
        reason="" if same else finding.reason,
        why=finding.why,
        source=finding.source if finding.status in CROSSED else "",
        shown=gallery.show(evidence),
        seen=seen,
    )
