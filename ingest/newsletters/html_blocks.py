"""HTML to blocks, as mails are written: tables for layout, inline styles, bold lines as headings.

Style sheets are not read, inline styles are. What becomes of the gathered lines is decided in
`rough_blocks.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from lxml import etree, html  # type: ignore[import-untyped]

from ingest.markup import BLOCK_TAGS, SKIPPED_TAGS
from ingest.newsletters.blocks import MAX_TITLE_CHARS, Block
from ingest.newsletters.redirectors import clean_link, is_paid
from ingest.newsletters.rough_blocks import (
    TEXT_PX,
    Line,
    Rough,
    Span,
    make_blocks,
    running_size,
    split_at_blank_lines,
)
from ingest.text import drop_padding, drop_unstorable

MAX_HTML_CHARS = 1_000_000
"""Gmail shows no more than 102 KB of a mail; ten times that is no newsletter."""
MAX_BLOCKS = 3_000
MAX_LINES = 20_000
"""Line breaks beyond are mere spaces."""
FLATTENED_NOTE = "the HTML is nested deeper than any mail: its layout was left aside"
CUT_NOTE = f"the items were sought in the first {MAX_HTML_CHARS:,} characters"
BLOCKS_NOTE = f"the items were sought in the first {MAX_BLOCKS:,} paragraphs"
HEADING_PX = {"h1": 32.0, "h2": 24.0, "h3": 19.0, "h4": 16.0, "h5": 14.0, "h6": 13.0}
FONT_PX = {"1": 10.0, "2": 13.0, "3": 16.0, "4": 18.0, "5": 24.0, "6": 32.0, "7": 48.0}

_CELLS = frozenset({"td", "th"})
_BOLD_TAGS = frozenset({"b", "strong", "th", *HEADING_PX})
_LAYOUT = re.compile(r"</?(?:table|tbody|thead|tr|td|th|div|span|center|font)\b[^<>]*>", re.I)
_SIZE = re.compile(r"font-size\s*:\s*(\d{1,3}(?:\.\d{1,3})?)\s*(px|pt)", re.I)
_WEIGHT = re.compile(r"font-weight\s*:\s*(bold|bolder|normal|[1-9]00)", re.I)
_HIDDEN = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|mso-hide\s*:\s*all"
    r"|font-size\s*:\s*[01]px|max-height\s*:\s*0|opacity\s*:\s*0(?:[;\s]|$)",
    re.I,
)
_SPACE = re.compile(r"\s+")


class Look(NamedTuple):
    """How text looks at one place of the tree."""

    size: float = TEXT_PX
    is_bold: bool = False
    tag: str = ""
    """The heading's tag, if it stands in one."""
    anchor: int = -1
    """Number of the link that it stands in."""
    list_depth: int = 0


def read_html_blocks(markup: str) -> tuple[list[Block], str | None]:
    """Read all visible blocks of a mail's HTML, and a note if something was cut; never raises."""
    note = CUT_NOTE if len(markup) > MAX_HTML_CHARS else None
    markup = drop_unstorable(markup[:MAX_HTML_CHARS])
    tree, is_whole = _parse(markup)
    if not is_whole:
        tree, _ = _parse(_LAYOUT.sub(" <br><br> ", markup))
        note = FLATTENED_NOTE
    if tree is None:
        return [], note
    rough = list(islice(_Collector().collect(tree), MAX_BLOCKS + 1))
    if len(rough) > MAX_BLOCKS:
        rough, note = rough[:MAX_BLOCKS], note or BLOCKS_NOTE
    text_px = running_size(rough)
    return [block for each in rough for block in make_blocks(each, text_px)], note


def _parse(markup: str) -> tuple[html.HtmlElement | None, bool]:
    """Parse leniently, and say whether libxml2 followed the nesting to its end."""
    parser = html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True)
    try:
        tree = html.document_fromstring(markup.encode("utf-8"), parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, AssertionError):
        tree = None
    return tree, not any("Excessive depth" in error.message for error in parser.error_log)


