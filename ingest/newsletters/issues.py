"""One newsletter issue in, its items out: the atomiser's door.

HTML or plain text → blocks → without footer and frame → structure → items. Where no structure can
be found there are none, and the issue stays one article. Knows no mails, no drafts, no store.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Literal

from ingest.newsletters.blocks import Anchor, Block
from ingest.newsletters.boilerplate import is_boilerplate, is_phrase, is_share_link
from ingest.newsletters.html_blocks import read_html_blocks
from ingest.newsletters.items import NewsItem, make_items
from ingest.newsletters.plain_blocks import read_plain_blocks
from ingest.newsletters.structure import find_structure
from ingest.text import ReadText
from schemas.articles import Link

MAX_ITEMS = 100
"""The largest digests have about 60."""
FOOTER_SHARE = 0.35
"""A footer has at most this share of an issue's text; "unsubscribe" also stands in headers."""
FOOTER_LINES = 4
FRAME_WORDS = 20
"""A poll's answers, a referral link, the offer of a mug."""
LEAST_ITEMS = 2


@dataclass(frozen=True)
class Issue:
    """What became of an issue."""

    items: tuple[NewsItem, ...]
    """Empty where no structure was found: then all is one article."""
    has_footer: bool
    """Whether it says how to unsubscribe, as only newsletters do."""
    note: str | None = None
    """Says what was cut, if anything."""


def read_issue(text: str, kind: Literal["html", "plain"]) -> Issue:
    """Read an issue's items from its HTML or plain text; pure, never raises."""
    read, note = read_html_blocks(text) if kind == "html" else read_plain_blocks(text)
    has_footer = any(is_phrase(block.text, "footer") for block in read)
    blocks = list(_without_boilerplate(read))
    found = find_structure(blocks)
    items = make_items(found.segments[: 2 * MAX_ITEMS]) if found else []
    if len(items) < LEAST_ITEMS:
        items = []
    if len(items) > MAX_ITEMS:
        note = f"the issue has more than {MAX_ITEMS} items: those were taken"
    return Issue(tuple(items[:MAX_ITEMS]), has_footer, note)


def drop_boilerplate(body: ReadText) -> ReadText:
    """Take footer and frame out of an issue that stays one article; all else stays as it is."""
    blocks = [Block("paragraph", text) for text in body.text.split("\n\n")]
    kept = [
        block.text for block in blocks[: _find_footer(blocks)] if not is_boilerplate(block.text)
    ]
    links = [link for link in body.links if not _is_frame(link)]
    return ReadText("\n\n".join(kept) or body.text, tuple(links), body.note)


def _without_boilerplate(blocks: Sequence[Block]) -> Iterator[Block]:
    """Leave out footer and frame; with a heading of the frame goes the little that is below it."""
    is_in_frame = False
    blocks = blocks[: _find_footer(blocks)]
    for block, below in zip_longest(blocks, blocks[1:], fillvalue=Block("divider")):
        is_heading = block.kind == "heading"
        if _is_frame_block(block) or (is_heading and _is_frame_block(below)):
            is_in_frame = is_in_frame or is_heading
            continue
        is_in_frame = is_in_frame and not is_heading and block.words <= FRAME_WORDS
        if is_in_frame and block.kind != "divider":
            continue
        is_in_frame = False
        kept = tuple(anchor for anchor in block.anchors if not _is_frame(anchor))
        yield block if len(kept) == len(block.anchors) else replace(block, anchors=kept)


def _is_frame_block(block: Block) -> bool:
    return block.is_text and (is_boilerplate(block.text) or _is_navigation(block))


def _find_footer(blocks: Sequence[Block]) -> int:
    """Give the place from which on there is nothing but footer; the number of blocks if none is."""
    total = sum(len(block.text) for block in blocks)
    before = 0
    for place, block in enumerate(blocks):
        if is_phrase(block.text, "footer") and total - before <= FOOTER_SHARE * total and place:
            return _begin_of_footer(blocks, place)
        before += len(block.text)
    return len(blocks)


def _begin_of_footer(blocks: Sequence[Block], place: int) -> int:
    """Go back to the divider above a footer, if only an address or a name stands between."""
    for above in range(place - 1, max(place - FOOTER_LINES, 0) - 1, -1):
        if blocks[above].kind == "divider":
            return above
        if blocks[above].words > FRAME_WORDS or blocks[above].anchors:
            break
    return place


def _is_frame(anchor: Anchor | Link) -> bool:
    return is_boilerplate(anchor.text) or is_share_link(anchor.url)


def _is_navigation(block: Block) -> bool:
    """Tell whether a block is a row of links none of which leads to news."""
    if not block.anchors or not all(_is_frame(anchor) for anchor in block.anchors):
        return False
    return sum(len(anchor.text) for anchor in block.anchors) >= 0.6 * len(block.text)
