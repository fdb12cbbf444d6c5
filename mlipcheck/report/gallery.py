"""Which figure goes where: beside what it is evidence for, each once, and numbered."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..record import Finding

if TYPE_CHECKING:
    from ..drawing.panel import Panel

PER_ITEM = 2
IN_ALL = 24  # in a report; others are files beside it


@dataclass(frozen=True)
class Illustration:
    """A figure in its place; ``name`` is the stem of its file."""

    number: int
    name: str
    caption: str
    alt: str


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
        return tuple(Illustration(self._numbers[p.name], p.name, p.caption, p.alt) for p in new)

    def rest(self) -> tuple[tuple[Illustration, ...], tuple[str, ...]]:
        """Show what nothing has shown, as far as there is room, and name what is left."""
        left = [p for p in self.panels if p.name not in self._numbers]
        room = max(0, IN_ALL - len(self._numbers))
        return self.show(left[:room]), tuple(p.name for p in left[room:])
