"""A report's HTML as its readers have it: text, headings, pictures, items."""

from __future__ import annotations

import re
from html.parser import HTMLParser

HEADINGS = {
    "fail": "What not to do",
    "caution": "Be careful with",
    "advice": "What would help next",
    "not assessed": "What could not be judged",
    "ok": "What holds",
}
VOID = {"meta", "img", "br", "link", "input", "hr", "rect"}


class Report(HTMLParser):
    """What is in a report; ``texts`` are (path of tags and classes, text)."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[tuple[str, ...], str]] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert not self._open, f"never closed: {self._open}"

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(" ".join([tag, dict(attrs).get("class") or ""]).strip())

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self._open, f"</{tag}> closes nothing"
        assert self._open.pop().split()[0] == tag, tag

    def handle_data(self, data):
        self.texts.append((tuple(self._open), data))

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]

    def text(self, inside: str = "", *, without: str = "style") -> str:
        """Return the visible text with single spaces, of elements with one tag or class."""
        parts = [
            data
            for path, data in self.texts
            if not any(without in p.split() for p in path)
            and (not inside or any(inside in p.split() for p in path))
        ]
        return " ".join("".join(parts).split())

    def under(self, heading: str, level: str = "h2") -> str:
        """Return the text from a heading to the next of its level."""
        found, inside = [], False
        for path, data in self.texts:
            if any(p.split()[0] == level for p in path):
                inside = data.strip() == heading if data.strip() else inside
            elif inside and "style" not in path:
                found.append(data)
        return " ".join("".join(found).split())

    @property
    def headings(self) -> list[int]:
        return [int(tag[1]) for tag, _ in self.tags if re.fullmatch(r"h\d", tag)]


def said(text: str) -> str:
    """Return text as it stands in a paragraph: single spaces, capitals forgotten."""
    return " ".join(text.split()).casefold()
