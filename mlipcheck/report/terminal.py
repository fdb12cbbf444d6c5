"""A report on a terminal: 100 columns, at most 40 lines unless everything is asked for."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..comparison import Comparison
from ..drawing.tables import Block, Paragraph, TableBlock, capital, clean, cut
from ..record import Advice, Model
from . import answers
from .tables import describe_calculator, list_notes, list_numbers

WIDTH, LINES = 100, 40
MAX_NOTES, MAX_DOUBTS, MAX_ADVICE = 2, 2, 4
MIN_ADVICE = 5  # lines
NEXT = Paragraph("Next:")
COMMAND = "command"  # status of a line that is to be typed
STYLES = {
    **dict.fromkeys(("fail", "no", "failed"), "bold red"),
    **dict.fromkeys(("caution", "with care", "expected failure"), "yellow"),
    **dict.fromkeys(("not assessed", "not tested"), "cyan"),
    **dict.fromkeys(("ok", "no fault found", "passed"), "green"),
    "yes": "bold green",
    "heading": "bold",
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
            if block.title:  # which may be wider than its table
                out.print(Text(clean(block.title), style="italic"))
            out.print(_table(block))
        else:
            text = f"  {block.text}" if block.inset else block.text
            whole = block.status == COMMAND  # wrapped, it could not be pasted
            out.print(Text(clean(text)), style=STYLES.get(block.status, ""), soft_wrap=whole)


def text_of_blocks(blocks: Iterable[Block]) -> str:
    """Return tables and lines as text of 100 columns."""
    out = console(io.StringIO())
    print_blocks(out, blocks)
    return out.file.getvalue()  # type: ignore[attr-defined]


def _table(block: TableBlock) -> Table:
    made = Table(
        box=box.SIMPLE_HEAD if block.named else None,
        pad_edge=False,
        show_edge=False,
        show_header=block.named,
    )
    widths = block.widths or (0,) * len(block.columns)
    for head, right, most in zip(block.columns, block.numeric, widths, strict=True):
        made.add_column(
            Text(clean(head)),
            justify="right" if right else "left",
            overflow="fold",
            max_width=most or None,
        )
    for row in block.rows:
        made.add_row(*(_cell(cell) for cell in row))
    return made


def _cell(text: str) -> Text:
    first, _, rest = clean(text).partition("\n")
    cell = Text(first, style=STYLES.get(first, ""))
    return cell.append(f"\n{rest}", style="") if rest else cell


def print_report(
    out: Console, comparison: Comparison, *, verbose: bool = False, folder: Path | None = None
) -> None:
    """Print the verdict: models, answers by use, doubts, and what to do next.

    Every finding and every number follow where they are asked for (``verbose``); of a single check
    the numbers do, as far as there is room. ``folder`` is where the report was written.
    """
    run = comparison.runs[0]
    single = len({*run.checks, *run.not_run}) == 1  # it was asked for alone
    verdict, steps = _verdict(comparison, single, verbose), _next(comparison.models)
    numbers = list_numbers(comparison.models) if verbose or single else []
    if verbose:
        found = [answers.list_findings(m.run.findings) for m in comparison.models]
        after = [NEXT, *(block for step in steps for block in step)] if steps else []
        compared = [] if comparison.alone else [answers.list_questions(comparison)]
        print_blocks(out, [*verdict, *after, *found, *compared, *numbers])
        return
    room = LINES - 1  # the last line says where the rest is
    lines = _fit(out, verdict, room - (MIN_ADVICE if steps else 0))
    head = [NEXT]
    for step in steps[:MAX_ADVICE]:
        more = _lines(out, [*head, _shortened(step[0], WIDTH), *step[1:]])
        if _rows(lines) + _rows(more) <= room:  # a command that is cut would not run
            lines, head = lines + more, []
    if single:
        more, left = _lines(out, numbers), room - len(lines)
        lines += more if len(more) <= left else [*more[: max(0, left - 1)], "..."][:left]
    out.file.write("".join(f"{line}\n" for line in lines))
    where = f"{folder / 'report.html'}" if folder else "--out FOLDER"
    print_blocks(out, [Paragraph(f"Every finding and number: --verbose, or {where}.")])


def _verdict(comparison: Comparison, single: bool, verbose: bool) -> list[Block]:
    blocks: list[Block] = []
    subject = comparison.runs[0].subject
    known = (answers.name_subject(subject), answers.describe_frames(subject))
    about = ": ".join(x for x in known if x)
    if about and not comparison.alone:
        blocks.append(Paragraph(capital(about)))
    for model in comparison.models:
        start = f"{model.letter}: " if model.letter else ""
        end = f" on {about}" if about and comparison.alone else ""
        blocks.append(Paragraph(start + describe_calculator(model.run.calculator) + end))
        lines = [*answers.list_foundations(model.run), *answers.list_failures(model.run)]
        blocks += [Paragraph(start + p.text, p.status) for p in lines]
    notes = [Paragraph(note) for note in list_notes(comparison)]
    blocks += notes if verbose else _first(notes, MAX_NOTES, "notes")
    uses = answers.list_uses(comparison.models, tried_only=single)
    blocks += [uses, Paragraph(answers.LEGEND)] if uses.rows else []
    if recommended := answers.recommend(comparison):
        blocks.append(Paragraph(recommended))
    doubts = answers.list_doubts(comparison.models)
    return [*blocks, *(doubts if verbose else _first(doubts, MAX_DOUBTS, "doubts"))]


def _first(lines: list[Paragraph], most: int, what: str) -> list[Paragraph]:
    """Return the first of some lines, and how many more there are."""
    left = len(lines) - most
    return [*lines[:most], Paragraph(f"and {left} more {what}")] if left > 0 else lines


def _next(models: Sequence[Model]) -> list[list[Block]]:
    """Return what to do next, each step once."""
    steps: dict[Advice, list[str]] = {}
    for model in models:
        for advice in model.run.advice:
            steps.setdefault(advice, []).append(model.letter)
    found: list[list[Block]] = []
    for advice, letters in steps.items():
        who = f" ({', '.join(letters)})" if len(models) > len(letters) else ""
        found.append([Paragraph(f"{advice.kind}{who}: {advice.text}", inset=True)])
        if advice.command:
            found[-1].append(Paragraph(f"  {advice.command}", COMMAND, inset=True))
    return found


def _rows(lines: Sequence[str]) -> int:
    """Return how many rows of a screen lines take; a command may go over several."""
    return sum(max(1, -(-len(line) // WIDTH)) for line in lines)


def _lines(out: Console, blocks: Sequence[Block]) -> list[str]:
    with out.capture() as captured:
        print_blocks(out, blocks)
    return captured.get().splitlines()


def _fit(out: Console, blocks: Sequence[Block], room: int) -> list[str]:
    """Return the lines of blocks; where there is no room for all, each text is cut short."""
    for most in (None, 120, 80, 60, 41, 36, 30):
        lines = _lines(out, [_shortened(block, most) for block in blocks])
        if len(lines) <= room:
            return lines
    return [*lines[: room - 1], "..."]


def _shortened(block: Block, most: int | None) -> Block:
    """Return a block with its texts cut; the first line of a cell may be its status."""
    if most is None:
        return block
    if isinstance(block, Paragraph):
        return replace(block, text=_cut(block.text, max(2 * most, WIDTH)))
    rows = (tuple("\n".join(_cut(x, most) for x in c.split("\n")) for c in r) for r in block.rows)
    return replace(block, rows=tuple(rows))


def _cut(text: str, most: int) -> str:
    return cut(" ".join(text.split()), most)
