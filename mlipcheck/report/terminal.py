"""The terminal that reports are printed on: 100 columns, tables without frames."""

from __future__ import annotations

import re
from typing import IO, Any, Protocol

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

WIDTH = 100
STYLES = {"fail": "bold red", "caution": "yellow", "not assessed": "cyan", "ok": "green"}
# What neither a terminal nor HTML may have, since a name from a file can hold anything: controls,
# what turns the direction of writing, and halves of pairs.
_CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def clean(text: str) -> str:
    """Return text without characters that cannot be shown."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


class Printer(Protocol):
    """What tables are printed on: a console of rich, or `blocks.Blocks`, which keeps them."""

    def print(self, *objects: Any, style: str | None = None, end: str = "\n") -> None: ...


class _Console(Console):
    """A console on which no text can do more than be read."""

    def render_str(self, text: str, **kwargs: Any) -> Text:
        return super().render_str(clean(text), **kwargs)


def console(file: IO[str] | None = None) -> Console:
    """Return a console as wide as the terminal, 100 columns at most and where there is none."""
    found = Console(file=file, highlight=False)
    return _Console(
        file=file,
        highlight=False,
        emoji=False,  # a name from a file may have colons
        soft_wrap=False,
        width=min(found.width, WIDTH) if found.is_terminal else WIDTH,
    )


def new_table(title: str, *columns: str, left: int = 1) -> Table:
    """Return an empty table, its first ``left`` columns flush left and the others right."""
    made = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for k, column in enumerate(columns):
        made.add_column(
            column,
            justify="left" if k < left else "right",
            overflow="fold",
            min_width=14 if k == 0 and "structure" in column else None,
        )
    return made


def number(value: float | None, form: str, missing: str = "-") -> str:
    """Format a number that may be missing."""
    return missing if value is None else format(value, form)
