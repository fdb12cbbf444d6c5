"""A hook of mkdocs: the page of the Python API has README's script and every public name."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

SCRIPT = re.compile(r"^```python\n.*?^```$", re.DOTALL | re.MULTILINE)


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Put what is meant where a line says ``::: names of MODULE`` or ``::: script of FILE``."""
    markdown = re.sub(
        r"^::: script of (\S+)$", lambda m: _script(m[1]), markdown, flags=re.MULTILINE
    )
    return re.sub(r"^::: names of (\S+)$", lambda m: _names(m[1]), markdown, flags=re.MULTILINE)


def _script(file: str) -> str:
    return SCRIPT.findall(Path(file).read_text(encoding="utf-8"))[0]


def _names(module: str) -> str:
    owner = importlib.import_module(module)
    found = [(name, getattr(owner, name)) for name in owner.__all__]
    found.sort(key=lambda pair: isinstance(pair[1], type))  # functions first
    # constants are named by the text
    return "\n\n".join(f"::: {x.__module__}.{name}" for name, x in found if callable(x))
