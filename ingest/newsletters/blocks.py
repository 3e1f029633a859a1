"""A mail as a flat sequence of blocks: what HTML and plain text have in common.

Records and the simple questions that one asks of one block. Which blocks make an item is
decided elsewhere (`openers.py`, `segments.py`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Kind = Literal["heading", "paragraph", "item", "image", "divider"]

MAX_TITLE_CHARS = 220
FULL_SHARE = 0.75
"""A block of whose letters this share is linked is a link: the rest is an emoji or a "(PDF)"."""

_RULE = re.compile(r"[\W_]{1,400}")
NUMBERED = re.compile(
    r"\W{0,3}(\d{1,2})\s?[.):/–—-]\s+(?=\S)"  # "3. ", "3) ", "3 – "
    r"|(\d)\ufe0f?\u20e3\s*(?=\S)"  # the keycap emoji
    r"|#(\d{1,2})[.:]?\s+(?=\S)"
)
"""The number that a title begins with."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """A link and where in its block's text it stands."""

    url: str
    text: str
    start: int
    is_paid: bool = False
    """The HTML or the address says that somebody pays for it."""

    @property
    def end(self) -> int:
        return self.start + len(self.text)


@dataclass(frozen=True, slots=True)
class Block:
    """One paragraph, heading, list item, picture or divider."""

    kind: Kind
    text: str = ""
    anchors: tuple[Anchor, ...] = ()
    style: str = ""
    """Equal for blocks that look alike; empty for running text."""
    size: float = 0.0
    """How big a heading is, in px or what comes near it."""
    lead: str = ""
    """The bold words that a paragraph begins with."""

    @property
    def words(self) -> int:
        return len(self.text.split())

    @property
    def is_text(self) -> bool:
        return self.kind in {"heading", "paragraph", "item"}

    @property
    def is_linked(self) -> bool:
        """Whether the whole block is one link."""
        if not self.anchors:
            return False
        first = self.anchors[0]
        covered = sum(len(each.text) for each in self.anchors if each.url == first.url)
        return covered >= FULL_SHARE * len(self.text)

    @property
    def number(self) -> int | None:
        """The number that the block begins with, 1 to 99, as in "3. Ferries"."""
        match = NUMBERED.match(self.text)
        return int(match[1] or match[2] or match[3]) if match else None

    def leading_anchor(self) -> Anchor | None:
        """Give the link that the block begins with, after bullets and emoji."""
        if self.anchors and not any(c.isalnum() for c in self.text[: self.anchors[0].start]):
            return self.anchors[0]
        return None

    def trailing_anchor(self) -> Anchor | None:
        """Give the link that the block ends with."""
        if self.anchors and not any(c.isalnum() for c in self.text[self.anchors[-1].end :]):
            return self.anchors[-1]
        return None

    def closing_anchor(self) -> Anchor | None:
        """Give the link that the block ends with, if it is a sentence of its own or in brackets."""
        anchor = self.trailing_anchor()
        before = self.text[: anchor.start].rstrip() if anchor else ""
        return anchor if not before or before[-1] in ".!?…:;([→–—-\"”»'’" else None


def is_rule(text: str) -> bool:
    """Tell whether a line is drawn, not written: "---", "* * *", "⁂"."""
    return (len(text) >= 3 and _RULE.fullmatch(text) is not None) or text in {"⁂", "--"}


def strip_number(text: str) -> str:
    """Take the number off a title's beginning."""
    match = NUMBERED.match(text)
    return text[match.end() :] if match and match.end() < len(text) else text


def is_title_like(text: str) -> bool:
    """Tell whether a text may be a title by its length."""
    return 2 <= len(text.split()) <= 30 and len(text) <= MAX_TITLE_CHARS
