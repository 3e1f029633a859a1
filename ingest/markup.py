"""HTML to text and links.

Whole pages go through trafilatura, which leaves navigation and footers out. A feed entry's body
or a mail is all article, and what trafilatura takes for clutter there (short items, tables) is
the matter itself, so those are walked directly. Pure; never raises on any markup.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urljoin

from lxml import etree, html  # type: ignore[import-untyped]

from ingest.text import MAX_LINKS, ReadText, clean_text, drop_unstorable, one_line, read_plain
from schemas.articles import Link

MAX_HTML_CHARS = 3_000_000
"""trafilatura needs up to 4 s for 3 MB of table; more is cut."""
MAX_LINK_TEXT_CHARS = 300
LEAST_SHARE = 0.05
"""Right extractions kept down to 8 % of a page's text (311 pages); with less it found nothing."""

_SKIPPED = "script style noscript template head title svg math iframe object select button"
SKIPPED_TAGS = frozenset(_SKIPPED.split())
_BLOCKS = """
    address article aside blockquote body caption center dd details div dl dt fieldset figcaption
    figure footer form h1 h2 h3 h4 h5 h6 header hr html li main nav ol p pre section summary table
    tbody tfoot thead tr ul
"""
BLOCK_TAGS = frozenset(_BLOCKS.split())
_CELL_TAGS = frozenset({"td", "th"})
_MARKUP = re.compile(
    r"<(?:!doctype|html|body|head|p|br|div|span|a|b|i|em|strong|img|ul|ol|li|table|h[1-6]"
    r"|blockquote|font|center|section|article)\b[^<>]*>",
    re.IGNORECASE,
)
_WHOLE_PAGE = re.compile(r"<(?:!doctype\s+html|html|body)\b", re.IGNORECASE)
_HIDDEN_STYLE = re.compile(r"display\s*:\s*none", re.IGNORECASE)


def has_markup(text: str) -> bool:
    """Tell whether a text that may be either is HTML."""
    return "<" in text and _MARKUP.search(text) is not None


def read_either(text: str, base_url: str | None = None) -> ReadText:
    """Read a text that nobody has declared to be HTML or plain."""
    return read_html(text, base_url) if has_markup(text) else read_plain(text)


def read_html(markup: str, base_url: str | None = None) -> ReadText:
    """Read a whole page's article, or all of a fragment, with the links."""
    is_page = _WHOLE_PAGE.search(markup[:2_000]) is not None
    return _read(markup, base_url, find_article=is_page)


def read_all_html(markup: str, base_url: str | None = None) -> ReadText:
    """Read all visible text and the links, also of a whole page."""
    return _read(markup, base_url, find_article=False)


def _read(markup: str, base_url: str | None, *, find_article: bool) -> ReadText:
    note = None
    if len(markup) > MAX_HTML_CHARS:
        markup, note = markup[:MAX_HTML_CHARS], f"the HTML was cut at {MAX_HTML_CHARS:,} characters"
    markup = drop_unstorable(markup)
    tree = _parse(markup)
    if tree is None:
        return ReadText(note=note)
    text = "\n\n".join(_paragraphs(tree))
    if find_article:
        article = _find_article(markup)
        text = article if len(article) > LEAST_SHARE * len(text) else text
    text, cut = clean_text(text)
    declared = _declared_url(tree, base_url) if find_article else None
    return ReadText(text, tuple(_links(tree, base_url)), note or cut, declared)


def _parse(markup: str) -> html.HtmlElement | None:
    """Parse leniently. The bytes are ours, so an encoding that the page declares is ignored."""
    parser = html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True)
    try:
        return html.document_fromstring(markup.encode("utf-8"), parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, AssertionError):
        return None


def _find_article(markup: str) -> str:
    # It takes 0.5 s to import, and only whole pages need it.
    import trafilatura  # noqa: PLC0415

    text = trafilatura.extract(markup, favor_recall=True, include_comments=False)
    return (text or "").replace("\n", "\n\n")


def _paragraphs(tree: html.HtmlElement) -> Iterator[str]:
    """Walk the tree, without recursion, and give each block's text."""
    pieces: list[str] = []
    hidden: html.HtmlElement | None = None
    for event, element in etree.iterwalk(tree, events=("start", "end")):
        is_start = event == "start"
        if hidden is None and is_start and _is_hidden(element):
            hidden = element
        if hidden is not None:
            if element is hidden and not is_start:
                hidden = None
                pieces.append(_flat(element.tail))
            continue
        if element.tag in BLOCK_TAGS:
            yield from _flush(pieces)
        elif element.tag in _CELL_TAGS:
            pieces.append(" ")
        elif element.tag == "br" and is_start:
            pieces.append("\n")
        pieces.append(_flat(element.text if is_start else element.tail))
    yield from _flush(pieces)


def _flush(pieces: list[str]) -> Iterator[str]:
    lines = (" ".join(line.split()) for line in "".join(pieces).split("\n"))
    pieces.clear()
    if paragraph := "\n".join(line for line in lines if line):
        yield paragraph


def _flat(text: str | None) -> str:
    """Line ends of the source are mere spaces in HTML; only those of <br> count."""
    return text.replace("\n", " ").replace("\r", " ") if text else ""


def _is_hidden(element: html.HtmlElement) -> bool:
    if element.tag in SKIPPED_TAGS:
        return True
    style = element.get("style")
    return style is not None and _HIDDEN_STYLE.search(style) is not None


def _links(tree: html.HtmlElement, base_url: str | None) -> Iterator[Link]:
    """Give the http(s) links of a tree, absolute, each address once."""
    seen: set[str] = set()
    for anchor in tree.iter("a"):
        url = _absolute(anchor.get("href"), base_url)
        if url is None or url in seen:
            continue
        seen.add(url)
        text = one_line("".join(anchor.itertext()))
        yield Link(url=url, text=text[:MAX_LINK_TEXT_CHARS])
        if len(seen) == MAX_LINKS:
            return


def _declared_url(tree: html.HtmlElement, base_url: str | None) -> str | None:
    """Give the address that a page declares, by rel=canonical or else for those who share it."""
    hrefs = [
        *tree.xpath("//link[translate(@rel, 'CANOIL', 'canoil') = 'canonical']/@href"),
        *tree.xpath("//meta[@property = 'og:url']/@content"),
    ]
    return next((url for href in hrefs if (url := _absolute(href, base_url))), None)


def _absolute(href: str | None, base_url: str | None) -> str | None:
    if not href:
        return None
    try:
        url = one_line(urljoin(base_url or "", href.strip()))
    except ValueError:
        return None
    return url if url.lower().startswith(("http://", "https://")) else None
