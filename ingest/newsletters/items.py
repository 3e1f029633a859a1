"""A segment becomes an item: its title, text, link, section, and whether somebody paid for it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ingest.newsletters.blocks import Anchor, Block, strip_number
from ingest.newsletters.boilerplate import is_boilerplate, is_phrase
from ingest.newsletters.segments import Segment
from ingest.newsletters.sponsors import (
    is_bare_label,
    is_marked_text,
    is_marked_title,
    read_label,
    strip_mark,
)
from ingest.text import MAX_LINKS, clean_text, cut_line, one_line
from schemas.articles import Link

LEAST_STRAY_WORDS = 60
"""A stray of fewer words without a link is a greeting, an aside or a signature."""
LEAST_LINKED_WORDS = 8
MAX_BORROWED_CHARS = 140
CALL_WORDS = 5
MAX_SCHEME_CHARS = 8

_READING_TIME = re.compile(
    r"\s*[(\[|·–-]\s*\d{1,3}[ -]?(?:min(?:ute)?s?\.?|minuten)"
    r"(?: (?:read|watch|listen|video|lesezeit))?\s*[)\]]?\s*$",
    re.IGNORECASE,
)
_FILE_KIND = re.compile(
    r"^\s*[\[(](?:pdf|html|book|citation|b|c|video|audio)[\])]\s*", re.IGNORECASE
)
_SENTENCE = re.compile(r".{20,}?[.!?…](?=\s|$)", re.DOTALL)
_SEPARATORS = " \t\n-–—:|·.,;→"


@dataclass(frozen=True, slots=True)
class NewsItem:
    """One item of an issue."""

    title: str
    """Empty for an editor's introduction: the issue's subject is its title."""
    text: str
    link: str | None
    links: tuple[Link, ...]
    section: str
    is_sponsored: bool


def make_items(segments: Sequence[Segment]) -> list[NewsItem]:
    """Make the items in order; boilerplate and entries of a table of contents fall out."""
    items = [item for each in segments if (item := _make_item(each)) is not None]
    told = {item.title.casefold() for item in items if item.text}
    kept: dict[tuple[str, str], NewsItem] = {}
    for item in items:
        is_listed_only = not item.text and item.title.casefold() in told
        if not is_listed_only:
            kept.setdefault((item.title.casefold(), item.text), item)
    return _settle_introductions(list(kept.values()))


def _settle_introductions(items: list[NewsItem]) -> list[NewsItem]:
    """Only what comes first can bear the issue's subject; later strays borrow a title."""
    return [
        replace(item, title=_borrow_title(item.text)) if number and not item.title else item
        for number, item in enumerate(items)
    ]


def _make_item(segment: Segment) -> NewsItem | None:
    texts = [block for block in segment.blocks if block.is_text]
    if not texts or not _is_worth_an_item(segment):
        return None
    raw_title, body = _part_title(segment, texts)
    if raw_title and is_boilerplate(raw_title):
        return None
    text = clean_text("\n\n".join(piece for piece in body if piece))[0]
    sponsored = _is_sponsored(segment, raw_title, text)
    title = _tidy_title(raw_title)
    link = _choose_link(segment.blocks)
    if not title and not text:
        return None
    return NewsItem(
        title=title,
        text="" if text == title else text,
        link=link.url if link else None,
        links=_list_links(segment.blocks, link),
        section=one_line(strip_number(segment.section)),
        is_sponsored=sponsored,
    )


def _is_worth_an_item(segment: Segment) -> bool:
    if segment.has_opener:
        return True
    has_link = any(block.anchors for block in segment.blocks)
    is_ad = has_link and _is_meant(segment)
    return segment.words >= (LEAST_LINKED_WORDS if is_ad else LEAST_STRAY_WORDS)


def _part_title(segment: Segment, texts: Sequence[Block]) -> tuple[str, list[str]]:
    """Part the title from the pieces of the text."""
    head, *rest = texts
    if rest and segment.has_opener and is_bare_label(head.text):
        return _part_title(segment, rest)
    if head.kind == "heading" or (segment.has_opener and head.is_linked):
        return head.text, _texts_of(rest)
    lead = head.lead if _stands_apart(head, head.lead) else ""
    anchor = head.leading_anchor()
    if anchor and len(anchor.text) > len(lead):
        linked = head.text[: anchor.end]
        is_title = len(anchor.text.split()) > 1 or _stands_apart(head, linked)
        lead = linked if is_title else lead
    if lead and (segment.has_opener or segment.label):
        return lead, [head.text[len(lead) :].lstrip(_SEPARATORS), *_texts_of(rest)]
    pieces = _texts_of(texts)
    if segment.has_opener or segment.label:
        title = _borrow_title(head.text)
        return title, pieces[1:] if title == one_line(head.text) else pieces
    return "", pieces