class _Collector:
    """Walks a tree, without recursion, and gathers its text into rough blocks."""

    def __init__(self) -> None:
        self._lines = [Line()]
        self._hrefs: list[tuple[str, bool]] = []
        self._links: dict[str, tuple[str, bool]] = {}
        self._started: set[int] = set()
        self._item_depth = 0
        self._alt: tuple[str, int] | None = None
        self._breaks = 0

    def collect(self, tree: html.HtmlElement) -> Iterator[Rough]:
        looks = [Look()]
        hidden: html.HtmlElement | None = None
        for event, element in etree.iterwalk(tree, events=("start", "end")):
            is_start = event == "start"
            if hidden is None and is_start and _is_hidden(element):
                hidden = element
            if hidden is not None:
                if element is hidden and not is_start:
                    hidden = None
                    self._add(element.tail, looks[-1])
                continue
            if element.tag in BLOCK_TAGS or element.tag in _CELLS:
                yield from self._flush()
            if is_start:
                looks.append(self._look_of(element, looks[-1]))
                yield from self._open(element, looks[-1])
                self._add(element.text, looks[-1])
            else:
                looks.pop()
                self._add(element.tail, looks[-1])
        yield from self._flush()

    def _look_of(self, element: html.HtmlElement, look: Look) -> Look:
        tag = element.tag
        if tag in HEADING_PX:
            look = look._replace(size=HEADING_PX[tag], tag=tag)
        if tag in _BOLD_TAGS:
            look = look._replace(is_bold=True)
        if tag == "li":
            look = look._replace(list_depth=look.list_depth + 1)
        if tag == "font":
            look = look._replace(size=FONT_PX.get(element.get("size") or "", look.size))
        if tag == "a" and (href := element.get("href")):
            look = look._replace(anchor=self._number_link(element, href.strip()))
        style = element.get("style")
        return _restyle(look, style) if style else look

    def _number_link(self, element: html.HtmlElement, href: str) -> int:
        """Keep a link by its number; -1 for what is no web address."""
        if not href.lower().startswith(("http://", "https://")):
            return -1
        if href not in self._links:
            self._links[href] = clean_link(href), is_paid(href)
        url, is_paid_by_url = self._links[href]
        rel = (element.get("rel") or "").lower().split()
        self._hrefs.append((url, is_paid_by_url or "sponsored" in rel))
        return len(self._hrefs) - 1

    def _open(self, element: html.HtmlElement, look: Look) -> Iterator[Rough]:
        if element.tag == "li":
            self._item_depth = look.list_depth
        elif element.tag == "br" and self._breaks < MAX_LINES:
            self._breaks += 1
            self._lines.append(Line())
        elif element.tag == "hr":
            yield Rough([Line(text="---")], 0)
        elif element.tag == "img" and self._alt is None and not _is_pixel(element):
            alt = " ".join(drop_padding(element.get("alt") or "").split())
            self._alt = (alt[:MAX_TITLE_CHARS], look.anchor)

    def _add(self, text: str | None, look: Look) -> None:
        if not text:
            return
        line = self._lines[-1]
        text = _SPACE.sub(" ", drop_padding(text))
        if not line.pieces or line.pieces[-1][-1] == " ":
            text = text.lstrip(" ")
        if not text:
            return
        if look.anchor >= 0:
            self._extend_link(line, len(text), look.anchor)
        if look.is_bold and line.lead_chars == line.length:
            line.lead_chars += len(text)
        line.bold_chars += len(text) if look.is_bold else 0
        line.sizes[look.size] += len(text)
        line.tag = line.tag or look.tag
        line.pieces.append(text)
        line.length += len(text)

    def _extend_link(self, line: Line, chars: int, number: int) -> None:
        url, paid = self._hrefs[number]
        last = line.spans[-1] if line.spans else None
        if last is not None and last.end == line.length and last.url == url:
            last.end += chars
        else:
            line.spans.append(Span(url, paid, line.length, line.length + chars))

    def _flush(self) -> Iterator[Rough]:
        lines, self._lines = self._lines, [Line()]
        alt, self._alt = self._alt, None
        for line in lines:
            line.close()
        if any(line.text for line in lines):
            for paragraph in split_at_blank_lines(lines):
                yield Rough(paragraph, self._item_depth)
                self._item_depth = 0
        elif alt is not None:
            text, number = alt
            line = Line(text=text)
            if number >= 0:
                url, paid = self._hrefs[number]
                line.spans.append(Span(url, paid, 0, len(text)))
            yield Rough([line], 0, is_image=True)


def _restyle(look: Look, style: str) -> Look:
    if size := _SIZE.search(style):
        px = float(size[1]) * (4 / 3 if size[2].lower() == "pt" else 1)
        look = look._replace(size=round(px, 1))
    if weight := _WEIGHT.search(style):
        look = look._replace(is_bold=weight[1].lower() in {"bold", "bolder"} or weight[1] >= "600")
        if weight[1].lower() == "normal":
            look = look._replace(is_bold=False)
    return look


def _is_hidden(element: html.HtmlElement) -> bool:
    if element.tag in SKIPPED_TAGS:
        return True
    style = element.get("style")
    return style is not None and _HIDDEN.search(style) is not None


def _is_pixel(element: html.HtmlElement) -> bool:
    return element.get("width") in {"0", "1", "2"} or element.get("height") in {"0", "1", "2"}
