"""Gathered lines to blocks: paragraphs parted, titles told from running text by their looks.

The second half of reading HTML (`html_blocks.py` walks the tree). What looks like a heading is one:
all bold, in capitals, or in larger letters than the running text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ingest.newsletters.blocks import MAX_TITLE_CHARS, Anchor, Block, is_rule
from ingest.newsletters.boilerplate import is_phrase

TEXT_PX = 16.0
LARGER_BY_PX = 3.0
"""Text that stands out by this much is a heading; newsletters' body sizes differ by less."""
MAX_LARGE_WORDS = 20
MAX_CAPS_WORDS = 12
LEAST_CAPS = 3


@dataclass(slots=True)
class Span:
    """A link while its line is still being gathered: where it begins and ends."""

    url: str
    is_paid: bool
    start: int
    end: int


@dataclass(slots=True)
class Line:
    """One line of a block, with what is known of its looks."""

    text: str = ""
    """Known once the line is closed; until then its pieces are gathered."""
    pieces: list[str] = field(default_factory=list)
    length: int = 0
    spans: list[Span] = field(default_factory=list)
    sizes: Counter[float] = field(default_factory=Counter)
    bold_chars: int = 0
    lead_chars: int = 0
    tag: str = ""

    @property
    def size(self) -> float:
        return max(self.sizes, key=lambda size: self.sizes[size]) if self.sizes else TEXT_PX

    @property
    def is_bold(self) -> bool:
        return self.bold_chars >= 0.8 * len(self.text)

    @property
    def is_linked(self) -> bool:
        return sum(span.end - span.start for span in self.spans) >= 0.8 * len(self.text)

    def close(self) -> None:
        """Join the pieces; done once, since adding to a string takes as long as it is long."""
        self.text = "".join(self.pieces).rstrip()


@dataclass(slots=True)
class Rough:
    """A block before it is known how big the running text is."""

    lines: list[Line]
    list_depth: int
    is_image: bool = False


def split_at_blank_lines(lines: list[Line]) -> Iterator[list[Line]]:
    """Part the lines of a block at empty ones, and a title line from the text below it."""
    paragraph: list[Line] = []
    for line in lines:
        if line.text and not (len(paragraph) == 1 and _is_title_line(paragraph[0], line)):
            paragraph.append(line)
            continue
        if paragraph:
            yield paragraph
        paragraph = [line] if line.text else []
    if paragraph:
        yield paragraph


def _is_title_line(line: Line, below: Line) -> bool:
    if len(line.text) > MAX_TITLE_CHARS:
        return False
    return (line.is_bold and not below.is_bold) or (line.is_linked and not below.is_linked)


def running_size(rough: Sequence[Rough]) -> float:
    """Give the size in which most of the letters are set."""
    sizes: Counter[float] = Counter()
    for each in rough:
        for line in each.lines:
            if not (line.tag or line.is_bold):
                sizes[line.size] += len(line.text)
    return max(sizes, key=lambda size: (sizes[size], -size)) if sizes else TEXT_PX


def make_blocks(rough: Rough, text_px: float) -> Iterator[Block]:
    """Make a block, or none of mere signs; `text_px` is the size of the running text."""
    text, anchors = _join_lines(rough.lines)
    first = rough.lines[0]
    if rough.is_image:
        yield Block("image", text, anchors)
    elif is_rule(text) and not anchors:
        yield Block("divider")
    elif not anchors and not any(letter.isalnum() for letter in text):
        return  # an emoji that stands for a picture
    elif len(text) <= MAX_TITLE_CHARS and (style := _heading_style(rough, text, text_px)):
        yield Block("heading", text, anchors, style, first.size)
    else:
        lead = first.text[: first.lead_chars].strip() if first.lead_chars < len(text) else ""
        is_item = rough.list_depth > 0
        style = f"li{rough.list_depth}" if is_item else ""
        yield Block("item" if is_item else "paragraph", text, anchors, style, first.size, lead)


def _join_lines(lines: list[Line]) -> tuple[str, tuple[Anchor, ...]]:
    anchors: list[Anchor] = []
    offset = 0
    for line in lines:
        for span in line.spans:
            words = line.text[span.start : span.end].strip()
            if words or not line.text:  # a picture may have a link and no words
                anchors.append(Anchor(span.url, words, offset + span.start, span.is_paid))
        offset += len(line.text) + 1
    return "\n".join(line.text for line in lines), tuple(anchors)


def _heading_style(rough: Rough, text: str, text_px: float) -> str:
    """Name the looks of a heading; empty for running text."""
    first = rough.lines[0]
    is_caps = text.isupper() and sum(c.isalpha() for c in text) >= LEAST_CAPS
    looks = f"{first.size:g}{'caps' if is_caps else ''}"
    if first.tag:
        return f"{first.tag} {looks}"
    words = len(text.split())
    if words > MAX_LARGE_WORDS and not all(line.is_bold for line in rough.lines):
        return ""
    if rough.list_depth or text.endswith((":", ",", ";")) or is_phrase(text, "call"):
        return ""
    is_large = first.size >= text_px + LARGER_BY_PX
    is_bold = all(line.is_bold for line in rough.lines)
    if is_large or is_bold or (is_caps and words <= MAX_CAPS_WORDS):
        return f"{'bold ' if is_bold else ''}{looks}"
    return ""
