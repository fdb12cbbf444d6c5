"""A report's HTML as its readers have it: text, headings, pictures, items."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

from mlipcheck.report.document import HEADINGS as HEADINGS

VOID = {"meta", "img", "br", "link", "input", "hr", "rect"}


@dataclass
class Table:
    """A table of a report: its caption, and the text of every cell."""

    caption: str = ""
    rows: list[list[str]] = field(default_factory=list)


class Report(HTMLParser):
    """What is in a report; ``texts`` are (path of tags and classes, text)."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[tuple[str, ...], str]] = []
        self.tables: list[Table] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert not self._open, f"never closed: {self._open}"

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "table":
            self.tables.append(Table())
        elif tag == "tr":
            self.tables[-1].rows.append([])
        elif tag in ("td", "th"):
            self.tables[-1].rows[-1].append("")
        if tag not in VOID:
            self._open.append(" ".join([tag, dict(attrs).get("class") or ""]).strip())

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self._open, f"</{tag}> closes nothing"
        assert self._open.pop().split()[0] == tag, tag

    def handle_data(self, data):
        self.texts.append((tuple(self._open), data))
        tags = [path.split()[0] for path in self._open]
        if "caption" in tags:
            self.tables[-1].caption += data
        elif "td" in tags or "th" in tags:
            self.tables[-1].rows[-1][-1] += data

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

    def each(self, tag: str) -> list[str]:
        """Return the text of each element with a tag or class, none of which holds another."""
        found: list[str] = []
        before = False
        for path, data in self.texts:
            inside = any(tag in p.split() for p in path)
            if inside and not before:
                found.append("")
            if inside:
                found[-1] += data
            before = inside
        return [" ".join(text.split()) for text in found]

    def under(self, heading: str, level: str = "h2") -> str:
        """Return the text from a heading, or the summary of what is folded, to the next one."""
        found, inside = [], False
        for path, data in self.texts:
            if any(p.split()[0] in (level, "summary") for p in path):
                known = re.fullmatch(rf"{re.escape(heading)}(: \d+)?", data.strip())
                inside = known is not None if data.strip() else inside
            elif inside and "style" not in path:
                found.append(data)
        return " ".join("".join(found).split())

    @property
    def headings(self) -> list[int]:
        return [int(tag[1]) for tag, _ in self.tags if re.fullmatch(r"h\d", tag)]


def said(text: str) -> str:
    """Return text as it stands in a paragraph: single spaces, capitals forgotten."""
    return " ".join(text.split()).casefold()
