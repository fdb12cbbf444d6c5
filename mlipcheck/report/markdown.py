"""A report as Markdown: what the HTML has, with its figures as files beside it."""

from __future__ import annotations

import re
from urllib.parse import quote

from markupsafe import Markup

from ..drawing.tables import clean
from .document import Document
from .templates import environment

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&$])")
# what would make a line an item of a list, or a rule
_OPENING = re.compile(r"^([-+=]|\d+(?=[.)]))")
_LINE_BREAK = re.compile(r"\s*\n\s*")


def render_markdown(document: Document, figures_folder: str | None = "figures") -> str:
    """Return a report as Markdown.

    Parameters
    ----------
    document : Document
    figures_folder : str or None
        Where the figures lie beside the file; None leaves them out.
    """
    templates = environment(_line)
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
