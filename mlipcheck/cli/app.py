"""The application that commands join."""

from __future__ import annotations

import typer

app = typer.Typer(
    help="May I trust this interatomic potential on my own system? A check-up for any ASE "
    "calculator. Everything defaults to the toy.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"max_content_width": 100},
)
