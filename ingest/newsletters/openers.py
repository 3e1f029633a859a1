"""Where items may begin: several ways to see an issue, each a set of blocks that look alike.

Each way is a guess; `structure.py` cuts the blocks by each, scores what comes out and chooses.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from ingest.newsletters.blocks import Block, is_title_like
from ingest.newsletters.boilerplate import is_phrase
from ingest.newsletters.sponsors import read_label

LEAST_OPENERS = 2
WEIGHT_OF_ENDS = 0.9
"""Rules and calls say where items end, which is less than what they begin with."""
MAX_LEAD_WORDS = 25
MIN_LINK_WORDS = 2
"""One linked word at a paragraph's beginning is a name, not a headline."""


def find_openers(blocks: Sequence[Block]) -> Iterator[tuple[list[int], float]]:
    """Give the places of possible openers for each way to see the blocks, and the way's weight."""
    ways: dict[str, list[int]] = defaultdict(list)
    for place, block in enumerate(blocks):
        if block.is_text and (block.kind == "heading" or not read_label(block.text)):
            for way in _ways_of(block):
                ways[way].append(place)
    for places in (*ways.values(), _counted(blocks)):
        if len(places) >= LEAST_OPENERS:
            yield places, 1.0
    for places in (_after_breaks(blocks), _after_calls(blocks)):
        if len(places) >= LEAST_OPENERS:
            yield places, WEIGHT_OF_ENDS


def _ways_of(block: Block) -> Iterator[str]:
    leading = block.leading_anchor()
    is_call = is_phrase(block.text, "call")
    if block.kind == "heading" and not is_call:
        is_linked = leading is not None or block.is_linked
        yield f"heading {block.style}"
        yield f"heading {block.style} {is_linked}"
        yield f"heading {block.size:g} {is_linked}"
    if block.kind == "item" and block.anchors:
        yield f"item {block.style}"
    if is_call or leading is None:
        pass
    elif block.is_linked and is_title_like(block.text):
        yield "linked title"
        yield f"linked title {block.style}"
    elif block.kind == "paragraph" and len(leading.text.split()) >= MIN_LINK_WORDS:
        yield "linked beginning"
    if block.kind != "heading" and _has_title_lead(block):
        yield "bold beginning"


def _has_title_lead(block: Block) -> bool:
    """Tell whether the bold words are a title; "Why it matters:" opens a paragraph, no item."""
    words = len(block.lead.split())
    is_aside = block.lead.endswith(":") and words <= 4
    return 2 <= words <= MAX_LEAD_WORDS and not is_aside


def _counted(blocks: Sequence[Block]) -> list[int]:
    """Give the blocks that count from 1 on."""
    places: list[int] = []
    for place, block in enumerate(blocks):
        if block.is_text and block.kind != "item" and block.number == len(places) + 1:
            places.append(place)
    return places


def _after_breaks(blocks: Sequence[Block]) -> list[int]:
    """Give the first text after each divider."""
    return _first_texts(blocks, [n for n, block in enumerate(blocks) if block.kind == "divider"])


def _after_calls(blocks: Sequence[Block]) -> list[int]:
    """Give the first text, and the first after each "Read more" on a line of its own."""
    calls = [n for n, block in enumerate(blocks) if block.anchors and is_phrase(block.text, "call")]
    return _first_texts(blocks, [-1, *calls[:-1]])


def _first_texts(blocks: Sequence[Block], breaks: Sequence[int]) -> list[int]:
    places: list[int] = []
    for before in breaks:
        place = before + 1
        while place < len(blocks) and not blocks[place].is_text:
            place += 1
        if place < len(blocks) and (not places or place > places[-1]):
            places.append(place)
    return places
