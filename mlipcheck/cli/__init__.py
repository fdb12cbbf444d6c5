"""The command line: parses, calls the library, prints. Heavy packages load inside the commands."""

from __future__ import annotations

import errno
import sys

import typer

from . import (
    checks,
    checkup,
    learn,
    listings,
    parity,
    process,
    report,
)
from .app import app

__all__ = ["app", "checks", "checkup", "learn", "listings", "main", "parity", "report"]


def main() -> None:
    """Run the command line; a user's mistake is one line on stderr and exit status 2."""
    process.prepare()
    try:
        app()
    except KeyboardInterrupt:
        typer.echo("interrupted", err=True)
        sys.exit(130)
    except Exception as error:
        from ase.calculators.calculator import CalculatorSetupError

        full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
        if not (full or isinstance(error, CalculatorSetupError)):
            raise
        typer.echo(f"mlipcheck: {' '.join(str(error).split())}", err=True)
        sys.exit(2)
