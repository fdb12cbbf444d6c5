"""The blocks of code in README, as printed."""

from __future__ import annotations

import re
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"


def blocks(language):
    """Return every block of a language."""
    return re.findall(rf"```{language}\n(.*?)```", README.read_text("utf-8"), flags=re.S)
