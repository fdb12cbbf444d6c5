"""The terminal that reports are printed on: 100 columns, tables without frames."""

from __future__ import annotations

from typing import IO, Any, Protocol

from rich import box
from rich.console import Console
from rich.table import Table

WIDTH = 100
STYLES = {"fail": "bold red", "caution": "yellow", "not assessed": "cyan", "ok": "green"}


class Printer(Protocol):
    """What tables are printed on: a console of rich, or `blocks.Blocks`, which keeps them."""

    def print(self, *objects: Any, style: str | None = None, end: str = "\n") -> None: ...


def console(file: IO[str] | None = None) -> Console:
    """Return a console as wide as the terminal, 100 columns at most and where there is none."""
    found = Console(file=file, highlight=False)
    return Console(
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
