"""The templates of reports: whatever is put into one is escaped, by jinja2 and not by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ..drawing.tables import clean

# beside the words, and not in their place; characters that no phone turns into a picture
SYMBOLS = {
    **dict.fromkeys(("fail", "no"), "×"),
    **dict.fromkeys(("caution", "with care"), "!"),
    **dict.fromkeys(("ok", "yes", "no fault found"), "✓"),
    **dict.fromkeys(("not assessed", "not tested"), "?"),
    "advice": "→",
}


def _sentence(text: str) -> str:
    return text[:1].upper() + _stopped(text[1:])


def _stopped(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def environment(write: Callable[[str], str] = str) -> Environment:
    """Return an environment in which all that is put into a template goes through ``write``.

    It is escaped for HTML then, unless ``write`` returns Markup. What is missing leaves nothing.
    """

    def finalize(value: Any) -> str:
        if isinstance(value, Markup):
            return value
        missing = value is None or (isinstance(value, float) and math.isnan(value))
        return "" if missing else write(clean(str(value)))

    made = Environment(
        loader=PackageLoader("mlipcheck", "report"),
        autoescape=True,
        finalize=finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.tests["status"] = SYMBOLS.__contains__
    made.filters |= {
        "symbol": SYMBOLS.__getitem__,
        "slug": lambda text: text.replace(" ", "-"),
        "sentence": _sentence,
        "stopped": _stopped,
    }
    return made
