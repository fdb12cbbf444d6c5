"""Tables as data, in plain text: terminal, HTML and Markdown each draw them in their own way."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

MISSING = "-"
# What neither a terminal nor HTML may have, since a name from a file can hold anything: controls,
# what turns the direction of writing, and halves of pairs.
_CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def clean(text: str) -> str:
    """Return text without characters that cannot be shown."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


@dataclass(frozen=True)
class Paragraph:
    """A line of text; ``status`` colours it, ``inset`` says that it goes with the line before."""

    text: str
    status: str = ""
    inset: bool = False


@dataclass(frozen=True)
class TableBlock:
    """A table: a title, columns and rows of text; ``numeric`` says which columns hold numbers.

    ``widths`` are the most characters of a column on a terminal, 0 for as many as there are. A
    table whose columns have no names has a fact in each row: its name and its value.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]
    widths: tuple[int, ...] = ()

    @property
    def named(self) -> bool:
        return any(self.columns)


Block = Paragraph | TableBlock


@dataclass(frozen=True)
class Column:
    """One column of a table of rows: its head, and the text of one row; ``left`` is for words."""

    head: str
    cell: Callable[[Any], str]
    left: bool = False


def facts(title: str, rows: dict[str, str]) -> TableBlock:
    """Return a table of facts; those without a value are left out."""
    known = tuple((name, value) for name, value in rows.items() if value)
    return TableBlock(title, ("", ""), known, (False, False))


def table_of_rows(
    title: str, first: str, entries: Sequence[Sequence[tuple[str, Any]]], columns: Sequence[Column]
) -> TableBlock:
    """Return a table with a line for each row of each model; columns without a number are left out.

    Parameters
    ----------
    title, first : str
        Of the table, and of the column of names.
    entries : sequence of sequences of (letter, row)
        For each name the rows of all models; the letters are empty where there is one model.
    columns : sequence of Column
    """
    several = any(letter for rows in entries for letter, _ in rows)
    lines = [
        ((row.name if k == 0 else "", letter), tuple(c.cell(row) for c in columns))
        for rows in entries
        for k, (letter, row) in enumerate(rows)
    ]
    kept = [k for k in range(len(columns)) if any(cells[k] != MISSING for _, cells in lines)]
    heads = (first, "") if several else (first,)
    return TableBlock(
        title,
        (*heads, *(columns[k].head for k in kept)),
        tuple(
            (*(names if several else names[:1]), *(cells[k] for k in kept))
            for names, cells in lines
        ),
        (*(False for _ in heads), *(not columns[k].left for k in kept)),
    )


def table_of_columns(
    title: str, entries: Sequence[tuple[str, Any]], quantities: Sequence[Column]
) -> TableBlock:
    """Return a table with a column for each entry (head, row), and a line for each quantity."""
    lines = [(q.head, *(q.cell(row) for _, row in entries)) for q in quantities]
    return TableBlock(
        title,
        ("", *(head for head, _ in entries)),
        tuple(line for line in lines if any(cell != MISSING for cell in line[1:])),
        (False, *(True for _ in entries)),
    )


def is_finite(number: float | None) -> bool:
    """Tell whether there is a number; NaN comes back from JSON as None, in any field."""
    return number is not None and math.isfinite(number)


def number(value: float | None, form: str, missing: str = MISSING) -> str:
    """Format a number that may be missing."""
    return missing if value is None else format(value, form)


def capital(text: str) -> str:
    """Return a heading: a title with its first letter large, its others as they are."""
    return text[:1].upper() + text[1:]


def cut(text: str, most: int) -> str:
    """Return text with its end cut off where it has more characters than ``most``."""
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def count(n: int, noun: str) -> str:
    return f"{n} {noun}{'s' * (n != 1)}"


def some(names: Sequence[str], most: int = 4, *, joined: str = ", ") -> str:
    """Return the first names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return joined.join(names[:most]) + more


def list_reasons(reasons: Iterable[tuple[str, str]], most: int = 3) -> list[str]:
    """Return lines for pairs of a name and a reason: one for each reason, the commonest first.

    Reasons that differ only in their details are one; what is beyond ``most`` lines is their last.
    """
    groups: dict[str, list[tuple[str, str]]] = {}
    for name, why in reasons:
        groups.setdefault(re.split(r"[;(]", why)[0].strip(), []).append((name, why))
    found = sorted(groups.items(), key=lambda group: -len(group[1]))
    lines = []
    for key, pairs in found[: most if len(found) <= most else most - 1]:
        alike = len({why for _, why in pairs}) == 1
        lines.append(f"{pairs[0][1] if alike else key}: {some([n for n, _ in pairs], 3)}")
    if len(found) > most:
        rest = [name for _, pairs in found[most - 1 :] for name, _ in pairs]
        lines.append(f"for {len(found) - most + 1} other reasons: {some(rest, 3)}")
    return lines
