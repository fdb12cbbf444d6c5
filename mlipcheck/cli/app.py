"""The application that commands join."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(
    help="What may I use this interatomic potential for, on my own system? Tests for any ASE "
    "calculator. Without -b it is the toy.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"max_content_width": 100, "help_option_names": ["-h", "--help"]},
)


def _print_version(asked: bool) -> None:
    if asked:
        from .. import __version__

        typer.echo(f"mlipcheck {__version__}")
        raise typer.Exit


@app.callback()
def _start(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    pass
