"""README and docs, and what they hold."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/*.md"))]


def blocks(text: str, language: str) -> list[str]:
    """Return the fenced blocks of a language, those inside of lists and notes, too."""
    fence = rf"^([ >]*)```{language}\n(.*?)^\1```"
    found = re.findall(fence, text, re.DOTALL | re.MULTILINE)
    return [re.sub(rf"^{re.escape(indent)}", "", code, flags=re.M) for indent, code in found]
