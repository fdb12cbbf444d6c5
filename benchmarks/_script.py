"""What the scripts share: options, a mistake as one line, and what becomes of a report."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from ase.calculators.calculator import CalculatorSetupError

from mlipcheck import Report


class Script(argparse.ArgumentParser):
    """The options of a script: -b, and --out where it makes a report."""

    def __init__(self, doc: str, backend: str, *, out: bool = True) -> None:
        super().__init__(
            description=doc,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        self.add_argument(
            "-b",
            "--backend",
            default=backend,
            metavar="NAME",
            help=f"toy, chgnet, sevennet, ase:emt, ...; by default {backend}",
        )
        if out:
            self.add_argument("--out", type=Path, metavar="FOLDER", help="for report and figures")

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {' '.join(message.split())}\n")

    def run(self, work: Callable[[argparse.Namespace], Report | None]) -> None:
        """Do the work, and write the report that it returns where --out says."""
        options = self.parse_args()
        try:
            report = work(options)
            if report is not None and options.out:
                print(*report.save(options.out), sep="\n")
        except (CalculatorSetupError, OSError, ImportError) as error:
            self.error(str(error))
