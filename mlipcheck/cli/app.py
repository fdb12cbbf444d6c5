"""The application that commands join."""

from __future__ import annotations

import typer

app = typer.Typer(
    help="What may I use this interatomic potential for, on my own system? Tests for any ASE "
    "calculator. Without -b it is the toy.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"max_content_width": 100},
)
