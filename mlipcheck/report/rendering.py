"""A report as HTML or Markdown, by templates; what is put into one is escaped by jinja2.

The HTML is one file: no network, no script, its figures inside. Those of Markdown are beside it.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ..drawing.tables import capital, clean
from .document import Document

# beside the words, and not in their place; characters that no phone turns into a picture
SYMBOLS = {
    **dict.fromkeys(("fail", "no"), "×"),
    **dict.fromkeys(("caution", "with care"), "!"),
    **dict.fromkeys(("ok", "yes", "no fault found"), "✓"),
    **dict.fromkeys(("not assessed", "not tested"), "?"),
    "advice": "→",
}
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&$])")
# what would make a line an item of a list, or a rule
_OPENING = re.compile(r"^([-+=]|\d+(?=[.)]))")
_LINE_BREAK = re.compile(r"\s*\n\s*")


def render_html(document: Document, figures: Mapping[str, bytes], *, fragment: bool = False) -> str:
    """Return a report as HTML.

    Parameters
    ----------
    document : Document
    figures : mapping of str to bytes
        The SVG of every figure that the document shows, by name.
    fragment : bool
        Verdict and findings alone, to be put into another page.
    """

    def data_uri(name: str) -> str:
        return "data:image/svg+xml;base64," + base64.b64encode(figures[name]).decode("ascii")

    templates = _environment()
    templates.filters["data_uri"] = data_uri
    return templates.get_template("report.html.jinja").render(doc=document, fragment=fragment)


def render_markdown(document: Document, figures_folder: str | None = "figures") -> str:
    """Return a report as Markdown.

    Parameters
    ----------
    document : Document
    figures_folder : str or None
        Where the figures lie beside the file; None leaves them out.
    """
    templates = _environment(_line)
    templates.filters |= {
        "address": lambda name: Markup(f"{figures_folder}/{quote(name)}.svg"),
        "cell": lambda text: Markup("<br>").join(map(_line, text.split("\n"))),
        "code": _code,
        "paragraph": lambda text: Markup(_OPENING.sub(_escaped_opening, _line(text))),
    }
    text = templates.get_template("report.md.jinja").render(doc=document, drawn=figures_folder)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def _line(text: str) -> Markup:
    """Return text on one line, in which nothing means anything to Markdown."""
    return Markup(_SPECIAL.sub(r"\\\1", _LINE_BREAK.sub(" ", clean(text)).strip()))


def _escaped_opening(found: re.Match[str]) -> str:
    mark = found[0]
    return f"{mark}\\" if mark.isdigit() else f"\\{mark}"


def _code(text: str) -> Markup:
    """Return text as it is, in a fence longer than any that it has."""
    longest = max(map(len, re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return Markup(f"{fence}\n{clean(text)}\n{fence}")


def _stopped(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _environment(write: Callable[[str], str] = str) -> Environment:
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
        "sentence": lambda text: _stopped(capital(text)),
        "stopped": _stopped,
    }
    return made
