"""What a report says in whatever format: the verdict by use, its evidence, then the rest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..comparison import Comparison
from ..drawing.tables import Block, Paragraph, TableBlock
from ..record import CROSSED, Advice, Finding, Model
from . import answers
from .tables import describe_calculator, list_methods, list_notes, list_numbers

if TYPE_CHECKING:
    from ..drawing.panel import Panel

PER_ITEM = 2  # figures
IN_ALL = 24  # in a report; others are files beside it
# What decided stands open, in full; the rest is folded.
HEADINGS = {
    "decided": "What decided",
    "advice": "What to do next",
    "other": "Other faults found",
    "not assessed": "Not assessed",
    "ok": "What agrees",
}


@dataclass(frozen=True)
class Illustration:
    """A figure in its place."""

    number: int
    panel: Panel


@dataclass(frozen=True)
class Item:
    """One finding, or one piece of advice.

    ``shown`` are the figures that follow it, and ``seen`` the numbers of those that were shown
    before.
    """

    about: Finding | Advice
    shown: tuple[Illustration, ...] = ()
    seen: tuple[int, ...] = ()


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
    """One model: what it is in a line of ``facts``, and what was found."""

    model: Model
    facts: str
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


class Gallery:
    """The figures of one report, and which of them have been shown."""

    def __init__(self, panels: Iterable[Panel]) -> None:
        self.panels = list(panels)
        self._numbers: dict[str, int] = {}

    def find(self, finding: Finding, letter: str) -> list[Panel]:
        """Return the figures that are evidence for a finding, its worst subject's first."""
        asked = [p for p in self.panels if p.is_evidence(*finding.question, letter)]
        found: dict[str, Panel] = {}
        for subject in finding.subjects:
            found |= {p.name: p for p in asked if subject in p.subjects and p.name not in found}
            if len(found) >= PER_ITEM:
                break
        return list(found.values())[:PER_ITEM]

    def seen(self, panels: Iterable[Panel]) -> tuple[int, ...]:
        """Return the numbers of those that have been shown."""
        return tuple(self._numbers[p.name] for p in panels if p.name in self._numbers)

    def show(self, panels: Iterable[Panel]) -> tuple[Illustration, ...]:
        """Return those that have not been shown yet, each with its number."""
        new = [p for p in panels if p.name not in self._numbers]
        for panel in new:
            self._numbers[panel.name] = len(self._numbers) + 1
        return tuple(Illustration(self._numbers[p.name], p) for p in new)

    def rest(self) -> tuple[tuple[Illustration, ...], tuple[str, ...]]:
        """Show what nothing has shown, as far as there is room, and name what is left."""
        left = [p for p in self.panels if p.name not in self._numbers]
        room = max(0, IN_ALL - len(self._numbers))
        return self.show(left[:room]), tuple(p.name for p in left[room:])


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
    labels = [model.label for model in comparison.models]
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
    run = model.run
    decided = {answer.decided_by for answer in run.uses}
    kinds: dict[str, list[Item]] = {kind: [] for kind in HEADINGS}
    kinds["advice"] = [Item(advice) for advice in run.advice]
    # what decided comes first, and has its figures
    for k, finding in sorted(enumerate(run.findings), key=lambda at: at[0] not in decided):
        if finding.status in CROSSED:
            evidence = gallery.find(finding, model.letter)
            seen = gallery.seen(evidence)
            item = Item(finding, gallery.show(evidence), seen)
            kinds["decided" if k in decided else "other"].append(item)
        else:
            kinds[finding.status].append(Item(finding))
    groups = tuple(
        Group(HEADINGS[kind], kind, tuple(items)) for kind, items in kinds.items() if items
    )
    foundations = (*answers.list_foundations(run), *answers.list_failures(run))
    facts = describe_calculator(run.calculator)
    return ModelPart(model, facts, foundations, groups, list_methods(run))
