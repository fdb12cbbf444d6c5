"""A report on a terminal: 100 columns, at most 40 lines unless everything is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import IO

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..comparison import Comparison
from ..drawing.tables import Block, Paragraph, TableBlock, clean
from ..record import Advice, Model
from . import answers
from .tables import describe_calculator, list_notes, list_numbers

WIDTH, LINES = 100, 40
MAX_NOTES, MAX_DOUBTS, MAX_ADVICE = 2, 2, 4
STYLES = {
    "fail": "bold red",
    "caution": "yellow",
    "not assessed": "cyan",
    "ok": "green",
    "no": "bold red",
    "with care": "yellow",
    "not tested": "cyan",
    "no fault found": "green",
    "yes": "bold green",
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


def print_report(out: Console, comparison: Comparison, *, verbose: bool = False) -> None:
    """Print the verdict: models, answers by use, doubts, and what to do next.

    Every finding and every number follow where they are asked for (``verbose``); of a single check
    the numbers do, as far as there is room.
    """
    single = len(comparison.runs[0].checks) == 1
    used = _print(out, _verdict(comparison, single, verbose), LINES)
    if verbose:
        found = [answers.list_findings(m.run.findings) for m in comparison.models]
        compared = [] if comparison.alone else [answers.list_questions(comparison)]
        print_blocks(out, [*found, *compared, *list_numbers(comparison.models)])
        return
    if single:
        _print(out, list_numbers(comparison.models), LINES - used - 1)
    print_blocks(out, [Paragraph("Every finding and number: --verbose, or --out FOLDER.")])


def _verdict(comparison: Comparison, single: bool, verbose: bool) -> list[Block]:
    blocks: list[Block] = []
    for model in comparison.models:
        start = f"{model.letter}: " if model.letter else ""
        subject = model.run.subject
        known = (answers.name_subject(subject), answers.describe_frames(subject))
        about = f" on {': '.join(x for x in known if x)}" if any(known) else ""
        blocks.append(Paragraph(start + describe_calculator(model.run.calculator) + about))
        blocks += [Paragraph(start + p.text, p.status) for p in answers.list_foundations(model.run)]
    notes = list_notes(comparison)
    blocks += [Paragraph(note) for note in (notes if verbose else notes[:MAX_NOTES])]
    blocks.append(answers.list_uses(comparison.models, tested_only=single))
    if recommended := answers.recommend(comparison):
        blocks.append(Paragraph(recommended))
    for model in comparison.models:
        doubts = answers.list_doubts(model.run)
        blocks += doubts if verbose else doubts[:MAX_DOUBTS]
    return [*blocks, *_next(comparison.models, verbose)]


def _next(models: Sequence[Model], verbose: bool) -> list[Block]:
    """Return what to do next, each step once."""
    steps: dict[Advice, list[str]] = {}
    for model in models:
        for advice in model.run.advice:
            steps.setdefault(advice, []).append(model.letter)
    blocks: list[Block] = [Paragraph("Next:")] if steps else []
    for advice, letters in list(steps.items())[: None if verbose else MAX_ADVICE]:
        who = f" ({', '.join(letters)})" if len(models) > len(letters) else ""
        blocks.append(Paragraph(f"{advice.kind}{who}: {advice.text}", inset=True))
        if advice.command:
            blocks.append(Paragraph(f"  {advice.command}", inset=True))
    return blocks


def _print(out: Console, blocks: Sequence[Block], room: int) -> int:
    """Print blocks as far as there is room, and return the number of lines."""
    with out.capture() as captured:
        print_blocks(out, blocks)
    lines = captured.get().splitlines()
    shown = lines if len(lines) <= room else [*lines[: max(0, room - 1)], "..."]
    out.file.write("".join(f"{line}\n" for line in shown))
    return len(shown)
