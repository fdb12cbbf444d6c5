"""What is printed on a terminal, recorded: HTML and Markdown have their tables from there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rich.table import Table
from rich.text import Text

INDENT = "  "


@dataclass(frozen=True)
class Paragraph:
    """A line of text; ``style`` is rich's, ``inset`` says that it belongs to the line before."""

    text: str
    style: str = ""
    inset: bool = False


@dataclass(frozen=True)
class TableBlock:
    """A table: a title, columns and rows of text; ``numeric`` says which columns hold numbers.

    A table whose columns have no names has a fact in each row: what it is called, and its value.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]

    @property
    def named(self) -> bool:
        return any(self.columns)


Block = Paragraph | TableBlock


class Blocks:
    """A `Printer` that keeps what the ``print_*`` functions print, without markup or styles."""

    def __init__(self) -> None:
        self.found: list[Block] = []
        self._unfinished = ""

    def print(self, *objects: Any, style: str | None = None, end: str = "\n") -> None:
        for item in objects:
            if isinstance(item, Table):
                self.found.append(_table(item))
                continue
            self._unfinished += _plain(item)
            if end:
                text = self._unfinished
                inset = text.startswith(INDENT)
                self.found.append(Paragraph(text.strip(), style or "", inset))
                self._unfinished = ""


def facts(title: str, rows: dict[str, str]) -> TableBlock:
    """Return a table of facts; those without a value are left out."""
    told = tuple((name, value) for name, value in rows.items() if value)
    return TableBlock(title, ("", ""), told, (False, False))


def _table(table: Table) -> TableBlock:
    columns = [[_plain(cell) for cell in column.cells] for column in table.columns]
    return TableBlock(
        title=_plain(table.title or ""),
        columns=tuple(_plain(column.header) for column in table.columns),
        rows=tuple(zip(*columns, strict=True)),
        numeric=tuple(column.justify == "right" for column in table.columns),
    )


def _plain(item: Any) -> str:
    # names from files are text: no ":smile:" in them is a picture
    return item.plain if isinstance(item, Text) else Text.from_markup(str(item), emoji=False).plain