def _stands_apart(block: Block, lead: str) -> bool:
    """Tell whether a beginning is a title: long, or parted from what follows by a mark."""
    rest = block.text[len(lead) :].lstrip(" ")
    is_parted = lead[-1:] in {".", ":", "?", "!"} or rest[:1] in {*"-–—:|·.\n"}
    return is_parted or len(lead.split()) > 3


def _texts_of(blocks: Sequence[Block]) -> list[str]:
    """Give the texts without buttons, calls, labels and farewells."""
    texts = []
    for block in blocks:
        is_address = "://" in block.text[:MAX_SCHEME_CHARS] or not block.text
        is_button = block.is_linked and (is_address or is_phrase(block.text, "call"))
        if is_button or read_label(block.text) or is_boilerplate(block.text):
            continue
        if is_phrase(block.text, "farewell") and block is blocks[-1]:
            continue
        texts.append(_without_last_call(block))
    return texts


def _without_last_call(block: Block) -> str:
    """Cut a "read more" off a paragraph's end."""
    anchor = block.trailing_anchor()
    if anchor is None:
        return block.text
    if not anchor.text:
        return _without_dangling_words(block.text)
    return block.text[: anchor.start].rstrip(" →") if is_phrase(anchor.text, "call") else block.text


def _without_dangling_words(text: str) -> str:
    """Cut off "The story:", of which the address has been taken away."""
    if not text.endswith(":"):
        return text
    start = max(text.rfind(mark) for mark in (". ", "! ", "? ", "\n"))
    is_short = len(text[start + 1 :].split()) <= CALL_WORDS
    return text[: start + 1].rstrip() if is_short else text


def _borrow_title(text: str) -> str:
    """Take the first sentence, or as many words as a title may have."""
    text = one_line(text)
    if match := _SENTENCE.match(text[: MAX_BORROWED_CHARS + 1]):
        return match[0]
    return cut_line(text, MAX_BORROWED_CHARS)


def _tidy_title(title: str) -> str:
    title = _FILE_KIND.sub("", strip_number(one_line(title)))
    title = _READING_TIME.sub("", strip_mark(title))
    return _READING_TIME.sub("", title).strip(" \t:–—-|·*_→")


def _choose_link(blocks: Sequence[Block]) -> Anchor | None:
    """Choose the link that the item is about: the title's, a button's, the last or any."""
    head = next(block for block in blocks if block.is_text)
    anchors = [anchor for block in blocks if block.is_text for anchor in block.anchors]
    if head.kind == "heading" and head.anchors:
        return head.anchors[0]
    if leading := head.leading_anchor():
        return leading
    for anchor in anchors:
        if not anchor.text or is_phrase(anchor.text, "call"):
            return anchor
    buttons = [block for block in blocks if block.is_linked and block.words <= CALL_WORDS]
    if buttons:
        return buttons[0].anchors[0]
    last = [block for block in blocks if block.is_text][-1]
    return last.closing_anchor() or (anchors[0] if anchors else None)


def _list_links(blocks: Sequence[Block], first: Anchor | None) -> tuple[Link, ...]:
    """List the links, the item's own first, each address once, with its best text."""
    links: dict[str, str] = {first.url: first.text} if first else {}
    for block in blocks:
        for anchor in block.anchors:
            if len(anchor.text) > len(links.get(anchor.url, "")) or anchor.url not in links:
                links[anchor.url] = anchor.text
    pairs = list(links.items())[:MAX_LINKS]
    return tuple(Link(url=url, text=one_line(text)[:300]) for url, text in pairs)


def _is_sponsored(segment: Segment, title: str, text: str) -> bool:
    if segment.section_label or is_marked_title(title) or _is_meant(segment):
        return True
    lines = text.split("\n")
    if is_marked_text(lines[0]) or is_marked_text(lines[-1]):
        return True
    if any(read_label(block.text) for block in segment.blocks):
        return True
    link = _choose_link(segment.blocks)
    return link is not None and link.is_paid


def _is_meant(segment: Segment) -> bool:
    """Tell whether the label means this item; the issue's own sponsor must be named in it."""
    if segment.label is None:
        return False
    sponsor = segment.label.sponsor
    return not (segment.is_label_of_issue and sponsor) or segment.names(sponsor)
