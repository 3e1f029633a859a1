"""Is this an issue of several items, and where does each begin? Pure and deterministic.

Each way to see the blocks (`openers.py`) is cut and scored between 0 and 1; the best one counts
if it passes a bar. An essay with subheadings must not pass: its sections have links within the
text, but none that is theirs, as an item's headline or "read more" is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from ingest.newsletters.blocks import Block, is_title_like
from ingest.newsletters.boilerplate import is_phrase
from ingest.newsletters.openers import find_openers
from ingest.newsletters.segments import Cut, Segment, cut

LEAST_SCORE = 0.42
"""Of the golden mails those that stay whole score up to 0.33, issues from 0.44."""
LEAST_ITEMS = 3
LEAST_SCORE_OF_TWO = 0.55
"""Two items make an issue if all else is beyond doubt: the factor for two alone is 0.67."""
LEAST_SCORE_WITHIN = 0.62
"""For a list within an item: it has at least three entries, each with its own link."""
LONG_WORDS = 350
"""Longer than that is an article, not an item of an issue."""
LONG_TEASER_WORDS = 120
TRAILING_CALL_WORDS = 8
COUNTED_SHARE = 0.6
FRAMED_SHARE = 0.6
MANY_LINKS = 3


def find_structure(blocks: Sequence[Block]) -> Cut | None:
    """Cut an issue into its items; None where no structure can be found."""
    best = _best_cut(blocks)
    if best is None:
        return None
    score, found = best
    least = LEAST_SCORE if len(found.opened) >= LEAST_ITEMS else LEAST_SCORE_OF_TWO
    if score < least:
        return None
    return Cut([part for segment in found.segments for part in _split_list(segment)])


def score_cut(found: Cut, blocks: Sequence[Block]) -> float:
    """Say how much a cut looks like the items of an issue, 0 to 1."""
    segments = found.opened
    total = sum(len(block.text) for block in blocks if block.is_text)
    if len(segments) < 2 or not total:
        return 0.0
    count = len(segments)
    titles = Counter(segment.blocks[0].text.casefold() for segment in segments)
    is_framed = _is_counted(segments) or _is_framed(segments)
    own = sum(_ownership(segment, is_framed=is_framed) for segment in segments) / count
    apart = _share_apart(segments)
    cover = min(1.0, sum(segment.chars for segment in segments) / total / 0.85)
    short = _share_short(segments)
    titled = sum(_is_titled(segment) for segment in segments) / count
    single = sum(_count_headlines(segment) < MANY_LINKS for segment in segments) / count
    told_once = len(titles) / count
    return own * cover * short * titled * single * apart * told_once * (count / (count + 1))


def _is_counted(segments: Sequence[Segment]) -> bool:
    """Tell whether the items are numbered 1, 2, 3, …; a paid one between them need not be."""
    numbers = [segment.blocks[0].number for segment in segments]
    given = [number for number in numbers if number is not None]
    return given == [*range(1, len(given) + 1)] and len(given) >= COUNTED_SHARE * len(numbers)


def _is_framed(segments: Sequence[Segment]) -> bool:
    """Tell whether most items have a rule above and a picture within; an essay's parts do not."""
    least = FRAMED_SHARE * len(segments)
    parted = sum(segment.follows_divider for segment in segments[1:]) + 1
    return parted >= least and sum(segment.has_picture for segment in segments) >= least


def _share_short(segments: Sequence[Segment]) -> float:
    """Give the share of what is short enough for an item: of items below headings, else of words.

    A link that is no heading has a teaser below it. Where most of the words stand in long runs
    between such links, the links are asides in an article ("Read also: …").
    """
    headed = [segment for segment in segments if segment.blocks[0].kind == "heading"]
    if 2 * len(headed) >= len(segments):
        return sum(segment.words <= LONG_WORDS for segment in segments) / len(segments)
    words = [segment.words for segment in segments]
    return sum(n for n in words if n <= LONG_TEASER_WORDS) / max(1, sum(words))


def _share_apart(segments: Sequence[Segment]) -> float:
    """Give the share of the items whose headline does not lead where the one before it leads."""
    heads = [segment.blocks[0].leading_anchor() for segment in segments]
    urls = [head.url if head else None for head in heads]
    same = sum(one is not None and one == other for one, other in pairwise(urls))
    return 1 - same / len(urls)


def _best_cut(blocks: Sequence[Block]) -> tuple[float, Cut] | None:
    best: tuple[float, Cut] | None = None
    seen: set[tuple[int, ...]] = set()
    for places, weight in find_openers(blocks):
        if (key := tuple(places)) in seen:
            continue
        seen.add(key)
        found = cut(blocks, places)
        score = weight * score_cut(found, blocks)
        if best is None or score > best[0]:
            best = score, found
    return best


def _ownership(segment: Segment, *, is_framed: bool) -> float:
    """Say how sure it is that the segment has a link of its own, 0 to 1."""
    head, *rest = segment.blocks
    anchors = [anchor for block in segment.blocks for anchor in block.anchors]
    if not anchors:
        return 0.0
    if _is_headed_by_link(head) or any(_is_call(block) for block in rest):
        return 1.0
    if any(is_phrase(anchor.text, "call") for anchor in anchors):
        return 1.0
    texts = [block for block in segment.blocks if block.is_text]
    if head.kind == "item" and len(texts) == 1:
        return 0.9
    if texts and texts[-1].closing_anchor() is not None:
        return 0.8
    if is_framed or segment.has_kicker:
        return 0.65
    urls = {anchor.url for anchor in anchors}
    return 0.4 if len(urls) == 1 and segment.words <= LONG_WORDS / 2 else 0.3


def _is_headed_by_link(head: Block) -> bool:
    return head.leading_anchor() is not None or (head.kind == "heading" and head.is_linked)


def _is_call(block: Block) -> bool:
    """Tell whether a block is a button."""
    if not block.anchors or block.kind == "image":
        return False
    if is_phrase(block.text, "call"):
        return True
    return block.is_linked and block.words <= TRAILING_CALL_WORDS


def _is_titled(segment: Segment) -> bool:
    head = segment.blocks[0]
    if head.kind == "heading" or head.is_linked:
        return is_title_like(head.text) or head.words == 1
    return bool(head.lead or head.leading_anchor()) or head.words <= 80


def _count_headlines(segment: Segment) -> int:
    """Count what would be items of their own: a section of an issue has several."""
    urls = {
        block.anchors[0].url
        for block in segment.blocks
        if block.is_text and block.anchors and _is_headline(block)
    }
    return len(urls)


def _is_headline(block: Block) -> bool:
    if is_phrase(block.text, "call"):
        return False
    is_entry = block.kind == "item" and block.leading_anchor() is not None
    return is_entry or (block.is_linked and is_title_like(block.text))


def _split_list(segment: Segment) -> list[Segment]:
    """Part a segment that is a mere list ("In brief") into its entries."""
    blocks = segment.blocks[1:] if segment.has_opener else segment.blocks
    best = _best_cut(blocks) if len(blocks) >= LEAST_ITEMS else None
    if best is None or best[0] < LEAST_SCORE_WITHIN or len(best[1].opened) < LEAST_ITEMS:
        return [segment]
    section = segment.blocks[0].text if segment.has_opener else segment.section
    parts = best[1].segments
    for part in parts:
        part.section = part.section or section
        part.section_label = segment.section_label
        part.label = part.label or segment.label
    return parts
