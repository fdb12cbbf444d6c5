"""A report on a terminal: 100 columns, tables without frames."""

from __future__ import annotations

from collections.abc import Iterable
from typing import IO

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..comparison import Comparison
from ..drawing.tables import Block, TableBlock, clean
from .tables import compared_verdict, describe_calculator, list_findings, list_notes, list_numbers

WIDTH = 100
STYLES = {
    "fail": "bold red",
    "caution": "yellow",
    "not assessed": "cyan",
    "ok": "green",
    "failed": "bold red",
    "expected failure": "yellow",
    "passed": "green",
}


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


def print_blocks(out: Console, blocks: Iterable[Block]) -> None:
    """Print tables and lines; nothing in them is markup."""
    for block in blocks:
        if isinstance(block, TableBlock):
            out.print(_table(block))
        else:
            text = f"  {block.text}" if block.inset else block.text
            out.print(Text(clean(text)), style=STYLES.get(block.status, ""))


def _table(block: TableBlock) -> Table:
    made = Table(
        title=Text(clean(block.title)) if block.title else None,
        box=box.SIMPLE_HEAD if block.named else None,
        title_justify="left",
        pad_edge=False,
        show_header=block.named,
    )
    for head, right in zip(block.columns, block.numeric, strict=True):
        made.add_column(Text(clean(head)), justify="right" if right else "left", overflow="fold")
    for row in block.rows:
        made.add_row(*(_cell(cell) for cell in row))
    return made


def _cell(text: str) -> Text:
    first, _, rest = clean(text).partition("\n")
    cell = Text(first, style=STYLES.get(first, ""))
    return cell.append(f"\n{rest}", style="") if rest else cell


def print_report(out: Console, comparison: Comparison) -> None:
    """Print the models, every number, and the verdict, which is read last."""
    for model in comparison.models:
        start = f"{model.letter}: " if model.letter else ""
        out.print(Text(clean(start + describe_calculator(model.run.calculator))), style="bold")
    for note in list_notes(comparison):
        out.print(Text(clean(note)))
    print_blocks(out, list_numbers(comparison.models))
    if not comparison.alone:
        print_blocks(out, [compared_verdict(comparison)])
        return
    (run,) = comparison.runs
    if run.summary:
        out.print(Text(clean(run.summary)), style="bold")
    if run.findings:
        print_blocks(out, list_findings(run.findings))
    if run.advice:
        out.print("What would help next", style="italic")
    for advice in run.advice:
        out.print(Text(clean(advice.kind), style="bold").append(f": {clean(advice.text)}", ""))
        if advice.command:
            out.print(Text(f"  {clean(advice.command)}"), style="dim")
