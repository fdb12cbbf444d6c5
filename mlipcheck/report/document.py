"""What a report says in whatever format: the verdict by use, its evidence, then the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..comparison import Comparison
from ..drawing.tables import Block, Paragraph, TableBlock
from ..record import CROSSED, Finding, Model
from . import answers
from .gallery import Gallery, Illustration
from .tables import describe_calculator, list_methods, list_notes, list_numbers

if TYPE_CHECKING:
    from ..drawing.panel import Panel

# What decided stands open, in full; the rest is folded.
HEADINGS = {
    "decided": "What decided",
    "advice": "What to do next",
    "other": "Other faults found",
    "not assessed": "Not assessed",
    "ok": "What agrees",
}


@dataclass(frozen=True)
class Item:
    """One finding, or one piece of advice, and what it rests on.

    ``number`` belongs to the first of ``subjects``. ``shown`` are the figures that follow it, and
    ``seen`` the numbers of those that were shown before. Advice has a ``command`` and no number.
    """

    plain: str
    status: str
    question: str = ""
    subjects: tuple[str, ...] = ()
    number: str = ""
    limits: str = ""
    doubts: tuple[str, ...] = ()
    why: str = ""
    source: str = ""
    shown: tuple[Illustration, ...] = ()
    seen: tuple[int, ...] = ()
    command: str = ""


@dataclass(frozen=True)
class Group:
    """Items of one kind, under a heading; a ``folded`` group shows its items when it is opened."""

    title: str
    kind: str
    items: tuple[Item, ...]

    @property
    def folded(self) -> bool:
        return self.kind not in ("decided", "advice")


@dataclass(frozen=True)
class ModelPart:
    """One model: what it is, and what was found. ``letter`` is its name in tables of several."""

    letter: str
    label: str
    facts: str
    colour: str
    foundations: tuple[Paragraph, ...]
    groups: tuple[Group, ...]
    methods: tuple[TableBlock, ...]


@dataclass(frozen=True)
class Document:
    """All that a report says.

    ``frames`` are the labels that there are, ``uses`` is the verdict with its ``legend``, and
    ``recommended`` says which of several models is better for what. ``doubts`` speak against the
    references.
    ``compared`` are all questions side by side, and ``together`` the figures that have several
    models; both are empty for one. ``more`` are figures that no item showed, ``files`` names of
    those that are beside the report only.
    """

    title: str
    models: tuple[ModelPart, ...]
    frames: str
    uses: TableBlock
    legend: str = ""
    recommended: str = ""
    doubts: tuple[Paragraph, ...] = ()
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
    subject = comparison.runs[0].subject
    about = answers.name_subject(subject)
    return Document(
        title=f"{names} on {about}" if about else f"Check-up of {names}",
        models=models,
        frames=answers.describe_frames(subject),
        uses=answers.list_uses(comparison.models),
        legend=answers.LEGEND,
        recommended=answers.recommend(comparison),
        doubts=tuple(answers.list_doubts(comparison.models)),
        notes=tuple(list_notes(comparison)),
        compared=() if comparison.alone else (answers.list_questions(comparison),),
        together=together,
        numbers=tuple(list_numbers(comparison.models)),
        more=more,
        files=files,
    )


def _model(model: Model, gallery: Gallery) -> ModelPart:
    run, info = model.run, model.run.calculator
    decided = {answer.decided_by for answer in run.uses}
    kinds: dict[str, list[Item]] = {kind: [] for kind in HEADINGS}
    kinds["advice"] = [Item(a.text, "advice", a.kind, command=a.command or "") for a in run.advice]
    crossed = {k for k, finding in enumerate(run.findings) if finding.status in CROSSED}
    # what decided comes first, and has its figures
    for k, finding in sorted(enumerate(run.findings), key=lambda at: at[0] not in decided):
        kind = ("decided" if k in decided else "other") if k in crossed else finding.status
        kinds[kind].append(_item(finding, gallery, model.letter, full=k in crossed))
    groups = tuple(
        Group(HEADINGS[kind], kind, tuple(items)) for kind, items in kinds.items() if items
    )
    return ModelPart(
        letter=model.letter,
        label=model.label,
        facts=describe_calculator(info),
        colour=model.colour,
        foundations=(*answers.list_foundations(run), *answers.list_failures(run)),
        groups=groups,
        methods=list_methods(run),
    )


def _item(finding: Finding, gallery: Gallery, letter: str, *, full: bool) -> Item:
    """Return a finding in full with its figures, or as a line."""
    evidence = gallery.find(finding, letter) if full else []
    seen = gallery.seen(evidence)
    return Item(
        plain=finding.reason,
        status=finding.status,
        question=f"{finding.check}: {finding.quantity}",
        subjects=finding.subjects,
        number=finding.value,
        limits=finding.limits,
        doubts=tuple(doubt.text for doubt in finding.doubts),
        why=finding.why if full else "",
        source=finding.source if full else "",
        shown=gallery.show(evidence),
        seen=seen,
    )
