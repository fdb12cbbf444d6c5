"""A report as one HTML file: no network, no script, its figures inside."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from .document import Document
from .templates import environment


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

    templates = environment()
    templates.filters["data_uri"] = data_uri
    return templates.get_template("report.html.jinja").render(doc=document, fragment=fragment)
