"""The command line: parses, calls the library, prints. Heavy packages load inside the commands."""

from __future__ import annotations

import errno
import sys

from . import places, process, commands, guard, report, listings  # isort: skip  # in the order of --help
from .app import app

__all__ = ["app", "commands", "guard", "listings", "main", "report"]


def main() -> None:
    """Run the command line; a user's mistake is one line on stderr and exit status 2."""
    process.prepare()
    try:
        app()
    except KeyboardInterrupt:
        places.say("interrupted")
        sys.exit(130)
    except Exception as error:
        from ase.calculators.calculator import CalculatorSetupError

        full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
        if not (full or isinstance(error, CalculatorSetupError)):
            raise
        places.say(f"mlipcheck: {' '.join(str(error).split())}")
        sys.exit(2)
