"""The command line: parses, calls the library, prints. Heavy packages load inside the commands."""

from __future__ import annotations

import errno
import sys

from . import outputs, process, commands, tools  # isort: skip  # in the order of --help
from .options import app

__all__ = ["app", "commands", "main", "tools"]


def main() -> None:
    """Run the command line; a user's mistake is one line on stderr and exit status 2."""
    process.prepare()
    try:
        app()
    except KeyboardInterrupt:
        outputs.say("interrupted")
        sys.exit(130)
    except Exception as error:
        from ase.calculators.calculator import CalculatorSetupError

        full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
        if not (full or isinstance(error, CalculatorSetupError)):
            raise
        outputs.say(f"mlipcheck: {' '.join(str(error).split())}")
        sys.exit(2)
